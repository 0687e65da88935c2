//! COPY in binary format (PostgreSQL documentation, COPY, "Binary Format"): a signature, flags, an extension, then rows
//! of a 16-bit field count and fields of a 32-bit length and so many bytes; −1 as a count ends it.

use crate::class::Counts;
use crate::field::scan_field;
use crate::number::{find_anywhere, find_whole, mask_int8};
use crate::numeric::mask_numeric;
use crate::row::Malformed;
use crate::scan::{Options, Pass, State};

const SIGNATURE: &[u8] = b"PGCOPY\n\xFF\r\n\0";
/// Signature, flags, length of the header's extension.
const HEADER: usize = SIGNATURE.len() + 8;
/// Fields up to this length are scanned whole by their type; longer ones as they come, as text.
const MAX_WHOLE: usize = 8192;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    /// So many bytes of the header's extension are to come.
    Extension(usize),
    /// Before a row's field count.
    Row,
    /// Before the length of this field of the row, of so many.
    Field {
        index: usize,
        count: usize,
    },
    /// Inside a field too long to be held, so many bytes before its end.
    Long {
        left: usize,
        index: usize,
        count: usize,
    },
    /// Behind the trailer.
    End,
}

/// Masks binary COPY data that comes in chunks, in place. Bytes that are not the format are an error: nothing that was
/// not understood is to be sent.
#[derive(Debug, Clone)]
pub struct CopyBinaryWalker {
    place: Place,
    types: Box<[u32]>,
    text: State,
    counts: Counts,
}

impl CopyBinaryWalker {
    /// The most bytes that a walker holds back.
    pub const MAX_HELD: usize = MAX_WHOLE + 4;

    /// A walker at the start of a COPY. `types` are the oids of its columns, as far as they are known; a missing one is
    /// as an unknown type.
    pub fn new(types: Vec<u32>) -> Self {
        Self { place: Place::Header, types: types.into(), text: State::default(), counts: Counts::default() }
    }

    /// Masks in place; gives how many bytes from the start are settled and may be sent. The rest (at most
    /// [`Self::MAX_HELD`]) must be given again, unchanged, with what comes behind it.
    ///
    /// # Errors
    /// When the bytes are not binary COPY.
    pub fn push(&mut self, held_and_new: &mut [u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while let Some(len) = self.step(held_and_new.get_mut(at..).unwrap_or_default())? {
            at += len;
            if at == held_and_new.len() {
                break;
            }
        }
        Ok(at)
    }

    /// Ends the COPY; gives what was masked.
    ///
    /// # Errors
    /// When the data ends inside a row or header.
    pub fn finish(self, held: &[u8]) -> Result<Counts, Malformed> {
        // A COPY that the server cut short (an error follows) sent nothing of the last row to us either.
        let between_rows = matches!(self.place, Place::Row | Place::End) && held.is_empty();
        if between_rows { Ok(self.counts) } else { Err(Malformed::Length) }
    }

    /// What was masked so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// One item off the front; its length, or `None` when more bytes are needed.
    fn step(&mut self, buf: &mut [u8]) -> Result<Option<usize>, Malformed> {
        match self.place {
            Place::Header => {
                let Some(header) = buf.first_chunk::<HEADER>() else { return Ok(None) };
                let (signature, words) = header.split_at(SIGNATURE.len());
                let extension = words.last_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b));
                if signature != SIGNATURE {
                    return Err(Malformed::Length);
                }
                self.place = match usize::try_from(extension) {
                    Ok(0) => Place::Row,
                    Ok(len) => Place::Extension(len),
                    Err(_) => return Err(Malformed::Length),
                };
                Ok(Some(HEADER))
            }
            Place::Extension(left) => {
                let len = left.min(buf.len());
                self.place = if len == left { Place::Row } else { Place::Extension(left - len) };
                Ok((len > 0).then_some(len))
            }
            Place::Row => {
                let Some(count) = buf.first_chunk::<2>() else { return Ok(None) };
                let count = i16::from_be_bytes(*count);
                self.place = match usize::try_from(count) {
                    Ok(count) => next_place(0, count),
                    Err(_) if count == -1 => Place::End,
                    Err(_) => return Err(Malformed::Length),
                };
                Ok(Some(2))
            }
            Place::Field { index, count } => self.field(buf, index, count),
            Place::Long { left, index, count } => Ok(self.long(buf, left, index, count)),
            Place::End => {
                if buf.is_empty() {
                    Ok(None)
                } else {
                    Err(Malformed::Length)
                }
            }
        }
    }

    fn field(&mut self, buf: &mut [u8], index: usize, count: usize) -> Result<Option<usize>, Malformed> {
        let Some(length) = buf.first_chunk::<4>().map(|b| i32::from_be_bytes(*b)) else { return Ok(None) };
        let Ok(len) = usize::try_from(length) else {
            if length != -1 {
                return Err(Malformed::Length);
            }
            self.place = next_place(index + 1, count);
            return Ok(Some(4));
        };
        if len > MAX_WHOLE {
            self.text = State::default();
            self.place = Place::Long { left: len, index, count };
            return Ok(Some(4));
        }
        let Some(field) = buf.get_mut(4..4 + len) else { return Ok(None) };
        let type_oid = self.types.get(index).copied();
        self.counts.merge(scan_copied(type_oid, field));
        self.place = next_place(index + 1, count);
        Ok(Some(4 + len))
    }

    fn long(&mut self, buf: &mut [u8], left: usize, index: usize, count: usize) -> Option<usize> {
        let here = left.min(buf.len());
        let last = here == left;
        let field = buf.get_mut(..here)?;
        let options = Options { framed: false, ..Options::default() };
        let (state, counts) = (&mut self.text, &mut self.counts);
        let settled = Pass { buf: field, state, counts, options, last }.run();
        self.text.back.push(buf.get(..settled).unwrap_or_default());
        self.place = if last {
            next_place(index + 1, count)
        } else {
            Place::Long { left: left - settled, index, count }
        };
        (settled > 0 || last).then_some(settled)
    }
}

fn next_place(index: usize, count: usize) -> Place {
    if index < count { Place::Field { index, count } } else { Place::Row }
}

/// The longest card number believed in eight bytes of unknown type: a double near one reads as 19 digits that begin
/// with 46, Visa's.
const MAX_UNKNOWN_DIGITS: usize = 16;

/// A field whose type may be unknown. Then it is scanned for digits, and what has the form of a numeric or the size of a
/// bigint is tried as such.
fn scan_copied(type_oid: Option<u32>, field: &mut [u8]) -> Counts {
    match type_oid {
        Some(oid) => scan_field(oid, true, field),
        None => {
            let mut counts = scan_field(0, true, field);
            if counts.total() == 0 {
                let find = |digits: &[u8]| find_whole(digits).filter(|hit| hit.end <= MAX_UNKNOWN_DIGITS);
                let masked = mask_numeric(field, find_anywhere) || mask_int8(field, 1, find);
                counts.pan = u32::from(masked);
            }
            counts
        }
    }
}
