//! The closure of classification, from catalogues written by hand.

mod bind;
mod code;
mod own;
mod spread;
mod view;

use std::sync::Arc;

use hoop_statement::closure::{
    AttributeRow, Bindings, Closed, Configured, FunctionRow, IndexRow, RelationRow, Snapshot, TriggerRow,
    ViewRow, close,
};
use hoop_statement::{Entry, Exposure};

/// `public.cards` with `pan`, `cvv` and what goes with them.
pub(crate) fn shop() -> Snapshot {
    let mut shop = Snapshot { database: "shop".into(), ..Snapshot::default() };
    table(&mut shop, 100, "cards", &["id", "holder", "pan", "cvv"]);
    table(&mut shop, 200, "orders", &["id", "card_id", "amount"]);
    shop
}

pub(crate) fn configured() -> Vec<Configured> {
    [("cards", "pan", "pan"), ("cards", "cvv", "cvv")].map(|(r, c, class)| classify(r, c, class)).into()
}

pub(crate) fn classify(relation: &str, column: &str, class: &str) -> Configured {
    Configured {
        schema: "public".into(),
        relation: relation.into(),
        column: column.into(),
        class: Arc::from(class),
    }
}

pub(crate) fn relation(to: &mut Snapshot, oid: u32, schema: &str, name: &str, kind: char) {
    to.relations.push(RelationRow {
        oid,
        schema: schema.into(),
        name: name.into(),
        kind,
        barrier: false,
        row_security: false,
    });
}

pub(crate) fn columns(to: &mut Snapshot, oid: u32, names: &[&str]) {
    for (at, name) in (1..).zip(names) {
        to.attributes.push(AttributeRow {
            relation: oid,
            attnum: at,
            name: (*name).into(),
            type_oid: 25,
            type_sql: "text".into(),
            generated: false,
        });
    }
}

pub(crate) fn table(to: &mut Snapshot, oid: u32, name: &str, names: &[&str]) {
    relation(to, oid, "public", name, 'r');
    columns(to, oid, names);
}

/// A view on these relations that uses these columns.
pub(crate) fn view(
    to: &mut Snapshot,
    oid: u32,
    name: &str,
    names: &[&str],
    reads: &[(u32, i16)],
    definition: &str,
) {
    relation(to, oid, "public", name, 'v');
    columns(to, oid, names);
    let mut relations: Vec<u32> = reads.iter().map(|(r, _)| *r).collect();
    relations.push(oid);
    to.views.push(ViewRow {
        oid,
        definition: Some(definition.into()),
        relations,
        reads: reads.iter().copied().filter(|(_, n)| *n > 0).collect(),
        ..ViewRow::default()
    });
}

pub(crate) fn function(to: &mut Snapshot, oid: u32, name: &str, language: &str, source: &str) {
    to.functions.push(FunctionRow {
        oid,
        schema: "public".into(),
        name: name.into(),
        extension: None,
        language: language.into(),
        source: source.into(),
        definer: false,
        parts: Vec::new(),
    });
}

pub(crate) fn trigger(to: &mut Snapshot, relation: u32, function: u32) {
    to.triggers.push(TriggerRow { relation, name: "t".into(), function });
}

pub(crate) fn index(to: &mut Snapshot, relation: u32, columns: &[i16], unique: bool) {
    to.indexes.push(IndexRow {
        name: "i".into(),
        relation,
        primary: false,
        unique,
        columns: columns.into(),
        leading: columns[..1].into(),
        covers: columns.len() > 1,
    });
}

pub(crate) fn closed(snapshot: &Snapshot) -> Closed {
    close(snapshot, &configured(), &Bindings::new())
}

pub(crate) fn entry<'a>(closed: &'a Closed, name: &str) -> &'a Entry {
    closed.catalogue.relation("public", name).unwrap_or_else(|| panic!("{name} is known"))
}

/// `column:class` of what is classified, or why nothing is masked.
pub(crate) fn exposed(closed: &Closed, name: &str) -> String {
    match &entry(closed, name).exposure {
        Exposure::Plain => "plain".to_owned(),
        Exposure::Masked(masked) => {
            let classified =
                masked.columns.iter().filter_map(|c| Some(format!("{}:{}", c.name, c.class.as_ref()?)));
            classified.collect::<Vec<_>>().join(" ")
        }
        Exposure::Opaque(why) => format!("opaque: {why}"),
        Exposure::Shown(text) => format!("shown: {text}"),
    }
}
