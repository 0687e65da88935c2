//! Who am I, which targets, open, list and end sessions.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use hoop_api::routes::{
    ExplainStatement, Explained, OpenSession, OpenedSession, SessionList, Suggested, TargetList,
    TargetSummary, Whoami,
};
use hoop_api::{AccessLevel, Code, Problem, SessionId, Untrusted};
use hoop_ledger::entry::Event;
use http::{StatusCode, header};
use secrecy::ExposeSecret as _;

use super::answer::Body;
use super::held::Given;
use super::{Action, Anyone, ApiProblem, Control, SessionVerdict, TargetState};
use crate::identity::Caller;
use crate::identity::audit::{Entry, Via, user_of};
use crate::session::{EndReason, Glass, NewSession, Session};

/// Longest reason, characters.
const MAX_REASON_CHARS: usize = 500;

pub(super) async fn whoami(State(control): State<Control>, Anyone(caller): Anyone) -> Json<Whoami> {
    let principal = &caller.principal;
    Json(Whoami {
        id: principal.id.clone(),
        kind: principal.kind,
        name: Untrusted::new(principal.name.clone()),
        groups: principal.groups.clone(),
        person_id: principal.person_id.clone(),
        auth_time: caller.auth_s,
        amr: caller.amr,
        broker: control.identity().config().name.clone(),
    })
}

/// Only targets that the caller may open at some level: a name alone can tell too much.
pub(super) async fn targets(State(control): State<Control>, Anyone(caller): Anyone) -> Json<TargetList> {
    let summary = |state: TargetState| {
        let target = &state.target;
        let levels = control.levels(&caller, &target.name);
        let break_glass = control.may_break_glass(&caller, &target.name);
        (break_glass || !levels.is_empty()).then(|| TargetSummary {
            break_glass,
            name: target.name.clone(),
            kind: "postgres".to_owned(),
            environment: target.environment.clone(),
            levels,
            databases: target.databases.clone(),
            observed: target.observe,
            available: state.unavailable.is_none(),
            detail: state.unavailable,
        })
    };
    let targets = control.targets().all().into_iter().filter_map(summary).collect();
    Json(TargetList { targets })
}

/// A wish for a session, from hoopctl or by a bearer token.
pub(super) struct Wish<'a> {
    pub(super) principal: &'a Arc<hoop_policy::Principal>,
    pub(super) target: &'a str,
    pub(super) level: AccessLevel,
    pub(super) reason: Untrusted,
    pub(super) origin: SocketAddr,
    /// `None` for bearer.
    pub(super) jkt: Option<&'a str>,
    /// The sign-in that it is asked by.
    pub(super) family: &'a str,
    pub(super) via: Via,
    pub(super) ttl: Duration,
    /// How long a held statement waits in its connection.
    pub(super) hold: Duration,
}

impl Control {
    /// What people typed as a reason: short, and without card numbers.
    pub(super) fn reason(&self, typed: &Untrusted) -> Result<Untrusted, Problem> {
        if typed.raw().chars().count() > MAX_REASON_CHARS {
            let detail = format!("the reason has more than {MAX_REASON_CHARS} characters");
            return Err(Problem::new(Code::BadRequest, detail));
        }
        Ok(Untrusted::new(self.redact(typed.raw())))
    }

    /// What a caller of the API asks for, with the times capped.
    pub(super) fn wish<'a>(&self, caller: &'a Caller, asked: &'a OpenSession) -> Result<Wish<'a>, Problem> {
        let config = self.identity().config();
        let (times, longest) = (&config.sessions, config.limits.hold);
        let ttl = asked.ttl_s.map_or(times.default_ttl, Duration::from_secs).min(times.max_ttl);
        if ttl.is_zero() {
            return Err(Problem::new(Code::BadRequest, "`ttl_s` must be at least 1"));
        }
        Ok(Wish {
            principal: &caller.principal,
            target: &asked.target,
            level: asked.level,
            reason: self.reason(&asked.reason)?,
            origin: caller.origin,
            jkt: Some(&caller.jkt),
            family: &caller.family,
            via: Via::Http,
            ttl,
            hold: Duration::from_secs(asked.hold_s).min(longest),
        })
    }

    /// A target by name, for callers who may open it; the same answer for one that is not there.
    pub(super) fn target(&self, name: &str) -> Result<TargetState, Problem> {
        self.targets().find(name).ok_or_else(|| no_target(name))
    }

    /// Opens a session when policy, target and limits allow it; refusals and the opening are in the ledger first.
    pub(super) async fn open_session(&self, wish: Wish<'_>) -> Result<Arc<Session>, Problem> {
        let state = match self.target(wish.target) {
            Ok(state) => state,
            Err(problem) => return self.refuse(&wish, "unknown_target", Vec::new(), problem).await,
        };
        let (rules, given) = self.opens(&wish, &state.target.name).await?;
        self.begin(wish, state, rules, given, None).await
    }

    /// Opens a session that is allowed by `rules`, with a `glass` where one was broken for it.
    pub(super) async fn begin(
        &self,
        wish: Wish<'_>,
        state: TargetState,
        rules: Vec<String>,
        given: Option<Given>,
        glass: Option<Glass>,
    ) -> Result<Arc<Session>, Problem> {
        if let Some(why) = state.unavailable {
            let problem = Problem::new(Code::TargetUnavailable, format!("`{}`: {why}", wish.target))
                .with_hint("the broker tries it again every half minute; its operator sees more in the log");
            return self.refuse(&wish, "target_unavailable", rules, problem).await;
        }
        let identity = self.identity();
        let opened = identity.sessions().open(NewSession {
            principal: Arc::clone(wish.principal),
            target: state.target.name.clone(),
            level: wish.level,
            reason: wish.reason.clone(),
            origin: wish.origin,
            client_key: wish.jkt.map(str::to_owned),
            ttl: wish.ttl,
            idle: identity.config().sessions.idle,
            hold: wish.hold,
            glass,
            lifted: given.iter().flat_map(|given| given.rules.iter().cloned()).collect(),
        });
        let session = match opened {
            Ok(session) => session,
            Err(limit) => {
                let problem = Problem::new(Code::LimitReached, limit.to_string())
                    .with_hint("end one with `hoopctl sessions end ID`");
                return self.refuse(&wish, "limit", rules, problem).await;
            }
        };
        if let Some(given) = &given
            && let Err(problem) = self.use_up(&wish, given, &session).await
        {
            identity.sessions().end(session.id, EndReason::Closed);
            return Err(problem);
        }
        let event = Event::SessionOpen {
            session: session.id.to_string(),
            target: session.target.clone(),
            level: session.level.as_str().to_owned(),
            reason: session.reason.to_string(),
            ends_us: session.ends_at.saturating_mul(1_000_000),
            rules,
            client_key: wish.jkt.unwrap_or_default().to_owned(),
        };
        let entry = Entry::new(user_of(wish.principal), session.target.clone(), event);
        // Nobody knows the session's id yet; unless its opening is on disk, nobody will.
        if let Err(poisoned) = identity.journal().record(entry.from(wish.origin).via(wish.via)).await {
            identity.sessions().end(session.id, EndReason::Closed);
            return Err(crate::identity::not_recorded(poisoned));
        }
        // Again, now that the session is in the table: who ends a sign-in ends it first, and then its sessions.
        let lives = identity.family_lives(wish.family).await;
        if matches!(lives, Ok(true)) {
            return Ok(session);
        }
        if let Some(ended) = identity.sessions().end(session.id, EndReason::Revoked) {
            let recorded = identity.record_end(&ended, EndReason::Revoked, None).await;
            recorded.map_err(crate::identity::not_recorded)?;
        }
        lives.and_then(|_| Err(Problem::new(Code::NotSignedIn, "the sign-in has ended")))
    }

    /// The rules that allow the session, with the approval that it needs where policy holds it.
    async fn opens(&self, wish: &Wish<'_>, target: &str) -> Result<(Vec<String>, Option<Given>), Problem> {
        let none = BTreeSet::new();
        match self.authorizer().session(wish.principal, target, wish.level, wish.jkt.is_none(), &none) {
            SessionVerdict::Allow { rules } => Ok((rules, None)),
            SessionVerdict::Hold(requirement) => {
                let rules: Vec<String> = requirement.rules.iter().cloned().collect();
                match self.approval_for(wish, requirement).await {
                    Ok(given) => Ok((given.rules.clone(), Some(given))),
                    Err(problem) => self.refuse(wish, "needs an approval", rules, problem).await,
                }
            }
            SessionVerdict::Deny { rules, reason } => {
                let problem = Problem::new(Code::Denied, reason.clone()).with_rules(rules.clone());
                self.refuse(wish, &reason, rules, problem).await
            }
        }
    }

    pub(super) async fn refuse<T>(
        &self,
        wish: &Wish<'_>,
        reason: &str,
        rules: Vec<String>,
        problem: Problem,
    ) -> Result<T, Problem> {
        let target = self.recorded_target(wish.target);
        let event = Event::SessionRefused {
            target: target.clone(),
            level: wish.level.as_str().to_owned(),
            reason: reason.to_owned(),
            rules,
        };
        let entry =
            Entry::new(user_of(wish.principal), target, event).from(wish.origin).via(wish.via).failed();
        self.identity().journal().record(entry).await.map_err(crate::identity::not_recorded)?;
        Err(problem)
    }
}

pub(super) async fn open(
    State(control): State<Control>,
    caller: Caller,
    Body(asked): Body<OpenSession>,
) -> Result<(StatusCode, Json<OpenedSession>), ApiProblem> {
    let session = control.open_session(control.wish(&caller, &asked)?).await?;
    Ok((StatusCode::CREATED, Json(control.opened(&caller, &session)?)))
}

impl Control {
    /// The session with what its tunnel needs.
    pub(super) fn opened(&self, caller: &Caller, session: &Session) -> Result<OpenedSession, Problem> {
        let identity = self.identity();
        let (now, state) = (identity.now_s(), self.target(&session.target)?);
        let token = identity
            .signer()
            .session(session.id, &caller.principal.id, &caller.jkt, now, session.ends_at)
            .map_err(|_| Problem::new(Code::Internal, "the broker cannot sign tokens"))?;
        Ok(OpenedSession {
            session: session.summary(),
            token: token.expose_secret().to_owned(),
            user: session.target.clone(),
            databases: state.target.databases.clone(),
            now,
        })
    }
}

/// What policy would make of a statement of the caller's, or of somebody else's for those who may audit. Nothing runs,
/// and nothing is recorded.
pub(super) async fn explain(
    State(control): State<Control>,
    caller: Caller,
    Body(asked): Body<ExplainStatement>,
) -> Result<Json<Explained>, ApiProblem> {
    let state = control.target(&asked.target)?;
    let told = match &asked.principal {
        Some(id) if id.raw() != caller.principal.id => {
            if !sees_all(&control, &caller) {
                return Err(Problem::new(Code::Denied, "only those who may audit ask for others")
                    .with_hint("leave `--as` out to ask for yourself")
                    .into());
            }
            let other = control.identity().principal(id.raw()).await?.ok_or_else(|| {
                Problem::new(Code::NotFound, format!("nobody knows `{id}`")).with_hint(
                    "give the principal id, as `hoopctl whoami` shows it; who never signed in is not known",
                )
            })?;
            control.authorizer().explain(&other, &asked).await
        }
        // Who may open nothing there learns nothing of it.
        _ if control.levels(&caller, &state.target.name).is_empty() => None,
        _ => control.authorizer().explain(&caller.principal, &asked).await,
    };
    let unknown = || Problem::new(Code::NotFound, "there is no such target for you");
    Ok(Json(told.ok_or_else(|| unknown().with_hint("see `hoopctl targets`"))?))
}

/// Rules for what was seen on an observed target, for those who may audit.
/// The same answer for a target that is not there and for one that policy keeps the caller from.
pub(super) fn no_target(name: &str) -> Problem {
    let shown: Untrusted = name.chars().take(64).collect::<String>().into();
    Problem::new(Code::NotFound, format!("there is no target `{shown}` for you"))
        .with_hint("see `hoopctl targets`")
}

pub(super) async fn suggest(
    State(control): State<Control>,
    caller: Caller,
    Path(target): Path<String>,
) -> Result<Json<Suggested>, ApiProblem> {
    if !sees_all(&control, &caller) {
        return Err(Problem::new(Code::Denied, "only those who may audit see what others did").into());
    }
    let state = control.target(&target)?;
    Ok(Json(control.authorizer().suggest(&state.target.name)))
}

/// Whose sessions a caller may see: their own, or all where policy says so.
fn sees_all(control: &Control, caller: &Caller) -> bool {
    match control.authorizer().action(&caller.principal, Action::ListSessions) {
        SessionVerdict::Allow { .. } => true,
        SessionVerdict::Hold(_) | SessionVerdict::Deny { .. } => false,
    }
}

pub(super) async fn list(State(control): State<Control>, Anyone(caller): Anyone) -> Json<SessionList> {
    let all = !caller.emergency && sees_all(&control, &caller);
    let sessions = control.identity().sessions().list();
    let visible = sessions.iter().filter(|s| all || s.principal.id == caller.principal.id);
    Json(SessionList { sessions: visible.map(|s| s.summary()).collect() })
}

pub(super) async fn end(
    State(control): State<Control>,
    Anyone(caller): Anyone,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let unknown = || Problem::new(Code::NotFound, "there is no such session for you");
    let id: SessionId = id.parse().map_err(|_| unknown())?;
    let identity = control.identity();
    let session = identity.sessions().find(id).ok_or_else(unknown)?;
    let own = session.principal.id == caller.principal.id;
    let reason = if own {
        EndReason::Closed
    } else if caller.emergency {
        return Err(unknown().into());
    } else {
        let action = Action::EndSession { owner: &session.principal.id, target: &session.target };
        match control.authorizer().action(&caller.principal, action) {
            SessionVerdict::Allow { .. } => EndReason::Revoked,
            // Whether it exists is not told to those who may not see it.
            SessionVerdict::Hold(_) | SessionVerdict::Deny { .. } => return Err(unknown().into()),
        }
    };
    // Ended first: a session that cannot be recorded as ended is safer ended than living on.
    if let Some(session) = identity.sessions().end(id, reason) {
        identity.record_end(&session, reason, Some((&caller.principal, caller.origin))).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn checkpoint(State(control): State<Control>, _: Anyone) -> Result<Response, ApiProblem> {
    let Some(note) = (control.inner.parts.checkpoint)() else {
        return Err(Problem::new(Code::NotFound, "the ledger has no checkpoint yet").into());
    };
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}
