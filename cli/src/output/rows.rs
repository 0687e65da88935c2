//! Rows of a result: aligned for people, json, ndjson and csv for programs. NULL and empty stay apart in each.

use std::io::Write;

use hoop_api::Untrusted;
use serde::de::IgnoredAny;
use unicode_width::UnicodeWidthStr as _;

use crate::error::Failure;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned, for people; control characters escaped.
    Table,
    /// One array of objects per result.
    Json,
    /// One object per line.
    Ndjson,
    /// RFC 4180 with a heading; NULL is nothing, the empty text is `""`.
    Csv,
}

/// One column of a result.
#[derive(Debug, Clone)]
pub struct Column {
    name: String,
    type_oid: u32,
}

/// Type oids of PostgreSQL's catalogue (`pg_type.dat`) that JSON has a form for.
const BOOL: u32 = 16;
const NUMBERS: [u32; 7] = [20, 21, 23, 26, 700, 701, 1700];
const JSONS: [u32; 2] = [114, 3802];

impl Column {
    /// A column of the type with this oid.
    #[must_use]
    pub fn new(name: &str, type_oid: u32) -> Self {
        Self { name: name.to_owned(), type_oid }
    }

    /// A column of text.
    #[must_use]
    pub fn text(name: &str) -> Self {
        Self::new(name, 25)
    }

    fn is_number(&self) -> bool {
        NUMBERS.contains(&self.type_oid)
    }
}

/// A writer of results.
pub struct Rows<W> {
    format: Format,
    out: W,
    columns: Vec<Column>,
    // The aligned form needs every width before its first line.
    held: Vec<Vec<Option<String>>>,
    count: u64,
}

impl<W: Write> Rows<W> {
    /// Writes to `out`.
    pub fn new(format: Format, out: W) -> Self {
        Self { format, out, columns: Vec::new(), held: Vec::new(), count: 0 }
    }

    /// Begins a result.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn begin(&mut self, columns: Vec<Column>) -> Result<(), Failure> {
        self.columns = distinct(columns, self.format);
        self.count = 0;
        match self.format {
            Format::Table => self.held.clear(),
            Format::Json => self.put("[")?,
            Format::Ndjson => {}
            Format::Csv => {
                let heading =
                    self.columns.iter().map(|c| csv_cell(Some(&c.name))).collect::<Vec<_>>().join(",");
                self.put(&format!("{heading}\n"))?;
            }
        }
        Ok(())
    }

    /// Writes one row; `None` is NULL.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn row<'a>(&mut self, cells: impl Iterator<Item = Option<&'a str>>) -> Result<(), Failure> {
        self.count += 1;
        match self.format {
            Format::Table => {
                self.held.push(cells.map(|c| c.map(str::to_owned)).collect());
                Ok(())
            }
            Format::Json => {
                let object = self.object(cells)?;
                let lead = if self.count == 1 { "\n  " } else { ",\n  " };
                self.put(&format!("{lead}{object}"))
            }
            Format::Ndjson => {
                let object = self.object(cells)?;
                self.put(&format!("{object}\n"))
            }
            Format::Csv => {
                let line = cells.map(csv_cell).collect::<Vec<_>>().join(",");
                self.put(&format!("{line}\n"))
            }
        }
    }

    /// Ends a result.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn end(&mut self) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.put_table()?,
            Format::Json => self.put(if self.count == 0 { "]\n" } else { "\n]\n" })?,
            Format::Ndjson | Format::Csv => {}
        }
        self.flush()
    }

    /// Hands everything on.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|e| Failure::stdout(&e))
    }

    /// Writes bytes as they are, for COPY.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(|e| Failure::stdout(&e))
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.raw(text.as_bytes())
    }

    fn object<'a>(&self, cells: impl Iterator<Item = Option<&'a str>>) -> Result<String, Failure> {
        let broken = |e| Failure::unreachable(format!("a row cannot be written as JSON: {e}"));
        let mut text = String::from("{");
        for (i, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            if i > 0 {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(&column.name).map_err(broken)?);
            text.push(':');
            text.push_str(&json_value(column, cell).map_err(broken)?);
        }
        text.push('}');
        Ok(text)
    }

    fn put_table(&mut self) -> Result<(), Failure> {
        let cells: Vec<Vec<String>> = std::mem::take(&mut self.held)
            .iter()
            .map(|row| row.iter().map(|cell| shown(cell.as_deref())).collect())
            .collect();
        let names: Vec<String> =
            self.columns.iter().map(|c| Untrusted::new(c.name.as_str()).to_string()).collect();
        let widths: Vec<usize> = names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                cells.iter().filter_map(|row| row.get(i)).map(|c| c.width()).fold(name.width(), usize::max)
            })
            .collect();
        let heading: Vec<String> = names.iter().zip(&widths).map(|(n, w)| pad(n, *w, false)).collect();
        self.put(&format!(" {}\n", heading.join(" | ").trim_end()))?;
        let rule: Vec<String> = widths.iter().map(|w| "-".repeat(w + 2)).collect();
        self.put(&format!("{}\n", rule.join("+")))?;
        for row in &cells {
            let line: Vec<String> = row
                .iter()
                .zip(self.columns.iter().zip(&widths))
                .map(|(cell, (column, width))| pad(cell, *width, column.is_number()))
                .collect();
            self.put(&format!(" {}\n", line.join(" | ").trim_end()))?;
        }
        let word = if self.count == 1 { "row" } else { "rows" };
        self.put(&format!("({} {word})\n", self.count))
    }
}

/// Names of an object have to differ; PostgreSQL's columns need not (`SELECT 1, 2`).
fn distinct(mut columns: Vec<Column>, format: Format) -> Vec<Column> {
    if !matches!(format, Format::Json | Format::Ndjson) {
        return columns;
    }
    let mut seen = std::collections::HashSet::new();
    for column in &mut columns {
        let base = column.name.clone();
        let mut n = 2;
        while !seen.insert(column.name.clone()) {
            column.name = format!("{base}_{n}");
            n += 1;
        }
    }
    columns
}

/// NULL is the bare word; the text `NULL` stands in quotes.
fn shown(cell: Option<&str>) -> String {
    match cell {
        None => "NULL".to_owned(),
        Some("NULL") => "\"NULL\"".to_owned(),
        Some(text) => Untrusted::new(text).to_string(),
    }
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let fill = " ".repeat(width.saturating_sub(text.width()));
    if right { format!("{fill}{text}") } else { format!("{text}{fill}") }
}

fn csv_cell(cell: Option<&str>) -> String {
    match cell {
        None => String::new(),
        Some(text) if text.is_empty() || text.contains(['"', ',', '\r', '\n']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(text) => text.to_owned(),
    }
}

/// Numbers keep all their digits: their text is copied, never read into a float. `NaN` and the like are texts.
fn json_value(column: &Column, cell: Option<&str>) -> Result<String, serde_json::Error> {
    let Some(text) = cell else { return Ok("null".to_owned()) };
    match (column.type_oid, text) {
        (BOOL, "t") => return Ok("true".to_owned()),
        (BOOL, "f") => return Ok("false".to_owned()),
        (oid, text) if NUMBERS.contains(&oid) || JSONS.contains(&oid) => {
            if serde_json::from_str::<IgnoredAny>(text).is_ok() && !text.contains(['\n', '\r']) {
                return Ok(text.to_owned());
            }
        }
        (_, _) => {}
    }
    serde_json::to_string(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let mut out = Vec::new();
        let mut rows = Rows::new(format, &mut out);
        rows.begin(vec![
            Column::new("id", 23),
            Column::text("note"),
            Column::text("note"),
            Column::new("ok", 16),
        ])
        .unwrap();
        rows.row([Some("1"), None, Some(""), Some("t")].into_iter()).unwrap();
        rows.row([Some("22"), Some("NULL"), Some("a,\"b\"\nc\u{1b}[31m"), Some("f")].into_iter()).unwrap();
        rows.end().unwrap();
        drop(rows);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn null_empty_and_hazards_in_each_format() {
        insta::assert_snapshot!(written(Format::Table), @r#"
         id | note   | note               | ok
        ----+--------+--------------------+----
          1 | NULL   |                    | t
         22 | "NULL" | a,"b"\nc\u{1b}[31m | f
        (2 rows)
        "#);
        assert_eq!(
            written(Format::Csv),
            "id,note,note,ok\n1,,\"\",t\n22,NULL,\"a,\"\"b\"\"\nc\u{1b}[31m\",f\n"
        );
        assert_eq!(
            written(Format::Ndjson),
            "{\"id\":1,\"note\":null,\"note_2\":\"\",\"ok\":true}\n{\"id\":22,\"note\":\"NULL\",\"note_2\":\"a,\\\"b\\\"\\nc\\u001b[31m\",\"ok\":false}\n"
        );
        let json: serde_json::Value = serde_json::from_str(&written(Format::Json)).unwrap();
        assert_eq!(json[1]["id"], 22);
    }

    #[test]
    fn json_keeps_digits_and_never_breaks() {
        let numeric = Column::new("n", 1700);
        assert_eq!(
            json_value(&numeric, Some("0.10000000000000000000001")).unwrap(),
            "0.10000000000000000000001"
        );
        assert_eq!(json_value(&numeric, Some("NaN")).unwrap(), "\"NaN\"");
        assert_eq!(json_value(&Column::new("j", 3802), Some("{\"a\": 1}")).unwrap(), "{\"a\": 1}");
        assert_eq!(json_value(&Column::new("j", 114), Some("{broken")).unwrap(), "\"{broken\"");
    }
}
