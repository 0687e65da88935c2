//! The one error of this crate.

use crate::{MAX_NAME_LEN, SqlState};

/// Bytes that are not the message they claim to be, or values that cannot be put into a message.
///
/// It names the message and the rule, never bytes of it: once framing is lost, even a length field may hold digits
/// of a card number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {fault}")]
pub struct WireError {
    message: &'static str,
    fault: Fault,
}

impl WireError {
    pub(crate) const fn new(message: &'static str, fault: Fault) -> Self {
        Self { message, fault }
    }

    /// Name of the message in the protocol chapter, such as `Bind`.
    #[must_use]
    pub const fn message(self) -> &'static str {
        self.message
    }

    /// The rule that was broken.
    #[must_use]
    pub const fn fault(self) -> Fault {
        self.fault
    }

    /// The SQLSTATE with which a server answers this fault.
    #[must_use]
    pub const fn sqlstate(self) -> SqlState {
        match self.fault {
            Fault::NotUtf8 => SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            Fault::UnsupportedVersion => SqlState::FEATURE_NOT_SUPPORTED,
            Fault::UnknownTag
            | Fault::LengthTooSmall
            | Fault::LengthTooLarge { .. }
            | Fault::Truncated
            | Fault::Trailing
            | Fault::MissingNul
            | Fault::InnerNul
            | Fault::NameTooLong
            | Fault::BadValueLength
            | Fault::BadFormat
            | Fault::FormatCount
            | Fault::BadCode
            | Fault::EmptyName
            | Fault::DuplicateParameter
            | Fault::KeyLength
            | Fault::TooManyItems => SqlState::PROTOCOL_VIOLATION,
        }
    }
}

/// The rule of the protocol, or of this gateway, that a message breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// The first byte names no message that may flow in this direction.
    #[error("unknown message type, the byte stream is out of step or not PostgreSQL's protocol")]
    UnknownTag,
    /// The length field is smaller than the smallest message (it counts itself: 4 bytes).
    #[error("length is smaller than its own header")]
    LengthTooSmall,
    /// The length field, read as unsigned, is above the limit for this message; negative lengths end here too.
    #[error("length is over the limit of {limit} bytes")]
    LengthTooLarge {
        /// The configured limit for this message, in bytes, header included.
        limit: u32,
    },
    /// The body ends before a field that it announces.
    #[error("ends before its last field")]
    Truncated,
    /// The body goes on after its last field.
    #[error("has bytes after its last field")]
    Trailing,
    /// A string is not closed by a zero byte.
    #[error("string without terminating zero byte")]
    MissingNul,
    /// A string to be sent holds a zero byte, at which the receiver would cut it.
    #[error("string contains a zero byte")]
    InnerNul,
    /// A string is not valid UTF-8, the only client encoding that the gateway admits.
    #[error("string is not valid UTF-8; set client_encoding to UTF8")]
    NotUtf8,
    /// A statement or portal name that the server would silently shorten.
    #[error("statement or portal name is longer than {MAX_NAME_LEN} bytes")]
    NameTooLong,
    /// A value's length is below -1, which stands for NULL.
    #[error("value length is below -1")]
    BadValueLength,
    /// A format code is neither 0 (text) nor 1 (binary), or a textual COPY has a binary column.
    #[error("format code is not allowed here")]
    BadFormat,
    /// The number of parameter formats is not 0, 1 or the number of parameters.
    #[error("number of parameter formats does not match the parameters")]
    FormatCount,
    /// A code inside the message (kind, status, request) has no meaning in protocol 3.
    #[error("code inside the message is unknown")]
    BadCode,
    /// A name that must not be empty is.
    #[error("name is empty")]
    EmptyName,
    /// A start-up parameter comes twice, ASCII case aside: server and gateway might take different ones.
    #[error("start-up parameter given twice")]
    DuplicateParameter,
    /// A cancel key is not 4 to 256 bytes long.
    #[error("cancel key is not 4 to 256 bytes long")]
    KeyLength,
    /// A major protocol version other than 3.
    #[error("unsupported protocol version; the gateway speaks 3.0 to 3.2")]
    UnsupportedVersion,
    /// More items than the 16-bit count of the message can say.
    #[error("more than 65535 items")]
    TooManyItems,
}
