//! A bounded count of attempts by address, for things that can be guessed or flooded before anyone has signed in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Most addresses that are counted at once; beyond it, new addresses are refused until old counts age out.
const MAX_ADDRESSES: usize = 65_536;

/// At most `max` attempts by one address in `window`.
#[derive(Debug)]
pub struct Throttle {
    // One short-held lock, never over an await.
    counts: Mutex<HashMap<String, (Duration, u32)>>,
    max: u32,
    window: Duration,
}

/// Too many attempts by this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts from this address, try again in some minutes")]
pub struct Throttled;

impl Throttle {
    /// At most `max` attempts by one address in `window`.
    #[must_use]
    pub fn new(max: u32, window: Duration) -> Self {
        Self { counts: Mutex::default(), max, window }
    }

    /// True while `address` has attempts left; counts nothing.
    #[must_use]
    pub fn open(&self, address: &str, mono: Duration) -> bool {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get(address) {
            Some((since, n)) => *since + self.window <= mono || *n < self.max,
            // A full table counts nobody new, so nobody new may try.
            None => {
                counts.len() < MAX_ADDRESSES || counts.values().any(|(since, _)| *since + self.window <= mono)
            }
        }
    }

    /// Takes one attempt.
    ///
    /// # Errors
    /// [`Throttled`] when none is left.
    pub fn take(&self, address: &str, mono: Duration) -> Result<(), Throttled> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_ADDRESSES && !counts.contains_key(address) {
            counts.retain(|_, (since, _)| *since + self.window > mono);
            if counts.len() >= MAX_ADDRESSES {
                return Err(Throttled);
            }
        }
        let (since, n) = counts.entry(address.to_owned()).or_insert((mono, 0));
        if *since + self.window <= mono {
            (*since, *n) = (mono, 0);
        }
        if *n >= self.max {
            return Err(Throttled);
        }
        *n += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_run_out_by_address_and_come_back_with_time() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        let at = Duration::from_secs;
        assert_eq!(throttle.take("a", at(0)), Ok(()));
        assert_eq!(throttle.take("a", at(59)), Ok(()));
        assert!(!throttle.open("a", at(59)));
        assert_eq!(throttle.take("a", at(59)), Err(Throttled));
        assert_eq!(throttle.take("b", at(59)), Ok(()));
        assert_eq!(throttle.take("a", at(60)), Ok(()));
    }
}
