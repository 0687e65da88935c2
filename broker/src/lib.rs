//! The broker: sign-in, sessions, the enforcing gateway and the ledger.

pub mod clock;
pub mod command;
pub mod config;
pub mod ledger;
pub mod logging;
pub mod metrics;
pub mod server;
pub mod session;
