//! Masking: it keeps lengths, is done once, does not depend on where chunks end, and the probe before it misses nothing.

use hoop_mask::{
    Class, ColumnMask, Columns, CopyBinaryWalker, MAX_HELD, Mode, StreamScanner, may_hold_card, scan_row,
    scan_text,
};
use hoop_pgwire::backend::DataRow;

/// Types by oid (PostgreSQL, `pg_type.dat`): one of each way of scanning, and one unknown.
const TYPES: [u32; 16] =
    [0, 17, 20, 25, 114, 199, 701, 790, 1016, 1043, 1231, 1700, 2249, 3802, 3906, 99_999];

/// Any bytes as free text.
pub fn mask_text(data: &[u8]) {
    let mut once = data.to_vec();
    let counts = scan_text(&mut once);
    assert_eq!(once.len(), data.len());
    assert_eq!(counts.total() > 0, once != data, "what is counted is masked");
    // Bytes that are none may go, as part of a track's name.
    assert!(str::from_utf8(&once).is_ok() || str::from_utf8(data).is_err(), "no UTF-8 any more");
    assert!(once == data || may_hold_card(data), "the probe missed it");
    let mut twice = once.clone();
    scan_text(&mut twice);
    // Behind the word for a security code, the first digits that a mask shows can be taken for one, and hidden too.
    if !names_code(data) {
        assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once), "masked twice");
    }
    // Past the probe that the scanner asks first.
    assert_eq!(in_chunks(Mode::Text, data, data.len().max(1)), once, "without the probe");
}

fn names_code(data: &[u8]) -> bool {
    let lower = data.to_ascii_lowercase();
    lower.windows(3).any(|w| [b"cvv", b"cvc", b"cvn"].iter().any(|word| *word == w))
}

/// The first byte is the kind of data, the second the size of the chunks.
pub fn mask_stream(data: &[u8]) {
    let [kind, size, rest @ ..] = data else { return };
    let size = usize::from(*size).max(1);
    let mode = match kind % 5 {
        0 => Mode::Text,
        1 => Mode::Json,
        2 => Mode::CopyText,
        3 => Mode::Csv,
        _ => {
            let types: Vec<u32> = if kind / 5 % 2 == 0 { Vec::new() } else { TYPES.to_vec() };
            let whole = binary_in_chunks(&types, rest, rest.len().max(1));
            assert_eq!(binary_in_chunks(&types, rest, size), whole, "chunks of {size}");
            return;
        }
    };
    let whole = in_chunks(mode, rest, rest.len().max(1));
    assert_eq!(whole.len(), rest.len());
    let parts = in_chunks(mode, rest, size);
    assert_eq!(String::from_utf8_lossy(&parts), String::from_utf8_lossy(&whole), "chunks of {size}");
    assert!(whole == rest || mode == Mode::Json || may_hold_card(rest), "the probe missed it");
}

fn in_chunks(mode: Mode, data: &[u8], size: usize) -> Vec<u8> {
    let mut scanner = StreamScanner::new(mode);
    let (mut held, mut sent) = (Vec::new(), Vec::new());
    for chunk in data.chunks(size) {
        held.extend_from_slice(chunk);
        let settled = scanner.push(&mut held);
        sent.extend(held.drain(..settled));
        assert!(held.len() <= MAX_HELD, "{} bytes held", held.len());
    }
    let _counts = scanner.finish(&mut held);
    sent.extend(held);
    sent
}

/// What was sent, or nothing where the bytes are not binary COPY.
fn binary_in_chunks(types: &[u32], data: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut walker = CopyBinaryWalker::new(types.to_vec());
    let (mut held, mut sent) = (Vec::new(), Vec::new());
    for chunk in data.chunks(size) {
        held.extend_from_slice(chunk);
        let settled = walker.push(&mut held).ok()?;
        sent.extend(held.drain(..settled));
        assert!(held.len() <= CopyBinaryWalker::MAX_HELD, "{} bytes held", held.len());
    }
    walker.finish(&held).ok()?;
    assert_eq!(sent.len(), data.len());
    Some(sent)
}

/// The first byte is the number of columns, then a byte each for type and format and one for the class; the rest is a
/// DataRow body.
pub fn mask_row(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let Some((described, body)) = rest.split_at_checked(usize::from(count % 8) * 2) else { return };
    let masks: Vec<ColumnMask> = described.as_chunks::<2>().0.iter().map(column).collect();
    let columns = Columns::new(masks.clone());
    let (mut masked, mut spill) = (body.to_vec(), b"left alone".to_vec());
    let before = DataRow::decode(body).ok();
    let fits = before.as_ref().is_some_and(|row| usize::from(row.columns()) == masks.len());
    let Ok(outcome) = scan_row(&mut masked, &columns, &mut spill) else {
        assert!(!fits, "a sound row is refused");
        return;
    };
    assert_eq!(masked.len(), body.len());
    assert_eq!(outcome.reframed, spill != b"left alone");
    let Some(before) = before else {
        // Then nothing looked into it, because nothing in it can be a card number.
        assert!(!columns.needs_fields() && masked == body);
        return;
    };
    let sent = if outcome.reframed { &spill } else { &masked };
    let after = DataRow::decode(sent).unwrap();
    for ((old, new), mask) in before.values().zip(after.values()).zip(&masks) {
        match (old, new) {
            (Some(old), Some(new)) => assert_eq!(old.len(), new.len()),
            (None, None) => {}
            (Some(_), None) => assert!(mask.class.is_some(), "an unclassified value is gone"),
            (None, Some(_)) => panic!("a value out of NULL"),
        }
    }
    if masks.iter().all(|m| m.class.is_none()) {
        let mut twice = masked.clone();
        let again = scan_row(&mut twice, &columns, &mut Vec::new()).unwrap();
        assert_eq!(twice, masked, "masked twice, {again:?}");
    }
}

fn column([kind, class]: &[u8; 2]) -> ColumnMask {
    let class = match class % 16 {
        0 => Some(Class::Pan),
        1 => Some(Class::Cvv),
        2 => Some(Class::Name),
        _ => None,
    };
    ColumnMask { class, type_oid: TYPES[usize::from(kind / 2) % TYPES.len()], binary: kind % 2 == 1 }
}
