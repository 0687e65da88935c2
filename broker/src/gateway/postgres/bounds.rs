//! Bounds on what an admitted statement returns, changes and takes (policy: `@max_rows`, `@max_affected`, `@timeout`).
//!
//! INVARIANT: while a bounded statement runs, nothing behind it is forwarded, its Sync least of all. What went too far is
//! undone by an error of the server's own in the same transaction (a text that cannot parse), whose words are ours; so
//! transaction state and pipelines are right by construction, as with a denial.
//!
//! A Query ends its transaction before it tells what it changed: one under bounds goes out as Parse, Bind, Describe and
//! Execute, and its Sync follows when it has kept within them.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use hoop_pgwire::frontend::encode;
use hoop_pgwire::{NamedObject, WireError};
use hoop_policy::Bounds;
use tokio::time::Sleep;

use super::conversation::{Client, Conversation, End, Held, Stalled};
use super::expected::{Denied, Expected};
use super::inbound::POISON;
use super::judged::Judged;
use super::names::{Meaning, Portal, Serial};
use super::pipe::Pipe;
use super::refusal;
use super::runs::{Run, RunKey};
use crate::gate::{Permitted, Reason, Refused};
use crate::ledger::Poisoned;

/// Cancels what runs on the connection; resolves when the target has taken note.
pub type Cancelling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes a [`Cancelling`].
#[derive(Clone)]
pub struct Canceller {
    cancel: Arc<dyn Fn() -> Cancelling + Send + Sync>,
    again: Option<Duration>,
}

impl Canceller {
    /// One that does `cancel`.
    pub fn new(cancel: impl Fn() -> Cancelling + Send + Sync + 'static) -> Self {
        Self { cancel: Arc::new(cancel), again: None }
    }

    /// The same, asking again after `pause` where the statement still runs: a request can be lost, or come to nothing.
    #[must_use]
    pub fn again_after(self, pause: Duration) -> Self {
        Self { again: Some(pause), ..self }
    }
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canceller")
    }
}

/// The bounded statement that runs; there is one at most.
pub(super) struct Bounded {
    run: RunKey,
    /// It came by Query: its Sync is ours to send.
    by_query: bool,
    state: State,
    deadline: Option<Pin<Box<Sleep>>>,
    cancelling: Option<Cancelling>,
    cancelled: bool,
}

enum State {
    Runs,
    /// It has ended within its bounds, or with an error.
    Ended,
    /// It went too far, and is to be undone.
    Broke(Denied),
}

impl std::fmt::Debug for Bounded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounded").field("run", &self.run).finish_non_exhaustive()
    }
}

/// What a run may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Rows of its answer.
    pub rows: u64,
    /// Rows that it changes.
    pub affected: u64,
}

impl Allowance {
    /// Without bounds.
    pub const ALL: Self = Self { rows: u64::MAX, affected: u64::MAX };

    /// As `bounds` say.
    #[must_use]
    pub fn of(bounds: Bounds) -> Self {
        Self { rows: bounds.rows.unwrap_or(u64::MAX), affected: bounds.affected.unwrap_or(u64::MAX) }
    }
}

impl Run {
    /// Why no more of its rows are passed on.
    pub(super) fn over_reason(&self, target: &str) -> Arc<Reason> {
        let spent = self.budgets.iter().find_map(|budget| budget.spent());
        match spent.filter(|_| self.rows < self.allowance.rows) {
            Some(spent) => refusal::budget_spent(&spent, target),
            None => refusal::too_many_rows(self.allowance.rows),
        }
    }
}

impl Conversation {
    /// Forwards one statement that came by Query in parts that can be undone.
    pub(super) fn unfold(
        &mut self,
        permitted: Permitted,
        len: usize,
        text: &str,
        judged: &Judged,
        run: RunKey,
        pipe: &mut Pipe,
    ) -> Result<Option<Stalled>, End> {
        let mut parts = Vec::with_capacity(text.len() + 64);
        let rows = self.runs.open(run).map_or(0, |r| at_most(r.allowance.rows, 0, 0));
        let mut encode = || -> Result<(), WireError> {
            encode::parse(&mut parts, "", text, [])?;
            encode::bind(&mut parts, "", "", [], std::iter::empty(), [])?;
            encode::describe(&mut parts, NamedObject::Portal, "")?;
            encode::execute(&mut parts, "", rows)?;
            encode::flush(&mut parts);
            Ok(())
        };
        encode().map_err(End::ClientFault)?;
        // A Query costs the client its unnamed statement and portal.
        let statement = self.statements.put("", Meaning::Gone, self.segment);
        let portal = self.portals.put("", Meaning::Gone, self.segment);
        self.segment += 1;
        self.push(Expected::Unfolded { run, copy: judged.copy_mask(), unnamed: Some((statement, portal)) });
        self.push(Expected::Sync);
        self.keep_within(run, true);
        let (ticket, write) = (permitted.ticket(), permitted.write());
        let pass = permitted.into_pass();
        if write && !self.gate.is_durable(ticket) {
            self.held = Some(Held { ticket, len, pass, then: Client::Ready, instead: Some(parts) });
            return Ok(Some(Stalled::Recording(ticket)));
        }
        pipe.replace(len, &parts);
        Ok(None)
    }

    /// Why a statement cannot begin: one of its budgets is used up.
    pub(super) fn spent(&self, judged: &Judged) -> Option<Arc<Reason>> {
        let spent = judged.budgets.iter().find_map(|budget| budget.open().err())?;
        Some(refusal::budget_spent(&spent, &self.session.target))
    }

    /// Why a Query does not run whatever its ruling is.
    pub(super) fn query_refused(&self, judged: &Judged, effective: &Judged) -> Option<Refused> {
        if judged.declares() && self.portals.names().any(|n| !n.is_empty()) {
            return Some(self.refuse(refusal::cursor_beside_portals()));
        }
        let reason = self.fetch_refused(effective).or_else(|| self.spent(effective))?;
        Some(self.gate.refuse(&effective.asked(), reason))
    }

    /// Why a Bind does not run whatever its ruling is.
    pub(super) fn bind_refused(&self, judged: &Judged, portal: &str) -> Option<Arc<Reason>> {
        let beside = self.fetch_beside_portals(judged, portal);
        beside.or_else(|| self.fetch_refused(judged)).or_else(|| self.spent(judged))
    }

    /// SQL's FETCH reads portals too, and its rows would count as its own.
    pub(super) fn fetch_refused(&self, judged: &Judged) -> Option<Arc<Reason>> {
        let counted = |p: &Portal| {
            p.judged.waits() || !p.judged.bounds(&p.judged.ruling).is_none() || !p.judged.budgets.is_empty()
        };
        (judged.fetches() && self.portals.any(counted)).then(refusal::fetch_beside_bounds)
    }

    /// A bound FETCH looks its portal up by name when it runs: another one of that name would be read under its columns.
    pub(super) fn fetch_beside_portals(&self, judged: &Judged, portal: &str) -> Option<Arc<Reason>> {
        let beside = judged.fetches() && self.portals.names().any(|n| !n.is_empty())
            || !portal.is_empty() && (judged.fetches() || self.portals.any(|p| p.judged.fetches()));
        beside.then(refusal::fetch_beside_portals)
    }

    /// What goes out in the place of an Execute of a bounded run.
    pub(super) fn bounded_execute(
        &mut self,
        run: RunKey,
        portal: &str,
        asked: u32,
    ) -> Result<Option<Vec<u8>>, End> {
        let Some(run) = self.runs.open(run) else { return Ok(None) };
        if run.allowance == Allowance::ALL && run.time.is_none() && run.budgets.is_empty() {
            return Ok(None);
        }
        let mut ours = Vec::with_capacity(32);
        let rows = at_most(run.allowance.rows, run.rows, asked);
        encode::execute(&mut ours, portal, rows).map_err(End::ClientFault)?;
        encode::flush(&mut ours);
        Ok(Some(ours))
    }

    /// A Query that will go out in parts waits until all before it is answered.
    pub(super) fn must_drain(&self, effective: &Judged) -> bool {
        !effective.bounds(&effective.ruling).is_none() && !self.is_drained()
    }

    /// Nothing is unanswered. Only then a Query goes out in parts: after an error in what came before it the server skips
    /// up to a Sync, and must find the client's and not ours.
    pub(super) fn is_drained(&self) -> bool {
        self.queue.is_empty()
    }

    /// Asks the server for the answers that it keeps to itself until it is told to flush, once.
    pub(super) fn drain(&mut self, pipe: &mut Pipe) -> Option<Stalled> {
        let asked = std::mem::replace(&mut self.told_to_drain, !self.queue.is_empty());
        if self.told_to_drain && !asked {
            let mut flush = Vec::with_capacity(8);
            encode::flush(&mut flush);
            pipe.insert(&flush);
        }
        Some(Stalled::Answer)
    }

    /// Nothing behind this run is forwarded until it has ended.
    pub(super) fn keep_within(&mut self, run: RunKey, by_query: bool) {
        self.bounded = Some(Bounded {
            run,
            by_query,
            state: State::Runs,
            deadline: None,
            cancelling: None,
            cancelled: false,
        });
        self.begin_deadline();
    }

    /// Its time begins now.
    pub(super) fn begin_deadline(&mut self) {
        if let Some(bounded) = &mut self.bounded {
            let time = self.runs.open(bounded.run).and_then(|r| r.time);
            bounded.deadline = time.map(|time| Box::pin(tokio::time::sleep(time)));
        }
    }

    /// What is to be done before anything else of the client is decided.
    pub(super) fn after_bounded(&mut self, pipe: &mut Pipe) -> Result<Option<Stalled>, End> {
        let Some(bounded) = &mut self.bounded else { return Ok(None) };
        if matches!(bounded.state, State::Runs) || bounded.cancelling.is_some() {
            return Ok(Some(Stalled::Answer));
        }
        let Some(Bounded { state, by_query, .. }) = self.bounded.take() else { return Ok(None) };
        let mut ours = Vec::with_capacity(64);
        if let State::Broke(denied) = state {
            encode::parse(&mut ours, POISON, POISON, []).map_err(End::ClientFault)?;
            // Only the Sync of a Query of ours can be in the queue: nothing else was let through.
            self.queue.push_front(Expected::Poison(denied));
            if !by_query {
                self.client = Client::SkipToSync;
            }
        }
        if by_query {
            encode::sync(&mut ours);
        }
        if !ours.is_empty() {
            pipe.insert(&ours);
        }
        Ok(None)
    }

    /// Cancels a statement whose time is over, or that went too far and still runs.
    pub fn poll_deadline(&mut self, cx: &mut Context<'_>) {
        let Some(bounded) = &mut self.bounded else { return };
        if let Some(deadline) = &mut bounded.deadline
            && matches!(bounded.state, State::Runs)
            && deadline.as_mut().poll(cx).is_ready()
        {
            bounded.deadline = None;
            bounded.cancelling = Some((self.canceller.cancel)());
            if !bounded.cancelled
                && let Some(run) = self.runs.open(bounded.run)
            {
                run.timed_out = true;
            }
        }
        if let Some(cancelling) = &mut bounded.cancelling
            && cancelling.as_mut().poll(cx).is_ready()
        {
            bounded.cancelling = None;
            // None is under way when something else runs: that would be cancelled in its place.
            bounded.cancelled = true;
            if let Some(pause) = self.canceller.again.filter(|_| matches!(bounded.state, State::Runs)) {
                bounded.deadline = Some(Box::pin(tokio::time::sleep(pause)));
                // Polled from now on.
                cx.waker().wake_by_ref();
            }
        }
    }

    /// No more of its rows are wanted: COPY knows no limit, and a budget may be used up by others meanwhile.
    pub(super) fn cancel_bounded(&mut self) {
        if let Some(bounded) = self.bounded.as_mut().filter(|b| !b.cancelled) {
            bounded.cancelled = true;
            bounded.cancelling = Some((self.canceller.cancel)());
        }
    }

    /// The run has ended.
    pub(super) fn bounded_ended(&mut self, run: RunKey) {
        if let Some(bounded) = self.bounded.as_mut().filter(|b| b.run == run)
            && matches!(bounded.state, State::Runs)
        {
            bounded.state = State::Ended;
        }
    }

    /// Swallows the end of a run that went too far, which is then undone; false when it kept within its bounds.
    pub(super) fn went_too_far(
        &mut self,
        key: RunKey,
        tag: &str,
        rows: u64,
        body: &Range<usize>,
        pipe: &mut Pipe,
    ) -> Result<bool, End> {
        let Some(run) = self.runs.open(key) else { return Ok(false) };
        let copies = matches!(tag, "INSERT" | "UPDATE" | "MERGE");
        let affected = if copies || tag == "DELETE" { rows } else { 0 };
        let copied = if copies { rows } else { 0 };
        let reason = if run.over {
            run.over_reason(&self.session.target)
        } else if affected > run.allowance.affected {
            refusal::too_many_affected(run.allowance.affected, affected)
        } else if copied > 0
            && let Some(spent) = run.budgets.iter().find_map(|budget| budget.take_all(copied))
        {
            // What is copied into another table counts as read.
            refusal::budget_spent(&spent, &self.session.target)
        } else {
            return Ok(false);
        };
        self.broke(key, &reason)?;
        self.columns = None;
        self.copy_out = None;
        self.queue.pop_front();
        pipe.replace(body.end, &[]);
        Ok(true)
    }

    fn broke(&mut self, key: RunKey, reason: &Reason) -> Result<(), End> {
        let Some(mut run) = self.runs.take(key) else { return Ok(()) };
        run.sqlstate = Some(*b"53400");
        self.touched_classified |= run.classified;
        let ticket = self.close_run(&run, true).map_err(|Poisoned| End::NotRecorded)?;
        let error = refusal::error_response(reason, run.id, self.session.id);
        // Nobody counts without holding back what is behind: else it could not be undone any more.
        let bounded = self.bounded.as_mut().filter(|b| b.run == key);
        let bounded = bounded.ok_or(End::TargetFault("a statement went too far, and cannot be undone"))?;
        bounded.state = State::Broke(Denied { error, ticket });
        Ok(())
    }

    /// ParseComplete and BindComplete of a Query that went out in parts.
    pub(super) fn part_complete(&mut self, bound: bool) -> bool {
        let Some(Expected::Unfolded { run, unnamed, .. }) = self.queue.front_mut() else { return false };
        let run = *run;
        if let Some((statement, portal)) = unnamed.take() {
            self.unnamed_gone(statement, portal);
        }
        if bound && let Some(run) = self.runs.open(run) {
            self.touched_classified |= run.classified;
            let ticket = run.ticket;
            self.need(ticket);
        }
        true
    }

    fn unnamed_gone(&mut self, statement: Serial, portal: Serial) {
        self.statements.confirm("", statement, drop);
        let gone = &mut self.gone;
        self.portals.confirm("", portal, |p| gone.push(p.run));
    }
}

/// `max_rows` of an Execute: one row more than is allowed tells that there are more, and no further ones are made.
fn at_most(allowed: u64, seen: u64, asked: u32) -> u32 {
    let left = u32::try_from(allowed.saturating_sub(seen).saturating_add(1)).unwrap_or(0);
    match (left, asked) {
        (0, asked) => asked,
        (left, 0) => left,
        (left, asked) => left.min(asked),
    }
}
