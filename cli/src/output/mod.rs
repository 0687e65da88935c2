//! What people and programs read: data on stdout, all else on stderr.

pub mod approval;
mod rows;

pub use rows::{Column, Format, Rows};

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, UNIX_EPOCH};

use hoop_api::Untrusted;

use crate::error::Failure;

/// True if a person reads stderr.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Asks a question on stderr; `None` where nobody is there to answer.
///
/// # Errors
/// The terminal cannot be read.
pub fn confirm(question: &str) -> Result<Option<bool>, Failure> {
    if !std::io::stdin().is_terminal() || !stderr_is_terminal() {
        return Ok(None);
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| Failure::usage(format!("the answer cannot be read: {}", crate::error::plain(&e))))?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
}

/// Writes a line of data to stdout.
///
/// # Errors
/// Stdout cannot be written.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(|e| Failure::stdout(&e))
}

/// Writes a value as JSON to stdout.
///
/// # Errors
/// Stdout cannot be written.
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::usage(format!("the answer cannot be written as JSON: {e}")))?;
    line(&text)
}

/// Writes rows of text under headings, each cell escaped.
///
/// # Errors
/// Stdout cannot be written.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let columns: Vec<Column> = headings.iter().map(|h| Column::text(h)).collect();
    let mut out = Rows::new(Format::Table, std::io::stdout().lock());
    out.begin(columns)?;
    for row in rows {
        out.row(row.iter().map(|cell| Some(cell.as_str())))?;
    }
    out.end()
}

/// A moment in UTC, `2026-11-23 20:14:28Z`.
#[must_use]
pub fn time(unix_s: i64) -> String {
    let Ok(s) = u64::try_from(unix_s) else { return format!("{unix_s} s") };
    // humantime writes years up to 9999 only; a certificate may claim more.
    let moment = UNIX_EPOCH + Duration::from_secs(s.min(253_402_300_799));
    humantime::format_rfc3339_seconds(moment).to_string().replace('T', " ")
}

/// A length of time in its two largest units, `1 h 5 min`.
#[must_use]
pub fn span(s: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = UNITS.iter().position(|(size, _)| s >= *size).unwrap_or(3);
    let (size, name) = UNITS[first];
    let head = format!("{} {name}", s / size);
    match UNITS.get(first + 1) {
        Some((small, unit)) if s % size >= *small => format!("{head} {} {unit}", s % size / small),
        Some(_) | None => head,
    }
}

/// Text from outside, made safe to print.
#[must_use]
pub fn safe(text: &str) -> String {
    Untrusted::new(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans_read_well() {
        assert_eq!(time(784_111_777), "1994-11-06 08:49:37Z");
        assert_eq!(time(i64::MAX), "9999-12-31 23:59:59Z");
        for (s, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_900, "1 h 5 min"),
            (3_601, "1 h"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(s), text);
        }
    }
}
