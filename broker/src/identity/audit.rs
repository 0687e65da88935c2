//! What identity and the control API write to the ledger. A thing that could not be recorded is not done.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hoop_ledger::entry::{ENVELOPE_VERSION, Envelope, Event, Origin, Outcome, User};
use hoop_policy::Principal;

use crate::clock::{self, Boot};
use crate::ledger::{Ledger, Poisoned};

/// The seam to the ledger: makes an entry durable.
pub trait Recorder: Send + Sync {
    /// Resolves when `envelope` is durable.
    fn record(&self, envelope: Envelope) -> Pin<Box<dyn Future<Output = Result<(), Poisoned>> + Send + '_>>;
}

impl Recorder for Ledger {
    fn record(&self, envelope: Envelope) -> Pin<Box<dyn Future<Output = Result<(), Poisoned>> + Send + '_>> {
        Box::pin(async move { Self::record(self, &envelope).await.map(|_ticket| ()) })
    }
}

/// The seam to time: wall clock for records and what outlives a restart, monotonic for all other deadlines.
pub trait Clock: Send + Sync {
    /// Wall clock, microseconds since the Unix epoch.
    fn unix_us(&self) -> i64;
    /// Monotonic time since the broker's boot.
    fn mono(&self) -> Duration;
}

impl Clock for Boot {
    fn unix_us(&self) -> i64 {
        clock::unix_us()
    }

    fn mono(&self) -> Duration {
        self.elapsed()
    }
}

/// Writes entries of this broker's boot; cheap to clone.
#[derive(Clone)]
pub struct Journal {
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
    boot: Arc<str>,
}

/// By which way the actor came (the ledger's `via`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The control API and its pages.
    Http,
    /// The native listener, with a bearer token.
    Native,
    /// A command on the broker's own machine.
    Console,
}

impl Journal {
    /// A journal of the boot `boot`.
    #[must_use]
    pub fn new(recorder: Arc<dyn Recorder>, clock: Arc<dyn Clock>, boot: &str) -> Self {
        Self { recorder, clock, boot: boot.into() }
    }

    /// Makes one entry durable.
    ///
    /// # Errors
    /// [`Poisoned`] when it cannot be; what it tells of must then not happen.
    pub async fn record(&self, entry: Entry) -> Result<(), Poisoned> {
        let (address, via, bearer) = match (entry.origin, entry.via) {
            (Some(origin), Via::Http) => (origin.to_string(), "http", false),
            (Some(origin), Via::Native) => (origin.to_string(), "native", true),
            (_, Via::Console) => ("local".to_owned(), "console", false),
            (None, Via::Http | Via::Native) => ("local".to_owned(), "broker", false),
        };
        let time_us = entry.at_us.unwrap_or_else(|| self.clock.unix_us());
        let mono_us = u64::try_from(self.clock.mono().as_micros()).unwrap_or(u64::MAX);
        self.recorder
            .record(Envelope {
                v: ENVELOPE_VERSION,
                time_us,
                mono_us,
                boot: self.boot.to_string(),
                user: entry.user,
                origin: Origin { address, via: via.to_owned(), bearer },
                outcome: entry.outcome,
                affected: entry.affected,
                event: entry.event,
            })
            .await
    }
}

/// One entry to be written; the journal adds time and boot.
#[derive(Debug, Clone)]
pub struct Entry {
    user: User,
    origin: Option<SocketAddr>,
    via: Via,
    outcome: Outcome,
    affected: Vec<String>,
    event: Event,
    at_us: Option<i64>,
}

impl Entry {
    /// An entry of `user`, with success as outcome, that affects `affected`.
    #[must_use]
    pub fn new(user: User, affected: impl Into<String>, event: Event) -> Self {
        Self {
            user,
            origin: None,
            via: Via::Http,
            outcome: Outcome::Success,
            affected: vec![affected.into()],
            event,
            at_us: None,
        }
    }

    /// Came from `origin` over the control API.
    #[must_use]
    pub const fn from(mut self, origin: SocketAddr) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Came by `via`.
    #[must_use]
    pub const fn via(mut self, via: Via) -> Self {
        self.via = via;
        self
    }

    /// Failed or was refused.
    #[must_use]
    pub const fn failed(mut self) -> Self {
        self.outcome = Outcome::Failure;
        self
    }

    /// Happened at `at_us`, wall clock, rather than now.
    #[must_use]
    pub const fn at(mut self, at_us: i64) -> Self {
        self.at_us = Some(at_us);
        self
    }
}

/// The ledger's user of an authenticated principal.
#[must_use]
pub fn user_of(principal: &Principal) -> User {
    User {
        id: principal.id.clone(),
        kind: principal.kind.as_str().to_owned(),
        person_id: principal.person_id.clone(),
    }
}

/// The ledger's user of an act before authentication. A name that somebody typed is not written: people type passwords
/// into the wrong field.
#[must_use]
pub fn unknown_user() -> User {
    User { id: "unknown".to_owned(), kind: "user".to_owned(), person_id: None }
}

/// The ledger's user of the broker's own acts.
#[must_use]
pub fn broker_user() -> User {
    User { id: "broker".to_owned(), kind: "system".to_owned(), person_id: None }
}
