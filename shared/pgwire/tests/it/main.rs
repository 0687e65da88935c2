//! The wire codec through its public surface.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod differential;
mod exact_backend;
mod exact_frontend;
mod framing;
mod malformed;
mod naive;
mod quiet;
mod rendered;
mod round_trip;
mod sample;
mod startup;
mod stream;
