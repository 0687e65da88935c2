//! Columns of an answer, bound to the classified columns of the target by origin.

use std::collections::HashMap;

use hoop_mask::{Class, ColumnMask};
use hoop_pgwire::Format;
use hoop_pgwire::backend::RowDescription;

/// Classified columns of one target, bound to relation oid and attribute number, so that renaming changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes {
    by_origin: HashMap<(u32, i16), Class>,
}

impl Classes {
    /// From what the catalogue says: relation oid, attribute number, class.
    pub fn new(columns: impl IntoIterator<Item = (u32, i16, Class)>) -> Self {
        Self { by_origin: columns.into_iter().map(|(oid, attnum, class)| ((oid, attnum), class)).collect() }
    }

    fn of(&self, table: u32, attnum: i16) -> Option<&Class> {
        // Origin 0 is an expression.
        if table == 0 { None } else { self.by_origin.get(&(table, attnum)) }
    }
}

/// Columns of an answer, and what is masked in each.
#[derive(Debug)]
pub struct Columns {
    /// For rows that are whole.
    pub masks: hoop_mask::Columns,
    /// For rows that pass in pieces.
    pub each: Vec<ColumnMask>,
}

impl Columns {
    /// From the server's description.
    #[must_use]
    pub fn read(described: RowDescription<'_>, classes: &Classes) -> Self {
        let each: Vec<_> = described
            .columns()
            .map(|c| ColumnMask {
                class: classes.of(c.table_oid, c.attnum).cloned(),
                type_oid: c.type_oid,
                binary: c.format == Format::Binary,
            })
            .collect();
        Self { masks: hoop_mask::Columns::new(each.clone()), each }
    }
}
