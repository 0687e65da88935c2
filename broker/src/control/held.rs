//! Sessions that policy holds: asked for, approved for exactly one opening, consumed by it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hoop_api::approval::{ApprovalKind, ApprovalState};
use hoop_api::routes::OpenSession;
use hoop_api::{Code, Problem, Untrusted};
use hoop_policy::Requirement;

use super::sessions::Wish;
use super::{Control, SessionVerdict};
use crate::approval::{Asked, Bound, Consumed, Held, Standing};
use crate::identity::audit::{Entry, user_of};
use crate::identity::{Caller, not_recorded};
use crate::session::Session;

/// An approval that a session may be opened by.
#[derive(Debug)]
pub(super) struct Given {
    standing: Standing,
    bound: Bound,
    /// The rules that hold the session now.
    held_by: BTreeSet<String>,
    /// The rules that allow it once those are lifted.
    pub(super) rules: Vec<String>,
}

impl Control {
    /// What a session's approval is bound to. `None` for bearer secrets: they have no key to bind it to.
    fn session_bound(&self, wish: &Wish<'_>) -> Option<Bound> {
        let mut bound = Bound::of("session");
        for part in [
            wish.principal.id.as_str(),
            wish.jkt?,
            wish.target,
            wish.level.as_str(),
            &self.authorizer().policy_hash(),
        ] {
            bound.part(part.as_bytes());
        }
        bound.part(&wish.ttl.as_secs().to_be_bytes());
        Some(bound)
    }

    /// The approval that lifts `requirement` for this wish; else the request for it is made, once, and its problem told.
    pub(super) async fn approval_for(
        &self,
        wish: &Wish<'_>,
        requirement: Requirement,
    ) -> Result<Given, Problem> {
        let Some(bound) = self.session_bound(wish) else {
            return Err(Problem::new(Code::ApprovalPending, requirement.reason)
                .with_hint("open the session with hoopctl: its key can be bound to an approval"));
        };
        let held_by = requirement.rules.clone();
        let standing = self.standing_for(wish, requirement, &bound).await?;
        if standing.state != ApprovalState::Approved {
            return Err(pending(&standing));
        }
        let lifted = &standing.asked.requirement.rules;
        match self.authorizer().session(wish.principal, wish.target, wish.level, false, lifted) {
            SessionVerdict::Allow { rules } => Ok(Given { standing, bound, held_by, rules }),
            SessionVerdict::Hold(requirement) => Err(Problem::new(Code::Rejected, requirement.reason)
                .with_rules(requirement.rules.into_iter().collect())),
            SessionVerdict::Deny { rules, reason } => {
                Err(Problem::new(Code::Denied, reason).with_rules(rules))
            }
        }
    }

    /// The open approval for exactly this, asked for now if there is none.
    async fn standing_for(
        &self,
        wish: &Wish<'_>,
        requirement: Requirement,
        bound: &Bound,
    ) -> Result<Standing, Problem> {
        let approvals = &self.inner.parts.approvals;
        let ttl = humantime::format_duration(Duration::from_secs(wish.ttl.as_secs()));
        let asked = Asked {
            kind: ApprovalKind::Session,
            requester: Arc::clone(wish.principal),
            origin: wish.origin,
            session: None,
            connection: None,
            target: wish.target.to_owned(),
            level: wish.level,
            reason: wish.reason.clone(),
            requirement,
            text: Untrusted::default(),
            parameters: Vec::new(),
            definitions: Box::default(),
            context: vec![Untrusted::new(format!("the session ends after {ttl} at the latest"))],
            estimate: None,
            verbs: Vec::new(),
            relations: Vec::new(),
        };
        let Held { standing, new } = approvals.hold(asked, bound, None).map_err(|limit| {
            Problem::new(Code::LimitReached, limit.to_string()).with_hint("hoopctl requests")
        })?;
        if !new {
            return Ok(standing);
        }
        let entry = Entry::new(user_of(wish.principal), wish.target, standing.requested(""));
        if let Err(poisoned) = self.identity().journal().record(entry.from(wish.origin).via(wish.via)).await {
            approvals.withdraw(standing.id);
            return Err(not_recorded(poisoned));
        }
        Ok(standing)
    }

    /// Uses the approval up for `session`, in the ledger first.
    pub(super) async fn use_up(
        &self,
        wish: &Wish<'_>,
        given: &Given,
        session: &Session,
    ) -> Result<Consumed, Problem> {
        let id = given.standing.id;
        let used = self
            .inner
            .parts
            .approvals
            .consume(id, &given.bound, &given.held_by)
            .map_err(|why| Problem::new(Code::Rejected, why.to_string()).with_approval(id))?;
        let entry = Entry::new(user_of(wish.principal), wish.target, used.event(session.id.to_string()));
        let recorded = self.identity().journal().record(entry.from(wish.origin).via(wish.via)).await;
        recorded.map(|()| used).map_err(not_recorded)
    }

    /// Asks for the approval of a session without opening it.
    pub(super) async fn ask_session(
        &self,
        caller: &Caller,
        asked: &OpenSession,
    ) -> Result<Standing, Problem> {
        let wish = self.wish(caller, asked)?;
        self.target(wish.target)?;
        let none = BTreeSet::new();
        match self.authorizer().session(wish.principal, wish.target, wish.level, false, &none) {
            SessionVerdict::Allow { .. } => {
                let hint = format!("open it: hoopctl connect {} --level {}", wish.target, wish.level);
                Err(Problem::new(Code::BadRequest, "policy opens this session without an approval")
                    .with_hint(hint))
            }
            SessionVerdict::Deny { rules, reason } => {
                let problem = Problem::new(Code::Denied, reason.clone()).with_rules(rules.clone());
                self.refuse(&wish, &reason, rules, problem).await
            }
            SessionVerdict::Hold(requirement) => {
                let bound = self.session_bound(&wish);
                let bound = bound.ok_or_else(|| Problem::new(Code::Internal, "the caller has no key"))?;
                self.standing_for(&wish, requirement, &bound).await
            }
        }
    }
}

fn pending(standing: &Standing) -> Problem {
    let requirement = &standing.asked.requirement;
    let detail = format!("{}; it needs the approval of {}", requirement.reason, requirement.asks());
    Problem::new(Code::ApprovalPending, detail)
        .with_rules(requirement.rules.iter().cloned().collect())
        .with_hint(format!("a reviewer runs: hoopctl approve {}", standing.id))
        .with_approval(standing.id)
}
