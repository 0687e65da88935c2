//! Lines that are cut or fall silent, between hoopctl and broker and between broker and target, and a hoopctl that
//! dies. Whoever is left is told, in time; the ledger says how each statement and each session ended.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use hoop_harness::program::{free_port, until};
use hoop_harness::{Broker, Cluster, Done, PATIENCE, Person, Proxy, TARGET, program};
use tokio_postgres::error::SqlState;

use crate::support::{entries, events, outcomes};

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A broker whose target is behind a proxy.
fn behind_proxy(changes: &[(&str, &str, &str)]) -> (Broker, Person, Proxy) {
    let proxy = Proxy::start(local(0), local(Cluster::shared().port()));
    let address = format!("\"{}\"", proxy.address());
    let target = format!("targets.{TARGET}");
    let mut all = vec![(target.as_str(), "address", address.as_str())];
    all.extend(changes);
    let broker = Broker::start_with(&all);
    let bob = broker.person("bob", "dba,leads");
    (broker, bob, proxy)
}

/// Statements of the gateway that run on the target now.
fn running(broker: &Broker) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'hoop_gateway' AND state = 'active'";
    Cluster::shared()
        .superuser(broker.database(), &format!("{sql} AND datname = current_database()"))
        .parse()
        .expect("a count")
}

/// Connections of the gateway to the target's database now.
fn connected(broker: &Broker) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'hoop_gateway'";
    Cluster::shared()
        .superuser(broker.database(), &format!("{sql} AND datname = current_database()"))
        .parse()
        .expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_towards_the_target_is_told_with_outcome_unknown() {
    let (broker, bob, proxy) = behind_proxy(&[]);
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    let long = tokio::spawn(async move {
        client.simple_query("SELECT count(*) FROM generate_series(1, 20000000000)").await.map(drop)
    });
    until("the statement to run", || (running(&broker) == 1).then_some(()));
    proxy.reset();
    let error = long.await.expect("the task does not panic").expect_err("the line is cut");
    assert_eq!(error.code(), Some(&SqlState::CONNECTION_FAILURE), "{error}");
    Cluster::shared().superuser(
        broker.database(),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE usename = 'hoop_gateway' AND datname = current_database()",
    );
    drop(tunnel);
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(outcomes(&entries, "generate_series"), ["unknown"]);
    assert_eq!(events(&entries, "connection_end")[0]["event"]["reason"], "target closed");
}

/// A target that takes the connection, signs the broker in, and then falls silent.
#[test]
fn a_target_that_falls_silent_while_a_connection_opens_is_given_up() {
    let (_broker, bob, proxy) = behind_proxy(&[("limits", "upstream_connect", "\"2s\"")]);
    bob.exec("SELECT 1").expect(0);
    let before = proxy.answered();
    bob.exec("SELECT 1").expect(0);
    let whole = proxy.answered() - before;
    // At a few places: in the handshake, in the sign-in, in what the catalogue answers.
    for part in [1, 5, 9] {
        proxy.freeze_answers_after(whole * part / 10);
        let done = bob.exec("SELECT 1");
        assert_ne!(done.code, 0, "after {part} tenths");
        done.says(&["cannot be reached"]);
        proxy.reset();
        proxy.thaw();
    }
    bob.exec("SELECT 1").expect(0);
}

/// The end of a session does not wait for a target that says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_in_time_on_a_silent_target() {
    let (broker, bob, proxy) = behind_proxy(&[]);
    let tunnel = bob.connect_with(&["--ttl", "5s"]);
    let client = tunnel.client().await;
    client.simple_query("SELECT 1").await.expect("the target is there");
    proxy.freeze();
    let asked = client.simple_query("INSERT INTO orders VALUES (71, 1, 'x', now())");
    let error = asked.await.expect_err("the session ended");
    assert_eq!(error.code(), Some(&SqlState::ADMIN_SHUTDOWN), "{error}");
    drop(tunnel);
    assert_eq!(broker.stop(), 0);
    let entries = entries(&broker.ledger());
    assert_eq!(outcomes(&entries, "INSERT INTO orders"), ["unknown"]);
    assert_eq!(events(&entries, "session_end")[0]["event"]["reason"], "expired");
}

/// A broker behind a proxy of its own, where hoopctl looks for it.
fn hidden() -> (Broker, Person, Proxy) {
    let broker = Broker::prepare();
    let public: SocketAddr = broker.url().trim_start_matches("https://").parse().expect("an address");
    let real = local(free_port());
    broker.change("", "listen", &format!("\"{real}\""));
    broker.change("sessions", "idle", "\"2s\"");
    let proxy = Proxy::start(public, real);
    broker.start_again();
    until("the broker itself to listen", || std::net::TcpStream::connect(real).ok());
    let bob = broker.person("bob", "dba,leads");
    (broker, bob, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_between_hoopctl_and_broker_ends_the_connection_and_not_the_session() {
    let (broker, bob, proxy) = hidden();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    client.simple_query("SELECT 1").await.expect("the line is whole");
    proxy.reset();
    client.simple_query("SELECT 2").await.expect_err("the line is cut");
    // The session lives: the next connection goes through the same `connect`.
    assert_eq!(tunnel.psql("SELECT 'again'").ok(), "again");
    drop(tunnel);
    until("the target to be left", || (connected(&broker) == 0).then_some(()));
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(events(&entries, "connection_end")[0]["event"]["reason"], "client closed");
    assert_eq!(events(&entries, "session_end")[0]["event"]["reason"], "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_line_between_hoopctl_and_broker_ends_with_the_idle_limit() {
    let (broker, bob, proxy) = hidden();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    client.simple_query("BEGIN").await.expect("the line is whole");
    proxy.freeze();
    until("the target to be left", || (connected(&broker) == 0).then_some(()));
    proxy.reset();
    proxy.thaw();
    drop((client, tunnel));
    assert_eq!(broker.stop(), 0);
    assert_eq!(events(&entries(&broker.ledger()), "session_end")[0]["event"]["reason"], "idle");
}

fn hoopctl_killed_under(sql: &str) -> (Broker, Done) {
    let broker = Broker::start_with(&[("sessions", "idle", "\"2s\"")]);
    let bob = broker.person("bob", "dba,leads");
    let tunnel = bob.connect();
    let mut psql: Command = tunnel.command("psql");
    psql.args(["-X", "-c", sql]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut psql = psql.spawn().expect("psql starts");
    // What runs can be the gateway's own, which reads the catalogue first.
    until("the statement to be recorded", || {
        (!events(&entries(&broker.ledger()), "statement").is_empty()).then_some(())
    });
    until("the statement to run", || (running(&broker) == 1).then_some(()));
    tunnel.kill();
    let code = program::wait(&mut psql, PATIENCE).expect("psql ends with its connection");
    until("the target to be left", || (connected(&broker) == 0).then_some(()));
    until("the session to end", || {
        (!events(&entries(&broker.ledger()), "session_end").is_empty()).then_some(())
    });
    broker.stop();
    (broker, Done::new("psql", code, Vec::new(), String::new()))
}

/// What was sent runs to its end, as it does without a gateway: whether it did is for the target to say.
#[test]
fn hoopctl_killed_under_a_write() {
    let (broker, psql) = hoopctl_killed_under(
        "INSERT INTO notes SELECT 90, 1, 'counted ' || count(*) FROM generate_series(1, 5000000)",
    );
    assert_ne!(psql.code, 0);
    let row = Cluster::shared().superuser(broker.database(), "SELECT body FROM notes WHERE id = 90");
    assert_eq!(row, "counted 5000000");
    let entries = entries(&broker.ledger());
    assert_eq!(outcomes(&entries, "INSERT INTO notes"), ["unknown"]);
    assert_eq!(events(&entries, "connection_end")[0]["event"]["reason"], "client closed");
    assert_eq!(events(&entries, "session_end")[0]["event"]["reason"], "idle");
}

#[test]
fn hoopctl_killed_under_a_stream_of_rows() {
    let (broker, psql) =
        hoopctl_killed_under("COPY (SELECT repeat('row ', 20), generate_series(1, 2000000000)) TO STDOUT");
    assert_ne!(psql.code, 0);
    let entries = entries(&broker.ledger());
    assert_eq!(outcomes(&entries, "generate_series"), ["unknown"]);
    assert_eq!(events(&entries, "session_end")[0]["event"]["reason"], "idle");
}
