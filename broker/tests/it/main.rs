//! The broker through its public surface.

mod identity_api;
mod identity_device;
mod identity_dpop;
mod identity_native;
mod identity_oidc;
mod identity_refresh;
mod identity_sign_in;
mod identity_support;
