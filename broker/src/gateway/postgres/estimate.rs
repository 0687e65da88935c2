//! What the target's own planner expects of a statement: rows and cost, for rules that ask and for reviewers (DESIGN,
//! policy).
//!
//! Planning runs functions. So only statements are asked about whose functions are all on the list of harmless ones, and
//! only where no code of the database's users could run instead of them; on a connection of its own that can only read.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hoop_pgwire::Format;
use hoop_policy::Estimate;
use hoop_statement::Verb;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::conversation::{Conversation, End, Stalled};
use super::definitions::{self, Estimating, Reached};
use super::hold::Lifted;
use super::judged::Judged;
use super::message::Message;
use super::upstream::{self, UpstreamError};
use crate::config::{Limits, Target};
use crate::gate::Ruling;

/// For how long an estimate is taken again for the same text and parameters.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Estimates that are kept for a target.
const MOST_KEPT: usize = 1024;
/// What PostgreSQL's planner can be asked about.
const PLANNED: [Verb; 5] = [Verb::Select, Verb::Insert, Verb::Update, Verb::Delete, Verb::Merge];

/// Estimates of one target, by the hash of what was asked.
#[derive(Debug, Clone, Default)]
pub struct Estimates(Arc<Mutex<HashMap<[u8; 32], Kept>>>);

#[derive(Debug)]
struct Kept {
    at: Instant,
    estimate: Estimate,
}

impl Estimates {
    fn get(&self, key: &[u8; 32]) -> Option<Estimate> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|kept| kept.at.elapsed() < KEPT_FOR).map(|kept| kept.estimate)
    }

    fn put(&self, key: [u8; 32], estimate: Estimate) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        known.insert(key, Kept { at: Instant::now(), estimate });
    }
}

/// One statement to ask about, as it would run.
#[derive(Debug)]
pub struct Question {
    text: String,
    types: Vec<u32>,
    parameters: Vec<(Format, Option<Vec<u8>>)>,
    reached: Reached,
}

impl Question {
    /// The question about the message at hand; `None` where the planner cannot be asked, or not safely.
    ///
    /// What is asked about is what would be sent: the estimate of a statement on what is masked says nothing of it.
    pub(super) fn of(judged: &Judged, message: &Message<'_>) -> Option<Self> {
        let statements = judged.facts.statements.as_slice();
        let [facts] = statements else { return None };
        let planned = !facts.verbs.is_empty()
            && facts.verbs.iter().all(|v| PLANNED.contains(&v))
            && facts.changes.is_empty()
            && facts.opaque.is_empty()
            && facts.functions.iter().all(|f| f.listed);
        let format = |binary| if binary { Format::Binary } else { Format::Text };
        let parameters = message.parameters.iter();
        planned.then_some(())?;
        Some(Self {
            text: format!("EXPLAIN (FORMAT JSON) {}", judged.sent_instead().or(message.text)?),
            types: message.types.to_vec(),
            parameters: parameters.map(|p| (format(p.binary), p.value.map(<[u8]>::to_vec))).collect(),
            reached: Reached::of(statements),
        })
    }

    fn key(&self, database: &str, settings: &[(String, String)]) -> [u8; 32] {
        let mut sha = Sha256::new();
        let mut part = |bytes: &[u8]| {
            sha.update((bytes.len() as u64).to_be_bytes());
            sha.update(bytes);
        };
        part(database.as_bytes());
        part(&(settings.len() as u64).to_be_bytes());
        for (name, value) in settings {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        part(self.text.as_bytes());
        part(&self.types.iter().flat_map(|oid| oid.to_be_bytes()).collect::<Vec<u8>>());
        for (format, value) in &self.parameters {
            part(&[u8::from(*format == Format::Binary), u8::from(value.is_none())]);
            part(value.as_deref().unwrap_or_default());
        }
        sha.finalize().into()
    }
}

/// What the target expects of a statement.
pub enum Expectation {
    /// It is asked.
    Asked(Estimating),
    /// It has told, or cannot.
    Known(Option<Estimate>),
}

impl std::fmt::Debug for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expectation")
    }
}

impl Conversation {
    /// The ruling where what the target expects decides.
    pub(super) fn by_estimate(
        &mut self,
        judged: &Judged,
        message: &Message<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Lifted, End> {
        let Poll::Ready(estimate) = self.estimate(judged, message, cx) else {
            return Ok(Lifted::Not(Stalled::Approval));
        };
        let estimate = estimate.unwrap_or(Estimate::INFINITE);
        // Judged again with it; by the policy of now, as `lifted` sees to.
        let Some(ruling) = self.judge.lifted(judged, &BTreeSet::new(), estimate) else {
            cx.waker().wake_by_ref();
            return Ok(Lifted::Not(Stalled::Approval));
        };
        match ruling {
            Ruling::Hold(requirement) => self.lift(judged, &requirement, message, cx),
            ruling if message.by_query && !judged.bounds(&ruling).is_none() && !self.is_drained() => {
                Ok(Lifted::Not(Stalled::Answer))
            }
            ruling => {
                self.stop_waiting();
                Ok(Lifted::As(ruling, None))
            }
        }
    }

    /// What the target expects of the message at hand; `None` when it cannot be said. Asked for once a message.
    pub(super) fn estimate(
        &mut self,
        judged: &Judged,
        message: &Message<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Estimate>> {
        let (reader, past) = (&self.holding.definitions, &self.holding.past);
        let expectation = self.estimate.get_or_insert_with(|| {
            // Elsewhere the same names would mean something else.
            let question = past.is_untouched().then(|| Question::of(judged, message));
            question.flatten().map_or(Expectation::Known(None), |q| Expectation::Asked(reader.estimate(q)))
        });
        if let Expectation::Asked(asked) = expectation {
            let estimate = std::task::ready!(asked.as_mut().poll(cx));
            *expectation = Expectation::Known(estimate);
        }
        Poll::Ready(self.expected())
    }

    /// The estimate of the message at hand, where it is known by now.
    pub(super) const fn expected(&self) -> Option<Estimate> {
        match &self.estimate {
            Some(Expectation::Known(estimate)) => *estimate,
            Some(Expectation::Asked(_)) | None => None,
        }
    }
}

/// Asks `database` of `target`, on a connection with the settings that the client's was opened with. `None`: it cannot
/// be said.
pub async fn ask(
    target: &Target,
    database: &str,
    settings: &[(String, String)],
    limits: &Limits,
    question: &Question,
) -> Option<Estimate> {
    let key = question.key(database, settings);
    if let Some(known) = target.shared.estimates.get(&key) {
        return Some(known);
    }
    match fresh(target, database, settings, limits, question).await {
        Ok(Some(estimate)) => {
            target.shared.estimates.put(key, estimate);
            Some(estimate)
        }
        Ok(None) => None,
        Err(e) => {
            tracing::warn!(target = %target.name, error = %e, "what a statement would do could not be estimated");
            None
        }
    }
}

async fn fresh(
    target: &Target,
    database: &str,
    settings: &[(String, String)],
    limits: &Limits,
    question: &Question,
) -> Result<Option<Estimate>, UpstreamError> {
    let reached = definitions::read(target, database, limits, &question.reached).await?;
    if definitions::is_wide(&reached) {
        return Ok(None);
    }
    let read_only = ("default_transaction_read_only".to_owned(), "on".to_owned());
    let settings: Vec<_> = settings.iter().cloned().chain([read_only]).collect();
    let mut upstream = upstream::connect(target, database, &settings, limits).await?;
    let asked = upstream.query_with(&question.text, &question.types, &question.parameters);
    let rows = upstream::within(limits.upstream_connect, asked).await?;
    let plan = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    Ok(plan.and_then(estimate))
}

/// Rows and cost of a plan in EXPLAIN's JSON.
fn estimate(plan: &str) -> Option<Estimate> {
    let plan: Value = serde_json::from_str(plan).ok()?;
    let top = plan.get(0)?.get("Plan")?;
    let rows = |plan: &Value| plan.get("Plan Rows").and_then(Value::as_f64);
    let returned = rows(top)?;
    // What changes rows returns none; its child finds those that it changes.
    let children = top.get("Plans").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let changes = top.get("Node Type").and_then(Value::as_str) == Some("ModifyTable");
    let found = children.iter().filter(|_| changes).filter_map(rows).fold(returned, f64::max);
    Some(Estimate { rows: whole(found)?, cost: whole(top.get("Total Cost").and_then(Value::as_f64)?)? })
}

/// Rounded up. `None` for what is no number of rows.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
fn whole(number: f64) -> Option<u64> {
    (number.is_finite() && number >= 0.0).then(|| number.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_cost_are_those_of_the_plan() {
        let told = |rows, cost| Some(Estimate { rows, cost });
        let select = r#"[{"Plan": {"Node Type": "Limit", "Total Cost": 1.25, "Plan Rows": 10,
            "Plans": [{"Node Type": "Seq Scan", "Plan Rows": 5000}]}}]"#;
        assert_eq!(estimate(select), told(10, 2));
        let update = r#"[{"Plan": {"Node Type": "ModifyTable", "Total Cost": 35.5, "Plan Rows": 0,
            "Plans": [{"Node Type": "Seq Scan", "Plan Rows": 2550}]}}]"#;
        assert_eq!(estimate(update), told(2550, 36));
        for not in ["", "[]", "[{}]", r#"[{"Plan": {"Plan Rows": -1, "Total Cost": 1}}]"#] {
            assert_eq!(estimate(not), None, "{not}");
        }
    }
}
