//! One connection of a session, from its start-up packet to its last entry.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hoop_api::ConnectionId;
use hoop_ledger::entry::{Event, Outcome};
use hoop_pgwire::backend::{BackendKeyData, TransactionStatus, encode};
use hoop_pgwire::startup::{Parameters, ProtocolVersion};
use hoop_pgwire::{CancelKey, WireError};
use hoop_policy::Via;
use tokio::io::AsyncWriteExt as _;

use super::bounds::Canceller;
use super::cancel::{Backend, IssuedKey};
use super::catalogue::{self, Catalog};
use super::conversation::{Conversation, End, Parts};
use super::definitions::Reader;
use super::hold::Holding;
use super::judge::Judge;
use super::past::Past;
use super::pipe::Pipe;
use super::refusal::{fatal, not_recorded, session_ended};
use super::relay::Relay;
use super::startup::{self, StartupRefused};
use super::stream::Stream;
use super::upstream::{self, Upstream};
use crate::clock;
use crate::config::Target;
use crate::gate::Gate;
use crate::gateway::Gateway;
use crate::metrics::{Direction, Way};
use crate::scribe::Scribe;
use crate::session::{EndReason, Session};

/// Time for last words to a client that may not be reading.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often in `limits.dead_peer` it is looked whether both sides answer.
const LOOKS: u32 = 4;

/// A client that has been authenticated and asked for a connection.
#[derive(Debug)]
pub struct Arrived {
    /// Its transport.
    pub stream: Stream,
    /// What it sent after the start-up packet.
    pub rest: Vec<u8>,
    /// Its session.
    pub session: Arc<Session>,
    /// Its start-up parameters.
    pub parameters: Parameters,
    /// The protocol version that it asked for.
    pub version: ProtocolVersion,
    /// From where.
    pub address: SocketAddr,
    /// By which way.
    pub via: Via,
}

/// Serves one connection. All that ends it is recorded and told to the client.
pub async fn serve(gateway: &Arc<Gateway>, mut arrived: Arrived) {
    let session = Arc::clone(&arrived.session);
    let place = Place::take(&session, gateway.limits.connections_per_session);
    let opened = match &place {
        // Boxed: what opening needs is given back before the connection, which may live for hours, begins.
        Some(_) => Box::pin(open(gateway, &arrived)).await,
        None => Err(Unopened {
            message: fatal(
                "53300",
                "the session has too many connections open",
                "close one, or raise `limits.connections_per_session`",
            ),
            reason: "too many connections",
        }),
    };
    match opened {
        Ok(opened) => run(gateway, arrived, opened).await,
        Err(unopened) => {
            tracing::info!(session = %session.id, reason = unopened.reason, "connection refused");
            let say = async {
                arrived.stream.write_all(&unopened.message).await?;
                arrived.stream.shutdown().await
            };
            if !matches!(tokio::time::timeout(FAREWELL, say).await, Ok(Ok(()))) {
                tracing::debug!("the client did not wait for its refusal");
            }
        }
    }
    drop(place);
}

/// A place among the session's connections.
struct Place(Arc<Session>);

impl Place {
    fn take(session: &Arc<Session>, max: usize) -> Option<Self> {
        session.connect(max).then(|| Self(Arc::clone(session)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.disconnect();
    }
}

struct Unopened {
    message: Vec<u8>,
    reason: &'static str,
}

impl From<StartupRefused> for Unopened {
    fn from(r: StartupRefused) -> Self {
        Self { message: fatal(r.sqlstate, &r.message, &r.hint), reason: "start-up packet" }
    }
}

struct Opened {
    id: ConnectionId,
    target: Arc<Target>,
    upstream: Upstream,
    catalog: Catalog,
    scribe: Scribe,
    key: IssuedKey,
    past: Past,
    definitions: Reader,
}

async fn open(gateway: &Arc<Gateway>, arrived: &Arrived) -> Result<Opened, Unopened> {
    let session = &arrived.session;
    if let Some(reason) = session.ended() {
        return Err(Unopened { message: session_ended(reason, &session.target), reason: "session ended" });
    }
    let target = gateway.target(&session.target).ok_or_else(|| Unopened {
        message: fatal("08004", "the target is not configured any more", "see hoopctl targets"),
        reason: "target gone",
    })?;
    let wishes = startup::read(arrived.parameters.iter())?;
    let database = startup::allowed_database(&wishes, &target)?;
    let (upstream, catalog) = catalogue::reach(&target, &database, &wishes.settings, &gateway.limits)
        .await
        .map_err(|e| unreachable(&target, &e))?;
    let id = ConnectionId::from_parts(clock::unix_ms(), rand::random());
    let scribe = gateway.scribe(session, arrived.address, arrived.via.as_str(), session.client_key.is_none());
    let event = Event::Connection {
        session: session.id.to_string(),
        connection: id.to_string(),
        client: startup::harmless_name(wishes.application.raw()),
        upstream_tls: upstream.protection(),
        downstream_tls: arrived.stream.protection(),
    };
    let recorded = tokio::time::timeout(
        gateway.limits.ledger_wait,
        scribe.record(Outcome::Success, vec![target.name.clone(), database.clone()], event),
    );
    if !matches!(recorded.await, Ok(Ok(_))) {
        return Err(Unopened { message: not_recorded(), reason: "ledger" });
    }
    let (pid, secret) = upstream.key.clone().unwrap_or_default();
    let backend = Backend { target: Arc::clone(&target), pid, secret, session: session.id, connection: id };
    let key = gateway.cancel.issue(backend);
    let past = Past::new(&database, &wishes.settings);
    let definitions = Reader::of(&target, &database, wishes.settings, &gateway.limits);
    Ok(Opened { id, target, upstream, catalog, scribe, key, past, definitions })
}

fn unreachable(target: &Target, e: &upstream::UpstreamError) -> Unopened {
    tracing::warn!(target = %target.name, error = %e, "the target cannot be used");
    let (sqlstate, message) = e.for_client();
    let hint = "the broker's log has the reason; `hoop-broker check` tries the target";
    Unopened { message: fatal(sqlstate, &message, hint), reason: "target" }
}

async fn run(gateway: &Arc<Gateway>, arrived: Arrived, opened: Opened) {
    let Opened { id, target, upstream, catalog, scribe, key, past, definitions } = opened;
    let session = arrived.session;
    let greeting = greeting(&upstream, &key, arrived.version);
    let Ok(gate) = Gate::new(scribe, session.id, id, target.name.clone()) else {
        tracing::error!(connection = %id, "the entries of a connection could not be written; it is closed");
        return;
    };
    let mut judge = Judge::new(gateway, &session, &target, &catalog, arrived.via);
    let revealed = judge.revealed();
    let classes = match revealed.is_empty() {
        true => catalog.classes,
        false => Arc::new(catalog.classes.revealing(revealed.into_iter())),
    };
    let parts = Parts {
        gate,
        judge,
        session: Arc::clone(&session),
        metrics: Arc::clone(&gateway.metrics),
        classes,
        canceller: canceller(gateway, &key, &session),
        holding: Holding::of(gateway, &session, arrived.address, past, definitions),
    };
    let mut talk = Conversation::new(parts, &gateway.limits);
    let (up, rest) = upstream.into_stream();
    let mut relay = Relay {
        down: arrived.stream,
        up,
        inbound: Pipe::new(gateway.limits.buffer_bytes),
        answer: Pipe::new(gateway.limits.buffer_bytes),
        inbound_watch: gateway.ledger.watcher(),
        answer_watch: gateway.ledger.watcher(),
    };
    relay.inbound.preload(&arrived.rest);
    relay.answer.preload(&rest);
    // Given back now and not at the end of the connection, which may live for hours.
    drop((rest, arrived.rest, arrived.parameters));
    let way = match arrived.via {
        Via::Tunnel => Way::Tunnel,
        Via::Native => Way::Native,
    };
    gateway.metrics.connections(way).inc();
    let end = match greeting {
        Ok(greeting) => {
            relay.answer.insert(&greeting);
            run_while_alive(&mut relay, &mut talk, &session, gateway.limits.dead_peer).await
        }
        Err(e) => End::ClientFault(e),
    };
    gateway.metrics.connections_closed(way).inc();
    gateway.metrics.bytes(Direction::ToClient).add(relay.answer.written);
    gateway.metrics.bytes(Direction::ToTarget).add(relay.inbound.written);
    // Open statements get their last entry before the client hears why.
    let (released, mid_frame) = (talk.is_released(), talk.is_mid_frame());
    let running = !talk.is_idle();
    talk.finish();
    if running {
        stop_statement(gateway, &key, &session, &end).await;
    }
    part(&mut relay, &end, &target.name, released, mid_frame).await;
    let reason = end.reason();
    tracing::info!(session = %session.id, connection = %id, reason, "connection closed");
    let event = Event::ConnectionEnd { connection: id.to_string(), reason: reason.to_owned() };
    if talk.gate().scribe().append(Outcome::Success, vec![target.name.clone()], event).is_err() {
        tracing::error!(connection = %id, "the end of a connection could not be recorded");
    }
    end_session_after(gateway, &session, &end);
    drop(key);
}

/// How long after a request to cancel the next is made, and how long one may take: what it is to end can keep the whole
/// machine busy.
const CANCEL_AGAIN: Duration = Duration::from_secs(1);
const CANCEL_WITHIN: Duration = Duration::from_secs(10);

/// Cancels what runs on the connection with this key.
fn canceller(gateway: &Arc<Gateway>, key: &IssuedKey, session: &Session) -> Canceller {
    let backend = gateway.cancel.find(key.pid, &key.secret, Some(session.id));
    Canceller::new(move || {
        let backend = backend.clone();
        Box::pin(async move {
            let Some(backend) = backend else { return };
            if let Err(e) = upstream::cancel(&backend.target, backend.pid, &backend.secret, CANCEL_WITHIN).await
            {
                tracing::warn!(target = %backend.target.name, error = %e, "a statement could not be cancelled");
            }
        })
    })
    .again_after(CANCEL_AGAIN)
}

/// Runs the connection, and looks at times whether both machines are still there: no socket becomes readable when one
/// is not.
async fn run_while_alive(
    relay: &mut Relay,
    talk: &mut Conversation,
    session: &Arc<Session>,
    dead_peer: Duration,
) -> End {
    loop {
        match tokio::time::timeout(dead_peer / LOOKS, relay.run(talk, session)).await {
            Ok(end) => return end,
            Err(_) if relay.down.is_unanswered(dead_peer) => return End::ClientGone,
            Err(_) if relay.up.is_unanswered(dead_peer) => return End::TargetGone,
            Err(_) => {}
        }
    }
}

/// Ends the session where the end of one connection says that none of it may go on.
fn end_session_after(gateway: &Gateway, session: &Session, end: &End) {
    match end {
        End::Unpinned(_) => gateway.end_session(session, EndReason::Violation),
        End::NotRecorded => gateway.end_session(session, EndReason::NotRecorded),
        End::ClientGone
        | End::TargetGone
        | End::Session(_)
        | End::ClientFault(_)
        | End::OutOfPlace(_)
        | End::TargetFault(_) => {}
    }
}

/// Cancels what still runs on the target for a connection that was cut: closing the socket alone would let it go on.
async fn stop_statement(gateway: &Gateway, key: &IssuedKey, session: &Session, end: &End) {
    match end {
        End::Session(_)
        | End::NotRecorded
        | End::ClientFault(_)
        | End::OutOfPlace(_)
        | End::TargetFault(_)
        | End::Unpinned(_) => {}
        // A client that leaves lets its statement run on, as without a gateway; a target that is gone runs nothing.
        End::ClientGone | End::TargetGone => return,
    }
    let Some(backend) = gateway.cancel.find(key.pid, &key.secret, Some(session.id)) else { return };
    if let Err(e) = upstream::cancel(&backend.target, backend.pid, &backend.secret, FAREWELL).await {
        tracing::warn!(target = %backend.target.name, error = %e, "a cut statement could not be cancelled");
    }
}

/// Last words to both sides, within [`FAREWELL`].
async fn part(relay: &mut Relay, end: &End, target: &str, released: bool, mid_frame: bool) {
    let message = match end {
        // A message in the middle of a row would be taken for data.
        _ if mid_frame => Vec::new(),
        End::ClientGone => Vec::new(),
        End::Session(reason) => session_ended(*reason, target),
        End::NotRecorded => not_recorded(),
        End::TargetGone => fatal(
            "08006",
            "the target closed the connection; what it did with an unanswered statement is not known",
            "look at the data before you send the statement again",
        ),
        End::ClientFault(e) => fatal(
            e.sqlstate().as_str(),
            &format!("the gateway cannot follow the client: {e}"),
            "the connection is closed; this is a fault of the client or of the line",
        ),
        End::OutOfPlace(message) => fatal(
            "08P01",
            &format!("the message {message} has no place here"),
            "the connection is closed; this is a fault of the client",
        ),
        End::TargetFault(what) => fatal("08P01", what, "the connection is closed; the broker's log has more"),
        End::Unpinned(setting) => fatal(
            "42501",
            &format!("the session ended: the setting `{setting}` changed, and judging rests on it"),
            "leave it as it is",
        ),
    };
    let say = async {
        relay.farewell(&message, released).await;
        relay.leave_target().await;
    };
    if tokio::time::timeout(FAREWELL, say).await.is_err() {
        tracing::debug!("a side did not take its last message in time");
    }
}

impl End {
    /// The word in the ledger and the log.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::ClientGone => "client closed",
            Self::TargetGone => "target closed",
            Self::Session(reason) => reason.as_str(),
            Self::NotRecorded => "not recorded",
            Self::ClientFault(_) => "client fault",
            Self::OutOfPlace(_) => "message out of place",
            Self::TargetFault(_) => "target fault",
            Self::Unpinned(_) => "pinned setting changed",
        }
    }
}

/// AuthenticationOk, the target's settings, our cancel key, ReadyForQuery.
fn greeting(upstream: &Upstream, key: &IssuedKey, version: ProtocolVersion) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(512);
    if version.minor > 0 {
        encode::negotiate_protocol_version(&mut out, ProtocolVersion::V3_0, [])?;
    }
    encode::authentication_ok(&mut out);
    for (name, value) in &upstream.parameters {
        encode::parameter_status(&mut out, name, value)?;
    }
    let key = BackendKeyData { pid: key.pid.unsigned_abs(), key: CancelKey::new(&key.secret)? };
    encode::backend_key_data(&mut out, &key)?;
    encode::ready_for_query(&mut out, TransactionStatus::Idle);
    Ok(out)
}
