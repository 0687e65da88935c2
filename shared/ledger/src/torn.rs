//! Torn tails: what a crash in the middle of a write can leave behind, and what it cannot.
//!
//! A batch is one write, and the next begins only when the one before is on disk. So a crash can damage only the
//! highest batch. A bad frame is torn when everything from it to the end can be of that batch; anything else is
//! damage, which must stop a start rather than be cut away.

use crate::frame::{self, HEADER, KIND_ENTRY, VERSION};
use crate::segment::MAX_BATCH;

/// True when the bytes from `offset` on can be the rest of batch `highest`, of which no frame before `sequence` is
/// missing and the one of `sequence` is bad: not longer than a batch, and every readable frame in it of that batch and
/// of a later sequence.
#[must_use]
pub fn is_torn(bytes: &[u8], offset: usize, highest: u64, sequence: u64) -> bool {
    let rest = bytes.get(offset..).unwrap_or_default();
    // Zeros at the end are reserved space, not part of the batch.
    let written = rest.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    written <= MAX_BATCH
        && (0..written).all(|at| !readable(&rest[at..], |f| f.batch != highest || f.sequence <= sequence))
}

fn readable(bytes: &[u8], of_interest: impl Fn(&frame::Frame<'_>) -> bool) -> bool {
    // The cheap test first: a CRC over each of millions of offsets would take minutes.
    let plausible = bytes.len() > HEADER && bytes[..4] == [VERSION, KIND_ENTRY, 0, 0];
    plausible && frame::decode(bytes).is_ok_and(|f| of_interest(&f))
}
