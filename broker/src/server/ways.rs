//! Puts the parts together: routes of the TLS port, the native listener, and what a lane does with an arrival.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use hoop_api::routes::{ExplainStatement, Explained, Suggested};
use hoop_api::{AccessLevel, Code, Problem, TUNNEL_PROTOCOL, Untrusted, routes};
use hoop_policy::{Principal, Verdict};
use http::{StatusCode, header};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::door::{Admission, Seat};
use super::http::{GrantSlot, Https};
use super::lanes::{Arrival, Listener, Serve};
use super::targets::Health;
use super::tls::{self, ServerTlsError};
use crate::config::Config;
use crate::control::{
    self, Action, ApiProblem, Authorizer, ClientAddress, Control, ControlParts, SessionVerdict,
};
use crate::gateway::Gateway;
use crate::gateway::native::{self, Native};
use crate::gateway::postgres::explain;
use crate::gateway::tunnel::Granted;
use crate::identity::Identity;
use crate::metrics::{Sample, Usage};
use crate::notice::Notices;

/// The control API over the running parts.
pub fn control(
    gateway: &Arc<Gateway>,
    identity: &Identity,
    health: &Arc<Health>,
    notices: &Notices,
) -> Control {
    let ledger = gateway.ledger.clone();
    Control::new(ControlParts {
        identity: identity.clone(),
        authorizer: Arc::new(ByPolicy(Arc::clone(gateway))),
        targets: Arc::clone(health) as _,
        approvals: Arc::clone(&gateway.approvals),
        notices: notices.clone(),
        checkpoint: Box::new(move || {
            let text = ledger.checkpoint_text();
            (!text.is_empty()).then(|| text.to_string())
        }),
        redact: crate::approval::masked,
    })
}

/// Sessions and other acts judged by the policy in force.
struct ByPolicy(Arc<Gateway>);

impl Authorizer for ByPolicy {
    fn session(
        &self,
        principal: &Principal,
        target: &str,
        level: AccessLevel,
        bearer: bool,
        approvals: &BTreeSet<String>,
    ) -> SessionVerdict {
        told(self.0.judge_session(principal, target, level, bearer, approvals))
    }

    fn break_glass(&self, principal: &Principal, target: &str, level: AccessLevel) -> SessionVerdict {
        told(self.0.judge_break_glass(principal, target, level))
    }

    fn explain<'a>(
        &'a self,
        principal: &'a Principal,
        asked: &'a ExplainStatement,
    ) -> Pin<Box<dyn Future<Output = Option<Explained>> + Send + 'a>> {
        Box::pin(explain::explain(&self.0, principal, asked))
    }

    fn suggest(&self, target: &str) -> Suggested {
        let (seen, left_out) = self.0.seen.on(target);
        Suggested {
            policy: Untrusted::new(hoop_policy::suggest(target, &seen)),
            acts: seen.len() as u64,
            left_out,
        }
    }

    fn policy_hash(&self) -> String {
        self.0.policy.load().set.hash().to_owned()
    }

    fn action(&self, principal: &Principal, action: Action<'_>) -> SessionVerdict {
        let (action, target, bearer) = match action {
            Action::ListSessions => (hoop_policy::Action::Audit, None, false),
            Action::Review { target } => (hoop_policy::Action::Review, Some(target), false),
            Action::EndSession { target, .. } => (hoop_policy::Action::EndSession, Some(target), false),
            Action::MintToken { target, session_bound: false } => {
                (hoop_policy::Action::Token, Some(target), true)
            }
            Action::MintToken { target, session_bound: true } => {
                (hoop_policy::Action::TokenSession, Some(target), true)
            }
        };
        told(self.0.judge_action(principal, action, target, bearer))
    }
}

fn told(verdict: Verdict) -> SessionVerdict {
    match verdict {
        Verdict::Allow(allowed) => SessionVerdict::Allow { rules: allowed.rules.into_iter().collect() },
        Verdict::Hold(requirement) => SessionVerdict::Hold(requirement),
        Verdict::Deny(denial) => {
            SessionVerdict::Deny { rules: denial.rules.into_iter().collect(), reason: denial.reason }
        }
    }
}

/// What a lane does with each arrival.
pub fn serve(
    gateway: &Arc<Gateway>,
    control: Control,
    config: &Arc<Config>,
    draining: &watch::Receiver<bool>,
) -> Result<Serve, ServerTlsError> {
    let extra =
        Router::new().route(routes::TUNNEL, get(tunnel)).route("/metrics", get(metrics)).with_state(Extra {
            control: control.clone(),
            gateway: Arc::clone(gateway),
            started_at: crate::clock::unix_s(),
        });
    let https = Https {
        gateway: Arc::clone(gateway),
        tls: TlsAcceptor::from(tls::server_config(&config.tls, &[b"http/1.1"])?),
        router: control::router(control.clone(), extra),
        draining: draining.clone(),
    };
    let native = Native {
        gateway: Arc::clone(gateway),
        tls: TlsAcceptor::from(tls::server_config(&config.tls, &[native::ALPN])?),
        control,
    };
    Ok(Arc::new(move |arrival| {
        let Arrival { socket, address, listener, admission } = arrival;
        let tcp = match TcpStream::from_std(socket) {
            Ok(tcp) => tcp,
            Err(e) => {
                tracing::warn!(error = %e, "a socket cannot be moved to its lane");
                return Box::pin(std::future::ready(()));
            }
        };
        // Each way is a future of its own: a connection holds the memory of the way that it came by, no more.
        match (admission, listener) {
            (Admission::Serve(seat, place), Listener::Https) => {
                let served = https.clone().serve(tcp, address, place);
                Box::pin(holding(seat, served))
            }
            (Admission::Serve(seat, place), Listener::Native) => {
                let served = native.clone().serve(tcp, address, place);
                Box::pin(holding(seat, served))
            }
            (Admission::Refuse(full, refusal), Listener::Https) => {
                let https = https.clone();
                Box::pin(async move { https.refuse(tcp, address, full, refusal).await })
            }
            (Admission::Refuse(full, refusal), Listener::Native) => {
                let native = native.clone();
                Box::pin(async move { native.refuse(tcp, address, full, refusal).await })
            }
            (Admission::Close, _) => Box::pin(std::future::ready(())),
        }
    }))
}

/// Keeps `seat` taken until `served` is done.
async fn holding(seat: Seat, served: impl Future<Output = ()>) {
    served.await;
    drop(seat);
}

#[derive(Clone)]
struct Extra {
    control: Control,
    gateway: Arc<Gateway>,
    started_at: i64,
}

/// `GET /v1/tunnel`: checks the session token and switches protocols; the connection's task takes it from there.
async fn tunnel(
    State(extra): State<Extra>,
    ClientAddress(address): ClientAddress,
    Extension(slot): Extension<GrantSlot>,
    mut request: Request,
) -> Result<Response, ApiProblem> {
    let offered = request.headers().get(header::UPGRADE).and_then(|v| v.to_str().ok());
    if !offered.is_some_and(|o| o.eq_ignore_ascii_case(TUNNEL_PROTOCOL)) {
        return Err(ApiProblem(Problem::new(
            Code::BadRequest,
            format!("this path wants `Upgrade: {TUNNEL_PROTOCOL}`"),
        )));
    }
    let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
    let session = extra.control.identity().verify_session_token(&method, &uri, &headers, address).await?;
    slot.put(Granted { session, upgrade: hyper::upgrade::on(&mut request) }, address);
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, TUNNEL_PROTOCOL)];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// `GET /metrics`: figures without names. Off loopback only with an access token that policy lets audit.
async fn metrics(State(extra): State<Extra>, ClientAddress(address): ClientAddress) -> Response {
    if !address.ip().is_loopback() {
        let problem = Problem::new(Code::NotFound, "metrics are served to the broker's own machine")
            .with_hint("scrape them from 127.0.0.1, or through an agent there");
        return (StatusCode::NOT_FOUND, Json(problem)).into_response();
    }
    let stats = extra.gateway.ledger.stats();
    let sample = Sample {
        started_at: extra.started_at,
        sessions_open: extra.gateway.sessions.list().len() as u64,
        ledger_entries: stats.entries,
        ledger_fsyncs: stats.fsyncs,
        ledger_queue: stats.queue_entries,
        ledger_poisoned: stats.poisoned,
        usage: Usage::now(),
    };
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (headers, extra.gateway.metrics.encode(&sample)).into_response()
}
