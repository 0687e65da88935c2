//! The running broker: build, listen, wait for a signal, drain.

mod accept;
mod administration;
pub mod door;
pub mod handshakes;
mod http;
mod lanes;
pub mod reload;
mod targets;
mod tls;
mod ways;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hoop_ledger::checkpoint::Origin;
use hoop_ledger::entry::{Event, Outcome};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::approval::Approvals;
use crate::clock::Boot;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::gateway::postgres::parser::Parser;
use crate::ledger::{self, Committer, Ledger, Poisoned};
use crate::metrics::Metrics;
use crate::notice::{Pace, Record, WebhookError, Webhooks};
use crate::scribe::Scribe;
use crate::session::{EndReason, Sessions};
use crate::signers::Signers;
use administration::{Administration, Desk};
pub use http::REFUSING;

use accept::Acceptor;
use door::Door;
use lanes::{Lanes, Listener};
use reload::PolicyError;

/// How often ends of sessions, the ledger's health and administrative changes are looked at.
const SWEEP: Duration = Duration::from_millis(250);

/// For how long a stop waits for the last notices.
const LAST_NOTICES: Duration = Duration::from_secs(3);

/// Why the broker cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener's address cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Threads, runtimes or signals.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] ledger::OpenError),
    /// The ledger's key.
    #[error(transparent)]
    Key(#[from] ledger::KeyError),
    /// The name of the broker cannot be a ledger's origin.
    #[error("the ledger's origin: {0}")]
    Origin(String),
    /// The start could not be recorded.
    #[error("the start cannot be recorded: {0}")]
    NotRecorded(#[from] Poisoned),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] tls::ServerTlsError),
    /// The embedded state.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A webhook.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Sign-in.
    #[error(transparent)]
    Identity(#[from] crate::identity::StartError),
    /// Others must approve what it would run with.
    #[error("configuration or policy is not what was approved last, and [administration] asks for that")]
    Unapproved,
}

/// What runs, besides the lanes.
struct Running {
    gateway: Arc<Gateway>,
    identity: crate::identity::Identity,
    targets: Arc<targets::Health>,
    scribe: Scribe,
    webhooks: Webhooks,
    /// Who may sign a policy, from the start to the end.
    signers: Option<Signers>,
    /// Who must approve changes, from the start to the end.
    administration: Option<Administration>,
    lanes: Lanes,
    draining: tokio::sync::watch::Sender<bool>,
}

/// Serves until a signal says stop, then drains. Its file is read again at SIGHUP. `unapproved`: also with what nobody
/// approved where that must be, which is recorded as a control that failed.
///
/// # Errors
/// [`ServeError`] when it cannot start, or the stop could not be recorded.
pub async fn serve(config: Config, unapproved: bool) -> Result<(), ServeError> {
    let config = Arc::new(config);
    // Before anything else: a signal during the start is a request to stop, not a kill.
    let signals = Signals::listen()?;
    let mut listeners = vec![(bind(config.listen)?, Listener::Https)];
    if let Some(address) = config.postgres_listen {
        listeners.push((bind(address)?, Listener::Native));
    }
    let (running, committer) = build(&config, unapproved)?;
    let policy = running.gateway.policy.load();
    let start = Event::BrokerStart {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sha256: config.sha256.clone(),
        policy_sha256: policy.set.hash().to_owned(),
        signers: policy.signed_by.clone(),
    };
    running.scribe.record(Outcome::Success, vec![config.name.clone()], start).await?;
    reload::record_modes(&running.scribe, &BTreeSet::new(), &policy.observed)?;
    if !administration::is_accepted(running.identity.store(), &config, policy.set.hash())? {
        let detail = "started with a configuration or policy that nobody approved".to_owned();
        let event = Event::ControlFailure { control: "administration".to_owned(), detail };
        running.scribe.record(Outcome::Failure, vec![config.name.clone()], event).await?;
        tracing::error!("configuration or policy is not what was approved last");
    }
    // Only now: what was not approved is in the ledger before it counts as what was.
    administration::begin(running.identity.store(), &config, policy.set.hash())?;
    drop(policy);
    tracing::info!(
        listen = %config.listen, native = ?config.postgres_listen, public_url = %config.public_url,
        "the broker serves"
    );
    let acceptor = Acceptor::start(listeners, &Door::new(&config.limits), &running.lanes.hands())?;
    let reason = run(&running, &config, signals).await;
    acceptor.stop().await;
    stop(running, committer, reason, config.limits.drain).await
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    accept::listen(address).map_err(|source| ServeError::Listen { address, source })
}

fn build(config: &Arc<Config>, unapproved: bool) -> Result<(Running, Committer), ServeError> {
    let boot = Arc::new(Boot::start());
    let key = ledger::load_signing_key(&config.ledger.key)?;
    let origin = Origin::parse(&config.ledger.origin).map_err(|e| ServeError::Origin(e.to_string()))?;
    let opened = Ledger::open(&config.ledger.dir, &key, &origin, &boot, config.ledger.durability)?;
    let ledger = opened.ledger;
    for envelope in opened.recovered.closing(&boot) {
        ledger.append(&envelope)?;
    }
    let metrics = Arc::new(Metrics::default());
    let scribe = Scribe::system(ledger.clone(), Arc::clone(&boot), "broker", None, "broker");
    let (notices, webhooks) =
        Webhooks::start(config, &Pace::default(), &metrics, &undelivered(scribe.clone()))?;
    let signers = reload::signers(config)?;
    let sessions = Arc::new(Sessions::new(config.limits.sessions, config.limits.sessions_per_principal));
    let gateway = Arc::new(Gateway {
        budgets: Arc::default(),
        seen: Arc::default(),
        targets: ArcSwap::from_pointee(config.targets.clone()),
        policy: Arc::new(ArcSwap::from_pointee(reload::policy(config, signers.as_ref(), 1)?)),
        ledger: ledger.clone(),
        boot: Arc::clone(&boot),
        sessions: Arc::clone(&sessions),
        approvals: Arc::new(Approvals::new(&config.limits, notices.clone())),
        cancel: crate::gateway::postgres::cancel::CancelKeys::default(),
        metrics: Arc::clone(&metrics),
        limits: config.limits.clone(),
        parser: Parser::start(config.limits.statement_bytes, config.limits.statement_depth)?,
    });
    let store = crate::store::Store::open(&config.state_dir.join(crate::store::STATE_FILE))?;
    let journal = crate::identity::audit::Journal::new(Arc::new(ledger.clone()), boot.clone(), boot.id());
    let identity = crate::identity::Identity::start(crate::identity::Parts {
        config: Arc::clone(config),
        store,
        sessions,
        journal,
        clock: boot.clone(),
        password_cost: crate::identity::PasswordCost::default(),
    })?;
    if !unapproved
        && !administration::is_accepted(identity.store(), config, gateway.policy.load().set.hash())?
    {
        return Err(ServeError::Unapproved);
    }
    let health = Arc::new(targets::Health::new(Arc::clone(&gateway)));
    let control = ways::control(&gateway, &identity, &health, &notices);
    let administration = Administration::of(config);
    let (draining, drain) = tokio::sync::watch::channel(false);
    let serve = ways::serve(&gateway, control, config, &drain)?;
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let lanes = Lanes::start(count, hoop_statement::STACK_BYTES, &serve)?;
    let running = Running {
        gateway,
        identity,
        targets: health,
        scribe,
        webhooks,
        signers,
        administration,
        lanes,
        draining,
    };
    Ok((running, opened.committer))
}

/// Writes into the ledger that notices were not delivered.
fn undelivered(scribe: Scribe) -> Record {
    Arc::new(move |detail| {
        let event = Event::ControlFailure { control: "webhook".to_owned(), detail };
        if scribe.append(Outcome::Failure, vec!["webhook".to_owned()], event).is_err() {
            tracing::error!("a notice that was not delivered could not be recorded");
        }
    })
}

/// Sweeps and reloads until a signal says stop; returns its name.
async fn run(running: &Running, config: &Arc<Config>, mut signals: Signals) -> &'static str {
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    running.targets.look_again();
    // Targets are of this one; all else of the one that it started with.
    let mut current = Arc::clone(config);
    loop {
        tokio::select! {
            _ = signals.term.recv() => return "SIGTERM",
            _ = signals.int.recv() => return "SIGINT",
            _ = signals.hup.recv() => {
                let reload = running.reload(&config.file, &mut current);
                running.watching(config, reload).await;
            }
            _ = sweep.tick() => running.sweep(config, &mut current).await,
        }
    }
}

/// The signals that the broker hears.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }
}

impl Running {
    /// Does `work`, which may wait for the ledger, and looks meanwhile whether the ledger still moves: a disk that
    /// hangs would otherwise stop the one who is to notice.
    async fn watching<T>(&self, config: &Config, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            self.gateway.ledger.give_up_after(config.limits.ledger_wait);
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
    }

    /// Reads configuration and policy again, and puts them into force, or holds them until others have approved them.
    async fn reload(&self, file: &Path, current: &mut Arc<Config>) {
        let signers = self.signers.as_ref();
        let Some(loaded) = reload::load(&self.gateway, &self.scribe, file, signers) else { return };
        let same = loaded.config.sha256 == current.sha256
            && loaded.policy.set.hash() == self.gateway.policy.load().set.hash();
        if let Some(administration) = self.administration.as_ref().filter(|_| !same) {
            if let Err(fault) = administration.hold_reload(self.desk(), current, loaded) {
                tracing::error!("reload refused, the old policy and targets stay in force: {fault}");
                reload::refused(&self.scribe, "refused: it cannot be held for an approval".to_owned());
            }
            return;
        }
        let config = Arc::clone(&loaded.config);
        if reload::put_in_force(&self.gateway, &self.scribe, loaded).await.is_ok() {
            *current = config;
        }
    }

    const fn desk(&self) -> Desk<'_> {
        Desk { gateway: &self.gateway, identity: &self.identity, scribe: &self.scribe }
    }

    async fn sweep(&self, config: &Config, current: &mut Arc<Config>) {
        if let Some(administration) = &self.administration {
            let swept = self.watching(config, administration.sweep(self.desk(), current)).await;
            if let Err(fault) = swept {
                tracing::error!("changes that wait for an approval: {fault}");
            }
        }
        if let Err(e) = self.watching(config, self.identity.sweep()).await {
            tracing::error!(error = %e, "the sweep failed");
        }
        for standing in self.gateway.approvals.sweep() {
            if self
                .scribe
                .append(Outcome::Success, vec![standing.asked.target.clone()], standing.ended())
                .is_err()
            {
                tracing::error!(approval = %standing.id, "the end of an approval could not be recorded");
            }
        }
        for (standing, rules) in self.gateway.approvals.to_escalate() {
            // Recorded first: who may decide is provable before they do.
            let entry = standing.escalation(&rules);
            match self.scribe.append(Outcome::Success, vec![standing.asked.target.clone()], entry) {
                Ok(_) => self.gateway.approvals.escalate(standing.id, rules),
                Err(_) => tracing::error!(approval = %standing.id, "an escalation could not be recorded"),
            }
        }
        self.targets.look_again();
    }
}

/// Stops in order: no new connections, open ones end at their next pause, the ledger is closed last.
async fn stop(
    running: Running,
    committer: Committer,
    reason: &str,
    limit: Duration,
) -> Result<(), ServeError> {
    tracing::info!(reason, "stopping");
    running.draining.send_replace(true);
    for session in running.gateway.sessions.list() {
        running.gateway.end_session(&session, EndReason::Shutdown);
    }
    running.lanes.drain(limit).await;
    running.webhooks.stop(LAST_NOTICES).await;
    let stopped = running.scribe.record(
        Outcome::Success,
        vec!["broker".to_owned()],
        Event::BrokerStop { reason: reason.to_owned() },
    );
    let recorded = stopped.await;
    committer.stop()?;
    recorded?;
    tracing::info!("stopped");
    Ok(())
}
