//! Rules about classified columns: what a statement must not show, compare or assign.

use std::time::Duration;

use hoop_policy::{Bounds, Classified, PolicySet, TargetFacts, Verdict, judge_all};
use hoop_statement::{TextLimits, analyse};

use crate::{AccessLevel, dba, line, session, target};

const RULES: &str = r#"
@id("dba")
permit (principal in Group::"dba", action in Action::"statement", resource);

@id("no-search")
forbid (principal, action in Action::"statement", resource)
when { context.predicates.contains("pan") };

@id("cvv-shown")
@hold("1 of leads")
forbid (principal, action == Action::"read", resource is Column)
when { resource.class == "cvv" && context.outputs.contains("cvv") }
unless { context.approvals.contains("cvv-shown") };

@id("no-assign")
forbid (principal, action == Action::"write", resource in Class::"payments-db/pan");

@id("no-scan")
forbid (principal, action == Action::"read", resource in Target::"payments-db")
when { context.unfiltered && !context.limited && !context.outputs.isEmpty() };
"#;

fn cards(complete: bool) -> TargetFacts {
    let columns = [("id", None), ("pan", Some("pan")), ("cvv", Some("cvv"))];
    let columns = columns.map(|(name, class)| (name.to_owned(), class.map(str::to_owned))).to_vec();
    let cards = Classified { schema: "public".to_owned(), name: "cards".to_owned(), columns, complete };
    TargetFacts { classified: [cards].into(), ..target() }
}

fn verdict(target: &TargetFacts, text: &str) -> Verdict {
    let policy = PolicySet::load(&[("columns.cedar", RULES)]).unwrap();
    let facts = analyse(text, &TextLimits::default()).unwrap().statements;
    judge_all(&policy, &dba(), &session(AccessLevel::Write), target, &facts)
}

#[test]
fn of_several_bounds_the_strictest_counts() {
    let rules = r#"
@id("some") @max_rows("100") @timeout("30s") permit (principal, action, resource);
@id("few") @max_rows("5") @max_affected("1") permit (principal, action, resource is Relation);
"#;
    let policy = PolicySet::load(&[("bounds.cedar", rules)]).unwrap();
    let bounds = |text: &str| {
        let facts = analyse(text, &TextLimits::default()).unwrap().statements;
        match judge_all(&policy, &dba(), &session(AccessLevel::Write), &target(), &facts) {
            Verdict::Allow(allowed) => allowed.obligations.bounds,
            other => panic!("{other:?}"),
        }
    };
    let thirty = Some(Duration::from_secs(30));
    assert_eq!(bounds("select 1"), Bounds { rows: Some(100), affected: None, time: thirty });
    assert_eq!(bounds("select 1 from t"), Bounds { rows: Some(5), affected: Some(1), time: thirty });
    assert_eq!(bounds("select 1; select 1 from t").rows, Some(5));
}

#[test]
fn rules_see_classified_columns() {
    let target = cards(true);
    for (text, expected) in [
        ("select id from cards where id = 1", "allow dba"),
        ("select pan from cards where id = 1", "allow dba"),
        ("select pan from cards limit 10", "allow dba"),
        ("select pan from cards", "deny  no-scan"),
        ("select id from cards", "allow dba"),
        ("select 1 from cards where pan = '4111'", "deny  no-search"),
        ("select pan = '4111' from cards where id = 1", "deny  no-search"),
        ("select cvv from cards where id = 1", "hold  cvv-shown"),
        ("select * from public.cards where id = 1", "hold  cvv-shown"),
        ("select c from cards c where id = 1", "hold  cvv-shown"),
        ("update cards set cvv = null where id = 1", "allow dba"),
        ("update cards set pan = 'x' where id = 1", "deny  no-assign"),
        ("insert into cards values (1)", "deny  no-assign"),
        ("copy cards (id) from stdin", "allow dba"),
        ("copy cards from stdin", "deny  no-assign"),
        ("select * from other.cards", "allow dba"),
        ("select * from payments", "allow dba"),
        // A function of the whole row, written like a column.
        ("select c.to_json from cards c where id = 1", "hold  cvv-shown"),
        ("select c.id from cards c, payments p where c.id = p.id", "allow dba"),
        ("select amount from cards c, payments p where c.id = p.id", "allow dba"),
    ] {
        assert_eq!(line(&verdict(&target, text)), expected, "{text}");
    }
    let unsure = cards(false);
    assert_eq!(line(&verdict(&unsure, "select c.to_json from cards c where id = 1")), "allow dba");
}
