//! A small PostgreSQL client for `exec`: texts in, texts out, whatever the type. It holds no policy.
//!
//! tokio-postgres asks for binary results, which only a client that knows every type of the target can print;
//! this one asks for text, as psql does.

mod client;
mod fault;
mod split;

pub use client::{Cancel, Client};
pub use fault::Ended;
pub use split::{first_words, statements};
