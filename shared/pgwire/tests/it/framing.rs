//! Where frames begin and end, however the bytes arrive.

use hoop_pgwire::{
    BackendTag, Fault, Frame, FrontendTag, HEADER_LEN, Limits, MAX_FRAME_LEN, Tag, WireError, next_frame,
};

use crate::sample;

/// Types and bodies of frames.
type Frames<T> = Vec<(T, Vec<u8>)>;

/// All whole frames at the start of `buf` and the number of bytes they take.
fn walk<T: Tag>(buf: &[u8], limits: &Limits<T>) -> Result<(Frames<T>, usize), WireError> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Frame::Whole { tag, body } = next_frame(&buf[at..], limits)? {
        let next = at + body.end;
        frames.push((tag, buf[at..][body].to_vec()));
        at = next;
    }
    Ok((frames, at))
}

fn every_split_gives_the_same_frames<T: Tag>(sample: &[Vec<u8>], limits: &Limits<T>) {
    let stream = sample.concat();
    let (whole, used) = walk(&stream, limits).unwrap();
    assert_eq!((whole.len(), used), (sample.len(), stream.len()));
    for split in 0..=stream.len() {
        let (mut frames, used) = walk(&stream[..split], limits).unwrap();
        match next_frame(&stream[used..split], limits).unwrap() {
            Frame::Incomplete { need } => assert_eq!(need, HEADER_LEN - (split - used)),
            Frame::Head { len, have, .. } => {
                assert_eq!(have, split - used);
                let body = walk(&stream[used..used + len], limits).unwrap();
                assert_eq!((body.0.len(), body.1), (1, len), "the announced length is the frame's");
            }
            Frame::Whole { .. } => panic!("walk has left a whole frame"),
        }
        frames.extend(walk(&stream[used..], limits).unwrap().0);
        assert_eq!(frames, whole, "split at {split}");
    }
}

#[test]
fn client_frames_are_the_same_wherever_the_stream_is_cut() {
    every_split_gives_the_same_frames::<FrontendTag>(&sample::frontend(), &Limits::default());
}

#[test]
fn server_frames_are_the_same_wherever_the_stream_is_cut() {
    every_split_gives_the_same_frames::<BackendTag>(&sample::backend(), &Limits::default());
}

#[test]
fn the_samples_hold_every_message() {
    for tag in FrontendTag::ALL {
        assert!(sample::frontend().iter().any(|frame| frame[0] == tag.byte()), "{tag:?}");
    }
    for tag in BackendTag::ALL {
        assert!(sample::backend().iter().any(|frame| frame[0] == tag.byte()), "{tag:?}");
    }
}

#[test]
fn only_the_protocols_type_bytes_are_known() {
    let known = |of: fn(u8) -> bool| (0..=255_u8).filter(|byte| of(*byte)).collect::<Vec<u8>>();
    assert_eq!(known(|byte| FrontendTag::from_byte(byte).is_some()), b"BCDEFHPQSXcdfp");
    assert_eq!(known(|byte| BackendTag::from_byte(byte).is_some()), b"123ACDEGHIKNRSTVWZcdnstv");
    for byte in 0..=255 {
        assert!(FrontendTag::from_byte(byte).is_none_or(|tag| tag.byte() == byte));
        assert!(BackendTag::from_byte(byte).is_none_or(|tag| tag.byte() == byte));
    }
}

#[test]
fn an_unknown_type_is_refused_at_its_first_byte() {
    let fault = next_frame::<FrontendTag>(b"G", &Limits::default()).unwrap_err();
    assert_eq!(fault.fault(), Fault::UnknownTag);
    let fault = next_frame::<BackendTag>(b"Q", &Limits::default()).unwrap_err();
    assert_eq!(fault.fault(), Fault::UnknownTag);
}

fn header(length: u32) -> Vec<u8> {
    [&b"Q"[..], &length.to_be_bytes()].concat()
}

#[test]
fn lengths_are_judged_before_the_body_is_there() {
    let limits = Limits::<FrontendTag>::default().with(FrontendTag::Query, 100);
    assert_eq!(limits.limit(FrontendTag::Query), 100);
    for (length, expected) in [
        (0, Err(Fault::LengthTooSmall)),
        (3, Err(Fault::LengthTooSmall)),
        (5, Ok(6)),
        (99, Ok(100)),
        (100, Err(Fault::LengthTooLarge { limit: 100 })),
        (0x7fff_ffff, Err(Fault::LengthTooLarge { limit: 100 })),
        (0x8000_0000, Err(Fault::LengthTooLarge { limit: 100 })),
        // As a signed number -1, -5: a sum with it would wrap around.
        (0xffff_ffff, Err(Fault::LengthTooLarge { limit: 100 })),
        (0xffff_fffb, Err(Fault::LengthTooLarge { limit: 100 })),
    ] {
        let found = match next_frame(&header(length), &limits) {
            Ok(Frame::Head { tag: FrontendTag::Query, len, have: 5 }) => Ok(len),
            Ok(other) => panic!("{length}: {other:?}"),
            Err(error) => {
                assert_eq!(error.message(), "Query");
                Err(error.fault())
            }
        };
        assert_eq!(found, expected, "{length}");
    }
}

#[test]
fn no_limit_goes_beyond_what_a_server_can_build() {
    let limits = Limits::<BackendTag>::default().with(BackendTag::DataRow, u32::MAX);
    assert_eq!(limits.limit(BackendTag::DataRow), MAX_FRAME_LEN);
}

#[test]
fn a_gigabyte_row_is_announced_by_its_header_alone() {
    let head = [&b"D"[..], &(1_u32 << 30).to_be_bytes(), b"\0\x01"].concat();
    let expected = Frame::Head { tag: BackendTag::DataRow, len: (1 << 30) + 1, have: 7 };
    assert_eq!(next_frame(&head, &Limits::default()).unwrap(), expected);
}

#[test]
fn each_message_has_a_limit_of_its_own() {
    let client = Limits::<FrontendTag>::default();
    let client: Vec<_> = FrontendTag::ALL.iter().map(|tag| (tag.name(), client.limit(*tag))).collect();
    const HELD: u32 = 16 << 20;
    assert_eq!(
        client,
        [
            ("Bind", HELD),
            ("Close", 10_000),
            ("CopyData", MAX_FRAME_LEN),
            ("CopyDone", 10_000),
            ("CopyFail", 10_000),
            ("Describe", 10_000),
            ("Execute", 10_000),
            ("Flush", 10_000),
            ("FunctionCall", 10_000),
            ("Parse", HELD),
            ("authentication response", 65_535),
            ("Query", HELD),
            ("Sync", 10_000),
            ("Terminate", 10_000),
        ]
    );
    let server = Limits::<BackendTag>::default();
    let large: Vec<_> =
        BackendTag::ALL.iter().filter(|tag| server.limit(**tag) > 30_000).map(|tag| tag.name()).collect();
    assert_eq!(
        large,
        [
            "Authentication",
            "CopyData",
            "DataRow",
            "ErrorResponse",
            "NoticeResponse",
            "NotificationResponse",
            "ParameterDescription",
            "RowDescription"
        ]
    );
}
