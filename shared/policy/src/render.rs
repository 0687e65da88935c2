//! A fault as people read it: message, place, the line itself, a caret under the column, the hint.

use crate::load::LoadFault;

/// Blanks that a tab is shown as.
const TAB: usize = 4;

impl LoadFault {
    /// The byte of `text`, the content of its file, that it is about.
    #[must_use]
    pub fn offset(&self, text: &str) -> usize {
        let before: usize = text.split_inclusive('\n').take(self.line.saturating_sub(1)).map(str::len).sum();
        let line = text.get(before..).unwrap_or("");
        before + line.chars().take(self.column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
    }

    /// The fault with the line of `text`, the content of its file, that it is about. `word`: `error` or `warning`.
    #[must_use]
    pub fn shown(&self, word: &str, text: &str) -> String {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let mut out = format!("{word}: {}\n", printable(&self.message));
        out += &format!("{gutter}--> {}:{}:{}\n", self.file, self.line, self.column);
        if let Some(line) = text.lines().nth(self.line.saturating_sub(1)) {
            let before: usize = line.chars().take(self.column.saturating_sub(1)).map(width).sum();
            let shown: String =
                line.chars().map(|c| if c == '\t' { " ".repeat(TAB) } else { printable_char(c) }).collect();
            out += &format!("{gutter} |\n{number} | {shown}\n{gutter} | {}^\n", " ".repeat(before));
        }
        if let Some(hint) = &self.hint {
            out += &format!("{gutter} = hint: {}\n", printable(hint));
        }
        out
    }
}

fn width(c: char) -> usize {
    match c {
        '\t' => TAB,
        c => printable_char(c).chars().filter_map(unicode_width::UnicodeWidthChar::width).sum(),
    }
}

fn printable(text: &str) -> String {
    hoop_api::Untrusted::new(text).to_string()
}

fn printable_char(c: char) -> String {
    if hoop_api::Untrusted::is_hazardous(c) { printable(&c.to_string()) } else { c.to_string() }
}
