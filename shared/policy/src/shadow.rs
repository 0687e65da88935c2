//! Rules that change nothing, because another one always decides before them. Only what is certain is said: rules are
//! compared by their scopes and by conditions that are the same, never by what conditions mean.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::facts::Action;
use crate::rule::{Effect, Rule};

/// A rule with Cedar's JSON form of it.
pub(crate) struct Form<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) json: &'a Value,
}

/// Why `one` never changes a verdict beside `other`.
pub(crate) fn shadowed(one: &Form<'_>, other: &Form<'_>) -> Option<String> {
    let id = &other.rule.id;
    if !covers(other.json, one.json) || other.rule.hold.is_some() {
        return None;
    }
    match (one.rule.effect, other.rule.effect) {
        (Effect::Permit, Effect::Forbid) if conditions(other.json).is_empty() => {
            Some(format!("rule can never permit anything: `{id}` forbids all of it"))
        }
        (a, b) if a == b && within(other.json, one.json) => {
            // Of two that say the same, only the later one is told.
            let same = within(one.json, other.json) && covers(one.json, other.json);
            (!same || one.rule.id > other.rule.id)
                .then(|| format!("rule changes nothing: `{id}` decides all of it already"))
        }
        _ => None,
    }
}

/// True when everything in the scope of `b` is in that of `a`.
fn covers(a: &Value, b: &Value) -> bool {
    let same = |part: &str| {
        let (a, b) = (a.get(part), b.get(part));
        a.and_then(|a| a.get("op")).and_then(Value::as_str) == Some("All") || a == b
    };
    same("principal") && same("resource") && actions(b).is_subset(&actions(a))
}

/// Every condition of `a` is also one of `b`, so that `a` applies wherever `b` does.
fn within(a: &Value, b: &Value) -> bool {
    conditions(a).iter().all(|condition| conditions(b).contains(condition))
}

fn conditions(json: &Value) -> &[Value] {
    json.get("conditions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The actions of a scope, groups taken apart.
pub(crate) fn actions(json: &Value) -> BTreeSet<Action> {
    let Some(scope) = json.get("action") else { return BTreeSet::new() };
    if scope.get("op").and_then(Value::as_str) == Some("All") {
        return Action::ALL.into_iter().collect();
    }
    let one = scope.get("entity").into_iter();
    let many = scope.get("entities").and_then(Value::as_array).into_iter().flatten();
    one.chain(many)
        .filter_map(|entity| entity.get("id").and_then(Value::as_str))
        .flat_map(|id| {
            Action::ALL
                .into_iter()
                .filter(move |a| a.as_str() == id || id == "statement" && a.is_of_statement())
        })
        .collect()
}
