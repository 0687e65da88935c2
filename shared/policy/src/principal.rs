//! Who acts.

use hoop_api::PrincipalKind;

/// An authenticated person, workload or agent, with groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Unique id: `alice` (local) or `issuer-scoped subject`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// `user`, `workload` or `agent`.
    pub kind: PrincipalKind,
    /// Immutable identity of the person; without one it cannot approve.
    pub person_id: Option<String>,
    /// Groups as the identity provider told.
    pub groups: Vec<String>,
}
