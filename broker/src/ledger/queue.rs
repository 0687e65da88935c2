//! What appenders, waiters and the committer share.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use hoop_ledger::checkpoint::VerifierKey;
use hoop_ledger::frame;
use hoop_ledger::tree::Hash;

use super::watch::Waiters;
use super::writer::{WriteError, Writer};
use super::{Poisoned, Stats, Ticket};
use crate::config::Durability;

/// Bytes that may wait to be written. Beyond it appends are refused: memory is bounded, and what waits longer than the
/// disk needs for this is not recorded in time anyway.
pub(super) const MAX_QUEUE: usize = 8 << 20;

/// How long an entry that nobody waits for may wait for company: a batch costs the same for one as for many. DESIGN
/// ("Outcome") allows 50 ms for the outcome of a read.
pub(super) const COMPANY: Duration = Duration::from_millis(20);

/// How often a caller looks for a free writer before it leaves its entry to the committer: some microseconds.
const SPINS: u32 = 128;

/// No entry is late. A mark of 2^64 − 1 entries is never reached.
const NOT_LATE: u64 = u64::MAX;

/// Who waits for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody does: it is written at once.
    Now,
    /// Nobody: it is written with the next one, or some milliseconds later.
    Soon,
}

/// The state that all handles share. `pending`, `waiters` and `checkpoint` are held for a copy of a few hundred bytes
/// at most, never over I/O; `writer` is held over I/O, by the committer and, with `durability = "os"`, by whoever needs
/// an entry written. INVARIANT: `writer` before `pending`; so batches are written in the order of their entries.
pub(super) struct Shared {
    writer: Mutex<Writer>,
    durability: Durability,
    /// Why a caller's write failed, for the committer, which has the last word.
    fault: Mutex<Option<WriteError>>,
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
    /// Somebody waits for what is queued, or the committer has other work.
    urgent: bool,
    /// Until when the committer sleeps; nothing while it is awake.
    sleep: Option<Wake>,
    /// When the oldest frame that waits came.
    oldest: Option<Instant>,
    /// The same of the batch that is being written.
    writing: Option<Instant>,
}

/// When the committer wakes by itself.
#[derive(Debug, Clone, Copy)]
enum Wake {
    At(Instant),
    Never,
}

/// What the committer gets to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Frames wait that are due, or the deadline has passed.
    Due,
    /// Nothing is left and nothing will come.
    Stop,
}

impl Shared {
    pub(super) fn new(writer: Writer, durability: Durability, key: VerifierKey, checkpoint: &str) -> Self {
        let next = writer.size();
        let pending = Pending {
            frames: Vec::new(),
            count: 0,
            next,
            closed: false,
            stopping: false,
            urgent: false,
            sleep: None,
            oldest: None,
            writing: None,
        };
        Self {
            writer: Mutex::new(writer),
            durability,
            fault: Mutex::new(None),
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

    /// The end of the log.
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        // After a panic in there the writer says that it is broken, and nothing is written any more.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same without waiting: a caller must not wait for a disk. One write of another caller is soon over.
    fn try_writer(&self) -> Option<MutexGuard<'_, Writer>> {
        for _ in 0..SPINS {
            match self.writer.try_lock() {
                Ok(writer) => return Some(writer),
                Err(TryLockError::Poisoned(writer)) => return Some(writer.into_inner()),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
        None
    }

    /// Nothing is written any more. To be asked with the writer held: who fails says so before it lets go.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// What an entry must have reached before what it records may happen.
    pub(super) const fn durability(&self) -> Durability {
        self.durability
    }

    /// Queues frames that belong together: all of them, next to each other, or none. Returns the last one's ticket.
    pub(super) fn push(&self, frames: &[(&[u8], Hash)], urgency: Urgency) -> Result<Ticket, Poisoned> {
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
        // With `os` the one who needs the entry writes it: no thread has to be woken for it.
        pending.urgent |= urgency == Urgency::Now && self.durability == Durability::Disk;
        let wake = pending.wake();
        drop(pending);
        if wake {
            self.work.notify_one();
        }
        Ok(ticket)
    }

    /// Waits until frames are due, or nothing more will come; until `sign_at` when there are more than `signed` entries.
    pub(super) fn wait(&self, signed: u64, sign_at: Instant) -> Work {
        let mut pending = self.pending();
        loop {
            if mem::take(&mut pending.urgent) {
                return Work::Due;
            }
            if pending.stopping {
                if pending.count > 0 {
                    return Work::Due;
                }
                pending.closed = true;
                return Work::Stop;
            }
            let company = pending.oldest.map(|since| since + COMPANY);
            // Looked at anew after each wake: with `os`, callers write without a word to the committer.
            let sign = (pending.next > signed).then_some(sign_at);
            let until = company.into_iter().chain(sign).min();
            let wait = until.map(|at| at.saturating_duration_since(Instant::now()));
            if wait == Some(Duration::ZERO) {
                return Work::Due;
            }
            pending.sleep = Some(until.map_or(Wake::Never, Wake::At));
            pending = match wait {
                None => self.work.wait(pending).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => self.work.wait_timeout(pending, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
            pending.sleep = None;
        }
    }

    /// Bytes that wait.
    pub(super) fn queued(&self) -> usize {
        self.pending().frames.len()
    }

    /// Swaps the frames that wait into `batch`: how many. Only for who holds the writer.
    pub(super) fn take(&self, batch: &mut Vec<u8>) -> u32 {
        batch.clear();
        let mut pending = self.pending();
        mem::swap(batch, &mut pending.frames);
        pending.writing = pending.oldest.take();
        pending.urgent = false;
        mem::take(&mut pending.count)
    }

    /// Writes what waits, on the caller's thread, up to `ticket` at least: with `durability = "os"` a write costs less
    /// than waking the committer and being woken by it. What does not fit into the room ahead is left to the committer.
    pub(super) fn write_now(&self, ticket: Ticket) {
        let Some(mut writer) = self.try_writer() else { return self.nudge() };
        if self.durable.load(Ordering::Acquire) > ticket.0 || self.has_failed() {
            return;
        }
        if !writer.has_room(self.queued()) {
            drop(writer);
            return self.nudge();
        }
        let mut batch = writer.lend_batch();
        let count = self.take(&mut batch);
        let done = self.write(&mut writer, &mut batch, count);
        let low = writer.is_low();
        writer.give_back(batch);
        if let Err(error) = done {
            // Before the writer is let go: whoever waits for it must find the ledger failed.
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            self.poison();
        }
        drop(writer);
        if low {
            self.nudge();
        }
    }

    /// Writes one batch and tells those who wait for it.
    pub(super) fn write(&self, writer: &mut Writer, batch: &mut [u8], count: u32) -> Result<(), WriteError> {
        if count == 0 {
            return Ok(());
        }
        writer.write_batch(batch, count)?;
        self.counters.bytes.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.counters.batches.fetch_add(1, Ordering::Relaxed);
        self.counters.fsyncs.store(writer.fsyncs(), Ordering::Relaxed);
        self.pending().writing = None;
        self.publish(writer.size());
        Ok(())
    }

    /// Why a caller's write failed, once.
    pub(super) fn take_fault(&self) -> Option<WriteError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Wakes the committer for what only it does: room ahead, a new segment.
    fn nudge(&self) {
        let mut pending = self.pending();
        pending.urgent = true;
        let wake = pending.wake();
        drop(pending);
        if wake {
            self.work.notify_one();
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
        self.work.notify_one();
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

impl Pending {
    /// True when the committer must be woken for what is queued now; it is then taken for awake.
    fn wake(&mut self) -> bool {
        let early = match self.sleep {
            None => false,
            Some(Wake::Never) => true,
            Some(Wake::At(at)) => self.urgent || self.oldest.is_some_and(|since| since + COMPANY < at),
        };
        if early {
            self.sleep = None;
        }
        early
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
