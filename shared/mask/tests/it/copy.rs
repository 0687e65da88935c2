//! COPY, in all three formats, cut anywhere.

use crate::fields::{INT8, PAN, TEXT, numeric};
use hoop_mask::{CopyBinaryWalker, MAX_HELD, Malformed, Mode, StreamScanner};

/// Sends `data` in chunks of these sizes, over and over.
pub fn stream(mode: Mode, data: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut scanner = StreamScanner::new(mode);
    let (mut held, mut sent) = (Vec::new(), Vec::new());
    let mut rest = data;
    for &size in sizes.iter().cycle() {
        let (chunk, tail) = rest.split_at(size.clamp(1, rest.len().max(1)).min(rest.len()));
        held.extend(chunk);
        let settled = scanner.push(&mut held);
        sent.extend(held.drain(..settled));
        assert!(held.len() <= MAX_HELD, "{} bytes held", held.len());
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    scanner.finish(&mut held);
    sent.extend(held);
    sent
}

#[test]
fn values_of_two_fields_or_rows_are_not_joined() {
    let rows = b"4111\t1111\t1111\t1111\n4000\n4002\n4111\n1111\n1111\n1111\n";
    assert_eq!(stream(Mode::CopyText, rows, &[7]), rows);
    let lines = b"4111\n1111\n1111\n1111\n";
    assert_eq!(stream(Mode::Csv, lines, &[3]), lines);
}

#[test]
fn a_number_across_chunks_is_masked() {
    let rows = format!("1\t{PAN}\tx\n2\t4111-1111\\t1111-1111\n");
    let masked = "1\t411111******1111\tx\n2\t4111-11**\\t****-1111\n";
    for size in 1..rows.len() {
        let sent = stream(Mode::CopyText, rows.as_bytes(), &[size]);
        assert_eq!(String::from_utf8(sent).unwrap(), masked, "chunks of {size}");
    }
}

fn binary_copy(pan: &[u8], number: &[u8], amount: &[u8], long: &[u8]) -> Vec<u8> {
    let mut bytes = b"PGCOPY\n\xFF\r\n\0".to_vec();
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
    for _ in 0..2 {
        bytes.extend(5u16.to_be_bytes());
        for field in [pan, number, amount, long] {
            bytes.extend((field.len() as u32).to_be_bytes());
            bytes.extend(field);
        }
        bytes.extend([0xFF; 4]);
    }
    bytes.extend([0xFF; 2]);
    bytes
}

#[test]
fn binary_copy_is_walked_wherever_it_is_cut() {
    let long = |pan: &str| [&[b'x'; 9000][..], pan.as_bytes(), &[b'y'; 100]].concat();
    let number = 4_111_111_111_111_111_i64.to_be_bytes();
    let data = binary_copy(PAN.as_bytes(), &number, &numeric(&[4111, 1111, 1111, 1111], 3, 0), &long(PAN));
    for types in [vec![TEXT, INT8, 1700, TEXT], vec![]] {
        let mut outcomes = Vec::new();
        for size in [1, 2, 3, 7, 16, 1000, 100_000] {
            let mut walker = CopyBinaryWalker::new(types.clone());
            let (mut held, mut sent) = (Vec::new(), Vec::new());
            for chunk in data.chunks(size) {
                held.extend(chunk);
                let settled = walker.push(&mut held).unwrap();
                sent.extend(held.drain(..settled));
                assert!(held.len() <= CopyBinaryWalker::MAX_HELD);
            }
            assert_eq!(walker.finish(&held).unwrap().pan, 8, "chunks of {size}");
            assert_eq!(sent.len(), data.len());
            outcomes.push(sent);
        }
        assert!(outcomes.iter().all(|sent| sent == &outcomes[0]));
        let text = String::from_utf8_lossy(&outcomes[0]).into_owned();
        assert_eq!(text.matches("411111******1111").count(), 4);
        assert!(!text.contains(PAN) && !outcomes[0].windows(8).any(|w| w == number));
    }
}

#[test]
fn what_is_no_binary_copy_is_refused() {
    let good = binary_copy(b"a", b"b", b"c", b"d");
    let mut walker = CopyBinaryWalker::new(vec![]);
    assert_eq!(walker.push(&mut b"PGCOPY\n\xFF\r\n1\0\0\0\0\0\0\0\0".to_vec()), Err(Malformed::Length));
    let mut walker = CopyBinaryWalker::new(vec![]);
    assert_eq!(walker.push(&mut [good.as_slice(), b"more"].concat()), Err(Malformed::Length));
    let mut walker = CopyBinaryWalker::new(vec![]);
    let mut cut = good[..good.len() - 20].to_vec();
    let settled = walker.push(&mut cut).unwrap();
    assert_eq!(walker.finish(&cut[settled..]), Err(Malformed::Length));
}
