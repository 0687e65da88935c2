//! Live sessions: one principal on one target under one access level, with an end time.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hoop_api::routes::SessionSummary;
use hoop_api::{AccessLevel, FindingId, SessionId, Untrusted};
use hoop_policy::Principal;
use tokio::sync::Notify;

use crate::clock;

/// One session. Shared by its connections, the API and the sweeper.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub principal: Arc<Principal>,
    /// Target name.
    pub target: String,
    /// Access level.
    pub level: AccessLevel,
    /// Why it was opened.
    pub reason: Untrusted,
    /// Where it was asked for.
    pub origin: SocketAddr,
    /// JWK thumbprint of the client's key; `None` for bearer sessions of the native listener.
    pub client_key: Option<String>,
    /// How long a held statement waits in its connection; zero: it is refused with the id of its approval.
    pub hold: Duration,
    /// Where the glass was broken for it.
    pub glass: Option<Glass>,
    /// Rules that hold such sessions and that an approval lifted for this one.
    pub lifted: BTreeSet<String>,
    /// Opened, Unix seconds.
    pub opened_at: i64,
    /// Ends at the latest, Unix seconds, for display; the deadline below decides.
    pub ends_at: i64,
    deadline: Instant,
    idle: Duration,
    started: Instant,
    last_use_ms: AtomicU64,
    connections: AtomicU32,
    statements: AtomicU64,
    /// Connections on which an answer is owed: a running statement is not idleness.
    busy: AtomicU32,
    told_masks: AtomicBool,
    ended: AtomicBool,
    end_reason: Mutex<Option<EndReason>>,
    end_notify: Notify,
}

/// A broken glass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glass {
    /// What others review.
    pub finding: FindingId,
    /// Whoever broke it signed in by an enrolment, and loses the session with it.
    pub enrolled: bool,
}

/// Why a session ended; the words of the ledger and of the client's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its time was up.
    Expired,
    /// No statement for too long.
    Idle,
    /// Its owner ended it.
    Closed,
    /// An administrator ended it, or the principal lost access.
    Revoked,
    /// The broker is stopping.
    Shutdown,
    /// Its only connection closed (single-use tokens).
    Disconnected,
    /// It broke the protocol or a pinned setting.
    Violation,
    /// What it did could not be recorded.
    NotRecorded,
}

impl EndReason {
    /// The word in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Closed => "closed",
            Self::Revoked => "revoked",
            Self::Shutdown => "shutdown",
            Self::Disconnected => "disconnected",
            Self::Violation => "violation",
            Self::NotRecorded => "not recorded",
        }
    }
}

/// What [`Sessions::open`] needs.
#[derive(Debug)]
pub struct NewSession {
    /// Whose it is.
    pub principal: Arc<Principal>,
    /// Target name.
    pub target: String,
    /// Access level.
    pub level: AccessLevel,
    /// Why.
    pub reason: Untrusted,
    /// Where it was asked for.
    pub origin: SocketAddr,
    /// JWK thumbprint of the client's key, or `None` for bearer.
    pub client_key: Option<String>,
    /// Life, already capped.
    pub ttl: Duration,
    /// Idle limit.
    pub idle: Duration,
    /// How long a held statement waits in its connection.
    pub hold: Duration,
    /// Where the glass is broken for it.
    pub glass: Option<Glass>,
    /// Rules that an approval lifts for it.
    pub lifted: BTreeSet<String>,
}

/// All live sessions of this broker.
#[derive(Debug)]
pub struct Sessions {
    // One lock for opening, listing and ending; the statement path holds its own `Arc<Session>` and never comes here.
    live: Mutex<HashMap<SessionId, Arc<Session>>>,
    max: usize,
    max_per_principal: usize,
}

/// Too many sessions are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// On the broker.
    #[error("the broker has {0} sessions open, its limit")]
    Broker(usize),
    /// Of this principal.
    #[error("you have {0} sessions open, the limit")]
    Principal(usize),
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(max: usize, max_per_principal: usize) -> Self {
        Self { live: Mutex::default(), max, max_per_principal }
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Arc<Session>>> {
        // The map is valid after any panic: every change to it is one insert or remove.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`TooMany`] at a limit.
    pub fn open(&self, new: NewSession) -> Result<Arc<Session>, TooMany> {
        let mut live = self.live();
        if live.len() >= self.max {
            return Err(TooMany::Broker(self.max));
        }
        if live.values().filter(|s| s.principal.id == new.principal.id).count() >= self.max_per_principal {
            return Err(TooMany::Principal(self.max_per_principal));
        }
        let now = Instant::now();
        let opened_at = clock::unix_s();
        let session = Arc::new(Session {
            id: SessionId::from_parts(clock::unix_ms(), rand::random()),
            principal: new.principal,
            target: new.target,
            level: new.level,
            reason: new.reason,
            origin: new.origin,
            client_key: new.client_key,
            hold: new.hold,
            glass: new.glass,
            lifted: new.lifted,
            opened_at,
            ends_at: opened_at.saturating_add_unsigned(new.ttl.as_secs()),
            deadline: now + new.ttl,
            idle: new.idle,
            started: now,
            last_use_ms: AtomicU64::new(0),
            connections: AtomicU32::new(0),
            statements: AtomicU64::new(0),
            busy: AtomicU32::new(0),
            told_masks: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            end_reason: Mutex::new(None),
            end_notify: Notify::new(),
        });
        live.insert(session.id, Arc::clone(&session));
        Ok(session)
    }

    /// A live session by id.
    #[must_use]
    pub fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.live().get(&id).cloned()
    }

    /// All live sessions, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Session>> {
        let mut all: Vec<_> = self.live().values().cloned().collect();
        all.sort_by_key(|s| s.id);
        all
    }

    /// Ends a session once: marks it, wakes its connections and takes it out of the table. Returns it when this call
    /// ended it, so that exactly one caller writes the entry.
    pub fn end(&self, id: SessionId, reason: EndReason) -> Option<Arc<Session>> {
        let session = self.live().remove(&id)?;
        session.mark_ended(reason);
        Some(session)
    }

    /// Sessions whose time or idle limit has passed now.
    #[must_use]
    pub fn due(&self) -> Vec<(SessionId, EndReason)> {
        self.live().values().filter_map(|s| s.due().map(|r| (s.id, r))).collect()
    }
}

impl Session {
    fn mark_ended(&self, reason: EndReason) {
        *self.end_reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        self.ended.store(true, Ordering::Release);
        self.end_notify.notify_waiters();
    }

    /// True the first time: the session is to be told what masks mean.
    pub fn tell_masks(&self) -> bool {
        !self.told_masks.swap(true, Ordering::Relaxed)
    }

    /// Why it ended, `None` while it lives.
    #[must_use]
    pub fn ended(&self) -> Option<EndReason> {
        if !self.ended.load(Ordering::Acquire) {
            return self.due();
        }
        *self.end_reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once [`Sessions::end`] has ended it: one load, for the hot path.
    #[must_use]
    pub fn is_marked_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Completes when the session is ended by [`Sessions::end`].
    pub async fn wait_end(&self) -> EndReason {
        loop {
            let notified = self.end_notify.notified();
            if let Some(reason) = self.ended() {
                return reason;
            }
            notified.await;
        }
    }

    fn due(&self) -> Option<EndReason> {
        let now = Instant::now();
        if now >= self.deadline {
            return Some(EndReason::Expired);
        }
        if self.busy.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let last = self.started + Duration::from_millis(self.last_use_ms.load(Ordering::Relaxed));
        (now.saturating_duration_since(last) >= self.idle).then_some(EndReason::Idle)
    }

    /// Notes activity: a statement, not a mere open connection.
    pub fn touch(&self) {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_use_ms.store(ms, Ordering::Relaxed);
    }

    /// A connection of the session began or ceased to wait for an answer.
    pub fn set_busy(&self, busy: bool) {
        if busy {
            self.busy.fetch_add(1, Ordering::Relaxed);
        } else {
            self.touch();
            self.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts a statement.
    pub fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a place for one more connection, up to `max`.
    #[must_use]
    pub fn connect(&self, max: usize) -> bool {
        self.connections
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| ((n as usize) < max).then_some(n + 1))
            .is_ok()
    }

    /// Gives the place back; returns how many are left.
    pub fn disconnect(&self) -> u32 {
        self.connections.fetch_sub(1, Ordering::AcqRel).saturating_sub(1)
    }

    /// Statements so far.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// As the API lists it.
    #[must_use]
    pub fn summary(&self) -> SessionSummary {
        SessionSummary {
            id: self.id,
            principal: self.principal.id.clone(),
            target: self.target.clone(),
            level: self.level,
            reason: self.reason.clone(),
            opened_at: self.opened_at,
            ends_at: self.ends_at,
            idle_s: self.idle.as_secs(),
            connections: self.connections.load(Ordering::Relaxed),
            statements: self.statements(),
            finding: self.glass.map(|glass| glass.finding),
        }
    }
}
