//! The ledger's format through its public surface.

mod checkpoint;
mod fixture;
mod joining;
mod naming;
mod recovery;
mod tree;
