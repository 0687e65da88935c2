//! Held statements: one that waits in its connection until reviewers have decided, or one that is refused with the id of
//! its approval and sent again (DESIGN, hold).
//!
//! INVARIANT: a held statement goes out only with a [`Consumed`], which binds text, parameters, principal, key, target,
//! level, policy, the connection's past and the definitions that it can reach to what reviewers were shown.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hoop_api::approval::{ApprovalKind, ApprovalState};
use hoop_api::{ApprovalId, Untrusted};
use hoop_policy::{Estimate, Requirement};

use super::conversation::{Conversation, End, Stalled};
use super::definitions::{Digest, Reached, Reader};
use super::expected::Expected;
use super::held;
use super::judged::Judged;
use super::message::Message;
use super::past::{Effect, Past};
use crate::approval::{Approvals, Asked, Bound, Consumed, Held, TooMany, Unusable, masked};
use crate::gate::{Reason, Ruling};
use crate::gateway::Gateway;
use crate::session::Session;

/// What a connection needs to hold statements.
#[derive(Debug)]
pub struct Holding {
    /// All approvals.
    pub approvals: Arc<Approvals>,
    /// How long a statement waits here; zero: not at all.
    pub wait: Duration,
    /// Where the client is.
    pub origin: SocketAddr,
    /// What the connection did before.
    pub past: Past,
    /// Reads what statements can reach.
    pub definitions: Reader,
}

impl Holding {
    /// For a connection of `session`.
    #[must_use]
    pub fn of(
        gateway: &Gateway,
        session: &Session,
        origin: SocketAddr,
        past: Past,
        definitions: Reader,
    ) -> Self {
        Self { approvals: Arc::clone(&gateway.approvals), wait: session.hold, origin, past, definitions }
    }
}

/// A statement that waits.
pub struct Waiting {
    id: ApprovalId,
    settled: Settled,
}

enum Settled {
    Not(Pin<Box<dyn Future<Output = ApprovalState> + Send>>),
    As(ApprovalState),
}

impl Settled {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ApprovalState> {
        let state = match self {
            Self::Not(settled) => std::task::ready!(settled.as_mut().poll(cx)),
            Self::As(state) => *state,
        };
        *self = Self::As(state);
        Poll::Ready(state)
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What becomes of a statement that may be held.
pub(super) enum Lifted {
    /// What was judged stands: it is not held.
    AsJudged,
    /// Its ruling now, and the approval that it used up.
    As(Ruling, Option<Consumed>),
    /// Not decided yet.
    Not(Stalled),
}

impl Lifted {
    fn refused(reason: Arc<Reason>) -> Self {
        Self::As(Ruling::Refuse(reason), None)
    }
}

impl Conversation {
    /// The ruling of a statement that is about to run, with the approval that it uses up where it was held.
    pub(super) fn ruling(
        &mut self,
        judged: &Judged,
        message: &Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Lifted, End> {
        let lifted = match (&judged.lenient, &judged.ruling) {
            (None, Ruling::Allow { .. } | Ruling::Refuse(_)) => {
                // It may have waited until the policy changed.
                self.stop_waiting();
                return Ok(Lifted::AsJudged);
            }
            (None, Ruling::Hold(requirement)) => {
                let requirement = Arc::clone(requirement);
                self.lift(judged, &requirement, message, cx)?
            }
            (Some(_), _) => self.by_estimate(judged, message, cx)?,
        };
        if !matches!(lifted, Lifted::Not(_)) {
            self.estimate = None;
        }
        Ok(lifted)
    }

    /// What the ruling of a held statement comes to: the approval that it waits for, one given before, or a refusal.
    pub(super) fn lift(
        &mut self,
        judged: &Judged,
        requirement: &Arc<Requirement>,
        message: &Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Lifted, End> {
        let showable = judged.unshowable().map_or_else(|| message.showable(), Err);
        let (text, parameters) = match showable {
            Ok(showable) => showable,
            Err(why) => {
                self.stop_waiting();
                return Ok(Lifted::refused(held::never_held(requirement, why)));
            }
        };
        let waited = match &mut self.waiting {
            None => None,
            Some(waiting) => match waiting.settled.poll(cx) {
                Poll::Ready(state) => Some((waiting.id, state)),
                Poll::Pending => return Ok(Lifted::Not(Stalled::Approval)),
            },
        };
        // The definitions after it: they are to be as they are when the statement runs.
        if self.estimate(judged, message, cx).is_pending() {
            return Ok(Lifted::Not(Stalled::Approval));
        }
        let definitions = match self.definitions(judged, cx) {
            Poll::Ready(Some(definitions)) => definitions,
            Poll::Ready(None) => {
                self.stop_waiting();
                return Ok(Lifted::refused(held::never_held(
                    requirement,
                    "the target does not tell what the statement would reach; send it again",
                )));
            }
            Poll::Pending => return Ok(Lifted::Not(Stalled::Approval)),
        };
        if let Some((id, state)) = waited {
            let bound = self.bound(text, message, true, &definitions);
            let lifted =
                self.settled(id, state, judged, requirement, &bound, &definitions, message.by_query)?;
            if !matches!(lifted, Lifted::Not(_)) {
                self.waiting = None;
            }
            return Ok(lifted);
        }
        let again = self.bound(text, message, false, &definitions);
        if self.holding.past.is_known() {
            let same = |asked: &Asked| self.bound(text, message, false, &asked.definitions);
            if let Some(standing) = self.holding.approvals.find(&self.session.principal, same) {
                let (id, state) = (standing.id, standing.state);
                return self.settled(id, state, judged, requirement, &again, &definitions, message.by_query);
            }
        }
        let Some(waits) = self.may_wait() else { return Ok(Lifted::Not(Stalled::Answer)) };
        if !waits && !self.holding.past.is_known() {
            return Ok(Lifted::refused(held::never_held(
                requirement,
                "this connection changed settings or definitions, so that its names may mean something else elsewhere; open a new one",
            )));
        }
        let bound = if waits { self.bound(text, message, true, &definitions) } else { again };
        self.ask(judged, requirement, text, parameters, &bound, definitions, waits, cx)
    }

    /// What the statement at hand can reach as the target has it now; `None` when it does not tell.
    fn definitions(&mut self, judged: &Judged, cx: &mut Context<'_>) -> Poll<Option<Digest>> {
        let (reader, facts) = (&self.holding.definitions, &judged.facts);
        let reading = self.reading.get_or_insert_with(|| reader.read(Reached::of(&facts.statements)));
        let read = std::task::ready!(reading.poll(cx));
        self.reading = None;
        Poll::Ready(match read {
            Ok(digest) => Some(digest),
            Err(e) => {
                tracing::warn!(target = %self.session.target, error = %e, "definitions could not be read");
                None
            }
        })
    }

    /// May the statement at hand wait here? `None`: an answer tells first.
    fn may_wait(&self) -> Option<bool> {
        if self.holding.wait.is_zero() {
            return Some(false);
        }
        if self.queue.iter().any(|e| matches!(e, Expected::Query { .. } | Expected::Sync)) {
            return None;
        }
        // What is unanswered in this segment runs in the transaction that it shares with the held one: its locks would
        // be held until somebody decides.
        let runs = self
            .queue
            .iter()
            .any(|e| matches!(e, Expected::Bind { .. } | Expected::Execute { .. } | Expected::Poison(_)));
        Some(!self.in_transaction && !runs)
    }

    fn bound(&self, text: &str, message: &Message<'_>, waits: bool, definitions: &str) -> Bound {
        let mut bound = Bound::of(if waits { "waiting" } else { "retry" });
        if waits {
            bound.part(self.session.id.to_string().as_bytes());
            bound.part(self.gate.connection().to_string().as_bytes());
        }
        for part in [
            self.session.principal.id.as_str(),
            self.session.client_key.as_deref().unwrap_or_default(),
            &self.session.target,
            self.session.level.as_str(),
            &self.judge.policy_hash(),
            definitions,
            text,
        ] {
            bound.part(part.as_bytes());
        }
        self.holding.past.bind(&mut bound);
        bound.part(&(message.parameters.len() as u64).to_be_bytes());
        for (at, parameter) in message.parameters.iter().enumerate() {
            let declared = message.types.get(at).copied().unwrap_or(0);
            bound.part(&declared.to_be_bytes());
            bound.part(&[u8::from(parameter.binary), u8::from(parameter.value.is_none())]);
            bound.part(parameter.value.unwrap_or_default());
        }
        bound
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is of the one message at hand")]
    fn ask(
        &mut self,
        judged: &Judged,
        requirement: &Arc<Requirement>,
        text: &str,
        parameters: Vec<Option<Untrusted>>,
        bound: &Bound,
        definitions: Digest,
        waits: bool,
        cx: &mut Context<'_>,
    ) -> Result<Lifted, End> {
        let session = &self.session;
        let told = judged.asked();
        let asked = Asked {
            kind: if waits { ApprovalKind::Waiting } else { ApprovalKind::Retry },
            requester: Arc::clone(&session.principal),
            origin: self.holding.origin,
            session: Some(session.id),
            connection: waits.then(|| self.gate.connection()),
            target: session.target.clone(),
            level: session.level,
            reason: session.reason.clone(),
            requirement: Requirement::clone(requirement),
            text: Untrusted::new(masked(text)),
            parameters,
            context: self.holding.past.told(),
            definitions,
            estimate: self.expected(),
            verbs: told.verbs.to_vec(),
            relations: told.affected.iter().map(|a| Untrusted::new(a.as_str())).collect(),
        };
        let wait = waits.then_some(self.holding.wait);
        let Held { standing, new } = match self.holding.approvals.hold(asked, bound, wait) {
            Ok(held) => held,
            Err(limit @ (TooMany::Broker(_) | TooMany::Principal(_))) => {
                return Ok(Lifted::refused(held::too_many_approvals(&limit.to_string())));
            }
        };
        if new {
            self.gate.note(standing.requested(told.record)).map_err(|_| End::NotRecorded)?;
        }
        if !waits {
            return Ok(Lifted::refused(held::held(requirement, &standing)));
        }
        self.notice = Some(held::waiting(requirement, &standing, self.holding.wait, session.id));
        let settled = Arc::clone(&self.holding.approvals).settled(standing.id);
        let mut settled = Settled::Not(Box::pin(settled));
        // Polled once, so that the decision wakes this connection.
        if settled.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        self.waiting = Some(Waiting { id: standing.id, settled });
        Ok(Lifted::Not(Stalled::Approval))
    }

    /// An approval has come to a state: approved, it is used up here and now.
    #[expect(clippy::too_many_arguments, reason = "all of it is of the one message at hand")]
    fn settled(
        &self,
        id: ApprovalId,
        state: ApprovalState,
        judged: &Judged,
        requirement: &Arc<Requirement>,
        bound: &Bound,
        definitions: &str,
        by_query: bool,
    ) -> Result<Lifted, End> {
        let approvals = &self.holding.approvals;
        let Some(standing) = approvals.get(id) else {
            return Ok(Lifted::refused(held::unusable(requirement, id, Unusable::Gone)));
        };
        if state.is_open() && *standing.asked.definitions != *definitions {
            // It can never be used; the next one is asked for anew.
            if approvals.withdraw(id)
                && let Some(withdrawn) = approvals.get(id)
            {
                self.gate.note(withdrawn.ended()).map_err(|_| End::NotRecorded)?;
            }
            return Ok(Lifted::refused(held::unusable(requirement, id, Unusable::Definitions)));
        }
        match state {
            ApprovalState::Approved => {
                let lifts = &standing.asked.requirement.rules;
                let expected = self.expected().unwrap_or(Estimate::INFINITE);
                // Used up only for what then runs.
                let ruling = match self.judge.lifted(judged, lifts, expected) {
                    Some(Ruling::Refuse(reason)) => return Ok(Lifted::refused(reason)),
                    Some(ruling) if by_query && !judged.bounds(&ruling).is_none() && !self.is_drained() => {
                        return Ok(Lifted::Not(Stalled::Answer));
                    }
                    Some(ruling) => ruling,
                    None => return Ok(Lifted::refused(held::unusable(requirement, id, Unusable::Changed))),
                };
                match approvals.consume(id, bound, &requirement.rules) {
                    Ok(used) => Ok(Lifted::As(ruling, Some(used))),
                    Err(why) => Ok(Lifted::refused(held::unusable(requirement, id, why))),
                }
            }
            ApprovalState::Expired => {
                self.gate.note(standing.ended()).map_err(|_| End::NotRecorded)?;
                Ok(Lifted::refused(held::held(requirement, &standing)))
            }
            ApprovalState::Withdrawn => {
                self.gate.note(standing.ended()).map_err(|_| End::NotRecorded)?;
                Ok(Lifted::refused(held::canceled(requirement, &standing)))
            }
            ApprovalState::Pending | ApprovalState::Rejected | ApprovalState::Consumed => {
                Ok(Lifted::refused(held::held(requirement, &standing)))
            }
        }
    }

    /// Gives up what waits when the conversation ends.
    pub(super) fn stop_waiting(&mut self) {
        (self.reading, self.estimate) = (None, None);
        let Some(waiting) = self.waiting.take() else { return };
        let approvals = &self.holding.approvals;
        let withdrawn = approvals.withdraw(waiting.id);
        if let Some(standing) = approvals.get(waiting.id)
            && (withdrawn || standing.state == ApprovalState::Expired)
            && self.gate.note(standing.ended()).is_err()
        {
            tracing::error!(approval = %waiting.id, "the end of an approval could not be recorded");
        }
    }

    /// Notes a text that is let through, for approvals that are asked for later.
    pub(super) fn note_past(&mut self, effect: Effect, text: Option<&str>) {
        if effect != Effect::Nothing {
            let alone = !self.in_transaction && self.queue.is_empty();
            self.holding.past.note(effect, text, alone);
        }
    }

    /// The notice of a hold, for the client, once.
    pub fn take_notice(&mut self) -> Option<Vec<u8>> {
        if self.is_mid_frame() { None } else { self.notice.take() }
    }
}
