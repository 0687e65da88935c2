//! ErrorResponse and NoticeResponse (field codes: 54.8).

use std::ops::Range;

use crate::hidden::Hidden;
use crate::read::Reader;
use crate::{SqlState, WireError};

/// Codes of the fields of a report.
pub(crate) mod code {
    pub(crate) const SEVERITY_LOCALIZED: u8 = b'S';
    pub(crate) const SEVERITY: u8 = b'V';
    pub(crate) const SQLSTATE: u8 = b'C';
    pub(crate) const MESSAGE: u8 = b'M';
    pub(crate) const DETAIL: u8 = b'D';
    pub(crate) const HINT: u8 = b'H';
    pub(crate) const POSITION: u8 = b'P';
}

/// How grave a report is (field `V`, never localised).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The connection ends.
    Fatal,
    /// The server restarts.
    Panic,
    /// A warning.
    Warning,
    /// A notice.
    Notice,
    /// Information that the user asked for.
    Info,
    /// A message of the server's log.
    Log,
    /// A message for developers of the server.
    Debug,
}

impl Severity {
    /// The word of the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
            Self::Info => "INFO",
            Self::Log => "LOG",
            Self::Debug => "DEBUG",
        }
    }

    fn parse(word: &[u8]) -> Option<Self> {
        use Severity::{Debug, Error, Fatal, Info, Log, Notice, Panic, Warning};
        [Error, Fatal, Panic, Warning, Notice, Info, Log, Debug]
            .into_iter()
            .find(|s| s.as_str().as_bytes() == word)
    }
}

/// A verified ErrorResponse or NoticeResponse body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Report<'a> {
    message: &'static str,
    body: &'a [u8],
}

/// One field of a report.
#[derive(Clone, PartialEq, Eq)]
pub struct ReportField<'a> {
    /// What the field says (54.8).
    pub code: u8,
    /// Where its text lies in the body, without the closing zero byte, for masking in place.
    pub range: Range<usize>,
    /// Its text, in the server's bytes.
    pub text: &'a [u8],
}

impl std::fmt::Debug for ReportField<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.code.escape_ascii(), Hidden(self.text.len()))
    }
}

impl<'a> Report<'a> {
    /// Verifies the body of an ErrorResponse or NoticeResponse frame; `message` names it in errors.
    ///
    /// # Errors
    /// A field that is not closed, no closing zero byte, or bytes after it.
    pub fn decode(message: &'static str, body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message, body);
        while reader.u8()? != 0 {
            reader.cstr()?;
        }
        reader.finish()?;
        Ok(Self { message, body })
    }

    /// The fields in order; codes unknown to the client are to be ignored by it.
    pub fn fields(self) -> impl Iterator<Item = ReportField<'a>> {
        let mut reader = Reader::new(self.message, self.body);
        // INVARIANT: `decode` has read the same bytes without a fault.
        std::iter::from_fn(move || {
            let code = reader.u8().ok().filter(|code| *code != 0)?;
            let start = reader.at();
            let text = reader.cstr().ok()?;
            Some(ReportField { code, range: start..start + text.len(), text })
        })
    }

    /// The text of the first field with this code.
    #[must_use]
    pub fn field(self, code: u8) -> Option<&'a [u8]> {
        self.fields().find(|field| field.code == code).map(|field| field.text)
    }

    /// The severity, of field `V`; `None` from servers before 9.6 or of an unknown word.
    #[must_use]
    pub fn severity(self) -> Option<Severity> {
        Severity::parse(self.field(code::SEVERITY)?)
    }

    /// The SQLSTATE, of field `C`.
    #[must_use]
    pub fn sqlstate(self) -> Option<SqlState> {
        SqlState::parse(self.field(code::SQLSTATE)?)
    }
}

impl std::fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.fields()).finish()
    }
}
