//! What an approval is bound to, and the digest that stands for it.
//!
//! The digest is an HMAC under a random key of each approval, forgotten when the approval ends: an unkeyed hash of a text
//! with a card number in it gives the number away to who tries the few billions that there are (PCI DSS 3.5.1.1).

use aws_lc_rs::{constant_time, hmac};
use zeroize::Zeroizing;

/// Everything that must be the same when an approval is used: parts in a fixed order, each with its length, so that
/// nothing can move from one part to the next unseen. It may hold card numbers, so it does not print and does not stay.
pub struct Bound(Zeroizing<Vec<u8>>);

impl Bound {
    /// Nothing yet, of a kind of thing (`statement`, `session`): two kinds never have the same digest.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        let mut bound = Self(Zeroizing::new(Vec::new()));
        bound.part(kind.as_bytes());
        bound
    }

    /// Adds a part.
    pub fn part(&mut self, bytes: &[u8]) {
        let needed = bytes.len() + 8;
        if self.0.capacity() - self.0.len() < needed {
            // A vector that grows by itself leaves its old bytes behind.
            let mut grown = Zeroizing::new(Vec::with_capacity((self.0.len() + needed).next_power_of_two()));
            grown.extend_from_slice(&self.0);
            self.0 = grown;
        }
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bound")
    }
}

/// The key of one approval.
pub(super) struct BindingKey(hmac::Key);

impl std::fmt::Debug for BindingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BindingKey")
    }
}

impl BindingKey {
    /// A new one.
    pub(super) fn new() -> Self {
        let secret = Zeroizing::new(rand::random::<[u8; 32]>());
        Self(hmac::Key::new(hmac::HMAC_SHA256, &*secret))
    }

    /// The digest of `bound`, hexadecimal.
    pub(super) fn digest(&self, bound: &Bound) -> String {
        hoop_api::hex(hmac::sign(&self.0, &bound.0).as_ref())
    }

    /// True when `bound` has this digest.
    pub(super) fn matches(&self, bound: &Bound, digest: &str) -> bool {
        constant_time::verify_slices_are_equal(self.digest(bound).as_bytes(), digest.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(parts: &[&str]) -> Bound {
        let mut bound = Bound::of("statement");
        parts.iter().for_each(|p| bound.part(p.as_bytes()));
        bound
    }

    #[test]
    fn text_cannot_move_between_parts_and_each_key_is_its_own() {
        let key = BindingKey::new();
        let digest = key.digest(&bound(&["ab", "c"]));
        assert!(key.matches(&bound(&["ab", "c"]), &digest));
        for other in [&["a", "bc"][..], &["ab", "c", ""], &["abc"], &["ab", "d"]] {
            assert!(!key.matches(&bound(other), &digest), "{other:?}");
        }
        assert!(!BindingKey::new().matches(&bound(&["ab", "c"]), &digest));
    }
}
