//! Whether samples grow. Pure.

use crate::usage::Usage;

/// Growth of resident memory that is noise, KiB: the allocator's and the caches' that fill.
const SLACK_KIB: u64 = 4 << 10;
/// The same in percent; the larger of the two counts.
const SLACK_PERCENT: u64 = 5;
/// Descriptors that differ because other connections happen to be open at the moments of the samples.
const SLACK_FDS: u64 = 8;

/// What the samples say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Medians of resident memory in the second and in the last quarter, KiB.
    pub rss: (u64, u64),
    /// The same of file descriptors, those of open connections taken off.
    pub fds: (u64, u64),
    /// Nothing grows.
    pub flat: bool,
}

/// Compares the second quarter with the last. The first is not looked at: caches fill in it. Fewer than eight samples
/// say nothing, and count as growth.
#[must_use]
pub fn judge(samples: &[Usage]) -> Finding {
    let quarter = samples.len() / 4;
    if quarter < 2 {
        return Finding { rss: (0, 0), fds: (0, 0), flat: false };
    }
    let (second, last) = (&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]);
    // Two descriptors a connection: the client's and the target's.
    let fds = |usage: &Usage| usage.fds.saturating_sub(2 * usage.open);
    let rss = (median(second, |u| u.rss), median(last, |u| u.rss));
    let fds = (median(second, fds), median(last, fds));
    let slack = SLACK_KIB.max(rss.0 * SLACK_PERCENT / 100);
    let flat = rss.1 <= rss.0 + slack && fds.1 <= fds.0 + SLACK_FDS;
    Finding { rss, fds, flat }
}

fn median(samples: &[Usage], of: impl Fn(&Usage) -> u64) -> u64 {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rss: impl Fn(u64) -> u64, fds: impl Fn(u64) -> u64) -> Vec<Usage> {
        (0..40).map(|n| Usage { rss: rss(n), fds: fds(n), open: n % 3, ..Usage::default() }).collect()
    }

    #[test]
    fn what_wavers_and_what_fills_caches_is_flat() {
        let wavering = samples(|n| if n < 8 { n * 5000 } else { 60_000 + n % 7 * 500 }, |n| 30 + n % 3 * 2);
        assert!(judge(&wavering).flat, "{:?}", judge(&wavering));
    }

    #[test]
    fn a_leak_of_memory_or_descriptors_grows() {
        assert!(!judge(&samples(|n| 60_000 + n * 300, |_| 30)).flat);
        assert!(!judge(&samples(|_| 60_000, |n| 30 + n / 2)).flat);
    }

    #[test]
    fn a_few_samples_prove_nothing() {
        assert!(!judge(&samples(|_| 1, |_| 1)[..7]).flat);
    }
}
