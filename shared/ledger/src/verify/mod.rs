//! Verification of a whole log, segment by segment, from bytes and public keys alone.
//!
//! The same code runs in `audit verify` and when a broker opens its ledger, so that a broker never goes on writing
//! after something that an assessor would refuse.

mod notes;
mod report;

use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::entry::Envelope;
use crate::frame::Frame;
use crate::parts::Joiner;
use crate::segment::{self, Header, Step};
use crate::torn;
use crate::tree::Range;

use notes::Notes;
pub use report::{Failure, Fault, Report};

/// One segment with its checkpoints, as they lie on disk.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// File name of the segment.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Bytes of its notes file; empty when there is none.
    pub notes: &'a [u8],
    /// True for the last segment, the only one where a crash can have left something unfinished.
    pub last: bool,
}

/// Which checkpoints have their signatures checked. Their roots are compared in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// All: for whoever trusts nobody.
    All,
    /// The last of each notes file: for a broker that starts, since it signs all that came before once more.
    LastOfSegment,
}

/// A verification in progress; feed it the segments in order.
#[derive(Debug)]
pub struct Verifier {
    keys: Vec<VerifierKey>,
    signatures: Signatures,
    range: Range,
    first_sequence: u64,
    batch: Option<(u64, u32)>,
    next_batch: u64,
    joiner: Joiner,
    signed: Signed,
    segments: u64,
    bytes: u64,
    checkpoints: u64,
    checkpoints_os: u64,
    short_batches: u64,
    torn_note: Option<u64>,
    times_us: Option<(i64, i64)>,
    end_offset: u64,
    failure: Option<Failure>,
}

/// The last place up to which a checkpoint's root was right.
#[derive(Debug, Default)]
struct Signed {
    size: u64,
    file: String,
    offset: u64,
    checkpoint: Option<Checkpoint>,
}

/// Where something is wrong: file and byte.
#[derive(Clone, Copy)]
struct Place<'a>(&'a str, usize);

impl Verifier {
    /// For a log from its first entry, signed by one of `keys`.
    #[must_use]
    pub fn new(keys: Vec<VerifierKey>) -> Self {
        Self {
            keys,
            signatures: Signatures::All,
            range: Range::new(),
            first_sequence: 0,
            batch: None,
            next_batch: 0,
            joiner: Joiner::default(),
            signed: Signed::default(),
            segments: 0,
            bytes: 0,
            checkpoints: 0,
            checkpoints_os: 0,
            short_batches: 0,
            torn_note: None,
            times_us: None,
            end_offset: 0,
            failure: None,
        }
    }

    /// For a log whose older segments are not at hand: begins with the segment of this first sequence and takes the
    /// tree before it from its header, which the next checkpoint then proves.
    #[must_use]
    pub fn start_at(mut self, sequence: u64) -> Self {
        self.first_sequence = sequence;
        self
    }

    /// Chooses which signatures are checked.
    #[must_use]
    pub fn signatures(mut self, which: Signatures) -> Self {
        self.signatures = which;
        self
    }

    /// Reads the next segment; hands each whole envelope with its (last) sequence to `observe`. Returns false when
    /// something is wrong: nothing after it is read.
    pub fn segment(&mut self, segment: Segment<'_>, observe: &mut dyn FnMut(u64, &Envelope)) -> bool {
        if self.failure.is_none() {
            self.segments += 1;
            if let Err(failure) = self.read(segment, observe) {
                self.failure = Some(*failure);
            }
        }
        self.failure.is_none()
    }

    /// The result.
    #[must_use]
    pub fn finish(self) -> Report {
        Report {
            first_sequence: self.first_sequence,
            entries: self.range.size().saturating_sub(self.first_sequence),
            tree_size: self.range.size(),
            root: self.range.root(),
            segments: self.segments,
            bytes: self.bytes,
            checkpoints: self.checkpoints,
            checkpoints_os: self.checkpoints_os,
            unsigned_tail: self.range.size() - self.signed.size,
            last_checkpoint: self.signed.checkpoint,
            short_batches: self.short_batches,
            torn_note: self.torn_note,
            times_us: self.times_us,
            end_offset: self.end_offset,
            next_batch: self.next_batch,
            failure: self.failure,
        }
    }

    /// The tree over all entries read so far.
    #[must_use]
    pub fn range(&self) -> &Range {
        &self.range
    }

    fn read(
        &mut self,
        segment: Segment<'_>,
        observe: &mut dyn FnMut(u64, &Envelope),
    ) -> Result<(), Box<Failure>> {
        let mut notes = Notes::parse(segment.notes, &self.keys, self.signatures);
        let mut offset = self.open(segment, &notes)?;
        loop {
            self.compare(segment, offset, &mut notes)?;
            match segment::step(segment.bytes, offset) {
                Step::End => break,
                Step::Frame(frame) => {
                    self.accept(&frame, observe)
                        .map_err(|fault| self.fail(Place(segment.name, offset), fault))?;
                    offset += frame.len();
                    self.bytes += frame.len() as u64;
                    self.end_offset = offset as u64;
                }
                Step::Bad(error) => {
                    let torn = segment.last && self.is_torn(segment, offset, &notes);
                    let mut failure = self.fail(Place(segment.name, offset), error.into());
                    failure.torn = torn;
                    return Err(failure);
                }
            }
        }
        self.close(segment, offset, &notes)
    }

    /// Checks name and header; returns the offset of the first frame.
    fn open(&mut self, segment: Segment<'_>, notes: &Notes) -> Result<usize, Box<Failure>> {
        let start = Place(segment.name, 0);
        let Some(first) = segment::parse_name(segment.name) else {
            return Err(self.fail(start, Fault::Name));
        };
        let begin = self.segments == 1;
        let expected = if begin { self.first_sequence } else { self.range.size() };
        if first != expected {
            let fault = Fault::Segment { expected, found: first };
            return Err(self.fail(start, fault));
        }
        let (header, length) = match Header::decode(segment.bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                let torn = segment.last && self.is_torn(segment, 0, notes);
                let mut failure = self.fail(start, error.into());
                failure.torn = torn;
                return Err(failure);
            }
        };
        if !self.keys.iter().any(|k| k.name().sha256() == header.origin) {
            return Err(self.fail(start, Fault::Origin));
        }
        if begin && header.before.size() == first {
            self.range = header.before.clone();
            self.next_batch = header.first_batch;
            self.signed = Signed { size: first, ..Signed::default() };
        }
        if header.before != self.range || header.first_batch != self.next_batch {
            return Err(self.fail(start, Fault::Before));
        }
        if self.signed.size == first {
            self.signed.file = segment.name.to_owned();
            self.signed.offset = length as u64;
        }
        self.end_offset = length as u64;
        Ok(length)
    }

    fn is_torn(&self, segment: Segment<'_>, offset: usize, notes: &Notes) -> bool {
        let highest = match self.batch {
            Some((batch, remaining)) if remaining > 0 => batch,
            Some(_) | None => self.next_batch,
        };
        let covered = notes.largest().is_some_and(|size| size > self.range.size());
        !covered && torn::is_torn(segment.bytes, offset, highest, self.range.size())
    }

    /// Checks one frame against what came before it, and its payload.
    fn accept(&mut self, frame: &Frame<'_>, observe: &mut dyn FnMut(u64, &Envelope)) -> Result<(), Fault> {
        let expected = self.range.size();
        if frame.sequence != expected {
            return Err(Fault::Sequence { expected, found: frame.sequence });
        }
        if !frame.leaf_holds() {
            return Err(Fault::Leaf);
        }
        let continues = match self.batch {
            Some((batch, remaining)) if frame.batch == batch => {
                remaining.checked_sub(1) == Some(frame.remaining)
            }
            Some((_, remaining)) => {
                if remaining > 0 {
                    self.short_batches += 1;
                    self.joiner.reset();
                }
                frame.batch == self.next_batch
            }
            None => frame.batch == self.next_batch,
        };
        if !continues {
            let expected = self.batch.map_or(self.next_batch, |(batch, _)| batch);
            return Err(Fault::Batch { expected, found: frame.batch });
        }
        let envelope = Envelope::parse(frame.payload)?;
        let time = envelope.time_us;
        if let Some(whole) = self.joiner.push(envelope)? {
            observe(frame.sequence, &whole);
        }
        self.times_us = Some((self.times_us.map_or(time, |(first, _)| first), time));
        self.batch = Some((frame.batch, frame.remaining));
        self.next_batch = frame.batch.saturating_add(1);
        self.range.push(frame.leaf);
        Ok(())
    }

    /// Compares the roots of the checkpoints that sign exactly what was read so far.
    fn compare(
        &mut self,
        segment: Segment<'_>,
        offset: usize,
        notes: &mut Notes,
    ) -> Result<(), Box<Failure>> {
        while let Some(checkpoint) = notes.take(self.range.size()) {
            if checkpoint.root != self.range.root() {
                return Err(Box::new(Failure {
                    sequence: self.signed.size,
                    through: Some(checkpoint.size.saturating_sub(1).max(self.signed.size)),
                    file: self.signed.file.clone(),
                    offset: self.signed.offset,
                    fault: Fault::Root { size: checkpoint.size },
                    torn: false,
                }));
            }
            self.checkpoints += 1;
            self.checkpoints_os +=
                u64::from(checkpoint.extensions.iter().any(|line| line == "durability os"));
            self.signed = Signed {
                size: checkpoint.size,
                file: segment.name.to_owned(),
                offset: offset as u64,
                checkpoint: Some(checkpoint),
            };
        }
        Ok(())
    }

    /// What must hold at the end of a segment.
    fn close(&mut self, segment: Segment<'_>, offset: usize, notes: &Notes) -> Result<(), Box<Failure>> {
        let first = segment::parse_name(segment.name).unwrap_or_default();
        let file = segment::notes_name(first);
        if let Some((at, fault)) = notes.fault() {
            return Err(Box::new(Failure {
                sequence: self.signed.size,
                through: None,
                file,
                offset: at as u64,
                fault,
                torn: false,
            }));
        }
        if let Some(size) = notes.largest().filter(|size| *size > self.range.size()) {
            return Err(self.fail(Place(segment.name, offset), Fault::Missing { size }));
        }
        if let Some(at) = notes.unfinished() {
            if !segment.last {
                let place = Place(&file, at);
                return Err(self.fail(place, Fault::NoteCut));
            }
            self.torn_note = Some(at as u64);
        }
        Ok(())
    }

    fn fail(&self, place: Place<'_>, fault: Fault) -> Box<Failure> {
        Box::new(Failure {
            sequence: self.range.size(),
            through: None,
            file: place.0.to_owned(),
            offset: place.1 as u64,
            fault,
            torn: false,
        })
    }
}
