//! What appenders, waiters and the committer share.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hoop_ledger::checkpoint::VerifierKey;
use hoop_ledger::frame;
use hoop_ledger::tree::Hash;

use super::watch::Waiters;
use super::{Poisoned, Stats, Ticket};

/// Bytes that may wait to be written. Beyond it appends are refused: memory is bounded, and what waits longer than the
/// disk needs for this is not recorded in time anyway.
pub(super) const MAX_QUEUE: usize = 8 << 20;

/// No entry is late. A mark of 2^64 − 1 entries is never reached.
const NOT_LATE: u64 = u64::MAX;

/// The state that all handles share. Locks are held for a copy of a few hundred bytes at most, never over I/O.
pub(super) struct Shared {
    pending: Mutex<Pending>,
    work: Condvar,
    /// Entries on disk: those with a lower sequence are durable.
    pub(super) durable: AtomicU64,
    /// Set once, never cleared.
    pub(super) failed: AtomicBool,
    /// The durable mark when an entry was last seen to be late, or [`NOT_LATE`].
    late_at: AtomicU64,
    pub(super) waiters: Mutex<Waiters>,
    checkpoint: Mutex<Arc<str>>,
    pub(super) key: VerifierKey,
    pub(super) counters: Counters,
}

/// What the committer counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) bytes: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) fsyncs: AtomicU64,
    pub(super) signed: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Pending {
    frames: Vec<u8>,
    count: u32,
    next: u64,
    closed: bool,
    stopping: bool,
    asleep: bool,
    /// When the oldest frame that waits came.
    oldest: Option<Instant>,
    /// The same of the batch that is being written.
    writing: Option<Instant>,
}

/// What the committer gets to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Frames in the buffer: how many.
    Batch { count: u32 },
    /// Nothing came until the deadline.
    Idle,
    /// Nothing is left and nothing will come.
    Stop,
}

impl Shared {
    pub(super) fn new(next: u64, key: VerifierKey, checkpoint: &str) -> Self {
        let pending = Pending {
            frames: Vec::new(),
            count: 0,
            next,
            closed: false,
            stopping: false,
            asleep: false,
            oldest: None,
            writing: None,
        };
        Self {
            pending: Mutex::new(pending),
            work: Condvar::new(),
            durable: AtomicU64::new(next),
            failed: AtomicBool::new(false),
            late_at: AtomicU64::new(NOT_LATE),
            waiters: Mutex::default(),
            checkpoint: Mutex::new(checkpoint.into()),
            key,
            counters: Counters::default(),
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        // A panic while it is held can only be an allocation failure, before count and next are changed.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues frames that belong together: all of them, next to each other, or none. Returns the last one's ticket.
    pub(super) fn push(&self, frames: &[(&[u8], Hash)]) -> Result<Ticket, Poisoned> {
        let mut pending = self.pending();
        if pending.closed || frames.is_empty() {
            return Err(Poisoned);
        }
        if pending.frames.len() >= MAX_QUEUE {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Poisoned);
        }
        let before = pending.frames.len();
        for (payload, leaf) in frames {
            if frame::push(&mut pending.frames, payload, leaf).is_err() {
                pending.frames.truncate(before);
                return Err(Poisoned);
            }
        }
        let added = u32::try_from(frames.len()).map_err(|_| Poisoned)?;
        if pending.count == 0 {
            pending.oldest = Some(Instant::now());
        }
        pending.count += added;
        pending.next += u64::from(added);
        let ticket = Ticket(pending.next - 1);
        let wake = mem::take(&mut pending.asleep);
        drop(pending);
        if wake {
            self.work.notify_one();
        }
        Ok(ticket)
    }

    /// Waits for frames until `deadline` and swaps them into `buffer`.
    pub(super) fn take(&self, buffer: &mut Vec<u8>, deadline: Option<Instant>) -> Work {
        buffer.clear();
        let mut pending = self.pending();
        pending.writing = None;
        loop {
            if pending.count > 0 {
                mem::swap(buffer, &mut pending.frames);
                let count = mem::take(&mut pending.count);
                pending.writing = pending.oldest.take();
                return Work::Batch { count };
            }
            if pending.stopping {
                pending.closed = true;
                return Work::Stop;
            }
            let wait = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            if wait == Some(Duration::ZERO) {
                return Work::Idle;
            }
            pending.asleep = true;
            pending = match wait {
                None => self.work.wait(pending).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => self.work.wait_timeout(pending, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
            pending.asleep = false;
        }
    }

    /// Lets the committer finish: what is queued is written, nothing more is taken.
    pub(super) fn stop(&self) {
        let mut pending = self.pending();
        pending.closed = true;
        pending.stopping = true;
        drop(pending);
        self.work.notify_one();
    }

    /// Entries below `durable` are on disk: wakes those who wait for them.
    pub(super) fn publish(&self, durable: u64) {
        self.durable.store(durable, Ordering::Release);
        let due = self.waiters().due(durable);
        for waker in due {
            waker.wake();
        }
    }

    /// True when an entry has waited longer than `limit`, in the queue or in a write that does not return, and nothing
    /// has become durable since the call before. One look alone could follow a pause of the whole process.
    pub(super) fn overdue(&self, limit: Duration) -> bool {
        let pending = self.pending();
        let late = pending.writing.or(pending.oldest).is_some_and(|since| since.elapsed() > limit);
        drop(pending);
        let mark = if late { self.durable.load(Ordering::Acquire) } else { NOT_LATE };
        self.late_at.swap(mark, Ordering::AcqRel) == mark && late
    }

    /// The ledger has failed for good: refuses all that comes and wakes all who wait.
    pub(super) fn poison(&self) {
        let mut pending = self.pending();
        pending.closed = true;
        pending.stopping = true;
        drop(pending);
        self.failed.store(true, Ordering::Release);
        let all = self.waiters().due(u64::MAX);
        for waker in all {
            waker.wake();
        }
    }

    pub(super) fn waiters(&self) -> MutexGuard<'_, Waiters> {
        // Each change is one store or push; a half-made one wakes a task too often at worst.
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn checkpoint(&self) -> Arc<str> {
        Arc::clone(&self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn publish_checkpoint(&self, note: &str, size: u64) {
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = note.into();
        self.counters.signed.store(size, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        let (queue_entries, queue_bytes) = {
            let pending = self.pending();
            (u64::from(pending.count), pending.frames.len() as u64)
        };
        Stats {
            entries: self.durable.load(Ordering::Acquire),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            batches: self.counters.batches.load(Ordering::Relaxed),
            fsyncs: self.counters.fsyncs.load(Ordering::Relaxed),
            queue_entries,
            queue_bytes,
            refused: self.counters.refused.load(Ordering::Relaxed),
            signed: self.counters.signed.load(Ordering::Relaxed),
            poisoned: self.failed.load(Ordering::Acquire),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
