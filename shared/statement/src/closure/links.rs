//! Constraints and indexes that speak of classified columns.

use std::collections::{BTreeSet, HashSet};

use super::spread::Spread;
use super::{IndexRow, Known};

type Names = BTreeSet<Box<str>>;

/// Names of the columns of each constraint by which a write to `relation` could be answered and that speaks of one of
/// its classified columns. A write to a parent is answered by what stands on its children, one to a view by what stands
/// under it.
pub(super) fn constrained(known: &Known<'_>, spread: &Spread, relation: u32) -> Vec<HashSet<Box<str>>> {
    let mut all: BTreeSet<Names> = BTreeSet::new();
    let mut relations = known.descendants(relation);
    relations.insert(relation);
    for oid in relations {
        all.extend(of(known, oid));
    }
    all.extend(through_view(known, spread, relation));
    let classified: HashSet<&str> = classified(known, spread, relation).collect();
    all.retain(|names| names.iter().any(|name| classified.contains(&**name)));
    all.into_iter().map(|names| names.into_iter().collect()).collect()
}

fn classified<'a>(known: &'a Known<'_>, spread: &'a Spread, relation: u32) -> impl Iterator<Item = &'a str> {
    let columns = known.columns(relation).iter();
    columns.filter(move |c| spread.classes.contains_key(&(relation, c.attnum))).map(|c| &*c.name)
}

fn of(known: &Known<'_>, relation: u32) -> Vec<Names> {
    let names = |columns: &[i16]| -> Names {
        columns.iter().filter_map(|n| known.column_name((relation, *n))).map(Into::into).collect()
    };
    let unique = known.snapshot.indexes.iter().filter(|i| i.relation == relation && i.unique);
    let own = known.snapshot.foreign_keys.iter().filter(|k| k.relation == relation);
    let onto = known.snapshot.foreign_keys.iter().filter(|k| k.referenced == relation);
    unique
        .map(|i| names(&i.columns))
        .chain(own.map(|k| names(&k.columns)))
        .chain(onto.map(|k| names(&k.referenced_columns)))
        .collect()
}

fn through_view(known: &Known<'_>, spread: &Spread, view: u32) -> Vec<Names> {
    let Some(row) = known.snapshot.views.iter().find(|v| v.oid == view) else { return Vec::new() };
    let mut all = Vec::new();
    for base in row.relations.iter().copied().filter(|oid| *oid != view) {
        for below in constrained(known, spread, base) {
            // Only classified columns are followed through a view; a constraint of several keeps those.
            let shows =
                |attnum: i16| {
                    spread.sources.get(&(view, attnum)).into_iter().flatten().any(|at| {
                        at.0 == base && known.column_name(*at).is_some_and(|name| below.contains(name))
                    })
                };
            let names: Names =
                known.columns(view).iter().filter(|c| shows(c.attnum)).map(|c| c.name.clone()).collect();
            all.push(names);
        }
    }
    all
}

/// Names of the primary key's columns, in its order.
pub(super) fn primary_key(known: &Known<'_>, relation: u32) -> Vec<Box<str>> {
    let key = known.snapshot.indexes.iter().find(|i| i.relation == relation && i.primary);
    let columns = key.into_iter().flat_map(|key| &key.columns);
    columns.filter_map(|n| known.column_name((relation, *n))).map(Into::into).collect()
}

/// Indexes whose order is that of classified values and that hold other columns too: an index-only scan gives rows in
/// that order (WALLS, rule 12).
pub(super) fn telling<'a>(known: &Known<'a>, spread: &Spread) -> Vec<&'a IndexRow> {
    let leads = |i: &&IndexRow| i.leading.iter().any(|n| spread.classes.contains_key(&(i.relation, *n)));
    known.snapshot.indexes.iter().filter(leads).filter(|i| i.covers).collect()
}
