//! The secret that lets its holder cancel a running statement.

use secrecy::{ExposeSecret, SecretSlice};
use subtle::ConstantTimeEq;

use crate::{Fault, WireError};

/// Shortest cancel key, in bytes: the fixed size of protocol 3.0.
pub const MIN_KEY_LEN: usize = 4;
/// Longest cancel key, in bytes (protocol 3.2, 54.7 BackendKeyData).
pub const MAX_KEY_LEN: usize = 256;

/// A cancel key, of BackendKeyData or CancelRequest. Compared in constant time, wiped when dropped, never printed.
#[derive(Debug, Clone)]
pub struct CancelKey(SecretSlice<u8>);

impl CancelKey {
    /// Takes the key's bytes; `message` is what they came in.
    pub(crate) fn decode(message: &'static str, bytes: &[u8]) -> Result<Self, WireError> {
        if !(MIN_KEY_LEN..=MAX_KEY_LEN).contains(&bytes.len()) {
            return Err(WireError::new(message, Fault::KeyLength));
        }
        Ok(Self(SecretSlice::from(bytes.to_vec())))
    }

    /// A key of the caller's own making.
    ///
    /// # Errors
    /// [`Fault::KeyLength`] unless it is 4 to 256 bytes long; a client of protocol 3.0 takes exactly 4.
    pub fn new(bytes: &[u8]) -> Result<Self, WireError> {
        Self::decode("BackendKeyData", bytes)
    }

    /// The key's bytes, for a message or a look-up table.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl PartialEq for CancelKey {
    /// Takes the same time wherever the keys differ; their lengths are no secret.
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for CancelKey {}
