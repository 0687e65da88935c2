//! Facts of a varied corpus, one reviewed line a statement.

use hoop_statement::Opaque;

use crate::{analyse, facts, line};

const CORPUS: &str = include_str!("corpus.txt");

/// Statements of the corpus.
pub(crate) fn statements() -> impl Iterator<Item = &'static str> {
    CORPUS.lines().filter(|l| !l.is_empty())
}

#[test]
fn facts_of_the_corpus() {
    assert!(statements().count() >= 200);
    let out: Vec<String> = statements().map(|s| format!("{s}\n    {}", line(&facts(s)))).collect();
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn every_statement_kind_has_a_verb() {
    for s in statements() {
        let f = facts(s);
        assert!(!f.opaque.contains(&Opaque::UnknownStatement), "{s}");
        assert!(!f.opaque.contains(&Opaque::UnknownNode), "{s}");
        assert!(!f.verbs.is_empty() && !f.tag.is_empty(), "{s}");
    }
}

#[test]
fn what_writes_is_never_read_only() {
    // Told from the first word, where that is enough, and by hand where it is not.
    let writes =
        ["insert", "update", "delete", "merge", "truncate", "create", "alter", "drop", "grant", "revoke"];
    for s in statements().filter(|s| writes.iter().any(|w| s.starts_with(w))) {
        assert!(!facts(s).is_read_only(), "{s}");
    }
    for s in [
        "with a as (delete from t returning *) select * from a",
        "explain analyze delete from t",
        "select * from t for update",
        "select * into n from t",
        "select nextval('s')",
        "select my_function()",
        "select public.lower('x')",
        "copy t from stdin",
        "copy t to '/tmp/x'",
        "execute q",
        "prepare q as delete from t",
        "declare c cursor for select f(1)",
        "notify x",
        "select ('s'::regclass).nextval",
        "select (1::oid).lo_unlink",
        "select f.nextval from unnest(array['s'::regclass]) f",
        "select unnest.nextval from unnest(array['s'::regclass])",
        "select ('select pan from cards'::text).ts_stat",
        "select ('x'::text).set_config",
    ] {
        assert!(!facts(s).is_read_only(), "{s}");
    }
}

#[test]
fn several_statements_keep_their_places() {
    let text = "begin; /* é */ select 'ü' ; ; commit";
    let a = analyse(text).unwrap();
    let parts: Vec<&str> = a.statements.iter().map(|s| text[s.span.clone()].trim()).collect();
    assert_eq!(parts, ["begin", "select 'ü'", "commit"]);
}

#[test]
fn an_empty_query_has_no_statements() {
    for text in ["", " ", ";", ";;", "-- nothing", "/* nothing */"] {
        let a = analyse(text).unwrap();
        assert!(a.statements.is_empty(), "{text:?}");
    }
}

#[test]
fn pinned_settings_are_told_apart() {
    let keeps = |s: &str| facts(s).settings[0].keeps_pin();
    assert!(keeps("set client_encoding to 'utf-8'"));
    assert!(keeps("set names 'UTF8'"));
    assert!(keeps("set standard_conforming_strings = on"));
    assert!(!keeps("set client_encoding to 'GBK'"));
    assert!(!keeps("set standard_conforming_strings = off"));
    assert!(!keeps("reset client_encoding"));
    assert!(!keeps("select set_config('Client_Encoding', 'SQL_ASCII', true)"));
}
