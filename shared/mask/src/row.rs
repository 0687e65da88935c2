//! DataRow messages (PostgreSQL protocol, "Message Formats"): a 16-bit count, then for each column a 32-bit length
//! (−1 for NULL) and so many bytes.

use crate::class::{Class, Counts};
use crate::classified::{Classified, mask_classified};
use crate::field::scan_field;
use crate::oid::{Shape, shape};
use crate::probe::may_hold_card;

/// What is known of one column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnMask {
    /// The class, when the column is classified: then it is masked whole.
    pub class: Option<Class>,
    /// The type's oid, from RowDescription.
    pub type_oid: u32,
    /// The format code of the answer: binary, not text.
    pub binary: bool,
}

/// The columns of an answer, made once for its RowDescription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    columns: Box<[ColumnMask]>,
    needs_fields: bool,
}

impl Columns {
    /// The columns in their order.
    pub fn new(columns: Vec<ColumnMask>) -> Self {
        let needs_fields = columns.iter().any(|c| c.class.is_some() || hides_from_probe(c));
        Self { columns: columns.into(), needs_fields }
    }

    /// Whether every row must go through [`scan_row`]: a column is classified, or of a type in whose format a card number
    /// does not show as digits. Otherwise a `false` of [`may_hold_card`] over many frames at once clears them all.
    pub fn needs_fields(&self) -> bool {
        self.needs_fields
    }
}

fn hides_from_probe(column: &ColumnMask) -> bool {
    match shape(column.type_oid) {
        Shape::Safe | Shape::Text => false,
        Shape::Int8 | Shape::Numeric | Shape::Range(_) | Shape::Multirange(_) => column.binary,
        // `4.11e+15`, `$4,111,…`, hex with separators, JSON numbers with an exponent.
        Shape::Float8 | Shape::Money | Shape::Json | Shape::Jsonb => true,
        Shape::Bytea => !column.binary,
        Shape::Array(inner) => match shape(inner) {
            Shape::Safe | Shape::Text => false,
            Shape::Float8 => true,
            Shape::Int8
            | Shape::Numeric
            | Shape::Money
            | Shape::Json
            | Shape::Jsonb
            | Shape::Bytea
            | Shape::Array(_)
            | Shape::Range(_)
            | Shape::Multirange(_)
            | Shape::Record
            | Shape::Unknown => column.binary,
        },
        Shape::Record | Shape::Unknown => column.binary,
    }
}

/// A body that is not a DataRow for these columns. Nothing of it may be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The row has another number of fields than its description.
    #[error("a row of {got} fields where {expected} were described")]
    FieldCount {
        /// As described.
        expected: usize,
        /// As found.
        got: usize,
    },
    /// A length reaches beyond the body, or bytes are left over.
    #[error("the lengths in a row do not add up to its size")]
    Length,
}

/// What masking did to a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct RowOutcome {
    /// Fields masked because their column is classified.
    pub classified: Counts,
    /// Values found where none was expected: each is a finding.
    pub found: Counts,
    /// A field became NULL: `spill` holds the body to send instead.
    pub reframed: bool,
}

/// Masks one DataRow body (without type byte and length) in place. When a classified field must become NULL the lengths
/// change: then the new body is in `spill` (cleared first, otherwise left alone) and the old one must not be sent.
///
/// # Errors
/// When the body is not a row of these columns.
pub fn scan_row(body: &mut [u8], columns: &Columns, spill: &mut Vec<u8>) -> Result<RowOutcome, Malformed> {
    let mut outcome = RowOutcome::default();
    let count = body.first_chunk::<2>().map(|b| usize::from(u16::from_be_bytes(*b)));
    let expected = columns.columns.len();
    let got = count.ok_or(Malformed::Length)?;
    if got != expected {
        return Err(Malformed::FieldCount { expected, got });
    }
    if !columns.needs_fields && !may_hold_card(body) {
        return Ok(outcome);
    }
    let mut at = 2;
    for column in &columns.columns {
        let Some(field) = next_field(body, &mut at)? else {
            if outcome.reframed {
                spill.extend_from_slice(&NULL);
            }
            continue;
        };
        let start = at - field.len() - 4;
        let field = body.get_mut(field).ok_or(Malformed::Length)?;
        match &column.class {
            None => outcome.found.merge(scan_field(column.type_oid, column.binary, field)),
            Some(class) => {
                outcome.classified.add(class);
                match mask_classified(class, column.type_oid, column.binary, field) {
                    Classified::InPlace => {}
                    Classified::Null => {
                        if !outcome.reframed {
                            outcome.reframed = true;
                            spill.clear();
                            spill.extend_from_slice(body.get(..start).ok_or(Malformed::Length)?);
                        }
                        spill.extend_from_slice(&NULL);
                        continue;
                    }
                }
            }
        }
        if outcome.reframed {
            spill.extend_from_slice(body.get(start..at).ok_or(Malformed::Length)?);
        }
    }
    if at == body.len() { Ok(outcome) } else { Err(Malformed::Length) }
}

/// The length word of a NULL.
const NULL: [u8; 4] = [0xFF; 4];

/// The bytes of the field at `at`, which moves behind it; `None` for NULL.
fn next_field(body: &[u8], at: &mut usize) -> Result<Option<std::ops::Range<usize>>, Malformed> {
    let word = body.get(*at..).and_then(<[u8]>::first_chunk::<4>).ok_or(Malformed::Length)?;
    let start = *at + 4;
    if *word == NULL {
        *at = start;
        return Ok(None);
    }
    let len = usize::try_from(i32::from_be_bytes(*word)).map_err(|_| Malformed::Length)?;
    let end = start.checked_add(len).filter(|&end| end <= body.len()).ok_or(Malformed::Length)?;
    *at = end;
    Ok(Some(start..end))
}
