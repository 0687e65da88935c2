//! The watcher of one database: it lives as long as a connection does, looks at the catalogue every second and whenever
//! it is asked to, on a connection of its own.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::known::Known;
use super::shared::Shared;
use super::{EVERY, OLDEST};
use crate::config::{Limits, Target};
use crate::gateway::postgres::upstream::{self, Upstream, UpstreamError};

/// What a connection holds: the catalogue that is in force, and the watcher's life.
#[derive(Debug, Clone)]
pub struct Watched {
    shared: Arc<Shared>,
    lease: Arc<Lease>,
}

/// Ends with a look that began after it was asked for.
pub struct Refreshing(Pin<Box<dyn Future<Output = Result<(), UpstreamError>> + Send>>);

impl Future for Refreshing {
    type Output = Result<(), UpstreamError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for Refreshing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refreshing")
    }
}

/// The watcher's life: it is ended when the last connection lets go of it.
#[derive(Debug)]
pub struct Lease {
    asks: Arc<Asks>,
    watcher: JoinHandle<()>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

/// Asks for looks, and their ends.
#[derive(Debug)]
struct Asks {
    /// How many were made.
    made: AtomicU64,
    wake: Notify,
    ended: watch::Sender<Ended>,
}

/// The last look.
#[derive(Debug, Clone, Default)]
struct Ended {
    /// Asks that were made before it began.
    asks: u64,
    /// What a client may know of why it failed.
    failed: Option<Arc<UpstreamError>>,
}

impl Watched {
    /// Lets the watcher of `database` of `target` live on, or starts it.
    #[must_use]
    pub fn join(target: &Arc<Target>, database: &str, limits: &Limits) -> Self {
        let shared = Shared::of(target, database);
        let mut place = shared.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let lease = place.upgrade().filter(|lease| !lease.watcher.is_finished()).unwrap_or_else(|| {
            let lease = Arc::new(start(Arc::clone(target), Arc::clone(&shared), limits.clone()));
            *place = Arc::downgrade(&lease);
            lease
        });
        drop(place);
        Self { shared, lease }
    }

    /// The catalogue in force; `None` when no look has confirmed it for [`OLDEST`]: nothing may be let through then.
    #[must_use]
    pub fn in_force(&self) -> Option<Arc<Known>> {
        self.shared.in_force()
    }

    /// Asks for a look now. What is in force afterwards was read, or confirmed, after this call.
    #[must_use]
    pub fn refresh(&self) -> Refreshing {
        let lease = Arc::clone(&self.lease);
        let mine = lease.asks.made.fetch_add(1, Ordering::AcqRel) + 1;
        lease.asks.wake.notify_one();
        Refreshing(Box::pin(async move {
            let mut ended = lease.asks.ended.subscribe();
            loop {
                let last = ended.borrow_and_update().clone();
                if last.asks >= mine {
                    return last.failed.map_or(Ok(()), |e| Err(UpstreamError::Unread(e)));
                }
                if ended.changed().await.is_err() {
                    return Err(UpstreamError::Unfit("its catalogue is not watched any more".to_owned()));
                }
            }
        }))
    }
}

fn start(target: Arc<Target>, shared: Arc<Shared>, limits: Limits) -> Lease {
    let asks = Arc::new(Asks {
        made: AtomicU64::new(0),
        wake: Notify::new(),
        ended: watch::Sender::new(Ended::default()),
    });
    let watcher = tokio::spawn(watch(target, shared, limits, Arc::clone(&asks)));
    Lease { asks, watcher }
}

async fn watch(target: Arc<Target>, shared: Arc<Shared>, limits: Limits, asks: Arc<Asks>) {
    let mut upstream = None;
    loop {
        let before = asks.made.load(Ordering::Acquire);
        let looked = look(&target, &shared, &limits, &mut upstream).await;
        if let Err(e) = &looked {
            tracing::warn!(
                target = %target.name, database = shared.database(), error = %e,
                "the catalogue cannot be read; connections refuse statements {} s after the last look that went well",
                OLDEST.as_secs()
            );
        }
        asks.ended.send_replace(Ended { asks: before, failed: looked.err().map(Arc::new) });
        let asked = async {
            // What wakes may be an ask that the look has answered already.
            while asks.made.load(Ordering::Acquire) == before {
                asks.wake.notified().await;
            }
        };
        let _asked = tokio::time::timeout(EVERY, asked).await;
    }
}

/// One look, on a fresh connection when the one at hand fails: it may have been ended while nothing was asked.
async fn look(
    target: &Target,
    shared: &Shared,
    limits: &Limits,
    upstream: &mut Option<Upstream>,
) -> Result<(), UpstreamError> {
    if let Some(mut known) = upstream.take()
        && upstream::within(limits.upstream_connect, shared.look(&mut known, target)).await.is_ok()
    {
        *upstream = Some(known);
        return Ok(());
    }
    // `lock_timeout`: definitions are written under locks, and a table can be locked for as long as somebody likes.
    let settings =
        [("search_path", "pg_catalog"), ("lock_timeout", "300ms"), ("application_name", "hoop catalogue")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut fresh = upstream::connect(target, shared.database(), &settings, limits).await?;
    upstream::within(limits.upstream_connect, shared.look(&mut fresh, target)).await?;
    *upstream = Some(fresh);
    Ok(())
}
