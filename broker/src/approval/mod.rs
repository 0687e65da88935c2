//! Approvals: what is held, who may lift it, and that it is lifted for exactly one use (DESIGN, hold; PCI DSS 7.2.5,
//! 6.5.1).
//!
//! They live in memory, like bearer tokens: a restart forgets them, which closes doors and opens none. What happened to
//! them is in the ledger. Nothing here judges, records or sends.

mod binding;
mod fault;
mod review;
mod standing;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hoop_api::approval::ApprovalState;
use hoop_api::{ApprovalId, ConnectionId};
use hoop_ledger::entry::Event;
use hoop_policy::Principal;
use tokio::sync::Notify;

use binding::BindingKey;
pub use binding::Bound;
pub use fault::{TooMany, Unusable};
pub use review::{Barred, Vote};
pub use standing::{Asked, Standing};

use crate::clock;
use crate::config::Limits;
use crate::notice::Notices;

/// For how long an approval that has ended is still told.
const TOLD: Duration = Duration::from_secs(60 * 60);

#[derive(Debug)]
struct Item {
    standing: Standing,
    /// Forgotten when it ends.
    key: Option<BindingKey>,
    /// Asked for.
    since: Instant,
    /// Decides, where `expires_at` only tells.
    deadline: Instant,
    /// That it expired was told, so that it is recorded once.
    told: bool,
    changed: Arc<Notify>,
    notices: Notices,
}

/// What [`Approvals::hold`] holds.
#[derive(Debug)]
pub struct Held {
    /// The approval that it waits for.
    pub standing: Standing,
    /// It was asked for just now, and is to be recorded; else it was before.
    pub new: bool,
}

/// The proof that an approval was used up for one act; only [`Approvals::consume`] makes it.
#[derive(Debug)]
pub struct Consumed {
    id: ApprovalId,
    binding: Arc<str>,
    rules: BTreeSet<String>,
}

impl Consumed {
    /// The approval.
    #[must_use]
    pub const fn id(&self) -> ApprovalId {
        self.id
    }

    /// Its entry: used up by `by`.
    #[must_use]
    pub fn event(&self, by: String) -> Event {
        Event::ApprovalConsumed { approval: self.id.to_string(), by, binding: self.binding.to_string() }
    }

    /// The rules that it lifts.
    #[must_use]
    pub const fn rules(&self) -> &BTreeSet<String> {
        &self.rules
    }
}

/// A text that a person sends, as reviewers see it: card numbers masked.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    hoop_mask::scan_text(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// All approvals of this broker.
#[derive(Debug)]
pub struct Approvals {
    // Held statements are rare; everything else never comes here. Never held over an await.
    items: Mutex<HashMap<ApprovalId, Item>>,
    max: usize,
    max_per_principal: usize,
    pending: Duration,
    valid: Duration,
    notices: Notices,
    /// One decision at a time is checked, recorded and counted, so that the ledger has them in the order in which they
    /// counted.
    deciding: tokio::sync::Mutex<()>,
}

impl Approvals {
    /// None yet. Every change is told to `notices`, once.
    #[must_use]
    pub fn new(limits: &Limits, notices: Notices) -> Self {
        Self {
            items: Mutex::default(),
            max: limits.approvals,
            max_per_principal: limits.approvals_per_principal,
            pending: limits.approval_pending,
            valid: limits.approval_valid,
            notices,
            deciding: tokio::sync::Mutex::default(),
        }
    }

    fn items(&self) -> MutexGuard<'_, HashMap<ApprovalId, Item>> {
        // Every change is one insert or one step of an item, each whole: the map is sound after any panic.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Taken around a decision, from its check to its count.
    pub async fn deciding(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.deciding.lock().await
    }

    /// Holds something until reviewers have decided, for at most `wait` where it waits in its connection. What is not
    /// of one connection is asked for once: a second request for the same gets the first.
    ///
    /// # Errors
    /// [`TooMany`] at a limit.
    pub fn hold(&self, asked: Asked, bound: &Bound, wait: Option<Duration>) -> Result<Held, TooMany> {
        let mut items = self.items();
        items.values_mut().for_each(Item::expire);
        let open = || items.values().filter(|i| i.standing.state.is_open());
        let own = || open().filter(|i| i.standing.asked.requester.id == asked.requester.id);
        if wait.is_none()
            && let Some(same) = own().find(|i| i.is_for(bound))
        {
            return Ok(Held { standing: same.standing.clone(), new: false });
        }
        if open().count() >= self.max {
            return Err(TooMany::Broker(self.max));
        }
        if own().count() >= self.max_per_principal {
            return Err(TooMany::Principal(self.max_per_principal));
        }
        let life = wait.unwrap_or(self.pending);
        let id = ApprovalId::from_parts(clock::unix_ms(), rand::random());
        let key = BindingKey::new();
        let asked_at = clock::unix_s();
        let standing = Standing {
            id,
            asked: Arc::new(asked),
            state: ApprovalState::Pending,
            binding: key.digest(bound).into(),
            votes: Vec::new(),
            escalated: BTreeSet::new(),
            asked_at,
            expires_at: asked_at.saturating_add_unsigned(life.as_secs()),
        };
        let item = Item {
            standing: standing.clone(),
            key: Some(key),
            since: Instant::now(),
            deadline: Instant::now() + life,
            told: false,
            changed: Arc::default(),
            notices: self.notices.clone(),
        };
        self.notices.tell(&standing);
        items.insert(id, item);
        Ok(Held { standing, new: true })
    }

    /// The open approval of `requester` for exactly this, if there is one; an approved one before a pending one. `bound`
    /// says what it would have to be bound to.
    #[must_use]
    pub fn find(&self, requester: &Principal, bound: impl Fn(&Asked) -> Bound) -> Option<Standing> {
        let mut items = self.items();
        items.values_mut().for_each(Item::expire);
        let own = items.values().filter(|i| i.standing.asked.requester.id == requester.id);
        let same = own.filter(|i| i.key.is_some() && i.is_for(&bound(&i.standing.asked)));
        same.max_by_key(|i| i.standing.state == ApprovalState::Approved).map(|i| i.standing.clone())
    }

    /// An approval by id.
    #[must_use]
    pub fn get(&self, id: ApprovalId) -> Option<Standing> {
        let mut items = self.items();
        let item = items.get_mut(&id)?;
        item.expire();
        Some(item.standing.clone())
    }

    /// All that are open, and those that ended within the last hour; oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Standing> {
        let mut items = self.items();
        items.values_mut().for_each(Item::expire);
        let mut all: Vec<_> = items.values().map(|i| i.standing.clone()).collect();
        all.sort_by_key(|s| s.id);
        all
    }

    /// Uses an approval up for what is `bound` now and held by `rules` now. Whoever comes second gets
    /// [`Unusable::State`].
    ///
    /// # Errors
    /// [`Unusable`]; the approval stays as it was.
    pub fn consume(
        &self,
        id: ApprovalId,
        bound: &Bound,
        rules: &BTreeSet<String>,
    ) -> Result<Consumed, Unusable> {
        let mut items = self.items();
        let item = items.get_mut(&id).ok_or(Unusable::Gone)?;
        item.expire();
        if item.standing.state != ApprovalState::Approved {
            return Err(Unusable::State(item.standing.state));
        }
        if !item.is_for(bound) {
            return Err(Unusable::Changed);
        }
        let lifted = item.standing.asked.requirement.rules.clone();
        if !rules.is_subset(&lifted) {
            return Err(Unusable::Rules);
        }
        item.end(ApprovalState::Consumed);
        Ok(Consumed { id, binding: Arc::clone(&item.standing.binding), rules: lifted })
    }

    /// Gives an open approval up; true when this call did.
    pub fn withdraw(&self, id: ApprovalId) -> bool {
        let mut items = self.items();
        items.get_mut(&id).is_some_and(|item| {
            item.expire();
            item.standing.state.is_open() && item.end(ApprovalState::Withdrawn)
        })
    }

    /// Gives up what waits in a connection, as when its client cancels; true when something did.
    pub fn withdraw_waiting(&self, connection: ConnectionId) -> bool {
        let mut items = self.items();
        let waiting = items.values_mut().find(|i| {
            i.standing.asked.connection == Some(connection) && i.standing.state == ApprovalState::Pending
        });
        waiting.is_some_and(|item| item.end(ApprovalState::Withdrawn))
    }

    /// Resolves when the approval is not pending any more.
    pub async fn settled(self: Arc<Self>, id: ApprovalId) -> ApprovalState {
        loop {
            let (changed, deadline) = match self.items().get(&id) {
                Some(item) => (Arc::clone(&item.changed), item.deadline),
                None => return ApprovalState::Expired,
            };
            let notified = changed.notified();
            match self.get(id) {
                Some(standing) if standing.state == ApprovalState::Pending => {}
                Some(standing) => return standing.state,
                None => return ApprovalState::Expired,
            }
            let _expired_or_woken = tokio::time::timeout_at(deadline.into(), notified).await;
        }
    }

    /// Ends what is due and forgets what ended long ago; returns what expired since the last call, but for what waits in
    /// a connection: that tells it itself.
    pub fn sweep(&self) -> Vec<Standing> {
        let mut items = self.items();
        let mut expired = Vec::new();
        for item in items.values_mut() {
            item.expire();
            let untold = item.standing.state == ApprovalState::Expired
                && item.standing.asked.connection.is_none()
                && !item.told;
            if untold {
                item.told = true;
                expired.push(item.standing.clone());
            }
        }
        let now = Instant::now();
        items.retain(|_, i| i.standing.state.is_open() || now < i.deadline + TOLD);
        expired
    }
}

impl Item {
    fn is_for(&self, bound: &Bound) -> bool {
        self.key.as_ref().is_some_and(|key| key.matches(bound, &self.standing.binding))
    }

    fn end(&mut self, state: ApprovalState) -> bool {
        self.standing.state = state;
        self.key = None;
        self.deadline = Instant::now();
        self.changed.notify_waiters();
        self.notices.tell(&self.standing);
        true
    }

    fn expire(&mut self) {
        if self.standing.state.is_open() && Instant::now() >= self.deadline {
            self.end(ApprovalState::Expired);
        }
    }
}

#[cfg(test)]
mod tests;
