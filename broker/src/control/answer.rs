//! Answers: problems, and JSON bodies read strictly.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use hoop_api::{Code, Problem};
use http::{HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// A [`Problem`] as an HTTP answer, `application/problem+json`.
#[derive(Debug, Clone)]
pub struct ApiProblem(pub Problem);

impl From<Problem> for ApiProblem {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<crate::ledger::Poisoned> for ApiProblem {
    fn from(poisoned: crate::ledger::Poisoned) -> Self {
        Self(crate::identity::not_recorded(poisoned))
    }
}

impl From<StoreError> for ApiProblem {
    fn from(error: StoreError) -> Self {
        Self(crate::identity::state_failed(&error))
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let challenge = match self.0.code {
            // RFC 9449, 7.1 and 9.
            Code::NotSignedIn => Some(r#"DPoP error="invalid_token", algs="ES256 EdDSA""#),
            Code::UseDpopNonce => Some(r#"DPoP error="use_dpop_nonce", algs="ES256 EdDSA""#),
            Code::BadRequest
            | Code::Denied
            | Code::ApprovalPending
            | Code::Rejected
            | Code::Conflict
            | Code::NotFound
            | Code::SessionEnded
            | Code::LimitReached
            | Code::VersionUnsupported
            | Code::NotRecorded
            | Code::TargetUnavailable
            | Code::ShuttingDown
            | Code::Internal => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        // The outermost layer writes the request's id into the body.
        response.extensions_mut().insert(self);
        response
    }
}

/// Time for a body after its headers.
pub(super) const BODY_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// A JSON body; anything else is a problem.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        // Who asks was settled by the headers: a body that comes late would be acted on by a caller of long ago.
        let Ok(read) = tokio::time::timeout(BODY_WAIT, Json::from_request(request, state)).await else {
            return Err(ApiProblem(Problem::new(Code::BadRequest, "the body did not come in time")));
        };
        match read {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiProblem(body_problem(&rejection))),
        }
    }
}

/// serde's own words quote the input, which may hold anything; only the kind of fault and its place are told.
fn body_problem(rejection: &JsonRejection) -> Problem {
    let detail = match rejection {
        JsonRejection::JsonDataError(_) => "the body has a missing, unknown or ill-typed field",
        JsonRejection::JsonSyntaxError(_) => "the body is not JSON",
        JsonRejection::MissingJsonContentType(_) => "the body must come as `application/json`",
        _ => "the body is too long or could not be read",
    };
    let mut problem = Problem::new(Code::BadRequest, detail);
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        problem.status = StatusCode::PAYLOAD_TOO_LARGE.as_u16();
    }
    problem
}

pub(super) async fn not_found() -> ApiProblem {
    ApiProblem(Problem::new(Code::NotFound, "the broker has no such address"))
}

pub(super) async fn method_not_allowed() -> ApiProblem {
    let mut problem = Problem::new(Code::BadRequest, "this address does not take that method");
    problem.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
    ApiProblem(problem)
}

/// Does `work` to its end, also when the caller hangs up meanwhile: what is recorded must also happen, and be told.
pub(super) async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiProblem>> + Send + 'static,
) -> Result<T, ApiProblem> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(%error, "a request failed half way");
            Err(Problem::new(Code::Internal, "the broker failed").into())
        }
    }
}
