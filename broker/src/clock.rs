//! Time, read in one place: wall clock in UTC for records, monotonic for deadlines.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hoop_ledger::draft::Moment;

/// One boot of the broker: its id and its monotonic origin.
#[derive(Debug, Clone)]
pub struct Boot {
    id: String,
    origin: Instant,
}

impl Boot {
    /// Starts counting now.
    #[must_use]
    pub fn start() -> Self {
        let random = rand::random::<u128>();
        Self { id: ulid::Ulid::from_parts(unix_ms(), random).to_string(), origin: Instant::now() }
    }

    /// The boot id that each entry carries.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Both clocks, for an entry.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { time_us: unix_us(), mono_us: u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX) }
    }

    /// Monotonic time since the boot.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// Wall clock, microseconds since the Unix epoch (negative before it).
#[must_use]
pub fn unix_us() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(d) => i64::try_from(d.as_micros()).unwrap_or(i64::MAX),
        Err(e) => -i64::try_from(e.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

/// Wall clock, milliseconds since the Unix epoch; 0 before it.
#[must_use]
pub fn unix_ms() -> u64 {
    u64::try_from(unix_us() / 1000).unwrap_or(0)
}

/// Wall clock, seconds since the Unix epoch.
#[must_use]
pub fn unix_s() -> i64 {
    unix_us().div_euclid(1_000_000)
}
