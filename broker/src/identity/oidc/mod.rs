//! Signing in at an OpenID Connect provider: discovery, authorization code with PKCE, state and nonce, a verified ID
//! token, claims to principal.

mod claims;
mod http_client;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::url::Url;
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use secrecy::{ExposeSecret as _, SecretString};

pub use claims::{ClaimFault, principal};
use http_client::HttpClient;

use super::device::{Authenticated, UserCode};
use crate::config::{Oidc, SecretRef};

/// Discovery and keys are asked for again after this long, and after a token that did not verify.
const METADATA_LIFE: Duration = Duration::from_secs(3600);
/// Life of one trip to the provider.
const TRIP_LIFE: Duration = Duration::from_secs(600);
/// Trips at once.
const MAX_TRIPS: usize = 4096;

/// Why the provider did not sign somebody in. What the provider said goes to the log, not to the page.
#[derive(Debug, thiserror::Error)]
pub enum OidcFault {
    /// Our own settings.
    #[error("the OIDC settings are not usable: {0}")]
    Settings(String),
    /// Discovery or the token endpoint failed.
    #[error("the identity provider cannot be reached or used: {0}")]
    Provider(String),
    /// The ID token is missing or does not verify.
    #[error("the identity provider's answer cannot be trusted: {0}")]
    IdToken(String),
    /// The state is unknown, used, too old, or another browser's.
    #[error("this sign-in is not known any more")]
    State,
    /// Too many trips at once.
    #[error("too many sign-ins are waiting")]
    Busy,
    /// The claims make no principal.
    #[error(transparent)]
    Claims(#[from] ClaimFault),
}

impl OidcFault {
    /// The word in the ledger's `sign_in_failed`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Settings(_) => "oidc_settings",
            Self::Provider(_) => "oidc_provider",
            Self::IdToken(_) => "oidc_token",
            Self::State => "oidc_state",
            Self::Busy => "oidc_busy",
            Self::Claims(fault) => fault.reason(),
        }
    }
}

/// One browser's trip to the provider.
struct Trip {
    code: UserCode,
    browser: String,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    expires: Duration,
}

/// The OpenID Connect provider that signs people in.
pub struct Provider {
    config: Oidc,
    secret: SecretString,
    http: HttpClient,
    // Both short-held, never over an await.
    metadata: Mutex<Option<(Duration, CoreProviderMetadata)>>,
    trips: Mutex<HashMap<String, Trip>>,
}

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change to what these guard is one insert or remove.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When and how somebody signed in: many providers tell it only when they are asked (OpenID Connect Core, 5.5).
const FRESH_CLAIMS: &str = r#"{"id_token":{"auth_time":{"essential":true},"amr":null}}"#;

impl Provider {
    /// A client for the provider; asks it nothing yet, so that the broker starts while it is down.
    ///
    /// # Errors
    /// [`OidcFault::Settings`] when the secret cannot be read or there are no root certificates.
    pub fn new(config: Oidc) -> Result<Self, OidcFault> {
        let secret = read_secret(&config.client_secret)?;
        let http = HttpClient::new(&config.issuer).map_err(OidcFault::Settings)?;
        Ok(Self { config, secret, http, metadata: Mutex::default(), trips: Mutex::default() })
    }

    /// The provider's host, for the page.
    #[must_use]
    pub fn host(&self) -> String {
        let host = Url::parse(&self.config.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.unwrap_or_else(|| self.config.issuer.clone())
    }

    async fn metadata(&self, mono: Duration) -> Result<CoreProviderMetadata, OidcFault> {
        let cached = lock(&self.metadata).clone();
        if let Some((since, metadata)) = cached
            && mono < since + METADATA_LIFE
        {
            return Ok(metadata);
        }
        let issuer = IssuerUrl::new(self.config.issuer.clone())
            .map_err(|e| OidcFault::Settings(format!("issuer: {e}")))?;
        // The library checks that the document names this very issuer (OpenID Connect Discovery, 4.3).
        let metadata = CoreProviderMetadata::discover_async(issuer, &self.http)
            .await
            .map_err(|e| OidcFault::Provider(format!("discovery: {e}")))?;
        *lock(&self.metadata) = Some((mono, metadata.clone()));
        Ok(metadata)
    }

    async fn client(&self, mono: Duration) -> Result<Client, OidcFault> {
        let redirect = RedirectUrl::new(self.config.redirect_uri.clone())
            .map_err(|e| OidcFault::Settings(format!("redirect_uri: {e}")))?;
        let secret = ClientSecret::new(self.secret.expose_secret().to_owned());
        let id = ClientId::new(self.config.client_id.clone());
        let metadata = self.metadata(mono).await?;
        Ok(CoreClient::from_provider_metadata(metadata, id, Some(secret)).set_redirect_uri(redirect))
    }

    /// Starts a trip for the browser that confirmed `code`, with `fresh` one that asks the person again; answers the address at the provider.
    ///
    /// # Errors
    /// [`OidcFault`].
    pub async fn begin(
        &self,
        code: UserCode,
        fresh: bool,
        browser: &str,
        mono: Duration,
    ) -> Result<Url, OidcFault> {
        let client = self.client(mono).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        if fresh {
            request = request.set_max_age(Duration::ZERO).add_extra_param("claims", FRESH_CLAIMS);
        }
        for scope in &self.config.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.url();
        let mut trips = lock(&self.trips);
        // One trip a code: who confirms again begins anew, and nobody can fill the table with one code.
        trips.retain(|_, trip| trip.expires > mono && trip.code != code);
        if trips.len() >= MAX_TRIPS {
            return Err(OidcFault::Busy);
        }
        let trip = Trip { code, browser: browser.to_owned(), nonce, verifier, expires: mono + TRIP_LIFE };
        trips.insert(state.into_secret(), trip);
        Ok(url)
    }

    /// The code and the browser that a live trip is for.
    #[must_use]
    pub fn peek(&self, state: &str, mono: Duration) -> Option<(UserCode, String)> {
        let trips = lock(&self.trips);
        let trip = trips.get(state).filter(|trip| trip.expires > mono)?;
        Some((trip.code.clone(), trip.browser.clone()))
    }

    /// Ends the trip `state` of `browser` with the provider's `code`; answers who signed in, and for which user code.
    ///
    /// # Errors
    /// [`OidcFault`]; the trip is over either way.
    pub async fn finish(
        &self,
        state: &str,
        code: String,
        browser: &str,
        mono: Duration,
        now_s: i64,
    ) -> Result<(UserCode, Authenticated), OidcFault> {
        let trip = {
            let mut trips = lock(&self.trips);
            let ours = trips.get(state).is_some_and(|trip| trip.browser == browser && trip.expires > mono);
            if !ours {
                return Err(OidcFault::State);
            }
            trips.remove(state).ok_or(OidcFault::State)?
        };
        let client = self.client(mono).await?;
        let response = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|e| OidcFault::Settings(e.to_string()))?
            .set_pkce_verifier(trip.verifier)
            .request_async(&self.http)
            .await
            .map_err(|e| OidcFault::Provider(format!("token endpoint: {e}")))?;
        let token = response.id_token().ok_or_else(|| OidcFault::IdToken("no ID token".to_owned()))?;
        // Asymmetric only: with HS256 our own client secret could sign tokens.
        let verifier = client.id_token_verifier().set_allowed_algs([
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
            CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            CoreJwsSigningAlgorithm::EcdsaP384Sha384,
            CoreJwsSigningAlgorithm::EdDsa,
        ]);
        if let Err(error) = token.claims(&verifier, &trip.nonce) {
            // The provider may have rotated its keys: the next sign-in fetches them.
            *lock(&self.metadata) = None;
            return Err(OidcFault::IdToken(error.to_string()));
        }
        // Verified above; read once more as a plain map, because the claims that matter have configurable names.
        let all = jsonwebtoken::dangerous::insecure_decode_claims(token.to_string())
            .map_err(|e| OidcFault::IdToken(e.to_string()))?;
        Ok((trip.code, principal(&self.config, &all, now_s)?))
    }

    /// True when `issuer`, the `iss` of an authorization response, is this provider or absent (RFC 9207).
    #[must_use]
    pub fn is_issuer(&self, issuer: Option<&str>) -> bool {
        issuer.is_none_or(|issuer| issuer == self.config.issuer)
    }
}

fn read_secret(reference: &SecretRef) -> Result<SecretString, OidcFault> {
    reference.read().map_err(|e| OidcFault::Settings(format!("the client secret: {e}")))
}
