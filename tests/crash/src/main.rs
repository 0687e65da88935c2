//! Kills the broker with `kill -9` at random moments, starts it again, and asks whether it kept its word: whatever a
//! client was told is in the verified ledger, whatever stands in the database was recorded before it ran, and what was
//! open is closed as unknown.
//!
//! `hoop-crash [--rounds N] [--seed S]`; the last line on stdout is `lost N of M`. A killed process leaves the page
//! cache behind, so this says nothing about `fsync`: that a flush which the disk lost is noticed takes another test.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "test code: a premise that does not hold ends the run, and says where"
)]

mod book;
mod check;
mod client;
mod journal;
mod plan;
mod world;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use check::Found;
use plan::Dice;
use world::World;

/// Faults of a round that are told one by one.
const TOLD: usize = 20;

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok((rounds, seed)) => run(rounds, seed),
        Err(wrong) => {
            eprintln!("crash: {wrong}; usage: hoop-crash [--rounds N] [--seed S]");
            ExitCode::from(2)
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<(u64, u64), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (mut rounds, mut seed) = (10, now);
    while let Some(name) = arguments.next() {
        let slot = match name.as_str() {
            "--rounds" => &mut rounds,
            "--seed" => &mut seed,
            _ => return Err(format!("unknown option `{name}`")),
        };
        let value = arguments.next().unwrap_or_default();
        *slot = value.parse().map_err(|_| format!("`{name}` wants a number and got `{value}`"))?;
    }
    if rounds == 0 { Err("`--rounds` wants at least 1".to_owned()) } else { Ok((rounds, seed)) }
}

fn run(rounds: u64, seed: u64) -> ExitCode {
    eprintln!("crash: {rounds} rounds, seed {seed}");
    let mut found = Found::default();
    for life in plan::rounds(rounds, &mut Dice::new(seed)).chunks(usize::try_from(plan::LIFE).unwrap_or(1)) {
        let mut world = World::new(std::mem::take(&mut found));
        for round in life {
            let before = world.found.faults.len();
            eprintln!("{}", world.round(round));
            tell(&world.found.faults[before..]);
        }
        let before = world.found.faults.len();
        world.stop();
        world.verify();
        tell(&world.found.faults[before..]);
        if !world.found.faults.is_empty() {
            eprintln!("ledger and journals of this broker are in {}", world.keep().display());
        }
        found = std::mem::take(&mut world.found);
    }
    println!("lost {} of {}", found.lost, found.acknowledged);
    if found.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(faults: &[String]) {
    for fault in faults.iter().take(TOLD) {
        eprintln!("FAULT: {fault}");
    }
    if faults.len() > TOLD {
        eprintln!("FAULT: and {} more", faults.len() - TOLD);
    }
}
