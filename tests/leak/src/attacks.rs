//! Attacks: against both twins through the gateway, and straight at the servers to see that they have power at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::corpus::{self, Row};
use crate::options::Options;
use crate::seen::Seen;
use crate::stage::{Road, Stage};
use crate::wire::Mode;

/// A difference in time that counts.
const TIMING: Duration = Duration::from_millis(250);

/// How it went, over all files and modes.
#[derive(Debug, Default)]
pub struct Tally {
    pub all: usize,
    pub leaks: usize,
}

/// How one attack went.
struct Tried {
    leak: Option<&'static str>,
    power: bool,
    refused: Option<String>,
    answer: String,
}

/// Runs all attacks.
pub fn run(stage: &Stage, options: &Options, told: &mut Vec<Value>) -> Tally {
    let mut tally = Tally::default();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for file in &options.attacks {
        let rows: Vec<Row> = corpus::read(file).into_iter().filter(|r| options.wants(&r.name)).collect();
        for mode in &options.modes {
            one_file(stage, file, &rows, *mode, &mut tally, &mut reasons, told);
        }
    }
    for (reason, n) in reasons {
        println!("refused {n:4} {reason}");
    }
    tally
}

fn one_file(
    stage: &Stage,
    file: &Path,
    rows: &[Row],
    mode: Mode,
    tally: &mut Tally,
    reasons: &mut BTreeMap<String, usize>,
    told: &mut Vec<Value>,
) {
    let (mut leaks, mut refused, mut powerless) = (0, 0, 0);
    for row in rows {
        let tried = attack(stage, row, mode);
        if !tried.power {
            powerless += 1;
            println!("WITHOUT POWER {} ({}): {}", row.name, mode.as_str(), short(&row.sql));
        }
        if let Some(how) = tried.leak {
            leaks += 1;
            println!("LEAK {} ({}, {how}): {}", row.name, mode.as_str(), short(&row.sql));
        }
        if let Some(reason) = &tried.refused {
            refused += 1;
            *reasons.entry(reason.clone()).or_default() += 1;
        }
        told.push(json!({
            "file": file.display().to_string(), "name": row.name, "mode": mode.as_str(), "class": row.word,
            "leak": tried.leak, "power": tried.power, "refused": tried.refused, "answer": tried.answer,
        }));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ran = rows.len() - refused;
    println!(
        "{name} {}: ran {ran}, refused {refused}, without power {powerless}, leaks {leaks} of {}",
        mode.as_str(),
        rows.len()
    );
    tally.all += rows.len();
    tally.leaks += leaks;
}

fn attack(stage: &Stage, row: &Row, mode: Mode) -> Tried {
    let both = |road: Road| {
        let [a, b] = [0, 1].map(|twin| Seen::of(&stage.way(road, twin), &row.sql, mode));
        if row.is_dirty() {
            stage.put_back();
        }
        (a, b)
    };
    let slower = |(a, b): &(Seen, Seen)| a.took.abs_diff(b.took) > TIMING;
    let differs = |road: Road| {
        let first = both(road);
        let how = if first.0.messages != first.1.messages {
            Some("differs")
        } else if slower(&first) && (0..2).all(|_| slower(&both(road))) {
            Some("timing")
        } else {
            None
        };
        (first, how)
    };
    let (seen, leak) = differs(Road::Gateway);
    let (_, power) = differs(Road::Direct);
    Tried {
        leak,
        power: power.is_some(),
        refused: seen.0.failed().then(|| seen.0.error()),
        answer: seen.0.messages.join(" ").chars().take(300).collect(),
    }
}

fn short(sql: &str) -> String {
    sql.chars().take(110).collect()
}
