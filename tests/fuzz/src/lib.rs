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
//! `./dev fuzz` runs all of them. An input that fails goes into the corpus under a name that says what it showed, with its fix.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a fuzz body reports by panicking")]

mod api;
mod config;
mod conversation;
pub mod exchange;
mod identity;
mod ledger;
mod mask;
mod plain;
mod policy;
mod recovery;
mod script;
mod signers;
mod statement;
mod wire;

pub use api::api;
pub use config::config;
pub use conversation::{Stage, conversation};
pub use identity::identity;
pub use ledger::{checkpoint, ledger_frames, ledger_segment};
pub use mask::{mask_row, mask_stream, mask_text};
pub use policy::{policy, principal, target};
pub use recovery::ledger_recovery;
pub use script::script;
pub use signers::signers;
pub use statement::{copy_shape, statement};
pub use wire::{wire_backend, wire_frontend, wire_row, wire_startup};

/// A fuzz body under the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All bodies, for the replay.
pub const TARGETS: &[Target] = &[
    ("api", api),
    ("checkpoint", checkpoint),
    ("config", config),
    ("conversation", conversation),
    ("copy_shape", copy_shape),
    ("identity", identity),
    ("ledger_frames", ledger_frames),
    ("ledger_recovery", ledger_recovery),
    ("ledger_segment", ledger_segment),
    ("mask_row", mask_row),
    ("mask_stream", mask_stream),
    ("mask_text", mask_text),
    ("policy", policy),
    ("script", script),
    ("signers", signers),
    ("statement", statement),
    ("wire_backend", wire_backend),
    ("wire_frontend", wire_frontend),
    ("wire_row", wire_row),
    ("wire_startup", wire_startup),
];

/// Runs a body on a thread with the stack that the parser needs, as the broker's lanes have it.
pub(crate) fn on_big_stack(body: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let stack = std::thread::Builder::new().stack_size(hoop_statement::STACK_BYTES);
        if let Err(panic) = stack.spawn_scoped(scope, body).unwrap().join() {
            std::panic::resume_unwind(panic);
        }
    });
}
