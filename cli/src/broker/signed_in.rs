//! Requests of somebody who is signed in: the token is fresh, bound by proof, and refreshed by one process at a time.

use http::{Method, Request};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Broker, check, now_s, read};
use crate::auth::key::DpopKey;
use crate::auth::store::{Store, not_signed_in};
use crate::auth::{Credentials, device};
use crate::error::{Exit, Failure};
use crate::profile::{Settings, files};

/// A token that ends sooner than this is refreshed first, seconds.
const FRESH_S: i64 = 30;

/// A broker with the tokens of somebody.
pub struct SignedIn {
    broker: Broker,
    credentials: Credentials,
}

impl SignedIn {
    /// Loads the profile's tokens, and refreshes them where they are about to end.
    ///
    /// # Errors
    /// No broker known, nobody signed in, or the broker not reached for the refresh.
    pub async fn open(settings: &Settings) -> Result<Self, Failure> {
        let broker = Broker::new(settings.broker()?.clone(), settings.fingerprint)?;
        let store = Store::chosen(settings).ok_or_else(not_signed_in)?;
        let credentials = load(&store, &broker).await?;
        let credentials = if is_fresh(&credentials) {
            credentials
        } else {
            refresh_once(settings, &store, &broker).await?
        };
        Ok(Self { broker, credentials })
    }

    /// The broker.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Whether its access token lasts for another request.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        is_fresh(&self.credentials)
    }

    /// The key that tokens are bound to.
    #[must_use]
    pub fn key(&self) -> &DpopKey {
        &self.credentials.key
    }

    /// `GET path`.
    ///
    /// # Errors
    /// Not reached, or the broker says no.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        read(&self.call(Method::GET, path, Vec::new()).await?)
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// Not reached, or the broker says no.
    pub async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|e| Failure::usage(format!("the request cannot be written as JSON: {e}")))?;
        read(&self.call(Method::POST, path, body).await?)
    }

    /// `PUT path` with a JSON body; nothing comes back.
    ///
    /// # Errors
    /// Not reached, or the broker says no.
    pub async fn put<B: Serialize>(&self, path: &str, body: &B) -> Result<(), Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|e| Failure::usage(format!("the request cannot be written as JSON: {e}")))?;
        check(&self.call(Method::PUT, path, body).await?)
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// Not reached, or the broker says no.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        check(&self.call(Method::DELETE, path, Vec::new()).await?)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<http::Response<Vec<u8>>, Failure> {
        let mut request = Request::builder().method(method).uri(self.broker.url().at(path));
        if !body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        let request =
            request.body(body).map_err(|e| Failure::usage(format!("the request cannot be made: {e}")))?;
        let token: &SecretString = &self.credentials.access_token;
        self.broker.send_proved(request, &self.credentials.key, Some(token)).await
    }
}

fn is_fresh(credentials: &Credentials) -> bool {
    credentials.expires_at > now_s() + FRESH_S
}

/// Tokens of the profile, never shown to a broker that did not give them.
async fn load(store: &Store, broker: &Broker) -> Result<Credentials, Failure> {
    let credentials = store.load().await?;
    if credentials.broker != broker.url().issuer() {
        return Err(Failure::new(Exit::NotSignedIn, format!("not signed in at `{}`", broker.url().issuer()))
            .hint(format!(
                "this profile is signed in at `{}`; use `--profile` for another broker",
                credentials.broker
            )));
    }
    Ok(credentials)
}

/// A refresh token is good for one use, and a second use ends the sign-in: one process at a time spends it, and
/// who comes later takes what the first one got.
async fn refresh_once(settings: &Settings, store: &Store, broker: &Broker) -> Result<Credentials, Failure> {
    let path = settings.paths.refresh_lock();
    let lock = files::lock_file(&path)?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
        .await
        .map_err(|_| not_signed_in())?
        .map_err(|e| Failure::file("lock", &path, &e))?;
    let mut credentials = load(store, broker).await?;
    if !is_fresh(&credentials) {
        credentials = device::refresh(broker, credentials).await?;
        store.save(&credentials).await?;
    }
    drop(lock);
    Ok(credentials)
}
