//! The signature of Standard Webhooks: `v1`, HMAC-SHA-256 over id, time and body.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Shortest key, bytes: what Standard Webhooks asks for.
const LEAST: usize = 24;

/// Why a secret is no key. Says nothing of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecretFault {
    /// What follows `whsec_` is not base64.
    #[error("is not base64 after `whsec_`")]
    Encoding,
    /// Could be guessed.
    #[error("is shorter than {LEAST} bytes")]
    Short,
}

/// What the notices of one webhook are signed with.
pub(super) struct Key(hmac::Key);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// From `whsec_` and base64, or from the bytes of any other text as they are.
    pub(super) fn parse(secret: &str) -> Result<Self, SecretFault> {
        let bytes = Zeroizing::new(match secret.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_not_base64| SecretFault::Encoding)?,
            None => secret.as_bytes().to_vec(),
        });
        if bytes.len() < LEAST {
            return Err(SecretFault::Short);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The header `webhook-signature` of a try at `at_s`, Unix seconds.
    pub(super) fn sign(&self, id: &str, at_s: i64, body: &[u8]) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        signing.update(format!("{id}.{at_s}.").as_bytes());
        signing.update(body);
        format!("v1,{}", STANDARD.encode(signing.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_standard_webhooks_is_signed_as_there() {
        // From the tests of the reference libraries; the same by Python's `hmac`.
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_long_enough_and_its_debug_is_silent() {
        assert_eq!(Key::parse("whsec_!").unwrap_err(), SecretFault::Encoding);
        assert_eq!(Key::parse("whsec_c2hvcnQ=").unwrap_err(), SecretFault::Short);
        assert_eq!(Key::parse(&"x".repeat(23)).unwrap_err(), SecretFault::Short);
        assert_eq!(format!("{:?}", Key::parse(&"x".repeat(24)).unwrap()), "Key");
    }
}
