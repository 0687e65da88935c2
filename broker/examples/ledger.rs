//! Measures the ledger beside the disk that it writes to: cost of an append, durable entries a second with 1, 16 and
//! 64 writers, and what the same disk does with bare `fdatasync` in the same run.
//!
//! `cargo run --release -p hoop-broker --example ledger -- [DIR] [SECONDS]`; DIR must not exist, and is not removed.

#![allow(clippy::print_stdout, reason = "it prints figures")]

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use hoop_broker::clock::Boot;
use hoop_broker::config::Durability;
use hoop_broker::ledger::{Ledger, Opened};
use hoop_ledger::checkpoint::Origin;
use hoop_ledger::entry::{self, ENVELOPE_VERSION, Envelope, Event, Outcome, Parameter, User};

/// Turns of each measurement.
const SLICES: u32 = 8;

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// An entry as a statement makes it, about 600 bytes.
fn statement() -> Envelope {
    Envelope {
        v: ENVELOPE_VERSION,
        time_us: 1_764_000_000_000_000,
        mono_us: 123_456_789,
        boot: "01KATX5V9Q3R8W2M4N6P7S8T9V".into(),
        user: User { id: "alice".into(), kind: "user".into(), person_id: Some("e-10021".into()) },
        origin: entry::Origin { address: "192.0.2.17:51824".into(), via: "tunnel".into(), bearer: false },
        outcome: Outcome::Pending,
        affected: vec!["payments-db".into(), "public.orders".into()],
        event: Event::Statement {
            statement: "stm_01KATX5V9Q3R8W2M4N6P7S8T9V".into(),
            session: "ses_01KATX5V9Q3R8W2M4N6P7S8T9V".into(),
            connection: "con_01KATX5V9Q3R8W2M4N6P7S8T9V".into(),
            text: "UPDATE public.orders SET state = $1, changed_at = now() WHERE id = $2".into(),
            verbs: vec!["update".into()],
            write: true,
            rules: vec!["allow-write-orders".into()],
            parameters: vec![
                Parameter { oid: 25, binary: false, len: 7 },
                Parameter { oid: 20, binary: true, len: 8 },
            ],
        },
    }
}

fn raw(dir: &Path, time: Duration) -> Result<f64, Box<dyn Error>> {
    let file = File::create(dir.join("raw"))?;
    file.write_all_at(&vec![0; 8 << 20], 0)?;
    file.sync_all()?;
    let (block, start, mut count) = ([7; 700], Instant::now(), 0_u64);
    while start.elapsed() < time {
        file.write_all_at(&block, count * 700 % (7 << 20))?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

fn durable(ledger: &Ledger, writers: usize, time: Duration) -> Result<f64, Box<dyn Error>> {
    let (stop, total) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let threads: Vec<_> = (0..writers)
        .map(|_| {
            let (ledger, stop, total) = (ledger.clone(), Arc::clone(&stop), Arc::clone(&total));
            thread::spawn(move || -> bool {
                let (entry, mut watcher) = (statement(), ledger.watcher());
                let waker = Waker::from(Arc::new(Unpark(thread::current())));
                while !stop.load(Ordering::Relaxed) {
                    let Ok(ticket) = ledger.append(&entry) else { return false };
                    loop {
                        match watcher.poll_durable(ticket, &mut Context::from_waker(&waker)) {
                            Poll::Ready(Ok(())) => break,
                            Poll::Ready(Err(_)) => return false,
                            Poll::Pending => thread::park(),
                        }
                    }
                    total.fetch_add(1, Ordering::Relaxed);
                }
                true
            })
        })
        .collect();
    thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let good = threads.into_iter().all(|t| t.join().unwrap_or(false));
    if !good {
        return Err("a writer was refused".into());
    }
    Ok(total.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

fn append_cost(ledger: &Ledger) -> Result<f64, Box<dyn Error>> {
    let (entry, mut best) = (statement(), f64::MAX);
    for _ in 0..20 {
        let (start, rounds) = (Instant::now(), 2000);
        let mut last = None;
        for _ in 0..rounds {
            last = Some(ledger.append(&entry)?);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(rounds));
        while last.is_some_and(|t| !ledger.is_durable(t)) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(best)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("ledger-bench"), PathBuf::from);
    let time = Duration::from_secs(args.next().map_or(Ok(3), |s| s.parse())?);
    let key = SigningKey::from_bytes(&[1; 32]);
    let Opened { ledger, committer, .. } =
        Ledger::open(&dir, &key, &Origin::parse("bench/broker/1")?, &Boot::start(), Durability::Disk)?;
    println!("entry: {} bytes", serde_json::to_vec(&statement())?.len());
    println!("append: {:.0} ns", append_cost(&ledger)?);
    // Turn by turn, so that whatever else uses the disk meets both alike.
    let slice = time / SLICES;
    for writers in [1, 16, 64] {
        let before = ledger.stats();
        let (mut bare, mut rate) = (0.0, 0.0);
        for _ in 0..SLICES {
            bare += raw(&dir, slice)? / f64::from(SLICES);
            rate += durable(&ledger, writers, slice)? / f64::from(SLICES);
        }
        let after = ledger.stats();
        let each = (after.entries - before.entries) as f64 / (after.batches - before.batches).max(1) as f64;
        println!(
            "{writers:2} writers: {rate:.0} durable entries a second, {each:.1} a batch; bare fdatasync {bare:.0}"
        );
    }
    committer.stop()?;
    Ok(())
}
