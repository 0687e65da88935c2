//! Envelopes too long for one entry.

use hoop_ledger::entry::{Envelope, Event};
use hoop_ledger::frame::MAX_PAYLOAD;
use hoop_ledger::parts::{Joiner, split};

use crate::fixture::{Log, envelope, note};

fn long() -> Envelope {
    let text: String = "select \"a\\b\", 'é'\n\u{1} ".repeat(20_000);
    envelope(Event::Denial {
        statement: "stm_1".into(),
        session: "ses_1".into(),
        connection: "1".into(),
        text,
        sqlstate: "42501".into(),
        rules: vec![],
        reason: "no".into(),
    })
}

#[test]
fn a_long_envelope_comes_back_from_its_parts() {
    let whole = long();
    let parts = split(&whole, &serde_json::to_string(&whole).unwrap());
    assert!(parts.len() > 8);
    let mut joiner = Joiner::default();
    let mut found = None;
    for part in &parts {
        assert_eq!((part.user.id.as_str(), part.time_us), ("alice", whole.time_us));
        assert!(serde_json::to_vec(part).unwrap().len() < MAX_PAYLOAD);
        assert!(found.is_none());
        found = joiner.push(part.clone()).unwrap();
    }
    assert_eq!(found, Some(whole));
    assert_eq!(joiner.push(note(1)).unwrap(), Some(note(1)));
}

#[test]
fn a_missing_or_doubled_part_is_named() {
    let whole = long();
    let parts = split(&whole, &serde_json::to_string(&whole).unwrap());
    for skip in 0..parts.len() {
        let mut joiner = Joiner::default();
        let mut rest: Vec<Envelope> = parts.clone();
        rest.remove(skip);
        rest.push(note(1));
        let results: Vec<_> = rest.into_iter().map(|p| joiner.push(p)).collect();
        assert!(results.iter().any(Result::is_err), "part {skip} was not missed");
        let mut joiner = Joiner::default();
        let mut twice = parts.clone();
        twice.insert(skip, parts[skip].clone());
        assert!(twice.into_iter().any(|p| joiner.push(p).is_err()), "part {skip} twice was not noticed");
    }
}

#[test]
fn a_log_with_parts_verifies_and_one_without_the_last_does_not() {
    let whole = long();
    let mut parts = split(&whole, &serde_json::to_string(&whole).unwrap());
    let mut log = Log::new();
    log.batch(&parts);
    log.batch(&[note(1)]);
    assert!(log.verify().failure.is_none());
    parts.pop();
    let mut log = Log::new();
    log.batch(&parts);
    log.batch(&[note(1)]);
    let failure = log.verify().failure.unwrap();
    assert_eq!(failure.sequence, parts.len() as u64, "{failure}");
}
