//! The checkpoints of one segment, read and put in order.

use std::collections::VecDeque;

use crate::checkpoint::{Checkpoint, NoteError, VerifierKey, split_notes};

use super::{Fault, Signatures};

/// Checkpoints that are to be compared, and the first thing wrong with any of them.
#[derive(Debug)]
pub(super) struct Notes {
    queue: VecDeque<(usize, Checkpoint)>,
    largest: Option<u64>,
    bad: Option<(usize, Bad)>,
    unfinished: Option<usize>,
}

#[derive(Debug, Clone)]
enum Bad {
    Note(NoteError),
    Order(u64),
}

impl Notes {
    pub(super) fn parse(file: &[u8], keys: &[VerifierKey], signatures: Signatures) -> Self {
        let (notes, end) = split_notes(file);
        let mut parsed = Self {
            queue: VecDeque::with_capacity(notes.len()),
            largest: None,
            bad: None,
            unfinished: (end < file.len()).then_some(end),
        };
        let count = notes.len();
        for (index, (offset, note)) in notes.into_iter().enumerate() {
            let check = match signatures {
                Signatures::All => true,
                Signatures::LastOfSegment => index + 1 == count,
            };
            match read(note, keys, check) {
                Ok(checkpoint) if parsed.largest.is_some_and(|before| checkpoint.size <= before) => {
                    parsed.note_bad(offset, Bad::Order(checkpoint.size));
                }
                Ok(checkpoint) => {
                    parsed.largest = Some(checkpoint.size);
                    parsed.queue.push_back((offset, checkpoint));
                }
                Err(error) => parsed.note_bad(offset, Bad::Note(error)),
            }
        }
        parsed
    }

    fn note_bad(&mut self, offset: usize, bad: Bad) {
        self.bad.get_or_insert((offset, bad));
    }

    /// The next checkpoint, when it signs exactly `size` entries. One that signs fewer is out of order.
    pub(super) fn take(&mut self, size: u64) -> Option<Checkpoint> {
        while let Some((offset, checkpoint)) = self.queue.pop_front() {
            if checkpoint.size == size {
                return Some(checkpoint);
            }
            if checkpoint.size > size {
                self.queue.push_front((offset, checkpoint));
                return None;
            }
            self.note_bad(offset, Bad::Order(checkpoint.size));
        }
        None
    }

    /// Largest tree size that is signed.
    pub(super) fn largest(&self) -> Option<u64> {
        self.largest
    }

    /// The first bad checkpoint: its offset and what is wrong.
    pub(super) fn fault(&self) -> Option<(usize, Fault)> {
        let (offset, bad) = self.bad.clone()?;
        let fault = match bad {
            Bad::Note(error) => Fault::Note(error),
            Bad::Order(size) => Fault::NoteOrder { size },
        };
        Some((offset, fault))
    }

    /// Where an unfinished note begins.
    pub(super) fn unfinished(&self) -> Option<usize> {
        self.unfinished
    }
}

fn read(note: &[u8], keys: &[VerifierKey], check: bool) -> Result<Checkpoint, NoteError> {
    let text = str::from_utf8(note).map_err(|_| NoteError::Malformed("it is not UTF-8"))?;
    if check { Checkpoint::open(text, keys) } else { Checkpoint::parse_unverified(text) }
}
