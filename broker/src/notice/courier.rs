//! Brings the notices of one webhook there, each by itself: one that has to be tried again holds up no other.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{StatusCode, header};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::pace::Pace;
use super::sign::Key;
use super::{Notice, Record};
use crate::config::Webhook;
use crate::metrics::{Metrics, NoticeEnd};
use crate::{clock, outbound};

/// Notices under way to one webhook at once; others wait in its queue.
const UNDER_WAY: usize = 64;

/// One webhook. Its `Debug` has its name only.
pub(super) struct Hook {
    name: String,
    url: reqwest::Url,
    key: Key,
    statements: bool,
    pace: Pace,
    client: reqwest::Client,
    metrics: Arc<Metrics>,
    record: Record,
    /// Notices told and not done with.
    open: AtomicU64,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hook").field(&self.name).finish()
    }
}

/// Why a try failed. Names neither URL nor secret.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// It did not get there, or no answer came.
    #[error("{0}")]
    Unsent(String),
    /// The answer is no.
    #[error("the receiver answers {0}")]
    Status(StatusCode),
}

impl Fault {
    fn of(error: reqwest::Error) -> Self {
        // The path of a URL can be a secret.
        let error = error.without_url();
        let (mut said, mut cause) = (error.to_string(), error.source());
        while let Some(deeper) = cause {
            let _ = write!(said, ": {deeper}");
            cause = deeper.source();
        }
        Self::Unsent(said)
    }

    /// False when the same notice may be taken later.
    fn is_final(&self) -> bool {
        match self {
            Self::Unsent(_) => false,
            Self::Status(status) => {
                !status.is_server_error()
                    && *status != StatusCode::REQUEST_TIMEOUT
                    && *status != StatusCode::TOO_MANY_REQUESTS
            }
        }
    }
}

impl Hook {
    pub(super) fn new(
        webhook: &Webhook,
        key: Key,
        pace: Pace,
        metrics: Arc<Metrics>,
        record: Record,
    ) -> Result<Self, String> {
        Ok(Self {
            name: webhook.name.clone(),
            url: reqwest::Url::parse(&webhook.url).map_err(|e| format!("the URL: {e}"))?,
            key,
            statements: webhook.statements,
            client: outbound::client(&webhook.url, pace.patience)?,
            pace,
            metrics,
            record,
            open: AtomicU64::new(0),
        })
    }

    /// One notice more.
    pub(super) fn take(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// One notice less.
    pub(super) fn done(&self, how: NoticeEnd) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.metrics.notices(how).inc();
    }

    /// Takes down what nobody will deliver any more, as the courier has ended.
    pub(super) fn abandon(&self) {
        let left = self.open.swap(0, Ordering::Relaxed);
        if left > 0 {
            self.metrics.notices(NoticeEnd::Failed).add(left);
            self.fail(&format!("{left} notices were not delivered, as the broker stopped"));
        }
    }

    /// Logs and takes down what did not get there.
    pub(super) fn fail(&self, what: &str) {
        tracing::error!(webhook = self.name, "{what}");
        (self.record)(format!("webhook `{}`: {what}", self.name));
    }

    async fn attempt(&self, id: &str, body: &Bytes) -> Result<(), Fault> {
        let at_s = clock::unix_s();
        let request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("hoop-broker/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", at_s)
            .header("webhook-signature", self.key.sign(id, at_s, body))
            .body(body.clone());
        let answer = request.send().await.map_err(Fault::of)?;
        if answer.status().is_success() { Ok(()) } else { Err(Fault::Status(answer.status())) }
    }

    async fn deliver(self: Arc<Self>, notice: Arc<Notice>, mut stopping: watch::Receiver<bool>) {
        let Notice { id, matter, .. } = &*notice;
        let body = match notice.body(self.statements) {
            Ok(body) => Bytes::from(body),
            Err(fault) => {
                self.done(NoticeEnd::Failed);
                return self.fail(&format!("notice {id} that {matter} cannot be written: {fault}"));
            }
        };
        let mut tried = 0;
        let fault = loop {
            tried += 1;
            let Err(fault) = self.attempt(id, &body).await else {
                tracing::debug!(webhook = self.name, notice = id, tried, "a notice is delivered");
                return self.done(NoticeEnd::Delivered);
            };
            if fault.is_final() || tried >= self.pace.tries {
                break fault;
            }
            tracing::warn!(webhook = self.name, notice = id, tried, "a notice is tried again: {fault}");
            tokio::select! {
                () = tokio::time::sleep(self.pace.pause(tried, rand::random())) => {}
                _ = stopping.wait_for(|stopping| *stopping) => break fault,
            }
        };
        self.done(NoticeEnd::Failed);
        self.fail(&format!("notice {id} that {matter} was not delivered, tries {tried}: {fault}"));
    }
}

/// Delivers what is in `queue` until nobody can put anything there any more, or the broker stops.
pub(super) async fn run(
    hook: Arc<Hook>,
    mut queue: mpsc::Receiver<Arc<Notice>>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            _ = under_way.join_next(), if !under_way.is_empty() => {}
            notice = queue.recv(), if under_way.len() < UNDER_WAY => match notice {
                Some(notice) => {
                    under_way.spawn(Arc::clone(&hook).deliver(notice, stopping.clone()));
                }
                None => break,
            },
            _ = stopping.changed(), if !queue.is_closed() => queue.close(),
        }
    }
    while under_way.join_next().await.is_some() {}
}
