//! Paths, requests and answers of the control API, under `/v1` but for OAuth's own.

use serde::{Deserialize, Serialize};

use crate::approval::HeldRule;
use crate::{AccessLevel, FindingId, PrincipalKind, SessionId, Untrusted};

/// RFC 8414 metadata.
pub const METADATA: &str = "/.well-known/oauth-authorization-server";
/// RFC 8628 device authorization endpoint.
pub const DEVICE_AUTHORIZATION: &str = "/oauth/device_authorization";
/// Token endpoint: device code and refresh grants, DPoP-bound.
pub const TOKEN: &str = "/oauth/token";
/// RFC 7009 revocation endpoint.
pub const REVOKE: &str = "/oauth/revoke";
/// The page where a person enters a user code.
pub const DEVICE_PAGE: &str = "/device";
/// `GET`: who am I. Answers [`Whoami`].
pub const WHOAMI: &str = "/v1/whoami";
/// `GET`: the targets that the caller may see. Answers [`TargetList`]. `GET …/{target}`, with `?database=NAME`: what of
/// it is classified. Answers [`TargetDescription`](crate::description::TargetDescription).
pub const TARGETS: &str = "/v1/targets";
/// `POST` [`OpenSession`] answers [`OpenedSession`]; `GET` answers [`SessionList`]; `DELETE /v1/sessions/{id}` ends one.
pub const SESSIONS: &str = "/v1/sessions";
/// `GET` with `Upgrade: hoop-tunnel/1`, authorised by a session token bound by DPoP.
pub const TUNNEL: &str = "/v1/tunnel";
/// `POST` [`MintToken`] answers [`MintedToken`].
pub const TOKENS: &str = "/v1/tokens";
/// `GET`: the approvals that the caller may see. Answers [`ApprovalList`](crate::approval::ApprovalList). `POST`
/// [`OpenSession`] asks for the session's approval where policy holds it, and answers
/// [`Approval`](crate::approval::Approval). `GET …/{id}` answers one, `DELETE …/{id}` withdraws it, and
/// `POST …/{id}/decision` [`Decide`](crate::approval::Decide) answers it as it then is.
pub const APPROVALS: &str = "/v1/approvals";
/// `POST` [`ExplainStatement`] answers [`Explained`]: what the policy would make of a statement; nothing runs.
pub const EXPLAIN: &str = "/v1/policy/explain";
/// `GET …/{target}`: rules that would permit what was seen on a target that is only observed. Answers [`Suggested`].
pub const SUGGEST: &str = "/v1/policy/suggest";
/// `POST` [`BreakGlass`](crate::finding::BreakGlass) answers [`OpenedSession`]: a session in an emergency.
pub const BREAK_GLASS: &str = "/v1/break-glass";
/// `POST` answers [`Enrolling`](crate::finding::Enrolling); `PUT` [`Enrol`](crate::finding::Enrol) ends it. For signing in
/// when the identity provider is down.
pub const ENROLMENT: &str = "/v1/break-glass/enrolment";
/// `GET`: the findings that the caller may see. Answers [`FindingList`](crate::finding::FindingList).
/// `POST …/{id}/review` [`Reviewed`](crate::finding::SignedReview) answers the [`Finding`](crate::finding::Finding) as it then is.
pub const FINDINGS: &str = "/v1/findings";
/// `GET`: the latest signed checkpoint, text (C2SP signed note).
pub const CHECKPOINT: &str = "/v1/ledger/checkpoint";

/// Who the broker takes the caller for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whoami {
    /// Principal id.
    pub id: String,
    /// Person, pipeline or agent.
    pub kind: PrincipalKind,
    /// Display name.
    pub name: Untrusted,
    /// Groups as the identity provider told.
    pub groups: Vec<String>,
    /// Stable identity of the person, where known.
    pub person_id: Option<String>,
    /// When the person last proved who they are, Unix seconds.
    pub auth_time: i64,
    /// How (`pwd`, `otp`, …; RFC 8176).
    pub amr: Vec<String>,
    /// Name of the broker.
    pub broker: String,
}

/// The targets that a principal may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetList {
    /// In order of name.
    pub targets: Vec<TargetSummary>,
}

/// One target, as shown to a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSummary {
    /// Name used everywhere.
    pub name: String,
    /// Kind: `postgres`.
    pub kind: String,
    /// Environment word from the config, such as `production`.
    pub environment: Option<String>,
    /// Access levels that policy allows this principal now.
    pub levels: Vec<AccessLevel>,
    /// True when they may break the glass of it.
    #[serde(default)]
    pub break_glass: bool,
    /// Databases that a session may name; the first is the default.
    pub databases: Vec<String>,
    /// True when policy judges its statements and stops none.
    #[serde(default)]
    pub observed: bool,
    /// False when the broker refuses or cannot reach it; `detail` says why.
    pub available: bool,
    /// Why it is not available.
    pub detail: Option<String>,
}

/// Asks what the policy in force would make of a statement of the caller's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainStatement {
    /// Target name.
    pub target: String,
    /// Access level of the session.
    #[serde(default)]
    pub level: AccessLevel,
    /// The text.
    pub statement: Untrusted,
    /// For whom, by principal id; the caller when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Untrusted>,
}

/// Rules that would permit what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggested {
    /// Cedar; empty when nothing was seen.
    pub policy: Untrusted,
    /// Different things that were seen.
    pub acts: u64,
    /// How much was seen and not kept.
    pub left_out: u64,
}

/// What the policy would make of a statement, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// `allow`, `hold`, `deny`, or `refused` when no policy is asked: it does not parse, or moves a pinned setting.
    pub verdict: String,
    /// Why, where it is no yes.
    pub reason: Untrusted,
    /// What to do.
    pub hint: Option<Untrusted>,
    /// Rules that decide.
    pub rules: Vec<String>,
    /// Who could approve, for a hold.
    pub reviewers: Vec<HeldRule>,
    /// Everything that it does.
    pub verbs: Vec<String>,
    /// Relations that it names.
    pub relations: Vec<Untrusted>,
    /// Functions that it calls, those that only compute left out.
    pub functions: Vec<Untrusted>,
    /// Classified columns whose values can come into its answer, as `schema.relation.column (class)`.
    pub masked: Vec<Untrusted>,
    /// Classified columns that it touches, with class and how: `output`, `predicate`, `write`.
    #[serde(default)]
    pub columns: Vec<Untrusted>,
    /// What the ledger would keep of the text.
    pub record: String,
    /// It counts as a write.
    pub write: bool,
    /// SHA-256 of the policy in force.
    pub policy: String,
}

/// Asks for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// Target name.
    pub target: String,
    /// Access level, `masked` by default.
    #[serde(default)]
    pub level: AccessLevel,
    /// Why.
    #[serde(default)]
    pub reason: Untrusted,
    /// How long at most, seconds; the broker's default when absent, capped by its maximum.
    #[serde(default)]
    pub ttl_s: Option<u64>,
    /// How long a held statement waits in its connection for an approval, seconds, capped by the broker's maximum. 0,
    /// the default: it is refused at once with the approval's id, and sent again when approved.
    #[serde(default)]
    pub hold_s: u64,
}

/// A session as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Its id.
    pub id: SessionId,
    /// Principal id.
    pub principal: String,
    /// Target name.
    pub target: String,
    /// Access level.
    pub level: AccessLevel,
    /// Why it was opened.
    pub reason: Untrusted,
    /// Opened, Unix seconds.
    pub opened_at: i64,
    /// Ends at the latest, Unix seconds.
    pub ends_at: i64,
    /// Ends when idle for so long, seconds.
    pub idle_s: u64,
    /// Open connections.
    pub connections: u32,
    /// Statements so far.
    pub statements: u64,
    /// The finding that it opened: the glass was broken for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingId>,
}

/// An opened session with what the tunnel needs.
#[derive(Clone, Serialize, Deserialize)]
pub struct OpenedSession {
    /// The session.
    #[serde(flatten)]
    pub session: SessionSummary,
    /// DPoP-bound token that opens the tunnel; ends with the session.
    pub token: String,
    /// `user` for the start-up packet.
    pub user: String,
    /// Databases that the start-up packet may name; the first is the default.
    pub databases: Vec<String>,
    /// The broker's wall clock, Unix seconds, to tell clock skew.
    pub now: i64,
}

impl std::fmt::Debug for OpenedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedSession").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Sessions that the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// Newest last.
    pub sessions: Vec<SessionSummary>,
}

/// Asks for a bearer token for the native listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintToken {
    /// Target name.
    pub target: String,
    /// True: valid for a whole session (a policy action of its own); false: once, within five minutes.
    #[serde(default)]
    pub session: bool,
    /// Why.
    #[serde(default)]
    pub reason: Untrusted,
}

/// A bearer token for the native listener: the PostgreSQL password.
#[derive(Clone, Serialize, Deserialize)]
pub struct MintedToken {
    /// The password.
    pub token: String,
    /// `user` of the connection: the target's name.
    pub user: String,
    /// Address of the native listener.
    pub host: String,
    /// Port of the native listener.
    pub port: u16,
    /// `sslmode` that the client should use.
    pub sslmode: String,
    /// Default database.
    pub database: String,
    /// Expires, Unix seconds.
    pub expires_at: i64,
}

impl std::fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MintedToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
