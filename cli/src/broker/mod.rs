//! The broker as hoopctl sees it: HTTPS requests with proofs of possession, problems turned into failures.

pub mod dial;
mod signed_in;

pub use signed_in::SignedIn;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hoop_api::{API_VERSION, API_VERSION_HEADER, Problem};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use secrecy::SecretString;

use crate::auth::key::DpopKey;
use crate::error::{Exit, Failure};
use crate::profile::BrokerUrl;
use crate::trust;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take to stand.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, bytes.
const ANSWER_MAX: usize = 4 << 20;
/// How far the clocks may be apart, seconds: proofs carry a time (RFC 9449, 4.3).
const SKEW_MAX_S: i64 = 60;

/// One broker over one set of TLS connections.
pub struct Broker {
    url: BrokerUrl,
    http: reqwest::Client,
    tls: Arc<rustls::ClientConfig>,
    // Shared by requests that may run at once: the last nonce that the broker gave wins (RFC 9449, 8.2).
    nonce: Mutex<Option<String>>,
}

impl Broker {
    /// A client for `url`, which must show the pinned certificate where there is a pin.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(url: BrokerUrl, pin: Option<trust::Fingerprint>) -> Result<Self, Failure> {
        let tls = trust::tls(pin)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .https_only(true)
            .no_proxy()
            // A redirect could carry a token or a proof elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .user_agent(concat!("hoopctl/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Failure::unreachable(format!("the HTTP client cannot be set up: {e}")))?;
        Ok(Self { url, http, tls: Arc::new(tls), nonce: Mutex::new(None) })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &BrokerUrl {
        &self.url
    }

    /// TLS towards it.
    #[must_use]
    pub fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// The last nonce that the broker gave.
    #[must_use]
    pub fn nonce(&self) -> Option<String> {
        self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the nonce of an answer.
    pub fn keep_nonce(&self, headers: &HeaderMap) {
        if let Some(nonce) = headers.get("dpop-nonce").and_then(|v| v.to_str().ok()) {
            *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce.to_owned());
        }
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// The broker is not reached, not trusted, or answers too much.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let (parts, body) = request.into_parts();
        let url = reqwest::Url::parse(&parts.uri.to_string())
            .map_err(|e| Failure::unreachable(format!("`{}` is not an address: {e}", parts.uri)))?;
        let sent = self
            .http
            .request(parts.method, url)
            .headers(parts.headers)
            .header(API_VERSION_HEADER, API_VERSION)
            .body(body)
            .send()
            .await;
        let mut answer = sent.map_err(|e| self.not_reached(&e))?;
        self.keep_nonce(answer.headers());
        let mut response = Response::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.not_reached(&e))? {
            if response.body().len() + chunk.len() > ANSWER_MAX {
                return Err(Failure::unreachable("the broker's answer is longer than 4 MiB"));
            }
            response.body_mut().extend_from_slice(&chunk);
        }
        Ok(response)
    }

    /// Sends a request with a proof of possession of `key`, once more where the broker asks for a nonce
    /// (RFC 9449, 8 and 9).
    ///
    /// # Errors
    /// As [`send`](Self::send), or the key does not sign.
    pub async fn send_proved(
        &self,
        request: Request<Vec<u8>>,
        key: &DpopKey,
        token: Option<&SecretString>,
    ) -> Result<Response<Vec<u8>>, Failure> {
        let first = self.send(self.proved(&request, key, token)?).await?;
        if !asks_for_nonce(&first) {
            return Ok(first);
        }
        self.send(self.proved(&request, key, token)?).await
    }

    fn proved(
        &self,
        request: &Request<Vec<u8>>,
        key: &DpopKey,
        token: Option<&SecretString>,
    ) -> Result<Request<Vec<u8>>, Failure> {
        let mut proved = request.clone();
        let url = request.uri().to_string();
        let proof = key.proof(request.method().as_str(), &url, self.nonce().as_deref(), token)?;
        let headers = proved.headers_mut();
        headers.insert("dpop", header(&proof)?);
        if let Some(token) = token {
            headers.insert(http::header::AUTHORIZATION, authorization(token)?);
        }
        Ok(proved)
    }

    fn not_reached(&self, error: &reqwest::Error) -> Failure {
        if let Some(fault) = trust::fault(error) {
            return fault.into();
        }
        let why =
            if error.is_timeout() { "it does not answer in time".to_owned() } else { root_cause(error) };
        no_broker(&self.url, &why)
    }
}

/// "Not reached", with what to check.
#[must_use]
pub fn no_broker(url: &BrokerUrl, why: &str) -> Failure {
    Failure::unreachable(format!("no broker is reached at `{}`: {why}", url.issuer()))
        .hint("check the address, the network, and that `hoop-broker serve` runs there")
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.downcast_ref::<std::io::Error>().map_or_else(|| last.to_string(), crate::error::plain)
}

/// A header value that debug output and traces hide.
///
/// # Errors
/// The text cannot stand in a header.
pub fn header(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Failure::unreachable("the broker gave a token that cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Authorization: DPoP …` (RFC 9449, 7.1).
///
/// # Errors
/// The token cannot stand in a header.
pub fn authorization(token: &SecretString) -> Result<HeaderValue, Failure> {
    use secrecy::ExposeSecret as _;
    header(&format!("DPoP {}", token.expose_secret()))
}

/// True if the broker refused a proof only for want of its nonce.
#[must_use]
pub fn asks_for_nonce(answer: &Response<Vec<u8>>) -> bool {
    #[derive(serde::Deserialize)]
    struct Words {
        error: Option<String>,
        code: Option<String>,
    }
    if !matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED)
        || !answer.headers().contains_key("dpop-nonce")
    {
        return false;
    }
    let in_header = answer
        .headers()
        .get_all(http::header::WWW_AUTHENTICATE)
        .iter()
        .any(|v| v.to_str().is_ok_and(|v| v.contains("use_dpop_nonce")));
    in_header
        || serde_json::from_slice::<Words>(answer.body())
            .is_ok_and(|w| [w.error, w.code].into_iter().flatten().any(|word| word == "use_dpop_nonce"))
}

/// Reads an answer: the value, or the broker's problem as a failure.
///
/// # Errors
/// The broker said no, or something that is not of this API.
pub fn read<T: serde::de::DeserializeOwned>(answer: &Response<Vec<u8>>) -> Result<T, Failure> {
    check(answer)?;
    serde_json::from_slice(answer.body()).map_err(|e| {
        Failure::unreachable(format!("the broker's answer cannot be read: {e}"))
            .hint("hoopctl and the broker may be of different versions: compare `hoopctl version`")
    })
}

/// Takes any success; turns anything else into a failure.
///
/// # Errors
/// The broker said no.
pub fn check(answer: &Response<Vec<u8>>) -> Result<(), Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let mut failure = match serde_json::from_slice::<Problem>(answer.body()) {
        Ok(problem) => Failure::from(problem),
        Err(_) => unexplained(status),
    };
    if status == StatusCode::UNAUTHORIZED
        && let Some(skew) = skew_s(answer.headers()).filter(|s| s.abs() > SKEW_MAX_S)
    {
        failure = failure.note("clock", skew_sentence(skew));
    }
    Err(failure)
}

/// A status without a problem that we know: an old or newer broker, or something in between.
fn unexplained(status: StatusCode) -> Failure {
    let exit = match status.as_u16() {
        401 | 410 => Exit::NotSignedIn,
        403 => Exit::Denied,
        404 => Exit::Usage,
        429 => Exit::Limit,
        _ => Exit::Unreachable,
    };
    Failure::new(exit, format!("the broker answered {status} without a reason that hoopctl knows"))
}

/// How far this machine's clock is ahead of the answer's `Date`, seconds.
fn skew_s(headers: &HeaderMap) -> Option<i64> {
    let theirs = humane_date(headers.get(http::header::DATE)?.to_str().ok()?)?;
    Some(now_s() - theirs)
}

fn skew_sentence(skew_s: i64) -> String {
    let word = if skew_s > 0 { "ahead of" } else { "behind" };
    format!("this machine's clock is {} {word} the broker's", crate::output::span(skew_s.unsigned_abs()))
}

/// Refuses to go on where the clocks are too far apart for proofs to be accepted.
///
/// # Errors
/// They are.
pub fn check_clock(headers: &HeaderMap) -> Result<(), Failure> {
    match skew_s(headers) {
        Some(skew) if skew.abs() > SKEW_MAX_S => Err(Failure::unreachable(skew_sentence(skew))
            .hint("set this machine's clock (or the broker's): proofs of possession carry a time")),
        Some(_) | None => Ok(()),
    }
}

/// Wall clock, Unix seconds.
#[must_use]
pub fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// An IMF-fixdate of HTTP (RFC 9110, 5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`, as Unix seconds.
fn humane_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let rest = text.split_once(", ")?.1.strip_suffix(" GMT")?;
    let mut words = rest.split(' ');
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let iso = format!("{year}-{month:02}-{day}T{clock}Z");
    let time = humantime::parse_rfc3339(&iso).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read() {
        assert_eq!(humane_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(humane_date("Sunday, 06-Nov-94 08:49:37 GMT"), None);
    }

    #[test]
    fn clocks_too_far_apart_are_named() {
        let mut headers = HeaderMap::new();
        headers.insert("date", HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        let failure = check_clock(&headers).unwrap_err();
        assert!(failure.message.contains("ahead of the broker's"), "{failure}");
        assert!(check_clock(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn a_nonce_is_asked_for_in_three_ways() {
        let answer = |status: u16, nonce: bool, www: &str, body: &str| {
            let mut builder = Response::builder().status(status).header("www-authenticate", www);
            if nonce {
                builder = builder.header("dpop-nonce", "n");
            }
            builder.body(body.as_bytes().to_vec()).unwrap()
        };
        assert!(asks_for_nonce(&answer(400, true, "x", r#"{"error":"use_dpop_nonce"}"#)));
        assert!(asks_for_nonce(&answer(401, true, "x", r#"{"code":"use_dpop_nonce"}"#)));
        assert!(asks_for_nonce(&answer(401, true, r#"DPoP error="use_dpop_nonce""#, "")));
        assert!(!asks_for_nonce(&answer(401, true, "x", r#"{"error":"invalid_token"}"#)));
        assert!(!asks_for_nonce(&answer(401, false, "x", r#"{"error":"use_dpop_nonce"}"#)));
        assert!(!asks_for_nonce(&answer(200, true, "x", r#"{"error":"use_dpop_nonce"}"#)));
    }
}
