//! Writing segments and notes: one write a batch and, unless the configuration says `os`, one `fdatasync`; never a retry.

use std::io;
use std::sync::Arc;

use hoop_ledger::checkpoint::{Checkpoint, Origin};
use hoop_ledger::frame::{self, FrameError};
use hoop_ledger::segment::{self, Header, SEGMENT_BYTES};
use hoop_ledger::tree::Range;

use super::disk::{Disk, Handle};
use crate::config::Durability;

/// Zeros written ahead of the frames, so that a batch overwrites blocks that exist: its `fdatasync` then has no
/// metadata to write (a third faster on ext4), and a full disk shows here, before any entry is at risk.
const AHEAD: usize = 1 << 20;
/// Room ahead below which it is made larger, where callers write.
const LOW: usize = AHEAD / 4;
/// A batch that grew beyond this gives its memory back.
const KEEP_BATCH: usize = 1 << 20;
/// Of those, what only the last entries may use.
const RESERVE: u64 = 64 << 10;
/// The file that is given back to a full disk, so that the last checkpoint finds room.
const RESERVE_FILE: &str = "reserve";

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// No room for more; nothing was written, and the reserve is still there.
    #[error("no room on the disk")]
    Full,
    /// Nobody knows what is on disk.
    #[error("{what} failed: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier batch failed.
    #[error("an earlier batch failed")]
    Broken,
    /// The batch is not what its count says.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The end of the log.
pub(super) struct Writer {
    disk: Box<dyn Disk>,
    origin: Origin,
    durability: Durability,
    segment: Arc<dyn Handle>,
    notes: Box<dyn Handle>,
    /// Where the next frame goes.
    at: u64,
    /// Up to here the file holds zeros of our own.
    ahead: u64,
    notes_at: u64,
    range: Range,
    next_batch: u64,
    signed: u64,
    last_note: String,
    fsyncs: u64,
    segment_bytes: u64,
    /// Sequence of the first frame of this segment.
    first: u64,
    /// Bytes were written that no sync has followed.
    unsynced: bool,
    /// A batch was begun and not finished: tree and file are no longer of one mind, so nothing more is written or signed.
    broken: bool,
    /// Memory of the last batch, for the next.
    batch: Vec<u8>,
}

/// Where the log stands when a writer takes over.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) range: Range,
    pub(super) next_batch: u64,
    /// Sequence in the name of the last segment, and where its frames end; none for a new log.
    pub(super) last: Option<(u64, u64)>,
    pub(super) signed: u64,
    /// The last checkpoint as a signed note; empty before the first.
    pub(super) note: String,
}

fn io(what: &'static str) -> impl FnOnce(io::Error) -> WriteError {
    move |source| WriteError::Io { what, source }
}

impl Writer {
    /// Goes on where the log stands, or begins it.
    pub(super) fn open(
        disk: Box<dyn Disk>,
        origin: Origin,
        position: Position,
        durability: Durability,
    ) -> Result<Self, WriteError> {
        let name = position.last.map_or(position.range.size(), |(first, _)| first);
        let segment: Arc<dyn Handle> =
            disk.open(&segment::file_name(name)).map_err(io("opening the segment"))?.into();
        let notes = disk.open(&segment::notes_name(name)).map_err(io("opening the checkpoints"))?;
        let notes_at = notes.len().map_err(io("opening the checkpoints"))?;
        let ahead = segment.len().map_err(io("opening the segment"))?;
        let mut writer = Self {
            disk,
            origin,
            durability,
            segment,
            notes,
            at: position.last.map_or(0, |(_, end)| end),
            ahead,
            notes_at,
            range: position.range,
            next_batch: position.next_batch,
            signed: position.signed,
            last_note: position.note,
            fsyncs: 0,
            segment_bytes: SEGMENT_BYTES,
            first: name,
            unsynced: false,
            broken: false,
            batch: Vec::new(),
        };
        if position.last.is_none() {
            writer.write_header()?;
        }
        writer.make_reserve()?;
        writer.reserve_ahead(0)?;
        writer.sync_dir()?;
        Ok(writer)
    }

    #[cfg(test)]
    pub(super) fn set_segment_bytes(&mut self, bytes: u64) {
        self.segment_bytes = bytes;
    }

    fn make_reserve(&mut self) -> Result<(), WriteError> {
        let file = self.disk.open(RESERVE_FILE).map_err(io("making the reserve"))?;
        write(file.as_ref(), &vec![0; RESERVE as usize], 0).map_err(full_or("making the reserve"))?;
        self.fsyncs += 1;
        file.sync_all().map_err(full_or("making the reserve"))
    }

    fn write_header(&mut self) -> Result<(), WriteError> {
        let header =
            Header { before: self.range.clone(), first_batch: self.next_batch, origin: self.origin.sha256() };
        let bytes = header.encode();
        write(self.segment.as_ref(), &bytes, 0).map_err(full_or("writing the segment header"))?;
        self.at = bytes.len() as u64;
        self.ahead = self.ahead.max(self.at);
        self.fsyncs += 1;
        self.segment.sync_all().map_err(full_or("writing the segment header"))
    }

    fn sync_dir(&mut self) -> Result<(), WriteError> {
        self.fsyncs += 1;
        self.disk.sync_dir().map_err(io("syncing the directory"))
    }

    /// Makes sure that `bytes` and the reserve fit into space that is already written.
    pub(super) fn reserve_ahead(&mut self, bytes: usize) -> Result<(), WriteError> {
        let needed = self.at + bytes as u64 + RESERVE;
        if self.ahead >= needed {
            return Ok(());
        }
        let zeros = vec![0; AHEAD];
        while self.ahead < needed + AHEAD as u64 / 2 {
            // A short write of zeros is a full disk too: the next one says so.
            let written = self.segment.write_at(&zeros, self.ahead).map_err(full_or("reserving space"))?;
            if written == 0 {
                return Err(WriteError::Full);
            }
            self.ahead += written as u64;
        }
        match self.durability {
            Durability::Disk => {
                self.fsyncs += 1;
                self.segment.sync_all().map_err(full_or("reserving space"))
            }
            Durability::Os => Ok(()),
        }
    }

    /// True when a batch of this size fits into the room ahead and into this segment: then writing it is one write.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.ahead >= self.at + bytes as u64 + RESERVE && !self.must_roll(bytes)
    }

    /// Makes the room ahead larger when it is low.
    pub(super) fn reserve_more(&mut self) -> Result<(), WriteError> {
        if self.is_low() { self.reserve_ahead(LOW) } else { Ok(()) }
    }

    /// True when the room ahead should be made larger soon.
    pub(super) fn is_low(&self) -> bool {
        self.ahead < self.at + RESERVE + LOW as u64
    }

    /// An empty buffer with the memory of the last batch.
    pub(super) fn lend_batch(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.batch)
    }

    /// Takes the buffer back, for the next batch.
    pub(super) fn give_back(&mut self, batch: Vec<u8>) {
        if batch.capacity() <= KEEP_BATCH {
            self.batch = batch;
        }
    }

    /// The segment's file, to be synced while others write.
    pub(super) fn segment(&self) -> Arc<dyn Handle> {
        Arc::clone(&self.segment)
    }

    /// True when a batch of this size begins a new segment; the log is signed up to there first.
    pub(super) fn must_roll(&self, bytes: usize) -> bool {
        self.at + bytes as u64 > self.segment_bytes && self.range.size() > self.first
    }

    /// Begins a new segment. The last note is its first too, so that the header's peaks are signed at once.
    pub(super) fn roll(&mut self) -> Result<(), WriteError> {
        self.trim()?;
        let first = self.range.size();
        self.segment =
            self.disk.open(&segment::file_name(first)).map_err(full_or("opening a segment"))?.into();
        self.notes = self.disk.open(&segment::notes_name(first)).map_err(full_or("opening checkpoints"))?;
        (self.first, self.at, self.ahead, self.notes_at) = (first, 0, 0, 0);
        self.write_header()?;
        if self.signed == first && !self.last_note.is_empty() {
            let note = std::mem::take(&mut self.last_note);
            self.write_note(&note)?;
            self.last_note = note;
        }
        self.sync_dir()
    }

    /// Writes a last small batch into the reserve, when the disk is full.
    pub(super) fn write_last(&mut self, batch: &mut [u8], count: u32) -> Result<(), WriteError> {
        if self.at + batch.len() as u64 > self.ahead {
            return Err(WriteError::Full);
        }
        self.write_batch(batch, count)
    }

    /// Writes one batch of pushed frames into the room ahead, and syncs it where entries must be on the disk.
    pub(super) fn write_batch(&mut self, batch: &mut [u8], count: u32) -> Result<(), WriteError> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(WriteError::Broken);
        }
        let first = self.range.size();
        let range = &mut self.range;
        frame::seal(batch, first, self.next_batch, count, |leaf| range.push(leaf))?;
        write(self.segment.as_ref(), batch, self.at).map_err(io("writing a batch"))?;
        match self.durability {
            Durability::Disk => {
                self.fsyncs += 1;
                self.segment.sync_data().map_err(io("syncing a batch"))?;
            }
            Durability::Os => self.unsynced = true,
        }
        self.at += batch.len() as u64;
        self.next_batch += 1;
        self.broken = false;
        Ok(())
    }

    /// The tree head to sign, when there are entries that no checkpoint signs.
    pub(super) fn unsigned(&self, extensions: Vec<String>) -> Option<Checkpoint> {
        (self.unsigned_entries() > 0 && !self.broken).then(|| Checkpoint {
            origin: self.origin.clone(),
            size: self.range.size(),
            root: self.range.root(),
            extensions,
        })
    }

    /// Appends a signed note. The earlier ones are not touched, so a crash leaves them as they are.
    pub(super) fn sign(&mut self, note: String, size: u64) -> Result<(), WriteError> {
        // A checkpoint must not outlive the entries that it signs: that would look like a truncation.
        if std::mem::take(&mut self.unsynced) {
            self.fsyncs += 1;
            self.segment.sync_data().map_err(io("syncing a segment"))?;
        }
        self.write_note(&note)?;
        self.signed = size;
        self.last_note = note;
        Ok(())
    }

    fn write_note(&mut self, note: &str) -> Result<(), WriteError> {
        let text = format!("{note}\n");
        write(self.notes.as_ref(), text.as_bytes(), self.notes_at)
            .map_err(full_or("writing a checkpoint"))?;
        self.fsyncs += 1;
        self.notes.sync_data().map_err(io("syncing a checkpoint"))?;
        self.notes_at += text.len() as u64;
        Ok(())
    }

    /// Gives the reserve file back to a full disk.
    pub(super) fn release_reserve(&mut self) -> Result<(), WriteError> {
        self.disk.remove(RESERVE_FILE).map_err(io("releasing the reserve"))
    }

    /// Cuts off the zeros ahead.
    pub(super) fn trim(&mut self) -> Result<(), WriteError> {
        self.segment.set_len(self.at).map_err(io("trimming the segment"))?;
        self.ahead = self.at;
        self.fsyncs += 1;
        self.segment.sync_all().map_err(io("trimming the segment"))
    }

    /// Entries written.
    pub(super) fn size(&self) -> u64 {
        self.range.size()
    }

    /// Entries that the last checkpoint signs.
    pub(super) fn signed(&self) -> u64 {
        self.signed
    }

    /// Entries that no checkpoint signs.
    pub(super) fn unsigned_entries(&self) -> u64 {
        self.range.size() - self.signed
    }

    /// Calls of fsync and fdatasync so far.
    pub(super) fn fsyncs(&self) -> u64 {
        self.fsyncs
    }
}

fn write(file: &dyn Handle, bytes: &[u8], offset: u64) -> io::Result<()> {
    let written = file.write_at(bytes, offset)?;
    if written == bytes.len() {
        return Ok(());
    }
    // On a regular file: the disk ran full within the write.
    Err(io::Error::new(io::ErrorKind::WriteZero, format!("wrote {written} of {} bytes", bytes.len())))
}

fn full_or(what: &'static str) -> impl FnOnce(io::Error) -> WriteError {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        | io::ErrorKind::FileTooLarge
        | io::ErrorKind::WriteZero => WriteError::Full,
        _ => WriteError::Io { what, source },
    }
}
