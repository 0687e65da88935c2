//! The envelope of a ledger entry: what is stored, hashed and shown to an assessor.
//!
//! PCI DSS 10.2.2 asks six things of each entry: user, type, time, success or failure, origin, and what was
//! affected. They are the first fields, so that no event can be written without them.

use serde::{Deserialize, Serialize};

/// Version of the envelope's layout, the `v` of each entry.
pub const ENVELOPE_VERSION: u16 = 1;

/// One entry. Serialised once as JSON when it is appended; the leaf hash is over those stored bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Layout version, [`ENVELOPE_VERSION`].
    pub v: u16,
    /// Wall clock, microseconds since the Unix epoch, UTC.
    pub time_us: i64,
    /// Monotonic microseconds since the broker's boot; orders entries of one boot when the wall clock steps.
    pub mono_us: u64,
    /// Id of the broker process's start (a ULID).
    pub boot: String,
    /// Who acted.
    pub user: User,
    /// From where.
    pub origin: Origin,
    /// How it ended, as far as this entry knows.
    pub outcome: Outcome,
    /// What was affected: target, relations, columns; at least one element.
    pub affected: Vec<String>,
    /// What happened.
    pub event: Event,
}

/// Who acted (PCI DSS 10.2.2: user identification).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Principal id, or `broker` for acts of the broker itself, or `unknown` before authentication.
    pub id: String,
    /// `user`, `workload`, `agent` or `system`.
    pub kind: String,
    /// Stable identity of the human behind the account, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_id: Option<String>,
}

/// From where (PCI DSS 10.2.2: origination of event).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Source address as `ip:port`, or `local`.
    pub address: String,
    /// By which way: `broker`, `console`, `http`, `tunnel` or `native`.
    pub via: String,
    /// True when a bearer secret, not a key-bound token, opened the way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bearer: bool,
}

/// Success or failure indication (PCI DSS 10.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused or failed.
    Failure,
    /// It is about to be done; a later entry tells how it ended.
    Pending,
    /// The broker or the target stopped before the end was known.
    Unknown,
}

/// What happened, with what belongs to that kind of event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The broker started (10.2.1.6). Carries hashes of what it runs (11.5.2).
    BrokerStart { version: String, config_sha256: String, policy_sha256: String },
    /// The broker stopped in order (10.2.1.6).
    BrokerStop { reason: String },
    /// Policy or targets were loaded again.
    Reload { policy_sha256: String, detail: String },
    /// A sign-in that succeeded (8.4).
    SignIn { method: String, amr: Vec<String>, client_key: String },
    /// A sign-in or token use that failed (10.2.1.4); the reason is one of a fixed list.
    SignInFailed { method: String, reason: String },
    /// An account was locked after too many tries (8.3.4).
    LockOut { until_us: i64 },
    /// Tokens were revoked: `logout`, `reuse` or `admin`.
    TokensRevoked { reason: String },
    /// A local user was created, changed or removed (8.2.4).
    IdentityChange { subject: String, change: String },
    /// A session was opened.
    SessionOpen { session: String, target: String, level: String, reason: String, ends_us: i64, rules: Vec<String>, client_key: String },
    /// A session was refused by policy or limits (10.2.1.4).
    SessionRefused { target: String, level: String, reason: String, rules: Vec<String> },
    /// A session ended.
    SessionEnd { session: String, reason: String, statements: u64 },
    /// A client connected on a session.
    Connection { session: String, connection: String, client: String, upstream_tls: String, downstream_tls: String },
    /// A connection closed.
    ConnectionEnd { connection: String, reason: String },
    /// A bearer token for the native listener was minted.
    TokenMinted { target: String, session_bound: bool, expires_us: i64 },
    /// A statement was allowed; written before it is forwarded (write) or answered (read).
    Statement {
        statement: String,
        session: String,
        connection: String,
        /// Text without its constants.
        text: String,
        verbs: Vec<String>,
        write: bool,
        /// Verdict's rules.
        rules: Vec<String>,
        /// What is known of the parameters, never their values.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<Parameter>,
    },
    /// How a statement ended.
    StatementEnd {
        statement: String,
        rows: u64,
        bytes: u64,
        sqlstate: String,
        duration_us: u64,
        /// Values masked in the answer, by class.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        masked: Vec<(String, u64)>,
    },
    /// A statement or a message was refused.
    Denial { statement: String, session: String, connection: String, text: String, sqlstate: String, rules: Vec<String>, reason: String },
    /// A control failed (10.7.2).
    ControlFailure { control: String, detail: String },
    /// Found open after a crash and closed by recovery.
    ClosedUnknown { what: String, id: String },
    /// A target was refused or became usable again.
    Target { target: String, state: String, detail: String },
}

/// What is recorded of one bound parameter: shape only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Type oid as the client declared it, 0 for unspecified.
    pub oid: u32,
    /// True for binary format.
    pub binary: bool,
    /// Length in bytes, -1 for NULL.
    pub len: i32,
}
