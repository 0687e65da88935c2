//! The native listener: PostgreSQL's own protocol with a token for a password, for tools that cannot run hoopctl.

use hoop_harness::{Broker, Person, TARGET, program};
use tokio::net::TcpSocket;
use tokio_postgres::error::SqlState;

use crate::support::{developer, entries, events, masked};

fn psql(broker: &Broker, person: &Person, user: &str, password: &str, sql: &str) -> program::Done {
    let mut psql = person.command("psql");
    psql.args(["-X", "-At", "-h", "127.0.0.1", "-p", &broker.native_port().to_string()]);
    psql.args(["-U", user, "-d", broker.database(), "-v", "VERBOSITY=verbose", "-f", "-"])
        .env("PGPASSWORD", password);
    program::run(&mut psql, sql.as_bytes())
}

#[test]
fn a_token_opens_one_connection_once() {
    let (broker, alice) = developer();
    let token = alice.token();
    masked(
        &psql(&broker, &alice, TARGET, &token, "SELECT pan FROM cards ORDER BY id"),
        &["411111******1111"],
    );
    psql(&broker, &alice, TARGET, &token, "SELECT 1")
        .expect(2)
        .says(&["the token is not valid", "hoopctl token"]);
}

#[test]
fn the_same_policy_holds_there() {
    let (broker, alice) = developer();
    let done = psql(&broker, &alice, TARGET, &alice.token(), "DROP TABLE notes;\nSELECT 'still alive';\n");
    done.says(&["42501"]);
    assert_eq!(done.text().trim(), "still alive");
}

#[test]
fn entries_from_there_are_marked_as_bearer() {
    let (broker, alice) = developer();
    psql(&broker, &alice, TARGET, &alice.token(), "SELECT 1").expect(0);
    broker.stop();
    let entries = entries(&broker.ledger());
    assert_eq!(events(&entries, "token_minted").len(), 1);
    let statements = events(&entries, "statement");
    assert!(!statements.is_empty());
    for entry in statements {
        assert_eq!(entry["origin"]["via"], "native");
        assert_eq!(entry["origin"]["bearer"], true);
        assert_eq!(entry["user"]["id"], "alice");
    }
}

#[test]
fn wrong_tokens_are_refused_and_recorded() {
    let (broker, alice) = developer();
    for wrong in ["", "guess", "hpt_0000000000000000000000000000000000000000000"] {
        psql(&broker, &alice, TARGET, wrong, "SELECT 1").expect(2);
    }
    broker.stop();
    assert!(!events(&entries(&broker.ledger()), "sign_in_failed").is_empty());
}

#[test]
fn a_token_is_for_its_own_target() {
    let broker = Broker::prepare();
    broker.add_second_target("ledger-db");
    broker.start_again();
    let alice = broker.person("alice", "developers");
    let token = alice.token();
    psql(&broker, &alice, "ledger-db", &token, "SELECT 1").expect(2);
}

#[tokio::test]
async fn a_token_is_for_its_own_address() {
    let (broker, alice) = developer();
    let mut config = tokio_postgres::Config::new();
    config.user(TARGET).dbname(broker.database()).password(alice.token());
    let native = format!("127.0.0.1:{}", broker.native_port()).parse().expect("an address");
    let from = |source: &str| {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(format!("{source}:0").parse().expect("an address"))
            .expect("all of 127/8 is ours on Linux");
        socket.connect(native)
    };
    let elsewhere = from("127.0.0.2").await.expect("connects");
    let refused = config.connect_raw(elsewhere, tokio_postgres::NoTls).await.err().expect("another address");
    assert_eq!(refused.code(), Some(&SqlState::INVALID_PASSWORD));
}

#[test]
fn no_listener_off_loopback_without_tls_and_none_by_default() {
    let broker = Broker::prepare();
    let config = std::fs::read_to_string(broker.config()).expect("init wrote it");
    let without: String =
        config.lines().filter(|l| !l.starts_with("postgres_listen")).fold(String::new(), |a, l| a + l + "\n");
    std::fs::write(broker.config(), without).expect("the folder is ours");
    broker.start_again();
    assert!(std::net::TcpStream::connect(("127.0.0.1", broker.native_port())).is_err());
}
