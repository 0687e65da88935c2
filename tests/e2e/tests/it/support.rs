//! What several stories say: where the card numbers are, what the ledger holds, which Python has psycopg.

use std::path::{Path, PathBuf};
use std::process::Command;

use hoop_harness::{Broker, Done, Person, Tunnel, program};
use serde_json::Value;

/// Card numbers of the demo's data, digits only.
pub const CARDS: [&str; 8] = [
    "4111111111111111",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
    "3530111333300000",
    "2223003122003222",
    "5105105105105100",
    "4012888888881881",
];

/// A broker and a developer, who may read, signed in.
pub fn developer() -> (Broker, Person) {
    let broker = Broker::start();
    let alice = broker.person("alice", "developers");
    (broker, alice)
}

/// A broker and a database administrator, who may write, signed in.
pub fn administrator() -> (Broker, Person) {
    let broker = Broker::start();
    let bob = broker.person("bob", "dba,leads");
    (broker, bob)
}

/// The card numbers that `bytes` show, however they are separated.
pub fn cards_in(bytes: &[u8]) -> Vec<&'static str> {
    // Only digits with one separator between them are joined: joining across whole words would find numbers that
    // nobody wrote.
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut since_digit = usize::MAX;
    for c in text.chars() {
        if c.is_ascii_digit() {
            since_digit = 0;
        } else {
            since_digit = since_digit.saturating_add(1);
            if since_digit == 1 && matches!(c, ' ' | '-' | '.') {
                continue;
            }
        }
        plain.push(c);
    }
    CARDS.into_iter().filter(|card| text.contains(card) || plain.contains(card)).collect()
}

/// Asserts that an answer shows no card number, and shows `expected`: an empty answer proves nothing.
pub fn masked(done: &Done, expected: &[&str]) {
    let all = [done.stdout.as_slice(), done.stderr.as_bytes()].concat();
    assert!(
        cards_in(&all).is_empty(),
        "card numbers {:?} in\n{}",
        cards_in(&all),
        String::from_utf8_lossy(&all)
    );
    for part in expected {
        let found = all.windows(part.len()).any(|w| w == part.as_bytes());
        assert!(found, "`{part}` is not in\n{}", String::from_utf8_lossy(&all));
    }
}

/// All entries in the segments of a ledger, in order, read without the product's own code: the payload of a frame is
/// JSON that begins with its layout version.
pub fn entries(ledger: &Path) -> Vec<Value> {
    const BEGIN: &[u8] = br#"{"v":1,"#;
    let mut files: Vec<PathBuf> = walk(ledger);
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let bytes = std::fs::read(&file).expect("the ledger is readable");
        let mut at = 0;
        while let Some(n) = bytes[at..].windows(BEGIN.len()).position(|w| w == BEGIN) {
            at += n;
            let mut stream = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter::<Value>();
            match stream.next() {
                Some(Ok(entry)) => {
                    all.push(entry);
                    at += stream.byte_offset();
                }
                // A torn tail: what was never acknowledged.
                Some(Err(_)) | None => at += 1,
            }
        }
    }
    all
}

/// Entries of one kind of event.
pub fn events<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a Value> {
    entries.iter().filter(|e| e["event"]["type"] == kind).collect()
}

/// How the statements whose text has `part` ended, in order; one without an end is `none`.
pub fn outcomes(entries: &[Value], part: &str) -> Vec<String> {
    let has = |e: &&Value| e["event"]["text"].as_str().is_some_and(|text| text.contains(part));
    let statements = events(entries, "statement").into_iter().filter(has);
    let end = |statement: &Value| {
        let id = &statement["event"]["statement"];
        let closes = |e: &&Value| {
            (e["event"]["type"] == "statement_end"
                && e["outcome"] != "pending"
                && e["event"]["statement"] == *id)
                || (e["event"]["type"] == "closed_unknown" && e["event"]["id"] == *id)
        };
        let ends: Vec<_> = entries.iter().filter(closes).filter_map(|e| e["outcome"].as_str()).collect();
        if ends.is_empty() { "none".to_owned() } else { ends.join(" and ") }
    };
    statements.map(end).collect()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

/// The public half of the ledger's key, as an assessor would be given it.
pub fn ledger_key(broker: &Broker, folder: &Path) -> PathBuf {
    let key = folder.join("ledger.pub");
    std::fs::write(&key, broker.admin(&["ledger-key"]).ok() + "\n").expect("the folder is ours");
    key
}

/// Runs `hoopctl audit verify`, offline.
pub fn verify(person: &Person, ledger: &Path, key: &Path) -> Done {
    let mut command = person.hoopctl(&["audit", "verify"]);
    program::run(command.arg(ledger).arg("--key").arg(key), b"")
}

/// Runs a psycopg 3 script, written after a preamble that connects as `connection`.
pub fn psycopg(tunnel: &Tunnel, script: &str) -> Done {
    const PREAMBLE: &str = "import psycopg\nconnection = psycopg.connect(autocommit=True)\n";
    let python = std::env::var("HOOP_PYTHON").unwrap_or_else(|_| {
        let has = |p: &&str| {
            Command::new(p).args(["-c", "import psycopg"]).output().is_ok_and(|o| o.status.success())
        };
        let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
        found.expect("a Python with psycopg 3; run `./dev setup`").to_owned()
    });
    tunnel.run(&python, &["-c", &format!("{PREAMBLE}{script}")])
}
