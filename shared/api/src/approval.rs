//! Approvals on the wire: what is held, who may lift it, and the signed decision of a reviewer.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{AccessLevel, ApprovalId, PrincipalKind, Untrusted, hex};

/// `typ` of a decision: a compact JWS (RFC 7515) by the reviewer's own key, with the public key in the header's `jwk`.
pub const DECISION_TYPE: &str = "hoop-decision+jwt";

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// It waits for reviewers.
    Pending,
    /// It may be used, once.
    Approved,
    /// A reviewer said no.
    Rejected,
    /// It was used.
    Consumed,
    /// Its time was up.
    Expired,
    /// The requester gave it up.
    Withdrawn,
}

impl ApprovalState {
    /// The word for people, the wire and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Consumed => "consumed",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// True while it can still change.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Approved => true,
            Self::Rejected | Self::Consumed | Self::Expired | Self::Withdrawn => false,
        }
    }
}

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// A statement that waits in its connection, and runs there once approved.
    Waiting,
    /// A statement that was refused with the id, and is sent again once approved.
    Retry,
    /// A session.
    Session,
    /// A change of configuration, policy or an account.
    Change,
}

impl ApprovalKind {
    /// The word for people, the wire and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Retry => "retry",
            Self::Session => "session",
            Self::Change => "change",
        }
    }
}

/// One rule that holds, and who may lift it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRule {
    /// Its `@id`.
    pub id: String,
    /// How many different persons it asks for.
    pub count: u32,
    /// The group that they are in.
    pub group: String,
    /// How many of them have approved.
    pub approved: u32,
    /// Who may approve as well when it has waited for long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<HeldEscalation>,
}

/// Who else may lift a rule, and from when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldEscalation {
    /// The group.
    pub group: String,
    /// From when, Unix seconds.
    pub at: i64,
    /// True when they may now.
    pub now: bool,
}

/// What the target's own planner expects of a held statement. It can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldEstimate {
    /// `small` or `large`.
    pub size: String,
    /// The numbers, for reviewers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
}

/// Numbers of an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Rows that it returns or changes.
    pub rows: u64,
    /// Cost in the planner's unit: about 1 a page read in order.
    pub cost: u64,
}

/// What a reviewer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Principal id of the reviewer.
    pub by: Untrusted,
    /// Yes or no.
    pub approve: bool,
    /// Why.
    pub reason: Untrusted,
    /// When, Unix seconds.
    pub at: i64,
}

/// One approval, as the requester and its reviewers see it. Card numbers in it are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What is held.
    pub kind: ApprovalKind,
    /// Where it stands.
    pub state: ApprovalState,
    /// Principal id of the requester.
    pub requester: Untrusted,
    /// Person, pipeline or agent.
    pub requester_kind: PrincipalKind,
    /// Where it was asked from, `ip:port`.
    pub origin: String,
    /// Target name.
    pub target: String,
    /// Access level of the session, or the one asked for.
    pub level: AccessLevel,
    /// The reason that the requester gave for the session.
    pub reason: Untrusted,
    /// The policy's message: why it is held.
    pub message: Untrusted,
    /// The rules that hold it; all must be lifted.
    pub rules: Vec<HeldRule>,
    /// How recent the sign-in of whoever approves must be, with a second factor, in seconds.
    #[serde(default)]
    pub fresh_s: Option<u64>,
    /// The statement as it was sent; empty for a session.
    pub text: Untrusted,
    /// Its bound parameters in order, `NULL` as none; those that are not text as `\x…`.
    pub parameters: Vec<Option<Untrusted>>,
    /// What this connection did before that can change what the names and values of the statement mean, oldest first.
    pub context: Vec<Untrusted>,
    /// What the target expects of it, where it could be asked.
    #[serde(default)]
    pub estimate: Option<HeldEstimate>,
    /// Everything that the statement does.
    pub verbs: Vec<String>,
    /// Relations that it names.
    pub relations: Vec<Untrusted>,
    /// HMAC-SHA-256 over exactly what it is bound to, under a key of its own that only the broker has; hexadecimal.
    pub binding: String,
    /// What reviewers have said so far.
    pub decisions: Vec<Decided>,
    /// Asked for, Unix seconds.
    pub asked_at: i64,
    /// While pending: until when it can be decided; once approved: until when it can be used. Unix seconds.
    pub expires_at: i64,
    /// True when the caller may decide it now.
    pub may_decide: bool,
    /// The broker's wall clock, Unix seconds.
    pub now: i64,
}

impl Approval {
    /// SHA-256, hexadecimal, over what a reviewer is shown of what is held; part of the signed decision, so that a
    /// decision about one statement cannot be passed off as one about another.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut sha = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // The length first, so that text cannot move from one part to the next unseen.
            sha.update((bytes.len() as u64).to_be_bytes());
            sha.update(bytes);
        };
        part(self.id.to_string().as_bytes());
        for text in [self.kind.as_str(), &self.target, self.level.as_str(), &self.binding] {
            part(text.as_bytes());
        }
        for text in [&self.requester, &self.reason, &self.text] {
            part(text.raw().as_bytes());
        }
        part(&(self.context.len() as u64).to_be_bytes());
        for text in &self.context {
            part(text.raw().as_bytes());
        }
        for parameter in &self.parameters {
            part(&parameter.as_ref().map_or_else(Vec::new, |p| [b"=", p.raw().as_bytes()].concat()));
        }
        hex(&sha.finalize())
    }
}

/// Approvals that the caller may see, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalList {
    /// Newest last.
    pub approvals: Vec<Approval>,
}

/// Claims of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What is decided.
    pub approval: ApprovalId,
    /// Yes or no.
    pub approve: bool,
    /// Why; required for a no.
    pub reason: Untrusted,
    /// [`Approval::binding`] as it was shown.
    pub binding: String,
    /// [`Approval::shown`] of what was shown.
    pub shown: String,
    /// When, Unix seconds by the reviewer's clock.
    pub iat: i64,
}

/// A decision on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Compact JWS of type [`DECISION_TYPE`] over a [`Decision`].
    pub decision: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval() -> Approval {
        Approval {
            fresh_s: None,
            estimate: None,
            id: ApprovalId::from_parts(1, 2),
            kind: ApprovalKind::Retry,
            state: ApprovalState::Pending,
            requester: "dan".into(),
            requester_kind: PrincipalKind::User,
            origin: "127.0.0.1:1".to_owned(),
            target: "payments-db".to_owned(),
            level: AccessLevel::Write,
            reason: "INC-42".into(),
            message: "m".into(),
            rules: Vec::new(),
            text: "update t set a = $1 where id = 1".into(),
            parameters: vec![Some("1".into()), None],
            context: Vec::new(),
            verbs: Vec::new(),
            relations: Vec::new(),
            binding: "00".to_owned(),
            decisions: Vec::new(),
            asked_at: 0,
            expires_at: 0,
            may_decide: false,
            now: 0,
        }
    }

    #[test]
    fn what_is_shown_is_told_apart_by_each_of_its_parts() {
        let shown = approval().shown();
        let changes: [fn(&mut Approval); 9] = [
            |a| a.id = ApprovalId::from_parts(1, 3),
            |a| a.kind = ApprovalKind::Waiting,
            |a| a.target.push('x'),
            |a| a.binding.push('0'),
            |a| a.text = "update t set a = $1 where id = 2".into(),
            |a| a.parameters = vec![None, Some("1".into())],
            |a| a.parameters = vec![Some("1".into())],
            |a| a.requester = "dana".into(),
            |a| a.context = vec!["SET search_path = b".into()],
        ];
        for change in changes {
            let mut other = approval();
            change(&mut other);
            assert_ne!(other.shown(), shown);
        }
        let mut same = approval();
        same.state = ApprovalState::Approved;
        assert_eq!(same.shown(), shown, "a second reviewer sees the same");
    }
}
