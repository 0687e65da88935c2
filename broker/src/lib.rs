//! The broker: sign-in, sessions, the enforcing gateway and the ledger.

pub mod approval;
pub mod clock;
pub mod command;
pub mod config;
pub mod control;
pub mod finding;
pub mod gate;
pub mod gateway;
pub mod identity;
pub mod ledger;
pub mod logging;
pub mod metrics;
pub mod notice;
pub mod outbound;
pub mod scribe;
pub mod server;
pub mod session;
pub mod signers;
pub mod store;
