//! DataRow: where each value lies.

use std::ops::Range;

use crate::WireError;
use crate::hidden::Hidden;
use crate::read::Reader;

/// A verified DataRow body: its value lengths add up to the body exactly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DataRow<'a> {
    body: &'a [u8],
    columns: u16,
}

impl<'a> DataRow<'a> {
    /// Verifies the body of a DataRow frame.
    ///
    /// # Errors
    /// A length below -1 or beyond the body, or bytes left over.
    #[inline]
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let fields = Fields::verify(body)?;
        Ok(Self { body, columns: fields.left })
    }

    /// Number of columns.
    #[must_use]
    pub const fn columns(self) -> u16 {
        self.columns
    }

    /// The values in order; `None` is NULL.
    pub fn values(self) -> impl Iterator<Item = Option<&'a [u8]>> {
        let mut fields = Fields { at: 2, left: self.columns };
        std::iter::from_fn(move || {
            let field = fields.next(self.body)?;
            Some(field.and_then(|range| self.body.get(range)))
        })
    }
}

impl std::fmt::Debug for DataRow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.values().map(|value| value.map(|bytes| Hidden(bytes.len())))).finish()
    }
}

/// Walks the fields of a DataRow body without holding on to it, so that a masker may write into each range before
/// it asks for the next:
///
/// ```
/// # use hoop_pgwire::backend::Fields;
/// # let mut row = *b"\0\x01\0\0\0\x024*";
/// # let body = &mut row[..];
/// let mut fields = Fields::verify(body)?;
/// while let Some(field) = fields.next(body) {
///     if let Some(value) = field.and_then(|range| body.get_mut(range)) {
///         value.fill(b'*');
///     }
/// }
/// # assert_eq!(row, *b"\0\x01\0\0\0\x02**");
/// # Ok::<(), hoop_pgwire::WireError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fields {
    at: usize,
    left: u16,
}

impl Fields {
    /// Verifies all lengths of a DataRow body and starts at its first field.
    ///
    /// # Errors
    /// As for [`DataRow::decode`].
    #[inline]
    pub fn verify(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("DataRow", body);
        let columns = reader.u16()?;
        for _ in 0..columns {
            reader.value()?;
        }
        reader.finish()?;
        Ok(Self { at: 2, left: columns })
    }

    /// Number of fields not yet walked.
    #[must_use]
    pub const fn left(&self) -> u16 {
        self.left
    }

    /// The next field of `body`, the one that was verified: the range of its value, or `None` inside for NULL.
    ///
    /// Should the caller have overwritten a length, the walk ends early or goes astray within the body; it never
    /// leaves it.
    #[inline]
    pub fn next(&mut self, body: &[u8]) -> Option<Option<Range<usize>>> {
        self.left = self.left.checked_sub(1)?;
        let start = self.at.checked_add(4)?;
        let length = *body.get(self.at..start)?.first_chunk::<4>()?;
        self.at = start;
        let Ok(length) = usize::try_from(i32::from_be_bytes(length)) else {
            return Some(None);
        };
        let end = start.checked_add(length).filter(|end| *end <= body.len())?;
        self.at = end;
        Some(Some(start..end))
    }
}
