//! A disk that fails: every write and sync in turn, a full disk, a disk too slow for the queue.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use hoop_ledger::entry::Event;

use super::super::disk::{Disk, Files, Handle};
use super::super::{Ledger, OpenError, Opened, Poisoned};
use super::{end, envelope, good, key, open, origin, statement, wait};
use crate::clock::Boot;
use crate::config::Durability;

/// Lets the n-th write or sync fail, and all after it.
struct Faulty {
    files: Files,
    plan: Arc<Plan>,
}

pub(super) struct Plan {
    pub(super) left: AtomicI64,
    fault: Fault,
    log: Mutex<Vec<&'static str>>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Write(io::ErrorKind),
    Short,
    Sync,
}

struct FaultyHandle {
    file: Box<dyn Handle>,
    plan: Arc<Plan>,
}

impl Disk for Faulty {
    fn open(&self, name: &str) -> io::Result<Box<dyn Handle>> {
        Ok(Box::new(FaultyHandle { file: self.files.open(name)?, plan: Arc::clone(&self.plan) }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.plan.left.store(i64::MAX, Ordering::SeqCst);
        self.files.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.files.sync_dir()
    }
}

impl Plan {
    fn due(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) <= 0
    }
}

impl FaultyHandle {
    fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.plan.log.lock().unwrap().push("sync");
        if self.plan.fault == Fault::Sync && self.plan.due() {
            return Err(io::Error::other("sync failed"));
        }
        sync()
    }
}

impl Handle for FaultyHandle {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.plan.log.lock().unwrap().push("write");
        match self.plan.fault {
            Fault::Write(io::ErrorKind::StorageFull) => {
                // A full disk refuses new blocks only: what overwrites zeros of our own goes through.
                if offset + bytes.len() as u64 > self.file.len()? && self.plan.due() {
                    return Err(io::ErrorKind::StorageFull.into());
                }
            }
            Fault::Write(kind) if self.plan.due() => return Err(kind.into()),
            Fault::Short if self.plan.due() => return self.file.write_at(&bytes[..bytes.len() / 2], offset),
            Fault::Write(_) | Fault::Short | Fault::Sync => {}
        }
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(|| self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(|| self.file.sync_all())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

fn faulty(path: &Path, fault: Fault) -> (Result<Opened, OpenError>, Arc<Plan>) {
    faulty_with(path, fault, Durability::Disk)
}

pub(super) fn faulty_with(
    path: &Path,
    fault: Fault,
    durability: Durability,
) -> (Result<Opened, OpenError>, Arc<Plan>) {
    let plan = Arc::new(Plan { left: AtomicI64::new(i64::MAX), fault, log: Mutex::default() });
    let disk = Box::new(Faulty { files: Files::new(path.to_owned()), plan: Arc::clone(&plan) });
    (Ledger::open_on(disk, path, (&key(), &origin(), &Boot::start(), durability), |_| ()), plan)
}

#[test]
fn every_failing_write_or_sync_poisons_and_loses_nothing_acknowledged() {
    for fault in [Fault::Write(io::ErrorKind::Other), Fault::Short, Fault::Sync] {
        for nth in 0..6 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("ledger");
            let (opened, plan) = faulty(&path, fault);
            let Opened { ledger, committer, .. } = opened.unwrap();
            plan.left.store(nth, Ordering::SeqCst);
            let mut acknowledged = 0;
            let failed = (0..20).any(|n| {
                let done = ledger.append(&envelope(end(&n.to_string()))).and_then(|t| wait(&ledger, t));
                acknowledged += u64::from(done.is_ok());
                done.is_err()
            });
            assert!(failed && ledger.poisoned(), "fault {nth} did not show");
            let calls = plan.log.lock().unwrap().len();
            assert_eq!(ledger.append(&envelope(end("late"))), Err(Poisoned));
            assert_eq!(committer.stop(), Err(Poisoned));
            assert_eq!(plan.log.lock().unwrap().len(), calls, "it was tried again");
            let Opened { committer, recovered, .. } = open(&path);
            assert!(recovered.entries >= acknowledged, "{} < {acknowledged}", recovered.entries);
            committer.stop().unwrap();
            good(&path);
        }
    }
}

#[test]
fn a_full_disk_refuses_and_says_so_in_the_reserve() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (opened, plan) = faulty(&path, Fault::Write(io::ErrorKind::StorageFull));
    let Opened { ledger, committer, .. } = opened.unwrap();
    plan.left.store(0, Ordering::SeqCst);
    let text = "x".repeat(40_000);
    let mut acknowledged = 0;
    while ledger.append(&envelope(statement("stm_1", &text))).and_then(|ticket| wait(&ledger, ticket)).is_ok()
    {
        acknowledged += 1;
        assert!(acknowledged < 1000, "the disk is never full");
    }
    assert!(ledger.poisoned() && acknowledged > 0);
    assert_eq!(committer.stop(), Err(Poisoned));
    let (report, entries) = good(&path);
    assert_eq!((report.entries, report.unsigned_tail), (acknowledged + 1, 0));
    assert!(
        matches!(&entries.last().unwrap().event, Event::ControlFailure { control, .. } if control == "ledger")
    );
    assert!(!path.join("reserve").exists());
}

#[test]
fn a_full_queue_refuses_and_goes_on() {
    struct Slow(Files, Arc<Barrier>);
    struct SlowHandle(Box<dyn Handle>, Arc<Barrier>);
    impl Disk for Slow {
        fn open(&self, name: &str) -> io::Result<Box<dyn Handle>> {
            Ok(Box::new(SlowHandle(self.0.open(name)?, Arc::clone(&self.1))))
        }
        fn remove(&self, name: &str) -> io::Result<()> {
            self.0.remove(name)
        }
        fn sync_dir(&self) -> io::Result<()> {
            self.0.sync_dir()
        }
    }
    impl Handle for SlowHandle {
        fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
            if bytes.starts_with(&[1, 1, 0, 0]) && bytes.len() < 1000 {
                self.1.wait();
                self.1.wait();
            }
            self.0.write_at(bytes, offset)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn sync_all(&self) -> io::Result<()> {
            self.0.sync_all()
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let gate = Arc::new(Barrier::new(2));
    let disk = Box::new(Slow(Files::new(path.clone()), Arc::clone(&gate)));
    let opened = Ledger::open_on(disk, &path, (&key(), &origin(), &Boot::start(), Durability::Disk), |_| ());
    let Opened { ledger, committer, .. } = opened.unwrap();
    ledger.append(&envelope(end("small"))).unwrap();
    gate.wait();
    // The committer stands in its write: all that comes now waits in the queue.
    let text = "x".repeat(50_000);
    let mut taken = 0;
    let mut last = None;
    while let Ok(ticket) = ledger.append(&envelope(statement("stm_1", &text))) {
        taken += 1;
        last = Some(ticket);
        if taken == 1000 {
            break;
        }
    }
    let stats = ledger.stats();
    // The committer goes on before anything is asserted: a test that fails must not wait for it for ever.
    gate.wait();
    assert!(taken < 1000, "the queue has no bound");
    assert!(!ledger.poisoned() && stats.queue_entries == taken && stats.refused == 1);
    wait(&ledger, last.unwrap()).unwrap();
    wait(&ledger, ledger.append(&envelope(statement("stm_2", &text))).unwrap()).unwrap();
    committer.stop().unwrap();
    assert_eq!(good(&path).0.entries, taken + 2);
}

#[test]
fn a_disk_that_hangs_is_given_up_at_the_second_look() {
    struct Hanging(Files, Arc<Barrier>);
    struct HangingHandle(Box<dyn Handle>, Arc<Barrier>);
    impl Disk for Hanging {
        fn open(&self, name: &str) -> io::Result<Box<dyn Handle>> {
            Ok(Box::new(HangingHandle(self.0.open(name)?, Arc::clone(&self.1))))
        }
        fn remove(&self, name: &str) -> io::Result<()> {
            self.0.remove(name)
        }
        fn sync_dir(&self) -> io::Result<()> {
            self.0.sync_dir()
        }
    }
    impl Handle for HangingHandle {
        fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
            if bytes.starts_with(&[1, 1, 0, 0]) && bytes.len() < 1000 {
                self.1.wait();
                self.1.wait();
            }
            self.0.write_at(bytes, offset)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn sync_all(&self) -> io::Result<()> {
            self.0.sync_all()
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let gate = Arc::new(Barrier::new(2));
    let disk = Box::new(Hanging(Files::new(path.clone()), Arc::clone(&gate)));
    let opened = Ledger::open_on(disk, &path, (&key(), &origin(), &Boot::start(), Durability::Disk), |_| ());
    let Opened { ledger, committer, .. } = opened.unwrap();
    let ticket = ledger.append(&envelope(end("small"))).unwrap();
    gate.wait();
    let long = std::time::Duration::from_secs(3600);
    let patient = (ledger.give_up_after(long), ledger.give_up_after(long), ledger.poisoned()).2;
    ledger.give_up_after(std::time::Duration::ZERO);
    let once = ledger.poisoned();
    ledger.give_up_after(std::time::Duration::ZERO);
    let (twice, waited) = (ledger.poisoned(), wait(&ledger, ticket));
    gate.wait();
    assert!(!patient && !once, "given up too early");
    assert!(twice && waited == Err(Poisoned));
    assert_eq!(committer.stop(), Err(Poisoned));
}
