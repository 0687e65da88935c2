//! What the end-to-end tests stand on: a real PostgreSQL, the real `hoop-broker` and `hoopctl`, and people who use
//! them: each with an empty HOME of their own, a terminal and a browser.
//!
//! Everything here is bounded in time and leaves nothing behind, also when the test process is killed (see
//! [`reaper`]). Nothing here imports a crate of the product: what is tested is what a user can reach.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code: a premise that does not hold is a failed test, and says where"
)]

pub mod broker;
pub mod browser;
pub mod cluster;
pub mod html;
pub mod login;
pub mod person;
pub mod program;
pub mod provider;
pub mod proxy;
pub mod reaper;
pub mod settings;
pub mod small_disk;
pub mod tunnel;

pub use broker::{Broker, TARGET};
pub use cluster::{Cluster, GATEWAY_ROLE};
pub use login::Login;
pub use person::Person;
pub use program::{Done, PATIENCE};
pub use provider::Provider;
pub use proxy::Proxy;
pub use small_disk::SmallDisk;
pub use tunnel::Tunnel;
