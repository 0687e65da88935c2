//! The broker as its user meets it: the real binary and the public surface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed step is a failed test")]

mod approvals_api;
mod break_glass_api;
mod broker;
mod command_check;
mod command_init;
mod command_user;
mod config_parse;
mod identity_api;
mod identity_client;
mod identity_device;
mod identity_dpop;
mod identity_native;
mod identity_refresh;
mod identity_sign_in;
mod identity_support;
mod policy_signers;
mod routes;
