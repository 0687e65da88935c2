//! Columns of an answer, bound to the classified columns of the target by origin.

use std::collections::{HashMap, HashSet};

use hoop_mask::{Class, ColumnMask, LEFT_AS_IT_IS};
use hoop_pgwire::Format;
use hoop_pgwire::backend::RowDescription;

/// Classified columns of one target, bound to relation oid and attribute number, so that renaming changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes {
    by_origin: HashMap<(u32, i16), Class>,
    /// Shown as they are in this session.
    revealed: HashSet<(u32, i16)>,
}

impl Classes {
    /// From what the catalogue says: relation oid, attribute number, class.
    pub fn new(columns: impl IntoIterator<Item = (u32, i16, Class)>) -> Self {
        Self {
            by_origin: columns.into_iter().map(|(oid, attnum, class)| ((oid, attnum), class)).collect(),
            revealed: HashSet::new(),
        }
    }

    /// The same, with these shown as they are.
    #[must_use]
    pub fn revealing(&self, revealed: impl Iterator<Item = (u32, i16)>) -> Self {
        Self { by_origin: self.by_origin.clone(), revealed: revealed.collect() }
    }

    fn of(&self, table: u32, attnum: i16) -> Option<&Class> {
        // Origin 0 is an expression.
        if table == 0 || self.revealed.contains(&(table, attnum)) {
            None
        } else {
            self.by_origin.get(&(table, attnum))
        }
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
                type_oid: if classes.revealed.contains(&(c.table_oid, c.attnum)) {
                    LEFT_AS_IT_IS
                } else {
                    c.type_oid
                },
                binary: c.format == Format::Binary,
            })
            .collect();
        Self { masks: hoop_mask::Columns::new(each.clone()), each }
    }
}
