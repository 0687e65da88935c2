//! The target dies under a statement. The client is told that the outcome is not known, and so is the ledger.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use hoop_harness::{Broker, Cluster, Person, Proxy, TARGET, Tunnel, program};
use tokio_postgres::error::SqlState;

use crate::support::{entries, events, outcomes};

/// A cluster that may be harmed, and a database administrator on it.
fn own_cluster() -> (Cluster, Broker, Person) {
    let cluster = Cluster::start();
    let broker = Broker::prepare_on(&cluster);
    broker.start_again();
    let bob = broker.person("bob", "dba,leads");
    (cluster, broker, bob)
}

/// psql that streams rows without end, after its first row has come.
fn streaming(tunnel: &Tunnel) -> Child {
    const SQL: &str = "COPY (SELECT repeat('row ', 20), generate_series(1, 2000000000)) TO STDOUT";
    let mut psql = tunnel.command("psql");
    psql.args(["-X", "-v", "VERBOSITY=verbose", "-c", SQL]);
    psql.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    psql.spawn().expect("psql starts")
}

/// Reads on to the end of both streams; what psql said on the second.
fn said(mut psql: Child, mut rows: impl BufRead) -> String {
    std::io::copy(&mut rows, &mut std::io::sink()).expect("the pipe is ours");
    let said =
        std::io::read_to_string(psql.stderr.take().expect("stderr is piped")).expect("psql writes UTF-8");
    let code = program::wait(&mut psql, hoop_harness::PATIENCE).expect("psql ends with its connection");
    assert_ne!(code, 0, "{said}");
    said
}

#[test]
fn in_mid_answer() {
    let (cluster, broker, bob) = own_cluster();
    let tunnel = bob.connect();
    let mut psql = streaming(&tunnel);
    let mut rows = BufReader::new(psql.stdout.take().expect("stdout is piped"));
    assert!(rows.read_line(&mut String::new()).expect("the pipe is ours") > 0, "no row came");
    cluster.kill_backends(broker.database());
    let said = said(psql, rows);
    assert!(said.contains("08006"), "{said}");
    assert!(said.contains("is not known"), "{said}");

    // PostgreSQL comes up again by itself, and the same session goes on with a new connection.
    program::until("the target to be back", || {
        (tunnel.psql("SELECT 'back'").text() == "back\n").then_some(())
    });
    drop(tunnel);
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(outcomes(&entries, "generate_series"), ["unknown"]);
    assert_eq!(events(&entries, "connection_end")[0]["event"]["reason"], "target closed");
    assert!(events(&entries, "closed_unknown").is_empty(), "the broker itself lived on");
}

#[tokio::test(flavor = "multi_thread")]
async fn between_statements() {
    let (cluster, broker, bob) = own_cluster();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    client.simple_query("SELECT 1").await.expect("the target is there");
    cluster.kill_backends(broker.database());
    let error = client.simple_query("SELECT 2").await.expect_err("the target is gone");
    assert!(error.is_closed() || error.code() == Some(&SqlState::CONNECTION_FAILURE), "{error}");
    drop(tunnel);
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(events(&entries, "connection_end")[0]["event"]["reason"], "target closed");
    assert_eq!(events(&entries, "statement").len(), events(&entries, "statement_end").len());
}

/// The worst moment: the transaction is committed, and nobody but the target knows.
#[tokio::test(flavor = "multi_thread")]
async fn after_commit_and_before_its_answer() {
    let (cluster, broker, bob) = own_cluster();
    let direct = format!("127.0.0.1:{}", cluster.port()).parse().expect("an address");
    let proxy = Proxy::start("127.0.0.1:0".parse().expect("an address"), direct);
    broker.change(&format!("targets.{TARGET}"), "address", &format!("\"{}\"", proxy.address()));
    broker.stop();
    broker.start_again();

    let tunnel = bob.connect();
    let client = tunnel.client().await;
    client.simple_query("BEGIN").await.expect("begins");
    client.simple_query("INSERT INTO orders VALUES (70, 1, 'x', now())").await.expect("inserts");
    proxy.freeze_answers_after(0);
    let committing = tokio::spawn(async move { client.simple_query("COMMIT").await.map(drop) });
    program::until("the row to be committed", || {
        let sql = "SELECT count(*) FROM orders WHERE id = 70";
        (cluster.superuser(broker.database(), sql) == "1").then_some(())
    });
    cluster.kill_backends(broker.database());
    proxy.reset();
    let error =
        committing.await.expect("the task does not panic").expect_err("nobody knows that it was done");
    assert_eq!(error.code(), Some(&SqlState::CONNECTION_FAILURE), "{error}");
    assert!(error.as_db_error().is_some_and(|e| e.message().contains("is not known")), "{error}");
    drop(tunnel);
    proxy.thaw();
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(outcomes(&entries, "INSERT INTO orders"), ["success"]);
    assert_eq!(outcomes(&entries, "COMMIT"), ["unknown"]);
}
