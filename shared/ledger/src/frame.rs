//! Frames: how one entry lies in a segment. Header of 64 bytes, big-endian, then the payload.
//!
//! ```text
//!  0  u8   format version, 1 (0 marks space that was reserved and never written)
//!  1  u8   kind, 1 = entry
//!  2  u16  reserved, 0
//!  4  u32  payload length, 1..=60,000
//!  8  u64  sequence = leaf index
//! 16  u64  batch id
//! 24  u32  frames that follow in the same batch
//! 28  [32] leaf hash
//! 60  u32  CRC-32 (IEEE) over bytes 0..60 and the payload
//! 64       payload
//! ```
//! The CRC finds accidents. It is no evidence: only the leaf hash, through the signed tree, is.

use crate::tree::{self, Hash};

/// Version of the frame layout.
pub const VERSION: u8 = 1;
/// The only kind so far: an entry.
pub const KIND_ENTRY: u8 = 1;
/// Bytes of a frame's header.
pub const HEADER: usize = 64;
/// Bytes of a payload at most; below the 65,535 of a C2SP tlog-tiles entry bundle.
pub const MAX_PAYLOAD: usize = 60_000;

const CRC_AT: usize = 60;

/// A frame that was read and whose CRC holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Leaf index.
    pub sequence: u64,
    /// Write to which it belonged.
    pub batch: u64,
    /// Frames that follow in the same batch.
    pub remaining: u32,
    /// Leaf hash as stored.
    pub leaf: Hash,
    /// The stored bytes of the envelope.
    pub payload: &'a [u8],
}

/// What is wrong with the bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end within the frame.
    #[error("the frame is cut off: {have} of {need} bytes")]
    Short {
        /// Bytes that are there.
        have: usize,
        /// Bytes that the frame needs.
        need: usize,
    },
    /// Another format version.
    #[error("frame version {0} is not known")]
    Version(u8),
    /// Another kind, or a reserved field that is not zero.
    #[error("the frame's kind or reserved field is not known")]
    Kind,
    /// A payload length outside 1..=[`MAX_PAYLOAD`].
    #[error("payload length {0} is outside 1 to 60000")]
    Length(u32),
    /// The CRC does not hold.
    #[error("the CRC does not match")]
    Crc,
    /// A batch to seal is not what its count says.
    #[error("the batch does not hold {0} frames")]
    Count(u32),
}

impl Frame<'_> {
    /// True when the stored leaf hash is the hash of the payload.
    #[must_use]
    pub fn leaf_holds(&self) -> bool {
        tree::leaf_hash(self.payload) == self.leaf
    }

    /// Bytes of the whole frame.
    #[must_use]
    pub fn len(&self) -> usize {
        HEADER + self.payload.len()
    }

    /// Never: a payload has at least one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }
}

fn be<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(found) = bytes.get(at..at + N) {
        out.copy_from_slice(found);
    }
    out
}

/// Reads the frame at the start of `bytes` and checks everything that it can say of itself but the leaf hash.
///
/// # Errors
/// [`FrameError`]; nothing after a bad frame can be trusted to be where it seems.
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
        return Err(FrameError::Short { have: bytes.len(), need: HEADER });
    };
    if header[0] != VERSION {
        return Err(FrameError::Version(header[0]));
    }
    if header[1] != KIND_ENTRY || header[2..4] != [0, 0] {
        return Err(FrameError::Kind);
    }
    let length = u32::from_be_bytes(be(header, 4));
    let size = usize::try_from(length).map_err(|_| FrameError::Length(length))?;
    if size == 0 || size > MAX_PAYLOAD {
        return Err(FrameError::Length(length));
    }
    let Some(payload) = rest.get(..size) else {
        return Err(FrameError::Short { have: bytes.len(), need: HEADER + size });
    };
    if crc(&header[..CRC_AT], payload) != u32::from_be_bytes(be(header, CRC_AT)) {
        return Err(FrameError::Crc);
    }
    Ok(Frame {
        sequence: u64::from_be_bytes(be(header, 8)),
        batch: u64::from_be_bytes(be(header, 16)),
        remaining: u32::from_be_bytes(be(header, 24)),
        leaf: be(header, 28),
        payload,
    })
}

fn crc(header: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(payload);
    crc.finalize()
}

/// Appends an unsealed frame to a batch: sequence, batch, remaining and CRC are still zero.
///
/// # Errors
/// [`FrameError::Length`] for a payload that is empty or over [`MAX_PAYLOAD`]; `batch` is unchanged.
pub fn push(batch: &mut Vec<u8>, payload: &[u8], leaf: &Hash) -> Result<(), FrameError> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    if payload.is_empty() || payload.len() > MAX_PAYLOAD {
        return Err(FrameError::Length(length));
    }
    let mut header = [0; HEADER];
    header[0] = VERSION;
    header[1] = KIND_ENTRY;
    header[4..8].copy_from_slice(&length.to_be_bytes());
    header[28..60].copy_from_slice(leaf);
    batch.extend_from_slice(&header);
    batch.extend_from_slice(payload);
    Ok(())
}

/// Seals the frames of one batch, made by [`push`]: fills in sequence, batch id, remaining and CRC, and hands each
/// leaf hash to `leaf`.
///
/// # Errors
/// [`FrameError`] when the batch does not hold exactly `count` whole frames.
pub fn seal(
    batch: &mut [u8],
    first_sequence: u64,
    batch_id: u64,
    count: u32,
    mut leaf: impl FnMut(Hash),
) -> Result<(), FrameError> {
    let mut rest = batch;
    for index in 0..count {
        if rest.len() < HEADER {
            return Err(FrameError::Count(count));
        }
        let length = u32::from_be_bytes(be(rest, 4)) as usize;
        let Some((frame, after)) = rest.split_at_mut_checked(HEADER + length) else {
            return Err(FrameError::Count(count));
        };
        let (header, payload) = frame.split_at_mut(HEADER);
        header[8..16].copy_from_slice(&(first_sequence + u64::from(index)).to_be_bytes());
        header[16..24].copy_from_slice(&batch_id.to_be_bytes());
        header[24..28].copy_from_slice(&(count - 1 - index).to_be_bytes());
        let sum = crc(&header[..CRC_AT], payload);
        header[CRC_AT..].copy_from_slice(&sum.to_be_bytes());
        leaf(be(header, 28));
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(FrameError::Count(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(payloads: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for p in payloads {
            push(&mut out, p, &tree::leaf_hash(p)).unwrap();
        }
        out
    }

    #[test]
    fn a_sealed_batch_reads_back() {
        let mut bytes = batch(&[b"one", b"two two", b"3"]);
        let mut leaves = Vec::new();
        seal(&mut bytes, 7, 9, 3, |l| leaves.push(l)).unwrap();
        assert_eq!(leaves, [tree::leaf_hash(b"one"), tree::leaf_hash(b"two two"), tree::leaf_hash(b"3")]);
        let first = decode(&bytes).unwrap();
        assert_eq!((first.sequence, first.batch, first.remaining, first.payload), (7, 9, 2, &b"one"[..]));
        let second = decode(&bytes[first.len()..]).unwrap();
        assert_eq!((second.sequence, second.batch, second.remaining), (8, 9, 1));
        let third = decode(&bytes[first.len() + second.len()..]).unwrap();
        assert_eq!((third.sequence, third.remaining, third.payload), (9, 0, &b"3"[..]));
        assert!(third.leaf_holds());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let mut bytes = batch(&[b"payload"]);
        seal(&mut bytes, 1, 1, 1, |_| ()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                decode(&bad).unwrap_err();
            }
            assert!(matches!(decode(&bytes[..at]), Err(FrameError::Short { .. })));
        }
    }

    #[test]
    fn lengths_are_checked() {
        let mut out = vec![1, 2, 3];
        assert_eq!(push(&mut out, b"", &[0; 32]), Err(FrameError::Length(0)));
        assert_eq!(push(&mut out, &vec![0; MAX_PAYLOAD + 1], &[0; 32]), Err(FrameError::Length(60_001)));
        assert_eq!(out, [1, 2, 3]);
        push(&mut out, &vec![b'x'; MAX_PAYLOAD], &[0; 32]).unwrap();
    }

    #[test]
    fn a_batch_of_another_count_is_not_sealed() {
        let mut bytes = batch(&[b"one", b"two"]);
        assert_eq!(seal(&mut bytes, 0, 0, 1, |_| ()), Err(FrameError::Count(1)));
        assert_eq!(seal(&mut bytes, 0, 0, 3, |_| ()), Err(FrameError::Count(3)));
    }
}
