//! The text for the ledger: the statement without a single constant or comment (DESIGN, what is never written).
//!
//! It is made from PostgreSQL's own tokens, not from the tree: every literal, whatever clause it stands in
//! (passwords, COPY options, DO bodies, comments on objects), is one of seven token kinds and becomes `?`. Comments
//! and the amount of white space go. Names can smuggle digits too, so runs of digits in them are taken out unless
//! the caller knows the name.

use pg_query::protobuf::Token as T;

use crate::scan::scan;

/// Longest record, in bytes; what is beyond it is replaced by `…`.
pub const RECORD_BYTES: usize = 8 * 1024;

/// Parameters above this number lose it: `$737` could be a card's security code.
const PARAM_MAX: u32 = 99;

/// Digits in a row that a name may keep: a card security code has three (PCI DSS 3.3.1.2).
const DIGITS_MAX: usize = 2;

/// Digits in a row that even a known name may not keep: the shortest card number has twelve (ISO/IEC 7812).
const KNOWN_DIGITS_MAX: usize = 11;

/// Names of functions and types of `pg_catalog` and contrib that have three digits in a row.
const BUILT_IN: &[&str] = &["sha224", "sha256", "sha384", "sha512", "crc32c", "soundex"];

/// The record of `text`, or `None` when the scanner does not take it. `known` says which names may keep short runs
/// of digits, such as `orders_2024` of the target's catalogue; without a catalogue pass `|_| false`.
#[must_use]
pub fn record(text: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    let tokens = scan(text)?;
    let mut out = String::with_capacity(text.len().min(RECORD_BYTES));
    let mut end = 0;
    for token in tokens {
        let (start, stop) = (usize::try_from(token.start).ok()?, usize::try_from(token.end).ok()?);
        let word = text.get(start..stop)?;
        let kind = T::try_from(token.token).ok()?;
        if matches!(kind, T::SqlComment | T::CComment) {
            continue;
        }
        if start > end && !out.is_empty() {
            out.push(' ');
        }
        end = stop;
        match kind {
            T::Fconst | T::Sconst | T::Usconst | T::Bconst | T::Xconst | T::Iconst => out.push('?'),
            T::Param => out.push_str(&param(word)),
            // Unicode escapes spell digits that no digit rule sees.
            T::Uident => out.push_str("\"?\""),
            T::Ident => out.push_str(&name(word, &known)),
            // Keywords, operators and punctuation hold no digits; whatever else does is cut.
            _ if word.chars().any(char::is_numeric) => out.push('?'),
            _ => out.push_str(word),
        }
        if out.len() > RECORD_BYTES {
            return Some(cap(out));
        }
    }
    Some(out)
}

fn param(word: &str) -> String {
    match word.strip_prefix('$').map(str::parse::<u32>) {
        Some(Ok(n)) if n <= PARAM_MAX => format!("${n}"),
        _ => "$?".to_owned(),
    }
}

fn name(word: &str, known: &impl Fn(&str) -> bool) -> String {
    let bare = word.trim_matches('"');
    let folded = if word.starts_with('"') { bare.replace("\"\"", "\"") } else { bare.to_lowercase() };
    let longest = longest_run(bare);
    let keep = longest <= DIGITS_MAX
        || BUILT_IN.contains(&&*folded)
        || (longest <= KNOWN_DIGITS_MAX && known(&folded));
    if keep { word.to_owned() } else { without_digits(word) }
}

/// The most digits (of any script) that follow one another with nothing but separators between: `4111-1111` counts 8.
fn longest_run(name: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in name.chars() {
        if c.is_numeric() {
            run += 1;
            longest = longest.max(run);
        } else if c.is_alphabetic() {
            run = 0;
        }
    }
    longest
}

fn without_digits(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        if !c.is_numeric() {
            out.push(c);
        } else if !out.ends_with('?') {
            out.push('?');
        }
    }
    out
}

fn cap(mut out: String) -> String {
    let mut at = RECORD_BYTES - '…'.len_utf8();
    while !out.is_char_boundary(at) {
        at -= 1;
    }
    out.truncate(at);
    out.push('…');
    out
}
