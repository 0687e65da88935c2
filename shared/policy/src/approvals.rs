//! `context.approvals` may stand only where it lifts a hold: in `unless { context.approvals.contains("id") }` of the
//! `@hold` rule of that id (DESIGN, policy). Anywhere else a rule could permit something because it was approved
//! under another rule.

use serde_json::Value;

use crate::rule::Rule;

/// What is wrong with the use of approvals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApprovalFault {
    #[error("`context.approvals` stands where it does not lift a hold")]
    Stray,
    #[error("rule has `@hold` but no `unless` that an approval could satisfy")]
    NoUnless,
    #[error("`context` stands alone, without an attribute")]
    WholeContext,
}

impl ApprovalFault {
    pub(crate) fn hint(&self, id: &str) -> String {
        match self {
            Self::Stray | Self::NoUnless => {
                format!(
                    "only `unless {{ context.approvals.contains(\"{id}\") }}` of a rule with @hold may use it"
                )
            }
            Self::WholeContext => "name the attribute, such as `context.level`".to_owned(),
        }
    }
}

/// Checks one rule, given as Cedar's JSON policy format.
pub(crate) fn check(rule: &Rule, json: &Value) -> Result<(), ApprovalFault> {
    let conditions = json.get("conditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut lifts = 0;
    for condition in conditions {
        let body = condition.get("body").unwrap_or(&Value::Null);
        let unless = condition.get("kind").and_then(Value::as_str) == Some("unless");
        if unless && rule.hold.is_some() && *body == lift(&rule.id) {
            lifts += 1;
        } else {
            scan(body)?;
        }
    }
    if rule.hold.is_some() && lifts != 1 { Err(ApprovalFault::NoUnless) } else { Ok(()) }
}

/// `context.approvals.contains("id")` in Cedar's JSON policy format.
fn lift(id: &str) -> Value {
    serde_json::json!({ "contains": {
        "left": { ".": { "left": { "Var": "context" }, "attr": "approvals" } },
        "right": { "Value": id },
    } })
}

// Conditions nest no deeper than Cedar's own parser allows.
fn scan(value: &Value) -> Result<(), ApprovalFault> {
    match value {
        Value::Object(map) => {
            if let Some(attr) = context_attr(map) {
                return if attr == "approvals" { Err(ApprovalFault::Stray) } else { Ok(()) };
            }
            if map.get("Var").and_then(Value::as_str) == Some("context") {
                return Err(ApprovalFault::WholeContext);
            }
            map.values().try_for_each(scan)
        }
        Value::Array(items) => items.iter().try_for_each(scan),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// The attribute of `context.x` or `context has x`.
pub(crate) fn context_attr(map: &serde_json::Map<String, Value>) -> Option<&str> {
    let inner = map.get(".").or_else(|| map.get("has"))?;
    let is_context = inner.get("left")?.get("Var").and_then(Value::as_str) == Some("context");
    if is_context { inner.get("attr")?.as_str() } else { None }
}
