//! Short messages: keys, settings, notifications, ends of statements and of query cycles.

use crate::hidden::hidden_debug;
use crate::key::CancelKey;
use crate::read::Reader;
use crate::{Fault, WireError};

/// State of the transaction, of ReadyForQuery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionStatus {
    /// Not in a transaction block (`I`).
    Idle,
    /// In a transaction block (`T`).
    InTransaction,
    /// In a failed transaction block: all is refused until it ends (`E`).
    Failed,
}

impl TransactionStatus {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InTransaction => b'T',
            Self::Failed => b'E',
        }
    }
}

/// Decodes the body of a ReadyForQuery frame.
///
/// # Errors
/// A status other than `I`, `T` and `E`, or bytes too few or too many.
pub fn decode_ready_for_query(body: &[u8]) -> Result<TransactionStatus, WireError> {
    let mut reader = Reader::new("ReadyForQuery", body);
    let status = match reader.u8()? {
        b'I' => TransactionStatus::Idle,
        b'T' => TransactionStatus::InTransaction,
        b'E' => TransactionStatus::Failed,
        _ => return Err(reader.fault(Fault::BadCode)),
    };
    reader.finish()?;
    Ok(status)
}

/// What a client needs in order to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendKeyData {
    /// Process id of the server's backend.
    pub pid: u32,
    /// Its cancel key.
    pub key: CancelKey,
}

impl BackendKeyData {
    /// Decodes the body of a BackendKeyData frame.
    ///
    /// # Errors
    /// Too few bytes, or a key that is not 4 to 256 bytes long.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("BackendKeyData", body);
        let pid = reader.u32()?;
        Ok(Self { pid, key: CancelKey::decode("BackendKeyData", reader.take_rest())? })
    }
}

/// The end of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandComplete<'a> {
    /// The command tag, such as `INSERT 0 1`; the server's own words, never data.
    pub tag: &'a str,
}

impl<'a> CommandComplete<'a> {
    /// Decodes the body of a CommandComplete frame.
    ///
    /// # Errors
    /// Text that is not closed or not UTF-8, or bytes after it.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("CommandComplete", body);
        let tag = reader.text()?;
        reader.finish()?;
        Ok(Self { tag })
    }

    /// The tag's verb, in the words of the server: `SELECT`, `CREATE TABLE`.
    #[must_use]
    pub fn command(self) -> &'a str {
        self.tag.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ')
    }

    /// Rows sent or changed: the last word of the tag if it is a number (`SELECT 3`, `INSERT 0 3`, `COPY 3`).
    #[must_use]
    pub fn rows(self) -> Option<u64> {
        let (_, last) = self.tag.rsplit_once(' ')?;
        if last.bytes().all(|b| b.is_ascii_digit()) { last.parse().ok() } else { None }
    }
}

/// A setting's value, at start-up and at each change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// The setting's name.
    pub name: &'a str,
    /// Its value, in the server's bytes; clients may have set it (`application_name`).
    pub value: &'a [u8],
}

impl std::fmt::Debug for ParameterStatus<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParameterStatus").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> ParameterStatus<'a> {
    /// Decodes the body of a ParameterStatus frame.
    ///
    /// # Errors
    /// Strings that are not closed, a name that is not UTF-8, or bytes left over.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("ParameterStatus", body);
        let name = reader.text()?;
        let value = reader.cstr()?;
        reader.finish()?;
        Ok(Self { name, value })
    }
}

/// A NOTIFY of a channel that the client listens to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Notification<'a> {
    /// Process id of the backend that sent it.
    pub pid: u32,
    /// Name of the channel; its author may choose it freely.
    pub channel: &'a [u8],
    /// What its author passed along; empty for nothing.
    pub payload: &'a [u8],
}
hidden_debug!(Notification { pid; channel, payload });

impl<'a> Notification<'a> {
    /// Decodes the body of a NotificationResponse frame.
    ///
    /// # Errors
    /// Strings that are not closed, or bytes too few or too many.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("NotificationResponse", body);
        let pid = reader.u32()?;
        let channel = reader.cstr()?;
        let payload = reader.cstr()?;
        reader.finish()?;
        Ok(Self { pid, channel, payload })
    }
}
