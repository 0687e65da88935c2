//! Proofs that were seen: each is good once (RFC 9449, 11.1). Bounded; when full, proofs are refused, not forgotten.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{IAT_WINDOW_S, Proof};

/// Remembers the identifiers of proofs for as long as they could be sent again.
#[derive(Debug)]
pub struct Replay {
    // One short-held lock: insert, look up, drop from the front. Never over an await.
    seen: Mutex<Seen>,
    max: usize,
}

#[derive(Debug, Default)]
struct Seen {
    set: HashSet<[u8; 32]>,
    queue: VecDeque<(Duration, [u8; 32])>,
}

/// Why a proof cannot be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayFault {
    /// It was spent before.
    #[error("the DPoP proof was used before")]
    Seen,
    /// The cache is full of proofs that are still fresh.
    #[error("the broker sees too many requests at once")]
    Full,
}

impl Replay {
    /// A cache of at most `max` proofs, 64 bytes each or so.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { seen: Mutex::default(), max }
    }

    /// Spends `proof`; `mono` is the time since boot.
    ///
    /// # Errors
    /// [`ReplayFault`] when it was spent before or the cache is full.
    pub fn spend(&self, proof: &Proof, mono: Duration) -> Result<(), ReplayFault> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.queue.front().is_some_and(|(until, _)| *until <= mono) {
            if let Some((_, old)) = seen.queue.pop_front() {
                seen.set.remove(&old);
            }
        }
        if seen.set.contains(&proof.jti_hash) {
            return Err(ReplayFault::Seen);
        }
        if seen.set.len() >= self.max {
            return Err(ReplayFault::Full);
        }
        // `iat` may lie a window ahead, and is accepted until a window after it.
        let until = mono + Duration::from_secs(2 * IAT_WINDOW_S.unsigned_abs() + 1);
        seen.queue.push_back((until, proof.jti_hash));
        seen.set.insert(proof.jti_hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(n: u8) -> Proof {
        Proof { thumbprint: "k".to_owned(), jti_hash: [n; 32] }
    }

    #[test]
    fn a_proof_is_good_once_and_a_full_cache_refuses() {
        let replay = Replay::new(2);
        let at = Duration::from_secs;
        assert_eq!(replay.spend(&proof(1), at(0)), Ok(()));
        assert_eq!(replay.spend(&proof(1), at(240)), Err(ReplayFault::Seen));
        assert_eq!(replay.spend(&proof(2), at(10)), Ok(()));
        assert_eq!(replay.spend(&proof(3), at(20)), Err(ReplayFault::Full));
        assert_eq!(replay.spend(&proof(3), at(241)), Ok(()), "the first has aged out");
    }
}
