//! Errors and notices of the gateway's own.

use std::borrow::Cow;

use crate::backend::Severity;
use crate::backend::report::code;
use crate::write::{Writer, frame};
use crate::{BackendTag, SqlState, WireError};

/// Text of a report; a zero byte, at which a client would cut it, is shown as U+FFFD, so that an answer which quotes
/// the client can always be sent.
pub type ReportText<'t> = Cow<'t, str>;

/// An error or notice that the gateway sends. Without the optional fields it has the four that the protocol
/// requires (54.8): `S`, `V`, `C`, `M`.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalReport<'t> {
    severity: Severity,
    sqlstate: SqlState,
    message: ReportText<'t>,
    detail: Option<ReportText<'t>>,
    hint: Option<ReportText<'t>>,
    position: Option<u32>,
}

impl<'t> LocalReport<'t> {
    /// A report with its required fields: `message` is one sentence, lower case, without a final period.
    #[must_use]
    pub fn new(severity: Severity, sqlstate: SqlState, message: impl Into<ReportText<'t>>) -> Self {
        Self { severity, sqlstate, message: message.into(), detail: None, hint: None, position: None }
    }

    /// Adds what a user may want to know beyond the message (field `D`).
    #[must_use]
    pub fn detail(mut self, text: impl Into<ReportText<'t>>) -> Self {
        self.detail = Some(text.into());
        self
    }

    /// Adds what the user can do (field `H`).
    #[must_use]
    pub fn hint(mut self, text: impl Into<ReportText<'t>>) -> Self {
        self.hint = Some(text.into());
        self
    }

    /// Adds where in the statement it is, in characters from 1 (field `P`).
    #[must_use]
    pub fn position(mut self, characters: u32) -> Self {
        self.position = Some(characters);
        self
    }

    /// Appends it as an ErrorResponse.
    ///
    /// # Errors
    /// [`Fault::LengthTooLarge`](crate::Fault::LengthTooLarge) for more than 1 GiB of text.
    pub fn encode_error(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        frame(out, BackendTag::ErrorResponse, |w| self.write(w))
    }

    /// Appends it as a NoticeResponse.
    ///
    /// # Errors
    /// As for [`LocalReport::encode_error`].
    pub fn encode_notice(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        frame(out, BackendTag::NoticeResponse, |w| self.write(w))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), WireError> {
        field(w, code::SEVERITY_LOCALIZED, self.severity.as_str())?;
        field(w, code::SEVERITY, self.severity.as_str())?;
        field(w, code::SQLSTATE, self.sqlstate.as_str())?;
        field(w, code::MESSAGE, &self.message)?;
        if let Some(detail) = &self.detail {
            field(w, code::DETAIL, detail)?;
        }
        if let Some(hint) = &self.hint {
            field(w, code::HINT, hint)?;
        }
        if let Some(position) = self.position {
            field(w, code::POSITION, &position.to_string())?;
        }
        w.u8(0);
        Ok(())
    }
}

impl std::fmt::Debug for LocalReport<'_> {
    /// Without its texts: they may quote a statement.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalReport")
            .field("severity", &self.severity)
            .field("sqlstate", &self.sqlstate)
            .finish_non_exhaustive()
    }
}

fn field(w: &mut Writer<'_>, code: u8, text: &str) -> Result<(), WireError> {
    w.u8(code);
    if text.contains('\0') {
        return w.cstr(text.replace('\0', "\u{fffd}").as_bytes());
    }
    w.cstr(text.as_bytes())
}
