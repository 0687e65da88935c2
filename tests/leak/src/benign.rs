//! Ordinary statements: the same answer as from a direct connection, or one of the same shape where masks stand in it.

use std::path::Path;

use serde_json::{Value, json};

use crate::corpus::{self, Row};
use crate::options::Options;
use crate::seen::Seen;
use crate::stage::{Road, Stage};
use crate::wire::Mode;

/// How it went, over all files and modes.
#[derive(Debug, Default)]
pub struct Tally {
    pub all: usize,
    pub changed: usize,
    pub refused: usize,
}

/// Runs all ordinary statements.
pub fn run(stage: &Stage, options: &Options, told: &mut Vec<Value>) -> Tally {
    let mut tally = Tally::default();
    for file in &options.benign {
        let rows: Vec<Row> = corpus::read(file).into_iter().filter(|r| options.wants(&r.name)).collect();
        for mode in &options.modes {
            one_file(stage, file, &rows, *mode, &mut tally, told);
        }
    }
    tally
}

fn one_file(stage: &Stage, file: &Path, rows: &[Row], mode: Mode, tally: &mut Tally, told: &mut Vec<Value>) {
    let (mut changed, mut refused) = (0, 0);
    for row in rows {
        let ours = Seen::of(&stage.way(Road::Gateway, 0), &row.sql, mode);
        if row.is_dirty() {
            stage.put_back();
        }
        let plain = Seen::of(&stage.way(Road::Direct, 0), &row.sql, mode);
        if row.is_dirty() {
            stage.put_back();
        }
        let verdict = verdict(row, &ours, &plain);
        match verdict {
            "changed" => changed += 1,
            "refused" => refused += 1,
            _ => {}
        }
        if !verdict.is_empty() {
            let why = if ours.failed() { ours.error() } else { String::new() };
            let sql: String = row.sql.chars().take(110).collect();
            println!("{} {} ({}): {sql}\n    {why}", verdict.to_uppercase(), row.name, mode.as_str());
        }
        told.push(json!({
            "file": file.display().to_string(), "name": row.name, "mode": mode.as_str(), "expect": row.word,
            "verdict": verdict, "ours": ours.messages.join(" "), "direct": plain.messages.join(" "),
        }));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    println!("{name} {}: changed {changed}, refused {refused} of {}", mode.as_str(), rows.len());
    tally.all += rows.len();
    tally.changed += changed;
    tally.refused += refused;
}

fn verdict(row: &Row, ours: &Seen, plain: &Seen) -> &'static str {
    if row.word == "refused" {
        // What must not be let through: it destroys card data.
        return if ours.failed() { "" } else { "changed" };
    }
    if ours.failed() && !plain.failed() {
        return "refused";
    }
    let same = match row.word.as_str() {
        "masked" => ours.shape().len() == plain.shape().len(),
        _ => ours.shape() == plain.shape(),
    };
    if same { "" } else { "changed" }
}
