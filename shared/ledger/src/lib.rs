//! Ledger entries, the Merkle tree over them, signed checkpoints and their verification. Pure: no files, no clock.

#![allow(missing_docs, reason = "written out with the module")]
pub mod entry;
