//! The measuring itself: in each round every system has its turn, in an order that changes, so that no system always
//! runs on a cache, a clock or a neighbour that another left behind.

use std::time::{Duration, Instant};

use crate::floor;
use crate::lab::Lab;
use crate::options::Plan;
use crate::pgbench::{self, Length};
use crate::proof::{self, Entries};
use crate::samples::Samples;
use crate::system::{Measure, Mode, Stream, System};

/// Seconds of one run of pgbench, which knows only whole ones.
pub const RUN_SECONDS: usize = 1;
/// Clients at once.
pub const CLIENTS: [usize; 2] = [16, 1];

/// Runs all rounds.
///
/// # Panics
/// When a part fails.
#[must_use]
pub fn run(lab: &Lab, plan: &Plan, entries: &Entries) -> Samples {
    let mut samples = Samples::default();
    let start = Instant::now();
    for round in 0..plan.rounds {
        for clients in CLIENTS {
            for mode in Mode::ALL {
                transactions(lab, plan, round, (mode, clients), &mut samples);
            }
        }
        // Beside what it is compared with, on the disk that the ledger is on.
        let rate = floor::measure(&lab.durable.ledger(), entries.bytes, Duration::from_secs(1));
        samples.add(Measure::Floor, System::Disk, round, rate.unwrap_or_else(|e| panic!("the disk: {e}")));
        if round.is_multiple_of(plan.streams_every) {
            streams(lab, round, &mut samples);
        }
        eprintln!("bench: round {} of {}, {} s", round + 1, plan.rounds, start.elapsed().as_secs());
    }
    samples
}

fn transactions(lab: &Lab, plan: &Plan, round: usize, cell: (Mode, usize), samples: &mut Samples) {
    let (mode, clients) = cell;
    let every = if clients == 1 { plan.others_alone_every } else { plan.others_every };
    let mut systems = lab.first();
    if round.is_multiple_of(every) {
        systems.extend(lab.others());
    }
    for system in turned(systems, round) {
        let run = pgbench::run(&lab.variables(system), mode, clients, Length::Seconds(RUN_SECONDS));
        samples.add(Measure::Tps { mode, clients }, system, round, run.tps);
    }
}

fn streams(lab: &Lab, round: usize, samples: &mut Samples) {
    for long in Stream::ALL {
        for system in turned(vec![System::Direct, System::POOLER, System::GATEWAY], round) {
            let seconds = proof::stream(&mut proof::client(lab, system), system, long);
            samples.add(Measure::Stream(long), system, round, seconds);
        }
    }
}

// The order of a round: each begins with another system, and every other one goes backwards.
fn turned(mut systems: Vec<System>, round: usize) -> Vec<System> {
    let count = systems.len().max(1);
    systems.rotate_left(round % count);
    if round % 2 == 1 {
        systems.reverse();
    }
    systems
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_system_has_every_place() {
        let systems = vec![System::Direct, System::POOLER, System::GATEWAY];
        let mut places = BTreeSet::new();
        for round in 0..20 {
            let order = turned(systems.clone(), round);
            places.extend(order.into_iter().enumerate());
        }
        assert_eq!(places.len(), 9);
    }
}
