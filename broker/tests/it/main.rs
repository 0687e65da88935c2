//! The broker through its public surface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed step is a failed test")]

mod identity_api;
mod identity_client;
mod identity_device;
mod identity_dpop;
mod identity_native;
mod identity_oidc;
mod identity_refresh;
mod identity_sign_in;
mod identity_support;
