//! COPY TO STDOUT: its data has no column origin, so classified columns are found by their place in the row, from the
//! statement and the catalogue. Everything else is scanned.

use std::collections::HashMap;
use std::sync::Arc;

use hoop_mask::{Class, CopyBinaryWalker, Counts, Mode, StreamScanner};
use hoop_pgwire::Format;
use hoop_pgwire::backend::CopyResponse;
use hoop_statement::{CopyFormat, CopyShape};

use super::conversation::End;
use crate::gate::Reason;

/// How rows of one COPY are masked by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyMask {
    columns: Vec<Option<Class>>,
    csv: Option<Csv>,
    delimiter: u8,
    header: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Csv {
    quote: u8,
    escape: u8,
}

/// Columns of relations that hold classified ones. Shared by the connections that read the same catalogue.
pub type Relations = Arc<HashMap<(String, String), Vec<(String, Option<Class>)>>>;

/// The mask for a COPY that touches classified relations.
///
/// # Errors
/// A refusal where the place of the classified columns in the data cannot be told: a COPY of a query, binary data, a
/// relation that could be several.
pub fn mask(shape: Option<&CopyShape>, relations: &Relations) -> Result<CopyMask, Arc<Reason>> {
    let Some(shape) = shape else {
        return Err(refused(
            "a COPY of classified columns with these options",
            "use the text or csv format without ENCODING",
        ));
    };
    let Some((schema, relation)) = &shape.relation else {
        return Err(refused(
            "COPY of a query that touches classified columns",
            "COPY the table, or run the query as a SELECT",
        ));
    };
    let csv = match shape.format {
        CopyFormat::Text => None,
        CopyFormat::Csv => Some(Csv { quote: shape.quote, escape: shape.escape }),
        CopyFormat::Binary => {
            return Err(refused("a binary COPY of classified columns", "use the text or csv format"));
        }
    };
    let mut found = relations
        .iter()
        .filter(|((s, r), _)| r == relation && schema.as_ref().is_none_or(|wanted| wanted == s))
        .map(|(_, columns)| columns);
    let (Some(all), None) = (found.next(), found.next()) else {
        return Err(refused("a COPY of a relation that could be several", "write its schema"));
    };
    let class_of = |name: &String| all.iter().find(|(n, _)| n == name).and_then(|(_, c)| c.clone());
    let columns = if shape.columns.is_empty() {
        all.iter().map(|(_, class)| class.clone()).collect()
    } else {
        shape.columns.iter().map(class_of).collect()
    };
    Ok(CopyMask { columns, csv, delimiter: shape.delimiter, header: shape.header })
}

fn refused(what: &str, hint: &str) -> Arc<Reason> {
    Arc::new(Reason {
        sqlstate: "42501",
        rules: vec!["gateway.classified-copy".to_owned()],
        message: format!("{what} cannot be masked"),
        hint: Some(hint.to_owned()),
        position: None,
        record: what.to_owned(),
        approval: None,
    })
}

/// A COPY TO STDOUT under way.
#[derive(Debug)]
pub struct CopyOut {
    mask: Option<Arc<CopyMask>>,
    scan: Scan,
    header_pending: bool,
}

/// How the data is scanned.
#[derive(Debug)]
enum Scan {
    Text(StreamScanner),
    /// PGCOPY; the end of a number may lie in the next message, so what is not settled is kept back by the caller.
    Binary(CopyBinaryWalker),
}

const SHAPELESS: End = End::TargetFault("the target sent COPY data of another shape than it announced");

impl CopyOut {
    /// Begins, or `None` when the server's columns are not those of the mask.
    #[must_use]
    pub fn begin(response: CopyResponse<'_>, mask: Option<Arc<CopyMask>>) -> Option<Self> {
        if let Some(mask) = &mask
            && (response.overall != Format::Text || response.columns.len() != mask.columns.len())
        {
            return None;
        }
        let scan = match response.overall {
            Format::Text => Scan::Text(StreamScanner::new(Mode::CopyText)),
            Format::Binary => Scan::Binary(CopyBinaryWalker::new(Vec::new())),
        };
        let header_pending = mask.as_ref().is_some_and(|m| m.header);
        Some(Self { mask, scan, header_pending })
    }

    /// True when rows are masked by column: they must then be whole.
    #[must_use]
    pub const fn by_column(&self) -> bool {
        self.mask.is_some()
    }

    /// Masks one whole CopyData body, which PostgreSQL fills with one row.
    ///
    /// # Errors
    /// [`End::TargetFault`] for data of another shape.
    pub fn mask_row(&mut self, row: &mut [u8]) -> Result<Counts, End> {
        let mut counts = Counts::default();
        if let Some(mask) = &self.mask {
            if std::mem::take(&mut self.header_pending) {
                return Ok(counts);
            }
            mask.apply(row, &mut counts);
        }
        match self.scan {
            // Nothing of the message before goes on in this one, and most rows hold nothing that could be a number once
            // their classified columns are masked: the probe says so at a tenth of the scanner's cost.
            Scan::Text(_) if !hoop_mask::row_may_hold_card(row) => Ok(counts),
            Scan::Text(_) | Scan::Binary(_) => {
                counts.merge(self.mask_piece(row, true)?.1);
                Ok(counts)
            }
        }
    }

    /// Masks a piece; `whole` when the message ends with it. Returns how much of it is settled.
    ///
    /// # Errors
    /// [`End::TargetFault`] for data of another shape.
    pub fn mask_piece(&mut self, piece: &mut [u8], whole: bool) -> Result<(usize, Counts), End> {
        match &mut self.scan {
            Scan::Text(scanner) if whole => Ok((piece.len(), scanner.finish(piece))),
            Scan::Text(scanner) => Ok((scanner.push(piece), Counts::default())),
            Scan::Binary(walker) => {
                let before = walker.counts();
                let settled = walker.push(piece).map_err(|_| SHAPELESS)?;
                // PostgreSQL puts whole rows into a message: nothing may be left over at its end.
                if whole && settled < piece.len() {
                    return Err(SHAPELESS);
                }
                Ok((settled, since(before, walker.counts())))
            }
        }
    }
}

fn since(before: Counts, now: Counts) -> Counts {
    Counts {
        pan: now.pan.saturating_sub(before.pan),
        track: now.track.saturating_sub(before.track),
        ..Counts::default()
    }
}

impl CopyMask {
    fn apply(&self, row: &mut [u8], counts: &mut Counts) {
        let mut column = 0;
        let mut at = 0;
        while at <= row.len() {
            let end = self.field_end(row, at);
            if let Some(Some(class)) = self.columns.get(column)
                && self.overwrite(class, &mut row[at..end])
            {
                counts.add(class);
            }
            // What stands beyond the known columns would be of a shape that the server does not send.
            if column >= self.columns.len() {
                row[at..end].fill(b'*');
            }
            column += 1;
            at = end + 1;
        }
    }

    /// End of the field that begins at `at`: the next delimiter or line end outside escapes and quotes.
    fn field_end(&self, row: &[u8], at: usize) -> usize {
        match self.csv {
            None => self.text_end(row, at),
            Some(csv) => self.csv_end(row, at, csv),
        }
    }

    fn text_end(&self, row: &[u8], at: usize) -> usize {
        let mut from = at;
        while let Some(found) =
            row.get(from..).and_then(|rest| memchr::memchr3(b'\\', self.delimiter, b'\n', rest))
        {
            let end = from + found;
            if row[end] != b'\\' {
                return end;
            }
            from = end + 2;
        }
        row.len()
    }

    fn csv_end(&self, row: &[u8], at: usize, csv: Csv) -> usize {
        let mut i = at;
        let mut quoted = false;
        while let Some(&byte) = row.get(i) {
            if quoted && byte == csv.escape && csv.escape != csv.quote {
                i += 1;
            } else if byte == csv.quote {
                // A doubled quote closes and opens again, which comes to the same.
                quoted = !quoted;
            } else if !quoted && (byte == self.delimiter || byte == b'\n') {
                return i;
            }
            i += 1;
        }
        row.len()
    }

    /// Masks a field in place; false for NULL and empty, which stay.
    fn overwrite(&self, class: &Class, field: &mut [u8]) -> bool {
        // The line end of a server on Windows.
        let trimmed = field.len() - usize::from(field.last() == Some(&b'\r'));
        let field = &mut field[..trimmed];
        if field.is_empty() || (self.csv.is_none() && *field == *b"\\N") {
            return false;
        }
        let inner = match self.csv {
            Some(csv) if field.len() >= 2 && field[0] == csv.quote && field[field.len() - 1] == csv.quote => {
                let end = field.len() - 1;
                &mut field[1..end]
            }
            _ => field,
        };
        // Text of the text format; escapes inside make it anything, so it goes whole.
        let special = inner.iter().any(|b| *b == b'\\' || self.csv.is_some_and(|c| *b == c.quote));
        match class {
            Class::Pan if !special => {
                const TEXT: u32 = 25;
                // A text value is always masked where it lies.
                let _in_place = hoop_mask::mask_classified(class, TEXT, false, inner);
            }
            Class::Pan
            | Class::Cvv
            | Class::Expiry
            | Class::Track
            | Class::Name
            | Class::Freetext
            | Class::Custom(_) => inner.fill(b'*'),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(csv: bool) -> CopyMask {
        CopyMask {
            columns: vec![None, Some(Class::Pan), Some(Class::Cvv)],
            csv: csv.then_some(Csv { quote: b'"', escape: b'"' }),
            delimiter: if csv { b',' } else { b'\t' },
            header: false,
        }
    }

    fn masked(csv: bool, row: &str) -> String {
        let mut row = row.as_bytes().to_vec();
        mask(csv).apply(&mut row, &mut Counts::default());
        String::from_utf8(row).unwrap()
    }

    #[test]
    fn text_rows_are_masked_by_place() {
        assert_eq!(masked(false, "1\t4111111111111111\t737\n"), "1\t411111******1111\t***\n");
        assert_eq!(masked(false, "1\t\\N\t\\N\n"), "1\t\\N\t\\N\n");
        assert_eq!(
            masked(false, "a\\\tb\tx\\\ty\t7\\n7\n"),
            "a\\\tb\t****\t****\n",
            "an escaped tab ends no field"
        );
    }

    #[test]
    fn rows_are_scanned_also_where_no_column_is_classified() {
        let response = CopyResponse::decode("CopyOutResponse", &[0, 0, 1, 0, 0]).unwrap();
        let mut copy = CopyOut::begin(response, None).unwrap();
        let mut rows =
            [b"order 17\n".to_vec(), b"card 4111 1111 1111 1111\n".to_vec(), b"4111-1111\n".to_vec()];
        let counts: Vec<u32> = rows.iter_mut().map(|row| copy.mask_row(row).unwrap().total()).collect();
        assert_eq!(counts, [0, 1, 0]);
        assert_eq!(rows[1], b"card 4111 11** **** 1111\n");
    }

    #[test]
    fn csv_rows_are_masked_by_place() {
        assert_eq!(masked(true, "\"a,b\",4111111111111111,737\n"), "\"a,b\",411111******1111,***\n");
        assert_eq!(masked(true, "1,\"x\"\"y,z\",\"73\n7\"\n"), "1,\"******\",\"****\"\n");
        assert_eq!(masked(true, "1,,\n"), "1,,\n");
        assert_eq!(masked(true, "1,x,\"7\r37\"\n"), "1,*,\"****\"\n", "a raw return is data");
    }

    #[test]
    fn what_is_beyond_the_columns_is_not_shown() {
        assert_eq!(masked(false, "1\tx\t7\textra\n"), "1\t*\t*\t*****\n");
    }
}
