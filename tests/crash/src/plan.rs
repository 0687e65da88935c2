//! When the broker is killed: decided before the run by a seeded generator, so that a run can be told again.

use std::fmt;
use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): enough for choosing moments, and the same everywhere.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// A generator from its seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// When in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long after the first answers.
    After(Duration),
    /// When so many statements of the round were acknowledged.
    Acknowledged(u64),
    /// While sessions and connections are being opened, so long after the start.
    Opening(Duration),
    /// So long after the ledger began a new segment, which a client with very long entries brings about.
    Segment(Duration),
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => write!(f, "after {} ms of work", time.as_millis()),
            Self::Acknowledged(n) => write!(f, "at acknowledgement {n}"),
            Self::Opening(time) => write!(f, "{} ms into opening sessions", time.as_millis()),
            Self::Segment(time) => write!(f, "{} µs into a new segment", time.as_micros()),
        }
    }
}

/// One round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Which, from 1.
    pub number: u64,
    /// When the working broker is killed.
    pub moment: Moment,
    /// When the broker that starts after it is killed, again and again, in thousandths of the time that a start takes.
    pub starts: Vec<u64>,
}

/// Rounds with one broker. The last of them fills a segment, and the next broker begins with an empty ledger: every
/// start reads all of its ledger, so a long one would make all rounds long.
pub const LIFE: u64 = 33;

/// All rounds of a run.
#[must_use]
pub fn rounds(count: u64, dice: &mut Dice) -> Vec<Round> {
    (1..=count).map(|number| round(number, dice)).collect()
}

fn round(number: u64, dice: &mut Dice) -> Round {
    let ms = Duration::from_millis;
    let moment = match dice.below(20) {
        _ if number.is_multiple_of(LIFE) => Moment::Segment(Duration::from_micros(dice.below(5_000))),
        0 => Moment::Opening(ms(dice.below(400))),
        1..=6 => Moment::Acknowledged(1 + dice.below(300)),
        _ => Moment::After(ms(20 + dice.below(600))),
    };
    // A third of the recoveries are killed too, some of them twice. A little more than a whole start is drawn from, so
    // that some of these kills meet a broker that has just begun to serve.
    let again = match dice.below(9) {
        0 => 2,
        1 | 2 => 1,
        _ => 0,
    };
    let starts = (0..again).map(|_| dice.below(1_200)).collect();
    Round { number, moment, starts }
}
