//! The ratios that are the last lines of a run. Above one is good for rates; added latency is better below.

use serde_json::{Value, json};

use crate::proof::Entries;
use crate::rounds::CLIENTS;
use crate::samples::Samples;
use crate::stats::Estimate;
use crate::system::{Durability, Measure, Mode, Stream, System, Way};

/// One ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// What is compared.
    pub name: String,
    /// With what: `ours/pgbouncer`.
    pub of: &'static str,
    /// Its median and interval over the rounds.
    pub estimate: Estimate,
}

impl Ratio {
    /// The line that tools read.
    #[must_use]
    pub fn line(&self) -> String {
        format!("ratio {} {} {:.3}", self.name, self.of, self.estimate.median)
    }

    /// For `--json`.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self { name, of, estimate: e } = self;
        json!({
            "name": name, "of": of, "median": e.median, "low": e.low, "high": e.high, "coverage": e.coverage,
            "rounds": e.count,
        })
    }
}

/// A system against another within each round, by rate.
#[must_use]
pub fn rate(samples: &Samples, measure: Measure, of: System, to: System) -> Option<Estimate> {
    samples.within([(measure, of), (measure, to)], |[of, to]| match measure {
        Measure::Tps { .. } | Measure::Floor => of / to,
        // Of the same rows, so the rates are the other way round than the times.
        Measure::Stream(_) => to / of,
    })
}

/// What a system adds to the time of one transaction at one client, in microseconds.
#[must_use]
pub fn added_us(samples: &Samples, mode: Mode, of: System, to: System) -> Option<Estimate> {
    let measure = Measure::Tps { mode, clients: 1 };
    samples.within([(measure, of), (measure, to)], |[of, to]| 1e6 / of - 1e6 / to)
}

/// What the gateway adds ÷ what pgbouncer adds.
#[must_use]
pub fn added_ratio(samples: &Samples, mode: Mode, ours: System) -> Option<Estimate> {
    let measure = Measure::Tps { mode, clients: 1 };
    let series = [(measure, ours), (measure, System::POOLER), (measure, System::Direct)];
    samples.within(series, |[ours, theirs, direct]| {
        (ours.recip() - direct.recip()) / (theirs.recip() - direct.recip())
    })
}

/// The durable rate at 16 clients ÷ what the disk alone would allow.
#[must_use]
pub fn floor(samples: &Samples, entries: &Entries, mode: Mode) -> Option<Estimate> {
    let measure = Measure::Tps { mode, clients: 16 };
    let series = [(measure, System::GATEWAY), (Measure::Floor, System::Disk)];
    samples.within(series, |[ours, disk]| ours * entries.of(mode) / disk)
}

/// All of them, in the order in which they are printed.
#[must_use]
pub fn all(samples: &Samples, entries: &Entries) -> Vec<Ratio> {
    let mut all = Vec::new();
    let mut note = |name: String, of: &'static str, estimate: Option<Estimate>| {
        all.extend(estimate.map(|estimate| Ratio { name, of, estimate }));
    };
    for way in [Way::Plain, Way::Tls, Way::Tunnel] {
        for clients in CLIENTS {
            for mode in Mode::ALL {
                for durability in [Durability::Os, Durability::Durable] {
                    let measure = Measure::Tps { mode, clients };
                    let ours = System::Ours(durability, way);
                    let name = format!("{measure}-{durability}{}", way.suffix());
                    note(name.clone(), "ours/pgbouncer", rate(samples, measure, ours, System::POOLER));
                    if way == Way::Tls {
                        let both = rate(samples, measure, ours, System::Pgbouncer(Way::Tls));
                        note(name, "ours/pgbouncer-tls", both);
                    }
                }
            }
        }
    }
    for mode in Mode::ALL {
        for durability in [Durability::Os, Durability::Durable] {
            let name = format!("added-latency-{}-{durability}", mode.as_str());
            note(name, "ours/pgbouncer", added_ratio(samples, mode, System::Ours(durability, Way::Plain)));
        }
    }
    for stream in Stream::ALL {
        let measure = Measure::Stream(stream);
        note(measure.to_string(), "ours/direct", rate(samples, measure, System::GATEWAY, System::Direct));
    }
    for mode in Mode::ALL {
        let name = format!("{}-{}", Measure::Floor, mode.as_str());
        note(name, "ours/disk", floor(samples, entries, mode));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: Entries = Entries { per_transaction: [2.0, 2.0, 2.0], bytes: 700 };

    fn samples() -> Samples {
        let mut samples = Samples::default();
        for round in 0..6 {
            for (clients, direct, pooler, ours) in [(16, 50e3, 28e3, 14e3), (1, 20e3, 10e3, 5e3)] {
                let measure = Measure::Tps { mode: Mode::Simple, clients };
                samples.add(measure, System::Direct, round, direct);
                samples.add(measure, System::POOLER, round, pooler);
                samples.add(measure, System::GATEWAY, round, ours);
                samples.add(measure, System::Ours(Durability::Durable, Way::Tunnel), round, ours / 2.0);
            }
            samples.add(Measure::Stream(Stream::Copy), System::Direct, round, 1.0);
            samples.add(Measure::Stream(Stream::Copy), System::GATEWAY, round, 1.25);
            samples.add(Measure::Floor, System::Disk, round, 56e3);
        }
        samples
    }

    // Worked out by hand: direct takes 50 µs, pgbouncer 100, ours 200; so they add 50 and 150.
    #[test]
    fn lines_are_those_that_tools_read() {
        let lines: Vec<String> = all(&samples(), &ENTRIES).iter().map(Ratio::line).collect();
        assert_eq!(
            lines,
            [
                "ratio simple-c16-durable ours/pgbouncer 0.500",
                "ratio simple-c1-durable ours/pgbouncer 0.500",
                "ratio simple-c16-durable-tunnel ours/pgbouncer 0.250",
                "ratio simple-c1-durable-tunnel ours/pgbouncer 0.250",
                "ratio added-latency-simple-durable ours/pgbouncer 3.000",
                "ratio stream-copy ours/direct 0.800",
                "ratio durable-floor-simple ours/disk 0.500",
            ]
        );
    }

    #[test]
    fn latency_is_a_difference_of_times() {
        let added = added_us(&samples(), Mode::Simple, System::GATEWAY, System::Direct);
        assert!(added.is_some_and(|e| (e.median - 150.0).abs() < 1e-9), "{added:?}");
    }
}
