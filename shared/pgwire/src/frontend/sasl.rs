//! The three shapes of the client's sign-in answer (type `p`, 54.7); only the state of the sign-in tells which.

use crate::WireError;
use crate::hidden::hidden_debug;
use crate::read::Reader;

/// PasswordMessage: the answer to AuthenticationCleartextPassword.
#[derive(Clone, Copy)]
pub struct Password<'a> {
    /// The secret, which stays in the read buffer until the caller wipes it.
    pub password: &'a str,
}
hidden_debug!(Password { ; password });

impl<'a> Password<'a> {
    /// Decodes a sign-in answer as PasswordMessage.
    ///
    /// # Errors
    /// No closing zero byte, a zero byte inside, or text that is not UTF-8.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("PasswordMessage", body);
        let password = reader.text()?;
        reader.finish()?;
        Ok(Self { password })
    }
}

/// SASLInitialResponse: the chosen mechanism and its first message.
#[derive(Clone, Copy)]
pub struct SaslInitialResponse<'a> {
    /// Name of the mechanism, such as `SCRAM-SHA-256-PLUS`.
    pub mechanism: &'a str,
    /// The mechanism's first message; `None` when the client sends none.
    pub data: Option<&'a [u8]>,
}
hidden_debug!(SaslInitialResponse { ; mechanism });

impl<'a> SaslInitialResponse<'a> {
    /// Decodes a sign-in answer as SASLInitialResponse.
    ///
    /// # Errors
    /// A length below -1, or bytes too few or too many.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("SASLInitialResponse", body);
        let mechanism = reader.text()?;
        let data = reader.value()?.and_then(|range| body.get(range));
        reader.finish()?;
        Ok(Self { mechanism, data })
    }
}

/// SASLResponse: a further message of the mechanism; any bytes.
#[derive(Clone, Copy)]
pub struct SaslResponse<'a> {
    /// The mechanism's message.
    pub data: &'a [u8],
}
hidden_debug!(SaslResponse { ; data });

impl<'a> SaslResponse<'a> {
    /// Takes a sign-in answer as SASLResponse, whose body has no structure of its own.
    #[must_use]
    pub const fn decode(body: &'a [u8]) -> Self {
        Self { data: body }
    }
}
