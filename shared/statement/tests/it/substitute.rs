//! Substitution: what is sent instead of a text, and what is refused.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hoop_statement::{
    Catalogue, Column, Entry, Exposure, Masked, Origin, Situation, Substituted, Unsubstitutable, substitute,
};

const STATS: &str = "SELECT attname FROM pg_catalog.pg_stats WHERE tablename OPERATOR(pg_catalog.<>) 'cards'";

fn column(attnum: i16, name: &str, class: Option<&str>, type_oid: u32, type_sql: &str) -> Column {
    Column {
        name: name.into(),
        attnum,
        class: class.map(Into::into),
        revealed: false,
        generated: false,
        type_oid,
        type_sql: type_sql.into(),
    }
}

fn entry(oid: u32, exposure: Exposure) -> Entry {
    Entry { oid, exposure, unwritable: None }
}

fn catalogue() -> Catalogue {
    let cards = Masked {
        columns: vec![
            column(1, "id", None, 23, "integer"),
            column(2, "holder", None, 25, "text"),
            column(3, "pan", Some("pan"), 1043, "character varying(19)"),
            column(4, "cvv", Some("cvv"), 25, "text"),
            column(5, "exp", Some("expiry"), 25, "text"),
        ],
        primary_key: vec!["id".into()],
        constrained: vec![HashSet::from(["pan".into()])],
    };
    let numbers = Masked {
        columns: vec![column(1, "number", Some("pan"), 1700, "numeric(19,0)")],
        ..Masked::default()
    };
    let guarded = Entry { unwritable: Some("its trigger reads `cards`".into()), ..entry(7, Exposure::Plain) };
    let name = |schema: &str, name: &str| (Box::from(schema), Box::from(name));
    Catalogue {
        database: "shop".into(),
        relations: HashMap::from([
            (name("public", "cards"), entry(1, Exposure::Masked(Arc::new(cards)))),
            (name("public", "orders"), entry(2, Exposure::Plain)),
            (name("public", "v_bad"), entry(3, Exposure::Opaque("it filters by `pan`".into()))),
            (name("pg_catalog", "pg_class"), entry(4, Exposure::Plain)),
            (name("public", "numbers"), entry(5, Exposure::Masked(Arc::new(numbers)))),
            (name("vault", "hidden"), entry(6, Exposure::Opaque("it is".into()))),
            (name("public", "guarded"), guarded),
            (name("pg_catalog", "pg_stats"), entry(8, Exposure::Shown(STATS.into()))),
        ]),
        operators: HashMap::from([("###".into(), vec![Origin { schema: "app".into(), extension: None }])]),
        ..Catalogue::default()
    }
}

fn tried(text: &str, may_assign: bool) -> Result<Substituted, Unsubstitutable> {
    let catalogue = catalogue();
    let temporary = HashSet::from(["mine".into()]);
    substitute(
        text,
        &Situation { catalogue: &catalogue, path: &["public".into()], temporary: &temporary, may_assign },
    )
}

/// What is sent, or why nothing is.
fn told(text: &str, may_assign: bool) -> String {
    match tried(text, may_assign) {
        Ok(done) => done.text.unwrap_or_else(|| "as it came".to_owned()),
        Err(fault) => format!("{} {}: {fault}", fault.sqlstate, fault.rule),
    }
}

fn all(texts: &[&str], may_assign: bool) -> String {
    let each = texts.iter().map(|text| format!("{text}\n   {}\n", told(text, may_assign)));
    each.collect()
}

macro_rules! snapshot {
    ($name:literal, $texts:expr, $may_assign:expr) => {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!($name, all(&$texts, $may_assign));
        });
    };
}

#[test]
fn reads_see_masks() {
    let texts = [
        "SELECT 1",
        "SELECT pan FROM cards",
        "SELECT number FROM numbers",
        "SELECT cvv FROM cards c WHERE c.id = 1",
        "SELECT count(*) FROM cards",
        "SELECT count(*), max(c.id) FROM ONLY public.cards AS c",
        "SELECT cvv AS n FROM cards c (a, b, c, cvv, e)",
        "SELECT cvv FROM cards TABLESAMPLE bernoulli (10) REPEATABLE (1)",
        "SELECT o.id FROM orders o JOIN cards USING (id)",
        "SELECT o.* FROM orders o NATURAL JOIN (SELECT id, cvv FROM cards) x",
        "SELECT public.cards.cvv FROM public.cards",
        "SELECT shop.public.cards.cvv FROM shop.public.cards",
        "SELECT row_to_json(c) FROM (SELECT id, cvv FROM cards) c",
        "SELECT holder(c), (c).cvv FROM cards c",
        "SELECT id, holder, count(*) FROM cards GROUP BY id",
        "SELECT c.holder, count(*) FROM cards c GROUP BY 1, c.id",
        "SELECT lower(holder), app.lower(holder), pg_sleep(0) FROM cards",
        "SELECT id FROM cards ORDER BY id FOR UPDATE OF cards SKIP LOCKED LIMIT 1",
        "SELECT id, ctid FROM cards",
        "SELECT ctid, * FROM cards",
        "TABLE orders",
        "VALUES ((SELECT max(cvv) FROM cards))",
        "SELECT cvv FROM cards UNION ALL SELECT holder FROM cards WHERE id IN (SELECT id FROM cards)",
        "SELECT id FROM (SELECT id FROM cards) x, LATERAL (SELECT cvv FROM cards c WHERE c.id = x.id) y",
    ];
    snapshot!("reads", texts, false);
}

#[test]
fn names_mean_what_they_mean_to_the_server() {
    let texts = [
        "WITH cards AS (SELECT id FROM cards) SELECT * FROM cards",
        "WITH RECURSIVE cards AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM cards) SELECT id FROM cards",
        "WITH a AS (SELECT id FROM cards), b AS (WITH cards AS (SELECT 1) SELECT 1) SELECT id FROM cards",
        "SELECT (WITH cards AS (SELECT 2 AS id) SELECT id FROM cards), id FROM cards",
        "SELECT * FROM mine",
        "SELECT * FROM pg_temp.mine",
        "SELECT * FROM pg_temp_3.mine",
        "SELECT * FROM nope",
        "SELECT * FROM other.nope",
        "SELECT * FROM hidden",
        "SELECT cvv FROM \"cards\"",
        "SELECT relname FROM pg_class",
        "SELECT * FROM v_bad",
        "SELECT attname FROM pg_stats",
        "SELECT * FROM elsewhere.public.cards",
    ];
    snapshot!("names", texts, false);
}

#[test]
fn what_stands_around_a_query_is_rewritten_with_it() {
    let texts = [
        "BEGIN; SELECT id FROM cards; COMMIT",
        "EXPLAIN (ANALYZE, COSTS on) SELECT id FROM cards",
        "EXPLAIN SELECT id FROM orders",
        "PREPARE p AS SELECT id FROM cards WHERE id = $1",
        "EXECUTE p (1)",
        "DECLARE c CURSOR FOR SELECT id FROM cards",
        "COPY cards TO STDOUT",
        "COPY cards (cvv, id) TO STDOUT (FORMAT csv, HEADER)",
        "COPY orders TO STDOUT",
        "COPY (SELECT id FROM cards) TO STDOUT (FORMAT binary)",
        "CREATE TEMP TABLE t AS SELECT cvv FROM cards",
        "CREATE TABLE t AS SELECT cvv FROM cards",
        "CREATE TABLE t AS SELECT id FROM cards",
        "SELECT cvv INTO TEMP t FROM cards",
        "SELECT cvv INTO t FROM cards",
        "CREATE TEMP TABLE orders AS SELECT 1 AS id; SELECT id FROM orders",
    ];
    snapshot!("around", texts, false);
}

#[test]
fn changes_neither_read_nor_store_masks() {
    let texts = [
        "UPDATE cards SET holder = 'x' WHERE id = 1",
        "UPDATE cards SET holder = 'x' WHERE id = 1 RETURNING *",
        "UPDATE cards c SET holder = 'x' WHERE id = 1 RETURNING c.id, cvv AS v",
        "UPDATE cards SET holder = 'x' WHERE id = 1 RETURNING reverse(cvv)",
        "UPDATE cards SET holder = 'x' WHERE cvv LIKE '1%'",
        "UPDATE cards SET holder = cvv",
        "UPDATE cards SET holder = cards::text",
        "UPDATE cards SET cvv = '123' WHERE id = 1",
        "UPDATE orders SET note = c.cvv FROM cards c WHERE c.id = orders.id",
        "UPDATE orders SET note = c.holder FROM cards c WHERE c.id = orders.id",
        "DELETE FROM cards WHERE id = 1",
        "DELETE FROM cards WHERE cvv = '123'",
        "DELETE FROM orders USING cards WHERE cards.cvv LIKE '1%'",
        "INSERT INTO cards (id, holder) VALUES (1, 'x') RETURNING id",
        "INSERT INTO cards VALUES (1, 'x')",
        "INSERT INTO cards VALUES (1, 'x', '4111111111111111')",
        "INSERT INTO cards DEFAULT VALUES",
        "INSERT INTO cards (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET holder = excluded.holder",
        "INSERT INTO cards (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET holder = cards.cvv",
        "INSERT INTO cards (id) VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO orders SELECT id FROM cards",
        "INSERT INTO orders SELECT id, cvv FROM cards",
        "INSERT INTO mine SELECT id, cvv FROM cards",
        "WITH d AS (DELETE FROM orders RETURNING id) SELECT id FROM cards JOIN d USING (id)",
        "WITH d AS (UPDATE cards SET holder = reverse(cvv) RETURNING id) SELECT id FROM d",
        "MERGE INTO orders o USING cards c ON c.id = o.id WHEN MATCHED THEN UPDATE SET note = c.holder",
        "MERGE INTO cards c USING orders o ON c.id = o.id WHEN MATCHED AND c.cvv = '1' THEN DELETE",
        "COPY cards (id, holder) FROM STDIN",
        "COPY cards FROM STDIN",
        "UPDATE guarded SET id = 1",
    ];
    snapshot!("changes", texts, false);
}

#[test]
fn masked_forms_are_not_written_back() {
    let texts = [
        "INSERT INTO cards VALUES (1, 'x', '4111111111111111', '123')",
        "INSERT INTO cards VALUES (1, 'x', '411111******1111', '123')",
        "INSERT INTO cards VALUES (1, 'x', $1, $2::text)",
        "INSERT INTO cards VALUES (1, 'x', lower($1))",
        "INSERT INTO cards SELECT 1, 'x', note FROM orders",
        "UPDATE cards SET cvv = '***' WHERE id = 1",
        "UPDATE cards SET exp = '**/**' WHERE id = 1",
        "UPDATE cards SET exp = NULL WHERE id = 1",
        "UPDATE numbers SET number = 4111110000001111",
        "UPDATE numbers SET number = 4111111111111111",
        "COPY cards FROM STDIN",
    ];
    snapshot!("write_back", texts, true);
    let guarded =
        tried("UPDATE cards SET holder = $3, pan = $1, cvv = $2::text WHERE id = $4", true).unwrap();
    assert_eq!(guarded.guarded, [(1, false), (2, false)]);
}

#[test]
fn a_whole_value_beside_a_mask_is_refused_and_a_masked_one_is_not() {
    let texts = [
        "SELECT id FROM cards WHERE pan = '4111111111111111'",
        "SELECT id FROM cards WHERE pan = '411111******1111'",
        "SELECT id FROM cards WHERE $1 = cards.pan",
        "SELECT id FROM cards WHERE pan IN ('4111111111111111', '5')",
        "SELECT id FROM cards WHERE pan = ANY ('{4111111111111111}')",
        "SELECT id FROM cards WHERE (id, cvv) = (1, '123')",
        "SELECT id FROM cards WHERE pan LIKE '4111%'",
        "SELECT id FROM cards WHERE holder = 'x'",
        "SELECT orders.id FROM orders WHERE pan = '4111111111111111'",
    ];
    snapshot!("lookups", texts, false);
}

#[test]
fn definitions_reach_nothing_that_is_masked() {
    let texts = [
        "CREATE VIEW v AS SELECT id FROM cards",
        "CREATE VIEW v AS SELECT id FROM orders",
        "CREATE TEMP VIEW v AS SELECT id FROM orders",
        "CREATE INDEX ON cards (holder)",
        "CREATE INDEX ON cards (cvv)",
        "CREATE INDEX ON cards ((cvv::int))",
        "CREATE INDEX ON orders ((lower(note)))",
        "CREATE TABLE t (pan text REFERENCES cards (pan))",
        "CREATE TABLE t (LIKE cards)",
        "CREATE TABLE t () INHERITS (cards)",
        "ALTER TABLE cards ADD COLUMN note text DEFAULT 'x'",
        "ALTER TABLE cards ADD COLUMN note text DEFAULT reverse('x')",
        "ALTER TABLE cards ADD COLUMN note text GENERATED ALWAYS AS (reverse(cvv)) STORED",
        "ALTER TABLE cards ALTER COLUMN cvv TYPE int USING cvv::int",
        "ALTER TABLE cards RENAME COLUMN cvv TO note",
        "ALTER TABLE orders RENAME COLUMN note TO remark",
        "CREATE TRIGGER t AFTER INSERT ON orders EXECUTE FUNCTION f()",
        "CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = f)",
        "CREATE CAST (text AS int) WITH FUNCTION f (text)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DO 'BEGIN END'",
        "SELECT id FROM orders WHERE note ### 'x'",
        "SELECT id FROM orders WHERE note OPERATOR(app.###) 'x'",
        "SET enable_seqscan = off",
        "SELECT set_config('random_page_cost', '0', false)",
        "SELECT set_config('random_' || 'page_cost', '0', false)",
        "SELECT query_to_xml('SELECT * FROM cards', true, false, '')",
        "SET search_path = app",
        "SELECT * FROM pg_stat_get_activity(NULL)",
    ];
    snapshot!("definitions", texts, false);
}

#[test]
fn places_in_our_text_are_places_in_theirs() {
    let text = "SELECT nope, lower(holder) FROM cards WHERE wrong = 1";
    let done = tried(text, false).unwrap();
    let ours = done.text.clone().unwrap();
    for word in ["nope", "wrong"] {
        let (mine, theirs) = (ours.find(word).unwrap(), text.find(word).unwrap());
        assert_eq!(done.origin(u32::try_from(mine).unwrap()) as usize, theirs, "{word} in {ours}");
    }
}
