//! What a notice says. Text from outside is escaped; parameters, and what a connection did before, never leave.

use std::time::{Duration, UNIX_EPOCH};

use hoop_api::Untrusted;
use hoop_api::approval::{ApprovalState, HeldRule};
use serde::Serialize;

use super::{Matter, Notice};
use crate::approval::{Standing, masked};
use crate::finding::{Finding, Reviewed};

/// Most of a statement, bytes before escaping; receivers take some tens of kilobytes.
const TEXT: usize = 8 << 10;

#[derive(Serialize)]
struct Body<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: T,
}

#[derive(Serialize)]
struct Data<'a> {
    id: String,
    kind: &'static str,
    state: &'static str,
    requester: String,
    target: &'a str,
    level: &'static str,
    reason: String,
    rules: Vec<&'a str>,
    reviewers: Vec<String>,
    verbs: &'a [String],
    relations: Vec<String>,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Statement>,
}

#[derive(Serialize)]
struct Broken<'a> {
    id: String,
    principal: String,
    target: &'a str,
    level: &'static str,
    reason: String,
    ticket: String,
    enrolled: bool,
    ends_at: String,
    reviews: Vec<Review>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct Review {
    by: String,
    conclusion: &'static str,
    note: String,
}

#[derive(Serialize)]
struct Statement {
    text: String,
    /// There is more of it.
    cut: bool,
}

impl Notice {
    /// As JSON; with the statement where `statements` says so.
    pub(super) fn body(&self, statements: bool) -> Result<Vec<u8>, serde_json::Error> {
        match &self.matter {
            Matter::Approval(standing) => self.approval(standing, statements),
            Matter::Finding(finding) => self.finding(finding),
        }
    }

    fn finding(&self, finding: &Finding) -> Result<Vec<u8>, serde_json::Error> {
        let kind = match (finding.reviews.is_empty(), finding.is_closed()) {
            (true, _) => "break_glass.opened",
            (false, false) => "break_glass.reviewed",
            (false, true) => "break_glass.closed",
        };
        let review = |r: &Reviewed| Review {
            by: escaped(&r.by),
            conclusion: r.conclusion.as_str(),
            note: r.note.to_string(),
        };
        let next = || format!("hoopctl findings review {} --justified --note …", finding.id);
        serde_json::to_vec(&Body {
            kind,
            timestamp: time(self.at_us),
            data: Broken {
                id: finding.id.to_string(),
                principal: escaped(&finding.principal),
                target: &finding.target,
                level: finding.level.as_str(),
                reason: finding.reason.to_string(),
                ticket: finding.ticket.to_string(),
                enrolled: finding.enrolled,
                ends_at: time(finding.ends_s.saturating_mul(1_000_000)),
                reviews: finding.reviews.iter().map(review).collect(),
                next: (!finding.is_closed()).then(next),
            },
        })
    }

    fn approval(&self, standing: &Standing, statements: bool) -> Result<Vec<u8>, serde_json::Error> {
        let Standing { id, asked, state, expires_at, .. } = standing;
        let requirement = &asked.requirement;
        let pending = *state == ApprovalState::Pending;
        serde_json::to_vec(&Body {
            kind: kind(standing),
            timestamp: time(self.at_us),
            data: Data {
                id: id.to_string(),
                kind: asked.kind.as_str(),
                state: state.as_str(),
                requester: Untrusted::new(asked.requester.id.as_str()).to_string(),
                target: &asked.target,
                level: asked.level.as_str(),
                reason: asked.reason.to_string(),
                rules: requirement.rules.iter().map(String::as_str).collect(),
                reviewers: standing.rules().map(reviewers).collect(),
                verbs: &asked.verbs,
                relations: asked.relations.iter().map(|r| escaped(&masked(r.raw()))).collect(),
                expires_at: time(expires_at.saturating_mul(1_000_000)),
                next: pending.then(|| format!("hoopctl approve {id}")),
                statement: (statements && !asked.text.raw().is_empty()).then(|| statement(asked.text.raw())),
            },
        })
    }
}

fn kind(standing: &Standing) -> &'static str {
    match standing.state {
        ApprovalState::Pending if !standing.escalated.is_empty() => "approval.escalated",
        ApprovalState::Pending => "approval.requested",
        ApprovalState::Approved => "approval.approved",
        ApprovalState::Rejected => "approval.rejected",
        ApprovalState::Consumed => "approval.consumed",
        ApprovalState::Expired => "approval.expired",
        ApprovalState::Withdrawn => "approval.withdrawn",
    }
}

/// `2 of leads`, or `2 of leads or oncall` once those may as well.
fn reviewers(rule: HeldRule) -> String {
    let others = rule.escalation.filter(|e| e.now).map(|e| format!(" or {}", e.group));
    format!("{} of {}{}", rule.count, rule.group, others.unwrap_or_default())
}

fn statement(text: &str) -> Statement {
    let end = text.floor_char_boundary(TEXT);
    Statement { text: escaped(&text[..end]), cut: end < text.len() }
}

fn escaped(text: &str) -> String {
    Untrusted::new(text).to_string()
}

/// RFC 3339, UTC.
fn time(us: i64) -> String {
    let since = Duration::from_micros(u64::try_from(us).unwrap_or(0));
    humantime::format_rfc3339_micros(UNIX_EPOCH + since).to_string()
}
