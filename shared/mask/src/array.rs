//! Binary arrays, records, ranges: values with lengths in front of them (`array_send`, `record_send`, `range_send`,
//! `multirange_send`). Each is first walked without touching anything, so that a value which is something else is left
//! whole to the caller.

use std::ops::Range;

/// PostgreSQL's MAXDIM.
const MAX_DIMENSIONS: usize = 6;

/// How a container lays out its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Array,
    Record,
    Range,
    Multirange,
}

/// Calls `each` with every value inside, and its type where the container says it; `false`, and no call, when the bytes
/// are not laid out so.
pub(crate) fn walk(bytes: &mut [u8], layout: Layout, mut each: impl FnMut(&mut [u8], Option<u32>)) -> bool {
    let fits = visit(bytes, layout, &mut |_, _| {}).is_some();
    fits && visit(bytes, layout, &mut each).is_some()
}

type Visit<'a> = &'a mut dyn FnMut(&mut [u8], Option<u32>);

fn visit(bytes: &mut [u8], layout: Layout, each: Visit<'_>) -> Option<()> {
    let mut cursor = Cursor { at: 0 };
    match layout {
        Layout::Array => visit_array(bytes, &mut cursor, each)?,
        Layout::Record => {
            for _ in 0..cursor.word(bytes)? {
                let oid = cursor.word(bytes)?;
                cursor.value(bytes, Some(oid), each)?;
            }
        }
        Layout::Range => {
            // One byte of flags, then the bounds that are finite.
            cursor.at = 1;
            for _ in 0..2 {
                if cursor.at < bytes.len() {
                    cursor.value(bytes, None, each)?;
                }
            }
        }
        Layout::Multirange => {
            for _ in 0..cursor.word(bytes)? {
                cursor.value(bytes, None, each)?;
            }
        }
    }
    (cursor.at == bytes.len()).then_some(())
}

fn visit_array(bytes: &mut [u8], cursor: &mut Cursor, each: Visit<'_>) -> Option<()> {
    let dimensions = usize::try_from(cursor.word(bytes)?).ok()?;
    let (has_null, oid) = (cursor.word(bytes)?, cursor.word(bytes)?);
    if dimensions > MAX_DIMENSIONS || has_null > 1 {
        return None;
    }
    let mut count = usize::from(dimensions > 0);
    for _ in 0..dimensions {
        count = count.checked_mul(usize::try_from(cursor.word(bytes)?).ok()?)?;
        // The lower bound of the dimension.
        cursor.word(bytes)?;
    }
    for _ in 0..count {
        cursor.value(bytes, Some(oid), each)?;
    }
    Some(())
}

struct Cursor {
    at: usize,
}

impl Cursor {
    fn word(&mut self, bytes: &[u8]) -> Option<u32> {
        let word = bytes.get(self.at..self.at.checked_add(4)?)?;
        self.at += 4;
        <[u8; 4]>::try_from(word).ok().map(u32::from_be_bytes)
    }

    /// A length and so many bytes; −1 is NULL.
    fn value(&mut self, bytes: &mut [u8], oid: Option<u32>, each: Visit<'_>) -> Option<()> {
        let length = self.word(bytes)?;
        if length == u32::MAX {
            return Some(());
        }
        let range: Range<usize> = self.at..self.at.checked_add(usize::try_from(length).ok()?)?;
        self.at = range.end;
        each(bytes.get_mut(range)?, oid);
        Some(())
    }
}
