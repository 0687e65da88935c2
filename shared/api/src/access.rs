//! Access levels and kinds of principal: the vocabulary of DESIGN, parsed at the edge.

use serde::{Deserialize, Serialize};

/// What a session may become on the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessLevel {
    /// Answers masked, writes as policy says.
    #[default]
    Masked,
    /// The same masking, writes approved with the session.
    Write,
    /// Named columns shown.
    Reveal,
}

impl AccessLevel {
    /// The word used in policy, CLI and ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Write => "write",
            Self::Reveal => "reveal",
        }
    }
}

impl std::fmt::Display for AccessLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for AccessLevel {
    type Err = UnknownWord;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "masked" => Ok(Self::Masked),
            "write" => Ok(Self::Write),
            "reveal" => Ok(Self::Reveal),
            _ => Err(UnknownWord { word: s.to_owned(), expected: "masked, write or reveal" }),
        }
    }
}

/// Who a principal is: a person, a pipeline, or an AI agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A pipeline or service.
    Workload,
    /// An AI agent acting for a person.
    Agent,
}

impl PrincipalKind {
    /// The word used in policy, CLI and ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Workload => "workload",
            Self::Agent => "agent",
        }
    }
}

/// A word that is not one of the expected ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word `{word}`, expected {expected}")]
pub struct UnknownWord {
    word: String,
    expected: &'static str,
}
