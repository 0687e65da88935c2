//! What is wrong with a configuration: every fault at once, each with its place, the line and a hint.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use hoop_api::Untrusted;

/// Longest piece of a line that a fault shows, characters.
const EXCERPT: usize = 100;

/// Keys whose values are secret when someone writes them out by mistake; such a line is shown up to its `=`.
const SECRET_WORDS: [&str; 4] = ["password", "secret", "token", "passphrase"];

/// One thing that is wrong, said so that the reader can act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    message: String,
    hint: Option<String>,
    place: Option<Box<Place>>,
}

/// Where a fault is: a file, and a line in it when there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    file: PathBuf,
    line: Option<Line>,
}

/// A line as it is shown: already escaped and cut, with the columns to underline.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    number: usize,
    column: usize,
    text: String,
    mark: Range<usize>,
}

/// All that is wrong, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Fault {
    /// A fault without a place; `message` is lower case, without a final period.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, place: None }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says which file it is about, without a line.
    #[must_use]
    pub fn of_file(mut self, file: &Path) -> Self {
        self.place = Some(Box::new(Place { file: file.to_owned(), line: None }));
        self
    }

    /// Says which bytes of `text`, the content of `file`, it is about.
    #[must_use]
    pub fn at(mut self, file: &Path, text: &str, span: Range<usize>) -> Self {
        self.place = Some(Box::new(Place { file: file.to_owned(), line: Some(Line::of(text, span)) }));
        self
    }

    /// The sentence, without its place and hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line in its file, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref()?.line.as_ref().map(|line| line.number)
    }
}

impl Faults {
    /// `Ok(value)` when there are none.
    ///
    /// # Errors
    /// All of `faults`, when there are any.
    pub fn or<T>(faults: Vec<Fault>, value: T) -> Result<T, Self> {
        if faults.is_empty() { Ok(value) } else { Err(Self(faults)) }
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// How many; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty, as the type says")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds the faults of a later check, at the end.
    #[must_use]
    pub fn and(mut self, later: Vec<Fault>) -> Self {
        self.0.extend(later);
        self
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl Line {
    fn of(text: &str, span: Range<usize>) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let number = text[..start].bytes().filter(|b| *b == b'\n').count() + 1;
        let line = text[line_start..line_end].trim_end_matches('\r');
        let column = text[line_start..start].chars().count() + 1;
        // A line of a multi-line text may be a secret whose key stands lines above.
        let hidden = in_long_text(&text[..line_start]) && !line.contains('=');
        let shown = if hidden { "\u{2026}".to_owned() } else { without_secret(line) };
        let from = (start - line_start).min(shown.len());
        let to = (end.min(line_end) - line_start).clamp(from, shown.len());
        let (before, marked, after) = match (shown.get(..from), shown.get(from..to), shown.get(to..)) {
            (Some(before), Some(marked), Some(after)) => (before, marked, after),
            // The span began inside what was taken out.
            _ => (shown.as_str(), "", ""),
        };
        // A long line is cut on both sides of what it is about, so that the caret stays on the screen.
        let before = tail(&escape(before), EXCERPT / 2);
        let left = before.chars().count();
        let marked = head(&escape(marked), EXCERPT - left);
        let mark = left..left + marked.chars().count().max(1);
        let after = head(&escape(after), EXCERPT.saturating_sub(mark.end));
        Self { number, column, text: format!("{before}{marked}{after}").trim_end().to_owned(), mark }
    }
}

fn escape(text: &str) -> String {
    Untrusted::new(text.replace('\t', " ")).to_string()
}

fn head(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

fn tail(text: &str, max: usize) -> String {
    let skip = text.chars().count().saturating_sub(max);
    text.chars().skip(skip).collect()
}

/// The largest character boundary of `text` at or below `index`.
fn floor_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

fn in_long_text(before: &str) -> bool {
    before.contains("\"\"\"") || before.contains("'''")
}

/// A line that names a secret is shown without its value, unless that is a reference: the fault may well be that
/// someone wrote the secret itself, and a fault ends in terminals and logs (PCI DSS 8.3.2).
fn without_secret(line: &str) -> String {
    let Some(equals) = line.find('=') else { return line.to_owned() };
    let lower = line.to_ascii_lowercase();
    let in_url = lower.contains("://") && lower.contains('@');
    let names_secret = in_url || SECRET_WORDS.iter().any(|word| lower.contains(word));
    let value = line[equals + 1..].trim_start().trim_start_matches(['"', '\'']);
    let inline = lower.contains('{');
    if !names_secret || (!inline && (value.starts_with("env:") || value.starts_with("file:"))) {
        return line.to_owned();
    }
    // `\u{2026}` stands for what is not shown.
    format!("{} \u{2026}", &line[..=equals])
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", Untrusted::new(self.message.as_str()))?;
        let line = self.place.as_ref().and_then(|place| place.line.as_ref());
        let width = line.map_or(1, |line| line.number.to_string().len());
        if let Some(place) = &self.place {
            let file = Untrusted::new(place.file.to_string_lossy());
            match line {
                Some(line) => writeln!(f, "{:width$}--> {file}:{}:{}", "", line.number, line.column)?,
                None => writeln!(f, "{:width$}--> {file}", "")?,
            }
        }
        if let Some(line) = line {
            let indent = line.mark.start;
            let carets = "^".repeat(line.mark.len());
            writeln!(f, "{:width$} |", "")?;
            writeln!(f, "{} | {}", line.number, line.text)?;
            writeln!(f, "{:width$} | {:indent$}{carets}", "", "")?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "{:width$} = hint: {}", "", Untrusted::new(hint.as_str()))?;
        }
        Ok(())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{fault}")?;
        }
        let plural = if self.len() == 1 { "" } else { "s" };
        write!(f, "{} fault{plural}", self.len())
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_by_mistake_is_not_shown() {
        for text in [
            "password = \"hunter2hunter2\"",
            "t = { Password = 'hunter2hunter2' }",
            "address = \"postgres://app:hunter2@db/app\"",
        ] {
            let fault = Fault::new("x").at(Path::new("f"), text, text.len() - 5..text.len());
            assert!(!fault.to_string().contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn a_long_text_is_not_shown() {
        let text = "password = \"\"\"\nhunter2hunter2\n";
        let fault = Fault::new("x").at(Path::new("f"), text, 20..21);
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }

    #[test]
    fn a_reference_is_shown() {
        let text = "password = \"env:DB\"";
        assert!(Fault::new("x").at(Path::new("f"), text, 11..19).to_string().contains("env:DB"));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let text = "name = \"\u{1b}]0;x\u{7}\u{202e}\"";
        let shown = Fault::new("x").at(Path::new("f"), text, 7..10).to_string();
        assert!(!shown.chars().any(|c| c != '\n' && Untrusted::is_hazardous(c)), "{shown:?}");
    }

    #[test]
    fn the_caret_is_under_the_word() {
        let text = "a = 1\nlong = \"é\" # x\n";
        let shown = Fault::new("bad").at(Path::new("f.toml"), text, 13..17).to_string();
        assert_eq!(shown, "error: bad\n --> f.toml:2:8\n  |\n2 | long = \"é\" # x\n  |        ^^^\n");
    }
}
