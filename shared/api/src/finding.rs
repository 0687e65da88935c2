//! Findings on the wire: what must be reviewed, such as a broken glass, and the signed review of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{AccessLevel, FindingId, Untrusted, hex};

/// `typ` of a review: a compact JWS (RFC 7515) by the reviewer's own key, with the public key in the header's `jwk`.
pub const REVIEW_TYPE: &str = "hoop-review+jwt";

/// How many different people must have reviewed a finding before it is closed.
pub const REVIEWERS: u32 = 2;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A session was opened in an emergency, without anybody's approval.
    BreakGlass,
}

impl FindingKind {
    /// The word for people, the wire and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BreakGlass => "break_glass",
        }
    }
}

/// What a reviewer makes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// It was right to do so.
    Justified,
    /// It was not, and is followed up elsewhere.
    Misused,
}

impl Conclusion {
    /// The word for people, the wire and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Justified => "justified",
            Self::Misused => "misused",
        }
    }
}

/// Asks for a session in an emergency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// Target name.
    pub target: String,
    /// Access level, `masked` by default.
    #[serde(default)]
    pub level: AccessLevel,
    /// Why; required.
    pub reason: Untrusted,
    /// The incident that it belongs to; required.
    pub ticket: Untrusted,
    /// How long at most, seconds; an hour at most, and by default.
    #[serde(default)]
    pub ttl_s: Option<u64>,
    /// How long a held statement waits in its connection for an approval, seconds; 0, the default: not at all.
    #[serde(default)]
    pub hold_s: u64,
}

/// A one-time-code secret that waits for [`Enrol`].
#[derive(Clone, Serialize, Deserialize)]
pub struct Enrolling {
    /// `otpauth://` URL for the authenticator.
    pub totp_url: String,
    /// For how long it waits, seconds.
    pub expires_in: u64,
}

impl std::fmt::Debug for Enrolling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolling").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Ends an enrolment: whoever signs in with these opens emergency sessions, and nothing else.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Account name to sign in with when the identity provider is down.
    pub name: String,
    /// Its password.
    pub password: String,
    /// A one-time code of now, as proof that the authenticator has the secret.
    pub otp: String,
}

impl std::fmt::Debug for Enrol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrol").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a reviewer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// Principal id of the reviewer.
    pub by: Untrusted,
    /// What they make of it.
    pub conclusion: Conclusion,
    /// Why.
    pub note: Untrusted,
    /// When, Unix seconds.
    pub at: i64,
}

/// One finding, as its subject and its reviewers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its id.
    pub id: FindingId,
    /// What it is about.
    pub kind: FindingKind,
    /// Principal id of whoever did it.
    pub principal: Untrusted,
    /// Target name.
    pub target: String,
    /// Access level.
    pub level: AccessLevel,
    /// The reason that they gave.
    pub reason: Untrusted,
    /// The incident that they named.
    pub ticket: Untrusted,
    /// They signed in with the codes of their enrolment, not at the identity provider.
    pub enrolled: bool,
    /// When, Unix seconds.
    pub opened_at: i64,
    /// Until when sessions can be open for it, Unix seconds.
    pub ends_at: i64,
    /// What reviewers have said so far.
    pub reviews: Vec<Reviewed>,
    /// Enough people have reviewed it.
    pub closed: bool,
    /// True when the caller may review it now.
    pub may_review: bool,
}

impl Finding {
    /// SHA-256, hexadecimal, over what a reviewer is shown; part of the signed review.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut sha = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // The length first, so that text cannot move from one part to the next unseen.
            sha.update((bytes.len() as u64).to_be_bytes());
            sha.update(bytes);
        };
        part(self.id.to_string().as_bytes());
        for text in [self.kind.as_str(), &self.target, self.level.as_str()] {
            part(text.as_bytes());
        }
        for text in [&self.principal, &self.reason, &self.ticket] {
            part(text.raw().as_bytes());
        }
        part(&[u8::from(self.enrolled)]);
        part(&self.opened_at.to_be_bytes());
        part(&self.ends_at.to_be_bytes());
        hex(&sha.finalize())
    }
}

/// Findings that the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingList {
    /// Newest last.
    pub findings: Vec<Finding>,
}

/// Claims of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// What is reviewed.
    pub finding: FindingId,
    /// What the reviewer makes of it.
    pub conclusion: Conclusion,
    /// Why; required.
    pub note: Untrusted,
    /// [`Finding::shown`] of what was shown.
    pub shown: String,
    /// When, Unix seconds by the reviewer's clock.
    pub iat: i64,
}

/// A review on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReview {
    /// Compact JWS of type [`REVIEW_TYPE`] over a [`Review`].
    pub review: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_told_apart_by_each_of_its_parts() {
        let finding = Finding {
            id: FindingId::from_parts(1, 2),
            kind: FindingKind::BreakGlass,
            principal: "olga".into(),
            target: "payments-db".to_owned(),
            level: AccessLevel::Masked,
            reason: "the queue is stuck".into(),
            ticket: "INC-42".into(),
            enrolled: false,
            opened_at: 1,
            ends_at: 2,
            reviews: Vec::new(),
            closed: false,
            may_review: false,
        };
        let changes: [fn(&mut Finding); 9] = [
            |f| f.id = FindingId::from_parts(1, 3),
            |f| f.principal = "oleg".into(),
            |f| f.target.push('x'),
            |f| f.level = AccessLevel::Write,
            |f| f.reason = "the queue is stuck.".into(),
            |f| f.ticket = "INC-43".into(),
            |f| f.enrolled = true,
            |f| f.opened_at = 2,
            |f| f.ends_at = 3,
        ];
        for change in changes {
            let mut other = finding.clone();
            change(&mut other);
            assert_ne!(other.shown(), finding.shown());
        }
        let mut same = finding.clone();
        same.closed = true;
        assert_eq!(same.shown(), finding.shown(), "a second reviewer sees the same");
    }
}
