//! How classification spreads, to a fix point: over inheritance and partitions both ways, generated columns, foreign
//! keys onto classified columns, and views.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::view::{self, Seen};
use super::{Attribute, Bindings, ClassName, Configured, Known, Note, own, stricter};

/// What is known so far. It only ever grows, so a fix point is reached.
#[derive(Debug, Default)]
pub(super) struct Spread {
    pub(super) classes: HashMap<Attribute, ClassName>,
    pub(super) opaque: HashMap<u32, Box<str>>,
    /// Columns of views with the columns that they show as they are.
    pub(super) sources: HashMap<Attribute, Vec<Attribute>>,
    /// Relations with classified columns.
    pub(super) classified: HashSet<u32>,
    grew: bool,
}

impl Spread {
    /// Binds the configured names; says which columns they mean now.
    pub(super) fn seeds(
        &mut self,
        known: &Known<'_>,
        configured: &[Configured],
        before: &Bindings,
        notes: &mut Vec<Note>,
    ) -> Bindings {
        let mut bindings = Bindings::new();
        for (at, old) in before {
            let now = configured
                .iter()
                .find(|c| (&c.schema, &c.relation, &c.column) == (&old.schema, &old.relation, &old.column));
            if let Some(now) = now.filter(|_| known.relations.contains_key(&at.0)) {
                bindings.insert(*at, now.clone());
            }
        }
        for column in configured {
            let relation = known.names.get(&(&*column.schema, &*column.relation)).copied();
            let found = relation.and_then(|oid| known.column(oid, &column.column));
            if let Some(found) = found {
                bindings.insert((found.relation, found.attnum), column.clone());
                continue;
            }
            let bound = |oid| bindings.iter().any(|(at, c)| at.0 == oid && c == column);
            if let Some(oid) = relation
                && !bound(oid)
            {
                self.hide(
                    oid,
                    format!(
                        "its classified column `{}` is not there; it may have been renamed",
                        column.column
                    ),
                );
            }
            notes.push(Note::Missing { column: column.clone(), relation: relation.is_some() });
        }
        for (at, column) in &bindings {
            // A bound column that was dropped is no column any more.
            if known.column_name(*at).is_some() {
                self.add(*at, &column.class);
            }
        }
        bindings
    }

    fn add(&mut self, at: Attribute, class: &ClassName) {
        self.classified.insert(at.0);
        match self.classes.get_mut(&at) {
            None => {
                self.classes.insert(at, Arc::clone(class));
                self.grew = true;
            }
            Some(present) => {
                let stricter = stricter(present, class);
                if *present != stricter {
                    *present = stricter;
                    self.grew = true;
                }
            }
        }
    }

    fn hide(&mut self, relation: u32, why: String) {
        if let std::collections::hash_map::Entry::Vacant(place) = self.opaque.entry(relation) {
            place.insert(why.into());
            self.grew = true;
        }
    }

    pub(super) fn run(&mut self, known: &Known<'_>) {
        for row in &known.snapshot.relations {
            if let Some(why) = own::hidden(row) {
                self.hide(row.oid, why.to_owned());
            }
        }
        loop {
            self.grew = false;
            self.inheritance(known);
            self.generated(known);
            self.foreign_keys(known);
            self.views(known);
            if !self.grew {
                break;
            }
        }
    }

    fn inheritance(&mut self, known: &Known<'_>) {
        for (child, parent) in known.snapshot.inherits.iter().copied() {
            for (from, to) in [(child, parent), (parent, child)] {
                // An inherited column has its parent's name: renaming one renames the other.
                for column in known.columns(from) {
                    let Some(class) = self.classes.get(&(from, column.attnum)).cloned() else { continue };
                    match known.column(to, &column.name) {
                        Some(same) => self.add((to, same.attnum), &class),
                        // A child's own column; or columns that are not known.
                        None if known.columns(to).is_empty() => {
                            self.hide(to, format!("it is one with {}", known.title(from)));
                        }
                        None => {}
                    }
                }
                if self.opaque.contains_key(&from) {
                    self.hide(to, format!("it is one with {}", known.title(from)));
                }
            }
        }
    }

    fn generated(&mut self, known: &Known<'_>) {
        for ((relation, attnum), from) in known.snapshot.generated.iter().copied() {
            if let Some(class) = self.classes.get(&(relation, from)).cloned() {
                self.add((relation, attnum), &class);
            }
        }
    }

    fn foreign_keys(&mut self, known: &Known<'_>) {
        for key in &known.snapshot.foreign_keys {
            for (column, referenced) in key.columns.iter().zip(&key.referenced_columns) {
                if let Some(class) = self.classes.get(&(key.referenced, *referenced)).cloned() {
                    self.add((key.relation, *column), &class);
                }
            }
        }
    }

    fn views(&mut self, known: &Known<'_>) {
        for row in &known.snapshot.views {
            if self.opaque.contains_key(&row.oid) {
                continue;
            }
            match view::seen(known, self, row) {
                Seen::Nothing => {}
                Seen::Columns(columns) => {
                    for (attnum, class, sources) in columns {
                        self.add((row.oid, attnum), &class);
                        self.sources.insert((row.oid, attnum), sources);
                    }
                }
                Seen::TooMuch(why) => self.hide(row.oid, why),
            }
        }
    }
}
