//! The broker: sign-in, sessions, the enforcing gateway and the ledger.

#![allow(missing_docs, reason = "written out with each module")]
pub mod clock;
pub mod config;
pub mod control;
pub mod identity;
pub mod ledger;
pub mod session;
pub mod store;
