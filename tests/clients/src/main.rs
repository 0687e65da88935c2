//! PostgreSQL's own clients and the drivers of five languages, each with a script of what it can do: the transcript
//! through the gateway must be the one from straight at the server, but for the masks.
//!
//! Three pools besides, HikariCP, asyncpg's and Django, as they are by default, whose statements are held: what waits,
//! what is refused, and whether their connections live on.
//!
//! `hoop-clients [--hold SECONDS] [NAME…]`, called by `./dev clients`; `--hold` is for how long reviewers let the pools
//! wait. With `CI=true` a missing runtime is a failure.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test program: a premise that does not hold is a failed test, and says where"
)]

mod client;
mod holds;
mod masks;
mod pool;
mod way;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::time::Duration;

use hoop_harness::program::{self, Done};

use self::client::Client;
use self::holds::{Road, Scene};
use self::pool::Pool;
use self::way::{Way, Ways};

/// Lines of a difference that are shown.
const SHOWN: usize = 200;

/// What the command line asks for.
#[derive(Debug, Default)]
struct Chosen {
    clients: Vec<Client>,
    pools: Vec<Pool>,
    hold: Duration,
}

fn main() -> ExitCode {
    let chosen = match chosen(std::env::args().skip(1)) {
        Ok(chosen) => chosen,
        Err(message) => {
            eprintln!("clients: {message}");
            return ExitCode::from(2);
        }
    };
    let mut held = Vec::new();
    // A script that hangs or a part that does not start is a failure of this client only.
    if !chosen.clients.is_empty() {
        let ways = Ways::open();
        for client in chosen.clients {
            let compared = catch_unwind(AssertUnwindSafe(|| compare(client, &ways)));
            held.extend(compared.unwrap_or_else(|_| vec![false]));
        }
    }
    if !chosen.pools.is_empty() {
        let scene = Scene::open();
        for pool in chosen.pools {
            let told = catch_unwind(AssertUnwindSafe(|| wait(pool, &scene, chosen.hold)));
            held.extend(told.unwrap_or_else(|_| vec![false]));
        }
    }
    let passed = held.iter().filter(|h| **h).count();
    println!("{passed} passed, {} failed", held.len() - passed);
    if passed == held.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn chosen(arguments: impl Iterator<Item = String>) -> Result<Chosen, String> {
    let mut chosen = Chosen::default();
    let mut arguments = arguments.peekable();
    while let Some(name) = arguments.next() {
        if name == "--hold" {
            let seconds = arguments.next().and_then(|s| s.parse().ok());
            chosen.hold = Duration::from_secs(seconds.ok_or("`--hold` takes a number of seconds")?);
        } else if let Some(client) = client::ALL.into_iter().find(|c| c.name() == name) {
            chosen.clients.push(client);
        } else if let Some(pool) = pool::ALL.into_iter().find(|p| p.name() == name) {
            chosen.pools.push(pool);
        } else {
            let all: Vec<_> =
                client::ALL.map(Client::name).into_iter().chain(pool::ALL.map(Pool::name)).collect();
            return Err(format!("unknown client `{name}`; there are: {}", all.join(", ")));
        }
    }
    if chosen.clients.is_empty() && chosen.pools.is_empty() {
        chosen.clients.extend(client::ALL);
        chosen.pools.extend(pool::ALL);
    }
    Ok(chosen)
}

/// What is missing for a client, and whether that is a failure.
fn missing(name: &str, what: &str) -> Vec<bool> {
    let must = std::env::var_os("CI").is_some_and(|v| v == "true");
    println!("{name:<15} {} ({what})", if must { "MISSING" } else { "skipped" });
    if must { vec![false] } else { Vec::new() }
}

/// Has the statements of a pool held on every road; for each, whether it went as documented.
fn wait(pool: Pool, scene: &Scene, hold: Duration) -> Vec<bool> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = match pool.prepare(folder.path()) {
        Ok(words) => words,
        Err(what) => return missing(pool.name(), &what),
    };
    [Road::Waiting, Road::Plain, Road::Native, Road::Masked]
        .into_iter()
        .map(|road| {
            let told = catch_unwind(AssertUnwindSafe(|| holds::tell(scene, pool, &words, road, hold)));
            println!("{:<15} {:<8} {}", pool.name(), road.name(), told.as_deref().unwrap_or("FAILED"));
            told.is_ok()
        })
        .collect()
}

/// Runs one client along every way; for each way through the gateway, whether it held.
fn compare(client: Client, ways: &Ways) -> Vec<bool> {
    let name = client.name();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = match client.prepare(folder.path()) {
        Ok(words) => words,
        Err(what) => return missing(name, &what),
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
            let seen = masks::untold(&transcript(&client.run(&words, ways, way)));
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
