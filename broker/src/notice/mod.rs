//! Notices of approvals and findings by webhook, as Standard Webhooks 1.0.0 lays them out: what is asked for, decided, used or ended
//! is told to whoever the configuration names. Notices only tell: nothing that comes back is read but its status.
//!
//! [`Notices`] is the side of the approvals, which waits for nothing: a notice goes into the queue of each webhook, or is
//! dropped where that is full. Each webhook has one courier, a task that sends what is in its queue; [`Webhooks`] owns
//! them all.

mod body;
mod courier;
mod pace;
mod sign;

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::approval::Standing;
use crate::clock;
use crate::config::{Config, Fault, Webhook};
use crate::finding::Finding;
use crate::metrics::{Metrics, NoticeEnd};

use courier::Hook;
pub use pace::Pace;
use sign::Key;

/// Notices that wait for one courier; beyond them the newest is dropped.
const QUEUE: usize = 1024;

/// Why a webhook cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("webhook `{name}`: {detail}")]
pub struct WebhookError {
    name: String,
    detail: String,
}

/// Takes down that notices were not delivered: which, and why.
pub type Record = Arc<dyn Fn(String) + Send + Sync>;

/// One change of an approval or a finding, to be told.
#[derive(Debug)]
struct Notice {
    /// The same for every try and every webhook, so that a receiver can tell what it has already.
    id: String,
    /// When it changed, microseconds since the Unix epoch.
    at_us: i64,
    matter: Matter,
}

/// What is told.
#[derive(Debug)]
enum Matter {
    Approval(Standing),
    Finding(Finding),
}

impl std::fmt::Display for Matter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Approval(standing) => write!(f, "{} is {}", standing.id, standing.state.as_str()),
            Self::Finding(finding) if finding.is_closed() => write!(f, "{} is closed", finding.id),
            Self::Finding(finding) => write!(f, "{} is open", finding.id),
        }
    }
}

#[derive(Debug)]
struct Line {
    hook: Arc<Hook>,
    queue: mpsc::Sender<Arc<Notice>>,
}

/// Where changes of approvals are told; to nobody by default.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<[Line]>);

impl Notices {
    /// Tells how an approval stands since just now. Waits for nothing.
    pub fn tell(&self, standing: &Standing) {
        self.send(|| Matter::Approval(standing.clone()));
    }

    /// Tells of a finding, as it is since just now. Waits for nothing.
    pub fn alarm(&self, finding: &Finding) {
        self.send(|| Matter::Finding(finding.clone()));
    }

    fn send(&self, matter: impl FnOnce() -> Matter) {
        if self.0.is_empty() {
            return;
        }
        let id = format!("msg_{}", ulid::Ulid::from_parts(clock::unix_ms(), rand::random()));
        let notice = Arc::new(Notice { id, at_us: clock::unix_us(), matter: matter() });
        for Line { hook, queue } in self.0.iter() {
            hook.take();
            if queue.try_send(Arc::clone(&notice)).is_err() {
                hook.done(NoticeEnd::Dropped);
                hook.fail(&format!("too many notices wait; that {} is dropped", notice.matter));
            }
        }
    }
}

/// The couriers of all webhooks.
#[derive(Debug)]
pub struct Webhooks {
    couriers: JoinSet<()>,
    hooks: Vec<Arc<Hook>>,
    stopping: watch::Sender<bool>,
}

impl Webhooks {
    /// Starts a courier a webhook of `config`, on the current runtime.
    ///
    /// # Errors
    /// [`WebhookError`] when a secret cannot be used, or there is no HTTP client.
    pub fn start(
        config: &Config,
        pace: &Pace,
        metrics: &Arc<Metrics>,
        record: &Record,
    ) -> Result<(Notices, Self), WebhookError> {
        let (stopping, stop) = watch::channel(false);
        let mut couriers = JoinSet::new();
        let (mut hooks, mut lines) = (Vec::new(), Vec::new());
        for webhook in &config.webhooks {
            let hook =
                Hook::new(webhook, key(webhook)?, pace.clone(), Arc::clone(metrics), Arc::clone(record))
                    .map_err(|detail| WebhookError { name: webhook.name.clone(), detail })?;
            let hook = Arc::new(hook);
            let (queue, waiting) = mpsc::channel(QUEUE);
            couriers.spawn(courier::run(Arc::clone(&hook), waiting, stop.clone()));
            hooks.push(Arc::clone(&hook));
            lines.push(Line { hook, queue });
        }
        Ok((Notices(lines.into()), Self { couriers, hooks, stopping }))
    }

    /// Gives what waits one more try, within `limit`, and takes down what is left then.
    pub async fn stop(mut self, limit: Duration) {
        self.stopping.send_replace(true);
        let all = async { while self.couriers.join_next().await.is_some() {} };
        let _late = tokio::time::timeout(limit, all).await;
        self.couriers.shutdown().await;
        self.hooks.iter().for_each(|hook| hook.abandon());
    }
}

/// What a webhook's notices are signed with, as it is now.
fn key(webhook: &Webhook) -> Result<Key, WebhookError> {
    let fault = |detail| WebhookError { name: webhook.name.clone(), detail };
    let secret = webhook.secret.read().map_err(|e| fault(format!("the secret: {e}")))?;
    Key::parse(secret.expose_secret()).map_err(|e| fault(format!("the secret {e}")))
}

/// Secrets of webhooks that cannot be used, as faults of the configuration.
#[must_use]
pub fn check(config: &Config) -> Vec<Fault> {
    let hint = "write `whsec_` and base64 of 24 random bytes or more, such as of `openssl rand -base64 32`";
    let faults = config.webhooks.iter().filter_map(|webhook| key(webhook).err());
    faults.map(|e| Fault::new(e.to_string()).hint(hint)).collect()
}

#[cfg(test)]
mod tests;
