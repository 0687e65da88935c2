//! What a verification found.

use std::fmt;

use crate::checkpoint::{Checkpoint, NoteError};
use crate::entry::EnvelopeError;
use crate::frame::FrameError;
use crate::parts::PartError;
use crate::segment::HeaderError;
use crate::tree::Hash;

/// The whole result. The log is good only when `failure` is none; even then `unsigned_tail` entries rest on no
/// signature, and no log can say by itself what was cut off after its last checkpoint.
#[derive(Debug)]
pub struct Report {
    /// Sequence of the first entry that was read; above 0 when older segments were left out on request.
    pub first_sequence: u64,
    /// Entries that were read and found good.
    pub entries: u64,
    /// Leaves in the tree: `first_sequence + entries`.
    pub tree_size: u64,
    /// Root over them.
    pub root: Hash,
    /// Segments read.
    pub segments: u64,
    /// Bytes of frames read.
    pub bytes: u64,
    /// Checkpoints whose root was compared.
    pub checkpoints: u64,
    /// Of those, the ones that say `durability os`: before each, a power cut could take the last entries unseen.
    pub checkpoints_os: u64,
    /// The last of them.
    pub last_checkpoint: Option<Checkpoint>,
    /// Entries after the last checkpoint: read, but signed by nobody yet.
    pub unsigned_tail: u64,
    /// Batches whose end was lost in a crash and cut by recovery.
    pub short_batches: u64,
    /// Where an unfinished checkpoint begins in the last notes file, as a crash leaves it.
    pub torn_note: Option<u64>,
    /// Wall clock of the first and the last entry, microseconds since the Unix epoch.
    pub times_us: Option<(i64, i64)>,
    /// Where the good frames of the last segment end, bytes.
    pub end_offset: u64,
    /// Batch id that comes next.
    pub next_batch: u64,
    /// The first thing that is wrong.
    pub failure: Option<Failure>,
}

/// The first bad entry, or the first bad checkpoint.
#[derive(Debug)]
pub struct Failure {
    /// The bad entry; for a root that does not match the first of those that can be blamed; for a bad checkpoint the
    /// first entry that only it or a later one signs.
    pub sequence: u64,
    /// The last that can be blamed, where it is more than one.
    pub through: Option<u64>,
    /// Name of the segment, or of the notes file.
    pub file: String,
    /// Byte in that file at which the bad thing begins.
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
    /// True when a crash in the middle of the highest batch could have left it so and no checkpoint covers it: a
    /// starting broker cuts it. It can as well be tampering with entries that nobody had signed yet.
    pub torn: bool,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A segment's name does not continue the log, so entries or a segment are missing.
    #[error("the segment begins at entry {found}, expected {expected}: entries are missing or doubled")]
    Segment {
        /// The sequence that was expected.
        expected: u64,
        /// The sequence that the segment begins with.
        found: u64,
    },
    /// The file's name is no segment name.
    #[error("the file's name is not a segment's")]
    Name,
    /// A segment's header is bad.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A segment's header does not fit its name or the entries before it.
    #[error("the segment header does not fit the entries before it")]
    Before,
    /// The segment is of another log.
    #[error("the segment belongs to another log than the key's")]
    Origin,
    /// A frame is bad.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The payload is not what was hashed.
    #[error("the entry's content does not match its leaf hash")]
    Leaf,
    /// A sequence number is missing or doubled.
    #[error(
        "the frame says entry {found}, expected {expected}: entries are missing, doubled or out of order"
    )]
    Sequence {
        /// The sequence that was expected.
        expected: u64,
        /// The sequence that the frame says.
        found: u64,
    },
    /// Batch ids or counts do not continue.
    #[error("the frame's batch {found} does not continue batch {expected}")]
    Batch {
        /// The batch before.
        expected: u64,
        /// The batch that the frame says.
        found: u64,
    },
    /// The payload is not an envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Pieces of an envelope do not fit.
    #[error(transparent)]
    Part(#[from] PartError),
    /// An approval does not hold; for who looks at what entries say.
    #[error("{0}")]
    Approval(String),
    /// A checkpoint is malformed or its signature is bad.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Checkpoints are out of order or in the wrong file.
    #[error("the checkpoint of {size} entries is out of order")]
    NoteOrder {
        /// Its tree size.
        size: u64,
    },
    /// An unfinished checkpoint where no crash can have left one.
    #[error("the checkpoint is cut off")]
    NoteCut,
    /// The tree over the entries is not the one that was signed.
    #[error(
        "the signed root over {size} entries does not match: an entry was altered and its hash recomputed"
    )]
    Root {
        /// Entries that the checkpoint signs.
        size: u64,
    },
    /// A checkpoint signs more entries than there are.
    #[error("a checkpoint signs {size} entries: the log was cut short")]
    Missing {
        /// Entries that the checkpoint signs.
        size: u64,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.through {
            Some(last) if last > self.sequence => write!(f, "entries {} to {last}", self.sequence)?,
            Some(_) | None => write!(f, "entry {}", self.sequence)?,
        }
        write!(f, " ({} byte {}): {}", self.file, self.offset, self.fault)?;
        if self.torn {
            f.write_str("; in the unsigned last batch, where a crash can leave it so")?;
        }
        Ok(())
    }
}
