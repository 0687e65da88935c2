//! The running broker: build, listen, wait for a signal, drain.

pub mod handshakes;
mod http;
mod lanes;
pub mod reload;
mod targets;
mod tls;
mod ways;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hoop_ledger::checkpoint::Origin;
use hoop_ledger::entry::{Event, Outcome};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::Boot;
use crate::config::Config;
use crate::gate::Scribe;
use crate::gateway::Gateway;
use crate::gateway::postgres::parser::Parser;
use crate::ledger::{self, Committer, Ledger, Poisoned};
use crate::metrics::{Handshake, Metrics};
use crate::session::{EndReason, Sessions};
use handshakes::Handshakes;
use lanes::{Arrival, Lanes};
use reload::PolicyError;

/// How often ends of sessions, the ledger's health and administrative changes are looked at.
const SWEEP: Duration = Duration::from_millis(250);

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
    /// Sign-in.
    #[error(transparent)]
    Identity(#[from] crate::identity::StartError),
}

/// What runs, besides the lanes.
struct Running {
    gateway: Arc<Gateway>,
    identity: crate::identity::Identity,
    targets: Arc<targets::Health>,
    scribe: Scribe,
    lanes: Lanes,
    handshakes: Handshakes,
    draining: tokio::sync::watch::Sender<bool>,
}

/// Serves until a signal says stop, then drains. Its file is read again at SIGHUP.
///
/// # Errors
/// [`ServeError`] when it cannot start, or the stop could not be recorded.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let config = Arc::new(config);
    // Before anything else: a signal during the start is a request to stop, not a kill.
    let signals = Signals::listen()?;
    let listener = bind(config.listen).await?;
    let native = match config.postgres_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let (running, committer) = build(&config)?;
    let policy = running.gateway.policy.load();
    let start = Event::BrokerStart {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sha256: config.sha256.clone(),
        policy_sha256: policy.set.hash().to_owned(),
    };
    drop(policy);
    running.scribe.record(Outcome::Success, vec![config.name.clone()], start).await?;
    tracing::info!(
        listen = %listener.local_addr()?, native = ?native.as_ref().map(TcpListener::local_addr).transpose()?,
        public_url = %config.public_url, "the broker serves"
    );
    let reason = run(&running, &config, signals, &listener, native.as_ref()).await?;
    drop((listener, native));
    stop(running, committer, reason, config.limits.drain).await
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

fn build(config: &Arc<Config>) -> Result<(Running, Committer), ServeError> {
    let boot = Arc::new(Boot::start());
    let key = ledger::load_signing_key(&config.ledger.key)?;
    let origin = Origin::parse(&config.ledger.origin).map_err(|e| ServeError::Origin(e.to_string()))?;
    let opened = Ledger::open(&config.ledger.dir, &key, &origin, &boot, config.ledger.durability)?;
    let ledger = opened.ledger;
    for envelope in opened.recovered.closing(&boot) {
        ledger.append(&envelope)?;
    }
    let metrics = Arc::new(Metrics::default());
    let sessions = Arc::new(Sessions::new(config.limits.sessions, config.limits.sessions_per_principal));
    let gateway = Arc::new(Gateway {
        targets: ArcSwap::from_pointee(config.targets.clone()),
        policy: Arc::new(ArcSwap::from_pointee(reload::policy(config, 1)?)),
        ledger: ledger.clone(),
        boot: Arc::clone(&boot),
        sessions: Arc::clone(&sessions),
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
    let health = Arc::new(targets::Health::new(Arc::clone(&gateway)));
    let control = ways::control(&gateway, &identity, &health);
    let (draining, drain) = tokio::sync::watch::channel(false);
    let handshakes = Handshakes::new(config.limits.handshakes_per_address);
    let serve = ways::serve(&gateway, control, config, &drain)?;
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let lanes = Lanes::start(count, hoop_statement::STACK_BYTES, &serve)?;
    let scribe = Scribe::system(ledger, boot, "broker", None, "broker");
    Ok((
        Running { gateway, identity, targets: health, scribe, lanes, handshakes, draining },
        opened.committer,
    ))
}

/// Accepts, sweeps and reloads until a signal says stop; returns its name.
async fn run(
    running: &Running,
    config: &Config,
    mut signals: Signals,
    listener: &TcpListener,
    native: Option<&TcpListener>,
) -> Result<&'static str, ServeError> {
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    running.targets.look().await;
    loop {
        tokio::select! {
            _ = signals.term.recv() => return Ok("SIGTERM"),
            _ = signals.int.recv() => return Ok("SIGINT"),
            _ = signals.hup.recv() => {
                running.watching(config, reload::reload(&running.gateway, &running.scribe, &config.file)).await;
            }
            accepted = listener.accept() => hand(running, accepted, Arrival::Https),
            accepted = accept(native) => hand(running, accepted, Arrival::Native),
            _ = sweep.tick() => running.sweep(config).await,
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

async fn accept(listener: Option<&TcpListener>) -> io::Result<(tokio::net::TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

fn hand(
    running: &Running,
    accepted: io::Result<(tokio::net::TcpStream, SocketAddr)>,
    arrival: fn(std::net::TcpStream, SocketAddr, handshakes::Place) -> Arrival,
) {
    let (socket, address) = match accepted {
        Ok((socket, address)) => match socket.into_std() {
            Ok(socket) => (socket, address),
            Err(e) => return tracing::warn!(error = %e, "an accepted socket cannot be used"),
        },
        // Out of file descriptors, or the peer was gone at once: the next accept tells.
        Err(e) => return tracing::warn!(error = %e, "accept failed"),
    };
    match running.handshakes.enter(address.ip()) {
        Some(place) => running.lanes.hand(arrival(socket, address, place)),
        None => {
            running.gateway.metrics.handshake_failures(Handshake::Authentication).inc();
            tracing::warn!(%address, "too many sockets of this address have not signed in; one more is closed");
        }
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

    async fn sweep(&self, config: &Config) {
        if let Err(e) = self.watching(config, self.identity.sweep()).await {
            tracing::error!(error = %e, "the sweep failed");
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
