//! Inheritance, partitions, generated columns, foreign keys, constraints.

use std::collections::HashSet;

use hoop_statement::Exposure;
use hoop_statement::closure::{Bindings, ForeignKeyRow, Snapshot, close};
use proptest::prelude::*;

use super::{classify, closed, entry, exposed, index, relation, shop, table};

fn key(relation: u32, column: i16, referenced: u32, at: i16) -> ForeignKeyRow {
    ForeignKeyRow { relation, columns: vec![column], referenced, referenced_columns: vec![at], acts: false }
}

fn constrained(snapshot: &Snapshot, name: &str) -> Vec<Vec<String>> {
    let closed = closed(snapshot);
    let Exposure::Masked(masked) = &entry(&closed, name).exposure else { panic!("{name} is masked") };
    let names = |set: &HashSet<Box<str>>| {
        let mut names: Vec<String> = set.iter().map(ToString::to_string).collect();
        names.sort();
        names
    };
    masked.constrained.iter().map(names).collect()
}

#[test]
fn only_the_named_columns_of_a_table_alone() {
    let closed = closed(&shop());
    assert_eq!(exposed(&closed, "cards"), "pan:pan cvv:cvv");
    assert_eq!(exposed(&closed, "orders"), "plain");
    assert_eq!(closed.notes, []);
}

#[test]
fn inheritance_goes_down_and_up_and_to_siblings() {
    let mut shop = shop();
    table(&mut shop, 99, "all_cards", &["pan", "cvv"]);
    table(&mut shop, 101, "cards_2026", &["pan", "cvv", "extra"]);
    shop.inherits = vec![(100, 99), (101, 99)];
    let closed = closed(&shop);
    assert_eq!(exposed(&closed, "all_cards"), "pan:pan cvv:cvv");
    assert_eq!(exposed(&closed, "cards_2026"), "pan:pan cvv:cvv");
}

#[test]
fn a_relation_that_is_one_with_an_opaque_one_is_opaque() {
    let mut shop = shop();
    table(&mut shop, 101, "old_cards", &["id", "number"]);
    shop.inherits = vec![(101, 100)];
    let mut configured = super::configured();
    configured.push(classify("old_cards", "pan", "pan"));
    let closed = close(&shop, &configured, &Bindings::new());
    assert!(exposed(&closed, "old_cards").starts_with("opaque: its classified column `pan` is not there"));
    assert_eq!(exposed(&closed, "cards"), "opaque: it is one with public.old_cards");
}

#[test]
fn generated_columns_of_generated_relations() {
    let mut shop = shop();
    table(&mut shop, 101, "hashed", &["pan", "digest", "length"]);
    shop.inherits = vec![(101, 100)];
    shop.generated = vec![((101, 2), 1)];
    assert_eq!(exposed(&closed(&shop), "hashed"), "pan:pan digest:pan");
}

#[test]
fn foreign_keys_onto_a_classified_column_and_not_from_one() {
    let mut shop = shop();
    table(&mut shop, 300, "uses", &["id", "of_pan"]);
    table(&mut shop, 301, "uses_of_uses", &["of_pan"]);
    table(&mut shop, 302, "issuers", &["id"]);
    shop.foreign_keys = vec![key(300, 2, 100, 3), key(301, 1, 300, 2), key(100, 2, 302, 1)];
    let closed = closed(&shop);
    assert_eq!(exposed(&closed, "uses"), "of_pan:pan");
    assert_eq!(exposed(&closed, "uses_of_uses"), "of_pan:pan");
    assert_eq!(exposed(&closed, "issuers"), "plain");
}

#[test]
fn of_two_classes_the_one_that_shows_less() {
    let mut shop = shop();
    table(&mut shop, 300, "both", &["value"]);
    shop.foreign_keys = vec![key(300, 1, 100, 3), key(300, 1, 100, 4)];
    assert_eq!(exposed(&closed(&shop), "both"), "value:cvv");
}

#[test]
fn constraints_that_speak_of_a_classified_column() {
    let mut shop = shop();
    table(&mut shop, 101, "cards_2026", &["id", "holder", "pan", "cvv"]);
    shop.inherits = vec![(101, 100)];
    index(&mut shop, 100, &[1], true);
    index(&mut shop, 100, &[2, 3], true);
    index(&mut shop, 100, &[4], false);
    index(&mut shop, 101, &[4], true);
    shop.foreign_keys = vec![key(200, 2, 100, 3)];
    assert_eq!(constrained(&shop, "cards"), [vec!["cvv"], vec!["holder", "pan"], vec!["pan"]]);
    assert_eq!(constrained(&shop, "orders"), [["card_id"]]);
    assert_eq!(constrained(&shop, "cards_2026"), [["cvv"]]);
}

#[test]
fn indexes_that_tell_are_led_by_a_classified_column_and_cover() {
    let mut shop = shop();
    index(&mut shop, 100, &[3], true);
    index(&mut shop, 100, &[1, 3], false);
    assert!(!closed(&shop).catalogue.telling_indexes);
    index(&mut shop, 100, &[3, 1], false);
    let closed = closed(&shop);
    assert!(closed.catalogue.telling_indexes);
    assert_eq!(closed.notes.len(), 1);
}

#[test]
fn other_peoples_temporary_relations_are_absent_and_toast_is_opaque() {
    let mut shop = shop();
    relation(&mut shop, 400, "pg_temp_3", "mine", 'r');
    relation(&mut shop, 401, "pg_toast", "pg_toast_100", 't');
    let closed = closed(&shop);
    assert!(closed.catalogue.relation("pg_temp_3", "mine").is_none());
    let toast = closed.catalogue.relation("pg_toast", "pg_toast_100").expect("it is known");
    assert!(matches!(toast.exposure, Exposure::Opaque(_)));
}

/// A forest of tables with a column each, linked at random.
fn linked() -> impl Strategy<Value = (Snapshot, Vec<(u32, u32)>)> {
    let links = prop::collection::vec((0_u32..12, 0_u32..12, any::<bool>()), 0..20);
    links.prop_map(|links| {
        let mut snapshot = Snapshot::default();
        for oid in 0..12 {
            table(&mut snapshot, oid, &format!("t{oid}"), &["value"]);
        }
        let mut edges = Vec::new();
        for (from, to, inherits) in links {
            if inherits {
                snapshot.inherits.push((from, to));
                edges.push((to, from));
            } else {
                snapshot.foreign_keys.push(key(from, 1, to, 1));
            }
            edges.push((if inherits { from } else { to }, if inherits { to } else { from }));
        }
        (snapshot, edges)
    })
}

proptest! {
    /// Exactly what can be reached from the seed is classified, whatever the order of the rows.
    #[test]
    fn the_closure_is_reachability((snapshot, edges) in linked()) {
        let mut reached = HashSet::from([0_u32]);
        while let Some((_, to)) = edges.iter().find(|(from, to)| reached.contains(from) && !reached.contains(to)) {
            reached.insert(*to);
        }
        let mut shuffled = snapshot.clone();
        shuffled.inherits.reverse();
        shuffled.foreign_keys.reverse();
        let seed = [classify("t0", "value", "pan")];
        let closed = close(&snapshot, &seed, &Bindings::new());
        for oid in 0..12 {
            let expected = if reached.contains(&oid) { "value:pan" } else { "plain" };
            prop_assert_eq!(exposed(&closed, &format!("t{oid}")), expected);
        }
        prop_assert_eq!(close(&shuffled, &seed, &Bindings::new()), closed);
    }

    /// More classified columns never make anything plain again.
    #[test]
    fn the_closure_only_grows((snapshot, _) in linked(), second in 0_u32..12) {
        let one = [classify("t0", "value", "pan")];
        let two = [one[0].clone(), classify(&format!("t{second}"), "value", "name")];
        let (one, two) = (close(&snapshot, &one, &Bindings::new()), close(&snapshot, &two, &Bindings::new()));
        for oid in 0..12 {
            let name = format!("t{oid}");
            prop_assert!(exposed(&one, &name) == "plain" || exposed(&two, &name) != "plain");
        }
    }
}
