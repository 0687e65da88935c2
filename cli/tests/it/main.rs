//! The real hoopctl, as its user runs it: temporary HOME, whole output, exit code.

// clippy knows test functions, not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod completions;
mod connect;
mod exec;
mod fake;
#[allow(dead_code, reason = "the ledger's own tests use the rest")]
#[path = "../../../shared/ledger/tests/it/fixture.rs"]
mod fixture;
mod login;
mod offline;
mod policy;
mod run;
