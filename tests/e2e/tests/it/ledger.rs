//! The ledger after ordinary days: what is in it, and that a change to it is named.

use std::path::{Path, PathBuf};

use hoop_harness::{Broker, Person, program};

use crate::support::{administrator, developer, entries, events, ledger_key, verify};

fn copy(from: &Path, to: &Path) -> PathBuf {
    let to = to.join("copy");
    program::run(std::process::Command::new("cp").arg("-R").arg(from).arg(&to), b"").expect(0);
    to
}

// The segment: the one file of a small ledger that holds statements.
fn segment(ledger: &Path) -> PathBuf {
    let mut files = vec![ledger.to_owned()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if std::fs::read(&path).unwrap().windows(18).any(|w| w == br#""type":"statement""#) {
            return path;
        }
    }
    panic!("no segment with statements in {}", ledger.display());
}

fn worked() -> (Broker, Person) {
    let (broker, alice) = developer();
    alice.exec("SELECT id FROM cards").expect(0);
    alice.exec("DROP TABLE notes").expect(3);
    broker.stop();
    (broker, alice)
}

#[test]
fn an_assessor_verifies_it_offline() {
    let (broker, alice) = worked();
    let folder = tempfile::tempdir().unwrap();
    let key = ledger_key(&broker, folder.path());
    let ledger = copy(&broker.ledger(), folder.path());
    verify(&alice, &ledger, &key).expect(0);
    // Another broker's key must not do.
    let other = ledger_key(&Broker::prepare(), folder.path());
    assert_ne!(verify(&alice, &ledger, &other).code, 0);
}

#[test]
fn a_flipped_byte_is_named_by_its_entry() {
    let (broker, alice) = worked();
    let folder = tempfile::tempdir().unwrap();
    let key = ledger_key(&broker, folder.path());
    let pristine = std::fs::read(segment(&broker.ledger())).unwrap();
    let step = pristine.len() / 7;
    for at in (0..7).map(|n| n * step + step / 2) {
        let room = tempfile::tempdir().unwrap();
        let ledger = copy(&broker.ledger(), room.path());
        let mut bytes = pristine.clone();
        bytes[at] ^= 0x01;
        std::fs::write(segment(&ledger), &bytes).unwrap();
        let done = verify(&alice, &ledger, &key);
        assert_ne!(done.code, 0, "a change of byte {at} goes unnoticed");
        let said = done.text() + &done.stderr;
        assert!(said.contains("entry"), "byte {at}: {said}");
    }
}

#[test]
fn a_cut_ledger_is_named() {
    let (broker, alice) = worked();
    let folder = tempfile::tempdir().unwrap();
    let key = ledger_key(&broker, folder.path());
    let ledger = copy(&broker.ledger(), folder.path());
    let bytes = std::fs::read(segment(&ledger)).unwrap();
    std::fs::write(segment(&ledger), &bytes[..bytes.len() / 2]).unwrap();
    assert_ne!(verify(&alice, &ledger, &key).code, 0);
}

#[test]
fn a_changed_ledger_does_not_start() {
    let (broker, _alice) = worked();
    let file = segment(&broker.ledger());
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() / 4;
    bytes[at] ^= 0x01;
    std::fs::write(&file, bytes).unwrap();
    let done = broker.admin(&["serve"]);
    assert_ne!(done.code, 0);
    done.says(&["ledger"]);
}

#[test]
fn every_entry_has_the_six_fields_of_pci_10_2_2() {
    let (broker, _alice) = worked();
    let entries = entries(&broker.ledger());
    assert!(entries.len() > 6);
    for entry in &entries {
        assert!(entry["user"]["id"].as_str().is_some_and(|s| !s.is_empty()), "who: {entry}");
        assert!(entry["event"]["type"].is_string(), "what: {entry}");
        assert!(entry["time_us"].as_i64().is_some_and(|t| t > 0), "when: {entry}");
        assert!(entry["outcome"].is_string(), "how: {entry}");
        assert!(entry["origin"]["address"].is_string(), "from where: {entry}");
        assert!(entry["affected"].as_array().is_some_and(|a| !a.is_empty()), "on what: {entry}");
    }
    for kind in [
        "broker_start",
        "sign_in",
        "session_open",
        "statement",
        "statement_end",
        "denial",
        "session_end",
        "broker_stop",
    ] {
        assert!(!events(&entries, kind).is_empty(), "no entry `{kind}`");
    }
}

#[test]
fn each_statement_has_its_end() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    tunnel.psql("SELECT 1; INSERT INTO orders VALUES (70, 1, 'x', now());\nSELECT 1/0;\n");
    drop(tunnel);
    broker.stop();
    let entries = entries(&broker.ledger());
    let ids = |kind: &str| -> Vec<String> {
        let mut ids: Vec<_> =
            events(&entries, kind).iter().map(|e| e["event"]["statement"].to_string()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids("statement"), ids("statement_end"));
    assert_eq!(events(&entries, "statement").iter().filter(|e| e["event"]["write"] == true).count(), 1);
    let states: Vec<_> =
        events(&entries, "statement_end").iter().map(|e| e["event"]["sqlstate"].clone()).collect();
    assert!(states.contains(&"22012".into()), "{states:?}");
}

#[test]
fn only_one_broker_opens_a_ledger() {
    let (broker, _alice) = developer();
    let second = broker.admin(&["serve"]);
    assert_ne!(second.code, 0);
}
