//! Fuzz bodies as plain functions: each takes any bytes and panics when a promise is broken.
//!
//! `cargo test -p hoop-fuzz` replays `corpus/<body>/`. A campaign, on the stable toolchain from the workspace's root;
//! what it learns goes to the first folder, which must exist:
//!
//! ```text
//! cargo fuzz run --fuzz-dir tests/fuzz --features libfuzzer --sanitizer none wire_backend \
//!     target/fuzz/wire_backend tests/fuzz/corpus/wire_backend
//! ```
//!
//! An input that fails goes into the corpus under a name that says what it showed, with its fix.

mod ledger;
mod mask;
mod statement;
mod wire;

pub use ledger::{checkpoint, ledger_frames, ledger_segment};
pub use mask::{mask_row, mask_stream, mask_text};
pub use statement::{copy_shape, statement};
pub use wire::{wire_backend, wire_frontend, wire_row, wire_startup};

/// A fuzz body under the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All bodies, for the replay.
pub const TARGETS: &[Target] = &[
    ("checkpoint", checkpoint),
    ("copy_shape", copy_shape),
    ("ledger_frames", ledger_frames),
    ("ledger_segment", ledger_segment),
    ("mask_row", mask_row),
    ("mask_stream", mask_stream),
    ("mask_text", mask_text),
    ("statement", statement),
    ("wire_backend", wire_backend),
    ("wire_frontend", wire_frontend),
    ("wire_row", wire_row),
    ("wire_startup", wire_startup),
];
