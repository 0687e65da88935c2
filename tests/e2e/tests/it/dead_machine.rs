//! A machine that loses its power or its network closes nothing and answers nothing. Its kernel must be silent for
//! this, not just its program, so the test runs in a network of its own and takes an address out of it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use hoop_harness::program::{free_port, until};
use hoop_harness::{Broker, Cluster, PATIENCE, Person, Proxy, TARGET, program};
use tokio_postgres::error::SqlState;

use crate::support::{entries, events, outcomes};

/// Set where the test runs in its own network.
const INSIDE: &str = "HOOP_OWN_NETWORK";
const TARGET_MACHINE: &str = "127.0.0.9";
/// Where the broker listens for clients: what cannot be reached from there is a client.
const CLIENT_SIDE: &str = "127.0.0.8";

#[test]
fn is_given_up_on_either_side() {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(inside());
    }
    if program::run(Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]), b"").code != 0 {
        return eprintln!("SKIPPED: a network of its own takes root, `unshare` and `ip`");
    }
    let itself = std::env::current_exe().expect("this process has a program file");
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", r#"ip link set lo up && exec "$@""#, "sh"]).arg(itself);
    command.args(["--exact", "dead_machine::is_given_up_on_either_side", "--nocapture"]).env(INSIDE, "1");
    // It waits for limits to pass, one after the other, and may not be alone on the machine.
    program::run_within(Duration::from_secs(600), &mut command, b"").expect(0);
}

/// Packets to it are dropped; nothing says so to those who send them.
/// Its window is closed, and its machine answers that it still is.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_not_given_up() {
    const ROWS: usize = 100_000;
    let native = format!("127.0.0.1:{}", free_port());
    let broker = Broker::start_with(&[
        ("", "postgres_listen", &format!("\"{native}\"")),
        ("limits", "dead_peer", "\"5s\""),
    ]);
    let bob = broker.person("bob", "dba,leads");
    let mut config = tokio_postgres::Config::new();
    config.user(TARGET).dbname(broker.database()).password(bob.token());
    let stream = tokio::net::TcpStream::connect(native).await.expect("connects");
    let (client, mut driver) = config.connect_raw(stream, tokio_postgres::NoTls).await.expect("signs in");
    let asked = tokio::spawn(async move {
        let sql = format!("SELECT repeat('x', 1000) FROM generate_series(1, {ROWS})");
        client.simple_query(&sql).await
    });
    // Sent, begun to be read, and then nobody reads for several times the limit.
    let begun = tokio::time::timeout(Duration::from_millis(200), &mut driver).await;
    assert!(begun.is_err(), "{begun:?}");
    tokio::time::sleep(Duration::from_secs(20)).await;
    tokio::spawn(driver);
    let answer = tokio::time::timeout(PATIENCE, asked).await.expect("in time").expect("no panic");
    let rows = answer.expect("the whole answer comes").into_iter();
    let rows = rows.filter(|m| matches!(m, tokio_postgres::SimpleQueryMessage::Row(_))).count();
    assert_eq!(rows, ROWS);
}

fn die(machine: &str) {
    route("add", machine);
}

fn live(machine: &str) {
    route("del", machine);
}

fn route(verb: &str, machine: &str) {
    let mut ip = Command::new("ip");
    program::run(ip.args(["route", verb, "blackhole", machine, "table", "local"]), b"").expect(0);
}

async fn inside() {
    let there: SocketAddr = format!("{TARGET_MACHINE}:0").parse().expect("an address");
    let proxy = Proxy::start(there, ([127, 0, 0, 1], Cluster::shared().port()).into());
    let target = format!("targets.{TARGET}");
    let native = format!("{CLIENT_SIDE}:{}", free_port());
    let broker = Broker::start_with(&[
        (&target, "address", &format!("\"{}\"", proxy.address())),
        // Its certificate does not have that address.
        (&target, "tls", "\"verify-ca\""),
        ("", "postgres_listen", &format!("\"{native}\"")),
        ("limits", "dead_peer", "\"5s\""),
    ]);
    let bob = broker.person("bob", "dba,leads");
    a_client_that_holds_locks(&broker, &bob, &native).await;
    a_client_that_owes_an_acknowledgement(&broker, &bob, &native).await;
    a_target_that_owes_an_answer(&broker, &bob).await;
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(outcomes(&entries, "generate_series"), ["unknown"]);
    let ends = events(&entries, "connection_end");
    let reasons: Vec<_> = ends.iter().filter_map(|e| e["event"]["reason"].as_str()).collect();
    assert_eq!(reasons, ["client closed", "client closed", "target closed"]);
}

/// Connections of the gateway to the target's database in this state.
fn connected(broker: &Broker, state: &str) -> usize {
    // The one that watches the catalogue is nobody's.
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'hoop_gateway' AND state = '{state}' \
         AND application_name <> 'hoop catalogue'"
    );
    Cluster::shared().superuser(broker.database(), &sql).parse().expect("a count")
}

/// A client on the machine that will die, and the task that drives it.
async fn client(
    broker: &Broker,
    bob: &Person,
    native: &str,
) -> (tokio_postgres::Client, tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>) {
    let mut config = tokio_postgres::Config::new();
    config.user(TARGET).dbname(broker.database()).password(bob.token());
    let stream = tokio::net::TcpStream::connect(native).await.expect("connects");
    let (client, driver) = config.connect_raw(stream, tokio_postgres::NoTls).await.expect("signs in");
    (client, tokio::spawn(driver))
}

async fn a_client_that_holds_locks(broker: &Broker, bob: &Person, native: &str) {
    let (client, driver) = client(broker, bob, native).await;
    client.batch_execute("BEGIN; LOCK TABLE notes").await.expect("locks");
    assert_eq!(connected(broker, "idle in transaction"), 1);
    die(CLIENT_SIDE);
    // Its session would be idle for a quarter of an hour before that ended it.
    until("the locks to be given back", || (connected(broker, "idle in transaction") == 0).then_some(()));
    driver.abort();
    live(CLIENT_SIDE);
}

/// What was sent to it and not acknowledged is sent again and again, and no other question is asked meanwhile: TCP by
/// itself would do so for a quarter of an hour.
async fn a_client_that_owes_an_acknowledgement(broker: &Broker, bob: &Person, native: &str) {
    let (client, driver) = client(broker, bob, native).await;
    client.batch_execute("LISTEN news").await.expect("listens");
    assert_eq!(connected(broker, "idle"), 1);
    die(CLIENT_SIDE);
    Cluster::shared().superuser(broker.database(), "NOTIFY news");
    until("the connection to be closed", || (connected(broker, "idle") == 0).then_some(()));
    driver.abort();
}

async fn a_target_that_owes_an_answer(broker: &Broker, bob: &Person) {
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    let asked = tokio::spawn(async move {
        client.simple_query("SELECT count(*) FROM generate_series(1, 20000000000)").await.map(drop)
    });
    until("the statement to run", || (connected(broker, "active") == 1).then_some(()));
    die(TARGET_MACHINE);
    let answer = tokio::time::timeout(PATIENCE, asked).await.expect("the client is told in time");
    let error = answer.expect("the task does not panic").expect_err("the target is gone");
    assert_eq!(error.code(), Some(&SqlState::CONNECTION_FAILURE), "{error}");
}
