//! CopyInResponse, CopyOutResponse and CopyBothResponse.

use crate::format::{Format, Formats};
use crate::read::Reader;
use crate::{Fault, WireError};

/// How the COPY data will be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyResponse<'a> {
    /// Text (lines) or binary (PostgreSQL's COPY file format).
    pub overall: Format,
    /// Format of each column.
    pub columns: Formats<'a>,
}

impl<'a> CopyResponse<'a> {
    /// Decodes the body of a frame that opens a COPY; `message` names it in errors.
    ///
    /// # Errors
    /// A format other than text and binary, a binary column in a textual COPY (54.7: all must be zero then), or
    /// bytes too few or too many.
    pub fn decode(message: &'static str, body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message, body);
        let code = reader.u8()?;
        let overall = Format::from_code(u16::from(code)).ok_or(reader.fault(Fault::BadFormat))?;
        let columns = Formats::read(&mut reader)?;
        if overall == Format::Text && columns.iter().any(|format| format == Format::Binary) {
            return Err(reader.fault(Fault::BadFormat));
        }
        reader.finish()?;
        Ok(Self { overall, columns })
    }
}
