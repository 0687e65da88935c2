//! The control API: routes, the sign-in pages, sessions and tokens for the native listener.
//!
//! Invariant: every `/v1` route authenticates its caller before it looks at anything else, every error is a [`Problem`]
//! (at the OAuth endpoints: RFC 6749's), and nothing is answered as done that is not in the ledger.

mod answer;
mod approvals;
mod authorize;
mod break_glass;
mod describe;
mod findings;
mod held;
mod native;
mod oauth;
mod pages;
mod sessions;
mod wire;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::routing::{delete, get, post};
use hoop_api::description::TargetDescription;
use hoop_api::{AccessLevel, Code, Problem, routes};
use http::request::Parts as RequestParts;

pub use answer::ApiProblem;
pub use authorize::{Action, Authorizer, DenyAll, SessionVerdict};
pub use native::{RedeemFault, Redeemed};

use crate::approval::Approvals;
use crate::config::Target;
use crate::identity::address::client_address;
use crate::identity::{Caller, Identity};
use crate::notice::Notices;
use native::NativeTokens;

/// A target as it stands now.
#[derive(Debug, Clone)]
pub struct TargetState {
    /// Its configuration.
    pub target: Arc<Target>,
    /// Why it cannot be used, when it cannot.
    pub unavailable: Option<String>,
}

/// A description on its way.
pub type Describing<'a> = Pin<Box<dyn Future<Output = Result<TargetDescription, String>> + Send + 'a>>;

/// The targets of the broker; a seam, since they are reloaded while the broker runs.
pub trait TargetDirectory: Send + Sync {
    /// All, by name.
    fn all(&self) -> Vec<TargetState>;
    /// One by name.
    fn find(&self, name: &str) -> Option<TargetState>;
    /// What of `database` of `target` is classified; an error is what the caller may know of why it cannot be told.
    fn describe<'a>(&'a self, _target: &'a Arc<Target>, _database: &'a str) -> Describing<'a> {
        Box::pin(std::future::ready(Err("it cannot be described".to_owned())))
    }
}

/// What the control API is made of.
pub struct ControlParts {
    /// Signs in and authenticates.
    pub identity: Identity,
    /// Asks the policy.
    pub authorizer: Arc<dyn Authorizer>,
    /// Knows the targets.
    pub targets: Arc<dyn TargetDirectory>,
    /// What waits for reviewers.
    pub approvals: Arc<Approvals>,
    /// Where findings are told.
    pub notices: Notices,
    /// The latest signed checkpoint, `None` before the first.
    pub checkpoint: Box<dyn Fn() -> Option<String> + Send + Sync>,
    /// Takes card numbers out of text that people typed (reasons, host names) before it is kept or shown.
    pub redact: fn(&str) -> String,
}

/// The control API; cheap to clone.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    parts: ControlParts,
    native: NativeTokens,
    /// One finding at a time is opened or reviewed: what it bars is looked up, recorded and kept in one go.
    finding: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

impl Control {
    /// The control API over `parts`.
    #[must_use]
    pub fn new(parts: ControlParts) -> Self {
        Self {
            inner: Arc::new(Inner {
                parts,
                native: NativeTokens::default(),
                finding: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// Signs in and authenticates.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.inner.parts.identity
    }

    fn authorizer(&self) -> &dyn Authorizer {
        &*self.inner.parts.authorizer
    }

    fn targets(&self) -> &dyn TargetDirectory {
        &*self.inner.parts.targets
    }

    fn redact(&self, text: &str) -> String {
        (self.inner.parts.redact)(text)
    }

    /// A target's name for the ledger. One that is not configured is what somebody typed, and is not written.
    fn recorded_target(&self, name: &str) -> String {
        self.targets()
            .find(name)
            .map_or_else(|| "an unknown target".to_owned(), |state| state.target.name.clone())
    }

    /// The levels that policy lets `caller` open on `target`, now or after an approval.
    fn levels(&self, caller: &Caller, target: &str) -> Vec<AccessLevel> {
        let none = BTreeSet::new();
        [AccessLevel::Masked, AccessLevel::Write, AccessLevel::Reveal]
            .into_iter()
            .filter(|level| {
                match self.authorizer().session(&caller.principal, target, *level, false, &none) {
                    // One that is held is opened after an approval.
                    SessionVerdict::Allow { .. } | SessionVerdict::Hold(_) => true,
                    SessionVerdict::Deny { .. } => false,
                }
            })
            .collect()
    }
}

/// All routes of the broker's TLS port. `extra` is merged in (the tunnel, metrics), so that it gets the same request
/// ids, version check, headers and body limit. The server must set `ConnectInfo<SocketAddr>`.
pub fn router(control: Control, extra: Router) -> Router {
    let limit = control.identity().config().limits.http_body_bytes;
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(routes::METADATA, get(oauth::metadata))
        .route(routes::DEVICE_AUTHORIZATION, post(oauth::device_authorization))
        .route(routes::TOKEN, post(oauth::token))
        .route(routes::REVOKE, post(oauth::revoke))
        .route(routes::DEVICE_PAGE, get(pages::enter).post(pages::entered))
        .route("/device/confirm", post(pages::confirm))
        .route("/device/sign-in", post(pages::sign_in))
        .route("/oidc/callback", get(pages::callback))
        .route("/oidc/finish", post(pages::finish))
        .route(routes::WHOAMI, get(sessions::whoami))
        .route(routes::TARGETS, get(sessions::targets))
        .route(&format!("{}/{{target}}", routes::TARGETS), get(describe::describe))
        .route(routes::SESSIONS, get(sessions::list).post(sessions::open))
        .route(&format!("{}/{{id}}", routes::SESSIONS), delete(sessions::end))
        .route(routes::APPROVALS, get(approvals::list).post(approvals::ask))
        .route(&format!("{}/{{id}}", routes::APPROVALS), get(approvals::show).delete(approvals::withdraw))
        .route(&format!("{}/{{id}}/decision", routes::APPROVALS), post(approvals::decide))
        .route(routes::BREAK_GLASS, post(break_glass::open))
        .route(routes::ENROLMENT, post(break_glass::begin_enrolment).put(break_glass::enrol))
        .route(routes::FINDINGS, get(findings::list))
        .route(&format!("{}/{{id}}/review", routes::FINDINGS), post(findings::review))
        .route(routes::EXPLAIN, post(sessions::explain))
        .route(&format!("{}/{{target}}", routes::SUGGEST), get(sessions::suggest))
        .route(routes::TOKENS, post(native::mint))
        .route(routes::CHECKPOINT, get(sessions::checkpoint))
        .method_not_allowed_fallback(answer::method_not_allowed)
        .fallback(answer::not_found)
        .with_state(control.clone())
        .merge(extra)
        .layer(DefaultBodyLimit::max(limit))
        .layer(axum::middleware::from_fn_with_state(control, wire::every_request))
}

/// Where the request came from, behind trusted proxies too. Set by the outermost layer.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub SocketAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut RequestParts, _: &S) -> Result<Self, ApiProblem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| {
            tracing::error!("a request has no peer address: the server does not set it");
            ApiProblem(Problem::new(Code::Internal, "the broker cannot tell where you are"))
        })
    }
}

/// An authenticated caller, also one who signed in for emergencies only. Every route that takes a [`Caller`] bars those.
pub(super) struct Anyone(pub(super) Caller);

impl FromRequestParts<Control> for Caller {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut RequestParts, control: &Control) -> Result<Self, ApiProblem> {
        let Anyone(caller) = Anyone::from_request_parts(parts, control).await?;
        if caller.emergency {
            return Err(Problem::new(
                Code::Denied,
                "a break-glass sign-in opens emergency sessions, and nothing else",
            )
            .with_hint(
                "`hoopctl break-glass TARGET --reason … --ticket …`, or sign in at the identity provider",
            )
            .into());
        }
        Ok(caller)
    }
}

impl FromRequestParts<Control> for Anyone {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut RequestParts, control: &Control) -> Result<Self, ApiProblem> {
        let ClientAddress(origin) = ClientAddress::from_request_parts(parts, control).await?;
        let identity = control.identity();
        Ok(Self(identity.authenticate(&parts.method, &parts.uri, &parts.headers, origin).await?))
    }
}
