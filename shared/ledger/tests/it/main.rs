//! The ledger's format through its public surface.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod checkpoint;
mod fixture;
mod joining;
mod layout;
mod naming;
mod recovery;
mod tree;
