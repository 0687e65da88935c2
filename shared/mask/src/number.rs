//! Numbers that must stay numbers: written out (bigint, numeric, double, JSON) and binary bigint and double. Binary
//! numeric has its own module.

use crate::card::{Hit, MAX_DIGITS, MIN_DIGITS, find_in_run, is_card_number, zero_in_run};
use std::ops::Range;

/// The most digits of a written number that are looked at.
const MAX_WRITTEN: usize = 64;

/// Masks a number written in ASCII (`-?digits[.digits][e±digits]`), keeping it one of the same length; whether it did.
/// `find` looks for the card number in the digits before the point.
pub(crate) fn mask_written(text: &mut [u8], find: impl Fn(&[u8]) -> Option<Hit>) -> bool {
    let sign = text.iter().take_while(|b| !b.is_ascii_digit()).count();
    let digits_len = |from: usize, text: &[u8]| {
        text.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let int = sign..sign + digits_len(sign, text);
    let mut fraction = int.end..int.end;
    if text.get(int.end) == Some(&b'.') {
        fraction = int.end + 1..int.end + 1 + digits_len(int.end + 1, text);
    }
    if let Some(exponent) = exponent(text.get(fraction.end..).unwrap_or_default()) {
        return scan_scientific(text, int, fraction, exponent);
    }
    let Some(digits) = text.get_mut(int) else { return false };
    let hit = find(digits);
    if let Some(hit) = hit {
        zero_in_run(digits, hit, digits.len(), find);
    }
    hit.is_some()
}

/// A card number that is, begins or ends a run of digits.
pub(crate) fn find_anywhere(digits: &[u8]) -> Option<Hit> {
    find_in_run(digits, || false)
}

/// A card number that is the whole number: for bigint, whose long values are mostly random identifiers.
pub(crate) fn find_whole(digits: &[u8]) -> Option<Hit> {
    is_card_number(digits).map(|_| Hit { start: 0, end: digits.len(), tail: false })
}

/// Any whole number as long as a card number: for a column that is known to hold them.
pub(crate) fn find_any(digits: &[u8]) -> Option<Hit> {
    let n = digits.len();
    (MIN_DIGITS..=MAX_DIGITS).contains(&n).then_some(Hit { start: 0, end: n, tail: false })
}

/// Masks each number in a text of numbers and punctuation (`{1,2}`, `[1,2)`); how many.
pub(crate) fn mask_each_written(text: &mut [u8], find: impl Fn(&[u8]) -> Option<Hit>) -> u32 {
    let is_number = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b'e' | b'E');
    text.split_mut(|&b| !is_number(b)).map(|number| u32::from(mask_written(number, &find))).sum()
}

/// Masks an amount of money written with a currency sign and thousands separators; whether it did.
pub(crate) fn scan_money(text: &mut [u8]) -> bool {
    let mut digits = [0; MAX_DIGITS];
    let mut places = [0; MAX_DIGITS];
    let mut n = 0;
    let cents = text.iter().rposition(|&b| b == b'.').unwrap_or(text.len());
    for (at, &byte) in text.iter().enumerate().take(cents).filter(|(_, b)| b.is_ascii_digit()) {
        let (Some(digit), Some(place)) = (digits.get_mut(n), places.get_mut(n)) else { return false };
        (*digit, *place) = (byte, at);
        n += 1;
    }
    let Some(number) = digits.get_mut(..n) else { return false };
    let Some(hit) = find_whole(number) else { return false };
    zero_in_run(number, hit, n, find_whole);
    for (&digit, &place) in number.iter().zip(&places) {
        if let Some(byte) = text.get_mut(place) {
            *byte = digit;
        }
    }
    true
}

fn exponent(text: &[u8]) -> Option<usize> {
    let [b'e' | b'E', rest @ ..] = text else { return None };
    let digits = rest.strip_prefix(b"+").unwrap_or(rest);
    let written = digits.get(..digits.len().min(4))?;
    std::str::from_utf8(written).ok()?.parse().ok()
}

/// `4.111111111111111e+15`: the digits of the mantissa, with zeros up to the exponent.
fn scan_scientific(text: &mut [u8], int: Range<usize>, fraction: Range<usize>, exponent: usize) -> bool {
    let n = int.len().saturating_add(exponent);
    let mut digits = [b'0'; MAX_WRITTEN];
    let places = int.chain(fraction).take(n);
    if n > MAX_DIGITS {
        return false;
    }
    for (slot, place) in digits.iter_mut().zip(places.clone()) {
        *slot = text.get(place).copied().unwrap_or(b'0');
    }
    let Some(number) = digits.get_mut(..n) else { return false };
    let Some(hit) = find_whole(number) else { return false };
    zero_in_run(number, hit, places.clone().count(), find_whole);
    for (digit, place) in number.iter().zip(places.clone()) {
        if let Some(byte) = text.get_mut(place) {
            *byte = *digit;
        }
    }
    true
}

/// Decimal digits of `value`, as ASCII.
fn spell(value: u64) -> ([u8; 20], usize) {
    let mut digits = [b'0'; 20];
    let n = value.checked_ilog10().map_or(1, |log| log as usize + 1);
    let mut rest = value;
    for slot in digits.iter_mut().take(n).rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    (digits, n)
}

fn zeroed(value: u64, find: impl Fn(&[u8]) -> Option<Hit>) -> Option<u64> {
    let (mut digits, n) = spell(value);
    let digits = digits.get_mut(..n)?;
    let hit = find(digits)?;
    zero_in_run(digits, hit, n, find);
    digits.iter().try_fold(0u64, |sum, d| sum.checked_mul(10)?.checked_add(u64::from(d - b'0')))
}

/// Masks a binary bigint, or money in units of 1/`unit` (8 bytes, big-endian); whether it did.
pub(crate) fn mask_int8(bytes: &mut [u8], unit: u64, find: impl Fn(&[u8]) -> Option<Hit>) -> bool {
    let Ok(coded) = <[u8; 8]>::try_from(&*bytes) else { return false };
    let value = i64::from_be_bytes(coded);
    let size = value.unsigned_abs();
    let masked = zeroed(size / unit, find)
        .and_then(|m| m.checked_mul(unit)?.checked_add(size % unit))
        .and_then(|m| i64::try_from(m).ok());
    let Some(masked) = masked else { return false };
    bytes.copy_from_slice(&(if value < 0 { -masked } else { masked }).to_be_bytes());
    true
}

/// Masks a binary double (8 bytes, big-endian) that holds a whole number; whether it did.
pub(crate) fn scan_float8(bytes: &mut [u8]) -> bool {
    let Ok(coded) = <[u8; 8]>::try_from(&*bytes) else { return false };
    let value = f64::from_be_bytes(coded);
    let size = value.abs();
    if !(1e11..1e19).contains(&size) {
        return false;
    }
    let Some(mut masked) = zeroed(size.trunc() as u64, find_whole) else { return false };
    // Above 2^53 a double keeps fewer digits than the number has: step until what it keeps is no card number.
    let mut kept = masked as f64;
    while zeroed(kept as u64, find_whole).is_some() {
        masked = masked.saturating_add(100_000);
        kept = masked as f64;
    }
    bytes.copy_from_slice(&kept.copysign(value).to_be_bytes());
    true
}
