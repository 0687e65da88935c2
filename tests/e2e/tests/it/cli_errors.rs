//! What goes wrong at a terminal: each a sentence, a hint, and its exit code.

use hoop_harness::{Broker, TARGET, program};

use crate::support::developer;

#[test]
fn without_signing_in_nothing_works() {
    let broker = Broker::start();
    let alice = broker.stranger("alice", "developers");
    for args in [["whoami"].as_slice(), &["targets"], &["exec", TARGET, "-c", "SELECT 1"], &["token", TARGET]]
    {
        alice.run(args).expect(4).says(&["hoopctl login"]);
    }
    alice.run(&["connect", TARGET, "--", "true"]).expect(125).says(&["hoopctl login"]);
}

#[test]
fn an_unknown_target_is_guessed_at() {
    let (_broker, alice) = developer();
    let done = alice.run(&["exec", "payment-db", "-c", "SELECT 1"]);
    assert_ne!(done.code, 0);
    done.says(&["payment-db", TARGET]);
    assert_eq!(alice.run(&["connect", "payment-db", "--", "true"]).code, 125);
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let (broker, alice) = developer();
    broker.stop();
    alice.run(&["whoami"]).expect(7).says(&["127.0.0.1"]);
    alice.exec("SELECT 1").expect(7);
}

#[test]
fn a_target_that_is_not_there_is_named() {
    let broker = Broker::prepare();
    broker.change(
        &format!("targets.{TARGET}"),
        "address",
        &format!("\"127.0.0.1:{}\"", program::free_port()),
    );
    broker.start_again();
    let alice = broker.person("alice", "developers");
    alice.exec("SELECT 1").expect(7).says(&[TARGET]);
}

#[test]
fn a_target_with_another_certificate_is_refused() {
    let broker = Broker::prepare();
    let certificate = broker.folder().join("other.pem");
    let openssl = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout /dev/null -out \"$1\" 2>/dev/null";
    let mut command = std::process::Command::new("sh");
    program::run(command.args(["-c", openssl, "sh"]).arg(&certificate), b"").expect(0);
    broker.change(&format!("targets.{TARGET}"), "ca_file", &format!("{certificate:?}"));
    broker.start_again();
    let alice = broker.person("alice", "developers");
    let done = alice.exec("SELECT 1");
    assert_ne!(done.code, 0);
    done.says(&["certificate"]);
}

#[test]
fn usage_errors_are_2_and_target_errors_1() {
    let (_broker, alice) = developer();
    alice.run(&["exec", TARGET, "-c", "SELECT 1", "--format", "xml"]).expect(2);
    alice.run(&["no-such-command"]).expect(2);
    alice.exec("SELECT 1/0").expect(1).says(&["22012"]);
    alice.exec("SELECT * FROM no_such_table").expect(1).says(&["42P01"]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let (_broker, alice) = developer();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    alice.run(&["connect", TARGET, "--tcp", "--port", &port, "--", "true"]).expect(125).says(&[&port]);
}

#[test]
fn data_goes_to_stdout_and_everything_else_to_stderr() {
    let (_broker, alice) = developer();
    let done = alice.exec("SELECT 1 AS one");
    assert_eq!(done.ok(), "one\n1");
    let done = alice.exec("DROP TABLE notes");
    done.expect(3);
    assert_eq!(done.text(), "");
}
