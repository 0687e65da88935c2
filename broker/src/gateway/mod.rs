//! The enforcing gateway: two ways in, one conversation. No SQL is parsed here and no policy is written here.

pub mod alive;
pub mod budget;
pub mod native;
pub mod postgres;
pub mod seen;
pub mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hoop_api::AccessLevel;
use hoop_policy::{Classified, Column, OpeningFacts, PolicySet, Principal, TargetFacts, Verdict, Via};

use crate::approval::Approvals;
use crate::clock::Boot;
use crate::config::{Durability, Limits, Target};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::scribe::Scribe;
use crate::session::{EndReason, Session, Sessions};
use hoop_ledger::entry::{Event, Outcome};
use postgres::cancel::CancelKeys;
use postgres::parser::Parser;

/// Targets by name, replaced as a whole at reload.
pub type Targets = BTreeMap<String, Arc<Target>>;

/// A policy set with the number of its loading, by which cached verdicts know that they are stale.
#[derive(Debug)]
pub struct InForce {
    /// Counts loads from 1.
    pub version: u64,
    /// The set.
    pub set: PolicySet,
    /// Targets whose statements it judges and does not stop.
    pub observed: BTreeSet<String>,
    /// Who signed it, by name; empty where no signatures are asked for.
    pub signed_by: Vec<String>,
}

/// What every conversation shares.
#[derive(Debug)]
pub struct Gateway {
    /// Targets now in force.
    pub targets: ArcSwap<Targets>,
    /// Policy now in force.
    pub policy: Arc<ArcSwap<InForce>>,
    /// The ledger.
    pub ledger: Ledger,
    /// This boot.
    pub boot: Arc<Boot>,
    /// Live sessions.
    pub sessions: Arc<Sessions>,
    /// What waits for reviewers.
    pub approvals: Arc<Approvals>,
    /// Rows of classified columns that were read.
    pub budgets: Arc<budget::Budgets>,
    /// What was judged where policy is only observed.
    pub seen: Arc<seen::Seen>,
    /// Cancel keys of open connections.
    pub cancel: CancelKeys,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Limits.
    pub limits: Limits,
    /// The thread for long texts.
    pub parser: Parser,
}

impl Gateway {
    /// A target by name.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<Arc<Target>> {
        self.targets.load().get(name).cloned()
    }

    /// A scribe for what a session's principal does.
    #[must_use]
    pub fn scribe(
        &self,
        session: &Session,
        address: std::net::SocketAddr,
        via: &str,
        bearer: bool,
    ) -> Scribe {
        Scribe::of(self.ledger.clone(), Arc::clone(&self.boot), &session.principal, address, via, bearer)
    }

    /// May `principal` open a session on `target`, once the holds of the rules `approvals` are lifted?
    #[must_use]
    pub fn judge_session(
        &self,
        principal: &Principal,
        target: &str,
        level: AccessLevel,
        bearer: bool,
        approvals: &BTreeSet<String>,
    ) -> Verdict {
        let facts = self.target(target).map_or_else(|| unknown_target(target), |t| target_facts(&t));
        hoop_policy::judge_session(
            &self.policy.load().set,
            principal,
            &OpeningFacts { approvals: approvals.clone(), ..opening(&self.ledger, level, bearer) },
            &facts,
        )
    }

    /// May `principal` open a session on `target` in an emergency?
    #[must_use]
    pub fn judge_break_glass(&self, principal: &Principal, target: &str, level: AccessLevel) -> Verdict {
        let facts = self.target(target).map_or_else(|| unknown_target(target), |t| target_facts(&t));
        let opening = OpeningFacts { break_glass: true, ..opening(&self.ledger, level, false) };
        hoop_policy::judge_session(&self.policy.load().set, principal, &opening, &facts)
    }

    /// May `principal` do `action`, on a target or on the broker?
    #[must_use]
    pub fn judge_action(
        &self,
        principal: &Principal,
        action: hoop_policy::Action,
        target: Option<&str>,
        bearer: bool,
    ) -> Verdict {
        let facts =
            target.map(|name| self.target(name).map_or_else(|| unknown_target(name), |t| target_facts(&t)));
        let opening = opening(&self.ledger, AccessLevel::Masked, bearer);
        hoop_policy::judge_action(&self.policy.load().set, principal, &opening, action, facts.as_ref())
    }

    /// Ends a session and records it. Nothing happens when it had ended already.
    pub fn end_session(&self, session: &Session, reason: EndReason) {
        if self.sessions.end(session.id, reason).is_none() {
            return;
        }
        let scribe = self.scribe(session, session.origin, "broker", session.client_key.is_none());
        let event = Event::SessionEnd {
            session: session.id.to_string(),
            reason: reason.as_str().to_owned(),
            statements: session.statements(),
        };
        if scribe.append(Outcome::Success, vec![session.target.clone()], event).is_err() {
            tracing::error!(session = %session.id, "the end of a session could not be recorded");
        }
    }
}

/// How a session of this level is opened.
pub(crate) fn opening(ledger: &Ledger, level: AccessLevel, bearer: bool) -> OpeningFacts {
    let via = if bearer { Via::Native } else { Via::Tunnel };
    let durable = match ledger.durability() {
        Durability::Disk => true,
        Durability::Os => false,
    };
    OpeningFacts { level, via, bearer, break_glass: false, durable, approvals: BTreeSet::new() }
}

/// The target as policy sees it.
#[must_use]
pub fn target_facts(target: &Target) -> TargetFacts {
    let columns = target.classes.iter().map(|c| Column {
        schema: c.schema.clone(),
        relation: c.relation.clone(),
        name: c.column.clone(),
        class: c.class.as_str().to_owned(),
    });
    TargetFacts {
        name: target.name.clone(),
        environment: target.environment.clone(),
        classified: Classified::of(columns),
    }
}

fn unknown_target(name: &str) -> TargetFacts {
    TargetFacts { name: name.to_owned(), environment: None, classified: [].into() }
}
