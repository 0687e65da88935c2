//! `hoop-race [--rounds N]`: each round one held statement, two reviewers who approve it at once and two clients who send
//! it at once, again and again. Exactly one of them may run it. The last line is `double N of M`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a program of the tests")]

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use hoop_harness::broker::PAYMENTS_HELD;
use hoop_harness::tunnel::connect;
use hoop_harness::{Broker, Cluster, Person, Tunnel};
use tokio_postgres::Client;

/// What came of one client's round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    /// It ran the statement.
    Once,
    /// The approval was used up by the other.
    Never,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rounds = match args.as_slice() {
        [] => 1000,
        [option, n] if option == "--rounds" => n.parse().expect("`--rounds` wants a number"),
        _ => {
            eprintln!("usage: hoop-race [--rounds N]");
            return ExitCode::from(2);
        }
    };
    let broker = stage();
    let (bob, ada, eve) =
        (broker.person("bob", "dba,leads"), broker.person("ada", "leads"), broker.person("eve", "leads"));
    let tunnel = bob.connect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let wrong = runtime.block_on(race(rounds, &tunnel, [&ada, &eve]));
    drop(tunnel);
    let before = "SELECT amount::bigint FROM payments WHERE id = 1";
    println!("the row says {} after {rounds} rounds", Cluster::shared().superuser(broker.database(), before));
    broker.stop();
    let key = broker.folder().join("ledger.pub");
    std::fs::write(&key, broker.admin(&["ledger-key"]).ok()).expect("the broker's folder is ours");
    let (ledger, key) = (broker.ledger(), key);
    print!(
        "{}",
        bob.run(&["audit", "verify", &ledger.to_string_lossy(), "--key", &key.to_string_lossy()]).ok()
    );
    println!("double {wrong} of {rounds}");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn stage() -> Broker {
    let broker = Broker::prepare();
    broker.add_rules(PAYMENTS_HELD);
    // Who comes second in a round asks anew.
    broker.change("limits", "approvals_per_principal", "10000");
    broker.change("limits", "approvals", "100000");
    broker.start_again();
    Cluster::shared().superuser(broker.database(), "UPDATE payments SET amount = 0 WHERE id = 1");
    broker
}

/// Rounds in which not exactly one of the two ran.
async fn race(rounds: u32, tunnel: &Tunnel, reviewers: [&Person; 2]) -> u32 {
    let config = tunnel.config();
    let one = connect(&config).await.expect("a connection");
    let two = connect(&config).await.expect("a connection");
    let mut wrong = 0;
    for round in 1..=rounds {
        let text = format!("UPDATE payments SET amount = amount + 1 WHERE id = 1 AND {round} > 0");
        let id = pending(&one, &text).await.expect("it is held");
        let decided = thread::scope(|scope| {
            for reviewer in reviewers {
                scope.spawn(|| reviewer.run(&["approve", &id, "--yes"]));
            }
            // The clients run meanwhile, on the runtime's own threads.
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current()
                    .block_on(async { tokio::join!(consume(&one, &text, &id), consume(&two, &text, &id)) })
            })
        });
        if decided != (Ran::Once, Ran::Never) && decided != (Ran::Never, Ran::Once) {
            eprintln!("round {round}: {decided:?}");
            wrong += 1;
        }
    }
    wrong
}

/// The approval that the statement waits for, `None` when it ran.
async fn pending(client: &Client, text: &str) -> Option<String> {
    match client.batch_execute(text).await {
        Ok(()) => None,
        Err(error) => {
            let error = error.as_db_error().unwrap_or_else(|| panic!("the connection is lost: {error}"));
            let detail = error.detail().unwrap_or_else(|| panic!("no detail: {error}"));
            let id = detail.split(' ').nth(1).unwrap_or_else(|| panic!("no approval: {detail}"));
            Some(id.to_owned())
        }
    }
}

/// Sends the statement until it runs, or until it would need another approval.
async fn consume(client: &Client, text: &str, id: &str) -> Ran {
    loop {
        match pending(client, text).await {
            None => return Ran::Once,
            Some(other) if other != id => return Ran::Never,
            Some(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}
