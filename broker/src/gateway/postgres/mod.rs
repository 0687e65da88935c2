//! PostgreSQL: start-up, the relay between client and target, and all that is decided on the way.

pub mod answer;
pub mod cancel;
pub mod catalog;
pub mod columns;
pub mod conversation;
pub mod copy;
pub mod expected;
pub mod inbound;
pub mod judge;
pub mod names;
pub mod parser;
pub mod pins;
pub mod pipe;
pub mod refusal;
pub mod relay;
pub mod runs;
pub mod serve;
pub mod startup;
pub mod stream;
pub mod streaming;
pub mod tls;
pub mod upstream;
