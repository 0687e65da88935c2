//! The probe: may these bytes hold anything that the scanner would find? It must answer yes whenever the scanner would
//! act, and answer fast when not, because nearly every read of rows holds nothing.

use crate::card::MIN_DIGITS;
use crate::lex::{KINDS, Kind, Symbol, lex};
use crate::span::MAX_GAP;
use memchr::{memchr2, memchr3_iter};

/// How far behind the letters of `cvv` its digits may begin.
const CVV_REACH: usize = 14;

/// Whether free bytes (whole frames, fields, texts) may hold something that masking would change. No false "no" for
/// text of any type and for binary text, JSON and bytea; the numbers in **binary** numeric, bigint and double columns and
/// the separators in hex `bytea` show only to [`crate::scan_row`], which [`crate::Columns::needs_fields`] tells.
pub fn may_hold_card(bytes: &[u8]) -> bool {
    find_suspect(bytes).is_some()
}

/// Like [`may_hold_card`], with the offset of the first suspect: everything before it is clean, except that what ends
/// just before it may belong to it.
pub fn find_suspect(bytes: &[u8]) -> Option<usize> {
    find_digits(bytes).into_iter().chain(find_letters(bytes)).min()
}

/// Like [`may_hold_card`] for a whole row of a COPY that [`crate::Mode::CopyText`] scans, where tabs and line ends part
/// values. So decimal numbers, which are long where they come from a division, are told from card numbers at once.
pub fn row_may_hold_card(row: &[u8]) -> bool {
    let mut rest = row;
    while rest.len() >= MIN_DIGITS {
        let (field, behind) = match memchr2(b'\t', b'\n', rest) {
            Some(end) => rest.split_at(end),
            None => (rest, &[][..]),
        };
        if field.len() >= MIN_DIGITS && !is_plain_decimal(field) && find_digits(field).is_some() {
            return true;
        }
        rest = behind.get(1..).unwrap_or_default();
    }
    find_letters(row).is_some()
}

/// The most digits behind the point of which the scanner makes nothing: fewer than a card number in chip data or in hex.
const MAX_FRACTION: usize = 18;

/// Whether a value is a decimal number that the scanner leaves: too few digits before the point, few enough behind it,
/// and not grouped as on some cards (6-13).
fn is_plain_decimal(field: &[u8]) -> bool {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    let Some(point) = digits.iter().take(MIN_DIGITS).position(|b| !b.is_ascii_digit()) else { return false };
    let Some((whole, [b'.', fraction @ ..])) = digits.split_at_checked(point) else { return false };
    !whole.is_empty()
        && fraction.len() <= MAX_FRACTION
        && fraction.iter().all(u8::is_ascii_digit)
        && (whole.len(), fraction.len()) != (6, 13)
}

/// What shows by a letter: an escape, or the name of a verification value.
fn find_letters(bytes: &[u8]) -> Option<usize> {
    memchr3_iter(b'\\', b'v', b'V', bytes).find(|&at| match bytes.get(at) {
        Some(b'\\') => is_suspect_escape(bytes, at),
        Some(_) | None => is_suspect_cvv(bytes, at),
    })
}

/// Which bytes a card number without escapes can be made of.
const IN_RUN: [bool; 256] = in_run();

const fn in_run() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(KINDS[byte], Kind::Digit | Kind::Separator | Kind::Lead | Kind::Continuation);
        byte += 1;
    }
    table
}

fn is_in_run(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|&b| IN_RUN[usize::from(b)])
}

/// A card number without escapes covers at least twelve bytes that are all digits, separators or parts of longer
/// characters: looking at every twelfth byte meets it, and it reaches six bytes to one side from there.
fn find_digits(bytes: &[u8]) -> Option<usize> {
    let mut probe = MIN_DIGITS - 1;
    while let Some(&byte) = bytes.get(probe) {
        let reaches =
            IN_RUN[usize::from(byte)] && (is_in_run(bytes, probe - 6) || is_in_run(bytes, probe + 5));
        if !reaches {
            probe += MIN_DIGITS;
            continue;
        }
        let before = bytes.get(..probe).unwrap_or_default().iter().rev();
        let start = probe - before.take_while(|&&b| IN_RUN[usize::from(b)]).count();
        let (end, suspect) = walk(bytes, start);
        if suspect {
            return Some(start);
        }
        probe = end + MIN_DIGITS;
    }
    None
}

/// Walks the bytes of a run from its start: where they end, and whether they hold twelve digits of one number.
fn walk(bytes: &[u8], start: usize) -> (usize, bool) {
    let (mut at, mut digits, mut gap) = (start, 0, 0);
    while let Some(&byte) = bytes.get(at) {
        match KINDS[usize::from(byte)] {
            Kind::Digit => {
                digits += 1;
                gap = 0;
                at += 1;
            }
            Kind::Separator => {
                gap += 1;
                at += 1;
            }
            Kind::Lead => {
                let (symbol, len) = lex(bytes, at, true).unwrap_or((Symbol::Break, 1));
                match symbol {
                    Symbol::Digit(_) => (digits, gap) = (digits + 1, 0),
                    Symbol::Separator(_) => gap += 1,
                    Symbol::Fill | Symbol::Break => digits = 0,
                }
                at += len;
            }
            Kind::Continuation => {
                digits = 0;
                at += 1;
            }
            // An escape may join what stands before and behind it: that is asked for each backslash.
            Kind::Break | Kind::Fill | Kind::Backslash => break,
        }
        if digits >= MIN_DIGITS {
            return (at, true);
        }
        if gap > MAX_GAP {
            digits = 0;
        }
    }
    (at, false)
}

/// A digit in an escape, or an escaped separator behind a digit.
fn is_suspect_escape(bytes: &[u8], at: usize) -> bool {
    match lex(bytes, at, true) {
        Some((Symbol::Digit(_), _)) => true,
        Some((Symbol::Separator(_), _)) => {
            let before = bytes.get(..at).unwrap_or_default().iter().rev().map(|&b| KINDS[usize::from(b)]);
            let mut beyond = before.skip_while(|kind| matches!(kind, Kind::Separator | Kind::Backslash));
            matches!(beyond.next(), Some(Kind::Digit | Kind::Continuation))
        }
        Some((Symbol::Fill | Symbol::Break, _)) | None => false,
    }
}

/// The middle of `cvv`, `cvc` or `cvn` with a digit soon behind.
fn is_suspect_cvv(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    let after = bytes.get(at + 1);
    matches!(before, Some(b'c' | b'C'))
        && matches!(after, Some(b'v' | b'V' | b'c' | b'C' | b'n' | b'N'))
        && bytes
            .get(at + 2..)
            .unwrap_or_default()
            .iter()
            .take(CVV_REACH)
            .any(|&b| matches!(KINDS[usize::from(b)], Kind::Digit | Kind::Lead | Kind::Backslash))
}
