//! Binary `numeric`: a header of four 16-bit words, then groups of four decimal digits (PostgreSQL `numeric_send`,
//! src/backend/utils/adt/numeric.c).

use crate::card::{Hit, zero_in_run};

const HEADER: usize = 8;
/// The most groups of an integer part that are looked at; 64 digits.
const MAX_GROUPS: usize = 16;
/// Signs of the values that are numbers; NaN and the infinities have others.
const POSITIVE: u16 = 0;
const NEGATIVE: u16 = 0x4000;

/// Masks a binary numeric in whose integer part `find` finds a card number; whether it did. The value stays a numeric of
/// the same length and scale.
pub(crate) fn mask_numeric(bytes: &mut [u8], find: impl Fn(&[u8]) -> Option<Hit>) -> bool {
    let Some((header, groups)) = bytes.split_at_mut_checked(HEADER) else { return false };
    let word = |i: usize| {
        header.get(2 * i..2 * i + 2).and_then(|b| <[u8; 2]>::try_from(b).ok()).map(u16::from_be_bytes)
    };
    let (Some(count), Some(weight), Some(sign)) = (word(0), word(1), word(2)) else { return false };
    let present = usize::from(count);
    // weight + 1 groups stand before the decimal point; a negative weight is a pure fraction.
    let integer = usize::try_from(i32::from(weight as i16) + 1).unwrap_or(0);
    if !matches!(sign, POSITIVE | NEGATIVE)
        || groups.len() != 2 * present
        || !(3..=MAX_GROUPS).contains(&integer)
    {
        return false;
    }
    let mut digits = [b'0'; 4 * MAX_GROUPS];
    for (slots, group) in digits.chunks_exact_mut(4).zip(groups.chunks_exact(2)).take(integer) {
        let Ok(value @ 0..10_000) = <[u8; 2]>::try_from(group).map(u16::from_be_bytes) else { return false };
        for (slot, divisor) in slots.iter_mut().zip([1000, 100, 10, 1]) {
            *slot = b'0' + (value / divisor % 10) as u8;
        }
    }
    let Some(digits) = digits.get_mut(..4 * integer) else { return false };
    let zeros = digits.iter().take_while(|&&d| d == b'0').count();
    let Some(number) = digits.get_mut(zeros..) else { return false };
    let Some(hit) = find(number) else { return false };
    zero_in_run(number, hit, (4 * present).saturating_sub(zeros), find);
    for (group, slots) in groups.chunks_exact_mut(2).zip(digits.chunks_exact(4)) {
        let value = slots.iter().fold(0u16, |sum, d| sum * 10 + u16::from(d - b'0'));
        group.copy_from_slice(&value.to_be_bytes());
    }
    true
}
