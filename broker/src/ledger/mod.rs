//! The ledger as the broker uses it: append, and wait until what was appended is durable.
//!
//! One log of one broker in plain files. [`Ledger::append`] serialises on the caller's thread into a shared buffer;
//! one committer thread writes what has gathered as one batch with one `fdatasync`, then wakes those who wait for it.
//! With `durability = "os"` whoever waits for an entry writes what has gathered, without a sync; the committer syncs
//! once a second, before each checkpoint.
//! What cannot be recorded is refused: an I/O error poisons the ledger for good, because after a failed `fsync` nobody
//! knows what is on disk. The format is in `docs/ledger-format.md`, its pure part in `hoop_ledger`.

mod committer;
mod disk;
mod key;
mod open;
mod queue;
#[cfg(test)]
mod tests;
mod watch;
mod writer;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hoop_ledger::checkpoint::VerifierKey;
use hoop_ledger::entry::Envelope;
use hoop_ledger::{frame, parts, tree};

use crate::config::Durability;
pub use committer::Committer;
pub use key::{KeyError, create_signing_key, load_signing_key};
pub use open::{Cut, OpenError, Opened, Recovered};
use queue::Shared;
pub use queue::Urgency;
pub use watch::Watcher;

/// Handle to the one ledger of this broker; cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

/// Position of an appended entry; durable once the ledger's durable mark has passed it. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The ledger cannot record: disk full, I/O error, stopped, its queue full, or an envelope that no verifier would
/// accept. What was to be recorded must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot record")]
pub struct Poisoned;

/// Figures for `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entries that are durable, those of earlier boots included.
    pub entries: u64,
    /// Bytes of frames written since the start.
    pub bytes: u64,
    /// Batches written since the start.
    pub batches: u64,
    /// Calls of fsync and fdatasync since the start.
    pub fsyncs: u64,
    /// Entries that wait to be written.
    pub queue_entries: u64,
    /// Bytes that wait to be written.
    pub queue_bytes: u64,
    /// Entries refused because the queue was full.
    pub refused: u64,
    /// Entries that the last checkpoint signs.
    pub signed: u64,
    /// True when the ledger has failed.
    pub poisoned: bool,
}

thread_local! {
    // One buffer a thread: in the steady state an append allocates nothing.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A scratch buffer that grew beyond this is given back.
const SCRATCH_KEEP: usize = 256 << 10;

impl Ticket {
    #[cfg(test)]
    pub(crate) const fn of(sequence: u64) -> Self {
        Self(sequence)
    }

    /// Index of the entry in the log.
    #[must_use]
    pub const fn sequence(self) -> u64 {
        self.0
    }
}

impl Ledger {
    /// Queues one entry. Returns at once; the entry is durable when its ticket is.
    ///
    /// # Errors
    /// [`Poisoned`] when the ledger has failed or its queue is full; nothing was queued.
    pub fn append(&self, envelope: &Envelope) -> Result<Ticket, Poisoned> {
        if envelope.check().is_err() {
            tracing::error!("an entry names nothing that was affected: refused");
            return Err(Poisoned);
        }
        self.append_with(Urgency::Now, |out| serde_json::to_writer(out, envelope).map_err(Into::into))
    }

    /// Queues one entry whose JSON `write` appends to an empty buffer: an [`Envelope`] of the present version, as
    /// [`hoop_ledger::draft`] makes it. In the steady state this allocates nothing.
    ///
    /// # Errors
    /// As [`Ledger::append`], or when `write` fails.
    pub fn append_with(
        &self,
        urgency: Urgency,
        write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>,
    ) -> Result<Ticket, Poisoned> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            if write(scratch).is_err() {
                tracing::error!("an entry cannot be written: refused");
                return Err(Poisoned);
            }
            if scratch.len() > frame::MAX_PAYLOAD {
                let envelope = serde_json::from_slice(scratch).map_err(|_| Poisoned)?;
                let ticket = self.append_parts(&envelope, scratch, urgency);
                scratch.shrink_to(SCRATCH_KEEP);
                return ticket;
            }
            // Hashed here, on the caller's core and outside the lock, not by the one committer.
            let leaf = tree::leaf_hash(scratch);
            self.shared.push(&[(scratch.as_slice(), leaf)], urgency)
        })
    }

    /// The rare way of an envelope that is too long for one entry.
    fn append_parts(&self, envelope: &Envelope, json: &[u8], urgency: Urgency) -> Result<Ticket, Poisoned> {
        let text = str::from_utf8(json).map_err(|_| Poisoned)?;
        if text.len() > parts::MAX_WHOLE {
            tracing::error!(bytes = text.len(), "an entry is too long to record: refused");
            return Err(Poisoned);
        }
        let encode = |part: &Envelope| serde_json::to_vec(part).map_err(|_| Poisoned);
        let payloads: Vec<Vec<u8>> =
            parts::split(envelope, text).iter().map(encode).collect::<Result<_, _>>()?;
        let frames: Vec<_> = payloads.iter().map(|p| (p.as_slice(), tree::leaf_hash(p))).collect();
        self.shared.push(&frames, urgency)
    }

    /// True once the entry at `ticket` is on disk.
    #[must_use]
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        self.shared.durable.load(Ordering::Acquire) > ticket.0
    }

    /// A waiter for one task.
    #[must_use]
    pub fn watcher(&self) -> Watcher {
        Watcher::new(Arc::clone(&self.shared))
    }

    /// Appends and waits until the entry is durable.
    ///
    /// # Errors
    /// [`Poisoned`] when the entry cannot be made durable.
    pub async fn record(&self, envelope: &Envelope) -> Result<Ticket, Poisoned> {
        let ticket = self.append(envelope)?;
        let mut watcher = self.watcher();
        std::future::poll_fn(|cx| watcher.poll_durable(ticket, cx)).await?;
        Ok(ticket)
    }

    /// Gives the ledger up when an entry has waited for the disk longer than `limit`: what waits for it is refused. A
    /// disk that hangs returns no error, and a statement must not wait for ever (`limits.ledger_wait`). To be called
    /// again and again: the second call that finds the same entry late decides.
    pub fn give_up_after(&self, limit: std::time::Duration) {
        if !self.poisoned() && self.shared.overdue(limit) {
            tracing::error!(
                limit_ms = limit.as_millis(),
                "the ledger's disk does not answer: nothing more is allowed"
            );
            self.shared.poison();
        }
    }

    /// What an entry must have reached before what it records may happen.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.shared.durability()
    }

    /// True when the ledger has failed for good; only a restart, with recovery, opens it again.
    #[must_use]
    pub fn poisoned(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// The last signed checkpoint, as C2SP signed note; empty before the first.
    #[must_use]
    pub fn checkpoint_text(&self) -> Arc<str> {
        self.shared.checkpoint()
    }

    /// The public key under the log's name; its text is what `audit verify` needs.
    #[must_use]
    pub fn public_key(&self) -> &VerifierKey {
        &self.shared.key
    }

    /// Figures as of now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("stats", &self.stats()).finish()
    }
}
