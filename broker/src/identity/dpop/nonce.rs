//! Nonces of the broker (RFC 9449, 8): a time slot under an HMAC, so nothing is stored and any of our tasks can check.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// A new nonce every so many seconds; the current and the two before it are accepted.
const SLOT_S: u64 = 60;
const ACCEPT_SLOTS: u64 = 3;

/// Makes and checks nonces. The key is random per boot: after a restart, every proof made before it is stale, so the
/// replay cache need not outlive the process.
pub struct Nonces {
    key: hmac::Key,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonces")
    }
}

impl Nonces {
    /// Nonces under `key`, 256 random bits.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The nonce of now; `mono` is the time since boot.
    #[must_use]
    pub fn current(&self, mono: Duration) -> String {
        let slot = (mono.as_secs() / SLOT_S).to_be_bytes();
        let tag = hmac::sign(&self.key, &slot);
        let mut bytes = slot.to_vec();
        bytes.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// True when `nonce` is ours and fresh.
    #[must_use]
    pub fn accepts(&self, nonce: &str, mono: Duration) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let Some((slot, tag)) = bytes.split_first_chunk::<8>() else { return false };
        if hmac::verify(&self.key, slot, tag).is_err() {
            return false;
        }
        let now = mono.as_secs() / SLOT_S;
        now.checked_sub(u64::from_be_bytes(*slot)).is_some_and(|age| age < ACCEPT_SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_lives_two_to_three_minutes_and_only_under_its_key() {
        let nonces = Nonces::new(&[1; 32]);
        let at = Duration::from_secs;
        let nonce = nonces.current(at(100));
        assert!(nonces.accepts(&nonce, at(100)));
        assert!(nonces.accepts(&nonce, at(239)));
        assert!(!nonces.accepts(&nonce, at(240)));
        assert!(!nonces.accepts(&nonce, at(59)), "not before it was made");
        assert!(!Nonces::new(&[2; 32]).accepts(&nonce, at(100)));
        assert!(!nonces.accepts("", at(100)));
        assert!(!nonces.accepts("AAAA", at(100)));
    }
}
