//! From the command line to the last line.

use std::io::Write as _;
use std::panic;
use std::path::Path;
use std::process::ExitCode;

use hoop_harness::program::workspace;

use crate::lab::Lab;
use crate::memory;
use crate::options::Options;
use crate::proof;
use crate::ratios;
use crate::readme;
use crate::report::{self, Found, Memory};
use crate::rounds;
use crate::system::System;

/// Runs the bench.
pub fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("bench: {message}");
            return ExitCode::from(2);
        }
    };
    panic::set_hook(Box::new(|info| {
        eprintln!("bench: {}", info.payload_as_str().unwrap_or("a part of the bench failed"));
    }));
    // Unwinding ends what was started.
    match panic::catch_unwind(|| measure(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn measure(options: &Options) {
    let plan = options.plan();
    // What cannot be kept is better known before than after half an hour.
    if let Some(file) = &options.json {
        std::fs::write(file, "").unwrap_or_else(|e| panic!("cannot write `{}`: {e}", file.display()));
    }
    let readme = workspace().join("README.md");
    if !options.quick {
        with_table(&readme, "").unwrap_or_else(|message| panic!("{message}"));
    }
    eprintln!("bench: starting PostgreSQL, pgbouncer and the brokers, and filling the tables");
    let lab = Lab::start(plan.idle);
    if lab.os.is_none() {
        eprintln!("bench: this broker does not know `durability = \"os\"`; its rows are left out");
    }
    // First, while no process holds memory that it needed for something else.
    let memory = Memory {
        idle: plan.idle,
        ours_kib: memory::kib_per_connection(lab.durable.pid(), &lab.endpoint(System::GATEWAY), plan.idle),
        pgbouncer_kib: memory::kib_per_connection(lab.pooler.pid(), &lab.endpoint(System::POOLER), plan.idle),
    };
    eprintln!("bench: making sure that answers are masked and statements recorded");
    let entries = proof::check(&lab);
    let samples = rounds::run(&lab, &plan, &entries);
    let found = Found { plan, machine: lab.machine(), memory, entries, samples };
    drop(lab);

    let table = report::table(&found);
    let ratios = ratios::all(&found.samples, &found.entries);
    let lines: String = ratios.iter().map(|r| r.line() + "\n").collect();
    say(&table);
    if let Some(file) = &options.json {
        write(file, &format!("{:#}\n", report::json(&found, &ratios)));
    }
    if !options.quick {
        write(&readme, &with_table(&readme, &table).unwrap_or_else(|message| panic!("{message}")));
    }
    // Last, for whoever reads only the end.
    say(&lines);
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).expect("standard output takes it");
}

fn with_table(file: &Path, table: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("`{}`: {e}", file.display()))?;
    readme::with_table(&text, table)
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap_or_else(|e| panic!("cannot write `{}`: {e}", file.display()));
    eprintln!("bench: wrote {}", file.display());
}
