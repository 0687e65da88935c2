//! Rows and bodies larger than the read buffer.

use hoop_pgwire::backend::{DataRow, encode};
use hoop_pgwire::stream::{BodyStream, Piece, RowStream};
use hoop_pgwire::{Fault, HEADER_LEN, WireError};
use proptest::prelude::*;

/// What a row stream gave, its chunks joined.
type Values = Vec<Option<Vec<u8>>>;

/// Feeds `body` in the given cuts and joins what comes out; checks the order of the pieces on the way.
fn collect(body: &[u8], cuts: &[usize]) -> Result<(Values, usize), WireError> {
    let mut stream = RowStream::new(body.len() + HEADER_LEN)?;
    let mut values: Values = Vec::new();
    let mut columns = None;
    let mut open = 0;
    let mut start = 0;
    let ends = cuts.iter().copied().chain([body.len()]);
    for end in ends {
        let input = &body[start..end.clamp(start, body.len())];
        let mut at = 0;
        while let Some(piece) = stream.next(input, &mut at)? {
            match piece {
                Piece::Columns(count) => assert_eq!(columns.replace(count), None),
                Piece::Field { index, len } => {
                    assert_eq!((usize::from(index), open), (values.len(), 0));
                    open = len.unwrap_or(0);
                    values.push(len.map(|_| Vec::new()));
                }
                Piece::Chunk { index, range, last } => {
                    assert_eq!(usize::from(index) + 1, values.len());
                    assert!(!range.is_empty());
                    open -= range.len();
                    assert_eq!(last, open == 0);
                    values.last_mut().unwrap().as_mut().unwrap().extend_from_slice(&input[range]);
                }
                Piece::End => {
                    assert_eq!(columns.map(usize::from), Some(values.len()));
                    assert_eq!(stream.left(), 0);
                    assert!(stream.next(input, &mut at)?.is_none());
                    return Ok((values, start + at));
                }
            }
        }
        assert_eq!(at, input.len(), "asks for more only when all is used up");
        start += input.len();
    }
    panic!("no end");
}

fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut frame = Vec::new();
    encode::data_row(&mut frame, values.iter().copied()).unwrap();
    frame.split_off(HEADER_LEN)
}

#[test]
fn a_row_is_the_same_in_pieces_of_any_size() {
    let values = [Some(&b"4111111111111111"[..]), None, Some(b""), Some(b"x"), None];
    let body = row(&values);
    let expected: Values = values.iter().map(|value| value.map(<[u8]>::to_vec)).collect();
    for size in 1..=body.len() {
        let cuts: Vec<usize> = (size..body.len()).step_by(size).collect();
        assert_eq!(collect(&body, &cuts).unwrap(), (expected.clone(), body.len()), "pieces of {size}");
    }
}

#[test]
fn what_follows_the_row_is_left_alone() {
    let body = row(&[Some(b"a")]);
    let input = [&body[..], b"Z\0\0\0\x05I"].concat();
    let mut stream = RowStream::new(body.len() + HEADER_LEN).unwrap();
    let mut at = 0;
    while stream.next(&input, &mut at).unwrap().unwrap() != Piece::End {}
    assert_eq!(&input[at..], b"Z\0\0\0\x05I");
}

#[test]
fn lengths_that_do_not_add_up_are_refused_before_their_value_is_given_out() {
    for (body, fault) in [
        (&b"\0\x01\0\0\0\x05abcd"[..], Fault::Truncated),
        (b"\0\x01\0\0\0\x03abcd", Fault::Trailing),
        (b"\0\x02\0\0\0\x04abcd", Fault::Truncated),
        (b"\0\x01\x7f\xff\xff\xffabcd", Fault::Truncated),
        (b"\0\x01\xff\xff\xff\xfeabcd", Fault::BadValueLength),
        (b"\0\x01\x80\0\0\0abcd", Fault::BadValueLength),
        (b"\0\x01\xff\xff\xff\xffabcd", Fault::Trailing),
        (b"\0\0abcd", Fault::Trailing),
        (b"\xff\xffabcd", Fault::Truncated),
    ] {
        let mut stream = RowStream::new(body.len() + HEADER_LEN).unwrap();
        let mut at = 0;
        let error = loop {
            match stream.next(body, &mut at) {
                Ok(Some(Piece::Chunk { .. } | Piece::End)) => panic!("given out: {body:?}"),
                Ok(Some(Piece::Columns(_) | Piece::Field { .. })) => {}
                Ok(None) => panic!("asks for more: {body:?}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.fault(), fault, "{body:?}");
        assert_eq!(stream.next(b"more", &mut 0), Ok(None), "nothing comes after an error");
    }
    assert_eq!(RowStream::new(6).unwrap_err().fault(), Fault::Truncated);
}

#[test]
fn a_body_without_structure_is_counted_through() {
    let mut stream = BodyStream::new(HEADER_LEN + 10);
    assert_eq!(stream.take(4), 4);
    assert_eq!(stream.left(), 6);
    assert_eq!(stream.take(100), 6);
    assert_eq!((stream.take(100), stream.left()), (0, 0));
}

proptest! {
    #[test]
    fn stream_and_decoder_agree_on_every_row(
        values in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), 0..20),
        cuts in prop::collection::btree_set(0_usize..800, 0..20),
    ) {
        let body = row(&values.iter().map(Option::as_deref).collect::<Vec<_>>());
        let cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < body.len()).collect();
        prop_assert_eq!(collect(&body, &cuts).unwrap(), (values, body.len()));
    }

    /// Bodies of small numbers, so that lengths often nearly fit.
    #[test]
    fn stream_and_decoder_refuse_the_same_rows(
        body in prop::collection::vec(prop_oneof![4 => Just(0_u8), 4 => 1_u8..6, 1 => Just(255)], 2..40),
        cuts in prop::collection::btree_set(0_usize..40, 0..5),
    ) {
        let whole = DataRow::decode(&body).map(|row| row.values().map(|v| v.map(<[u8]>::to_vec)).collect::<Values>());
        let cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < body.len()).collect();
        let pieces = collect(&body, &cuts).map(|(values, _)| values);
        prop_assert_eq!(whole.is_ok(), pieces.is_ok());
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            prop_assert_eq!(whole, pieces);
        }
    }
}
