//! Many connections at once (`./dev load`) and for a long time (`./dev soak`), against a real broker and a real
//! PostgreSQL: what the broker uses of the system, that all answers are right, and that nothing grows.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code: a premise that does not hold is a failed run, and says where"
)]

pub mod churn;
pub mod client;
pub mod flat;
pub mod load;
pub mod soak;
pub mod stage;
pub mod usage;
