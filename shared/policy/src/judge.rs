//! The judge: pure, default deny, and a denial whenever a rule cannot be evaluated.

use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, Request, Response};
use hoop_api::{AccessLevel, Untrusted};
use hoop_statement::{Access, Class, Facts, Function, Relation};

use crate::column::{self, Column};
use crate::entities::{self, Misfit, Touched};
use crate::facts::{Action, SessionFacts, TargetFacts};
use crate::load::{PolicySet, ids};
use crate::principal::Principal;
use crate::rule::{Effect, Rule};
use crate::verdict::{Allowed, Bounds, DEFAULT_RULE, Denial, Obligations, Requirement, Verdict};

/// Judges one statement: the target first, then each relation, classified column and function that it names. The strictest verdict
/// stands.
#[must_use]
pub fn judge(
    policy: &PolicySet,
    principal: &Principal,
    session: &SessionFacts,
    target: &TargetFacts,
    facts: &Facts,
) -> Verdict {
    statement(policy, principal, session, target, facts).unwrap_or_else(|e| failure(&e))
}

/// Judges all statements of one message; the worst verdict stands. An empty message is judged as a statement that
/// does nothing.
#[must_use]
pub fn judge_all(
    policy: &PolicySet,
    principal: &Principal,
    session: &SessionFacts,
    target: &TargetFacts,
    statements: &[Facts],
) -> Verdict {
    let session = SessionFacts { statement_count: statements.len(), ..session.clone() };
    let one = |facts: &Facts| judge(policy, principal, &session, target, facts);
    match statements.split_first() {
        None => one(&Facts::default()),
        Some((first, rest)) => rest.iter().fold(one(first), |verdict, facts| verdict.and(one(facts))),
    }
}

fn statement(
    policy: &PolicySet,
    principal: &Principal,
    session: &SessionFacts,
    target: &TargetFacts,
    facts: &Facts,
) -> Result<Verdict, Misfit> {
    let touched = column::touched(&target.classified, facts);
    let bench = Bench {
        policy,
        principal: entities::principal_uid(principal)?,
        entities: entities::of_statement(&policy.actions, principal, target, facts, &touched)?,
        context: entities::statement_context(session, facts, &touched)?,
        mask: session.level != AccessLevel::Reveal,
    };
    let mut questions = asked(&touched, facts);
    let Some((action, _)) = questions.next() else { return Err(Misfit::of("nothing to ask")) };
    let whole = format!("`{}`", Untrusted::new(target.name.as_str()));
    let mut verdict = bench.ask(action, None, entities::uid("Target", &target.name)?, &whole)?;
    // A denial names every rule that forbids; where nothing forbade the whole, its rules need not be asked again.
    let after = (!matches!(verdict, Verdict::Deny(_))).then_some(action);
    for (action, thing) in questions {
        let (resource, what) = match thing {
            Thing::Target => (entities::uid("Target", &target.name)?, whole.clone()),
            Thing::Relation(r) => (entities::relation_uid(target, r)?, shown(r.schema.as_deref(), &r.name)),
            Thing::Column(c) => {
                (entities::column_uid(target, c)?, format!("`{}`", Untrusted::new(c.to_string())))
            }
            Thing::Function(f) => (entities::function_uid(target, f)?, shown(f.schema.as_deref(), &f.name)),
        };
        verdict = verdict.and(bench.ask(action, after, resource, &what)?);
    }
    Ok(verdict)
}

/// What a question is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Thing<'a> {
    Target,
    Relation(&'a Relation),
    Column(&'a Column),
    Function(&'a Function),
}

/// What is asked about a statement, in order: the target first, then each relation, classified column and function.
pub(crate) fn asked<'a>(touched: &'a Touched, facts: &'a Facts) -> impl Iterator<Item = (Action, Thing<'a>)> {
    let action = action_of(facts.class());
    let relations =
        facts.relations.iter().map(move |r| (access_action(action, r.access), Thing::Relation(r)));
    let columns = touched.iter().flat_map(move |(column, hows)| {
        let actions: BTreeSet<Action> = hows.iter().map(|how| access_action(action, how.access())).collect();
        actions.into_iter().map(move |action| (action, Thing::Column(column)))
    });
    let functions = facts.functions.iter().map(|f| (Action::Call, Thing::Function(f)));
    std::iter::once((action, Thing::Target)).chain(relations).chain(columns).chain(functions)
}

/// The actions that are asked about for a statement.
pub(crate) fn asked_about(facts: &Facts) -> impl Iterator<Item = Action> {
    [action_of(facts.class()), Action::Read, Action::Write, Action::Call].into_iter()
}

const fn action_of(class: Class) -> Action {
    match class {
        Class::Session => Action::Control,
        Class::Read => Action::Read,
        Class::Write => Action::Write,
        Class::Ddl => Action::Ddl,
        Class::Administer => Action::Administer,
    }
}

/// What is read is read, whatever else the statement does; what is written is written as far as the statement goes.
const fn access_action(statement: Action, access: Access) -> Action {
    match (access, statement) {
        (Access::Read, _) => Action::Read,
        (Access::Write, Action::Ddl | Action::Administer) => statement,
        (Access::Write, _) => Action::Write,
    }
}

fn shown(schema: Option<&str>, name: &str) -> String {
    let full = schema.map_or_else(|| name.to_owned(), |s| format!("{s}.{name}"));
    format!("`{}`", Untrusted::new(full))
}

pub(crate) struct Bench<'a> {
    pub(crate) policy: &'a PolicySet,
    pub(crate) principal: EntityUid,
    pub(crate) entities: Entities,
    pub(crate) context: Context,
    pub(crate) mask: bool,
}

impl Bench<'_> {
    /// Asks about one resource; `after` the first question of the same statement, whose context the schema has taken.
    pub(crate) fn ask(
        &self,
        action: Action,
        after: Option<Action>,
        resource: EntityUid,
        what: &str,
    ) -> Result<Verdict, Misfit> {
        let action_uid = entities::uid("Action", action.as_str())?;
        let context = self.context.clone();
        let schema = after.is_none().then_some(&self.policy.schema);
        let request = Request::new(self.principal.clone(), action_uid, resource, context, schema)
            .map_err(Misfit::of)?;
        let rules = self.policy.slices.of(action, after).ok_or_else(|| Misfit::of("no rules for it"))?;
        let response = Authorizer::new().is_authorized(&request, rules, &self.entities);
        Ok(self.verdict(&response, action, what))
    }

    fn verdict(&self, response: &Response, action: Action, what: &str) -> Verdict {
        // Cedar skips a rule that raises an error; a forbid that is skipped forbids nothing. So any error denies.
        let failed: BTreeSet<String> = response.diagnostics().errors().map(error_rule).collect();
        if !failed.is_empty() {
            let reason = "a policy rule could not be evaluated".to_owned();
            let hint = Some("the broker's administrator finds the rule in the log".to_owned());
            return Verdict::Deny(Denial { rules: failed, reason, hint, control_failure: true });
        }
        let rules = ids(response.diagnostics().reason());
        match response.decision() {
            Decision::Allow if !rules.is_empty() => {
                let permits = rules.iter().filter_map(|id| self.policy.rule(id));
                let bounds = permits.fold(Bounds::default(), |all, rule| all.and(rule.bounds));
                Verdict::Allow(Allowed { rules, obligations: Obligations { mask: self.mask, bounds } })
            }
            Decision::Allow | Decision::Deny => self.refuse(rules, action, what),
        }
    }

    fn refuse(&self, rules: BTreeSet<String>, action: Action, what: &str) -> Verdict {
        let forbids: Vec<&Rule> = rules
            .iter()
            .filter_map(|id| self.policy.rule(id))
            .filter(|r| r.effect == Effect::Forbid)
            .collect();
        if forbids.is_empty() || forbids.len() != rules.len() {
            return Verdict::Deny(Denial {
                rules: BTreeSet::from([DEFAULT_RULE.to_owned()]),
                reason: format!("no rule permits `{}` on {what}", action.as_str()),
                hint: None,
                control_failure: false,
            });
        }
        let reviewers: Option<Vec<_>> = forbids.iter().map(|r| r.hold.clone()).collect();
        let first = |pick: fn(&Rule) -> Option<&String>| forbids.iter().find_map(|r| pick(r).cloned());
        let reason = first(|r| r.message.as_ref())
            .unwrap_or_else(|| format!("a rule forbids `{}` on {what}", action.as_str()));
        match reviewers {
            Some(reviewers) => {
                let ttl = forbids.iter().filter_map(|r| r.ttl).min();
                let fresh = forbids.iter().filter_map(|r| r.fresh).min();
                Verdict::Hold(Requirement { rules, reviewers, reason, ttl, fresh })
            }
            None => {
                let hint = first(|r| r.hint.as_ref());
                Verdict::Deny(Denial { rules, reason, hint, control_failure: false })
            }
        }
    }
}

fn error_rule(e: &cedar_policy::AuthorizationError) -> String {
    match e {
        cedar_policy::AuthorizationError::PolicyEvaluationError(inner) => inner.policy_id().to_string(),
    }
}

/// Facts that the schema does not take are our own fault: deny, and say so.
pub(crate) fn failure(e: &Misfit) -> Verdict {
    Verdict::Deny(Denial {
        rules: BTreeSet::from([DEFAULT_RULE.to_owned()]),
        reason: format!("policy could not be asked: {e}"),
        hint: None,
        control_failure: true,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::facts::Via;

    /// Asks every rule about everything, as [`statement`] would without slices.
    fn whole(
        policy: &PolicySet,
        who: &Principal,
        session: &SessionFacts,
        target: &TargetFacts,
        facts: &Facts,
    ) -> Verdict {
        let bench = Bench {
            policy,
            principal: entities::principal_uid(who).unwrap(),
            entities: entities::of_statement(&policy.actions, who, target, facts, &BTreeMap::new()).unwrap(),
            context: entities::statement_context(session, facts, &BTreeMap::new()).unwrap(),
            mask: true,
        };
        let ask = |action, resource| bench.ask(action, None, resource, "").unwrap();
        let action = action_of(facts.class());
        let mut verdict = ask(action, entities::uid("Target", &target.name).unwrap());
        for r in &facts.relations {
            let resource = entities::relation_uid(target, r).unwrap();
            verdict = verdict.and(ask(access_action(action, r.access), resource));
        }
        for f in &facts.functions {
            verdict = verdict.and(ask(Action::Call, entities::function_uid(target, f).unwrap()));
        }
        verdict
    }

    const RULES: &str = r#"
@id("read") permit (principal, action in [Action::"read", Action::"control", Action::"call"], resource);
@id("write") permit (principal in Group::"dba", action, resource);
@id("no-truncate") forbid (principal, action in Action::"statement", resource) when { context.verbs.contains("truncate") };
@id("no-vault") forbid (principal, action, resource is Relation) when { resource.name == "vault" };
@id("no-sleep") forbid (principal, action == Action::"call", resource) when { resource.name == "pg_sleep" };
@id("no-lower") forbid (principal, action == Action::"call", resource) when { context.functions.contains("lower") };
@id("no-write-of-t") forbid (principal, action == Action::"write", resource in Target::"db") when { context.unbounded };
@id("reads") forbid (principal, action == Action::"read", resource) when { context.verbs.contains("merge") };
@id("both") forbid (principal, action in Action::"statement", resource) when { action == Action::"read" && context.verbs.contains("insert") };
@id("held") @hold("1 of leads") forbid (principal, action in Action::"statement", resource)
when { context.unfiltered } unless { context.approvals.contains("held") };
"#;

    #[test]
    fn a_slice_says_what_the_whole_would_say() {
        let policy = PolicySet::load(&[("slices.cedar", RULES)]).unwrap();
        let target = TargetFacts { name: "db".into(), environment: None, classified: [].into() };
        let session = SessionFacts {
            level: AccessLevel::Write,
            via: Via::Tunnel,
            bearer: false,
            break_glass: false,
            statement_count: 1,
            estimate: crate::facts::Estimate::INFINITE,
            approvals: BTreeSet::new(),
        };
        let mut seen = BTreeSet::new();
        for groups in [&["dba"][..], &[]] {
            let who = Principal {
                id: "dan".into(),
                name: "Dan".into(),
                kind: hoop_api::PrincipalKind::User,
                person_id: None,
                groups: groups.iter().map(|g| (*g).to_owned()).collect(),
            };
            for text in [
                "select 1",
                "begin",
                "select a from t where b",
                "select a from t",
                "select a from vault where b",
                "select lower(a) from t where b",
                "select upper(a) from t where b limit 1",
                "select pg_sleep(1)",
                "select pg_sleep(1) from vault",
                "update t set a = 1",
                "update t set a = 1 where b",
                "update t set a = (select c from vault where d) where b",
                "truncate t",
                "truncate vault",
                "merge into t using u on true when matched then delete",
                "drop table t",
                "alter table vault add a int",
                "grant select on t to u",
                "insert into t select lower(a) from u where b",
                "insert into t select upper(a) from u where b",
                "delete from t",
            ] {
                let facts = hoop_statement::analyse(text, &hoop_statement::TextLimits::default()).unwrap();
                let facts = &facts.statements[0];
                let sliced = judge(&policy, &who, &session, &target, facts);
                let whole = whole(&policy, &who, &session, &target, facts);
                match (&sliced, &whole) {
                    // Only what denies is named, where the whole names what holds beside it.
                    (Verdict::Deny(a), Verdict::Deny(b)) => assert!(a.rules.is_subset(&b.rules), "{text}"),
                    // What nothing permits is not held: nobody reviews what is denied anyway.
                    (Verdict::Deny(a), Verdict::Hold(_)) => assert!(a.rules.contains(DEFAULT_RULE), "{text}"),
                    (Verdict::Hold(a), Verdict::Hold(b)) => assert_eq!(a.rules, b.rules, "{text}"),
                    _ => assert_eq!(sliced, whole, "{text}"),
                }
                seen.insert((whole.is_allow(), matches!(whole, Verdict::Hold(_))));
            }
        }
        assert_eq!(seen.len(), 3, "allowed, held and denied: {seen:?}");
    }
}
