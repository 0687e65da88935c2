//! When a notice that did not arrive is sent again.

use std::time::Duration;

/// How often and how fast a notice is tried.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Pause after the first try; each one after it is twice as long.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
    /// Tries, all told.
    pub tries: u32,
    /// Time for one try.
    pub patience: Duration,
}

impl Default for Pace {
    /// Twelve tries within about twenty minutes.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5 * 60),
            tries: 12,
            patience: Duration::from_secs(10),
        }
    }
}

impl Pace {
    /// The pause after try `tried`, from 1. `jitter`, from 0 to 1, moves it by up to a fifth either way, so that what
    /// failed at once does not come again at once.
    pub(super) fn pause(&self, tried: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1)));
        doubled.min(self.longest).mul_f64(0.4f64.mul_add(jitter.clamp(0.0, 1.0), 0.8))
    }
}
