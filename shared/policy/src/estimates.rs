//! `context.estimated_rows` and `context.estimated_cost` may stand only where a larger estimate makes the rule stricter:
//! `> N` or `>= N` in the `when` of a rule that forbids, `< N` or `<= N` in that of one that permits, under `&&` and `||`.
//! So what is said of nothing and of everything alike is said of all between, and the target is not asked.

use serde_json::Value;

use crate::approvals::context_attr;
use crate::rule::{Effect, Rule};

const ATTRIBUTES: [&str; 2] = ["estimated_rows", "estimated_cost"];

/// An estimate stands where it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an estimate stands where a larger one could make the rule milder")]
pub(crate) struct Misplaced(Effect);

impl Misplaced {
    pub(crate) const fn hint(self) -> &'static str {
        match self.0 {
            Effect::Forbid => "write `when { context.estimated_rows > 1000 }`, joined by `&&` or `||` alone",
            Effect::Permit => "write `when { context.estimated_rows <= 1000 }`, joined by `&&` or `||` alone",
        }
    }
}

/// Checks one rule, given as Cedar's JSON policy format; true when it asks for an estimate.
pub(crate) fn check(rule: &Rule, json: &Value) -> Result<bool, Misplaced> {
    let conditions = json.get("conditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut asks = false;
    for condition in conditions {
        let body = condition.get("body").unwrap_or(&Value::Null);
        if condition.get("kind").and_then(Value::as_str) == Some("when") {
            asks |= placed(rule.effect, body)?;
        } else if named(body) {
            return Err(Misplaced(rule.effect));
        }
    }
    Ok(asks)
}

fn placed(effect: Effect, body: &Value) -> Result<bool, Misplaced> {
    let both = |of: &Value| {
        let side = |key| of.get(key).map_or(Ok(false), |side| placed(effect, side));
        Ok(side("left")? | side("right")?)
    };
    let stricter: &[&str] = match effect {
        Effect::Forbid => &[">", ">="],
        Effect::Permit => &["<", "<="],
    };
    let Some((operator, of)) = body.as_object().and_then(|map| map.iter().next()) else { return Ok(false) };
    let compared = stricter.contains(&operator.as_str())
        && of.get("left").is_some_and(is_estimate)
        && of.get("right").is_some_and(|right| !named(right));
    match operator.as_str() {
        "&&" | "||" => both(of),
        _ if compared => Ok(true),
        _ if named(body) => Err(Misplaced(effect)),
        _ => Ok(false),
    }
}

fn is_estimate(value: &Value) -> bool {
    value.as_object().and_then(context_attr).is_some_and(|attr| ATTRIBUTES.contains(&attr))
}

/// An estimate stands somewhere in it.
fn named(value: &Value) -> bool {
    match value {
        Value::Object(map) => is_estimate(value) || map.values().any(named),
        Value::Array(items) => items.iter().any(named),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
