//! What is held, as it was asked for and as it stands, with its entries.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use hoop_api::approval::{ApprovalKind, ApprovalState};
use hoop_api::{AccessLevel, ApprovalId, ConnectionId, SessionId, Untrusted};
use hoop_ledger::entry::Event;
use hoop_policy::{Estimate, Principal, Requirement};

use super::Vote;

/// What is held, as it is asked for.
#[derive(Debug)]
pub struct Asked {
    /// What it is.
    pub kind: ApprovalKind,
    /// Who asks.
    pub requester: Arc<Principal>,
    /// From where.
    pub origin: SocketAddr,
    /// The session that a statement runs in.
    pub session: Option<SessionId>,
    /// The connection that a waiting statement waits in.
    pub connection: Option<ConnectionId>,
    /// Target name.
    pub target: String,
    /// Access level, of the session or asked for.
    pub level: AccessLevel,
    /// Why, card numbers taken out.
    pub reason: Untrusted,
    /// The holds to lift.
    pub requirement: Requirement,
    /// The statement as sent, card numbers masked; empty for a session.
    pub text: Untrusted,
    /// Its parameters, card numbers masked.
    pub parameters: Vec<Option<Untrusted>>,
    /// What its connection did before that can change what its names mean, card numbers masked.
    pub context: Vec<Untrusted>,
    /// The digest of the definitions that it can reach; empty for a session.
    pub definitions: Box<str>,
    /// What the target's planner expects of it, where it could be asked.
    pub estimate: Option<Estimate>,
    /// Everything that it does.
    pub verbs: Vec<String>,
    /// Relations that it names.
    pub relations: Vec<Untrusted>,
}

/// One approval as it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its id.
    pub id: ApprovalId,
    /// What is held.
    pub asked: Arc<Asked>,
    /// Where it stands.
    pub state: ApprovalState,
    /// The digest of what it is bound to.
    pub binding: Arc<str>,
    /// What reviewers said.
    pub votes: Vec<Vote>,
    /// Rules that others may lift as well, since it has waited for long.
    pub escalated: BTreeSet<String>,
    /// Asked for, Unix seconds.
    pub asked_at: i64,
    /// Until when it can be decided, or used once approved; Unix seconds.
    pub expires_at: i64,
}

impl Standing {
    /// The entry that it is asked for by. `text`: the statement without its constants.
    #[must_use]
    pub fn requested(&self, text: &str) -> Event {
        let asked = &self.asked;
        let reviewers = asked.requirement.reviewers.iter();
        Event::ApprovalRequested {
            approval: self.id.to_string(),
            kind: asked.kind.as_str().to_owned(),
            session: asked.session.map(|s| s.to_string()).unwrap_or_default(),
            target: asked.target.clone(),
            level: asked.level.as_str().to_owned(),
            text: text.to_owned(),
            rules: asked.requirement.rules.iter().cloned().collect(),
            reviewers: reviewers.map(ToString::to_string).collect(),
            binding: self.binding.to_string(),
            expires_us: self.expires_at.saturating_mul(1_000_000),
        }
    }

    /// The entry that others may lift `rules` of it as well.
    #[must_use]
    pub fn escalation(&self, rules: &BTreeSet<String>) -> Event {
        let (mut ids, mut groups) = (Vec::new(), Vec::new());
        for (id, reviewers) in self.pairs() {
            if let Some(escalation) = reviewers.escalation.as_ref().filter(|_| rules.contains(id)) {
                ids.push(id.clone());
                groups.push(escalation.group.clone());
            }
        }
        Event::ApprovalEscalated { approval: self.id.to_string(), rules: ids, groups }
    }

    /// The entry of an end without use.
    #[must_use]
    pub fn ended(&self) -> Event {
        Event::ApprovalEnded { approval: self.id.to_string(), how: self.state.as_str().to_owned() }
    }
}
