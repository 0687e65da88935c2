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
    BrokerStart {
        /// Version of the program.
        version: String,
        /// SHA-256 of the configuration's text, hexadecimal.
        config_sha256: String,
        /// SHA-256 of the policy set's text, hexadecimal.
        policy_sha256: String,
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
        /// What changed, or why nothing did.
        detail: String,
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
        /// `waiting`, `retry` or `session`.
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
        /// `refused` or `usable`.
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

/// Why stored bytes are not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not the JSON of an envelope: syntax, an unknown or a missing field, a wrong type, something after the end.
    #[error("not an envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// Another layout version.
    #[error("envelope version {0} is not known")]
    Version(u16),
    /// Nothing named as affected (PCI DSS 10.2.2 asks for it).
    #[error("the envelope names nothing that was affected")]
    Affected,
}

impl Envelope {
    /// Parses stored bytes strictly.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope: Self = serde_json::from_slice(bytes)?;
        envelope.check()?;
        Ok(envelope)
    }

    /// What the types cannot say; the writer asks before it appends what a verifier would refuse.
    ///
    /// # Errors
    /// [`EnvelopeError::Version`] or [`EnvelopeError::Affected`].
    pub fn check(&self) -> Result<(), EnvelopeError> {
        if self.v != ENVELOPE_VERSION {
            return Err(EnvelopeError::Version(self.v));
        }
        if self.affected.is_empty() { Err(EnvelopeError::Affected) } else { Ok(()) }
    }
}

impl User {
    /// The broker itself.
    #[must_use]
    pub fn broker() -> Self {
        Self { id: "broker".into(), kind: "system".into(), person_id: None }
    }
}

impl Origin {
    /// The broker itself.
    #[must_use]
    pub fn broker() -> Self {
        Self { address: "local".into(), via: "broker".into(), bearer: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"v":1,"time_us":1,"mono_us":2,"boot":"b","user":{"id":"u","kind":"user"},
        "origin":{"address":"local","via":"tunnel"},"outcome":"success","affected":["t"],
        "event":{"type":"broker_stop","reason":"signal"}}"#;

    #[test]
    fn envelopes_parse_strictly() {
        Envelope::parse(GOOD.as_bytes()).unwrap();
        let bad = [
            (r#""v":1"#, r#""v":2"#),
            (r#""v":1"#, r#""v":1,"v":1"#),
            (r#""v":1"#, r#""v":1,"w":1"#),
            (r#""kind":"user""#, r#""kind":"user","root":true"#),
            (r#"["t"]"#, "[]"),
            (r#""success""#, r#""ok""#),
            ("broker_stop", "broker_gone"),
            (r#""reason":"signal""#, r#""reason":"signal","more":1"#),
            (r#""reason":"signal""#, r#""reason":"signal","reason":"other""#),
            (r#""signal"}}"#, r#""signal"}}x"#),
            (r#""signal"}}"#, r#""signal"}"#),
        ];
        for (from, to) in bad {
            assert!(GOOD.contains(from), "{from}");
            assert!(Envelope::parse(GOOD.replace(from, to).as_bytes()).is_err(), "{to} was taken");
        }
    }
}
