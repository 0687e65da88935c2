//! One short run of `pgbench -S`.

use std::path::PathBuf;
use std::process::Command;

use crate::system::Mode;

/// What pgbench counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Transactions a second, without the time that connecting took.
    pub tps: f64,
    /// Transactions that were done.
    pub transactions: u64,
}

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// By the clock.
    Seconds(usize),
    /// By what each client does.
    Transactions(usize),
}

/// The newest pgbench: Debian's own name for it is a script that would be started first each time.
#[must_use]
pub fn program() -> String {
    let version =
        |path: &PathBuf| -> Option<u32> { path.components().nth_back(2)?.as_os_str().to_str()?.parse().ok() };
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = installed.map(|entry| entry.path().join("bin/pgbench")).filter(|p| p.is_file());
    let newest = programs.max_by_key(version);
    newest.and_then(|p| p.to_str().map(str::to_owned)).unwrap_or_else(|| "pgbench".to_owned())
}

/// Runs it with `clients`; `variables` say where to.
///
/// # Panics
/// When it fails, or a transaction does.
pub fn run(variables: &[(String, String)], mode: Mode, clients: usize, length: Length) -> Run {
    let mut command = Command::new(program());
    command.args(["-S", "-n", "-M", mode.as_str()]);
    let (option, count) = match length {
        Length::Seconds(count) => ("-T", count),
        Length::Transactions(count) => ("-t", count),
    };
    command.args(["-c", &clients.to_string(), "-j", &clients.min(2).to_string(), option, &count.to_string()]);
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("PG")) {
        command.env_remove(key);
    }
    command.envs(variables.iter().map(|(k, v)| (k, v))).env("LC_ALL", "C");
    let done = hoop_harness::program::run(&mut command, b"");
    let text = done.ok();
    parse(&text)
        .unwrap_or_else(|| panic!("pgbench says no rate, or failed in part:\n{text}\n{}", done.stderr))
}

// From PostgreSQL 15 on it says "without initial connection time" and counts failed transactions; earlier ones print
// two rates, of which one excludes connecting.
fn parse(text: &str) -> Option<Run> {
    let after = |label: &str| text.lines().filter_map(|l| l.strip_prefix(label)).collect::<Vec<_>>();
    if after("number of failed transactions: ").iter().any(|rest| !rest.starts_with("0 ")) {
        return None;
    }
    let excludes = |rate: &&str| rate.contains("without initial") || rate.contains("excluding");
    let rate = after("tps = ").into_iter().find(excludes)?;
    // With `-t` it says `done/asked`.
    let transactions = after("number of transactions actually processed: ").first()?.split('/').next()?;
    Some(Run { tps: rate.split(' ').next()?.parse().ok()?, transactions: transactions.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_old_and_new() {
        let new = "pgbench (15.8)\nnumber of transactions actually processed: 1500\n\
                   number of failed transactions: 0 (0.000%)\nlatency average = 0.1 ms\n\
                   initial connection time = 20.1 ms\ntps = 27000.5 (without initial connection time)\n";
        assert_eq!(parse(new), Some(Run { tps: 27000.5, transactions: 1500 }));
        let counted = new.replace("1500", "1500/1500");
        assert_eq!(parse(&counted), parse(new));
        let old = "number of transactions actually processed: 10\ntps = 1.0 (including connections establishing)\n\
                   tps = 2.0 (excluding connections establishing)\n";
        assert_eq!(parse(old), Some(Run { tps: 2.0, transactions: 10 }));
    }

    #[test]
    fn failed_transactions_are_no_rate() {
        let failed = "number of transactions actually processed: 9\nnumber of failed transactions: 1 (10.000%)\n\
                      tps = 9.0 (without initial connection time)\n";
        assert_eq!(parse(failed), None);
        assert_eq!(parse("nothing"), None);
    }
}
