//! Which classified columns a statement touches: its touches, which name what is written, against what is classified.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hoop_statement::{Facts, How, Relation};

/// A relation with classified columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns, with class where they have one.
    pub columns: Vec<(String, Option<String>)>,
    /// True when `columns` are all that it has: then another name after its own is a function of the whole row.
    pub complete: bool,
}

impl Classified {
    /// The relations of these classified columns, of which no other columns are known.
    #[must_use]
    pub fn of(columns: impl IntoIterator<Item = Column>) -> Arc<[Self]> {
        let mut all: Vec<Self> = Vec::new();
        for Column { schema, relation, name, class } in columns {
            let column = (name, Some(class));
            match all.iter_mut().find(|c| c.schema == schema && c.name == relation) {
                Some(known) => known.columns.push(column),
                None => {
                    all.push(Self { schema, name: relation, columns: vec![column], complete: false });
                }
            }
        }
        all.into()
    }
}

/// A classified column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Schema of its relation.
    pub schema: String,
    /// Its relation.
    pub relation: String,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: String,
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{} ({})", self.schema, self.relation, self.name, self.class)
    }
}

/// How a statement touches each classified column that it can touch. A relation without a schema may be any of that name:
/// the search path decides, and it may change.
#[must_use]
pub fn touched(classified: &[Classified], facts: &Facts) -> BTreeMap<Column, BTreeSet<How>> {
    let mut all: BTreeMap<Column, BTreeSet<How>> = BTreeMap::new();
    for touch in &facts.touches {
        let named = |c: &&Classified| {
            c.name == touch.relation && touch.schema.as_ref().is_none_or(|s| *s == c.schema)
        };
        for relation in classified.iter().filter(named) {
            let whole = match &touch.column {
                None => true,
                Some(name) => {
                    touch.qualified && relation.complete && relation.columns.iter().all(|(n, _)| n != name)
                }
            };
            for (name, class) in &relation.columns {
                if let Some(class) = class
                    && (whole || touch.column.as_ref() == Some(name))
                {
                    let column = Column {
                        schema: relation.schema.clone(),
                        relation: relation.name.clone(),
                        name: name.clone(),
                        class: class.clone(),
                    };
                    all.entry(column).or_default().insert(touch.how);
                }
            }
        }
    }
    all
}

/// True where the relation as written may be that of the column.
pub(crate) fn may_be_of(relation: &Relation, column: &Column) -> bool {
    relation.name == column.relation && relation.schema.as_ref().is_none_or(|s| *s == column.schema)
}
