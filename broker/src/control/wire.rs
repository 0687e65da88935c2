//! What every request and answer goes through: an id, the client's address, the API version, headers.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hoop_api::{API_VERSION, API_VERSION_HEADER, Code, Problem, RequestId};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{ApiProblem, ClientAddress, Control, client_address};

/// Oldest version that is served: this one and the one before.
const OLDEST_VERSION: u16 = if API_VERSION > 1 { API_VERSION - 1 } else { 1 };

/// The outermost layer.
pub(super) async fn every_request(
    State(control): State<Control>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::from_parts(crate::clock::unix_ms(), rand::random());
    let method = request.method().clone();
    // Path only: a query can carry codes.
    let path = request.uri().path().to_owned();
    let response = match prepare(&control, &mut request) {
        Ok(()) => next.run(request).await,
        Err(problem) => ApiProblem(problem).into_response(),
    };
    let mut response = name_request(response, id);
    tracing::info!(request = %id, %method, path, status = response.status().as_u16(), "request");
    let headers = response.headers_mut();
    headers.insert(API_VERSION_HEADER, HeaderValue::from(API_VERSION));
    set(headers, HeaderName::from_static("hoop-request-id"), &id.to_string());
    // A fresh nonce with every answer (RFC 9449, 8.2): a busy client never has to ask twice.
    set(headers, HeaderName::from_static("dpop-nonce"), &control.identity().nonce());
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn prepare(control: &Control, request: &mut Request) -> Result<(), Problem> {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let trusted = &control.identity().config().trusted_proxies;
        let origin = client_address(peer, request.headers(), trusted)
            .map_err(|e| Problem::new(Code::BadRequest, e.to_string()))?;
        request.extensions_mut().insert(ClientAddress(origin));
    }
    check_version(request.headers())
}

fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(API_VERSION_HEADER) else { return Ok(()) };
    let version = value.to_str().ok().and_then(|text| text.parse::<u16>().ok());
    match version {
        None => Err(Problem::new(Code::BadRequest, format!("`{API_VERSION_HEADER}` is not a number"))),
        Some(v) if (OLDEST_VERSION..=API_VERSION).contains(&v) => Ok(()),
        Some(v) => Err(Problem::new(
            Code::VersionUnsupported,
            format!("the client speaks version {v}, the broker {OLDEST_VERSION} to {API_VERSION}"),
        )
        .with_hint(if v > API_VERSION { "update the broker" } else { "update hoopctl" })),
    }
}

/// Puts the id into a problem's body, where the reader will look for it.
fn name_request(mut response: Response, id: RequestId) -> Response {
    let Some(ApiProblem(mut problem)) = response.extensions_mut().remove::<ApiProblem>() else {
        return response;
    };
    problem.request = Some(id.to_string());
    let mut named = ApiProblem(problem).into_response();
    // RFC 9110, 15.5.6: a 405 says what would be allowed.
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        named.headers_mut().insert(header::ALLOW, allow);
    }
    named.extensions_mut().remove::<ApiProblem>();
    named
}
