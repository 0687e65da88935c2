//! Triggers, rules and functions.

use hoop_statement::closure::{ForeignKeyRow, Note, RuleRow};

use super::{closed, entry, exposed, function, relation, shop, table, trigger, view};

/// Why writing to `orders` is not let through when a trigger runs this there.
fn on_orders(language: &str, source: &str) -> Option<String> {
    let mut shop = shop();
    function(&mut shop, 500, "f", language, source);
    trigger(&mut shop, 200, 500);
    relation(&mut shop, 13, "pg_catalog", "pg_stat_activity", 'v');
    entry(&closed(&shop), "orders").unwritable.as_deref().map(str::to_owned)
}

#[test]
fn triggers_that_keep_to_their_row_are_harmless() {
    for source in [
        "BEGIN NEW.amount := round(NEW.amount, 2); RETURN NEW; END",
        "BEGIN INSERT INTO audit VALUES (now(), NEW.id, 'discards'); RETURN NULL; END",
    ] {
        assert_eq!(on_orders("plpgsql", source), None, "{source}");
    }
}

#[test]
fn triggers_that_could_reach_classified_columns() {
    for (language, source) in [
        ("plpgsql", "BEGIN SELECT pan INTO NEW.amount FROM cards; RETURN NEW; END"),
        ("plpgsql", "BEGIN SELECT pan INTO NEW.amount FROM public . \"cards\"; RETURN NEW; END"),
        ("plpgsql", "DECLARE c Cards%ROWTYPE; BEGIN RETURN NEW; END"),
        ("plpgsql", "BEGIN execute 'SELECT pan FROM ca' || 'rds' INTO NEW.amount; RETURN NEW; END"),
        ("plpgsql", "BEGIN NEW.amount := query_to_xml(NEW.amount, true, true, ''); RETURN NEW; END"),
        ("plpgsql", "BEGIN SELECT pan INTO NEW.amount FROM U&\"\\0063ards\"; RETURN NEW; END"),
        ("plpgsql", "BEGIN SELECT query INTO NEW.amount FROM pg_stat_activity; RETURN NEW; END"),
        ("c", "f"),
        ("plpython3u", "pass"),
    ] {
        assert!(on_orders(language, source).is_some(), "{source}");
    }
}

#[test]
fn a_function_reaches_what_it_calls() {
    let mut shop = shop();
    function(&mut shop, 500, "outermost", "plpgsql", "BEGIN NEW.amount := middle(NEW.id); RETURN NEW; END");
    function(&mut shop, 501, "middle", "sql", "SELECT inmost(1)");
    function(&mut shop, 502, "inmost", "sql", "SELECT pan FROM cards");
    shop.functions[2].definer = true;
    trigger(&mut shop, 200, 500);
    let closed = closed(&shop);
    let why = entry(&closed, "orders").unwritable.as_deref().expect("it reaches");
    assert!(why.contains("outermost calls middle"), "{why}");
    assert_eq!(closed.notes, [Note::Definer { function: ("public".into(), "inmost".into()) }]);
}

#[test]
fn a_trigger_on_the_classified_relation_is_noted_and_may_run() {
    let mut shop = shop();
    function(&mut shop, 500, "f", "plpgsql", "BEGIN INSERT INTO audit VALUES (NEW.pan); RETURN NEW; END");
    trigger(&mut shop, 100, 500);
    let closed = closed(&shop);
    assert_eq!(entry(&closed, "cards").unwritable, None);
    assert!(matches!(&closed.notes[..], [Note::Trigger { .. }]));
}

#[test]
fn an_extensions_trigger_is_trusted_only_when_it_is_of_contrib() {
    let mut shop = shop();
    function(&mut shop, 500, "f", "c", "f");
    trigger(&mut shop, 200, 500);
    shop.functions[0].extension = Some("moddatetime".into());
    assert_eq!(entry(&closed(&shop), "orders").unwritable, None);
    shop.functions[0].extension = Some("somebodys".into());
    assert!(entry(&closed(&shop), "orders").unwritable.is_some());
}

#[test]
fn writing_goes_on_to_children_cascades_and_through_views() {
    let mut shop = shop();
    function(&mut shop, 500, "f", "plpgsql", "BEGIN PERFORM pan FROM cards; RETURN NEW; END");
    trigger(&mut shop, 200, 500);
    table(&mut shop, 201, "all_orders", &["id"]);
    table(&mut shop, 202, "people", &["id"]);
    table(&mut shop, 203, "pets", &["id"]);
    view(&mut shop, 204, "some_orders", &["id"], &[(200, 1)], "SELECT orders.id FROM public.orders");
    shop.inherits = vec![(200, 201)];
    let key = |referenced, acts| ForeignKeyRow {
        relation: 200,
        columns: vec![1],
        referenced,
        referenced_columns: vec![1],
        acts,
    };
    shop.foreign_keys = vec![key(202, true), key(203, false)];
    let closed = closed(&shop);
    for name in ["all_orders", "people", "some_orders"] {
        assert!(entry(&closed, name).unwritable.is_some(), "{name}");
    }
    assert_eq!(entry(&closed, "pets").unwritable, None);
}

#[test]
fn rules_on_and_onto_classified_relations() {
    let mut shop = shop();
    table(&mut shop, 201, "log", &["id"]);
    let rule =
        |relation, to: &[u32]| RuleRow { relation, name: "r".into(), relations: to.into(), calls: vec![] };
    shop.rules = vec![rule(200, &[200, 201])];
    assert_eq!(entry(&closed(&shop), "orders").unwritable, None);
    shop.rules = vec![rule(200, &[200, 100]), rule(100, &[100, 201])];
    let closed = closed(&shop);
    assert!(entry(&closed, "orders").unwritable.is_some());
    assert!(entry(&closed, "cards").unwritable.is_some());
}

#[test]
fn a_view_that_calls_what_reaches_is_opaque_and_so_are_views_on_it() {
    let mut shop = shop();
    function(&mut shop, 500, "pans", "sql", "SELECT pan FROM cards");
    function(&mut shop, 501, "add", "sql", "SELECT $1 + $2");
    view(&mut shop, 301, "outer", &["a"], &[(300, 1)], "SELECT v.a FROM public.v");
    view(&mut shop, 300, "v", &["a"], &[], "SELECT public.pans() AS a");
    view(
        &mut shop,
        302,
        "fine",
        &["a"],
        &[(200, 1)],
        "SELECT public.add(orders.id, 1) AS a FROM public.orders",
    );
    shop.views[1].calls = vec![500];
    shop.views[2].calls = vec![501];
    let closed = closed(&shop);
    assert!(exposed(&closed, "v").starts_with("opaque: it calls"));
    assert_eq!(exposed(&closed, "outer"), "opaque: it reads public.v, which cannot be masked");
    assert_eq!(exposed(&closed, "fine"), "plain");
}
