//! What clients are told of held statements: SQLSTATE 42501 with the approval's id and state in DETAIL, or a notice while
//! they wait.

use std::sync::Arc;
use std::time::Duration;

use hoop_api::approval::ApprovalState;
use hoop_api::{ApprovalId, SessionId};
use hoop_pgwire::SqlState;
use hoop_pgwire::backend::Severity;
use hoop_pgwire::backend::encode::LocalReport;
use hoop_policy::Requirement;

use crate::approval::{Standing, Unusable};
use crate::gate::Reason;

fn reason(requirement: &Requirement, message: String, hint: Option<String>, record: &str) -> Reason {
    Reason {
        sqlstate: "42501",
        rules: requirement.rules.iter().cloned().collect(),
        message,
        hint,
        position: None,
        record: record.to_owned(),
        approval: None,
    }
}

/// "rule `a`, rule `b`".
fn rules(requirement: &Requirement) -> String {
    let ids: Vec<&str> = requirement.rules.iter().map(String::as_str).collect();
    format!("rule `{}`", ids.join("`, rule `"))
}

/// A held statement reached a place where nothing can be held.
#[must_use]
pub fn held_nowhere(requirement: &Requirement) -> Arc<Reason> {
    never_held(requirement, "it cannot wait here; send it by itself")
}

/// A statement that would be held, if a reviewer could be shown what it does.
#[must_use]
pub fn never_held(requirement: &Requirement, why: &str) -> Arc<Reason> {
    let (what, next) = why.split_once("; ").unwrap_or((why, "send it by itself"));
    let message = format!("{}; it needs an approval, and cannot get one: {what}", requirement.reason);
    Arc::new(reason(requirement, message, Some(next.to_owned()), "needs an approval and cannot get one"))
}

/// More approvals are open than the limit.
#[must_use]
pub fn too_many_approvals(limit: &str) -> Arc<Reason> {
    Arc::new(Reason {
        sqlstate: "53400",
        rules: vec!["gateway.limits".to_owned()],
        message: format!("this statement needs an approval, and {limit}"),
        hint: Some("wait for a decision, or withdraw one: hoopctl requests".to_owned()),
        position: None,
        record: "too many approvals".to_owned(),
        approval: None,
    })
}

/// A held statement that does not run now, by the state of its approval.
#[must_use]
pub fn held(requirement: &Requirement, standing: &Standing) -> Arc<Reason> {
    let (rules, why, id) = (rules(requirement), &requirement.reason, standing.id);
    let (message, hint) = match standing.state {
        ApprovalState::Pending | ApprovalState::Approved => (
            format!("held by {rules}: {why}; it needs the approval of {}", requirement.asks()),
            format!("a reviewer runs: hoopctl approve {id}; then send the same statement again"),
        ),
        ApprovalState::Rejected => {
            let no = standing.votes.iter().find(|v| !v.approve);
            let by = no.map_or("a reviewer", |v| v.by.as_str());
            let said = no.map(|v| v.reason.to_string()).unwrap_or_default();
            (format!("not approved ({rules}): {by} says: {said}"), "talk to the reviewer".to_owned())
        }
        ApprovalState::Expired => {
            (format!("not approved in time ({rules}): {why}"), "send it again to ask once more".to_owned())
        }
        ApprovalState::Consumed => (
            format!("the approval was used already ({rules}): {why}"),
            "send it again to ask once more".to_owned(),
        ),
        ApprovalState::Withdrawn => (
            format!("the request for approval was withdrawn ({rules})"),
            "send it again to ask once more".to_owned(),
        ),
    };
    let record = format!("needs an approval: {}", standing.state.as_str());
    let mut reason = reason(requirement, message, Some(hint), &record);
    reason.approval = Some((id, standing.state));
    Arc::new(reason)
}

/// The client cancelled a statement while it waited.
#[must_use]
pub fn canceled(requirement: &Requirement, standing: &Standing) -> Arc<Reason> {
    let message = "canceling statement due to user request".to_owned();
    let mut reason = reason(requirement, message, None, "cancelled while it waited for an approval");
    reason.sqlstate = "57014";
    reason.approval = Some((standing.id, standing.state));
    Arc::new(reason)
}

/// An approval that was given and cannot be used for this statement now.
#[must_use]
pub fn unusable(requirement: &Requirement, id: ApprovalId, why: Unusable) -> Arc<Reason> {
    let message = format!("{}; {why}", requirement.reason);
    let hint = Some("send it again to ask once more".to_owned());
    let mut reason = reason(requirement, message, hint, "its approval cannot be used");
    let state = match why {
        Unusable::State(state) => state,
        Unusable::Definitions => ApprovalState::Withdrawn,
        Unusable::Changed | Unusable::Rules | Unusable::Gone => ApprovalState::Expired,
    };
    reason.approval = Some((id, state));
    Arc::new(reason)
}

/// NoticeResponse for a statement that waits.
#[must_use]
pub fn waiting(
    requirement: &Requirement,
    standing: &Standing,
    wait: Duration,
    session: SessionId,
) -> Vec<u8> {
    let message = format!(
        "held by {}: {}; it waits up to {} for {}",
        rules(requirement),
        requirement.reason,
        humantime::format_duration(Duration::from_secs(wait.as_secs())),
        requirement.asks()
    );
    let id = standing.id;
    let report = LocalReport::new(Severity::Notice, SqlState::SUCCESSFUL_COMPLETION, message)
        .detail(format!("approval {id} is pending; session {session}"))
        .hint(format!("a reviewer runs: hoopctl approve {id}; cancel to give it up"));
    let mut out = Vec::with_capacity(256);
    if report.encode_notice(&mut out).is_err() {
        out.clear();
    }
    out
}
