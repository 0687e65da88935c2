//! Sessions, tokens, holds and the edges of the judge.

use std::collections::BTreeSet;

use hoop_policy::{
    AccessLevel, Action, OpeningFacts, SessionFacts, Verdict, Via, judge, judge_action, judge_all,
    judge_session,
};
use hoop_statement::Facts;

use crate::{dba, developer, judged, line, load, pci, principal, session, target};

fn opening(level: AccessLevel) -> OpeningFacts {
    OpeningFacts {
        level,
        via: Via::Tunnel,
        bearer: false,
        break_glass: false,
        durable: true,
        approvals: BTreeSet::new(),
    }
}

#[test]
fn sessions_and_actions_of_the_starter() {
    let policy = pci();
    let people = [principal("nobody", &[]), developer(), dba(), principal("ada", &["admins"])];
    let mut out = String::new();
    for who in &people {
        for level in [AccessLevel::Masked, AccessLevel::Write, AccessLevel::Reveal] {
            let verdict = judge_session(&policy, who, &opening(level), &target());
            out += &format!("{:<6} session {level}: {}\n", who.id, line(&verdict));
        }
        for action in [Action::Token, Action::TokenSession, Action::EndSession, Action::Audit] {
            let verdict = judge_action(&policy, who, &opening(AccessLevel::Masked), action, Some(&target()));
            out += &format!("{:<6} {}: {}\n", who.id, action.as_str(), line(&verdict));
        }
        let verdict = judge_action(&policy, who, &opening(AccessLevel::Masked), Action::Audit, None);
        out += &format!("{:<6} audit of the broker: {}\n", who.id, line(&verdict));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn no_session_and_no_token_on_a_ledger_that_is_not_durable() {
    let policy = pci();
    let lossy = OpeningFacts { durable: false, ..opening(AccessLevel::Masked) };
    let asked = [
        judge_session(&policy, &developer(), &lossy, &target()),
        judge_action(&policy, &developer(), &lossy, Action::Token, Some(&target())),
    ];
    for verdict in asked {
        let Verdict::Deny(denial) = verdict else { panic!("{verdict:?}") };
        assert!(denial.rules.contains("durable-ledger") && !denial.control_failure, "{denial:?}");
    }
    assert!(judge_session(&policy, &developer(), &opening(AccessLevel::Masked), &target()).is_allow());
    // Oversight goes on.
    let audit = judge_action(&policy, &principal("ada", &["admins"]), &lossy, Action::Audit, None);
    assert!(audit.is_allow(), "{audit:?}");
}

#[test]
fn reveal_needs_both_actions() {
    let half = load("@id(\"s\") permit (principal, action == Action::\"session\", resource);");
    assert!(!judge_session(&half, &dba(), &opening(AccessLevel::Reveal), &target()).is_allow());
    let both =
        load("@id(\"s\") permit (principal, action in [Action::\"session\", Action::\"reveal\"], resource);");
    let Verdict::Allow(a) = judge_session(&both, &dba(), &opening(AccessLevel::Reveal), &target()) else {
        panic!()
    };
    assert!(!a.obligations.mask);
}

const HOLD: &str = r#"
@id("all") permit (principal, action in Action::"statement", resource);
@id("hold-delete") @message("deletes wait for a lead") @hold("2 of leads")
forbid (principal, action == Action::"write", resource)
when { context.verbs.contains("delete") }
unless { context.approvals.contains("hold-delete") };
@id("hold-t") @hold("1 of owners")
forbid (principal, action, resource is Relation)
when { resource.name == "t" }
unless { context.approvals.contains("hold-t") };
@id("never") forbid (principal, action, resource is Relation) when { resource.name == "secret" };
"#;

#[test]
fn holds_name_every_rule_and_its_reviewers() {
    let policy = load(HOLD);
    let text = "delete from t where a = 1";
    let Verdict::Hold(h) = judged(&policy, &dba(), AccessLevel::Write, text) else { panic!() };
    assert_eq!(h.rules, BTreeSet::from(["hold-delete".to_owned(), "hold-t".to_owned()]));
    let who: Vec<_> = h.reviewers.iter().map(|r| (r.count, r.group.as_str())).collect();
    assert_eq!(who, [(2, "leads"), (1, "owners")]);
    assert_eq!(h.reason, "deletes wait for a lead");
    // A rule without a hold turns the whole into a denial.
    let verdict =
        judged(&policy, &dba(), AccessLevel::Write, "delete from t where a in (select b from secret)");
    assert!(matches!(&verdict, Verdict::Deny(d) if d.rules.contains("never")), "{verdict:?}");
}

#[test]
fn an_approval_lifts_only_what_it_satisfies() {
    let policy = load(HOLD);
    let facts = hoop_statement::analyse("delete from t where a = 1", &Default::default()).unwrap().statements;
    let with = |ids: &[&str]| {
        let approvals = ids.iter().map(|i| (*i).to_owned()).collect();
        let session = SessionFacts { approvals, ..session(AccessLevel::Write) };
        judge_all(&policy, &dba(), &session, &target(), &facts)
    };
    assert!(matches!(with(&["hold-delete"]), Verdict::Hold(h) if h.rules.contains("hold-t")));
    assert!(with(&["hold-delete", "hold-t"]).is_allow());
    assert!(!with(&["x"]).is_allow());
}

#[test]
fn one_relation_that_is_not_permitted_denies_the_statement() {
    let policy = load(
        "@id(\"t\") permit (principal, action, resource is Target);
         @id(\"a\") permit (principal, action == Action::\"read\", resource is Relation) when { resource.name == \"a\" };",
    );
    assert!(judged(&policy, &dba(), AccessLevel::Masked, "select * from a").is_allow());
    let Verdict::Deny(d) = judged(&policy, &dba(), AccessLevel::Masked, "select * from a, b") else {
        panic!()
    };
    assert_eq!(d.reason, "no rule permits `read` on `b`");
    assert_eq!(d.rules, BTreeSet::from(["default".to_owned()]));
}

#[test]
fn nothing_is_never_allowed_by_itself() {
    let policy = pci();
    let nobody = principal("nobody", &[]);
    assert!(!judge_all(&policy, &nobody, &session(AccessLevel::Masked), &target(), &[]).is_allow());
    assert!(!judge(&policy, &nobody, &session(AccessLevel::Masked), &target(), &Facts::default()).is_allow());
    assert!(judge_all(&policy, &developer(), &session(AccessLevel::Masked), &target(), &[]).is_allow());
}

#[test]
fn names_from_outside_cannot_pose_as_others() {
    // Dots, quotes and slashes in names make no other relation; groups are whole words.
    let policy = load(
        "@id(\"t\") permit (principal in Group::\"dba\", action, resource is Target);
         @id(\"r\") permit (principal, action, resource is Relation) when { resource.schema == \"a\" && resource.name == \"b\" };",
    );
    assert!(judged(&policy, &dba(), AccessLevel::Masked, "select * from a.b").is_allow());
    for text in ["select * from \"a.b\"", "select * from \"\".\"a.b\"", "select * from \"a\".\"b\"\"\""] {
        if let Ok(a) = hoop_statement::analyse(text, &Default::default()) {
            let v = judge_all(&policy, &dba(), &session(AccessLevel::Masked), &target(), &a.statements);
            assert!(!v.is_allow(), "{text}");
        }
    }
    let sly = principal("dan\" in Group::\"dba", &["dba\"", "DBA", "dba "]);
    assert!(!judged(&policy, &sly, AccessLevel::Masked, "select 1").is_allow());
}
