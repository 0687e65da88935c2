//! Breaking the glass: a session in an emergency, without anybody's approval (PCI DSS 7.2.5). It takes a fresh sign-in with
//! two factors, is told to every webhook at once, lasts an hour at most, and opens a finding that bars the next one.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use hoop_api::finding::{BreakGlass, Enrol, Enrolling};
use hoop_api::routes::{OpenSession, OpenedSession};
use hoop_api::{AccessLevel, Code, FindingId, PrincipalKind, Problem, Untrusted};
use http::StatusCode;

use super::answer::{Body, whole};
use super::sessions::Wish;
use super::{Anyone, ApiProblem, Control, SessionVerdict, TargetState};
use crate::clock;
use crate::finding::Finding;
use crate::identity::audit::{Entry, user_of};
use crate::identity::{Caller, not_recorded, state_failed};
use crate::session::Glass;

/// The longest that a glass stays broken.
const LONGEST: Duration = Duration::from_secs(60 * 60);

pub(super) async fn open(
    State(control): State<Control>,
    Anyone(caller): Anyone,
    Body(asked): Body<BreakGlass>,
) -> Result<(StatusCode, Json<OpenedSession>), ApiProblem> {
    whole(broken(control, caller, asked)).await
}

async fn broken(
    control: Control,
    caller: Caller,
    asked: BreakGlass,
) -> Result<(StatusCode, Json<OpenedSession>), ApiProblem> {
    if control.identity().config().break_glass.is_none() {
        return Err(Problem::new(Code::Denied, "break-glass is not set up on this broker")
            .with_hint("its administrator adds a section [break_glass] to the configuration")
            .into());
    }
    for (what, text) in [("reason", &asked.reason), ("ticket", &asked.ticket)] {
        if text.raw().trim().is_empty() {
            return Err(Problem::new(Code::BadRequest, format!("breaking the glass needs a {what}"))
                .with_hint("give both `--reason` and `--ticket`")
                .into());
        }
    }
    let ticket = control.reason(&asked.ticket)?;
    let longest = LONGEST.as_secs();
    let wanted = OpenSession {
        target: asked.target,
        level: asked.level,
        reason: asked.reason,
        ttl_s: Some(asked.ttl_s.unwrap_or(longest).min(longest)),
        hold_s: asked.hold_s,
    };
    let mut wish = control.wish(&caller, &wanted)?;
    let (state, rules) = control.may_break(&caller, &wish).await?;
    // Of two at once, the second finds the first one's finding.
    let _turn = control.inner.finding.lock().await;
    let finding = control.finding_for(&caller, &wish, ticket, &rules).await?;
    let left = finding.ends_s.saturating_sub(control.identity().now_s());
    wish.ttl = wish.ttl.min(Duration::from_secs(u64::try_from(left).unwrap_or(0)));
    wish.reason = Untrusted::new(format!("{}: {}", finding.ticket.raw(), wish.reason.raw()));
    let glass = Glass { finding: finding.id, enrolled: caller.emergency };
    let session = control.begin(wish, state, rules, None, Some(glass)).await?;
    Ok((StatusCode::CREATED, Json(control.opened(&caller, &session)?)))
}

impl Control {
    /// Does policy let `caller` break the glass of `target` at some level?
    pub(super) fn may_break_glass(&self, caller: &Caller, target: &str) -> bool {
        let allowed = |level| {
            let verdict = self.authorizer().break_glass(&caller.principal, target, level);
            matches!(verdict, SessionVerdict::Allow { .. })
        };
        self.identity().config().break_glass.is_some()
            && [AccessLevel::Masked, AccessLevel::Write, AccessLevel::Reveal].into_iter().any(allowed)
    }

    /// The target and the rules that allow it. Refusals are in the ledger.
    async fn may_break(
        &self,
        caller: &Caller,
        wish: &Wish<'_>,
    ) -> Result<(TargetState, Vec<String>), Problem> {
        let state = match self.target(wish.target) {
            Ok(state) => state,
            Err(problem) => return self.refuse(wish, "unknown_target", Vec::new(), problem).await,
        };
        let person = caller.principal.person_id.as_deref().filter(|p| !p.is_empty());
        match (caller.principal.kind, person) {
            (PrincipalKind::User, Some(_)) => {}
            (PrincipalKind::User | PrincipalKind::Workload | PrincipalKind::Agent, _) => {
                let why = "only people break the glass, and their sign-in says which person they are";
                let problem = Problem::new(Code::Denied, why);
                return self.refuse(wish, "break-glass: not a person", Vec::new(), problem).await;
            }
        }
        let verdict = self.authorizer().break_glass(wish.principal, &state.target.name, wish.level);
        let rules = match verdict {
            SessionVerdict::Allow { rules } => rules,
            SessionVerdict::Hold(requirement) => {
                let rules: Vec<String> = requirement.rules.iter().cloned().collect();
                let problem = Problem::new(Code::Denied, requirement.reason)
                    .with_rules(rules.clone())
                    .with_hint("what needs an approval is asked for: `hoopctl request`");
                return self.refuse(wish, "break-glass: held", rules, problem).await;
            }
            SessionVerdict::Deny { rules, reason } => {
                let problem = Problem::new(Code::Denied, reason.clone()).with_rules(rules.clone());
                return self.refuse(wish, &format!("break-glass: {reason}"), rules, problem).await;
            }
        };
        // Told only to those who may: others learn nothing of how it is done.
        if let Err(problem) = caller.is_fresh(self.identity().now_s()) {
            return self.refuse(wish, "break-glass: not a fresh sign-in", rules, problem).await;
        }
        if let Some(why) = &state.unavailable {
            let problem = Problem::new(Code::TargetUnavailable, format!("`{}`: {why}", wish.target));
            return self.refuse(wish, "target_unavailable", rules, problem).await;
        }
        Ok((state, rules))
    }

    /// The finding that the session belongs to: the caller's own that still runs, or a new one where none bars it.
    async fn finding_for(
        &self,
        caller: &Caller,
        wish: &Wish<'_>,
        ticket: Untrusted,
        rules: &[String],
    ) -> Result<Finding, Problem> {
        let (now_s, person_id) =
            (self.identity().now_s(), caller.principal.person_id.clone().unwrap_or_default());
        let findings = self.findings().await?;
        if let Some(own) = findings
            .iter()
            .find(|f| f.goes_on(&caller.principal, caller.emergency, (wish.target, wish.level), now_s))
        {
            return Ok(own.clone());
        }
        if let Some(open) = findings.iter().find(|f| f.bars(&caller.principal.id, &person_id, wish.target)) {
            let whose = if open.person_id == person_id { "yours" } else { "another one" };
            let detail =
                format!("the glass was broken before, and {whose} has not been reviewed: {}", open.id);
            let problem = Problem::new(Code::Denied, detail).with_hint(format!(
                "two reviewers run: hoopctl findings review {} --justified --note …",
                open.id
            ));
            return self.refuse(wish, "break-glass: a finding is open", rules.to_vec(), problem).await;
        }
        let finding = Finding {
            id: FindingId::from_parts(clock::unix_ms(), rand::random()),
            principal: caller.principal.id.clone(),
            person_id,
            target: wish.target.to_owned(),
            level: wish.level,
            reason: wish.reason.clone(),
            ticket,
            enrolled: caller.emergency,
            opened_s: now_s,
            ends_s: now_s.saturating_add_unsigned(wish.ttl.as_secs()),
            reviews: Vec::new(),
        };
        let entry =
            Entry::new(user_of(&caller.principal), wish.target, finding.opened(rules.to_vec(), &caller.jkt));
        self.identity().journal().record(entry.from(caller.origin)).await.map_err(not_recorded)?;
        // It is told as soon as it is recorded: whatever fails from here on, somebody looks.
        tracing::error!(finding = %finding.id, target = finding.target, "the glass was broken");
        self.inner.parts.notices.alarm(&finding);
        let kept = finding.clone();
        let inserted = self.identity().store().run(move |store| store.insert_finding(&kept)).await;
        inserted.map_err(|error| state_failed(&error))?;
        Ok(finding)
    }
}

/// A person prepares for the identity provider being down.
pub(super) async fn begin_enrolment(
    State(control): State<Control>,
    caller: Caller,
) -> Result<(StatusCode, Json<Enrolling>), ApiProblem> {
    Ok((StatusCode::CREATED, Json(control.identity().begin_enrolment(&caller)?)))
}

pub(super) async fn enrol(
    State(control): State<Control>,
    caller: Caller,
    Body(asked): Body<Enrol>,
) -> Result<StatusCode, ApiProblem> {
    control.identity().enrol(&caller, asked).await?;
    Ok(StatusCode::NO_CONTENT)
}
