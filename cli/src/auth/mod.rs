//! Signing in: the key that tokens are bound to, the device flow, and where tokens rest.

pub mod browser;
pub mod device;
pub mod key;
pub mod store;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use self::key::DpopKey;
use crate::error::{Exit, Failure};

/// Version of the stored form.
const STORED_VERSION: u16 = 1;

/// What a sign-in leaves behind. Everything secret in it is useless without the key, and the key is in it too:
/// it goes to the keyring, or to a 0600 file with a warning.
pub struct Credentials {
    /// The issuer that gave the tokens; they are never shown to another one.
    pub broker: String,
    /// Where tokens are refreshed.
    pub token_endpoint: String,
    /// Where they are revoked, if the broker says.
    pub revocation_endpoint: Option<String>,
    /// The key that they are bound to (RFC 9449).
    pub key: DpopKey,
    /// For requests.
    pub access_token: SecretString,
    /// When the access token ends, Unix seconds.
    pub expires_at: i64,
    /// For the next access token; each is used once.
    pub refresh_token: Option<SecretString>,
}

/// Text that is wiped when it is dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Wiped(String);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u16,
    broker: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    key: Wiped,
    access_token: Wiped,
    expires_at: i64,
    refresh_token: Option<Wiped>,
}

impl Credentials {
    /// The form in which they are stored.
    ///
    /// # Errors
    /// They cannot be written as JSON.
    pub fn to_json(&self) -> Result<Zeroizing<String>, Failure> {
        let secret = |s: &SecretString| Wiped(s.expose_secret().to_owned());
        let stored = Stored {
            version: STORED_VERSION,
            broker: self.broker.clone(),
            token_endpoint: self.token_endpoint.clone(),
            revocation_endpoint: self.revocation_endpoint.clone(),
            key: Wiped(self.key.to_base64().to_string()),
            access_token: secret(&self.access_token),
            expires_at: self.expires_at,
            refresh_token: self.refresh_token.as_ref().map(secret),
        };
        serde_json::to_string(&stored)
            .map(Zeroizing::new)
            .map_err(|_| Failure::usage("the tokens cannot be written as JSON"))
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// It was not written by this version of hoopctl, or was damaged.
    pub fn from_json(text: &str) -> Result<Self, Failure> {
        // The parser's message could quote a token: it is dropped on purpose.
        let stored: Stored = serde_json::from_str(text).map_err(|_| damaged())?;
        if stored.version != STORED_VERSION {
            return Err(damaged());
        }
        let secret = |s: &Wiped| SecretString::from(s.0.as_str());
        Ok(Self {
            key: DpopKey::from_base64(&stored.key.0).map_err(|_| damaged())?,
            access_token: secret(&stored.access_token),
            refresh_token: stored.refresh_token.as_ref().map(secret),
            broker: stored.broker,
            token_endpoint: stored.token_endpoint,
            revocation_endpoint: stored.revocation_endpoint,
            expires_at: stored.expires_at,
        })
    }
}

fn damaged() -> Failure {
    Failure::new(Exit::NotSignedIn, "the stored sign-in cannot be read").hint("sign in with `hoopctl login`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_survive_the_store_and_damage_is_a_lost_sign_in() {
        let credentials = Credentials {
            broker: "https://b".into(),
            token_endpoint: "https://b/oauth/token".into(),
            revocation_endpoint: None,
            key: DpopKey::generate().unwrap(),
            access_token: SecretString::from("access"),
            expires_at: 7,
            refresh_token: Some(SecretString::from("refresh")),
        };
        let text = credentials.to_json().unwrap();
        let read = Credentials::from_json(&text).unwrap();
        assert_eq!(*read.to_json().unwrap(), *text);
        assert_eq!(read.refresh_token.unwrap().expose_secret(), "refresh");
        for bad in [
            "",
            "{}",
            &text.replace("\"version\":1", "\"version\":2"),
            &text.replace("\"key\":\"", "\"key\":\"x"),
        ] {
            let failure = Credentials::from_json(bad).err().unwrap();
            assert_eq!(failure.exit, Exit::NotSignedIn);
            assert!(!failure.to_string().contains("refresh"));
        }
    }
}
