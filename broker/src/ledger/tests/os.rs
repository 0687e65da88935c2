//! `durability = "os"`: whoever waits for an entry writes it; the committer syncs and signs.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::faults::{Fault, faulty_with};
use super::{end, envelope, good, open, statement, wait};
use crate::config::Durability;
use crate::ledger::{Ledger, Opened, Poisoned};

fn open_os(path: &std::path::Path) -> Opened {
    Ledger::open(path, &super::key(), &super::origin(), &crate::clock::Boot::start(), Durability::Os).unwrap()
}

#[test]
fn many_threads_write_for_themselves_and_all_of_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let Opened { ledger, committer, .. } = open_os(&path);
    // Long ones too, so that the room ahead runs out again and again.
    let text = "x".repeat(8000);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (ledger, text) = (ledger.clone(), text.clone());
            std::thread::spawn(move || {
                for n in 0..200 {
                    let event =
                        if n % 3 == 0 { statement("stm_1", &text) } else { end(&format!("{thread}-{n}")) };
                    let ticket = ledger.append(&envelope(event)).unwrap();
                    wait(&ledger, ticket).unwrap();
                    assert!(ledger.is_durable(ticket));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    committer.stop().unwrap();
    let (report, entries) = good(&path);
    assert_eq!((report.entries, report.unsigned_tail, entries.len()), (800, 0, 800));
    assert_eq!(report.checkpoints_os, report.checkpoints);
}

#[test]
fn what_a_caller_wrote_is_signed_soon_though_nothing_follows() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { ledger, committer, .. } = open_os(&dir.path().join("ledger"));
    // The committer has nothing to do and sleeps.
    std::thread::sleep(Duration::from_millis(100));
    for n in 1..=2 {
        wait(&ledger, ledger.append(&envelope(end("a"))).unwrap()).unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while ledger.stats().signed < n {
            assert!(Instant::now() < patience, "never signed: {ledger:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    committer.stop().unwrap();
}

#[test]
fn a_failing_write_of_a_caller_refuses_its_batch_and_all_after_it() {
    for fault in [Fault::Write(io::ErrorKind::Other), Fault::Short] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let (opened, plan) = faulty_with(&path, fault, Durability::Os);
        let Opened { ledger, committer, .. } = opened.unwrap();
        wait(&ledger, ledger.append(&envelope(end("good"))).unwrap()).unwrap();
        plan.left.store(0, Ordering::SeqCst);
        let tickets: Vec<_> =
            ["a", "b", "c"].iter().filter_map(|id| ledger.append(&envelope(end(id))).ok()).collect();
        let done: Vec<_> = tickets.iter().map(|ticket| wait(&ledger, *ticket)).collect();
        assert!(done.iter().all(|d| *d == Err(Poisoned)), "{done:?}");
        assert!(ledger.poisoned() && tickets.iter().all(|ticket| !ledger.is_durable(*ticket)));
        plan.left.store(i64::MAX, Ordering::SeqCst);
        assert_eq!(ledger.append(&envelope(end("late"))), Err(Poisoned));
        assert_eq!(committer.stop(), Err(Poisoned));
        let Opened { committer, recovered, .. } = open(&path);
        assert!(recovered.entries >= 1, "{recovered:?}");
        committer.stop().unwrap();
        good(&path);
    }
}

#[test]
fn on_a_full_disk_nothing_is_durable_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let (opened, plan) = faulty_with(&path, Fault::Write(io::ErrorKind::StorageFull), Durability::Os);
    let Opened { ledger, committer, .. } = opened.unwrap();
    plan.left.store(0, Ordering::SeqCst);
    let threads: Vec<_> = [40_000, 10, 3000]
        .into_iter()
        .map(|len| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                let text = "x".repeat(len);
                let mut durable = 0;
                while let Ok(ticket) = ledger.append(&envelope(statement("stm_1", &text))) {
                    if wait(&ledger, ticket).is_err() {
                        break;
                    }
                    durable = durable.max(ticket.sequence() + 1);
                }
                durable
            })
        })
        .collect();
    let durable = threads.into_iter().map(|t| t.join().unwrap()).max().unwrap();
    assert!(ledger.poisoned());
    assert_eq!(committer.stop(), Err(Poisoned));
    let Opened { committer, recovered, .. } = open(&path);
    assert!(recovered.entries >= durable, "{} < {durable}", recovered.entries);
    committer.stop().unwrap();
    good(&path);
}

#[test]
fn a_ledger_that_was_given_up_ends_though_entries_wait() {
    for durability in [Durability::Disk, Durability::Os] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let (key, origin, boot) = (super::key(), super::origin(), crate::clock::Boot::start());
        let Opened { ledger, committer, .. } = Ledger::open(&path, &key, &origin, &boot, durability).unwrap();
        // The committer cannot write meanwhile, as on a disk that hangs.
        let held = ledger.shared.writer();
        ledger.append(&envelope(end("waits"))).unwrap();
        ledger.shared.poison();
        drop(held);
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tell.send(committer.stop()));
        let stopped = told.recv_timeout(Duration::from_secs(60));
        assert_eq!(stopped, Ok(Err(Poisoned)), "{durability:?}: the committer never ends");
        open(&path).committer.stop().unwrap();
        good(&path);
    }
}
