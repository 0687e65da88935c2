//! Sessions end: by their time, for want of use, by a command, with the broker. The client is told in its protocol.

use std::time::{Duration, Instant};

use hoop_harness::{Broker, Person, TARGET, program};
use tokio_postgres::error::SqlState;

use crate::support::{administrator, developer, entries, events, masked};

/// Waits, without sending anything, until the server ends the connection; how long that took.
async fn cut(client: &tokio_postgres::Client) -> Duration {
    let start = Instant::now();
    while !client.is_closed() {
        assert!(start.elapsed() < hoop_harness::PATIENCE, "the connection was never cut");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

fn session_id(person: &Person) -> String {
    let listed = person.run(&["sessions"]).ok();
    let id = listed.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|w| w.starts_with("ses_"));
    id.unwrap_or_else(|| panic!("no session in\n{listed}")).to_owned()
}

#[tokio::test]
async fn a_session_ends_with_its_time() {
    let (broker, alice) = developer();
    let tunnel = alice.connect_with(&["--ttl", "3s"]);
    let client = tunnel.client().await;
    client.simple_query("SELECT 1").await.expect("the session is young");
    cut(&client).await;
    // `connect` still answers on the local socket, in protocol, with the command to renew: not "connection refused".
    let refused = tunnel.psql("SELECT 1");
    refused.expect(2).says(&["hoopctl connect"]);
    drop(tunnel);
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(events(&entries, "session_end")[0]["event"]["reason"], "expired");
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it() {
    let broker = Broker::start_with(&[("sessions", "idle", "\"2s\"")]);
    let alice = broker.person("alice", "developers");
    let tunnel = alice.connect();
    cut(&tunnel.client().await).await;
    drop(tunnel);
    broker.stop();
    assert_eq!(events(&entries(&broker.ledger()), "session_end")[0]["event"]["reason"], "idle");
}

#[tokio::test]
async fn ending_a_session_cuts_open_connections() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let (idle, busy) = (tunnel.client().await, tunnel.client().await);
    let long = tokio::spawn(async move {
        busy.simple_query("SELECT count(*) FROM generate_series(1, 20000000000)").await
    });
    let id = session_id(&alice);
    alice.run(&["sessions", "end", &id]).expect(0);
    // The promise is one second; a loaded machine gets more.
    assert!(cut(&idle).await < Duration::from_secs(10));
    let error = long.await.expect("the task does not panic").expect_err("the statement was cut");
    assert_eq!(error.code(), Some(&SqlState::ADMIN_SHUTDOWN), "{error}");
    tunnel.psql("SELECT 1").expect(2);
}

#[test]
fn nobody_ends_somebody_elses_session() {
    let (broker, alice) = developer();
    let mallory = broker.person("mallory", "developers");
    let tunnel = alice.connect();
    let id = session_id(&alice);
    assert!(!mallory.run(&["sessions"]).text().contains(&id), "sessions of others are not listed");
    assert_ne!(mallory.run(&["sessions", "end", &id]).code, 0);
    assert_eq!(tunnel.psql("SELECT 1").ok(), "1");
}

#[test]
fn closing_connect_closes_the_session() {
    let (_broker, alice) = developer();
    drop(alice.connect());
    let listed = program::until("the session to be closed", || {
        let listed = alice.run(&["sessions"]).ok();
        (!listed.contains("ses_")).then_some(listed)
    });
    assert!(!listed.contains(TARGET), "{listed}");
}

#[test]
fn a_connect_that_outlives_its_access_token_closes_its_session_too() {
    let broker = Broker::start_with(&[("sessions", "access_token", "\"10s\"")]);
    let alice = broker.person("alice", "developers");
    let tunnel = alice.connect();
    std::thread::sleep(Duration::from_secs(11));
    drop(tunnel);
    assert!(!alice.run(&["sessions"]).ok().contains("ses_"));
}

#[test]
fn the_number_of_sessions_is_limited() {
    let broker = Broker::start_with(&[("limits", "sessions_per_principal", "1")]);
    let alice = broker.person("alice", "developers");
    let _open = alice.connect();
    alice.exec("SELECT 1").expect(8);
}

#[test]
fn a_principal_without_a_group_that_policy_names_gets_no_session() {
    let broker = Broker::start();
    let guest = broker.person("guest", "visitors");
    guest.exec("SELECT 1").expect(3);
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(events(&entries, "session_refused").len(), 1);
    assert!(events(&entries, "session_open").is_empty());
}

#[tokio::test]
async fn stopping_the_broker_tells_clients_and_the_ledger() {
    let (broker, alice) = developer();
    let tunnel = alice.connect();
    let client = tunnel.client().await;
    assert_eq!(broker.stop(), 0);
    cut(&client).await;
    let entries = entries(&broker.ledger());
    assert_eq!(events(&entries, "broker_stop").len(), 1);
    assert_eq!(events(&entries, "session_end")[0]["event"]["reason"], "shutdown");
}

#[test]
fn classes_are_reloaded_and_a_live_session_obeys_them() {
    let (broker, alice) = developer();
    let tunnel = alice.connect();
    assert!(tunnel.psql("SELECT name FROM customers").ok().contains("Emi Tanaka"));
    broker.change(&format!("targets.{TARGET}.classes"), "\"public.customers.name\"", "\"name\"");
    broker.reload();
    program::until("the new class to be obeyed", || {
        (!tunnel.psql("SELECT name FROM customers").ok().contains("Emi Tanaka")).then_some(())
    });
}

#[test]
fn a_broken_configuration_does_not_replace_a_good_one() {
    let (broker, alice) = developer();
    broker.change(&format!("targets.{TARGET}"), "tls", "\"whatever\"");
    broker.reload();
    program::until("the fault to be logged", || broker.log().contains("whatever").then_some(()));
    masked(&alice.exec("SELECT pan FROM cards WHERE id = 1"), &["411111"]);
}

#[test]
fn a_superuser_login_is_refused_with_the_reason() {
    let broker = Broker::prepare();
    broker.change(&format!("targets.{TARGET}"), "login", "\"too_mighty\"");
    let password = hoop_harness::cluster::GATEWAY_PASSWORD;
    hoop_harness::Cluster::shared()
        .superuser("postgres", &format!("CREATE ROLE too_mighty LOGIN SUPERUSER PASSWORD '{password}'"));
    broker.start_again();
    let alice = broker.person("alice", "developers");
    let refused = alice.exec("SELECT 1");
    assert_ne!(refused.code, 0);
    refused.says(&["superuser"]);
}

#[test]
fn a_reason_travels_into_the_ledger() {
    let (broker, bob) = administrator();
    bob.run(&["exec", TARGET, "--reason", "INC-42", "-c", "SELECT 1"]).expect(0);
    broker.stop();
    assert_eq!(events(&entries(&broker.ledger()), "session_open")[0]["event"]["reason"], "INC-42");
}
