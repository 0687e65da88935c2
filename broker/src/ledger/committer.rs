//! The one thread that writes: batches, checkpoints, and the last words of a ledger whose disk is full.

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use hoop_ledger::entry::{ENVELOPE_VERSION, Envelope, Event, Origin, Outcome, User};
use hoop_ledger::{frame, tree};

use super::Poisoned;
use super::queue::{Shared, Work};
use super::writer::{WriteError, Writer};
use crate::clock::{self, Boot};

/// Entries after which a checkpoint is due.
const CHECKPOINT_ENTRIES: u64 = 10_000;
/// Time after which a checkpoint is due while there are new entries.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// The committer thread. Stop it before the process ends: what is queued is then written and signed.
#[must_use]
pub struct Committer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
pub(super) struct Thread {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: Writer,
    pub(super) key: SigningKey,
    pub(super) boot: Boot,
    /// Held, not used: it falls with the thread, after the last write.
    #[expect(dead_code, reason = "a lock is held by being there")]
    pub(super) lock: File,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn spawn(work: Thread) -> std::io::Result<Self> {
        let shared = Arc::clone(&work.shared);
        let thread = std::thread::Builder::new().name("ledger".into()).spawn(move || run(work))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes no more entries, writes those that are queued, signs the last checkpoint and ends the thread.
    ///
    /// # Errors
    /// [`Poisoned`] when not everything could be written and signed.
    pub fn stop(mut self) -> Result<(), Poisoned> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Poisoned> {
        self.shared.stop();
        let ended = self.thread.take().is_none_or(|thread| thread.join().is_ok());
        if ended && !self.shared.failed.load(Ordering::Acquire) { Ok(()) } else { Err(Poisoned) }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        if self.join().is_err() {
            tracing::error!("the ledger ended without its last checkpoint");
        }
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// Poisons the ledger when the thread ends by a panic: nobody may wait for a thread that is gone.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison();
        }
    }
}

fn run(mut work: Thread) {
    let guard = Guard(Arc::clone(&work.shared));
    if let Err(error) = work.commit_all() {
        work.fail(&error);
    }
    drop(guard);
}

impl Thread {
    fn commit_all(&mut self) -> Result<(), WriteError> {
        let mut buffer = Vec::new();
        let mut last_sign = Instant::now();
        loop {
            let unsigned = self.writer.size() > self.writer.signed();
            let deadline = unsigned.then(|| last_sign + CHECKPOINT_EVERY);
            let stop = match self.shared.take(&mut buffer, deadline) {
                Work::Batch { count } => {
                    self.commit(&mut buffer, count)?;
                    false
                }
                Work::Idle => false,
                Work::Stop => true,
            };
            let fresh = self.writer.size() - self.writer.signed();
            let due = fresh >= CHECKPOINT_ENTRIES || last_sign.elapsed() >= CHECKPOINT_EVERY || stop;
            if due {
                self.sign()?;
                last_sign = Instant::now();
            }
            self.shared.counters.fsyncs.store(self.writer.fsyncs(), Ordering::Relaxed);
            if stop {
                return self.writer.trim();
            }
        }
    }

    fn commit(&mut self, buffer: &mut [u8], count: u32) -> Result<(), WriteError> {
        if self.writer.must_roll(buffer.len()) {
            self.sign()?;
            self.writer.roll()?;
        }
        self.writer.write_batch(buffer, count)?;
        let counters = &self.shared.counters;
        counters.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.fsyncs.store(self.writer.fsyncs(), Ordering::Relaxed);
        self.shared.publish(self.writer.size());
        Ok(())
    }

    /// Signs a checkpoint over all that is durable, if one is due.
    fn sign(&mut self) -> Result<(), WriteError> {
        let lines = vec![format!("time_us {}", clock::unix_us()), "durability fdatasync".to_owned()];
        let Some(checkpoint) = self.writer.unsigned(lines) else { return Ok(()) };
        let note = checkpoint
            .sign(&self.key)
            .map_err(|e| WriteError::Io { what: "signing", source: std::io::Error::other(e) })?;
        self.writer.sign(note.clone(), checkpoint.size)?;
        self.shared.publish_checkpoint(&note, checkpoint.size);
        Ok(())
    }

    /// Refuses everything from now on. With a full disk, the reserve takes one entry that says so (PCI DSS 10.7.2);
    /// after an I/O error nothing more is written, since nobody knows what is on disk.
    fn fail(&mut self, error: &WriteError) {
        self.shared.poison();
        tracing::error!(%error, "the ledger has failed: nothing more is recorded, so nothing more is allowed");
        match error {
            WriteError::Full => {
                if let Err(error) = self.last_words() {
                    tracing::error!(%error, "the ledger could not record its own failure");
                }
            }
            WriteError::Io { .. } | WriteError::Frame(_) => {}
        }
    }

    fn last_words(&mut self) -> Result<(), WriteError> {
        let envelope = Envelope {
            v: ENVELOPE_VERSION,
            time_us: clock::unix_us(),
            mono_us: u64::try_from(self.boot.elapsed().as_micros()).unwrap_or(u64::MAX),
            boot: self.boot.id().to_owned(),
            user: User::broker(),
            origin: Origin::broker(),
            outcome: Outcome::Failure,
            affected: vec!["ledger".into()],
            event: Event::ControlFailure {
                control: "ledger".into(),
                detail: "the disk is full; the ledger takes no more entries".into(),
            },
        };
        let payload = serde_json::to_vec(&envelope)
            .map_err(|e| WriteError::Io { what: "writing the last entry", source: e.into() })?;
        let mut batch = Vec::new();
        frame::push(&mut batch, &payload, &tree::leaf_hash(&payload))?;
        self.writer.write_last(&mut batch, 1)?;
        self.writer.release_reserve()?;
        self.sign()
    }
}
