//! Magnetic-stripe and chip data written as text: redacted whole, because even its ciphertext must not be kept after
//! authorisation (PCI DSS 3.3.1.1).

use crate::card::is_card_number_in_context;
use crate::exempt::{LOOKAHEAD, View};
use std::ops::Range;

/// ISO/IEC 7813: track 1 has at most 79 characters, track 2 at most 40. What is taken for the rest of track 1 may be
/// somewhat longer, but never longer than what a scanner of chunks waits for.
const TRACK_1_REST: usize = LOOKAHEAD - 2;
const TRACK_2_MAX: usize = 40;
/// Expiry (4) and service code (3) follow the separator of track 2; less is somebody's "number = value".
const TRACK_2_TAIL_MIN: usize = 7;

/// Where the track data that begins with a card number ends, given the offset behind the card number.
pub(crate) fn track_end(buf: &[u8], pan_end: usize) -> Option<usize> {
    let rest = buf.get(pan_end..)?;
    match rest {
        [b'^', ..] => {
            let name = rest.get(1..)?.iter().take(TRACK_1_REST - 2).position(|&b| b == b'^')?;
            let tail = rest.get(name + 2..)?;
            let left = TRACK_1_REST - (name + 2);
            tail.first()?.is_ascii_digit().then(|| pan_end + name + 2 + stripe(tail, left))
        }
        [b'=' | b'D' | b'd', tail @ ..] => digits_end(tail).map(|len| pan_end + 1 + len),
        [b'\\', b'u', b'0', b'0', b'3', b'd' | b'D', tail @ ..] => {
            digits_end(tail).map(|len| pan_end + 6 + len)
        }
        _ => None,
    }
}

fn digits_end(tail: &[u8]) -> Option<usize> {
    let digits = tail.iter().take(TRACK_2_MAX).take_while(|b| b.is_ascii_digit()).count();
    (digits >= TRACK_2_TAIL_MIN).then_some(digits)
}

/// How many bytes belong to the discretionary part of track 1.
fn stripe(tail: &[u8], max: usize) -> usize {
    let plain = |b: &u8| matches!(b, b' ' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'/' | b'^' | b'-');
    tail.iter().take(max).take_while(|b| plain(b)).count()
}

/// EMV Book 3 annex A: tag 5A (card number) and 57 (track 2 equivalent) in a hex text, whose value has a digit in
/// `group`. Gives the bytes of the value.
pub(crate) fn emv_value(view: View<'_>, group: Range<usize>) -> Option<Range<usize>> {
    (-4..group.len() as isize).find_map(|offset| {
        let tag = group.start as isize + offset;
        let mut head = [0; 4];
        for (slot, at) in head.iter_mut().zip(tag..) {
            *slot = view.byte(at)?;
        }
        let length = usize::from(hex_byte(head.get(2..)?)?);
        let from = usize::try_from(tag + 4).ok().filter(|from| group.contains(from))?;
        let value = view.buf.get(from..from + 2 * length)?;
        let is_value = match head {
            [b'5', b'A' | b'a', ..] => (6..=10).contains(&length) && is_padded_card(value),
            [b'5', b'7', ..] => (8..=19).contains(&length) && is_track_2(value),
            _ => false,
        };
        is_value.then_some(from..from + 2 * length)
    })
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let pair = std::str::from_utf8(pair).ok()?;
    u8::from_str_radix(pair, 16).ok()
}

fn is_padded_card(value: &[u8]) -> bool {
    let digits = value.strip_suffix(b"F").or_else(|| value.strip_suffix(b"f")).unwrap_or(value);
    is_card_number_in_context(digits).is_some()
}

fn is_track_2(value: &[u8]) -> bool {
    let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    let (pan, tail) = value.split_at(digits);
    matches!(tail, [b'D' | b'd', ..]) && is_card_number_in_context(pan).is_some()
}

/// The digits of a card number spelled as the hex of its ASCII digits (`34313131…`), two characters each.
pub(crate) fn hex_spelled(digits: &[u8]) -> Option<([u8; 19], usize)> {
    let n = digits.len() / 2;
    if !digits.len().is_multiple_of(2) || n > 19 {
        return None;
    }
    let mut spelled = [0; 19];
    for (slot, pair) in spelled.iter_mut().zip(digits.chunks_exact(2)) {
        let [b'3', digit] = *pair else { return None };
        *slot = digit;
    }
    is_card_number_in_context(spelled.get(..n)?).map(|_| (spelled, n))
}
