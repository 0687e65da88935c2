//! Texts that are refused: message, place, SQLSTATE, hint, and a record without the text.

use hoop_statement::Refusal;

use crate::analyse;

fn refused(text: &str) -> String {
    let e = analyse(text).expect_err(text);
    let place = match &e {
        Refusal::Syntax { position, .. } => format!("{position:?}"),
        _ => "-".to_owned(),
    };
    format!("{} {place} {e}\n    record: {}", e.sqlstate(), e.record())
}

#[test]
fn refusals_as_the_client_sees_them() {
    let texts = [
        "selct 1",
        "select * frm x",
        "select 1 from",
        "select 'ü', * frm x frm",
        "select frm, frm frm frm frm",
        "select 'abc",
        "select \"abc",
        "select 1 /* abc",
        "select 1;; select from from",
        "unload ('select * from cards') to 's3://b' iam_role 'x'",
        "select 1; /* x */ UNLOAD ('select 1') to 's3://b'",
        "select unload unload unload",
        "select 1\0",
        "select $",
        "select 4111111111111111 4111111111111111",
        "select 'x' 'y'",
        "create table",
        "copy t from stdin blah",
        "select 1a",
        "select e'\\u12'",
        "select U&'\\zzzz'",
        ")",
    ];
    let out: Vec<String> = texts.iter().map(|t| format!("{t:?}\n  {}", refused(t))).collect();
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn positions_are_postgres_own() {
    // As PostgreSQL's own field `P` counts: characters, from 1.
    let cases = [
        ("select 'ü', * frm x frm", 15),
        ("select 1 from", 14),
        ("select 1 wher 2 wher 3", 15),
        ("select 'abc", 8),
        ("selct 1", 1),
    ];
    for (text, at) in cases {
        let Err(Refusal::Syntax { position, .. }) = analyse(text) else { panic!("{text}") };
        assert_eq!(position, Some(at), "{text}");
    }
}

#[test]
fn a_refusal_records_nothing_of_the_text() {
    for text in ["selct 4111111111111111", "select '4111111111111111", "unload 737", "4111111111111111"] {
        let record = analyse(text).expect_err(text).record();
        assert!(!record.contains("4111") && !record.contains("737"), "{record}");
    }
}
