//! Policies, principals and statements in, verdicts out.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cases;
mod columns;
mod faults;
mod matrix;
mod rules;
mod sessions;
mod suggest;

use hoop_policy::{
    AccessLevel, Estimate, PolicySet, Principal, PrincipalKind, SessionFacts, TargetFacts, Verdict, Via,
    judge_all,
};
use hoop_statement::{TextLimits, analyse};

/// The starter policy as shipped.
pub(crate) const PCI: &str = include_str!("../../../../broker/policy/pci.cedar");

pub(crate) fn pci() -> PolicySet {
    load(PCI)
}

pub(crate) fn load(text: &str) -> PolicySet {
    PolicySet::load(&[("test.cedar", text)]).unwrap_or_else(|f| panic!("{f:?}"))
}

pub(crate) fn principal(id: &str, groups: &[&str]) -> Principal {
    Principal {
        id: id.to_owned(),
        name: id.to_owned(),
        kind: PrincipalKind::User,
        person_id: None,
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
    }
}

pub(crate) fn developer() -> Principal {
    principal("dora", &["developers"])
}

pub(crate) fn dba() -> Principal {
    principal("dan", &["dba"])
}

pub(crate) fn session(level: AccessLevel) -> SessionFacts {
    SessionFacts {
        level,
        via: Via::Tunnel,
        bearer: false,
        break_glass: false,
        statement_count: 1,
        estimate: Estimate::INFINITE,
        approvals: [].into(),
    }
}

pub(crate) fn target() -> TargetFacts {
    TargetFacts {
        name: "payments-db".to_owned(),
        environment: Some("production".to_owned()),
        classified: [].into(),
    }
}

pub(crate) fn judged(policy: &PolicySet, who: &Principal, level: AccessLevel, text: &str) -> Verdict {
    let facts = analyse(text, &TextLimits::default()).unwrap_or_else(|e| panic!("{text}: {e}")).statements;
    judge_all(policy, who, &session(level), &target(), &facts)
}

pub(crate) fn line(v: &Verdict) -> String {
    let rules: Vec<&str> = v.rules().iter().map(String::as_str).collect();
    let word = match v {
        Verdict::Allow(_) => "allow",
        Verdict::Hold(_) => "hold ",
        Verdict::Deny(d) if d.control_failure => "FAIL ",
        Verdict::Deny(_) => "deny ",
    };
    format!("{word} {}", rules.join(" "))
}
