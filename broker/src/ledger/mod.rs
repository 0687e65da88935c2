//! The ledger as the broker uses it: append, and wait until what was appended is durable.

use std::task::{Context, Poll};

use hoop_ledger::entry::Envelope;

/// Handle to the one ledger of this broker; cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {}

/// Position of an appended entry; durable once the ledger's durable mark has passed it. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The ledger cannot record: disk full, I/O error, or stopped. What was to be recorded must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot record")]
pub struct Poisoned;

/// One waiter per connection or request: registers a waker for "durable up to here". Reusable, no allocation per wait.
#[derive(Debug)]
pub struct Watcher {}

impl Ledger {
    /// Queues one entry. Returns at once; the entry is durable when its ticket is.
    ///
    /// # Errors
    /// [`Poisoned`] when the ledger has failed; nothing was queued.
    pub fn append(&self, envelope: &Envelope) -> Result<Ticket, Poisoned> {
        let _ = envelope;
        Err(Poisoned)
    }

    /// True once the entry at `ticket` is on disk.
    #[must_use]
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        let _ = ticket;
        false
    }

    /// A waiter for one task.
    #[must_use]
    pub fn watcher(&self) -> Watcher {
        Watcher {}
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
}

impl Watcher {
    /// Ready when `ticket` is durable, or the ledger is poisoned. Wakes the task of the last call.
    pub fn poll_durable(&mut self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<(), Poisoned>> {
        let _ = (ticket, cx);
        Poll::Ready(Err(Poisoned))
    }
}
