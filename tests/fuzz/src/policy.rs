//! Policy text: it loads or has faults that are in it; what it says is never more than its rules.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hoop_api::{AccessLevel, PrincipalKind};
use hoop_policy::{
    Action, Effect, Estimate, OpeningFacts, PolicySet, Principal, SessionFacts, TargetFacts, Verdict, Via,
    judge, judge_action,
};
use hoop_statement::{Facts, TextLimits};

/// Statements that the sets are asked about.
static STATEMENTS: LazyLock<Vec<Facts>> = LazyLock::new(|| {
    let text = "SELECT pan FROM cards; UPDATE public.t SET a = now(); DROP TABLE t; SET role x; DO $$ $$";
    hoop_statement::analyse(text, &TextLimits::default()).unwrap().statements
});

/// Any text as a policy file.
pub fn policy(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    crate::on_big_stack(|| match PolicySet::load(&[("fuzz.cedar", text)]) {
        Ok(set) => {
            assert!(set.rules().next().is_some(), "a set without a rule");
            ask(&set);
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            let lines = text.lines().count().max(1);
            for fault in faults {
                let (line, column) = (fault.line, fault.column);
                assert!((1..=lines + 1).contains(&line) && column > 0, "{fault:?}");
            }
        }
    });
}

/// Whom the sets are asked about.
#[must_use]
pub fn principal() -> Principal {
    Principal {
        id: "alice".into(),
        name: "Alice".into(),
        kind: PrincipalKind::User,
        person_id: None,
        groups: vec!["developers".into()],
    }
}

/// And on which target.
#[must_use]
pub fn target() -> TargetFacts {
    TargetFacts { name: "payments".into(), environment: Some("production".into()), classified: [].into() }
}

fn ask(set: &PolicySet) {
    let (principal, target) = (principal(), target());
    let approvals = BTreeSet::new();
    let (level, via, bearer) = (AccessLevel::Masked, Via::Native, true);
    let session = SessionFacts {
        level,
        via,
        bearer,
        break_glass: false,
        statement_count: STATEMENTS.len(),
        estimate: Estimate::INFINITE,
        approvals: approvals.clone(),
    };
    for facts in STATEMENTS.iter() {
        let verdict = judge(set, &principal, &session, &target, facts);
        follows(set, &verdict);
        assert_eq!(judge(set, &principal, &session, &target, facts), verdict, "judged again");
    }
    let opening = OpeningFacts { level, via, bearer, break_glass: false, durable: true, approvals };
    for action in [
        Action::Session,
        Action::Reveal,
        Action::BreakGlass,
        Action::Review,
        Action::Token,
        Action::EndSession,
        Action::Audit,
    ] {
        follows(set, &judge_action(set, &principal, &opening, action, Some(&target)));
    }
}

/// A verdict names the rules that it comes from: without one that permits, nothing is allowed.
fn follows(set: &PolicySet, verdict: &Verdict) {
    let effect = |id: &String| set.rule(id).map(|r| r.effect);
    match verdict {
        Verdict::Allow(allowed) => {
            assert!(
                !allowed.rules.is_empty()
                    && allowed.rules.iter().all(|id| effect(id) == Some(Effect::Permit))
            );
        }
        Verdict::Hold(held) => {
            let holds =
                |id: &String| set.rule(id).is_some_and(|r| r.effect == Effect::Forbid && r.hold.is_some());
            assert!(!held.rules.is_empty() && held.rules.iter().all(holds));
        }
        Verdict::Deny(denial) => assert!(!denial.rules.is_empty()),
    }
}
