//! Segments: files of frames, 64 MiB each, behind a header that says where in the log they stand.
//!
//! ```text
//!  0  [8]  "hoopldg1"
//!  8  u32  header length: 68 + 32 for each peak
//! 12  u32  number of peaks
//! 16  u64  sequence of the first frame = leaves before this segment
//! 24  u64  batch id of the first frame
//! 32  [32] SHA-256 of the log's origin
//! 64  [32] peaks: roots of the perfect subtrees over all leaves before, largest first
//!  …  u32  CRC-32 over all bytes before
//! ```
//! All numbers are big-endian. After the last frame a segment may hold zeros: space reserved ahead of the writes.

use crate::frame::{self, Frame, FrameError};
use crate::tree::{Hash, Range};

/// Bytes after which a new segment begins.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// Bytes that one batch may have at most; a torn tail is never longer.
pub const MAX_BATCH: usize = 32 << 20;

const MAGIC: [u8; 8] = *b"hoopldg1";
const FIXED: usize = 64;

/// What stands before the frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The tree over all leaves before this segment; its size is the sequence of the first frame.
    pub before: Range,
    /// Batch id of the first frame.
    pub first_batch: u64,
    /// SHA-256 of the log's origin.
    pub origin: Hash,
}

/// What is wrong with a segment's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is cut off.
    #[error("the segment header is cut off")]
    Short,
    /// It is not one.
    #[error("not a segment of format 1")]
    Magic,
    /// Lengths or counts do not fit each other.
    #[error("the segment header's lengths do not fit")]
    Length,
    /// The CRC does not hold.
    #[error("the segment header's CRC does not match")]
    Crc,
}

impl Header {
    /// The bytes of the header.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let peaks = self.before.peaks();
        let length = FIXED + 32 * peaks.len() + 4;
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(&MAGIC);
        // At most 64 peaks: one for each bit of the size.
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&u32::try_from(peaks.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&self.before.size().to_be_bytes());
        out.extend_from_slice(&self.first_batch.to_be_bytes());
        out.extend_from_slice(&self.origin);
        for peak in peaks {
            out.extend_from_slice(peak);
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads a header; returns it and its length in bytes.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), HeaderError> {
        let fixed = bytes.get(..FIXED).ok_or(HeaderError::Short)?;
        if fixed[..8] != MAGIC {
            return Err(HeaderError::Magic);
        }
        let count = usize::try_from(number(fixed, 12, 4)).map_err(|_| HeaderError::Length)?;
        let first = number(fixed, 16, 8);
        let length = FIXED + 32 * count.min(64) + 4;
        if count > 64 || number(fixed, 8, 4) != length as u64 {
            return Err(HeaderError::Length);
        }
        let whole = bytes.get(..length).ok_or(HeaderError::Short)?;
        let (signed, crc) = whole.split_at(length - 4);
        if u64::from(crc32fast::hash(signed)) != number(crc, 0, 4) {
            return Err(HeaderError::Crc);
        }
        let peaks = signed[FIXED..].as_chunks::<32>().0.to_vec();
        let before = Range::from_parts(first, peaks).ok_or(HeaderError::Length)?;
        let mut origin = [0; 32];
        origin.copy_from_slice(&fixed[32..64]);
        Ok((Self { before, first_batch: number(fixed, 24, 8), origin }, length))
    }
}

fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// What lies at an offset of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// Nothing more: the end, or only zeros.
    End,
    /// Something that is not a frame.
    Bad(FrameError),
}

/// Looks at what lies at `offset`.
#[must_use]
pub fn step(bytes: &[u8], offset: usize) -> Step<'_> {
    let rest = bytes.get(offset..).unwrap_or_default();
    if rest.first().is_none_or(|b| *b == 0) && rest.iter().all(|b| *b == 0) {
        return Step::End;
    }
    match frame::decode(rest) {
        Ok(frame) => Step::Frame(frame),
        Err(error) => Step::Bad(error),
    }
}

/// File name of the segment whose first frame has this sequence.
#[must_use]
pub fn file_name(first_sequence: u64) -> String {
    format!("{first_sequence:020}.seg")
}

/// File name of the checkpoints that belong to a segment.
#[must_use]
pub fn notes_name(first_sequence: u64) -> String {
    format!("{first_sequence:020}.notes")
}

/// First sequence from a segment's file name; `None` for other files.
#[must_use]
pub fn parse_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let first = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
    (digits.len() == 20).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree;

    fn header(leaves: u64) -> Header {
        let mut before = Range::new();
        for n in 0..leaves {
            before.push(tree::leaf_hash(&n.to_be_bytes()));
        }
        Header { before, first_batch: 3, origin: [7; 32] }
    }

    #[test]
    fn a_header_reads_back_and_every_flip_or_cut_is_noticed() {
        for leaves in [0, 1, 6, 7] {
            let header = header(leaves);
            let bytes = header.encode();
            assert_eq!(Header::decode(&bytes), Ok((header, bytes.len())));
            for at in 0..bytes.len() {
                let mut bad = bytes.clone();
                bad[at] ^= 0x10;
                Header::decode(&bad).unwrap_err();
                assert_eq!(Header::decode(&bytes[..at]), Err(HeaderError::Short));
            }
        }
    }

    #[test]
    fn names() {
        assert_eq!(file_name(12), "00000000000000000012.seg");
        assert_eq!(parse_name("00000000000000000012.seg"), Some(12));
        for bad in
            ["12.seg", "0000000000000000001x.seg", "00000000000000000012.notes", "+0000000000000000012.seg"]
        {
            assert_eq!(parse_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn zeros_are_the_end_and_nothing_else_is() {
        assert_eq!(step(b"", 0), Step::End);
        assert_eq!(step(&[0; 5000], 0), Step::End);
        let mut late = [0; 5000];
        late[4999] = 1;
        assert_eq!(step(&late, 0), Step::Bad(FrameError::Version(0)));
    }
}
