//! The ledger on a real disk; on one that fails in `faults`.

mod faults;
mod os;

use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use hoop_ledger::checkpoint::{Checkpoint, Origin, VerifierKey};
use hoop_ledger::entry::{self, ENVELOPE_VERSION, Envelope, Event, Outcome, User};
use hoop_ledger::segment;
use hoop_ledger::verify::{Report, Segment, Verifier};

use super::disk::Files;
use super::{Ledger, OpenError, Opened, Poisoned, Ticket};
use crate::clock::Boot;
use crate::config::Durability;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn origin() -> Origin {
    Origin::parse("test/broker/1").unwrap()
}

fn envelope(event: Event) -> Envelope {
    Envelope {
        v: ENVELOPE_VERSION,
        time_us: 1,
        mono_us: 1,
        boot: "boot".into(),
        user: User { id: "alice".into(), kind: "user".into(), person_id: None },
        origin: entry::Origin { address: "192.0.2.1:1".into(), via: "tunnel".into(), bearer: false },
        outcome: Outcome::Success,
        affected: vec!["payments-db".into()],
        event,
    }
}

fn end(id: &str) -> Event {
    Event::ConnectionEnd { connection: id.into(), reason: "closed".into() }
}

fn statement(id: &str, text: &str) -> Event {
    Event::Statement {
        statement: id.into(),
        session: "ses_1".into(),
        connection: "con_1".into(),
        text: text.into(),
        verbs: vec!["select".into()],
        write: false,
        rules: vec!["r".into()],
        parameters: vec![],
    }
}

fn open(dir: &Path) -> Opened {
    Ledger::open(dir, &key(), &origin(), &Boot::start(), Durability::Disk).unwrap()
}

/// Verifies the files as an assessor would; returns the report and the entries.
fn verify(dir: &Path) -> (Report, Vec<Envelope>) {
    let mut firsts: Vec<u64> = std::fs::read_dir(dir)
        .unwrap()
        .filter_map(|f| segment::parse_name(f.unwrap().file_name().to_str().unwrap()))
        .collect();
    firsts.sort_unstable();
    let mut verifier = Verifier::new(vec![VerifierKey::of(&origin(), &key())]);
    let mut entries = Vec::new();
    for (index, first) in firsts.iter().enumerate() {
        let name = segment::file_name(*first);
        let bytes = std::fs::read(dir.join(&name)).unwrap();
        let notes = std::fs::read(dir.join(segment::notes_name(*first))).unwrap_or_default();
        let part = Segment { name: &name, bytes: &bytes, notes: &notes, last: index + 1 == firsts.len() };
        verifier.segment(part, &mut |_, e| entries.push(e.clone()));
    }
    (verifier.finish(), entries)
}

fn good(dir: &Path) -> (Report, Vec<Envelope>) {
    let (report, entries) = verify(dir);
    assert!(report.failure.is_none(), "{}", report.failure.unwrap());
    (report, entries)
}

/// Blocks the test's thread until a ticket is durable or refused.
fn wait(ledger: &Ledger, ticket: Ticket) -> Result<(), Poisoned> {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut watcher = ledger.watcher();
    loop {
        match watcher.poll_durable(ticket, &mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn many_threads_append_and_all_of_it_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let Opened { ledger, committer, .. } = open(&path);
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                for n in 0..200 {
                    let ticket = ledger.append(&envelope(end(&format!("{thread}-{n}")))).unwrap();
                    if n % 3 == 0 {
                        wait(&ledger, ticket).unwrap();
                        assert!(ledger.is_durable(ticket));
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    committer.stop().unwrap();
    assert_eq!(ledger.append(&envelope(end("late"))), Err(Poisoned));
    let stats = ledger.stats();
    assert_eq!((stats.entries, stats.signed, stats.queue_entries), (1600, 1600, 0));
    let note = Checkpoint::open(&ledger.checkpoint_text(), &[ledger.public_key().clone()]).unwrap();
    assert_eq!(note.size, 1600);

    let (report, entries) = good(&path);
    assert_eq!((report.entries, report.unsigned_tail), (1600, 0));
    // Each thread's entries are in its own order.
    for thread in 0..8 {
        let own: Vec<_> = entries
            .iter()
            .filter_map(|e| match &e.event {
                Event::ConnectionEnd { connection, .. } => connection.strip_prefix(&format!("{thread}-")),
                _ => None,
            })
            .collect();
        assert_eq!(own, (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
    }
    let Opened { ledger, committer, recovered } = open(&path);
    assert_eq!((recovered.entries, recovered.unsigned_tail, recovered.open.len()), (1600, 0, 0));
    assert_eq!(ledger.append(&envelope(end("more"))).unwrap().sequence(), 1600);
    committer.stop().unwrap();
    assert_eq!(good(&path).0.entries, 1601);
}

#[test]
fn segments_roll_and_each_is_signed_at_its_seam() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let disk = Box::new(Files::new(path.clone()));
    let opened = Ledger::open_on(disk, &path, (&key(), &origin(), &Boot::start(), Durability::Disk), |w| {
        w.set_segment_bytes(4096);
    });
    let Opened { ledger, committer, .. } = opened.unwrap();
    for n in 0..60 {
        wait(&ledger, ledger.append(&envelope(end(&n.to_string()))).unwrap()).unwrap();
    }
    committer.stop().unwrap();
    let (report, entries) = good(&path);
    assert!(report.segments > 3, "{} segments", report.segments);
    assert_eq!((report.entries, report.unsigned_tail, entries.len()), (60, 0, 60));
    for file in std::fs::read_dir(&path).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if let Some(first) = segment::parse_name(&name).filter(|first| *first > 0) {
            let notes = std::fs::read_to_string(path.join(segment::notes_name(first))).unwrap();
            assert!(notes.starts_with(&format!("test/broker/1\n{first}\n")), "{name} begins unsigned");
        }
    }
    open(&path).committer.stop().unwrap();
}

#[test]
fn a_statement_of_a_megabyte_is_kept_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let Opened { ledger, committer, .. } = open(&path);
    let text = "select \"é\\\" + $1, ".repeat(1 << 16);
    let ticket = ledger.append(&envelope(statement("stm_1", &text))).unwrap();
    assert!(ticket.sequence() > 20);
    wait(&ledger, ticket).unwrap();
    let too_long = "x".repeat(9 << 20);
    assert_eq!(ledger.append(&envelope(statement("stm_2", &too_long))), Err(Poisoned));
    assert_eq!(ledger.append(&Envelope { affected: vec![], ..envelope(end("1")) }), Err(Poisoned));
    committer.stop().unwrap();
    let (_, entries) = good(&path);
    assert_eq!(entries, [envelope(statement("stm_1", &text))]);
}

#[test]
fn a_second_broker_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let first = open(&path);
    let again = Ledger::open(&path, &key(), &origin(), &Boot::start(), Durability::Disk);
    assert!(matches!(again, Err(OpenError::Locked(_))));
    first.committer.stop().unwrap();
    let other = SigningKey::from_bytes(&[1; 32]);
    let second = open(&path);
    second.ledger.append(&envelope(end("1"))).unwrap();
    second.committer.stop().unwrap();
    let wrong = Ledger::open(&path, &other, &origin(), &Boot::start(), Durability::Disk);
    assert!(matches!(wrong, Err(OpenError::Damaged(_))), "a foreign key was taken");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o750)).unwrap();
    assert!(matches!(
        Ledger::open(&path, &key(), &origin(), &Boot::start(), Durability::Disk),
        Err(OpenError::Open(_))
    ));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn after_a_crash_what_was_acknowledged_is_there_and_what_was_open_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (path, crashed) = (dir.path().join("ledger"), dir.path().join("crashed"));
    let Opened { ledger, committer, .. } = open(&path);
    for id in ["stm_1", "stm_2"] {
        ledger.append(&envelope(statement(id, "select 1"))).unwrap();
    }
    let ended = Event::StatementEnd {
        statement: "stm_1".into(),
        rows: 1,
        bytes: 1,
        sqlstate: "00000".into(),
        duration_us: 1,
        masked: vec![],
        revealed: Vec::new(),
    };
    let last = ledger.append(&envelope(ended)).unwrap();
    wait(&ledger, last).unwrap();
    copy(&path, &crashed);
    committer.stop().unwrap();

    let Opened { ledger, committer, recovered } = open(&crashed);
    assert_eq!(recovered.entries, 3);
    assert_eq!(recovered.open.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["stm_2"]);
    for entry in recovered.closing(&Boot::start()) {
        ledger.append(&entry).unwrap();
    }
    committer.stop().unwrap();
    let (report, entries) = good(&crashed);
    assert_eq!((report.entries, report.unsigned_tail), (4, 0));
    assert_eq!(entries[3].outcome, Outcome::Unknown);
    assert_eq!(entries[3].event, Event::ClosedUnknown { what: "statement".into(), id: "stm_2".into() });
    assert!(open(&crashed).recovered.open.is_empty());
}

#[test]
fn a_torn_batch_is_cut_and_kept_and_damage_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, live) = (dir.path().join("ledger"), dir.path().join("live"));
    let Opened { ledger, committer, .. } = open(&path);
    wait(&ledger, ledger.append(&envelope(end("1"))).unwrap()).unwrap();
    committer.stop().unwrap();
    let Opened { ledger, committer, .. } = open(&path);
    wait(&ledger, ledger.append(&envelope(end("2"))).unwrap()).unwrap();
    copy(&path, &live);
    committer.stop().unwrap();

    // The copy may hold a checkpoint over the second entry; without it, a crash can have torn that entry.
    let name = segment::file_name(0);
    let notes = live.join(segment::notes_name(0));
    let text = std::fs::read_to_string(&notes).unwrap();
    let first = text.match_indices("\n\n").nth(1).unwrap().0 + 2;
    std::fs::write(&notes, format!("{}{}", &text[..first], "test/brok")).unwrap();
    let mut bytes = std::fs::read(live.join(&name)).unwrap();
    let used = bytes.iter().rposition(|b| *b != 0).unwrap();
    bytes[used] = 0;
    std::fs::write(live.join(&name), &bytes).unwrap();

    let Opened { ledger, committer, recovered } = open(&live);
    assert_eq!(recovered.entries, 1);
    let files: Vec<_> = recovered.cuts.iter().map(|c| c.file.clone()).collect();
    assert_eq!(files, [name.clone(), segment::notes_name(0)]);
    for entry in recovered.closing(&Boot::start()) {
        ledger.append(&entry).unwrap();
    }
    committer.stop().unwrap();
    assert_eq!(good(&live).0.entries, 3);

    let mut bytes = std::fs::read(live.join(&name)).unwrap();
    bytes[200] ^= 1;
    std::fs::write(live.join(&name), &bytes).unwrap();
    let refused = Ledger::open(&live, &key(), &origin(), &Boot::start(), Durability::Disk);
    let Err(OpenError::Damaged(failure)) = refused else { panic!("a damaged ledger was opened") };
    assert_eq!(failure.sequence, 0);
    assert_eq!(std::fs::read(live.join(&name)).unwrap(), bytes, "the evidence was changed");
}

#[test]
fn a_checkpoint_comes_while_the_ledger_is_idle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let Opened { ledger, committer, .. } = open(&path);
    let ticket = ledger.append(&envelope(end("1"))).unwrap();
    wait(&ledger, ticket).unwrap();
    while ledger.stats().signed == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(ledger.checkpoint_text().starts_with("test/broker/1\n1\n"));
    committer.stop().unwrap();
}
