//! The narrow door to policy: may this principal open that session, take that action?

use std::collections::BTreeSet;
use std::pin::Pin;

use hoop_api::routes::{ExplainStatement, Explained, Suggested};
use hoop_api::{AccessLevel, Untrusted};
use hoop_policy::{Principal, Requirement};

/// What policy says; always names its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionVerdict {
    /// Yes.
    Allow {
        /// Rules that decided.
        rules: Vec<String>,
    },
    /// Not without an approval.
    Hold(Requirement),
    /// No.
    Deny {
        /// Rules that decided; none when nothing allowed it.
        rules: Vec<String>,
        /// Safe for the client.
        reason: String,
    },
}

/// Acts other than opening a session that policy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// See the sessions of others.
    ListSessions,
    /// Review a finding.
    Review {
        /// Its target.
        target: &'a str,
    },
    /// End somebody else's session.
    EndSession {
        /// Principal id of its owner.
        owner: &'a str,
        /// Its target.
        target: &'a str,
    },
    /// Mint a bearer token for the native listener.
    MintToken {
        /// The target.
        target: &'a str,
        /// True: for a whole session; false: single use.
        session_bound: bool,
    },
}

/// Decides by policy. Pure and quick: it is called on the request's task.
pub trait Authorizer: Send + Sync {
    /// May `principal` open a session on `target` at `level`? `bearer`: by the native listener, with a bearer secret;
    /// `approvals`: rules whose holds are lifted.
    fn session(
        &self,
        principal: &Principal,
        target: &str,
        level: AccessLevel,
        bearer: bool,
        approvals: &BTreeSet<String>,
    ) -> SessionVerdict;
    /// May `principal` open a session on `target` at `level` in an emergency?
    fn break_glass(&self, principal: &Principal, target: &str, level: AccessLevel) -> SessionVerdict;
    /// What policy would make of a statement; `None` when there is no such target, or no policy for statements.
    fn explain<'a>(
        &'a self,
        _principal: &'a Principal,
        _asked: &'a ExplainStatement,
    ) -> Pin<Box<dyn Future<Output = Option<Explained>> + Send + 'a>> {
        Box::pin(std::future::ready(None))
    }
    /// Rules that would permit what was seen on `target`, where policy is only observed.
    fn suggest(&self, _target: &str) -> Suggested {
        Suggested { policy: Untrusted::default(), acts: 0, left_out: 0 }
    }
    /// SHA-256 of the policy in force: an approval given under another one is void.
    fn policy_hash(&self) -> String;
    /// May `principal` do `action`?
    fn action(&self, principal: &Principal, action: Action<'_>) -> SessionVerdict;
}

/// What stands in where there is no policy: nobody may do anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct DenyAll;

impl DenyAll {
    fn deny() -> SessionVerdict {
        SessionVerdict::Deny { rules: Vec::new(), reason: "no policy is loaded".to_owned() }
    }
}

impl Authorizer for DenyAll {
    fn session(
        &self,
        _: &Principal,
        _: &str,
        _: AccessLevel,
        _: bool,
        _: &BTreeSet<String>,
    ) -> SessionVerdict {
        Self::deny()
    }

    fn break_glass(&self, _: &Principal, _: &str, _: AccessLevel) -> SessionVerdict {
        Self::deny()
    }

    fn policy_hash(&self) -> String {
        String::new()
    }

    fn action(&self, _: &Principal, _: Action<'_>) -> SessionVerdict {
        Self::deny()
    }
}
