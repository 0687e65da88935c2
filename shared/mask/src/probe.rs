//! The probe: may these bytes hold anything that the scanner would find? It must answer yes whenever the scanner would
//! act, and answer fast when not, because nearly every read of rows holds nothing.

use crate::card::MIN_DIGITS;
use crate::lex::{KINDS, Kind, Symbol, lex};
use memchr::{memchr_iter, memchr2_iter};

/// More separators in a row than this end a number (as in `span`).
const MAX_GAP: usize = 4;
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
    let digits = find_digits(bytes);
    let escape = memchr_iter(b'\\', bytes).find(|&at| is_suspect_escape(bytes, at));
    let cvv = memchr2_iter(b'v', b'V', bytes).find(|&at| is_suspect_cvv(bytes, at));
    [digits, escape, cvv].into_iter().flatten().min()
}

/// A card number without escapes covers at least twelve bytes that are all digits, separators or parts of longer
/// characters: looking at every twelfth byte meets it.
fn find_digits(bytes: &[u8]) -> Option<usize> {
    let mut settled = 0;
    let mut probe = MIN_DIGITS - 1;
    while let Some(&byte) = bytes.get(probe) {
        match KINDS[usize::from(byte)] {
            Kind::Break | Kind::Fill | Kind::Backslash => probe += MIN_DIGITS,
            Kind::Digit | Kind::Separator | Kind::Lead | Kind::Continuation => {
                let Some(start) = run_start(bytes, probe, settled) else {
                    probe += MIN_DIGITS;
                    continue;
                };
                let (end, suspect) = walk(bytes, start);
                if suspect {
                    return Some(start);
                }
                settled = end.max(probe + 1);
                probe = settled + MIN_DIGITS - 1;
            }
        }
    }
    None
}

/// The first byte of the run of digits and separators that `probe` is in; `None` when it is in none.
fn run_start(bytes: &[u8], probe: usize, settled: usize) -> Option<usize> {
    let mut start = None;
    let mut at = probe;
    loop {
        match KINDS[usize::from(*bytes.get(at)?)] {
            Kind::Digit | Kind::Separator => start = Some(at),
            Kind::Lead | Kind::Continuation => {
                let lead = (at.saturating_sub(3)..=at)
                    .rev()
                    .find(|&i| bytes.get(i).is_some_and(|&b| KINDS[usize::from(b)] != Kind::Continuation))?;
                let (symbol, len) = lex(bytes, lead, true)?;
                if symbol == Symbol::Break || lead + len <= at {
                    return start;
                }
                start = Some(lead);
                at = lead;
            }
            Kind::Break | Kind::Fill | Kind::Backslash => return start,
        }
        if at <= settled {
            return start;
        }
        at -= 1;
    }
}

/// Walks a run from its start: where it ends, and whether it holds twelve digits of one number.
fn walk(bytes: &[u8], start: usize) -> (usize, bool) {
    let (mut at, mut digits, mut gap) = (start, 0, 0);
    while at < bytes.len() {
        match lex(bytes, at, true) {
            Some((Symbol::Digit(_), len)) => {
                digits += 1;
                gap = 0;
                at += len;
                if digits >= MIN_DIGITS {
                    return (at, true);
                }
            }
            Some((Symbol::Separator(_), len)) => {
                gap += 1;
                if gap > MAX_GAP {
                    digits = 0;
                }
                at += len;
            }
            Some((Symbol::Fill | Symbol::Break, _)) | None => return (at, false),
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
