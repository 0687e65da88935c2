//! Columns of an answer, and what is masked in each.

use std::collections::HashMap;
use std::ops::Range;

use hoop_mask::{Class, Classified, Counts};
use hoop_pgwire::Format;
use hoop_pgwire::backend::{Fields, RowDescription};

/// Classified columns of one target, bound to relation oid and attribute number, so that renaming changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    by_origin: HashMap<(u32, i16), Class>,
}

impl Classes {
    /// From what the catalogue says: relation oid, attribute number, class.
    pub fn new(columns: impl IntoIterator<Item = (u32, i16, Class)>) -> Self {
        Self { by_origin: columns.into_iter().map(|(oid, attnum, class)| ((oid, attnum), class)).collect() }
    }

    fn of(&self, table: u32, attnum: i16) -> Option<&Class> {
        if table == 0 { None } else { self.by_origin.get(&(table, attnum)) }
    }
}

#[derive(Debug)]
struct Column {
    type_oid: u32,
    binary: bool,
    class: Option<Class>,
}

/// Columns of an answer.
#[derive(Debug)]
pub struct Columns {
    columns: Vec<Column>,
    /// The probe over the raw bytes of a read covers every column: none is classified, none in a binary form that
    /// does not show digits.
    probed: bool,
}

/// What happened to a row.
#[derive(Debug, Default)]
pub struct MaskedRow {
    /// Values masked, by class.
    pub masked: Counts,
    /// The whole frame anew, where a value had to become NULL; `None` when the row was masked where it lies.
    pub reframed: Option<Vec<u8>>,
}

/// The row has another shape than was described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misshapen;

impl Columns {
    /// From the server's description.
    #[must_use]
    pub fn read(described: RowDescription<'_>, classes: &Classes) -> Self {
        let columns: Vec<_> = described
            .columns()
            .map(|c| Column {
                type_oid: c.type_oid,
                binary: c.format == Format::Binary,
                class: classes.of(c.table_oid, c.attnum).cloned(),
            })
            .collect();
        let probed = columns.iter().all(|c| c.class.is_none() && hoop_mask::probe_covers(c.type_oid, c.binary));
        Self { columns, probed }
    }

    /// Masks one DataRow body in place. `suspicious` is what the probe over the read said.
    ///
    /// # Errors
    /// [`Misshapen`] when the body does not decode or has another number of columns.
    pub fn mask_row(&self, body: &mut [u8], suspicious: bool) -> Result<MaskedRow, Misshapen> {
        let mut fields = Fields::verify(body).map_err(|_| Misshapen)?;
        if usize::from(fields.left()) != self.columns.len() {
            return Err(Misshapen);
        }
        let mut row = MaskedRow::default();
        if self.probed && !suspicious {
            return Ok(row);
        }
        let mut withheld: Vec<usize> = Vec::new();
        let mut index = 0;
        while let Some(field) = fields.next(body) {
            let Some(column) = self.columns.get(index) else { return Err(Misshapen) };
            if let Some(range) = field
                && column.mask(&mut body[range], &mut row.masked) == Kept::No
            {
                withheld.push(index);
            }
            index += 1;
        }
        if !withheld.is_empty() {
            row.reframed = Some(reframe(body, &withheld)?);
        }
        Ok(row)
    }

    /// Type, format and class of one column, for rows that pass in pieces.
    #[must_use]
    pub fn column(&self, index: u16) -> Option<(u32, bool, Option<&Class>)> {
        self.columns.get(usize::from(index)).map(|c| (c.type_oid, c.binary, c.class.as_ref()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }
}

#[derive(PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

impl Column {
    fn mask(&self, value: &mut [u8], masked: &mut Counts) -> Kept {
        match &self.class {
            Some(class) => {
                masked.add(class);
                match hoop_mask::mask_classified(class, self.type_oid, self.binary, value) {
                    Classified::InPlace => Kept::Yes,
                    Classified::Null => Kept::No,
                }
            }
            None => {
                for _ in 0..hoop_mask::scan_field(self.type_oid, self.binary, value) {
                    masked.add(&Class::Pan);
                }
                Kept::Yes
            }
        }
    }
}

/// Builds the frame anew with the fields at `withheld` as NULL.
fn reframe(body: &[u8], withheld: &[usize]) -> Result<Vec<u8>, Misshapen> {
    let mut fields = Fields::verify(body).map_err(|_| Misshapen)?;
    let mut out = Vec::with_capacity(body.len() + 5);
    out.extend_from_slice(b"D\0\0\0\0");
    out.extend_from_slice(body.get(..2).ok_or(Misshapen)?);
    let mut index = 0;
    while let Some(field) = fields.next(body) {
        let kept: Option<Range<usize>> = field.filter(|_| !withheld.contains(&index));
        match kept.and_then(|range| body.get(range)) {
            Some(value) => {
                out.extend_from_slice(&u32::try_from(value.len()).map_err(|_| Misshapen)?.to_be_bytes());
                out.extend_from_slice(value);
            }
            None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
        index += 1;
    }
    let len = u32::try_from(out.len() - 1).map_err(|_| Misshapen)?;
    out[1..5].copy_from_slice(&len.to_be_bytes());
    Ok(out)
}
