//! Bodies that do not fit the read buffer, walked piece by piece in constant memory.
//!
//! The caller takes the header from [`Frame::Head`](crate::Frame::Head), makes a [`RowStream`] or a [`BodyStream`],
//! drops the five header bytes, and feeds what follows as it arrives.

use std::ops::Range;

use crate::{Fault, HEADER_LEN, WireError};

/// Counts a body through that has no structure of its own: CopyData, or a message that is to be discarded so that
/// the connection can live on.
#[derive(Debug, Clone)]
pub struct BodyStream {
    left: usize,
}

impl BodyStream {
    /// For the body of a frame of `frame_len` bytes, header included.
    #[must_use]
    pub const fn new(frame_len: usize) -> Self {
        Self { left: frame_len.saturating_sub(HEADER_LEN) }
    }

    /// Of `available` bytes in the buffer, how many belong to this body; they count as taken.
    #[must_use = "bytes beyond the number given belong to the next frame"]
    pub fn take(&mut self, available: usize) -> usize {
        let taken = available.min(self.left);
        self.left -= taken;
        taken
    }

    /// Bytes of the body still to come.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }
}

/// One thing found in a DataRow body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The number of columns; comes first, once.
    Columns(u16),
    /// A field begins: its length in bytes, or `None` for NULL. Its chunks follow unless it is NULL or empty.
    Field {
        /// Column number, from 0.
        index: u16,
        /// Length of the value.
        len: Option<usize>,
    },
    /// A part of the current field's value.
    Chunk {
        /// Column number, from 0.
        index: u16,
        /// Where it lies in the input given.
        range: Range<usize>,
        /// Whether the value ends with it.
        last: bool,
    },
    /// The row ends here.
    End,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Count,
    Length { index: u16 },
    Value { index: u16, left: usize },
    Ended,
}

/// Walks a DataRow body that arrives in pieces of any size.
///
/// Each length is checked when it is read: the value must leave room for the lengths of the columns after it, and
/// the last one must fill the body exactly. So a row whose lengths do not add up is noticed before the value that
/// breaks it is given out.
#[derive(Debug, Clone)]
pub struct RowStream {
    state: State,
    columns: u16,
    /// Bytes of the body not yet consumed, values under way included.
    left: usize,
    /// The first bytes of a number that the input has cut.
    partial: [u8; 4],
    partial_len: usize,
}

impl RowStream {
    /// For the DataRow frame of `frame_len` bytes, header included.
    ///
    /// # Errors
    /// [`Fault::Truncated`] when not even the number of columns fits.
    pub fn new(frame_len: usize) -> Result<Self, WireError> {
        let left = frame_len.saturating_sub(HEADER_LEN);
        if left < 2 {
            return Err(fault(Fault::Truncated));
        }
        Ok(Self { state: State::Count, columns: 0, left, partial: [0; 4], partial_len: 0 })
    }

    /// Takes the next piece from `input`, starting at `*at`, which moves on behind it; `None` when all input is used
    /// up and more is needed. After [`Piece::End`], `*at` is where the next frame begins.
    ///
    /// # Errors
    /// The faults of [`DataRow::decode`](crate::backend::DataRow::decode); the stream gives nothing more then.
    pub fn next(&mut self, input: &[u8], at: &mut usize) -> Result<Option<Piece>, WireError> {
        match self.state {
            State::Count => {
                let Some(count) = self.number::<2>(input, at) else { return Ok(None) };
                self.columns = u16::from_be_bytes(count);
                self.start(0)?;
                Ok(Some(Piece::Columns(self.columns)))
            }
            State::Length { index } if index == self.columns => {
                self.state = State::Ended;
                Ok(Some(Piece::End))
            }
            State::Length { index } => {
                let Some(length) = self.number::<4>(input, at) else { return Ok(None) };
                self.begin(index, i32::from_be_bytes(length)).inspect_err(|_| self.state = State::Ended)
            }
            State::Value { index, left } => Ok(self.chunk(index, left, input, at)),
            State::Ended => Ok(None),
        }
    }

    /// Bytes of the body not yet taken.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Checks that the columns from `index` on can still fill the body, and waits for the length of the next.
    fn start(&mut self, index: u16) -> Result<(), WireError> {
        self.state = State::Ended;
        let columns = usize::from(self.columns - index);
        if self.left < columns * 4 {
            return Err(fault(Fault::Truncated));
        }
        if columns == 0 && self.left > 0 {
            return Err(fault(Fault::Trailing));
        }
        self.state = State::Length { index };
        Ok(())
    }

    /// Judges the length of column `index`, which has just been read.
    fn begin(&mut self, index: u16, claimed: i32) -> Result<Option<Piece>, WireError> {
        if claimed == -1 {
            self.start(index + 1)?;
            return Ok(Some(Piece::Field { index, len: None }));
        }
        let len = usize::try_from(claimed).map_err(|_| fault(Fault::BadValueLength))?;
        let after = usize::from(self.columns - index - 1);
        let room = self.left.checked_sub(after * 4).ok_or(fault(Fault::Truncated))?;
        if len > room {
            return Err(fault(Fault::Truncated));
        }
        if after == 0 && len < room {
            return Err(fault(Fault::Trailing));
        }
        if len == 0 {
            self.start(index + 1)?;
        } else {
            self.state = State::Value { index, left: len };
        }
        Ok(Some(Piece::Field { index, len: Some(len) }))
    }

    fn chunk(&mut self, index: u16, left: usize, input: &[u8], at: &mut usize) -> Option<Piece> {
        let taken = input.len().saturating_sub(*at).min(left);
        if taken == 0 {
            return None;
        }
        let range = *at..*at + taken;
        *at = range.end;
        self.left -= taken;
        let last = taken == left;
        self.state = if last {
            State::Length { index: index + 1 }
        } else {
            State::Value { index, left: left - taken }
        };
        Some(Piece::Chunk { index, range, last })
    }

    /// Collects a number of `N` bytes, which may have been cut anywhere.
    fn number<const N: usize>(&mut self, input: &[u8], at: &mut usize) -> Option<[u8; N]> {
        while self.partial_len < N {
            let byte = *input.get(*at)?;
            *self.partial.get_mut(self.partial_len)? = byte;
            self.partial_len += 1;
            *at += 1;
            // INVARIANT: `new` and `start` have made sure that the body holds this number.
            self.left = self.left.saturating_sub(1);
        }
        self.partial_len = 0;
        self.partial.first_chunk::<N>().copied()
    }
}

fn fault(fault: Fault) -> WireError {
    WireError::new("DataRow", fault)
}
