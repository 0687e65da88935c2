//! The one copy of a database's catalogue that all connections to it share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Instant;

use arc_swap::ArcSwap;
use hoop_statement::closure::{Bindings, Closed, Configured, Snapshot};
use tokio::sync::oneshot;

use super::known::{Known, configured};
use super::watch::Lease;
use super::{OLDEST, read};
use crate::config::Target;
use crate::gateway::Targets;
use crate::gateway::postgres::upstream::{Upstream, UpstreamError};

/// The catalogue of one database, as it was read last.
#[derive(Debug)]
pub struct Shared {
    database: String,
    known: ArcSwap<Known>,
    /// When the last look that succeeded began, in [`now`]; 0 before the first.
    confirmed: AtomicU64,
    /// Written by the watcher, and read when a reload takes the bindings over; never held over an await.
    kept: Mutex<Kept>,
    /// What lets the watcher live; taken when a connection opens.
    pub(super) lease: Mutex<Weak<Lease>>,
}

/// What a look rests on.
#[derive(Debug, Clone, Default)]
struct Kept {
    bindings: Bindings,
    near: Vec<u32>,
    /// `None`: it has to be read.
    fingerprint: Option<String>,
}

/// Milliseconds of a clock that never goes back, from 1.
fn now() -> u64 {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(ORIGIN.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Shared {
    /// A copy of the catalogue of `database` that nothing was read for. What `bindings` say still holds.
    #[must_use]
    pub fn new(database: &str, bindings: Bindings) -> Self {
        Self {
            database: database.to_owned(),
            known: ArcSwap::default(),
            confirmed: AtomicU64::new(0),
            kept: Mutex::new(Kept { bindings, ..Kept::default() }),
            lease: Mutex::default(),
        }
    }

    /// The one copy for `database` of `target`.
    pub(super) fn of(target: &Target, database: &str) -> Arc<Self> {
        // Taken when a connection opens, never on the statement path.
        let mut all = target.shared.catalogs.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Self::new(database, Bindings::new()));
        Arc::clone(all.entry(database.to_owned()).or_insert_with(new))
    }

    /// Its name.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// What is in force; `None` when it was not confirmed for too long.
    pub(super) fn in_force(&self) -> Option<Arc<Known>> {
        let confirmed = self.confirmed.load(Ordering::Acquire);
        let oldest = u64::try_from(OLDEST.as_millis()).unwrap_or(u64::MAX);
        (confirmed > 0 && now().saturating_sub(confirmed) <= oldest).then(|| self.known.load_full())
    }

    /// Looks whether the catalogue has changed since the last look, and reads it if it has.
    ///
    /// # Errors
    /// [`UpstreamError`]: what was known stays as it was.
    pub(super) async fn look(&self, upstream: &mut Upstream, target: &Target) -> Result<(), UpstreamError> {
        let began = now();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let same = match &kept.fingerprint {
            Some(known) => read::fingerprint(upstream, &kept.near).await? == *known,
            None => false,
        };
        if !same {
            let configured = configured(target);
            let reading = read::read(upstream, &self.database, &configured, &kept.bindings).await?;
            let closed = close(reading.snapshot, configured, kept.bindings).await?;
            let bindings = closed.bindings.clone();
            self.take(target, closed);
            let fingerprint = Some(reading.fingerprint).filter(|_| !reading.partial);
            let kept = Kept { bindings, near: reading.near, fingerprint };
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        }
        self.confirmed.store(began, Ordering::Release);
        Ok(())
    }

    fn take(&self, target: &Target, closed: Closed) {
        let before = self.known.load_full();
        if before.says(&closed) {
            return;
        }
        for note in &closed.notes {
            if !before.notes.contains(note) {
                tracing::warn!(target = %target.name, database = %self.database, ?note, "classified columns");
            }
        }
        let version = before.version.saturating_add(1);
        tracing::info!(target = %target.name, database = %self.database, version, "catalogue read");
        self.known.store(Arc::new(Known::of(target, version, closed)));
    }
}

/// Closes the classification on a thread with a stack for the deepest of definitions.
async fn close(
    snapshot: Snapshot,
    configured: Vec<Configured>,
    bindings: Bindings,
) -> Result<Closed, UpstreamError> {
    let (done, closed) = oneshot::channel();
    std::thread::Builder::new().name("closure".to_owned()).stack_size(hoop_statement::STACK_BYTES).spawn(
        move || {
            // Whoever waited may be gone.
            let _unread = done.send(hoop_statement::closure::close(&snapshot, &configured, &bindings));
        },
    )?;
    closed.await.map_err(|_| UpstreamError::Unfit("its catalogue could not be understood".to_owned()))
}

/// Gives what the classified columns of `old` targets were found to be to the targets that take their place: a reload
/// must not make a renamed column plain.
pub fn carry_bindings(old: &Targets, new: &Targets) {
    for (name, target) in new {
        let Some(before) = old.get(name).filter(|before| before.address == target.address) else { continue };
        let before = before.shared.catalogs.lock().unwrap_or_else(PoisonError::into_inner);
        let carried: BTreeMap<_, _> = before
            .iter()
            .map(|(database, shared)| {
                let kept = shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
                (database.clone(), Arc::new(Shared::new(database, kept.bindings.clone())))
            })
            .collect();
        drop(before);
        target.shared.catalogs.lock().unwrap_or_else(PoisonError::into_inner).extend(carried);
    }
}
