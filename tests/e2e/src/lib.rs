//! Nothing but tests lives in this crate: see `tests/it`, one story a file, all through the real programs.
