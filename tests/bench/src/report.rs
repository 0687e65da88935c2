//! The tables, in the form that the README takes, and everything as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::database;
use crate::floor::WRITERS;
use crate::machine::Machine;
use crate::options::Plan;
use crate::proof::Entries;
use crate::ratios::{self, Ratio};
use crate::rounds::{CLIENTS, RUN_SECONDS};
use crate::samples::Samples;
use crate::stats::{Estimate, WANTED};
use crate::system::{Durability, Measure, Mode, Stream, System, Way};

/// Everything that a run found.
#[derive(Debug, Clone)]
pub struct Found {
    /// How much was measured.
    pub plan: Plan,
    /// On what.
    pub machine: Machine,
    /// Idle connections.
    pub memory: Memory,
    /// What the ledger takes.
    pub entries: Entries,
    /// Every number.
    pub samples: Samples,
}

/// Resident memory of an idle connection, KiB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Connections that it was measured with.
    pub idle: usize,
    /// Of the broker.
    pub ours_kib: f64,
    /// Of pgbouncer.
    pub pgbouncer_kib: f64,
}

const SYSTEMS: [System; 9] = [
    System::Direct,
    System::Pgbouncer(Way::Plain),
    System::Ours(Durability::Os, Way::Plain),
    System::Ours(Durability::Durable, Way::Plain),
    System::Pgbouncer(Way::Tls),
    System::Ours(Durability::Os, Way::Tls),
    System::Ours(Durability::Durable, Way::Tls),
    System::Ours(Durability::Os, Way::Tunnel),
    System::Ours(Durability::Durable, Way::Tunnel),
];

/// All tables.
#[must_use]
pub fn table(found: &Found) -> String {
    let Found { plan, machine, samples, .. } = found;
    let mut out = String::new();
    let interval = if sure(samples) {
        "in brackets the 95 % interval of the median"
    } else {
        "in brackets the whole range: too few rounds for an interval"
    };
    line(&mut out, &format!("{}.", machine.sentence()));
    line(
        &mut out,
        &format!(
            "`pgbench -S`, scale {}, runs of {RUN_SECONDS} s, {} alternating rounds; medians, {interval}. `ours` has \
             ledger, masking and policy on: `durable` syncs the ledger before it answers, `os` leaves that to the \
             operating system. Ratios are formed within each round.",
            database::SCALE,
            plan.rounds
        ),
    );
    for clients in CLIENTS {
        let s = if clients == 1 { "" } else { "s" };
        head(&mut out, &format!("transactions a second, {clients} client{s}"), &Mode::ALL.map(Mode::as_str));
        for system in SYSTEMS {
            let cells = Mode::ALL.map(|mode| samples.median(Measure::Tps { mode, clients }, system));
            row(&mut out, &system.to_string(), &cells, thousands);
        }
    }
    for clients in CLIENTS {
        let s = if clients == 1 { "" } else { "s" };
        head(&mut out, &format!("÷ pgbouncer, {clients} client{s}"), &Mode::ALL.map(Mode::as_str));
        for system in SYSTEMS.into_iter().filter(|s| *s != System::POOLER) {
            let cells = Mode::ALL
                .map(|mode| ratios::rate(samples, Measure::Tps { mode, clients }, system, System::POOLER));
            row(&mut out, &system.to_string(), &cells, hundredths);
        }
    }
    latency(&mut out, samples);
    streams(&mut out, samples);
    rest(&mut out, found);
    out.push('\n');
    out
}

fn sure(samples: &Samples) -> bool {
    let first = samples.median(Measure::Tps { mode: Mode::Simple, clients: 16 }, System::Direct);
    first.is_some_and(|e| e.coverage >= WANTED)
}

fn latency(out: &mut String, samples: &Samples) {
    head(out, "added to a transaction of 1 client, µs", &Mode::ALL.map(Mode::as_str));
    let added = |of: System, to: System| Mode::ALL.map(|mode| ratios::added_us(samples, mode, of, to));
    let os = System::Ours(Durability::Os, Way::Plain);
    for system in [System::POOLER, os, System::GATEWAY] {
        row(out, &system.to_string(), &added(system, System::Direct), thousands);
    }
    row(out, "of that by syncing the ledger", &added(System::GATEWAY, os), thousands);
    for system in [os, System::GATEWAY] {
        let cells = Mode::ALL.map(|mode| ratios::added_ratio(samples, mode, system));
        row(out, &format!("{system} ÷ pgbouncer"), &cells, hundredths);
    }
}

fn streams(out: &mut String, samples: &Samples) {
    let what = format!("{} rows with a card number, s", thousands(u32_of(database::ROWS)));
    head(out, &what, &["COPY out", "SELECT"]);
    for system in [System::Direct, System::POOLER, System::GATEWAY] {
        let cells = Stream::ALL.map(|stream| samples.median(Measure::Stream(stream), system));
        row(out, &system.to_string(), &cells, hundredths);
    }
    let cells = Stream::ALL
        .map(|stream| ratios::rate(samples, Measure::Stream(stream), System::GATEWAY, System::Direct));
    row(out, "ours ÷ direct, rows a second", &cells, hundredths);
}

fn rest(out: &mut String, found: &Found) {
    let Found { memory, entries, samples, .. } = found;
    head(out, "ledger and memory", &["measured"]);
    let cell = |out: &mut String, what: &str, value: &str| {
        let _ = writeln!(out, "| {what} | {value} |");
    };
    let per = Mode::ALL.map(|mode| format!("{} {:.2}", mode.as_str(), entries.of(mode))).join(", ");
    cell(out, "entries of a transaction", &per);
    let bytes = thousands(u32_of(entries.bytes as u64));
    let what = format!("entries of {bytes} bytes a second that {WRITERS} writers make durable on this disk");
    row(out, &what, &[samples.median(Measure::Floor, System::Disk)], thousands);
    for mode in Mode::ALL {
        let what = format!("entries a second of ours-durable, {}, 16 clients ÷ that", mode.as_str());
        row(out, &what, &[ratios::floor(samples, entries, mode)], hundredths);
    }
    for (system, kib) in [("pgbouncer", memory.pgbouncer_kib), ("ours", memory.ours_kib)] {
        let what = format!("KiB resident for an idle connection, {system}, of {}", memory.idle);
        cell(out, &what, &format!("{kib:.1}"));
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{text}");
}

fn head(out: &mut String, what: &str, columns: &[&str]) {
    let _ = writeln!(out, "\n| {what} | {} |\n|---{}|", columns.join(" | "), "|---:".repeat(columns.len()));
}

// A row; none when nothing of it was measured.
fn row(out: &mut String, what: &str, cells: &[Option<Estimate>], number: impl Fn(f64) -> String) {
    if cells.iter().all(Option::is_none) {
        return;
    }
    let text = |cell: &Option<Estimate>| match cell {
        None => "–".to_owned(),
        Some(e) if e.count == 1 => number(e.median),
        Some(e) => format!("{} ({}–{})", number(e.median), number(e.low), number(e.high)),
    };
    let cells: Vec<String> = cells.iter().map(text).collect();
    let _ = writeln!(out, "| {what} | {} |", cells.join(" | "));
}

fn u32_of(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value.is_sign_negative() && digits != "0" { format!("-{out}") } else { out }
}

/// Everything, for other programs.
#[must_use]
pub fn json(found: &Found, ratios: &[Ratio]) -> Value {
    let Found { plan, machine, memory, entries, samples } = found;
    json!({
        "machine": machine.json(),
        "rounds": plan.rounds,
        "run_seconds": RUN_SECONDS,
        "entry_bytes": entries.bytes,
        "entries_per_transaction": Value::Object(
            Mode::ALL.iter().map(|mode| (mode.as_str().to_owned(), json!(entries.of(*mode)))).collect(),
        ),
        "idle_connections": memory.idle,
        "kib_per_idle_connection": { "ours": memory.ours_kib, "pgbouncer": memory.pgbouncer_kib },
        "samples": samples.json(),
        "ratios": ratios.iter().map(Ratio::json).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0.4, 999.0, 27_812.4, 1_234_567.0].map(thousands), ["0", "999", "27,812", "1,234,567"]);
        assert_eq!([-0.2, -1500.0].map(thousands), ["0", "-1,500"]);
    }

    #[test]
    fn rows_say_what_was_measured() {
        let estimate = Estimate { median: 0.954, low: 0.9, high: 1.0, coverage: 0.96, count: 20 };
        let once = Estimate { count: 1, ..estimate };
        let mut out = String::new();
        head(&mut out, "what", &["a", "b", "c"]);
        row(&mut out, "x", &[Some(estimate), Some(once), None], hundredths);
        row(&mut out, "y", &[None, None, None], hundredths);
        let expected = "\n| what | a | b | c |\n|---|---:|---:|---:|\n| x | 0.95 (0.90–1.00) | 0.95 | – |\n";
        assert_eq!(out, expected);
    }
}
