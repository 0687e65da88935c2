//! Card numbers are found and masked, types and lengths stay, and everyday values pass.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails fails its test")]

mod benign;
mod brands;
mod classified;
mod copy;
mod fields;
mod properties;
mod rows;
mod text;
