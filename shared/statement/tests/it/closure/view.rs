//! Views and materialised views.

use super::{closed, exposed, index, shop, view};
use hoop_statement::Exposure;
use hoop_statement::closure::Snapshot;

const ALL: &[(u32, i16)] = &[(100, 1), (100, 2), (100, 3), (100, 4), (200, 1), (200, 2), (200, 3)];

/// How a view with these columns and this definition is exposed, as a view and as a materialised view. Its
/// dependencies are those of the columns of `cards` and `orders` that stand in it.
fn both(names: &[&str], definition: &str) -> (String, String) {
    let mentions =
        |name: &str| definition.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == name);
    let of = |names: &[&'static str]| names.iter().map(|n| mentions(n)).collect::<Vec<_>>();
    let columns = [of(&["id", "holder", "pan", "cvv"]), of(&["id", "card_id", "amount"])].concat();
    let used = ALL.iter().zip(columns).filter(|(_, used)| *used).map(|(at, _)| *at);
    let tables =
        [("cards", 100), ("orders", 200)].into_iter().filter(|(n, _)| mentions(n)).map(|(_, oid)| (oid, 0));
    let reads: Vec<_> =
        used.chain(tables.clone()).filter(|(r, _)| tables.clone().any(|(t, _)| t == *r)).collect();
    let one = |kind: char| {
        let mut shop = shop();
        view(&mut shop, 300, "v", names, &reads, definition);
        shop.relations.last_mut().expect("the view").kind = kind;
        exposed(&closed(&shop), "v")
    };
    (one('v'), one('m'))
}

/// The same for both kinds.
fn same(names: &[&str], definition: &str) -> String {
    let (view, stored) = both(names, definition);
    assert_eq!(view, stored, "{definition}");
    view
}

#[test]
fn plain_projections() {
    assert_eq!(same(&["id", "n"], " SELECT id,\n    pan AS n\n   FROM public.cards;"), "n:pan");
    assert_eq!(same(&["id"], "SELECT id FROM public.cards"), "plain");
    assert_eq!(same(&["n"], "SELECT (c.pan)::text AS n FROM public.cards c"), "n:pan");
    assert_eq!(
        same(
            &["a", "b"],
            "SELECT o.amount AS a, c.pan AS b FROM public.orders o JOIN public.cards c ON c.id = o.card_id"
        ),
        "b:pan"
    );
    assert_eq!(same(&["n"], "SELECT s.x AS n FROM (SELECT cards.pan FROM public.cards) s(x)"), "n:pan");
    assert_eq!(
        same(&["n"], "WITH w AS (SELECT cards.pan AS x FROM public.cards) SELECT w.x AS n FROM w"),
        "n:pan"
    );
    assert_eq!(same(&["n"], "SELECT c.c3 AS n FROM public.cards c(c1, c2, c3, c4) WHERE c.c1 > 0"), "plain");
    assert_eq!(
        same(
            &["n"],
            "SELECT c.c3 AS n FROM public.cards c(c1, c2, c3, c4), public.orders pan WHERE c.c1 > 0"
        ),
        "n:pan"
    );
    assert_eq!(
        same(&["n"], "SELECT cards.pan AS n FROM public.cards WHERE cards.id > 3 ORDER BY cards.id LIMIT 5"),
        "n:pan"
    );
}

#[test]
fn every_branch_of_a_union() {
    assert_eq!(
        same(
            &["n"],
            "SELECT cards.holder AS n FROM public.cards UNION ALL SELECT cards.pan FROM public.cards"
        ),
        "n:pan"
    );
    assert_eq!(
        same(&["n"], "SELECT cards.pan AS n FROM public.cards UNION SELECT cards.cvv FROM public.cards"),
        "n:cvv"
    );
    assert_eq!(
        same(&["n"], "SELECT cards.pan AS n FROM public.cards EXCEPT SELECT cards.cvv FROM public.cards"),
        "opaque: it compares classified columns"
    );
    assert_eq!(
        same(&["n"], "SELECT cards.pan AS n FROM public.cards UNION ALL SELECT 'x'::text AS n ORDER BY 1"),
        "opaque: it is in the order of a classified column"
    );
}

#[test]
fn what_is_computed_is_masked_only_where_it_is_stored() {
    for (definition, class) in [
        ("SELECT \"left\"(cards.pan, 6) AS n FROM public.cards", "pan"),
        ("SELECT md5(cards.pan) AS n FROM public.cards", "pan"),
        ("SELECT count(cards.cvv) AS n FROM public.cards", "cvv"),
        ("SELECT (cards.pan)::character varying(6) AS n FROM public.cards", "pan"),
        ("SELECT (cards.pan)::bigint AS n FROM public.cards", "pan"),
        ("SELECT row_number() OVER (ORDER BY cards.pan) AS n FROM public.cards", "pan"),
        ("SELECT (SELECT c.pan FROM public.cards c WHERE c.id = o.card_id) AS n FROM public.orders o", "pan"),
        ("SELECT s.x AS n FROM (SELECT upper(cards.pan) AS x FROM public.cards) s", "pan"),
        ("SELECT cards.pan = cards.cvv AS n FROM public.cards", "cvv"),
        ("SELECT o.id IN (SELECT c.pan FROM public.cards c) AS n FROM public.orders o", "pan"),
    ] {
        let (view, stored) = both(&["n"], definition);
        assert_eq!(view, "opaque: its column `n` is computed from classified columns", "{definition}");
        assert_eq!(stored, format!("n:{class}"), "{definition}");
    }
}

#[test]
fn what_decides_by_a_classified_column_is_opaque() {
    for definition in [
        "SELECT cards.id AS n FROM public.cards WHERE cards.pan LIKE '4%'",
        "SELECT cards.id AS n FROM public.cards ORDER BY cards.pan",
        "SELECT cards.id AS n FROM public.cards ORDER BY (length(cards.pan))",
        "SELECT cards.id AS n FROM public.cards GROUP BY cards.id HAVING max(cards.pan) > '5'",
        "SELECT count(*) AS n FROM public.cards GROUP BY cards.pan",
        "SELECT id AS pan FROM public.cards GROUP BY pan",
        "SELECT DISTINCT cards.pan AS n FROM public.cards",
        "SELECT DISTINCT ON (cards.pan) cards.id AS n FROM public.cards",
        "SELECT o.id AS n FROM public.orders o JOIN public.cards c ON c.pan = o.amount",
        "SELECT a.id AS n FROM public.cards a JOIN public.cards b USING (pan)",
        "SELECT o.id AS n FROM public.orders o WHERE EXISTS (SELECT 1 FROM public.cards c WHERE c.pan = o.amount)",
        "SELECT o.id AS n FROM public.orders o WHERE o.amount IN (SELECT c.pan FROM public.cards c)",
        "SELECT o.id AS n FROM public.orders o LIMIT (SELECT count(cards.pan) FROM public.cards)",
        "SELECT s.n FROM (SELECT cards.id AS n FROM public.cards WHERE cards.cvv = '1') s",
        "SELECT rank() OVER w AS n FROM public.cards WINDOW w AS (ORDER BY cards.pan)",
        "SELECT t.n FROM public.cards c, LATERAL unnest(string_to_array(c.pan, NULL)) t(n)",
        "SELECT row_to_json(c.*) AS n FROM public.cards c",
        "SELECT c.*::public.cards AS n FROM public.cards c",
        "SELECT count(c.*) AS n FROM public.cards c",
        "WITH RECURSIVE w AS (SELECT cards.pan AS x FROM public.cards UNION ALL SELECT w.x FROM w) SELECT w.x AS n FROM w",
        "SELECT j.pan AS n FROM (public.cards c JOIN public.orders o ON c.id = o.card_id) j",
        "SELECT public.cards.pan AS n FROM public.cards",
    ] {
        assert!(same(&["n"], definition).starts_with("opaque: "), "{definition}");
    }
}

#[test]
fn exists_does_not_look_at_columns() {
    let definition = "SELECT o.id AS n FROM public.orders o WHERE EXISTS (SELECT c.pan FROM public.cards c WHERE c.id = o.card_id)";
    assert_eq!(same(&["n"], definition), "plain");
}

#[test]
fn views_on_views_and_what_cannot_be_followed() {
    let mut shop = shop();
    // The outermost comes first: only a fix point finds it.
    view(&mut shop, 301, "outer", &["b"], &[(300, 1)], "SELECT v.a AS b FROM public.v");
    view(&mut shop, 300, "v", &["a"], &[(100, 3)], "SELECT cards.pan AS a FROM public.cards");
    view(&mut shop, 303, "on_bad", &["c"], &[(302, 1)], "SELECT bad.c FROM public.bad");
    view(&mut shop, 302, "bad", &["c"], &[(300, 1)], "SELECT upper(v.a) AS c FROM public.v");
    view(&mut shop, 304, "other", &["c"], &[(100, 3)], "SELECT cards.pan AS c FROM private.cards");
    view(&mut shop, 305, "unmet", &["c"], &[(100, 1), (100, 3)], "SELECT cards.id AS c FROM public.cards");
    view(&mut shop, 306, "unread", &["c"], &[(100, 3)], "");
    shop.views.last_mut().expect("the view").definition = None;
    let closed = closed(&shop);
    assert_eq!(exposed(&closed, "outer"), "b:pan");
    assert_eq!(exposed(&closed, "bad"), "opaque: its column `c` is computed from classified columns");
    assert_eq!(exposed(&closed, "on_bad"), "opaque: it reads public.bad, which cannot be masked");
    for name in ["other", "unmet", "unread"] {
        assert_eq!(exposed(&closed, name), "opaque: its definition was not understood", "{name}");
    }
}

#[test]
fn a_view_that_calls_more_than_harmless_functions_is_opaque() {
    let mut shop = shop();
    view(&mut shop, 300, "v", &["a"], &[(200, 1)], "SELECT query_to_xml('…') AS a FROM public.orders");
    shop.views[0].builtins = vec!["lower".into(), "query_to_xml".into()];
    assert!(exposed(&closed(&shop), "v").starts_with("opaque: it calls query_to_xml"));
}

#[test]
fn constraints_are_seen_through_a_view() {
    let mut shop: Snapshot = shop();
    index(&mut shop, 100, &[3], true);
    index(&mut shop, 100, &[4], false);
    view(
        &mut shop,
        300,
        "v",
        &["n", "c"],
        &[(100, 3), (100, 4)],
        "SELECT cards.pan AS n, cards.cvv AS c FROM public.cards",
    );
    let closed = closed(&shop);
    let Exposure::Masked(masked) = &super::entry(&closed, "v").exposure else { panic!("it is masked") };
    assert_eq!(masked.constrained, [std::collections::HashSet::from(["n".into()])]);
}
