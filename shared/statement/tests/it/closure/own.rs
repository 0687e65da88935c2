//! PostgreSQL's own relations that tell of others.

use std::collections::HashSet;

use hoop_statement::closure::Snapshot;
use hoop_statement::{Exposure, Situation, substitute};

use super::{closed, columns, relation, shop};

fn with_own() -> Snapshot {
    let mut shop = shop();
    relation(&mut shop, 12, "pg_catalog", "pg_stats", 'v');
    columns(&mut shop, 12, &["schemaname", "tablename", "attname", "most_common_vals"]);
    relation(&mut shop, 13, "pg_catalog", "pg_stat_activity", 'v');
    columns(&mut shop, 13, &["datname", "pid", "query", "back\"end"]);
    relation(&mut shop, 14, "pg_catalog", "pg_statistic", 'r');
    relation(&mut shop, 15, "ext", "pg_stat_statements", 'v');
    relation(&mut shop, 16, "pg_catalog", "pg_class", 'r');
    relation(&mut shop, 17, "pg_catalog", "pg_stats_ext", 'v');
    shop
}

fn shown(snapshot: &Snapshot, name: &str) -> String {
    let closed = closed(snapshot);
    match &closed.catalogue.relation("pg_catalog", name).expect("it is known").exposure {
        Exposure::Shown(text) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn statistics_without_those_of_the_closure() {
    let text = shown(&with_own(), "pg_stats");
    assert!(text.starts_with(
        "SELECT own.\"schemaname\", own.\"tablename\", own.\"attname\", own.\"most_common_vals\" \
         FROM pg_catalog.\"pg_stats\" own WHERE NOT EXISTS"
    ));
    assert!(text.contains("CAST('{100}' AS pg_catalog.oid[])"), "{text}");
    assert!(text.contains("i.indrelid"), "{text}");
}

#[test]
fn other_peoples_queries_are_null() {
    assert_eq!(
        shown(&with_own(), "pg_stat_activity"),
        "SELECT own.\"datname\", own.\"pid\", CASE WHEN own.\"pid\" OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
         THEN own.\"query\" END AS \"query\", own.\"back\"\"end\" FROM pg_catalog.\"pg_stat_activity\" own"
    );
}

#[test]
fn what_nobody_reads() {
    let closed = closed(&with_own());
    for (schema, name) in
        [("pg_catalog", "pg_statistic"), ("ext", "pg_stat_statements"), ("pg_catalog", "pg_stats_ext")]
    {
        let entry = closed.catalogue.relation(schema, name).expect("it is known");
        assert!(matches!(entry.exposure, Exposure::Opaque(_)), "{name}");
    }
    let class = closed.catalogue.relation("pg_catalog", "pg_class").expect("it is known");
    assert_eq!(class.exposure, Exposure::Plain);
}

#[test]
fn substitution_takes_these_forms() {
    let closed = closed(&with_own());
    let temporary = HashSet::new();
    let at = Situation {
        catalogue: &closed.catalogue,
        path: &["public".into()],
        temporary: &temporary,
        may_assign: false,
    };
    for text in ["SELECT * FROM pg_stats", "SELECT query FROM pg_stat_activity a WHERE a.pid > 1"] {
        let done = substitute(text, &at).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert!(done.text.is_some_and(|t| t.contains("pg_catalog")), "{text}");
    }
    substitute("SELECT * FROM ext.pg_stat_statements", &at).expect_err("it is hidden");
}
