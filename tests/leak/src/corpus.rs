//! Files of statements: a name, SQL, and a class or what is expected, separated by tabs, with a line of headings.

use std::path::Path;

/// A statement of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    pub sql: String,
    /// The class of an attack; `same`, `aggr`, `masked` or `refused` of a benign statement.
    pub word: String,
}

impl Row {
    /// It may have changed something that has to be put back.
    pub fn is_dirty(&self) -> bool {
        const WORDS: [&str; 14] = [
            "update", "insert", "delete", "create", "alter", "merge", "truncate", "copy", "drop", "setval",
            "nextval", "comment", "grant", "do",
        ];
        let lower = self.sql.to_lowercase();
        lower.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| WORDS.contains(&word))
    }
}

/// The statements of a file.
pub fn read(file: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(file).expect("the corpus can be read");
    let rows = text.lines().skip(1).filter(|l| !l.is_empty() && !l.starts_with('#'));
    rows.map(|line| {
        let mut parts = line.split('\t');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        Row { name: next(), sql: next(), word: next() }
    })
    .collect()
}

/// What is sent one after the other: parts end with `;` and a blank, outside of `$$`.
pub fn parts(sql: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    let bytes = sql.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if sql[at..].starts_with("$$") {
            quoted = !quoted;
            at += 2;
        } else if !quoted && bytes[at] == b';' && bytes.get(at + 1).is_some_and(u8::is_ascii_whitespace) {
            parts.push(&sql[start..at]);
            start = at + 1;
            while bytes.get(start).is_some_and(u8::is_ascii_whitespace) {
                start += 1;
            }
            at = start;
        } else {
            at += sql[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    parts.push(&sql[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_outside_of_dollar_quotes() {
        assert_eq!(parts("SELECT 1; SELECT 'é;x'"), ["SELECT 1", "SELECT 'é;x'"]);
        assert_eq!(parts("DO $$ BEGIN a; b; END $$;  SELECT 2;"), ["DO $$ BEGIN a; b; END $$", "SELECT 2;"]);
    }

    #[test]
    fn what_writes_is_dirty() {
        let row = |sql: &str| Row { name: String::new(), sql: sql.to_owned(), word: String::new() };
        assert!(row("WITH a AS (DELETE FROM t) SELECT 1").is_dirty());
        assert!(!row("SELECT updated FROM inserts").is_dirty());
    }
}
