//! The real hoopctl, as its user runs it: temporary HOME, whole output, exit code.

// clippy knows test functions, not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod completions;
mod connect;
mod exec;
mod fake;
mod login;
mod offline;
mod run;
