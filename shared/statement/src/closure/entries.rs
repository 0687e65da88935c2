//! From what has spread to what substitution and people are told.

use std::collections::HashMap;
use std::sync::Arc;

use super::code::{Reach, contrib};
use super::spread::Spread;
use super::{Known, Note, RelationRow, links, own};
use crate::catalogue::{Catalogue, Column, Entry, Exposure, Masked, Origin};

pub(super) fn catalogue(known: &Known<'_>, spread: &Spread, reach: &Reach) -> Catalogue {
    let closure = closure(known, spread);
    let mut catalogue = Catalogue {
        database: known.snapshot.database.clone(),
        telling_indexes: !links::telling(known, spread).is_empty(),
        ..Catalogue::default()
    };
    let calls = calling(known, reach);
    for row in &known.snapshot.relations {
        // Those of others; the connection's own are known by what it made.
        if row.schema.starts_with("pg_temp") || row.schema.starts_with("pg_toast_temp") {
            continue;
        }
        let exposure = match calls.get(&row.oid) {
            Some(why) if !spread.opaque.contains_key(&row.oid) => Exposure::Opaque(why.as_str().into()),
            _ => exposure(known, spread, row, &closure),
        };
        let unwritable = reach.unwritable.get(&row.oid).map(|why| why.as_str().into());
        let name = (row.schema.clone(), row.name.clone());
        catalogue.relations.insert(name, Entry { oid: row.oid, exposure, unwritable });
    }
    let origin = |schema: &str, extension: Option<&str>| Origin {
        schema: schema.into(),
        extension: contrib(extension),
    };
    let outside = |schema: &str| schema != "pg_catalog";
    for f in known.snapshot.functions.iter().filter(|f| outside(&f.schema)) {
        let of = origin(&f.schema, f.extension.as_deref());
        catalogue.functions.entry(f.name.clone()).or_default().push(of);
    }
    for o in known.snapshot.operators.iter().filter(|o| outside(&o.schema)) {
        let of = origin(&o.schema, o.extension.as_deref());
        catalogue.operators.entry(o.name.clone()).or_default().push(of);
    }
    for t in known.snapshot.types.iter().filter(|t| outside(&t.schema)) {
        let of = origin(&t.schema, t.extension.as_deref());
        catalogue.types.entry(t.name.clone()).or_default().push(of);
    }
    catalogue
}

/// Tables whose statistics nobody reads.
fn closure(known: &Known<'_>, spread: &Spread) -> Vec<u32> {
    let stored = known.snapshot.relations.iter().filter(|r| matches!(r.kind, 'r' | 'p' | 'm' | 'f'));
    let hidden = stored.filter(|r| {
        let named = spread.classified.contains(&r.oid) || spread.opaque.contains_key(&r.oid);
        named && own::hidden(r).is_none()
    });
    let mut oids: Vec<u32> = hidden.map(|r| r.oid).collect();
    oids.sort_unstable();
    oids
}

/// Views that call code which could reach classified columns, and views on them.
fn calling(known: &Known<'_>, reach: &Reach) -> HashMap<u32, String> {
    let mut all = HashMap::new();
    for view in &known.snapshot.views {
        if let Some(why) = view.calls.iter().find_map(|call| reach.why(*call)) {
            all.insert(view.oid, format!("it calls what could reach classified columns: {why}"));
        }
    }
    loop {
        let before = all.len();
        for view in &known.snapshot.views {
            if !all.contains_key(&view.oid)
                && let Some(below) =
                    view.relations.iter().find(|oid| **oid != view.oid && all.contains_key(oid))
            {
                let why = format!("it reads {}, which cannot be masked", known.title(*below));
                all.insert(view.oid, why);
            }
        }
        if before == all.len() {
            return all;
        }
    }
}

fn exposure(known: &Known<'_>, spread: &Spread, row: &RelationRow, closure: &[u32]) -> Exposure {
    if let Some(why) = spread.opaque.get(&row.oid) {
        return Exposure::Opaque(why.clone());
    }
    if own::is_shown(row) {
        return own::shown(known, row, closure).map_or_else(
            || Exposure::Opaque("its columns are not known".into()),
            |text| Exposure::Shown(text.into()),
        );
    }
    if !spread.classified.contains(&row.oid) {
        return Exposure::Plain;
    }
    let columns = known.columns(row.oid).iter().map(|column| Column {
        name: column.name.clone(),
        attnum: column.attnum,
        class: spread.classes.get(&(row.oid, column.attnum)).map(|class| (**class).into()),
        revealed: false,
        generated: column.generated,
        type_oid: column.type_oid,
        type_sql: column.type_sql.clone(),
    });
    Exposure::Masked(Arc::new(Masked {
        columns: columns.collect(),
        primary_key: links::primary_key(known, row.oid),
        constrained: links::constrained(known, spread, row.oid),
    }))
}

pub(super) fn notes(known: &Known<'_>, spread: &Spread, reach: &Reach) -> Vec<Note> {
    let mut notes = Vec::new();
    let name = |oid: u32| known.relations.get(&oid).map(|r| (r.schema.clone(), r.name.clone()));
    let of_users = |oid: u32| known.relations.get(&oid).is_some_and(|r| own::hidden(r).is_none());
    let inside = |oid: u32| spread.classified.contains(&oid) || spread.opaque.contains_key(&oid);
    for trigger in known.snapshot.triggers.iter().filter(|t| inside(t.relation) && of_users(t.relation)) {
        let function = known.functions.get(&trigger.function);
        if let Some(relation) = name(trigger.relation) {
            let function =
                function.map_or_else(|| "a function of PostgreSQL's own".into(), |f| f.name.clone());
            notes.push(Note::Trigger { relation, trigger: trigger.name.clone(), function });
        }
    }
    for f in known.snapshot.functions.iter().filter(|f| f.definer && reach.why(f.oid).is_some()) {
        notes.push(Note::Definer { function: (f.schema.clone(), f.name.clone()) });
    }
    for index in links::telling(known, spread) {
        if let Some(relation) = name(index.relation) {
            notes.push(Note::TellingIndex { relation, index: index.name.clone() });
        }
    }
    notes
}
