//! `./dev bench`: PostgreSQL itself, pgbouncer and the gateway measured in one run, by turns.
//!
//! It only reports. Everything that it starts is on loopback, is its own, and ends with it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a premise that does not hold ends the run: half a measurement is none"
)]

mod database;
mod floor;
mod gateway;
mod lab;
mod machine;
mod memory;
mod options;
mod pgbench;
mod pooler;
mod proof;
mod ratios;
mod readme;
mod report;
mod rounds;
mod run;
mod samples;
mod stats;
mod system;
mod wire;

fn main() -> std::process::ExitCode {
    run::main()
}
