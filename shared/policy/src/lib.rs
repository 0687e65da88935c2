//! Cedar policy, verdicts and the pure judge: values in, [`Verdict`] out.
//!
//! Default deny, a rule that forbids wins, and an error while a rule is evaluated is a denial. Nothing here reads a
//! clock, a file or a socket, and nothing here sends a statement anywhere.

mod act;
mod approvals;
pub mod cases;
mod column;
mod entities;
mod estimates;
mod facts;
mod judge;
mod load;
mod principal;
mod render;
mod rule;
mod shadow;
mod slice;
mod suggest;
mod verdict;

pub use act::{judge_action, judge_reveal, judge_session};
pub use column::{Classified, Column, touched};
pub use facts::{Action, Estimate, OpeningFacts, SessionFacts, TargetFacts, Via};
pub use hoop_api::{AccessLevel, PrincipalKind};
pub use judge::{judge, judge_all};
pub use load::{LoadFault, PolicySet, SCHEMA};
pub use principal::Principal;
pub use rule::{Effect, Escalation, Reviewers, Rule};
pub use suggest::{Act, Actor, Named, acts, suggest};
pub use verdict::{Allowed, Bounds, DEFAULT_RULE, Denial, Obligations, Requirement, Verdict};
