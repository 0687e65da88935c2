//! The rules that a question can depend on. Cedar evaluates every rule of a set for every question, and most rules of a
//! set are about other actions, or say of a relation what they have already said of its target.
//!
//! INVARIANT: a slice leaves out only rules whose scope excludes the action, and forbids that name neither resource nor
//! action and were asked before in the same statement: those would say the same again.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{PolicyId, PolicySet};
use serde_json::Value;

use crate::facts::Action;
use crate::rule::{Effect, Rule};
use crate::shadow;

/// Sets to ask, by action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slices {
    whole: BTreeMap<Action, PolicySet>,
    /// What is left to ask about an action after a first one, by both.
    after: BTreeMap<(Action, Action), PolicySet>,
}

impl Slices {
    /// Slices of a set, whose rules in Cedar's JSON form are `forms`.
    ///
    /// # Errors
    /// Cedar's, when a set does not take a rule that the whole set took.
    pub(crate) fn new(
        cedar: &PolicySet,
        rules: &BTreeMap<String, Rule>,
        forms: &BTreeMap<String, Value>,
    ) -> Result<Self, Box<cedar_policy::PolicySetError>> {
        let asks: Vec<Asks<'_>> = rules
            .values()
            .filter_map(|rule| {
                let json = forms.get(&rule.id)?;
                Some(Asks { id: &rule.id, actions: shadow::actions(json), once: says_the_same(rule, json) })
            })
            .collect();
        let mut slices = Self::default();
        for action in Action::ALL {
            let applies = |a: &&Asks<'_>| a.actions.contains(&action);
            slices.whole.insert(action, subset(cedar, asks.iter().filter(applies))?);
            for first in Action::ALL.into_iter().filter(|f| f.is_of_statement() && action.is_of_statement()) {
                let again = |a: &&Asks<'_>| applies(a) && !(a.once && a.actions.contains(&first));
                slices.after.insert((first, action), subset(cedar, asks.iter().filter(again))?);
            }
        }
        Ok(slices)
    }

    /// What to ask about `action`; `after` the question about another one in the same statement, or the first time.
    pub(crate) fn of(&self, action: Action, after: Option<Action>) -> Option<&PolicySet> {
        match after {
            None => self.whole.get(&action),
            Some(first) => self.after.get(&(first, action)),
        }
    }
}

/// What a rule depends on.
struct Asks<'a> {
    id: &'a str,
    actions: BTreeSet<Action>,
    /// It says the same of everything in one statement.
    once: bool,
}

fn says_the_same(rule: &Rule, json: &Value) -> bool {
    let everything = json.get("resource").and_then(|r| r.get("op")).and_then(Value::as_str) == Some("All");
    rule.effect == Effect::Forbid
        && everything
        && json.get("conditions").is_none_or(|c| !names(c, "resource") && !names(c, "action"))
}

/// The variable stands somewhere in these conditions.
fn names(value: &Value, variable: &str) -> bool {
    match value {
        Value::Object(map) => {
            map.get("Var").and_then(Value::as_str) == Some(variable)
                || map.values().any(|v| names(v, variable))
        }
        Value::Array(items) => items.iter().any(|v| names(v, variable)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn subset<'a>(
    cedar: &PolicySet,
    asks: impl Iterator<Item = &'a Asks<'a>>,
) -> Result<PolicySet, Box<cedar_policy::PolicySetError>> {
    PolicySet::from_policies(asks.filter_map(|a| cedar.policy(&PolicyId::new(a.id)).cloned()))
        .map_err(Box::new)
}
