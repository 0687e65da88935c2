//! Ledger entries, the Merkle tree over them, signed checkpoints and their verification.
//!
//! Pure: bytes and values in, verdicts out; no files, no clock, no randomness. The format is described in
//! `docs/ledger-format.md`; a second verifier can be written from that document alone.

pub mod checkpoint;
pub mod draft;
pub mod entry;
mod event;
pub mod frame;
pub mod open_items;
pub mod parts;
pub mod segment;
pub mod torn;
pub mod tree;
pub mod verify;
