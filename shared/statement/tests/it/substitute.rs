//! Substitution: what is sent instead of a text, and what is refused.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hoop_statement::{
    Catalogue, Column, Entry, Exposure, Masked, Situation, Substituted, Unsubstitutable, substitute,
};

fn column(attnum: i16, name: &str, class: Option<&str>, type_oid: u32, type_sql: &str) -> Column {
    Column {
        name: name.into(),
        attnum,
        class: class.map(Into::into),
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
    let name = |schema: &str, name: &str| (Box::from(schema), Box::from(name));
    Catalogue {
        database: "shop".into(),
        relations: HashMap::from([
            (name("public", "cards"), entry(1, Exposure::Masked(Arc::new(cards)))),
            (name("public", "orders"), entry(2, Exposure::Plain)),
            (name("public", "v_bad"), entry(3, Exposure::Opaque("it filters by `pan`".into()))),
            (name("pg_catalog", "pg_class"), entry(4, Exposure::Plain)),
        ]),
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

fn sent(text: &str) -> String {
    match tried(text, false) {
        Ok(done) => done.text.unwrap_or_else(|| text.to_owned()),
        Err(e) => format!("{}: {}", e.rule, e.message),
    }
}

fn write(text: &str) -> String {
    match tried(text, true) {
        Ok(done) => done.text.unwrap_or_else(|| text.to_owned()),
        Err(e) => format!("{}: {}", e.rule, e.message),
    }
}

#[test]
fn print_some() {
    for text in [
        "SELECT 1",
        "SELECT id FROM cards",
        "SELECT count(*) FROM cards",
        "SELECT cvv FROM cards c WHERE c.id = 1",
        "SELECT * FROM orders o JOIN cards ON cards.id = o.id",
        "SELECT id, holder, count(*) FROM cards GROUP BY id",
        "WITH cards AS (SELECT id FROM cards) SELECT * FROM cards",
        "SELECT public.cards.id FROM public.cards",
        "SELECT lower(holder) FROM cards TABLESAMPLE bernoulli(10)",
        "COPY cards (id, cvv) TO STDOUT",
        "EXPLAIN SELECT id FROM cards",
        "UPDATE cards SET holder = 'x' WHERE id = 1 RETURNING *",
        "SELECT * FROM mine",
        "SELECT * FROM v_bad",
        "SELECT count(*) FROM cards WHERE pan = '4111111111111111'",
        "INSERT INTO orders SELECT id FROM cards",
        "INSERT INTO orders SELECT cvv FROM cards",
        "BEGIN; SELECT id FROM cards; COMMIT",
        "SELECT * FROM nope",
        "SELECT relname FROM pg_class",
        "SELECT pan FROM cards",
    ] {
        println!("{text}\n   {}", sent(text));
    }
    println!("{}", write("INSERT INTO cards VALUES (1, 'x', '411111******1111')"));
    println!("{}", write("INSERT INTO cards VALUES (1, 'x', $1)"));
}
