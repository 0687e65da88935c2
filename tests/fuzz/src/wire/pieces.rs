//! Frames as they come out of a socket: in pieces, cut anywhere.

use hoop_pgwire::{Fault, Frame, HEADER_LEN, Limits, Tag, next_frame};

/// The longest stream that is fed byte by byte.
const LONGEST: usize = 8 << 10;

/// Feeds the bytes one at a time, which tries a cut at each, and compares with a plain reading of the whole: the same
/// frames at the same places, each as soon as its last byte is here and no sooner; and a fault at the first byte that
/// makes one.
pub fn split_at_every_byte<T: Tag>(data: &[u8], tags: &[u8])
where
    Limits<T>: Default,
{
    let limits = Limits::<T>::default();
    let data = &data[..data.len().min(LONGEST)];
    let (mut start, mut end) = (0, 0);
    while end < data.len() {
        end += 1;
        let here = &data[start..end];
        let found = next_frame::<T>(here, &limits);
        match (plain(here, tags), found) {
            (Plain::More, Ok(Frame::Incomplete { need })) => assert_eq!(here.len() + need, HEADER_LEN),
            (Plain::Body(whole), Ok(Frame::Head { tag, len, have })) => {
                assert_eq!((tag.byte(), len as u64, have), (here[0], whole, here.len()));
            }
            (Plain::Body(whole), Ok(Frame::Whole { tag, body })) => {
                assert_eq!((tag.byte(), body.start, body.end), (here[0], HEADER_LEN, here.len()));
                assert_eq!(here.len() as u64, whole);
                start = end;
            }
            (Plain::Unknown, Err(error)) => {
                assert!(error.fault() == Fault::UnknownTag && here.len() == 1);
                return;
            }
            (Plain::Short, Err(error)) => {
                assert!(error.fault() == Fault::LengthTooSmall && here.len() == HEADER_LEN);
                return;
            }
            (Plain::Body(whole), Err(error)) => {
                let tag = T::from_byte(here[0]).unwrap();
                let limit = limits.limit(tag);
                assert!(error.fault() == Fault::LengthTooLarge { limit } && here.len() == HEADER_LEN);
                assert!(whole > u64::from(limit));
                return;
            }
            (_, other) => panic!("{other:?} at {end} of a frame that begins at {start}"),
        }
    }
}

/// A plain reading of a frame's head.
enum Plain {
    /// Not a head yet.
    More,
    /// No such type.
    Unknown,
    /// A length that does not count itself.
    Short,
    /// Bytes of the whole frame.
    Body(u64),
}

fn plain(bytes: &[u8], tags: &[u8]) -> Plain {
    if !tags.contains(&bytes[0]) {
        return Plain::Unknown;
    }
    if bytes.len() < 5 {
        return Plain::More;
    }
    let len = bytes[1..5].iter().fold(0_u64, |len, byte| len * 256 + u64::from(*byte));
    if len < 4 { Plain::Short } else { Plain::Body(len + 1) }
}
