//! The envelope of a ledger entry: what is stored, hashed and shown to an assessor.
//!
//! PCI DSS 10.2.2 asks six things of each entry: user, type, time, success or failure, origin, and what was
//! affected. They are the first fields, so that no event can be written without them.

use serde::{Deserialize, Serialize};

pub use crate::event::{Event, Parameter, RuleChange};

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
