//! The OAuth endpoints: RFC 8414 metadata, RFC 8628 device authorization, tokens, RFC 7009 revocation. All DPoP-bound.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use hoop_api::{CLIENT_ID, Untrusted, routes};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::answer::BODY_WAIT;
use super::{ApiProblem, ClientAddress, Control};
use crate::identity::address::network_of;
use crate::identity::device::{CODE_LIFE, POLL_INTERVAL_S, Poll};
use crate::identity::dpop::{Proof, ProofFault, ReplayFault};
use crate::identity::{GrantFault, TokenSet};

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Longest host name that a terminal may give, characters (RFC 1035: 253).
const MAX_HOST_CHARS: usize = 253;

/// RFC 6749, 5.2.
#[derive(Debug)]
pub(super) struct OauthError {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl OauthError {
    fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description: description.into() }
    }

    fn unavailable(description: impl Into<String>) -> Self {
        let (status, error) = (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable");
        Self { status, error, description: description.into() }
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "error_description": self.description});
        (self.status, Json(body)).into_response()
    }
}

impl From<ProofFault> for OauthError {
    fn from(fault: ProofFault) -> Self {
        match fault {
            ProofFault::Nonce => Self::new("use_dpop_nonce", fault.to_string()),
            ProofFault::Replay(ReplayFault::Full) => Self::unavailable(fault.to_string()),
            ProofFault::Missing
            | ProofFault::Several
            | ProofFault::Malformed
            | ProofFault::Type
            | ProofFault::Key(_)
            | ProofFault::Signature
            | ProofFault::Method
            | ProofFault::Address
            | ProofFault::Age(_)
            | ProofFault::Ath
            | ProofFault::Replay(ReplayFault::Seen) => Self::new("invalid_dpop_proof", fault.to_string()),
        }
    }
}

impl From<GrantFault> for OauthError {
    fn from(fault: GrantFault) -> Self {
        match fault {
            GrantFault::Invalid | GrantFault::Reuse | GrantFault::Account => {
                Self::new("invalid_grant", fault.to_string())
            }
            GrantFault::NotRecorded(_) => {
                Self::unavailable("the broker cannot write to its ledger, so nothing was done")
            }
            GrantFault::Store(error) => {
                tracing::error!(%error, "the state database failed");
                Self::unavailable("the broker cannot use its state database")
            }
            GrantFault::Token(error) => {
                tracing::error!(%error, "a token could not be signed");
                Self::unavailable("the broker cannot sign tokens")
            }
        }
    }
}

/// A form by hoopctl: each field once (RFC 6749, 3.2), `client_id` ours.
pub(super) struct Form {
    fields: HashMap<String, String>,
    head: Head,
    origin: ClientAddress,
}

struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl From<&Parts> for Head {
    fn from(parts: &Parts) -> Self {
        Self { method: parts.method.clone(), uri: parts.uri.clone(), headers: parts.headers.clone() }
    }
}

impl Form {
    fn field(&self, name: &str) -> Result<&str, OauthError> {
        let missing = || OauthError::new("invalid_request", format!("the form has no `{name}`"));
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty()).ok_or_else(missing)
    }

    async fn proof(&self, control: &Control) -> Result<Proof, OauthError> {
        let identity = control.identity();
        let Head { method, uri, headers } = &self.head;
        let checked = identity.proof(method, uri, headers, None);
        match checked {
            Ok(proof) => Ok(proof),
            Err(fault @ ProofFault::Nonce) => Err(fault.into()),
            Err(fault) => {
                identity.note_refusal(None, self.origin.0, "dpop", fault.reason()).await;
                Err(fault.into())
            }
        }
    }

    async fn spend(&self, control: &Control, proof: &Proof) -> Result<(), OauthError> {
        let identity = control.identity();
        if let Err(fault) = identity.spend_strangers(proof) {
            identity.note_refusal(None, self.origin.0, "dpop", fault.reason()).await;
            return Err(fault.into());
        }
        Ok(())
    }
}

impl FromRequest<Control> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, control: &Control) -> Result<Self, Response> {
        use axum::extract::FromRequestParts as _;
        let (mut parts, body) = request.into_parts();
        let origin = ClientAddress::from_request_parts(&mut parts, control)
            .await
            .map_err(ApiProblem::into_response)?;
        let head = Head::from(&parts);
        let bad = |what: &str| OauthError::new("invalid_request", what).into_response();
        let request = Request::from_parts(parts, body);
        let read = axum::Form::<Vec<(String, String)>>::from_request(request, control);
        let axum::Form(pairs) = tokio::time::timeout(BODY_WAIT, read)
            .await
            .map_err(|_| bad("the body did not come in time"))?
            .map_err(|_| bad("the body is not a form"))?;
        let mut fields = HashMap::new();
        for (name, value) in pairs {
            if fields.insert(name, value).is_some() {
                return Err(bad("the form has a field twice"));
            }
        }
        if fields.get("client_id").map(String::as_str) != Some(CLIENT_ID) {
            return Err(OauthError::new("invalid_client", "the client is not `hoopctl`").into_response());
        }
        Ok(Self { fields, head, origin })
    }
}

/// RFC 8414, 3.
pub(super) async fn metadata(State(control): State<Control>) -> Json<Value> {
    let base = &control.identity().config().public_url;
    Json(json!({
        "issuer": base,
        "device_authorization_endpoint": format!("{base}{}", routes::DEVICE_AUTHORIZATION),
        "token_endpoint": format!("{base}{}", routes::TOKEN),
        "revocation_endpoint": format!("{base}{}", routes::REVOKE),
        "grant_types_supported": [DEVICE_GRANT, "refresh_token"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
    }))
}

/// RFC 8628, 3.1. The proof binds the code to the terminal's key from the start; `host` is shown on the page.
pub(super) async fn device_authorization(
    State(control): State<Control>,
    form: Form,
) -> Result<Json<Value>, OauthError> {
    let identity = control.identity();
    let ClientAddress(origin) = form.origin;
    let proof = form.proof(&control).await?;
    identity.starts().take(&network_of(origin.ip()), identity.mono()).map_err(|e| OauthError {
        status: StatusCode::TOO_MANY_REQUESTS,
        ..OauthError::unavailable(e.to_string())
    })?;
    form.spend(&control, &proof).await?;
    let host = form.fields.get("host").filter(|host| !host.is_empty());
    let host = host.map(|host| {
        let short: String = host.chars().take(MAX_HOST_CHARS).collect();
        Untrusted::new(control.redact(&short))
    });
    // As OpenID Connect's `max_age`: the only one that is known here.
    let fresh = form.fields.get("max_age").is_some_and(|age| age == "0");
    let issued = identity
        .devices()
        .start(proof.thumbprint(), host, origin, fresh, identity.mono())
        .map_err(|e| OauthError::unavailable(e.to_string()))?;
    let page = format!("{}{}", identity.config().public_url, routes::DEVICE_PAGE);
    let code = issued.user_code.as_str();
    Ok(Json(json!({
        "device_code": issued.device_code.expose_secret(),
        "user_code": code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={code}"),
        "expires_in": CODE_LIFE.as_secs(),
        "interval": POLL_INTERVAL_S,
    })))
}

fn token_answer(set: &TokenSet) -> Json<Value> {
    Json(json!({
        "access_token": set.access_token.expose_secret(),
        "token_type": "DPoP",
        "expires_in": set.expires_in,
        "refresh_token": set.refresh_token.expose_secret(),
    }))
}

/// RFC 6749, 3.2, with the device and refresh grants.
pub(super) async fn token(State(control): State<Control>, form: Form) -> Result<Json<Value>, OauthError> {
    let proof = form.proof(&control).await?;
    form.spend(&control, &proof).await?;
    match form.field("grant_type")? {
        DEVICE_GRANT => device_grant(&control, &form, proof.thumbprint()).await,
        "refresh_token" => {
            let presented = form.field("refresh_token")?;
            let set = control.identity().refresh(presented, proof.thumbprint(), form.origin.0).await?;
            Ok(token_answer(&set))
        }
        _ => {
            Err(OauthError::new("unsupported_grant_type", "the broker knows device codes and refresh tokens"))
        }
    }
}

async fn device_grant(control: &Control, form: &Form, jkt: &str) -> Result<Json<Value>, OauthError> {
    let identity = control.identity();
    let device_code = form.field("device_code")?;
    match identity.devices().poll(device_code, jkt, identity.mono()) {
        Poll::Pending => Err(OauthError::new("authorization_pending", "nobody has signed in yet")),
        Poll::SlowDown => Err(OauthError::new("slow_down", "wait five seconds longer between polls")),
        Poll::Refused => Err(OauthError::new("access_denied", "the sign-in was refused on the page")),
        Poll::Expired => Err(OauthError::new("expired_token", "the device code has expired or was used")),
        Poll::WrongKey => {
            identity.note_refusal(None, form.origin.0, "device_code", "wrong_key").await;
            Err(OauthError::new("invalid_grant", "the device code is bound to another key"))
        }
        Poll::Approved(who) => Ok(token_answer(&identity.issue(who, jkt).await?)),
    }
}

/// RFC 7009, 2. Only refresh tokens: access tokens die with their sign-in.
pub(super) async fn revoke(State(control): State<Control>, form: Form) -> Result<StatusCode, OauthError> {
    let proof = form.proof(&control).await?;
    form.spend(&control, &proof).await?;
    control.identity().revoke(form.field("token")?, proof.thumbprint(), form.origin.0).await?;
    Ok(StatusCode::OK)
}
