//! hoopctl and hoop-broker as their users meet them: real binaries, a real PostgreSQL, ordinary clients.
//! One story a file. `support` holds what several of them say.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code: a premise that does not hold is a failed test, and says where"
)]

mod administration;
mod approvals;
mod approvals_bound;
mod bounds;
mod break_glass;
mod canaries;
mod cli_errors;
mod clients;
mod closure;
mod crash;
mod cut_lines;
mod dead_machine;
mod denials;
mod desync;
mod estimates;
mod full_disk;
mod ledger;
mod limits;
mod masking;
mod native;
mod observe;
mod oidc;
mod protocol;
mod sessions;
mod sign_in;
mod signed_policy;
mod support;
mod target_dies;
#[path = "../../../tidy.rs"]
mod tidy;
mod webhooks;
mod wire;
