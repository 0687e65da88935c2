//! PostgreSQL's own clients and the drivers of five languages, each with a script of what it can do: the transcript
//! through the gateway must be the one from straight at the server, but for the masks.
//!
//! `hoop-clients [NAME…]`, called by `./dev clients`. With `CI=true` a missing runtime is a failure.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test program: a premise that does not hold is a failed test, and says where"
)]

mod client;
mod masks;
mod way;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};

use hoop_harness::program::{self, Done};

use self::client::{ALL, Client};
use self::way::{Way, Ways};

/// Lines of a difference that are shown.
const SHOWN: usize = 200;

fn main() -> ExitCode {
    let clients = match chosen(std::env::args().skip(1)) {
        Ok(clients) => clients,
        Err(message) => {
            eprintln!("clients: {message}");
            return ExitCode::from(2);
        }
    };
    let ways = Ways::open();
    let (mut passed, mut failed) = (0, 0);
    for client in clients {
        // A script that hangs or a part that does not start is a failure of this client only.
        let held = catch_unwind(AssertUnwindSafe(|| compare(client, &ways))).unwrap_or_else(|_| vec![false]);
        passed += held.iter().filter(|h| **h).count();
        failed += held.iter().filter(|h| !**h).count();
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn chosen(names: impl Iterator<Item = String>) -> Result<Vec<Client>, String> {
    let all = ALL.map(Client::name).join(", ");
    let find = |name: String| {
        ALL.into_iter()
            .find(|c| c.name() == name)
            .ok_or_else(|| format!("unknown client `{name}`; there are: {all}"))
    };
    let named: Vec<_> = names.map(find).collect::<Result<_, _>>()?;
    Ok(if named.is_empty() { ALL.to_vec() } else { named })
}

/// Runs one client along every way; for each way through the gateway, whether it held.
fn compare(client: Client, ways: &Ways) -> Vec<bool> {
    let name = client.name();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = match client.prepare(folder.path()) {
        Ok(words) => words,
        Err(missing) => {
            let must = std::env::var_os("CI").is_some_and(|v| v == "true");
            println!("{name:<15} {} ({missing})", if must { "MISSING" } else { "skipped" });
            return if must { vec![false] } else { Vec::new() };
        }
    };
    let direct = client.run(&words, ways, Way::Direct);
    if direct.code != 0 {
        println!("{name:<15} direct   FAILED\n{}", transcript(&direct));
        return vec![false];
    }
    let expected = masks::applied(&transcript(&direct));
    [Way::Connect, Way::Native]
        .into_iter()
        .map(|way| {
            let seen = transcript(&client.run(&words, ways, way));
            let same = seen == expected;
            let word = if same { "same" } else { "DIFFERENT" };
            println!("{name:<15} {:<8} {word}, {} lines", way.name(), expected.lines().count());
            if !same {
                println!("{}", difference(&expected, &seen));
            }
            same
        })
        .collect()
}

/// All that a script said and how it ended.
fn transcript(done: &Done) -> String {
    format!("{}--- stderr\n{}--- exit code {}\n", done.text(), done.stderr, done.code)
}

fn difference(expected: &str, seen: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in [("direct-masked", expected), ("through-the-gateway", seen)] {
        std::fs::write(folder.path().join(name), text).expect("the folder is ours");
    }
    let mut diff = Command::new("diff");
    diff.args(["-a", "-U", "2", "direct-masked", "through-the-gateway"]).current_dir(folder.path());
    let text = program::run(&mut diff, b"").text();
    let shown: Vec<_> = text.lines().skip(2).take(SHOWN).collect();
    let left = text.lines().count().saturating_sub(2 + SHOWN);
    let tail = if left > 0 { format!("\n… and {left} lines more") } else { String::new() };
    shown.join("\n") + &tail
}
