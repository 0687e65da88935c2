//! What the policy in force would make of a statement: the same facts and the same judge as for one that runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use hoop_api::Untrusted;
use hoop_api::approval::HeldRule;
use hoop_api::routes::{ExplainStatement, Explained};
use hoop_policy::{Estimate, Principal, SessionFacts, Via};

use hoop_statement::How;

use super::judge;
use super::refusal;
use super::text::{Analysed, TextFacts};
use crate::config::Target;
use crate::gate::{Reason, Ruling};
use crate::gateway::{Gateway, target_facts};

/// Explains `asked` for `principal`; `None` when there is no such target.
pub async fn explain(
    gateway: &Gateway,
    principal: &Principal,
    asked: &ExplainStatement,
) -> Option<Explained> {
    let target = gateway.target(&asked.target)?;
    let policy = gateway.policy.load_full();
    let mut told = Explained {
        verdict: "refused".to_owned(),
        reason: Untrusted::default(),
        hint: None,
        rules: Vec::new(),
        reviewers: Vec::new(),
        verbs: Vec::new(),
        relations: Vec::new(),
        functions: Vec::new(),
        masked: Vec::new(),
        columns: Vec::new(),
        record: String::new(),
        write: false,
        policy: policy.set.hash().to_owned(),
    };
    let facts = match analysed(gateway, asked.statement.raw()).await {
        Ok(facts) => facts,
        Err(reason) => {
            refused(&mut told, &reason);
            return Some(told);
        }
    };
    let session = SessionFacts {
        level: asked.level,
        via: Via::Tunnel,
        bearer: false,
        break_glass: false,
        statement_count: facts.statements.len(),
        estimate: Estimate::INFINITE,
        approvals: BTreeSet::new(),
    };
    let ruling = judge::rule(&policy.set, principal, &session, &target_facts(&target), &facts.statements);
    decided(&mut told, &ruling);
    let at_best = SessionFacts { estimate: Estimate::NOTHING, ..session };
    if facts.statements.iter().any(|s| policy.set.estimates(s))
        && judge::rule(&policy.set, principal, &at_best, &target_facts(&target), &facts.statements) != ruling
    {
        told.hint =
            Some("it depends on what the target expects of it; this is what comes of very many rows".into());
    }
    if policy.observed.contains(&target.name) && ["hold", "deny"].contains(&told.verdict.as_str()) {
        told.hint =
            Some("this target is only observed: it runs anyway, and is recorded as what it would be".into());
    }
    describe(&mut told, &facts, &target);
    Some(told)
}

fn decided(told: &mut Explained, ruling: &Ruling) {
    match ruling {
        Ruling::Allow { rules, .. } => {
            told.verdict = "allow".to_owned();
            told.rules.clone_from(rules);
        }
        Ruling::Hold(held) => {
            told.verdict = "hold".to_owned();
            told.reason = held.reason.clone().into();
            told.rules = held.rules.iter().cloned().collect();
            let pairs = held.rules.iter().zip(&held.reviewers);
            told.reviewers = pairs
                .map(|(id, r)| HeldRule {
                    id: id.clone(),
                    count: r.count,
                    group: r.group.clone(),
                    approved: 0,
                    escalation: None,
                })
                .collect();
        }
        Ruling::Refuse(reason) => {
            refused(told, reason);
            told.verdict = if reason.sqlstate == "42501" { "deny" } else { "refused" }.to_owned();
        }
    }
}

async fn analysed(gateway: &Gateway, text: &str) -> Analysed {
    match gateway.parser.analyse(text) {
        Ok(analysed) => analysed,
        Err(answer) => match answer.await {
            Ok((_, analysed)) => analysed,
            Err(_) => Err(refusal::parser_gone()),
        },
    }
}

fn refused(told: &mut Explained, reason: &Arc<Reason>) {
    told.reason = reason.message.clone().into();
    told.hint = reason.hint.clone().map(Untrusted::new);
    told.rules.clone_from(&reason.rules);
}

fn describe(told: &mut Explained, facts: &TextFacts, target: &Target) {
    told.verbs.clone_from(&facts.verbs);
    told.relations = facts.affected.iter().map(|name| Untrusted::new(name.as_str())).collect();
    let called = facts.statements.iter().flat_map(|s| &s.functions).filter(|f| !f.listed);
    let called: BTreeSet<String> = called
        .map(|f| f.schema.as_ref().map_or_else(|| f.name.clone(), |schema| format!("{schema}.{}", f.name)))
        .collect();
    told.functions = called.into_iter().map(Untrusted::new).collect();
    let classified = target_facts(target).classified;
    for statement in &facts.statements {
        for (column, hows) in hoop_policy::touched(&classified, statement) {
            if hows.contains(&How::Output) {
                told.masked.push(Untrusted::new(column.to_string()));
            }
            let hows: Vec<&str> = hows.iter().map(|how| how.as_str()).collect();
            told.columns.push(Untrusted::new(format!("{column}: {}", hows.join(", "))));
        }
    }
    told.record.clone_from(&facts.record);
    told.write = facts.write;
}
