//! The HTTP client to the provider, with bounded time and size.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::outbound;

/// Largest answer that is read: discovery documents and key sets have some kilobytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Talks to the provider.
#[derive(Debug, Clone)]
pub(super) struct HttpClient(reqwest::Client);

/// A call to the provider failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallFault {
    /// Could not be sent or read.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// Could not be put together.
    #[error(transparent)]
    Parts(#[from] http::Error),
    /// Too long.
    #[error("the answer is longer than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
}

impl HttpClient {
    /// A client that trusts the system's roots.
    pub(super) fn new(issuer: &str) -> Result<Self, String> {
        outbound::client(issuer, Duration::from_secs(15)).map(Self)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, CallFault> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let mut built = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            built = built.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(CallFault::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(built.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = CallFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
