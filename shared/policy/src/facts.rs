//! What the judge is told besides the statement.

use std::collections::BTreeSet;
use std::sync::Arc;

use hoop_api::AccessLevel;

use crate::column::Classified;

/// The way into the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// hoopctl's tunnel.
    Tunnel,
    /// The native PostgreSQL listener.
    Native,
}

impl Via {
    /// The word in policy and ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tunnel => "tunnel",
            Self::Native => "native",
        }
    }
}

/// What the target's own planner expects of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Estimate {
    /// Rows that it returns or changes.
    pub rows: u64,
    /// Its cost, in the planner's unit: about 1 a page read in order.
    pub cost: u64,
}

impl Estimate {
    /// What counts where there is none: as if it were without end.
    pub const INFINITE: Self = Self { rows: u64::MAX, cost: u64::MAX };
    /// Of what neither returns nor changes rows.
    pub const NOTHING: Self = Self { rows: 0, cost: 0 };
}

/// The session that a statement runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its access level.
    pub level: AccessLevel,
    /// The way in.
    pub via: Via,
    /// True when it hangs on a bearer secret.
    pub bearer: bool,
    /// True when it was opened by breaking the glass.
    pub break_glass: bool,
    /// Statements in the same message.
    pub statement_count: usize,
    /// What the target's planner expects; [`Estimate::INFINITE`] where nobody asked it.
    pub estimate: Estimate,
    /// Ids of rules that an approval has satisfied for this statement; empty without one.
    pub approvals: BTreeSet<String>,
}

/// How a session or token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningFacts {
    /// The access level asked for.
    pub level: AccessLevel,
    /// The way in.
    pub via: Via,
    /// True when it will hang on a bearer secret.
    pub bearer: bool,
    /// True when it is asked for by breaking the glass.
    pub break_glass: bool,
    /// True when an entry is on the disk before what it records happens; false under `durability = "os"`.
    pub durable: bool,
    /// Ids of rules that an approval has satisfied; empty without one.
    pub approvals: BTreeSet<String>,
}

/// The target of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFacts {
    /// Its name.
    pub name: String,
    /// Environment word of the config.
    pub environment: Option<String>,
    /// Its relations with classified columns.
    pub classified: Arc<[Classified]>,
}

/// What a principal does, as the schema names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// A statement that changes only its session.
    Control,
    /// Reads rows.
    Read,
    /// Changes rows.
    Write,
    /// Changes definitions.
    Ddl,
    /// Changes privileges or the server.
    Administer,
    /// Calls a function.
    Call,
    /// Opens a session.
    Session,
    /// Opens a session that shows classified columns.
    Reveal,
    /// Opens a session in an emergency.
    BreakGlass,
    /// Reviews a finding.
    Review,
    /// Asks for a bearer token good for one connection.
    Token,
    /// Asks for a bearer token good for a whole session.
    TokenSession,
    /// Ends somebody else's session.
    EndSession,
    /// Sees other people's sessions and the ledger.
    Audit,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 14] = [
        Self::Control,
        Self::Read,
        Self::Write,
        Self::Ddl,
        Self::Administer,
        Self::Call,
        Self::Session,
        Self::Reveal,
        Self::BreakGlass,
        Self::Review,
        Self::Token,
        Self::TokenSession,
        Self::EndSession,
        Self::Audit,
    ];

    /// True for those in the group `statement`.
    #[must_use]
    pub const fn is_of_statement(self) -> bool {
        match self {
            Self::Control | Self::Read | Self::Write | Self::Ddl | Self::Administer | Self::Call => true,
            Self::Session
            | Self::Reveal
            | Self::BreakGlass
            | Self::Review
            | Self::Token
            | Self::TokenSession
            | Self::EndSession
            | Self::Audit => false,
        }
    }

    /// The word in policy and ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Read => "read",
            Self::Write => "write",
            Self::Ddl => "ddl",
            Self::Administer => "administer",
            Self::Call => "call",
            Self::Session => "session",
            Self::Reveal => "reveal",
            Self::BreakGlass => "break_glass",
            Self::Review => "review",
            Self::Token => "token",
            Self::TokenSession => "token_session",
            Self::EndSession => "end_session",
            Self::Audit => "audit",
        }
    }
}
