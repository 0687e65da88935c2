//! The closure of classification (WALLS, rule 3): from the columns that the target's owner named to every relation
//! through which their values can be read, and what each of them shows.
//!
//! Pure: rows of the catalogue in, a [`Catalogue`] out. Relations are followed by oid; names count where a statement
//! could not say more than a name, and there they count against it. What is not understood is opaque.

mod code;
mod entries;
mod links;
mod own;
mod query;
mod scope;
mod snapshot;
mod spread;
mod view;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

pub use snapshot::{
    Attribute, AttributeRow, ForeignKeyRow, FunctionRow, IndexRow, OperatorRow, RelationRow, RuleRow,
    Snapshot, TriggerRow, TypeRow, ViewRow,
};

use crate::catalogue::Catalogue;

/// A class of classified columns.
pub type ClassName = Arc<str>;

/// A classified column as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Configured {
    /// Its schema.
    pub schema: Box<str>,
    /// Its relation.
    pub relation: Box<str>,
    /// Its name.
    pub column: Box<str>,
    /// Its class.
    pub class: ClassName,
}

/// Which columns the configured names were found to mean. A column stays classified when it, its relation or its schema
/// is renamed, for as long as the relation is there: a later name may mean another column, which is classified as well.
pub type Bindings = BTreeMap<Attribute, Configured>;

/// What there is to say about a target's classified columns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A configured column that the catalogue does not have.
    Missing {
        /// As it is configured.
        column: Configured,
        /// Its relation is there.
        relation: bool,
    },
    /// A trigger on a relation with classified columns: what it copies is not classified by itself.
    Trigger {
        /// The relation's schema and name.
        relation: (Box<str>, Box<str>),
        /// The trigger's name.
        trigger: Box<str>,
        /// The function's name.
        function: Box<str>,
    },
    /// A function that runs with its owner's rights and can read classified columns.
    Definer {
        /// The function's schema and name.
        function: (Box<str>, Box<str>),
    },
    /// An index whose order tells of classified values.
    TellingIndex {
        /// The relation's schema and name.
        relation: (Box<str>, Box<str>),
        /// The index's name.
        index: Box<str>,
    },
}

/// The closure.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// What substitution knows of the database.
    pub catalogue: Catalogue,
    /// What the configured names mean now, to be given again the next time.
    pub bindings: Bindings,
    /// For people, in order.
    pub notes: Vec<Note>,
}

/// Closes the classification of `configured` columns over `snapshot`. `before` is what the last closure of the same
/// database found the names to mean.
#[must_use]
pub fn close(snapshot: &Snapshot, configured: &[Configured], before: &Bindings) -> Closed {
    let known = Known::of(snapshot);
    let mut notes = Vec::new();
    let mut spread = spread::Spread::default();
    let bindings = spread.seeds(&known, configured, before, &mut notes);
    spread.run(&known);
    let reach = code::Reach::of(&known, &spread);
    let catalogue = entries::catalogue(&known, &spread, &reach);
    notes.extend(entries::notes(&known, &spread, &reach));
    notes.sort();
    Closed { catalogue, bindings, notes }
}

/// The rows of a snapshot by what they are looked up by.
struct Known<'a> {
    snapshot: &'a Snapshot,
    relations: HashMap<u32, &'a RelationRow>,
    names: HashMap<(&'a str, &'a str), u32>,
    attributes: HashMap<u32, Vec<&'a AttributeRow>>,
    functions: HashMap<u32, &'a FunctionRow>,
}

impl<'a> Known<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let mut attributes: HashMap<u32, Vec<&AttributeRow>> = HashMap::new();
        for row in &snapshot.attributes {
            attributes.entry(row.relation).or_default().push(row);
        }
        attributes.values_mut().for_each(|rows| rows.sort_by_key(|r| r.attnum));
        Self {
            snapshot,
            relations: snapshot.relations.iter().map(|r| (r.oid, r)).collect(),
            names: snapshot.relations.iter().map(|r| ((&*r.schema, &*r.name), r.oid)).collect(),
            attributes,
            functions: snapshot.functions.iter().map(|f| (f.oid, f)).collect(),
        }
    }

    fn columns(&self, relation: u32) -> &[&'a AttributeRow] {
        self.attributes.get(&relation).map_or(&[], Vec::as_slice)
    }

    fn column(&self, relation: u32, name: &str) -> Option<&'a AttributeRow> {
        self.columns(relation).iter().find(|a| *a.name == *name).copied()
    }

    fn column_name(&self, (relation, attnum): Attribute) -> Option<&'a str> {
        self.columns(relation).iter().find(|a| a.attnum == attnum).map(|a| &*a.name)
    }

    /// `schema.name`, for people.
    fn title(&self, relation: u32) -> String {
        self.relations
            .get(&relation)
            .map_or_else(|| "a relation that is gone".to_owned(), |r| format!("{}.{}", r.schema, r.name))
    }

    /// Relations below `relation`, itself left out.
    fn descendants(&self, relation: u32) -> HashSet<u32> {
        let mut all = HashSet::new();
        let mut next = vec![relation];
        while let Some(parent) = next.pop() {
            let children =
                self.snapshot.inherits.iter().filter(|(_, p)| *p == parent).map(|(child, _)| *child);
            next.extend(children.filter(|child| all.insert(*child)));
        }
        all
    }
}

/// Of two classes of one column, the one that shows less.
fn stricter(one: &ClassName, other: &ClassName) -> ClassName {
    match (&**one, &**other) {
        // The mask of a card number shows some of it; every other mask shows nothing.
        ("pan", _) => Arc::clone(other),
        (_, "pan") => Arc::clone(one),
        (a, b) => Arc::clone(if a <= b { one } else { other }),
    }
}
