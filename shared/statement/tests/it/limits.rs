//! Depth, length and stack: no text within the limits takes a thread of the documented size down.

use hoop_statement::{Refusal, TextLimits, Verb};

use crate::{analyse, facts};

#[test]
fn a_chain_of_5000_is_judged() {
    for n in [5_000, 100_000] {
        let f = facts(&format!("select 1{} from cards", "+1".repeat(n)));
        assert!(f.verbs.contains(Verb::Select));
        assert_eq!(f.relations.len(), 1);
        assert!(f.is_read_only());
    }
    let f = facts(&format!("select $1{}, lo_unlink(1)", " || 'x'".repeat(5_000)));
    assert!(!f.is_read_only());
    assert_eq!(f.functions.len(), 1);
}

#[test]
fn a_shortened_chain_keeps_what_stands_between() {
    let text = format!("select 1{}+pg_sleep(1){}", "+1".repeat(5_000), "+1".repeat(5_000));
    let f = facts(&text);
    assert_eq!(f.functions.first().map(|f| f.name.as_str()), Some("pg_sleep"));
    assert_eq!(f.span, 0..text.len());
}

#[test]
fn two_megabytes_are_refused() {
    let text = format!("select 1{}", "+1".repeat(1 << 20));
    assert!(matches!(analyse(&text), Err(Refusal::TooLong { .. })));
}

#[test]
fn deep_texts_are_judged_or_refused_and_never_fatal() {
    let shapes: [(&str, &str, &str); 9] = [
        ("select ", "(", ")"),
        ("select ", "f(", ")"),
        ("select ", "(select ", ")"),
        ("select ", "not ", ""),
        ("select ", "- ", ""),
        ("select ", "case when true then 1 else ", " end"),
        ("select ", "array[", "]"),
        ("select ", "a and (b or ", ")"),
        ("select ", "x::int + ", ""),
    ];
    for (head, open, close) in shapes {
        for n in [100, 900, 1_000, 2_400, 4_900, 20_000, 200_000] {
            let text = format!("{head}{}1{}", open.repeat(n), close.repeat(n));
            match analyse(&text) {
                Ok(a) => assert_eq!(a.statements.len(), 1),
                Err(e) => assert!(
                    matches!(e, Refusal::TooDeep { .. } | Refusal::TooLong { .. }),
                    "{open} x {n}: {e}"
                ),
            }
        }
    }
}

#[test]
fn wide_texts_are_judged() {
    let rows = facts(&format!("insert into t values (1, 'x'){}", ", (1, 'x')".repeat(50_000)));
    assert!(rows.verbs.contains(Verb::Insert));
    let terms = facts(&format!("select 1 from t where a = 1{}", " or a = 1".repeat(20_000)));
    assert!(terms.is_read_only());
    facts(&format!("select 1{}", " union all select 1".repeat(1_000)));
    facts(&format!("select 1 from a{}", " natural join b".repeat(1_000)));
}

#[test]
fn bracket_depth_is_capped() {
    let limits = TextLimits { bytes: 1 << 20, depth: 10 };
    let nested = |n: usize| format!("select {}1{}", "(".repeat(n), ")".repeat(n));
    assert!(hoop_statement::analyse(&nested(10), &limits).is_ok());
    let refused = hoop_statement::analyse(&nested(11), &limits).unwrap_err();
    assert_eq!(refused.sqlstate(), "54001");
    // Brackets in strings and comments nest nothing.
    let quoted = "select '((((((((((((((((((((' /* (((((((((((((( */";
    assert!(hoop_statement::analyse(quoted, &limits).is_ok());
}

#[test]
fn too_many_names_are_opaque() {
    let names: Vec<String> = (0..600).map(|n| format!("t{n}")).collect();
    let f = facts(&format!("select 1 from {}", names.join(", ")));
    assert!(!f.opaque.is_empty());
    assert!(!f.is_read_only());
}

#[test]
fn too_many_statements_are_refused() {
    assert!(matches!(analyse(&"select 1;".repeat(10_001)), Err(Refusal::TooMany { .. })));
}
