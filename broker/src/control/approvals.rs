//! Approvals: see, ask for a session's, decide, withdraw.
//!
//! Only the requester, those who may decide, and auditors see one; to others it does not exist.

use axum::Json;
use axum::extract::{Path, State};
use hoop_api::approval::{
    Approval, ApprovalKind, ApprovalList, ApprovalState, Decide, Decided, Decision, Expected, HeldEstimate,
};
use hoop_api::routes::OpenSession;
use hoop_api::{ApprovalId, Code, Problem};
use hoop_ledger::entry::Event;
use http::StatusCode;

use super::answer::{Body, whole};
use super::{Action, ApiProblem, Control, SessionVerdict};
use crate::approval::{Approvals, Barred, Standing};
use crate::identity::audit::{Entry, user_of};
use crate::identity::{Caller, decision};

/// Rows up to which an estimate is told as small to those who do not review.
const SMALL_ROWS: u64 = 1000;

impl Control {
    fn approvals(&self) -> &Approvals {
        &self.inner.parts.approvals
    }

    /// As `caller` sees it.
    fn approval(&self, standing: &Standing, caller: &Caller) -> Approval {
        let asked = &standing.asked;
        Approval {
            id: standing.id,
            kind: asked.kind,
            state: standing.state,
            requester: asked.requester.id.clone().into(),
            requester_kind: asked.requester.kind,
            origin: asked.origin.to_string(),
            target: asked.target.clone(),
            level: asked.level,
            reason: asked.reason.clone(),
            message: asked.requirement.reason.clone().into(),
            rules: standing.rules().collect(),
            fresh_s: asked.requirement.fresh.map(|fresh| fresh.as_secs()),
            text: asked.text.clone(),
            parameters: asked.parameters.clone(),
            context: asked.context.clone(),
            estimate: asked.estimate.map(|e| HeldEstimate {
                size: if e.rows <= SMALL_ROWS { "small" } else { "large" }.to_owned(),
                // The exact number tells of the data: reviewers see it.
                expected: standing
                    .is_reviewer(&caller.principal)
                    .then_some(Expected { rows: e.rows, cost: e.cost }),
            }),
            verbs: asked.verbs.clone(),
            relations: asked.relations.clone(),
            binding: standing.binding.to_string(),
            decisions: standing
                .votes
                .iter()
                .map(|v| Decided {
                    by: v.by.clone().into(),
                    approve: v.approve,
                    reason: v.reason.clone(),
                    at: v.at,
                })
                .collect(),
            asked_at: standing.asked_at,
            expires_at: standing.expires_at,
            may_decide: standing.may_decide(&caller.principal).is_ok(),
            now: self.identity().now_s(),
        }
    }

    fn may_see(&self, standing: &Standing, caller: &Caller) -> bool {
        standing.asked.requester.id == caller.principal.id
            || !matches!(
                standing.may_review(&caller.principal),
                Err(Barred::Group | Barred::NotAPerson | Barred::NoPerson)
            )
            || matches!(
                self.authorizer().action(&caller.principal, Action::ListSessions),
                SessionVerdict::Allow { .. }
            )
    }

    /// The approval with this id, if the caller may see it.
    fn seen(&self, id: &str, caller: &Caller) -> Result<Standing, Problem> {
        let unknown = || {
            Problem::new(Code::NotFound, "there is no such approval for you")
                .with_hint("see `hoopctl requests`; ended ones are forgotten after an hour, and when the broker restarts")
        };
        let id: ApprovalId = id.parse().map_err(|_| unknown())?;
        self.approvals().get(id).filter(|standing| self.may_see(standing, caller)).ok_or_else(unknown)
    }
}

pub(super) async fn list(State(control): State<Control>, caller: Caller) -> Json<ApprovalList> {
    let all = control.approvals().list();
    let visible = all.iter().filter(|s| control.may_see(s, &caller));
    Json(ApprovalList { approvals: visible.map(|s| control.approval(s, &caller)).collect() })
}

pub(super) async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Approval>, ApiProblem> {
    let standing = control.seen(&id, &caller)?;
    Ok(Json(control.approval(&standing, &caller)))
}

pub(super) async fn ask(
    State(control): State<Control>,
    caller: Caller,
    Body(asked): Body<OpenSession>,
) -> Result<(StatusCode, Json<Approval>), ApiProblem> {
    let standing = control.ask_session(&caller, &asked).await?;
    Ok((StatusCode::CREATED, Json(control.approval(&standing, &caller))))
}

pub(super) async fn withdraw(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let standing = control.seen(&id, &caller)?;
    if standing.asked.requester.id != caller.principal.id {
        return Err(Problem::new(Code::Denied, "only the requester withdraws a request")
            .with_hint(format!("a reviewer says no with `hoopctl deny {id} --reason …`"))
            .into());
    }
    if !control.approvals().withdraw(standing.id) {
        let now = control.approvals().get(standing.id).map_or(standing.state, |s| s.state);
        return Err(Problem::new(Code::Conflict, format!("it is {} already", now.as_str())).into());
    }
    // A waiting statement's own connection records it, when it wakes.
    if standing.asked.connection.is_none() {
        let ended = Standing { state: ApprovalState::Withdrawn, ..standing }.ended();
        control.record(&caller, ended).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn decide(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Decide>,
) -> Result<Json<Approval>, ApiProblem> {
    whole(decided(control, caller, id, body)).await
}

async fn decided(
    control: Control,
    caller: Caller,
    id: String,
    body: Decide,
) -> Result<Json<Approval>, ApiProblem> {
    let _turn = control.approvals().deciding().await;
    let standing = control.seen(&id, &caller)?;
    // Every account is made at the console, and so are changes: who decides those is one of two.
    if standing.asked.kind != ApprovalKind::Change
        && control.identity().made_by(&caller.principal.id, &standing.asked.requester.id).await?
    {
        return Err(control.barred(&caller, &standing, Barred::Made).await?.into());
    }
    if let Err(barred) = standing.may_decide(&caller.principal) {
        return Err(control.barred(&caller, &standing, barred).await?.into());
    }
    let decision = decision::verify(&body.decision, &caller.jkt, control.identity().now_s())
        .map_err(|fault| Problem::new(Code::BadRequest, fault.to_string()))?;
    control.fits(&decision, &standing, &caller)?;
    if decision.approve
        && let Err(barred) = standing.is_fresh(caller.auth_s, &caller.amr, control.identity().now_s())
    {
        return Err(control.barred(&caller, &standing, barred).await?.into());
    }
    // Recorded first: what lifts a hold is provable before it does.
    let event = Event::ApprovalDecided {
        approval: standing.id.to_string(),
        decision: if decision.approve { "approve" } else { "deny" }.to_owned(),
        binding: standing.binding.to_string(),
        signed: body.decision,
        client_key: caller.jkt.clone(),
    };
    control.record(&caller, event).await?;
    let now =
        control.approvals().decide(standing.id, &caller.principal, decision.approve, decision.reason.clone());
    match now {
        Ok(now) => Ok(Json(control.approval(&now, &caller))),
        Err(barred) => Err(control.barred(&caller, &standing, barred).await?.into()),
    }
}

impl Control {
    /// A decision must be about exactly what the caller is shown now.
    fn fits(&self, decision: &Decision, standing: &Standing, caller: &Caller) -> Result<(), Problem> {
        if decision.approval != standing.id
            || decision.binding != *standing.binding
            || decision.shown != self.approval(standing, caller).shown()
        {
            return Err(Problem::new(
                Code::Conflict,
                "the decision is about something else than this approval",
            )
            .with_hint(format!("look at it again: `hoopctl approve {}`", standing.id)));
        }
        if !decision.approve && decision.reason.raw().trim().is_empty() {
            return Err(Problem::new(Code::BadRequest, "a refusal needs a reason"));
        }
        // What was signed cannot be changed; so a reason with a card number in it is not taken at all.
        if self.reason(&decision.reason)? != decision.reason {
            return Err(Problem::new(Code::BadRequest, "the reason holds a card number")
                .with_hint("say it without the number"));
        }
        Ok(())
    }

    /// The problem of somebody who may not decide. Attempts at one's own request are in the ledger.
    async fn barred(
        &self,
        caller: &Caller,
        standing: &Standing,
        barred: Barred,
    ) -> Result<Problem, ApiProblem> {
        let code = match barred {
            Barred::Ended(_) | Barred::Already => Code::Conflict,
            Barred::Gone => Code::NotFound,
            Barred::NotAPerson
            | Barred::NoPerson
            | Barred::Own
            | Barred::SamePerson
            | Barred::Made
            | Barred::Group
            | Barred::Stale
            | Barred::OneFactor => {
                let event = Event::SessionRefused {
                    target: standing.asked.target.clone(),
                    level: standing.asked.level.as_str().to_owned(),
                    reason: format!("may not decide {}: {barred}", standing.id),
                    rules: standing.asked.requirement.rules.iter().cloned().collect(),
                };
                let entry = Entry::new(user_of(&caller.principal), standing.asked.target.clone(), event);
                self.identity().journal().record(entry.from(caller.origin).failed()).await?;
                Code::Denied
            }
        };
        let problem = Problem::new(code, barred.to_string());
        Ok(match barred {
            Barred::Stale | Barred::OneFactor => {
                problem.with_hint("sign in anew: `hoopctl login --fresh`; then approve it")
            }
            _ => problem,
        })
    }

    async fn record(&self, caller: &Caller, event: Event) -> Result<(), ApiProblem> {
        let id = match &event {
            Event::ApprovalDecided { approval, .. } | Event::ApprovalEnded { approval, .. } => {
                approval.clone()
            }
            _ => "approval".to_owned(),
        };
        let entry = Entry::new(user_of(&caller.principal), id, event).from(caller.origin);
        Ok(self.identity().journal().record(entry).await?)
    }
}
