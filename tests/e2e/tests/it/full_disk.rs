//! The disk of the ledger is full: what is not recorded is not run, and the client hears exactly that. Afterwards the
//! ledger is whole, and says itself why it ended.

use hoop_harness::{Broker, Cluster, PATIENCE, SmallDisk, program};
use tokio_postgres::error::SqlState;

use crate::support::{entries, events, ledger_key, outcomes, verify};

/// Room for the segment with what it reserves ahead, and for little else.
const SIZE: &str = "4m";
/// A name so long that some twenty entries fill what was reserved.
const LONG: usize = 50_000;

fn small() -> Option<(Broker, SmallDisk)> {
    let broker = Broker::prepare();
    let Some(disk) = broker.small_ledger(SIZE) else {
        eprintln!("SKIPPED: filling a disk takes root, to mount a small one");
        return None;
    };
    broker.start_again();
    Some((broker, disk))
}

fn insert(n: usize) -> String {
    format!("INSERT INTO orders AS \"full {}\" VALUES ({}, 1, 'full {n}', now())", "x".repeat(LONG), 1000 + n)
}

#[tokio::test(flavor = "multi_thread")]
async fn not_recorded_so_not_run() {
    let Some((broker, disk)) = small() else { return };
    let bob = broker.person("bob", "dba,leads");
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    let (_idle, bystander) = tunnel.config().connect(tokio_postgres::NoTls).await.expect("connects");
    let bystander = tokio::spawn(bystander);
    disk.fill();
    let mut done = 0;
    let refused = loop {
        match client.simple_query(&insert(done)).await {
            Ok(_) => done += 1,
            Err(error) => break error,
        }
        assert!(done < 500, "the disk never gets full");
    };
    let not_recorded = |error: &tokio_postgres::Error| {
        let said = error.as_db_error().unwrap_or_else(|| panic!("no error of the server: {error}"));
        assert_eq!((said.code(), said.message()), (&SqlState::IO_ERROR, "not recorded, so not run"));
    };
    not_recorded(&refused);
    // The session is over, for its other connections too, which are told unasked, and nobody gets a new one.
    let told = tokio::time::timeout(PATIENCE, bystander).await.expect("it is told in time");
    not_recorded(&told.expect("the driver does not panic").expect_err("nothing is recorded any more"));
    tunnel.psql("SELECT 1").expect(2);
    bob.exec("SELECT 1").says(&["record"]);
    drop(tunnel);

    // A broker that is stopped now says that it could not end in order; on the full disk none starts.
    assert_ne!(broker.stop(), 0);
    assert!(broker.log().contains("the ledger has failed"), "{}", broker.log());
    // What was left of the reserve, which the last words freed.
    disk.fill();
    let start = broker.admin(&["serve"]);
    assert_ne!(start.code, 0);
    start.says(&["ledger", "no room"]);
    disk.free();
    broker.start_again();
    // It listens before it has read its ledger, and hoopctl has its own idea of in time.
    program::until("the broker to serve again", || (bob.exec("SELECT 1").code == 0).then_some(()));
    assert_eq!(broker.stop(), 0);
    whole(&broker, done);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = ledger_key(&broker, folder.path());
    verify(&bob, &broker.ledger(), &key).expect(0);
}

/// Ledger and database agree on what was done, and the ledger says why it ended.
fn whole(broker: &Broker, done: usize) {
    let sql = "SELECT count(*) FROM orders WHERE id >= 1000";
    assert_eq!(Cluster::shared().superuser(broker.database(), sql), done.to_string());
    let entries = entries(&broker.ledger());
    let mut outcomes = outcomes(&entries, "INSERT INTO orders");
    assert!(done > 0 && outcomes.len() >= done, "{done} done, {outcomes:?} recorded");
    let rest = outcomes.split_off(done);
    assert!(outcomes.iter().all(|o| o == "success"), "{outcomes:?}");
    assert!(rest.len() <= 1 && rest.iter().all(|o| o == "unknown"), "{rest:?}");
    let failures = events(&entries, "control_failure");
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0]["event"]["control"], "ledger");
    assert!(failures[0]["event"]["detail"].as_str().is_some_and(|d| d.contains("disk is full")));
    let closed = events(&entries, "closed_unknown");
    assert!(closed.iter().any(|e| e["event"]["what"] == "session"), "{closed:?}");
}
