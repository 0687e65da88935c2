//! Five-character error codes (PostgreSQL appendix A).

use std::fmt;

/// An SQLSTATE: five digits or upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// `00000`, of notices.
    pub const SUCCESSFUL_COMPLETION: Self = Self(*b"00000");
    /// `08006`: the connection to the target is lost.
    pub const CONNECTION_FAILURE: Self = Self(*b"08006");
    /// `08P01`: the bytes are not the protocol's.
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// `0A000`: understood, but not offered.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// `22021`: text that is not in the encoding.
    pub const CHARACTER_NOT_IN_REPERTOIRE: Self = Self(*b"22021");
    /// `28000`: this user may not enter.
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// `28P01`: wrong password.
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// `42501`: policy denies it.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// `42601`: the text does not parse.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// `54001`: the statement is too long or too deep.
    pub const STATEMENT_TOO_COMPLEX: Self = Self(*b"54001");
    /// `57P01`: the session has been ended.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// `58030`: not recorded, so not run.
    pub const IO_ERROR: Self = Self(*b"58030");

    /// Reads a code; `None` unless it is five ASCII digits or upper-case letters.
    #[must_use]
    pub fn parse(code: &[u8]) -> Option<Self> {
        let code: [u8; 5] = code.try_into().ok()?;
        code.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()).then_some(Self(code))
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // INVARIANT: every constructor admits ASCII only, so the fallback is never taken.
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
