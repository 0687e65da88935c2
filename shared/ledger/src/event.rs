//! What an entry tells of: one kind of event each, with what belongs to it.

use serde::{Deserialize, Serialize};

/// How a rule of the policy changed (PCI DSS 6.5.1, 10.2.1.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleChange {
    /// Its `@id`.
    pub id: String,
    /// `added`, `changed` or `removed`.
    pub change: String,
    /// Its text now, cut where the entry would be too long; empty when it was removed.
    pub text: String,
    /// SHA-256 of its whole text now, hexadecimal; empty when it was removed.
    pub sha256: String,
}

/// What happened, with what belongs to that kind of event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The broker started (10.2.1.6). Carries hashes of what it runs (11.5.2).
    BrokerStart {
        /// Version of the program.
        version: String,
        /// SHA-256 of the configuration's text, hexadecimal.
        config_sha256: String,
        /// SHA-256 of the policy set's text, hexadecimal.
        policy_sha256: String,
        /// Who signed that policy, by name; empty where no signatures are asked for (6.5.1).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signers: Vec<String>,
    },
    /// The broker stopped in order (10.2.1.6).
    BrokerStop {
        /// Why: `signal`, `control` or the fault.
        reason: String,
    },
    /// Policy or targets were loaded again.
    Reload {
        /// SHA-256 of the policy set's text, hexadecimal.
        policy_sha256: String,
        /// The configuration: SHA-256 of its text, hexadecimal.
        detail: String,
        /// Rules of the policy that are not as they were before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<RuleChange>,
        /// Who signed that policy, by name; empty where no signatures are asked for (6.5.1).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signers: Vec<String>,
    },
    /// A sign-in that succeeded (8.4).
    SignIn {
        /// By which way: `local`, `oidc`, `workload`.
        method: String,
        /// Authentication methods that were used (RFC 8176).
        amr: Vec<String>,
        /// JWK thumbprint of the client's key (RFC 7638).
        client_key: String,
    },
    /// A sign-in or token use that failed (10.2.1.4).
    SignInFailed {
        /// By which way.
        method: String,
        /// One of a fixed list.
        reason: String,
    },
    /// An account was locked after too many tries (8.3.4).
    LockOut {
        /// Until when, microseconds since the Unix epoch.
        until_us: i64,
    },
    /// Tokens were revoked.
    TokensRevoked {
        /// `logout`, `reuse` or `admin`.
        reason: String,
    },
    /// A local user was created, changed or removed (8.2.4).
    IdentityChange {
        /// Whose account.
        subject: String,
        /// What was done to it.
        change: String,
    },
    /// A session was opened.
    SessionOpen {
        /// Session id.
        session: String,
        /// Target name.
        target: String,
        /// Access level.
        level: String,
        /// The reason that the principal gave.
        reason: String,
        /// End at the latest, microseconds since the Unix epoch.
        ends_us: i64,
        /// Rules that allowed it.
        rules: Vec<String>,
        /// JWK thumbprint of the client's key, empty for bearer.
        client_key: String,
    },
    /// A session was refused by policy or limits (10.2.1.4).
    SessionRefused {
        /// Target name.
        target: String,
        /// Access level asked for.
        level: String,
        /// Why.
        reason: String,
        /// Rules that refused it.
        rules: Vec<String>,
    },
    /// A session ended.
    SessionEnd {
        /// Session id.
        session: String,
        /// Why.
        reason: String,
        /// Statements that it ran.
        statements: u64,
    },
    /// A client connected on a session.
    Connection {
        /// Session id.
        session: String,
        /// Connection id.
        connection: String,
        /// The client's name for itself.
        client: String,
        /// TLS version and cipher towards the target, or `none`.
        upstream_tls: String,
        /// TLS version and cipher towards the client, or `none`.
        downstream_tls: String,
    },
    /// A connection closed.
    ConnectionEnd {
        /// Connection id.
        connection: String,
        /// Why.
        reason: String,
    },
    /// A bearer token for the native listener was minted.
    TokenMinted {
        /// Target name.
        target: String,
        /// True when it lives as long as the session, false when it is single-use.
        session_bound: bool,
        /// End, microseconds since the Unix epoch.
        expires_us: i64,
    },
    /// A statement was allowed; written before it is forwarded (write) or answered (read).
    Statement {
        /// Statement id.
        statement: String,
        /// Session id.
        session: String,
        /// Connection id.
        connection: String,
        /// Text without its constants.
        text: String,
        /// Verbs, the worst first.
        verbs: Vec<String>,
        /// True when it counts as a write.
        write: bool,
        /// Verdict's rules.
        rules: Vec<String>,
        /// What is known of the parameters, never their values.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<Parameter>,
    },
    /// How a statement ended.
    StatementEnd {
        /// Statement id.
        statement: String,
        /// Rows answered or changed.
        rows: u64,
        /// Bytes of the answer.
        bytes: u64,
        /// SQLSTATE, `00000` for success.
        sqlstate: String,
        /// Time from forwarding to the end, microseconds.
        duration_us: u64,
        /// Values masked in the answer, by class.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        masked: Vec<(String, u64)>,
        /// Values of classified columns shown as they are, by class.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        revealed: Vec<(String, u64)>,
    },
    /// A statement or a message was refused.
    Denial {
        /// Statement id.
        statement: String,
        /// Session id.
        session: String,
        /// Connection id.
        connection: String,
        /// Text without its constants, empty where none may be kept.
        text: String,
        /// SQLSTATE that the client saw.
        sqlstate: String,
        /// Rules that denied it.
        rules: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Something is held until reviewers decide (6.5.1, 7.2.5).
    ApprovalRequested {
        /// Approval id.
        approval: String,
        /// `waiting`, `retry`, `session` or `change`.
        kind: String,
        /// Session id, empty for a session that is asked for.
        session: String,
        /// Target name.
        target: String,
        /// Access level.
        level: String,
        /// Text without its constants, empty for a session.
        text: String,
        /// Rules that hold it.
        rules: Vec<String>,
        /// Who must lift each of them, in the same order: `2 of leads`.
        reviewers: Vec<String>,
        /// HMAC-SHA-256 of what it is bound to, hexadecimal; its key is forgotten.
        binding: String,
        /// Until when it can be decided, microseconds since the Unix epoch.
        expires_us: i64,
    },
    /// An approval has waited for so long that others may decide it as well.
    ApprovalEscalated {
        /// Approval id.
        approval: String,
        /// Rules that they may lift.
        rules: Vec<String>,
        /// Their groups, in the same order.
        groups: Vec<String>,
    },
    /// A reviewer decided (7.2.5, 6.5.1).
    ApprovalDecided {
        /// Approval id.
        approval: String,
        /// `approve` or `deny`.
        decision: String,
        /// HMAC-SHA-256 of what it is bound to, hexadecimal.
        binding: String,
        /// The decision as the reviewer signed it: a compact JWS (RFC 7515) with the key in its header.
        signed: String,
        /// JWK thumbprint of that key (RFC 7638).
        client_key: String,
    },
    /// An approval was used up; the next entry of the same user tells for what.
    ApprovalConsumed {
        /// Approval id.
        approval: String,
        /// Statement or session id.
        by: String,
        /// HMAC-SHA-256 of what it is bound to, hexadecimal.
        binding: String,
    },
    /// An approval ended unused.
    ApprovalEnded {
        /// Approval id.
        approval: String,
        /// `expired` or `withdrawn`.
        how: String,
    },
    /// The glass was broken: a session in an emergency, which nobody approved (7.2.5).
    GlassBroken {
        /// Finding id: what others review.
        finding: String,
        /// Target name.
        target: String,
        /// Access level.
        level: String,
        /// The reason that the principal gave.
        reason: String,
        /// The incident that they named.
        ticket: String,
        /// Until when sessions can be open for it, microseconds since the Unix epoch.
        ends_us: i64,
        /// Rules that allowed it.
        rules: Vec<String>,
        /// JWK thumbprint of the client's key.
        client_key: String,
    },
    /// A finding was reviewed (7.2.5, 10.4.1).
    FindingReviewed {
        /// Finding id.
        finding: String,
        /// `justified` or `misused`.
        conclusion: String,
        /// The review as the reviewer signed it: a compact JWS (RFC 7515) with the key in its header.
        signed: String,
        /// JWK thumbprint of that key (RFC 7638).
        client_key: String,
    },
    /// A control failed (10.7.2).
    ControlFailure {
        /// Which control: `ledger`, `policy`, `catalogue`, …
        control: String,
        /// What happened, without sensitive data.
        detail: String,
    },
    /// Found open after a crash and closed by recovery.
    ClosedUnknown {
        /// `session`, `connection` or `statement`.
        what: String,
        /// Its id.
        id: String,
    },
    /// A target was refused or became usable again.
    Target {
        /// Target name.
        target: String,
        /// `available` or `unavailable`; `observed` or `enforced`.
        state: String,
        /// Why.
        detail: String,
    },
    /// A piece of an envelope too long for one entry; see [`crate::parts`].
    Part {
        /// Which piece, from 1.
        part: u32,
        /// Pieces in all.
        parts: u32,
        /// This piece of the whole envelope's JSON.
        json: String,
    },
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
