//! PostgreSQL frontend/backend protocol 3.0 to 3.2, both directions: bytes in, types out, and back.
//!
//! Nothing here owns a socket, a clock or a buffer. The gateway reads into a buffer, asks [`next_frame`] what lies
//! at its start, decodes the body where it lies (nothing is copied), and forwards the same bytes. Only three things
//! are allocated: a start-up packet's parameters, a cancel key, and what the encoders write.
//!
//! INVARIANT: a decoder accepts a body only when all of it is understood: every length inside the body, every
//! string closed, nothing left over. What it does not accept must not be forwarded.
//!
//! INVARIANT: no error and no `Debug` of this crate shows bytes that came from the wire, since a statement, a
//! parameter, a row or (once framing is lost) even a length can be part of a card number. The one exception is
//! words of the server's own: setting names, SASL mechanisms, protocol options, command tags.
//!
//! Sources: PostgreSQL 18, chapter 54 "Frontend/Backend Protocol" (message formats: 54.7), and where the chapter is
//! silent the server itself (`pqformat.c`, `postgres.c`, `backend_startup.c`).

pub mod backend;
mod error;
mod format;
mod frame;
pub mod frontend;
mod hidden;
mod key;
mod read;
mod sqlstate;
pub mod startup;
pub mod stream;
mod tag;
mod write;

pub use error::{Fault, WireError};
pub use format::{Format, Formats, NamedObject};
pub use frame::{Frame, HEADER_LEN, Limits, MAX_FRAME_LEN, next_frame};
pub use key::{CancelKey, MAX_KEY_LEN, MIN_KEY_LEN};
pub use sqlstate::SqlState;
pub use tag::{BackendTag, FrontendTag, Tag};

/// Longest name of a prepared statement or portal, in bytes (the server's `NAMEDATALEN` less one).
///
/// The server compares such names by their first 63 bytes only, so two longer names can mean one statement there
/// and two here: a statement could be judged under one name and run under the other.
pub const MAX_NAME_LEN: usize = 63;
