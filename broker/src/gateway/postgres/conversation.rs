//! The state of one conversation: what the client asked, what the target owes, what the names mean. It sees frames and
//! decides; [`Relay`](super::relay::Relay) moves the bytes. `inbound` and `answer` hold the two directions.

use std::sync::Arc;
use std::task::Context;

use hoop_ledger::entry::Parameter;
use hoop_mask::Counts;
use hoop_pgwire::{BackendTag, FrontendTag, WireError};

use super::bounds::{Bounded, Canceller};
use super::columns::{Classes, Columns};
use super::definitions::Reading;
use super::estimate::Expectation;
use super::expected::{Expected, Queue};
use super::hold::{Holding, Waiting};
use super::judge::Judge;
use super::judged::Judged;
use super::names::{Names, Portal, Serial};
use super::pipe::Pipe;
use super::runs::{Run, RunKey, Runs};
use super::streaming::Streaming;
use crate::config::Limits;
use crate::gate::{Ended, Gate, Pass};
use crate::ledger::{Poisoned, Ticket};
use crate::metrics::{ClassLabel, Metrics};
use crate::session::{EndReason, Session};

/// Why a conversation ended.
#[derive(Debug)]
pub enum End {
    /// The client said Terminate or closed.
    ClientGone,
    /// The target closed or failed.
    TargetGone,
    /// The session ended.
    Session(EndReason),
    /// The ledger cannot record.
    NotRecorded,
    /// The client broke the protocol or a limit.
    ClientFault(WireError),
    /// The client sent a message that has no place here.
    OutOfPlace(&'static str),
    /// The target broke the protocol, or answered what was not asked: step is lost, nothing more is passed.
    TargetFault(&'static str),
    /// A pinned setting changed on the target.
    Unpinned(&'static str),
}

/// Why no more client messages are decided now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stalled {
    /// The next message is not here yet.
    NeedMore,
    /// A write waits for its entry.
    Recording(Ticket),
    /// The text is being parsed on the parser thread.
    Parsing,
    /// An answer of the target must come first.
    Answer,
    /// A held statement waits for its reviewers.
    Approval,
}

/// Where the client is in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// Messages are taken as they come.
    Ready,
    /// After an error in the extended protocol: all is skipped up to Sync, as the server does.
    SkipToSync,
    /// COPY FROM STDIN was forwarded; the server's answer decides.
    CopyWait,
    /// COPY data flows to the server.
    Copying {
        /// The COPY came by Query: more answers follow after CopyDone.
        simple: bool,
    },
}

/// A decided frame that waits for its entry.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) ticket: Ticket,
    pub(super) len: usize,
    pub(super) pass: Pass,
    pub(super) then: Client,
    /// What goes out in its place.
    pub(super) instead: Option<Vec<u8>>,
}

/// One conversation.
#[derive(Debug)]
pub struct Conversation {
    pub(super) gate: Gate,
    pub(super) judge: Judge,
    pub(super) session: Arc<Session>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) classes: Arc<Classes>,
    pub(super) front_limits: hoop_pgwire::Limits<FrontendTag>,
    pub(super) back_limits: hoop_pgwire::Limits<BackendTag>,
    pub(super) max_names: usize,
    pub(super) max_pipeline: usize,
    pub(super) stream_above: usize,
    pub(super) statements: Names<Arc<Judged>>,
    pub(super) portals: Names<Portal>,
    pub(super) runs: Runs,
    pub(super) queue: Queue,
    /// Counts Sync and Query messages: what stands between two of them is skipped or run together.
    pub(super) segment: u64,
    pub(super) client: Client,
    pub(super) held: Option<Held>,
    pub(super) holding: Holding,
    /// The statement that must keep within bounds.
    pub(super) bounded: Option<Bounded>,
    pub(super) canceller: Canceller,
    /// The statement at hand waits for its reviewers.
    pub(super) waiting: Option<Waiting>,
    /// What the statement at hand can reach is being read.
    pub(super) reading: Option<Reading>,
    /// What the target expects of the statement at hand is asked, or known.
    pub(super) estimate: Option<Expectation>,
    /// Tells the client so.
    pub(super) notice: Option<Vec<u8>>,
    /// Bytes of a CopyData frame of the client that are still to pass.
    pub(super) copy_left: usize,
    pub(super) release_after: Option<Ticket>,
    pub(super) in_transaction: bool,
    pub(super) columns: Option<Arc<Columns>>,
    /// The last description of rows, as it came, and what it means: prepared statements are described again and again.
    pub(super) described: Option<(Box<[u8]>, Arc<Columns>)>,
    pub(super) streaming: Option<Streaming>,
    pub(super) copy_out: Option<super::copy::CopyOut>,
    busy: bool,
    /// A statement of the transaction that is being answered named classified relations: what is checked at its end
    /// speaks of them.
    pub(super) touched_classified: bool,
    /// The portal that the message before described.
    pub(super) just_described: Option<Serial>,
    /// A Flush of ours is out, for a pipeline that is full.
    pub(super) told_to_flush: bool,
    /// The same, for a Query that goes out only when all is answered.
    pub(super) told_to_drain: bool,
    /// Rows that had to be framed anew are built here.
    pub(super) spill: Vec<u8>,
    /// Shape of the parameters of the Bind at hand.
    pub(super) parameters: Vec<Parameter>,
    /// Runs of portals that are closed now.
    pub(super) gone: Vec<RunKey>,
}

/// What a conversation is made of.
#[derive(Debug)]
pub struct Parts {
    /// Its gate.
    pub gate: Gate,
    /// Its judge.
    pub judge: Judge,
    /// Its session.
    pub session: Arc<Session>,
    /// The broker's counters.
    pub metrics: Arc<Metrics>,
    /// Classified columns of the target, bound to oid and attnum.
    pub classes: Arc<Classes>,
    /// For held statements.
    pub holding: Holding,
    /// Cancels what runs too long.
    pub canceller: Canceller,
}

impl Conversation {
    /// A conversation right after start-up.
    #[must_use]
    pub fn new(parts: Parts, limits: &Limits) -> Self {
        let cap = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let statement = cap(limits.statement_bytes.saturating_add(4096));
        let message = cap(limits.message_bytes);
        let row = cap(limits.row_bytes.saturating_add(16));
        Self {
            gate: parts.gate,
            judge: parts.judge,
            session: parts.session,
            metrics: parts.metrics,
            classes: parts.classes,
            // Texts over the limit are still read whole, up to the message limit, so that the refusal is an error and
            // not a closed connection.
            front_limits: hoop_pgwire::Limits::<FrontendTag>::default()
                .with(FrontendTag::Query, message.max(statement))
                .with(FrontendTag::Parse, message.max(statement))
                .with(FrontendTag::Bind, message)
                .with(FrontendTag::CopyData, row),
            back_limits: hoop_pgwire::Limits::<BackendTag>::default()
                .with(BackendTag::DataRow, row)
                .with(BackendTag::CopyData, row),
            max_names: limits.prepared,
            max_pipeline: limits.pipeline,
            stream_above: limits.buffer_bytes,
            statements: Names::default(),
            portals: Names::default(),
            runs: Runs::default(),
            queue: Queue::new(),
            segment: 0,
            client: Client::Ready,
            held: None,
            holding: parts.holding,
            bounded: None,
            canceller: parts.canceller,
            waiting: None,
            reading: None,
            estimate: None,
            notice: None,
            copy_left: 0,
            release_after: None,
            in_transaction: false,
            columns: None,
            described: None,
            streaming: None,
            copy_out: None,
            busy: false,
            touched_classified: false,
            just_described: None,
            told_to_flush: false,
            told_to_drain: false,
            spill: Vec::new(),
            parameters: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Nothing is asked and no transaction is open.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.held.is_none() && !self.in_transaction
    }

    /// Entry that must be durable before what is ready may be released.
    #[must_use]
    pub const fn release_after(&self) -> Option<Ticket> {
        self.release_after
    }

    /// The gate, for entries about the connection.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The held write is recorded: it goes out, unless an earlier message of its segment has failed meanwhile. The
    /// server then skips up to Sync, and so do we.
    pub fn recorded(&mut self, pipe: &mut Pipe) {
        let Some(held) = self.held.take() else { return };
        if self.client == Client::SkipToSync {
            pipe.replace(held.len, &[]);
        } else {
            match held.instead {
                Some(instead) => {
                    pipe.replace(held.len, &instead);
                    self.begin_deadline();
                }
                None => pipe.pass(held.len, held.pass),
            }
            self.client = held.then;
        }
    }

    /// Decides what the client sent, as far as it can be decided now.
    ///
    /// # Errors
    /// [`End`] when the conversation cannot go on.
    pub fn on_client(&mut self, pipe: &mut Pipe, cx: &mut Context<'_>) -> Result<Stalled, End> {
        if let Some(held) = &self.held {
            return Ok(Stalled::Recording(held.ticket));
        }
        self.decide(pipe, cx)
    }

    pub(super) fn need(&mut self, ticket: Ticket) {
        self.release_after = self.release_after.max(Some(ticket));
    }

    /// Writes the last entry of a run.
    pub(super) fn close_run(&mut self, run: &Run, known: bool) -> Result<Ticket, Poisoned> {
        let mut counts = run.masked;
        counts.merge(run.answered(false));
        let masked = named(counts, Some(&self.metrics));
        let revealed = named(run.answered(true), None);
        let sqlstate = match (known, &run.sqlstate) {
            (false, None) => "",
            (true, None) => "00000",
            (_, Some(code)) => str::from_utf8(code).unwrap_or_default(),
        };
        let ended = Ended {
            rows: run.rows,
            bytes: run.bytes,
            sqlstate,
            duration: run.started.elapsed(),
            masked: masked.as_slice(),
            revealed: revealed.as_slice(),
            known,
            write: run.write,
        };
        self.gate.close(run.id, &ended)
    }

    /// Tells the session when an answer begins or ceases to be owed.
    pub fn note_activity(&mut self) {
        let busy = !self.queue.is_empty() || self.waiting.is_some();
        if busy != self.busy {
            self.busy = busy;
            self.session.set_busy(busy);
        }
    }

    /// True when nothing may be added to the answer: a row is half way through.
    #[must_use]
    pub const fn is_mid_frame(&self) -> bool {
        self.streaming.is_some()
    }

    /// True when all that is ready is also recorded.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.release_after.is_none_or(|ticket| self.gate.is_durable(ticket))
    }

    /// Closes what is still open when the conversation ends: its outcome is not known.
    pub fn finish(&mut self) {
        self.queue.clear();
        self.stop_waiting();
        self.note_activity();
        for run in self.runs.take_all() {
            if self.close_run(&run, false).is_err() {
                return;
            }
        }
    }

    pub(super) fn push(&mut self, expected: Expected) {
        self.told_to_drain = false;
        self.queue.push_back(expected);
    }
}

/// Counts by class, those that are not zero.
struct Named {
    counts: [(&'static str, u64); 7],
    len: usize,
}

impl Named {
    fn as_slice(&self) -> &[(&'static str, u64)] {
        self.counts.get(..self.len).unwrap_or_default()
    }
}

/// Counts by class for the entry, added to the metrics of masked values where these are.
fn named(counts: Counts, metrics: Option<&Metrics>) -> Named {
    let by_class = [
        ("pan", ClassLabel::Pan, counts.pan),
        ("cvv", ClassLabel::Cvv, counts.cvv),
        ("expiry", ClassLabel::Expiry, counts.expiry),
        ("track", ClassLabel::Track, counts.track),
        ("name", ClassLabel::Name, counts.name),
        ("freetext", ClassLabel::Freetext, counts.freetext),
        ("custom", ClassLabel::Custom, counts.custom),
    ];
    let mut named = Named { counts: [("", 0); 7], len: 0 };
    for (word, label, n) in by_class.into_iter().filter(|(_, _, n)| *n > 0) {
        if let Some(metrics) = metrics {
            metrics.masked(label).add(u64::from(n));
        }
        if let Some(place) = named.counts.get_mut(named.len) {
            *place = (word, u64::from(n));
            named.len += 1;
        }
    }
    named
}
