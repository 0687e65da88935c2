//! Suggested rules load, whatever the names are, and permit what was seen and nothing beside it.

use std::collections::BTreeSet;

use hoop_policy::{Actor, PolicySet, PrincipalKind, TargetFacts, acts, judge, suggest};
use hoop_statement::{TextLimits, analyse};
use proptest::prelude::*;

use crate::{principal, session};

fn target(name: &str) -> TargetFacts {
    TargetFacts { name: name.to_owned(), environment: None, classified: [].into() }
}

fn actor(id: &str, groups: &[&str]) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: PrincipalKind::User,
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
    }
}

fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn policy_of(place: &TargetFacts, seen: &[(&Actor, &str)]) -> PolicySet {
    let acts = seen.iter().flat_map(|(who, text)| {
        let facts = analyse(text, &TextLimits::default()).expect("it parses").statements;
        let acts: BTreeSet<_> = facts.iter().flat_map(|f| acts(place, f)).collect();
        acts.into_iter().map(|act| ((*who).clone(), act))
    });
    let text = suggest(&place.name, &acts.collect::<Vec<_>>());
    PolicySet::load(&[("suggested.cedar", &text)]).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"))
}

fn allows(policy: &PolicySet, place: &TargetFacts, who: &Actor, text: &str) -> bool {
    let facts = analyse(text, &TextLimits::default()).expect("it parses").statements;
    let groups: Vec<&str> = who.groups.iter().map(String::as_str).collect();
    let who = principal(&who.id, &groups);
    facts.iter().all(|f| judge(policy, &who, &session(hoop_policy::AccessLevel::Masked), place, f).is_allow())
}

proptest! {
    #[test]
    fn any_name_is_permitted_as_it_was_written(name in "[^\\x00]{1,20}", other in "[^\\x00]{1,20}", place in ".{1,20}") {
        prop_assume!(name != other);
        let (place, bob) = (target(&place), actor("bob", &["developers"]));
        let text = format!("SELECT a FROM {}.{}", ident(&other), ident(&name));
        let policy = policy_of(&place, &[(&bob, &text)]);
        prop_assert!(allows(&policy, &place, &bob, &text));
        let same = format!("{}.{}", ident(&other), ident(&name));
        for not in [format!("SELECT a FROM {}", ident(&other)), format!("DELETE FROM {same}")] {
            prop_assert!(!allows(&policy, &place, &bob, &not), "{}", not);
        }
        prop_assert!(!allows(&policy, &target("elsewhere and longer than any"), &bob, &text));
    }
}

#[test]
fn the_smallest_group_of_all_who_did_it_is_given_it_else_each_of_them() {
    let place = target("db");
    let (bob, dan) = (actor("bob", &["all", "developers"]), actor("dan", &["all", "developers", "refunds"]));
    let (eve, fay) = (actor("eve", &["all"]), actor("fay", &[]));
    let seen = [
        (&bob, "SELECT a FROM t"),
        (&dan, "SELECT a FROM t"),
        (&dan, "UPDATE t SET a = 1"),
        (&eve, "SELECT a FROM u"),
        (&fay, "SELECT a FROM u"),
    ];
    let policy = policy_of(&place, &seen);
    for (who, text) in seen {
        assert!(allows(&policy, &place, who, text), "{}: {text}", who.id);
    }
    let gus = actor("gus", &["developers"]);
    assert!(allows(&policy, &place, &gus, "SELECT a FROM t"));
    for (who, text) in [
        (&gus, "UPDATE t SET a = 1"),
        (&bob, "UPDATE t SET a = 1"),
        (&eve, "SELECT a FROM t"),
        (&bob, "SELECT a FROM u"),
        (&fay, "SELECT a FROM t"),
    ] {
        assert!(!allows(&policy, &place, who, text), "{}: {text}", who.id);
    }
}
