//! The broker as its user meets it: the real binary and the public surface.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod command_check;
mod command_init;
mod command_user;
mod config_parse;
