//! kill -9 under load: what a client was told, the ledger has.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use hoop_harness::{Cluster, Tunnel, program};

use crate::support::{administrator, entries, events, ledger_key, verify};

/// Clients at once, each with a relation of its own, so that the ledger, which keeps no constants, can tell them apart.
const CLIENTS: [&str; 4] = ["journal_a", "journal_b", "journal_c", "journal_d"];

// Inserts one row after the other until the connection dies; how many were acknowledged. `so_far` counts for all.
fn client(tunnel: &Tunnel, relation: &str, so_far: &AtomicUsize) -> usize {
    let mut psql = tunnel.command("psql");
    psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = psql.stderr(Stdio::null()).spawn().expect("psql starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let mut answers = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut acknowledged = 0;
    let deadline = Instant::now() + hoop_harness::PATIENCE;
    while writeln!(stdin, "INSERT INTO {relation} VALUES ({acknowledged});").is_ok() {
        match answers.next() {
            Some(Ok(line)) if line == "INSERT 0 1" => acknowledged += 1,
            _ => break,
        }
        so_far.fetch_add(1, Ordering::Relaxed);
        assert!(Instant::now() < deadline, "the connection outlives its broker");
    }
    drop(stdin);
    assert!(program::wait(&mut child, hoop_harness::PATIENCE).is_some(), "psql ends with its connection");
    acknowledged
}

#[test]
fn nothing_acknowledged_is_missing_after_kill_9() {
    let (broker, bob) = administrator();
    for relation in CLIENTS {
        let sql =
            format!("CREATE TABLE {relation} (n integer); ALTER TABLE {relation} OWNER TO hoop_gateway;");
        Cluster::shared().superuser(broker.database(), &sql);
    }
    let mut acknowledged = [0_usize; CLIENTS.len()];
    for round in 1..=3 {
        let tunnel = bob.connect();
        let so_far = AtomicUsize::new(0);
        let counts: Vec<usize> = thread::scope(|scope| {
            let clients: Vec<_> =
                CLIENTS.iter().map(|relation| scope.spawn(|| client(&tunnel, relation, &so_far))).collect();
            program::until("clients to have some statements acknowledged", || {
                (so_far.load(Ordering::Relaxed) > 40 * round).then_some(())
            });
            broker.kill();
            clients.into_iter().map(|c| c.join().expect("clients do not panic")).collect()
        });
        for (total, count) in acknowledged.iter_mut().zip(counts) {
            *total += count;
        }
        drop(tunnel);
        broker.start_again();
    }
    assert_eq!(broker.stop(), 0);

    let entries = entries(&broker.ledger());
    let statements = events(&entries, "statement");
    for (relation, acknowledged) in CLIENTS.iter().zip(acknowledged) {
        let recorded = statements
            .iter()
            .filter(|e| {
                e["event"]["write"] == true
                    && e["event"]["text"].as_str().is_some_and(|t| t.contains(relation))
            })
            .count();
        assert!(
            recorded >= acknowledged,
            "{relation}: {acknowledged} acknowledged, {recorded} in the ledger"
        );
        let rows =
            Cluster::shared().superuser(broker.database(), &format!("SELECT count(*) FROM {relation}"));
        let rows: usize = rows.parse().expect("a count");
        assert!(recorded >= rows, "{relation}: {rows} rows, {recorded} in the ledger");
    }
    assert!(acknowledged.iter().sum::<usize>() > 100, "{acknowledged:?}");
    assert!(!events(&entries, "closed_unknown").is_empty(), "what was open at a crash is closed as unknown");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = ledger_key(&broker, folder.path());
    verify(&bob, &broker.ledger(), &key).expect(0);
}

#[test]
fn sessions_do_not_survive_a_crash_and_connect_says_so() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    broker.kill();
    let down = tunnel.psql("SELECT 1");
    down.expect(2);
    assert!(!down.stderr.contains("Connection refused"), "{}", down.stderr);
    broker.start_again();
    tunnel.psql("SELECT 1").expect(2).says(&["hoopctl connect"]);
    bob.exec("SELECT 1").expect(0);
}
