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
use crate::config::Durability;

/// Entries after which a checkpoint is due.
const CHECKPOINT_ENTRIES: u64 = 10_000;
/// Time after which a checkpoint is due while there are new entries.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Bytes before the end of a segment from which on it is synced ahead of its last checkpoint.
const SEAM: usize = 1 << 20;

/// Entries of one batch from which on the next one waits for company. A lone client makes two a statement: one before it
/// runs, and the end of the one before.
const CROWD: u32 = 6;
/// The longest that a batch waits for company, however slow the disk.
const COMPANY_MAX: Duration = Duration::from_micros(100);

/// The committer thread. Stop it before the process ends: what is queued is then written and signed.
#[must_use]
pub struct Committer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
pub(super) struct Thread {
    pub(super) shared: Arc<Shared>,
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

/// What the batch before tells of the next one.
#[derive(Debug, Clone, Copy, Default)]
struct Batches {
    last: u32,
    took: Duration,
}

impl Batches {
    /// Where many write side by side, a batch that begins at once leaves most of them to the next one, and each sync
    /// costs the same for one as for all. So it waits, for no longer than the sync before took.
    fn wait_for_company(self) {
        if self.last >= CROWD {
            std::thread::sleep(self.took.min(COMPANY_MAX));
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
        let mut last_sign = Instant::now();
        let mut batches = Batches::default();
        loop {
            let signed = self.shared.writer().signed();
            let stop = self.shared.wait(signed, last_sign + CHECKPOINT_EVERY) == Work::Stop;
            if !stop {
                batches.wait_for_company();
            }
            self.commit(&mut batches)?;
            // A caller's write failed, or a disk that hangs was given up: nothing more is written, queued or not.
            if self.shared.has_failed() {
                return self.shared.take_fault().map_or(Ok(()), Err);
            }
            let fresh = self.shared.writer().unsigned_entries();
            if fresh >= CHECKPOINT_ENTRIES || last_sign.elapsed() >= CHECKPOINT_EVERY || stop {
                self.sync_ahead()?;
                self.holding(|writer| self.sign(writer))?;
                last_sign = Instant::now();
            }
            if stop {
                return self.holding(Writer::trim);
            }
        }
    }

    /// Does `work` with the writer, unless the ledger has failed; a failure is told before the writer is let go, so that
    /// nobody writes behind it.
    fn holding(&self, work: impl FnOnce(&mut Writer) -> Result<(), WriteError>) -> Result<(), WriteError> {
        let mut writer = self.shared.writer();
        if self.shared.has_failed() {
            return self.shared.take_fault().map_or(Ok(()), Err);
        }
        let done = work(&mut writer);
        if done.is_err() {
            self.shared.poison();
        }
        done
    }

    /// Writes what waits as one batch, and makes room for the next ones.
    fn commit(&self, batches: &mut Batches) -> Result<(), WriteError> {
        if self.shared.writer().must_roll(self.shared.queued() + SEAM) {
            self.sync_ahead()?;
        }
        self.holding(|writer| {
            let mut batch = writer.lend_batch();
            let count = self.shared.take(&mut batch);
            if writer.must_roll(batch.len()) {
                self.sign(writer)?;
                writer.roll()?;
            }
            writer.reserve_ahead(batch.len())?;
            let begin = Instant::now();
            self.shared.write(writer, &mut batch, count)?;
            writer.give_back(batch);
            match self.shared.durability() {
                Durability::Disk => {
                    *batches = Batches { last: count, took: begin.elapsed() };
                    Ok(())
                }
                // Callers write only into room that is there.
                Durability::Os => writer.reserve_more(),
            }
        })
    }

    /// With `durability = "os"`, syncs what was written so far while callers go on writing: what is then left to be
    /// synced before a checkpoint, with the writer held, is little.
    fn sync_ahead(&self) -> Result<(), WriteError> {
        match self.shared.durability() {
            Durability::Disk => Ok(()),
            Durability::Os => {
                let segment = self.shared.writer().segment();
                segment.sync_data().map_err(|source| WriteError::Io { what: "syncing a segment", source })
            }
        }
    }

    /// Signs a checkpoint over all that is written, if one is due; what it covers is on disk before it.
    fn sign(&self, writer: &mut Writer) -> Result<(), WriteError> {
        let lines = vec![
            format!("time_us {}", clock::unix_us()),
            format!("durability {}", self.shared.durability().as_str()),
        ];
        let Some(checkpoint) = writer.unsigned(lines) else { return Ok(()) };
        let note = checkpoint
            .sign(&self.key)
            .map_err(|e| WriteError::Io { what: "signing", source: std::io::Error::other(e) })?;
        writer.sign(note.clone(), checkpoint.size)?;
        self.shared.counters.fsyncs.store(writer.fsyncs(), Ordering::Relaxed);
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
            WriteError::Io { .. } | WriteError::Broken | WriteError::Frame(_) => {}
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
        let mut writer = self.shared.writer();
        writer.write_last(&mut batch, 1)?;
        writer.release_reserve()?;
        self.sign(&mut writer)
    }
}
