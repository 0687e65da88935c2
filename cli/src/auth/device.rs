//! The device flow (RFC 8628) and the refresh of its tokens, each request with a proof of possession.

use std::time::Duration;

use hoop_api::{CLIENT_ID, Untrusted, routes};
use http::{Request, Response};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthType, ClientId, DeviceAuthorizationUrl, DeviceCodeErrorResponseType, HttpRequest, RefreshToken,
    RequestTokenError, StandardDeviceAuthorizationResponse, TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Credentials, browser, key::DpopKey};
use crate::broker::{Broker, check_clock, now_s, read};
use crate::error::{Exit, Failure};
use crate::output;

/// RFC 8414 metadata, as far as hoopctl needs it.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    issuer: String,
    device_authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
}

/// Asks the broker for its endpoints; checks its name and the clock.
///
/// # Errors
/// Not reached, not a broker, another name, clocks too far apart.
pub async fn metadata(broker: &Broker) -> Result<Metadata, Failure> {
    let request =
        Request::get(broker.url().at(routes::METADATA)).body(Vec::new()).map_err(|e| not_sent(&e))?;
    let answer: Response<Vec<u8>> = broker.send(request).await?;
    if answer.status() == http::StatusCode::NOT_FOUND {
        return Err(Failure::unreachable(format!("`{}` is not a broker", broker.url().issuer()))
            .hint("check the address and the port"));
    }
    let metadata: Metadata = read(&answer)?;
    check_clock(answer.headers())?;
    let issuer = broker.url().issuer();
    // RFC 8414, 3.3: a name other than the one asked for must not be used.
    if metadata.issuer.trim_end_matches('/') != issuer {
        let theirs = metadata.issuer.trim_end_matches('/').to_owned();
        return Err(Failure::usage(format!("the broker at `{issuer}` calls itself `{theirs}`"))
            .hint(format!("use its own name: `hoopctl login {theirs}`")));
    }
    let endpoints = [&metadata.device_authorization_endpoint, &metadata.token_endpoint];
    for endpoint in endpoints.into_iter().chain(&metadata.revocation_endpoint) {
        if !within(issuer, endpoint) {
            return Err(Failure::unreachable(format!(
                "the broker names an endpoint elsewhere: `{endpoint}`"
            )));
        }
    }
    Ok(metadata)
}

fn within(issuer: &str, url: &str) -> bool {
    url.strip_prefix(issuer).is_some_and(|rest| rest.starts_with('/'))
}

fn not_sent(e: &http::Error) -> Failure {
    Failure::unreachable(format!("the request cannot be made: {e}"))
}

/// Signs in: shows the code, waits until a person has confirmed it.
///
/// # Errors
/// Refused, expired, not reached.
pub async fn sign_in(
    broker: &Broker,
    metadata: Metadata,
    open_browser: bool,
    fresh: bool,
) -> Result<Credentials, Failure> {
    let key = DpopKey::generate()?;
    let url = |e| Failure::unreachable(format!("the broker's metadata has no usable address: {e}"));
    let client = BasicClient::new(ClientId::new(CLIENT_ID.to_owned()))
        .set_auth_type(AuthType::RequestBody)
        .set_device_authorization_url(
            DeviceAuthorizationUrl::new(metadata.device_authorization_endpoint.clone()).map_err(url)?,
        )
        .set_token_uri(TokenUrl::new(metadata.token_endpoint.clone()).map_err(url)?);
    let http = |request: HttpRequest| broker.send_proved(request, &key, None);
    let mut request = client.exchange_device_code().add_extra_param("host", host_name());
    if fresh {
        request = request.add_extra_param("max_age", "0");
    }
    let details: StandardDeviceAuthorizationResponse = request.request_async(&http).await.map_err(refused)?;
    show(broker, &details, open_browser)?;
    let tokens = client
        .exchange_device_access_token(&details)
        .request_async(&http, tokio::time::sleep, None)
        .await
        .map_err(not_confirmed)?;
    let (access_token, expires_at, refresh_token) = unpack(&tokens)?;
    Ok(Credentials {
        broker: broker.url().issuer().to_owned(),
        token_endpoint: metadata.token_endpoint,
        revocation_endpoint: metadata.revocation_endpoint,
        key,
        access_token,
        expires_at,
        refresh_token,
    })
}

fn show(
    broker: &Broker,
    details: &StandardDeviceAuthorizationResponse,
    open_browser: bool,
) -> Result<(), Failure> {
    let page = details.verification_uri().as_str();
    if !within(broker.url().issuer(), page) {
        return Err(Failure::unreachable(format!("the broker sends people elsewhere to sign in: `{page}`")));
    }
    eprintln!("open   {}", Untrusted::new(page));
    eprintln!("enter  {}", Untrusted::new(details.user_code().secret().as_str()));
    let complete = details.verification_uri_complete().map(|u| u.secret().as_str());
    if output::stderr_is_terminal()
        && let Some(complete) = complete.filter(|url| within(broker.url().issuer(), url))
        && let Some(code) = browser::qr_code(complete)
    {
        eprintln!("\n{code}\n");
    }
    if open_browser && output::stderr_is_terminal() && browser::open(page) {
        eprintln!("a browser was asked to open the page");
    }
    eprintln!("waiting for the confirmation, {} at most", output::span(details.expires_in().as_secs()));
    Ok(())
}

/// A new access token for the old refresh token, which is spent with it.
///
/// # Errors
/// The sign-in has ended, or the broker is not reached.
pub async fn refresh(broker: &Broker, mut old: Credentials) -> Result<Credentials, Failure> {
    let ended = || {
        Failure::new(Exit::NotSignedIn, "the sign-in has ended").hint("sign in again with `hoopctl login`")
    };
    let Some(refresh_token) = &old.refresh_token else { return Err(ended()) };
    let url = TokenUrl::new(old.token_endpoint.clone())
        .map_err(|e| Failure::unreachable(format!("the stored token endpoint is not an address: {e}")))?;
    let client = BasicClient::new(ClientId::new(CLIENT_ID.to_owned()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(url);
    let http = |request: HttpRequest| broker.send_proved(request, &old.key, None);
    let token = RefreshToken::new(refresh_token.expose_secret().to_owned());
    let tokens = client.exchange_refresh_token(&token).request_async(&http).await.map_err(|e| match e {
        RequestTokenError::ServerResponse(said)
            if matches!(said.error(), oauth2::basic::BasicErrorResponseType::InvalidGrant) =>
        {
            ended()
        }
        e => refused(e),
    })?;
    let (access_token, expires_at, rotated) = unpack(&tokens)?;
    old.access_token = access_token;
    old.expires_at = expires_at;
    old.refresh_token = rotated.or(old.refresh_token);
    Ok(old)
}

/// Ends the sign-in at the broker (RFC 7009).
///
/// # Errors
/// The broker is not reached, or refuses.
pub async fn revoke(broker: &Broker, credentials: &Credentials) -> Result<(), Failure> {
    let Some(endpoint) = &credentials.revocation_endpoint else { return Ok(()) };
    let (token, kind) = match &credentials.refresh_token {
        Some(token) => (token, "refresh_token"),
        None => (&credentials.access_token, "access_token"),
    };
    let form = reqwest::Url::parse_with_params(
        "form:",
        [("token", token.expose_secret()), ("token_type_hint", kind), ("client_id", CLIENT_ID)],
    );
    let body = form.ok().and_then(|url| url.query().map(|q| q.as_bytes().to_vec())).unwrap_or_default();
    let request = Request::post(endpoint)
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
        .map_err(|e| not_sent(&e))?;
    crate::broker::check(&broker.send_proved(request, &credentials.key, None).await?)
}

type Unpacked = (SecretString, i64, Option<SecretString>);

fn unpack(tokens: &BasicTokenResponse) -> Result<Unpacked, Failure> {
    // A bearer token would work for whoever copies it: not what was asked for (RFC 9449, 5).
    if !tokens.token_type().as_ref().eq_ignore_ascii_case("dpop") {
        return Err(Failure::unreachable("the broker gave a token that is not bound to this machine's key"));
    }
    let life = tokens.expires_in().unwrap_or(Duration::from_secs(60)).as_secs();
    let expires_at = now_s().saturating_add(i64::try_from(life).unwrap_or(i64::MAX));
    Ok((
        SecretString::from(tokens.access_token().secret().as_str()),
        expires_at,
        tokens.refresh_token().map(|t| SecretString::from(t.secret().as_str())),
    ))
}

fn refused(error: RequestTokenError<Failure, oauth2::basic::BasicErrorResponse>) -> Failure {
    match error {
        RequestTokenError::ServerResponse(said) => {
            Failure::new(Exit::NotSignedIn, format!("the broker refuses the sign-in: {said}"))
        }
        RequestTokenError::Request(failure) => failure,
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => unreadable(),
    }
}

fn not_confirmed(error: RequestTokenError<Failure, oauth2::DeviceCodeErrorResponse>) -> Failure {
    let ended =
        |message: &str| Failure::new(Exit::NotSignedIn, message).hint("start again with `hoopctl login`");
    match error {
        RequestTokenError::ServerResponse(said) => match said.error() {
            DeviceCodeErrorResponseType::AccessDenied => {
                ended("the sign-in was refused on the broker's page")
            }
            DeviceCodeErrorResponseType::ExpiredToken => ended("nobody confirmed the code in time"),
            DeviceCodeErrorResponseType::AuthorizationPending
            | DeviceCodeErrorResponseType::SlowDown
            | DeviceCodeErrorResponseType::Basic(_) => {
                ended(&format!("the broker refuses the sign-in: {said}"))
            }
        },
        RequestTokenError::Request(failure) => failure,
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => unreadable(),
    }
}

/// The parser's message could quote a token: it is dropped on purpose.
fn unreadable() -> Failure {
    Failure::unreachable("the broker's answer to the sign-in cannot be read")
        .hint("hoopctl and the broker may be of different versions: compare `hoopctl version`")
}

/// The terminal's host, shown on the broker's page so that a person can tell their own sign-in from another's.
fn host_name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    if name.is_empty() { "unknown".to_owned() } else { name }
}
