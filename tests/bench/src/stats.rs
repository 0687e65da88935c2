//! Medians, and how sure they are: intervals by order statistics, which assume nothing about how times are spread.

/// The share of intervals that should hold the true median.
pub const WANTED: f64 = 0.95;

/// A median with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The sample median.
    pub median: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability that the true median lies between them; below [`WANTED`] when there are too few samples, and the
    /// interval is then their whole range.
    pub coverage: f64,
    /// How many samples.
    pub count: usize,
}

/// Median and interval of `samples`; `None` when there are none.
///
/// The true median lies below the k-th smallest of n samples exactly when fewer than k fell below it, which has the
/// probability of fewer than k heads in n throws of a coin (the sign test, turned round).
#[must_use]
pub fn estimate(samples: &[f64]) -> Option<Estimate> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let last = count.checked_sub(1)?;
    let median = f64::midpoint(sorted[last / 2], sorted[count / 2]);
    // From outside to inside, as long as enough stays covered.
    let (mut rank, mut coverage) = (0, 1.0 - 2.0 * fewer_heads(1, count));
    while rank + 1 < count / 2 {
        let narrower = 1.0 - 2.0 * fewer_heads(rank + 2, count);
        if narrower < WANTED {
            break;
        }
        (rank, coverage) = (rank + 1, narrower);
    }
    Some(Estimate {
        median,
        low: sorted[rank],
        high: sorted[last - rank],
        coverage: coverage.max(0.0),
        count,
    })
}

/// Probability of fewer than `k` heads in `n` throws.
fn fewer_heads(k: usize, n: usize) -> f64 {
    let throws = f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let (mut term, mut sum, mut heads) = (0.5_f64.powf(throws), 0.0, 0.0);
    for _ in 0..k.min(n + 1) {
        sum += term;
        term *= (throws - heads) / (heads + 1.0);
        heads += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(n: u32) -> Vec<f64> {
        (1..=n).rev().map(f64::from).collect()
    }

    // Ranks and coverages as in any table of the sign test, such as Conover, Practical Nonparametric Statistics.
    #[test]
    fn ranks_are_those_of_the_sign_test() {
        for (n, low, high, coverage) in [
            (6, 1.0, 6.0, 0.9688),
            (10, 2.0, 9.0, 0.9785),
            (15, 4.0, 12.0, 0.9648),
            (20, 6.0, 15.0, 0.9586),
            (25, 8.0, 18.0, 0.9567),
            (30, 10.0, 21.0, 0.9572),
        ] {
            let e = estimate(&up_to(n)).expect("there are samples");
            assert_eq!((e.low, e.high), (low, high), "{n} samples");
            assert!((e.coverage - coverage).abs() < 0.00006, "{n} samples: {}", e.coverage);
        }
    }

    #[test]
    fn too_few_samples_say_so() {
        assert_eq!(estimate(&[]), None);
        let one = estimate(&[7.0]).expect("there is a sample");
        assert_eq!((one.median, one.low, one.high, one.coverage), (7.0, 7.0, 7.0, 0.0));
        let three = estimate(&[3.0, 1.0, 2.0]).expect("there are samples");
        assert_eq!((three.median, three.low, three.high, three.coverage), (2.0, 1.0, 3.0, 0.75));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(estimate(&[4.0, 1.0, 3.0, 100.0]).map(|e| e.median), Some(3.5));
    }

    // What the interval promises, tried on samples whose true median is known: a skewed spread with median 1.
    #[test]
    fn intervals_hold_the_true_median_as_often_as_they_say() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            f64::from(u32::try_from(state >> 32).expect("32 bits")) / f64::from(u32::MAX)
        };
        let held = (0..2000)
            .filter(|_| {
                let samples: Vec<f64> = (0..20).map(|_| (uniform() / 0.5).powi(3)).collect();
                let e = estimate(&samples).expect("there are samples");
                e.low <= 1.0 && 1.0 <= e.high
            })
            .count();
        assert!((1880..=1960).contains(&held), "{held} of 2000, expected 1917");
    }
}
