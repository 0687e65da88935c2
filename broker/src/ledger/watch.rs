//! Waiting for the durable mark without a task or an allocation for each wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use super::queue::Shared;
use super::{Poisoned, Ticket};
use crate::config::Durability;

/// One waiter per connection or request: registers a waker for "durable up to here". Reusable, no allocation per wait.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
    slot: usize,
}

/// The wakers of all watchers. The committer looks only at those that are armed.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    slots: Vec<Slot>,
    free: Vec<usize>,
    armed: Vec<usize>,
}

#[derive(Debug, Default)]
struct Slot {
    ticket: u64,
    // INVARIANT: present exactly while the slot's index is in `armed`.
    waker: Option<Waker>,
}

impl Waiters {
    fn add(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        })
    }

    fn remove(&mut self, index: usize) {
        self.armed.retain(|i| *i != index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.waker = None;
            self.free.push(index);
        }
    }

    fn arm(&mut self, index: usize, ticket: u64, waker: &Waker) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.ticket = ticket;
        match &mut slot.waker {
            Some(old) => old.clone_from(waker),
            None => {
                slot.waker = Some(waker.clone());
                self.armed.push(index);
            }
        }
    }

    /// Takes the wakers whose ticket is below `durable`; they are woken after the lock is given back.
    pub(super) fn due(&mut self, durable: u64) -> Vec<Waker> {
        let Self { slots, armed, .. } = self;
        let mut due = Vec::new();
        armed.retain(|index| match slots.get_mut(*index) {
            Some(slot) if slot.ticket < durable => {
                due.extend(slot.waker.take());
                false
            }
            Some(_) => true,
            None => false,
        });
        due
    }
}

impl Watcher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let slot = shared.waiters().add();
        Self { shared, slot }
    }

    /// Ready when `ticket` is durable, or the ledger is poisoned. Wakes the task of the last call.
    pub fn poll_durable(&mut self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<(), Poisoned>> {
        if let Some(known) = self.known(ticket) {
            return Poll::Ready(known);
        }
        match self.shared.durability() {
            Durability::Disk => {}
            Durability::Os => {
                self.shared.write_now(ticket);
                if let Some(known) = self.known(ticket) {
                    return Poll::Ready(known);
                }
            }
        }
        self.shared.waiters().arm(self.slot, ticket.0, cx.waker());
        // The mark may have moved before the waker was in its place; the committer moves it before it looks there.
        self.known(ticket).map_or(Poll::Pending, Poll::Ready)
    }

    fn known(&self, ticket: Ticket) -> Option<Result<(), Poisoned>> {
        // In this order: what was durable before the ledger failed stays so.
        let failed = self.shared.failed.load(Ordering::Acquire);
        if self.shared.durable.load(Ordering::Acquire) > ticket.0 {
            return Some(Ok(()));
        }
        failed.then_some(Err(Poisoned))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.waiters().remove(self.slot);
    }
}
