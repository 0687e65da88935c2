//! Who is calling: the broker as authorization server for hoopctl, local users or an OIDC provider behind it, tokens
//! bound to keys (DPoP), lock-outs and revocation.
//!
//! Every sign-in, failure and revocation is in the ledger before its effect is seen. Never here: what a principal may
//! do (that is policy), and routes or pages (that is `control`).

pub mod address;
pub mod audit;
mod authenticate;
pub mod decision;
pub mod device;
pub mod dpop;
mod enrolment;
mod grant;
pub mod local;
pub mod oidc;
mod sign_in;
mod sweep;
mod throttle;
pub mod token;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use aws_lc_rs::hmac;
use hoop_api::{Code, Problem};
use hoop_ledger::entry::Event;
use hoop_policy::Principal;
use tokio::sync::Semaphore;

pub use authenticate::Caller;
pub use grant::{GrantFault, TokenSet};
pub use local::{LocalUsers, PasswordCost};
pub use sign_in::{Credentials, SignInFault};
pub use throttle::{Throttle, Throttled};

use crate::config::{Config, IdentityProvider};
use crate::ledger::Poisoned;
use crate::session::Sessions;
use crate::store::{Store, StoreError};
use audit::{Clock, Entry, Journal};

/// Proofs remembered from callers whose token was good; and from those who are only asking for one.
const REPLAY_ENTRIES: usize = 1 << 18;
/// Password checks at once: each holds its memory cost.
const HASHES_AT_ONCE: usize = 2;
/// Wrong user codes by one address in ten minutes (RFC 8628, 5.1).
const CODE_TRIES: u32 = 10;
/// Device sign-ins started, and refusals written to the ledger, by one address a minute.
const STARTS_A_MINUTE: u32 = 30;
const REFUSALS_A_MINUTE: u32 = 60;

/// What identity is made of.
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// The embedded state.
    pub store: Store,
    /// Live sessions.
    pub sessions: Arc<Sessions>,
    /// Writes to the ledger.
    pub journal: Journal,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Cost of one password check.
    pub password_cost: PasswordCost,
}

/// Signs people in and tells who is calling; cheap to clone.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

struct Inner {
    config: Arc<Config>,
    store: Store,
    sessions: Arc<Sessions>,
    journal: Journal,
    clock: Arc<dyn Clock>,
    signer: token::Signer,
    nonces: dpop::Nonces,
    replay_callers: dpop::Replay,
    replay_strangers: dpop::Replay,
    devices: device::Devices,
    code_tries: Throttle,
    starts: Throttle,
    refusals: Throttle,
    browser_key: hmac::Key,
    hashing: Semaphore,
    // One writer of administrative changes at a time, so that none is recorded twice.
    recording_changes: Semaphore,
    dummy_hash: String,
    password_cost: PasswordCost,
    enrolments: enrolment::Enrolments,
    oidc: Option<oidc::Provider>,
    seen_version: AtomicI64,
}

/// Identity cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The token key.
    #[error(transparent)]
    Key(#[from] token::KeyError),
    /// Password hashing.
    #[error(transparent)]
    Local(#[from] local::LocalError),
    /// The OIDC client.
    #[error(transparent)]
    Oidc(#[from] oidc::OidcFault),
}

impl Identity {
    /// Loads or makes the token key in `state_dir` and gets ready. Blocks for one password hash.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(parts: Parts) -> Result<Self, StartError> {
        let config = parts.config;
        let signer = token::Signer::load_or_make(&config.state_dir.join("token.key"), &config.public_url)?;
        let oidc = match &config.identity {
            IdentityProvider::Local => None,
            IdentityProvider::Oidc(provider) => Some(oidc::Provider::new(provider.clone())?),
        };
        // Verified against when the name is unknown, so that the time taken does not tell.
        let dummy_hash = local::hash_password(&token::random_secret(), parts.password_cost)?;
        let minute = Duration::from_secs(60);
        Ok(Self {
            inner: Arc::new(Inner {
                signer,
                oidc,
                dummy_hash,
                password_cost: parts.password_cost,
                enrolments: enrolment::Enrolments::default(),
                nonces: dpop::Nonces::new(&rand::random()),
                replay_callers: dpop::Replay::new(REPLAY_ENTRIES),
                replay_strangers: dpop::Replay::new(REPLAY_ENTRIES),
                devices: device::Devices::new(config.limits.device_codes),
                code_tries: Throttle::new(CODE_TRIES, device::CODE_LIFE),
                starts: Throttle::new(STARTS_A_MINUTE, minute),
                refusals: Throttle::new(REFUSALS_A_MINUTE, minute),
                browser_key: hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()),
                hashing: Semaphore::new(HASHES_AT_ONCE),
                recording_changes: Semaphore::new(1),
                seen_version: AtomicI64::new(0),
                store: parts.store,
                sessions: parts.sessions,
                journal: parts.journal,
                clock: parts.clock,
                config,
            }),
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Live sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// The embedded state.
    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Writes to the ledger.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// Waiting device codes.
    #[must_use]
    pub fn devices(&self) -> &device::Devices {
        &self.inner.devices
    }

    /// The OIDC provider, when one signs people in.
    #[must_use]
    pub fn oidc(&self) -> Option<&oidc::Provider> {
        self.inner.oidc.as_ref()
    }

    /// Wrong user codes by address.
    #[must_use]
    pub fn code_tries(&self) -> &Throttle {
        &self.inner.code_tries
    }

    /// Device sign-ins started by address.
    #[must_use]
    pub fn starts(&self) -> &Throttle {
        &self.inner.starts
    }

    /// The broker's own tokens.
    #[must_use]
    pub fn signer(&self) -> &token::Signer {
        &self.inner.signer
    }

    /// Wall clock, Unix seconds.
    #[must_use]
    pub fn now_s(&self) -> i64 {
        self.inner.clock.unix_us().div_euclid(1_000_000)
    }

    /// Time since boot.
    #[must_use]
    pub fn mono(&self) -> Duration {
        self.inner.clock.mono()
    }

    /// The DPoP nonce of now, for the `DPoP-Nonce` header.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.inner.nonces.current(self.mono())
    }

    /// The CSRF token of the browser with the cookie value `browser`; valid until the broker restarts.
    #[must_use]
    pub fn csrf_token(&self, browser: &str) -> String {
        use base64::Engine as _;
        let tag = hmac::sign(&self.inner.browser_key, browser.as_bytes());
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    /// True when `token` is the CSRF token of the browser with the cookie value `browser`.
    #[must_use]
    pub fn csrf_ok(&self, browser: &str, token: &str) -> bool {
        use subtle::ConstantTimeEq as _;
        self.csrf_token(browser).as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// Writes a refused credential to the ledger, `user` where it is known. Refusals are refusals whether or not this
    /// works; by one address only so many a minute are written, so that a stranger cannot fill the disk.
    pub(crate) async fn note_refusal(
        &self,
        who: Option<&Principal>,
        origin: SocketAddr,
        method: &str,
        reason: &str,
    ) {
        if self.inner.refusals.take(&address::network_of(origin.ip()), self.mono()).is_err() {
            return;
        }
        let user = who.map_or_else(audit::unknown_user, audit::user_of);
        let event = Event::SignInFailed { method: method.to_owned(), reason: reason.to_owned() };
        if self.inner.journal.record(Entry::new(user, "broker", event).from(origin).failed()).await.is_err() {
            tracing::error!(method, reason, "a refused credential could not be recorded");
        }
    }
}

/// What a client is told when the ledger fails.
#[must_use]
pub fn not_recorded(_: Poisoned) -> Problem {
    Problem::new(Code::NotRecorded, "the broker cannot write to its ledger")
        .with_hint("tell the broker's administrator; nothing was done")
}

/// What a client is told when the state database fails; the log has the rest.
#[must_use]
pub fn state_failed(error: &StoreError) -> Problem {
    tracing::error!(%error, "the state database failed");
    Problem::new(Code::Internal, "the broker cannot use its state database")
}
