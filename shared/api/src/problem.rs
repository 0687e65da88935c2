//! The only error that crosses the wire: an RFC 9457 problem with a stable `code`.

use serde::{Deserialize, Serialize};

use crate::ApprovalId;

/// RFC 9457 problem details. `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    /// HTTP status code.
    pub status: u16,
    /// Stable machine-readable code.
    pub code: Code,
    /// Short human summary of the code.
    pub title: Box<str>,
    /// What happened this time; safe for the client.
    pub detail: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Policy rules that decided, where policy did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The approval that it waits for, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<ApprovalId>>,
    /// Id of the request in the broker's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:literal, $title:literal;)*) => {
        /// Stable codes of [`Problem`]; each has one HTTP status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Code {
            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $word,)* } }
            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }
            /// The short human summary.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
        }
    };
}

codes! {
    /// The request itself is wrong.
    BadRequest = "bad_request", 400, "the request is not valid";
    /// No token, or one that is not valid any more.
    NotSignedIn = "not_signed_in", 401, "not signed in";
    /// The DPoP proof needs the nonce that came with this answer (RFC 9449, 8).
    UseDpopNonce = "use_dpop_nonce", 401, "the broker asks for a fresh nonce";
    /// Policy says no.
    Denied = "denied_by_policy", 403, "denied by policy";
    /// Policy asks for an approval first.
    ApprovalPending = "approval_pending", 403, "an approval is needed first";
    /// Reviewers said no, or the approval has ended otherwise.
    Rejected = "rejected", 403, "not approved";
    /// It is not any more as the request takes it to be.
    Conflict = "conflict", 409, "it has changed meanwhile";
    /// No such thing, or not for this principal to see.
    NotFound = "not_found", 404, "not found";
    /// The session ended, expired or was revoked.
    SessionEnded = "session_ended", 410, "the session has ended";
    /// A limit is reached.
    LimitReached = "limit_reached", 429, "a limit is reached";
    /// Client and broker share no API version.
    VersionUnsupported = "version_unsupported", 426, "versions do not match";
    /// The act could not be recorded, so it was not done.
    NotRecorded = "not_recorded", 503, "not recorded, so not done";
    /// The target cannot be used now.
    TargetUnavailable = "target_unavailable", 503, "the target is not available";
    /// The broker is draining.
    ShuttingDown = "shutting_down", 503, "the broker is stopping";
    /// A fault of the broker; the log has the full account under the request id.
    Internal = "internal", 500, "the broker failed";
}

impl Problem {
    /// A problem of `code` with what happened this time.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            status: code.status(),
            code,
            title: code.title().into(),
            detail: detail.into(),
            hint: None,
            rules: Vec::new(),
            approval: None,
            request: None,
        }
    }

    /// Adds what the reader can do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the approval that it waits for.
    #[must_use]
    pub fn with_approval(mut self, id: ApprovalId) -> Self {
        self.approval = Some(Box::new(id));
        self
    }

    /// Adds the rules that decided.
    #[must_use]
    pub fn with_rules(mut self, rules: Vec<String>) -> Self {
        self.rules = rules;
        self
    }
}
