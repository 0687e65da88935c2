//! Every number of a run, by the round that it came from: two systems are compared within a round, so that what
//! disturbs the machine disturbs both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::stats::{Estimate, estimate};
use crate::system::{Measure, System};

/// All samples.
#[derive(Debug, Clone, Default)]
pub struct Samples(BTreeMap<(Measure, System), BTreeMap<usize, f64>>);

impl Samples {
    /// Notes one number.
    pub fn add(&mut self, measure: Measure, system: System, round: usize, value: f64) {
        self.0.entry((measure, system)).or_default().insert(round, value);
    }

    /// The median of one series.
    #[must_use]
    pub fn median(&self, measure: Measure, system: System) -> Option<Estimate> {
        estimate(&self.0.get(&(measure, system))?.values().copied().collect::<Vec<_>>())
    }

    /// The median of `f` over the rounds in which each of the `series` was measured.
    #[must_use]
    pub fn within<const N: usize>(
        &self,
        series: [(Measure, System); N],
        f: impl Fn([f64; N]) -> f64,
    ) -> Option<Estimate> {
        let rounds: BTreeSet<usize> = self.0.get(series.first()?)?.keys().copied().collect();
        let of_round = |round: &usize| -> Option<[f64; N]> {
            let mut values = [0.0; N];
            for (value, key) in values.iter_mut().zip(&series) {
                *value = *self.0.get(key)?.get(round)?;
            }
            Some(values)
        };
        let values: Vec<f64> = rounds.iter().filter_map(of_round).map(f).filter(|v| v.is_finite()).collect();
        estimate(&values)
    }

    /// All numbers, by measure and system.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut all = Map::new();
        for ((measure, system), series) in &self.0 {
            let of_measure = all.entry(measure.to_string()).or_insert_with(|| json!({}));
            let rounds: Map<String, Value> =
                series.iter().map(|(round, value)| (round.to_string(), json!(value))).collect();
            of_measure[system.to_string()] = Value::Object(rounds);
        }
        Value::Object(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Mode;

    const TPS: Measure = Measure::Tps { mode: Mode::Simple, clients: 16 };

    // A machine that is twice as slow in every other round changes both, and the ratios not at all.
    #[test]
    fn ratios_are_formed_within_rounds() {
        let mut samples = Samples::default();
        for (round, ours) in [900.0, 910.0, 920.0, 930.0, 940.0, 950.0].into_iter().enumerate() {
            let slow = if round % 2 == 0 { 1.0 } else { 0.5 };
            samples.add(TPS, System::GATEWAY, round, ours * slow);
            if round != 4 {
                samples.add(TPS, System::POOLER, round, 1000.0 * slow);
            }
        }
        let ratio = samples
            .within([(TPS, System::GATEWAY), (TPS, System::POOLER)], |[ours, theirs]| ours / theirs)
            .expect("both were measured");
        assert_eq!((ratio.median, ratio.low, ratio.high, ratio.count), (0.92, 0.9, 0.95, 5));
        assert_eq!(samples.median(TPS, System::POOLER).map(|e| e.median), Some(500.0));
        assert_eq!(samples.within([(TPS, System::Direct)], |[v]| v), None);
    }

    #[test]
    fn json_has_every_number() {
        let mut samples = Samples::default();
        samples.add(TPS, System::Direct, 3, 5.0);
        samples.add(Measure::Floor, System::Disk, 0, 7.0);
        let expected =
            json!({ "simple-c16": { "direct": { "3": 5.0 } }, "durable-floor": { "disk": { "0": 7.0 } } });
        assert_eq!(samples.json(), expected);
    }
}
