//! Why something is not held, or an approval not used.

use hoop_api::approval::ApprovalState;

/// Too many approvals are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// On the broker.
    #[error("the broker has {0} approvals open, its limit")]
    Broker(usize),
    /// Of this principal.
    #[error("you have {0} approvals open, the limit")]
    Principal(usize),
}

/// Why an approval cannot be used, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is not approved, but this.
    #[error("the approval is {}", .0.as_str())]
    State(ApprovalState),
    /// It was given for something else: other text, parameters, session or policy.
    #[error("the approval is for something else than what is to be done now")]
    Changed,
    /// What it can reach is not what it was.
    #[error("a table, view, function or trigger that it can reach has changed since it was asked for")]
    Definitions,
    /// The policy now asks for the approval of further rules.
    #[error("other rules hold it now than those that were approved")]
    Rules,
    /// There is none of this id.
    #[error("there is no such approval any more")]
    Gone,
}
