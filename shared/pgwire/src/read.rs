//! A cursor over one message body. Every read is checked; nothing is copied.

use std::ffi::CStr;
use std::ops::Range;

use crate::{Fault, MAX_NAME_LEN, WireError};

/// Reads one body from front to back; [`Reader::finish`] proves that all of it was read.
pub(crate) struct Reader<'a> {
    message: &'static str,
    body: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'static str, body: &'a [u8]) -> Self {
        Self { message, body, at: 0 }
    }

    pub(crate) fn fault(&self, fault: Fault) -> WireError {
        WireError::new(self.message, fault)
    }

    /// Offset of the next unread byte in the body.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What is still unread.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    /// Takes all that is left.
    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest();
        self.at = self.body.len();
        rest
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let bytes = *self.rest().first_chunk::<N>().ok_or(self.fault(Fault::Truncated))?;
        self.at += N;
        Ok(bytes)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, WireError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, WireError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (bytes, _) = self.rest().split_at_checked(len).ok_or(self.fault(Fault::Truncated))?;
        self.at += len;
        Ok(bytes)
    }

    /// A 32-bit length and that many bytes; `None` for length -1 (NULL).
    pub(crate) fn value(&mut self) -> Result<Option<Range<usize>>, WireError> {
        let claimed = self.i32()?;
        if claimed == -1 {
            return Ok(None);
        }
        let len = usize::try_from(claimed).map_err(|_| self.fault(Fault::BadValueLength))?;
        let start = self.at;
        self.bytes(len)?;
        Ok(Some(start..self.at))
    }

    /// A zero-terminated string, without its terminator, in whatever encoding.
    pub(crate) fn cstr(&mut self) -> Result<&'a [u8], WireError> {
        let text =
            CStr::from_bytes_until_nul(self.rest()).map_err(|_| self.fault(Fault::MissingNul))?.to_bytes();
        self.at += text.len() + 1;
        Ok(text)
    }

    /// A zero-terminated string in UTF-8.
    pub(crate) fn text(&mut self) -> Result<&'a str, WireError> {
        let bytes = self.cstr()?;
        std::str::from_utf8(bytes).map_err(|_| self.fault(Fault::NotUtf8))
    }

    /// The name of a prepared statement or portal; empty for the unnamed one.
    pub(crate) fn name(&mut self) -> Result<&'a str, WireError> {
        let name = self.text()?;
        if name.len() > MAX_NAME_LEN {
            return Err(self.fault(Fault::NameTooLong));
        }
        Ok(name)
    }

    /// Ends the reading; every byte of the body must have been read.
    pub(crate) fn finish(&self) -> Result<(), WireError> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.fault(Fault::Trailing)) }
    }
}

/// Proves that a message has no body.
pub(crate) fn empty(message: &'static str, body: &[u8]) -> Result<(), WireError> {
    Reader::new(message, body).finish()
}
