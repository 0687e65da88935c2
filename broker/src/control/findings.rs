//! Findings: see, review.
//!
//! Whom one is about, those who may review it, and auditors see it; to others it does not exist.

use axum::Json;
use axum::extract::{Path, State};
use hoop_api::finding::{self as wire, Conclusion, FindingList, REVIEW_TYPE, Review, SignedReview};
use hoop_api::{Code, FindingId, Problem};
use hoop_ledger::entry::Event;

use super::answer::{Body, whole};
use super::{Action, Anyone, ApiProblem, Control, SessionVerdict};
use crate::finding::{Finding, NotReviewer, Reviewed};
use crate::identity::audit::{Entry, user_of};
use crate::identity::{Caller, decision, state_failed};
use crate::session::{EndReason, Session};
use crate::store::Store;

impl Control {
    /// All that are open, and closed ones, oldest first.
    pub(super) async fn findings(&self) -> Result<Vec<Finding>, Problem> {
        let read = self.identity().store().run(Store::findings).await;
        read.map_err(|error| state_failed(&error))
    }

    /// May `caller` review findings about `target`, as policy sees it?
    fn reviews(&self, caller: &Caller, target: &str) -> bool {
        let verdict = self.authorizer().action(&caller.principal, Action::Review { target });
        !caller.emergency && matches!(verdict, SessionVerdict::Allow { .. })
    }

    fn sees(&self, caller: &Caller, finding: &Finding) -> bool {
        let audits = || {
            let verdict = self.authorizer().action(&caller.principal, Action::ListSessions);
            !caller.emergency && matches!(verdict, SessionVerdict::Allow { .. })
        };
        finding.principal == caller.principal.id || self.reviews(caller, &finding.target) || audits()
    }

    /// As `caller` sees it.
    fn told(&self, caller: &Caller, finding: &Finding) -> wire::Finding {
        let may = finding.may_review(&caller.principal).is_ok() && self.reviews(caller, &finding.target);
        finding.told(may)
    }
}

pub(super) async fn list(
    State(control): State<Control>,
    Anyone(caller): Anyone,
) -> Result<Json<FindingList>, ApiProblem> {
    let all = control.findings().await?;
    let visible = all.iter().filter(|f| control.sees(&caller, f));
    Ok(Json(FindingList { findings: visible.map(|f| control.told(&caller, f)).collect() }))
}

pub(super) async fn review(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<SignedReview>,
) -> Result<Json<wire::Finding>, ApiProblem> {
    whole(reviewed(control, caller, id, body)).await
}

async fn reviewed(
    control: Control,
    caller: Caller,
    id: String,
    body: SignedReview,
) -> Result<Json<wire::Finding>, ApiProblem> {
    let unknown = || {
        Problem::new(Code::NotFound, "there is no such finding for you").with_hint("see `hoopctl findings`")
    };
    let id: FindingId = id.parse().map_err(|_| unknown())?;
    let _turn = control.inner.finding.lock().await;
    let mut finding = control.findings().await?.into_iter().find(|f| f.id == id).ok_or_else(unknown)?;
    if !control.sees(&caller, &finding) {
        return Err(unknown().into());
    }
    if control.identity().made_by(&caller.principal.id, &finding.principal).await? {
        let why = "your account was made or changed by whom it is about";
        return Err(control.no_review(&caller, &finding, why).await?.into());
    }
    let person = match finding.may_review(&caller.principal) {
        Ok(person) if control.reviews(&caller, &finding.target) => person.to_owned(),
        Ok(_) => {
            return Err(control
                .no_review(&caller, &finding, "policy does not let you review it")
                .await?
                .into());
        }
        Err(why @ (NotReviewer::Already | NotReviewer::Closed)) => {
            return Err(Problem::new(Code::Conflict, why.to_string()).into());
        }
        Err(why @ (NotReviewer::NotAPerson | NotReviewer::NoPerson | NotReviewer::Own)) => {
            return Err(control.no_review(&caller, &finding, &why.to_string()).await?.into());
        }
    };
    let now_s = control.identity().now_s();
    let review: Review = decision::signed(&body.review, REVIEW_TYPE, &caller.jkt, now_s, |r: &Review| r.iat)
        .map_err(|fault| Problem::new(Code::BadRequest, fault.to_string()))?;
    control.fits_finding(&review, &finding)?;
    // Recorded first: what lifts a bar is provable before it does.
    let event = Event::FindingReviewed {
        finding: finding.id.to_string(),
        conclusion: review.conclusion.as_str().to_owned(),
        signed: body.review,
        client_key: caller.jkt.clone(),
    };
    let entry = Entry::new(user_of(&caller.principal), finding.id.to_string(), event).from(caller.origin);
    control.identity().journal().record(entry).await?;
    let said = Reviewed {
        by: caller.principal.id.clone(),
        person_id: person,
        conclusion: review.conclusion,
        note: review.note,
        at: now_s,
    };
    let kept = said.clone();
    let added = control.identity().store().run(move |store| store.insert_review(id, &kept)).await;
    if added.map_err(|error| state_failed(&error))? {
        finding.reviews.push(said);
    }
    control.inner.parts.notices.alarm(&finding);
    if review.conclusion == Conclusion::Misused {
        let of = |s: &Session| s.glass.is_some_and(|glass| glass.finding == id);
        control.identity().end_sessions(EndReason::Revoked, of).await?;
    }
    Ok(Json(control.told(&caller, &finding)))
}

impl Control {
    /// A review must be about exactly what the caller was shown.
    fn fits_finding(&self, review: &Review, finding: &Finding) -> Result<(), Problem> {
        if review.finding != finding.id || review.shown != finding.told(false).shown() {
            return Err(Problem::new(Code::Conflict, "the review is about something else than this finding")
                .with_hint("look at it again: `hoopctl findings`"));
        }
        if review.note.raw().trim().is_empty() {
            return Err(Problem::new(Code::BadRequest, "a review needs a note"));
        }
        // What was signed cannot be changed; so a note with a card number in it is not taken at all.
        if self.reason(&review.note)? != review.note {
            return Err(Problem::new(Code::BadRequest, "the note holds a card number")
                .with_hint("say it without the number"));
        }
        Ok(())
    }

    /// Somebody tried to review what they may not: an entry, and what they are told.
    async fn no_review(&self, caller: &Caller, finding: &Finding, why: &str) -> Result<Problem, ApiProblem> {
        let event = Event::SessionRefused {
            target: finding.target.clone(),
            level: finding.level.as_str().to_owned(),
            reason: format!("may not review {}: {why}", finding.id),
            rules: Vec::new(),
        };
        let entry = Entry::new(user_of(&caller.principal), finding.target.clone(), event);
        self.identity().journal().record(entry.from(caller.origin).failed()).await?;
        Ok(Problem::new(Code::Denied, why))
    }
}
