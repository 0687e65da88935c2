//! The one choke point. A statement gets through only as [`Permitted`], and only [`Gate::admit`] makes one: from a
//! verdict that allows it, after its entry is in the ledger's queue.
//!
//! Reads may be forwarded at once and are answered when the entry is durable; what may write is forwarded when the
//! entry is durable (PCI DSS 10.2.1.1; DESIGN, "The way of a statement", 6).

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hoop_api::approval::ApprovalState;
use hoop_api::{ApprovalId, ConnectionId, ID_LEN, SessionId, StatementId};
use hoop_ledger::draft;
use hoop_ledger::entry::{Event, Outcome, Parameter};

use hoop_policy::{Bounds, Requirement};

use crate::approval::Consumed;
use crate::clock;
use crate::gateway::postgres::held;
use crate::gateway::postgres::runs::RunKey;
use crate::ledger::{Poisoned, Ticket, Urgency};
use crate::scribe::Scribe;

/// The longest line that is kept, bytes.
const KEPT_LINE: usize = 4 << 10;

/// The gate of one connection.
#[derive(Debug)]
pub struct Gate {
    scribe: Scribe,
    session: SessionId,
    connection: ConnectionId,
    target: String,
    /// What the entries of this connection have in common, for those of every statement.
    actor: draft::Actor,
    outcomes: draft::Target,
}

/// What the gate needs to know of a statement.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Text without constants.
    pub record: &'a str,
    /// Verbs, for the entry.
    pub verbs: &'a [String],
    /// Relations and other objects, for the entry.
    pub affected: &'a [String],
    /// It may write.
    pub write: bool,
    /// What its entries have in common; made at the first.
    pub line: &'a OnceLock<draft::Statement>,
}

/// Why something is refused: for the client, and for the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// SQLSTATE.
    pub sqlstate: &'static str,
    /// Rules that decided, `default` for the default denial, `gateway.…` for those that no policy can lift.
    pub rules: Vec<String>,
    /// For the client; may name what the client wrote.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Where in the text, characters from 1.
    pub position: Option<u32>,
    /// For the ledger: nothing of the text.
    pub record: String,
    /// The approval that it is about, and where it stands.
    pub approval: Option<(ApprovalId, ApprovalState)>,
}

/// What was decided of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It may run; these rules allow it.
    Allow {
        /// Their ids.
        rules: Vec<String>,
        /// How far it may go.
        bounds: Bounds,
    },
    /// It may once these holds are lifted.
    Hold(Arc<Requirement>),
    /// It may not.
    Refuse(Arc<Reason>),
}

impl Ruling {
    /// How far what it allows may go.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        match self {
            Self::Allow { bounds, .. } => *bounds,
            Self::Hold(_) | Self::Refuse(_) => Bounds { rows: None, affected: None, time: None },
        }
    }
}

/// The proof that a statement was judged and recorded. Only the gate makes it.
#[derive(Debug)]
pub struct Permitted {
    id: StatementId,
    ticket: Ticket,
    write: bool,
}

impl Permitted {
    /// Its id in the ledger.
    #[must_use]
    pub const fn id(&self) -> StatementId {
        self.id
    }

    /// Its entry.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// It must not be forwarded before its entry is durable.
    #[must_use]
    pub const fn write(&self) -> bool {
        self.write
    }

    /// Spends the proof on the message that runs the statement.
    #[must_use]
    pub fn into_pass(self) -> Pass {
        Pass(())
    }
}

/// Lets one decoded frame, or a piece of one, be written: what [`Pipe`](crate::gateway::postgres::pipe::Pipe) asks for.
/// Its makers are in this file, one a reason.
#[derive(Debug)]
pub struct Pass(());

impl Pass {
    /// A message that runs nothing: Sync, Flush, Describe, Close.
    #[must_use]
    pub const fn control() -> Self {
        Self(())
    }

    /// Data for a COPY FROM STDIN whose statement was permitted.
    #[must_use]
    pub const fn copy_data() -> Self {
        Self(())
    }

    /// Execute of a portal whose statement was permitted at Bind.
    #[must_use]
    pub const fn execute(_run: RunKey) -> Self {
        Self(())
    }

    /// A message of the target, decoded and masked.
    #[must_use]
    pub const fn answer() -> Self {
        Self(())
    }
}

/// The gate did not let a statement through.
#[derive(Debug)]
pub enum Refused {
    /// The verdict was no; the denial's entry is queued and the error must not be sent before it is durable.
    Denied {
        /// Why.
        reason: Arc<Reason>,
        /// Id of the denied statement.
        id: StatementId,
        /// The denial's entry.
        ticket: Ticket,
    },
    /// It could not be recorded, so it is not run.
    NotRecorded,
}

/// How a statement ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Rows of the answer, or rows affected.
    pub rows: u64,
    /// Bytes of the answer.
    pub bytes: u64,
    /// SQLSTATE, `00000` for success, empty when unknown.
    pub sqlstate: &'a str,
    /// From admission to end.
    pub duration: Duration,
    /// Masked values by class.
    pub masked: &'a [(&'static str, u64)],
    /// Revealed values by class.
    pub revealed: &'a [(&'static str, u64)],
    /// False when the target's answer was lost.
    pub known: bool,
    /// Its answer waits for this entry.
    pub write: bool,
}

impl Gate {
    /// A gate for one connection of a session.
    ///
    /// # Errors
    /// [`Poisoned`] when its entries could not be written.
    pub fn new(
        scribe: Scribe,
        session: SessionId,
        connection: ConnectionId,
        target: String,
    ) -> Result<Self, Poisoned> {
        let actor = scribe.actor()?;
        let outcomes = draft::Target::new(&target).map_err(|_| Poisoned)?;
        Ok(Self { scribe, session, connection, target, actor, outcomes })
    }

    /// Lets a statement through, or not.
    ///
    /// # Errors
    /// [`Refused`] when the ruling is no or the ledger cannot record.
    pub fn admit(
        &self,
        asked: &Asked<'_>,
        parameters: &[Parameter],
        ruling: &Ruling,
        approval: Option<&Consumed>,
    ) -> Result<Permitted, Refused> {
        let rules = match ruling {
            Ruling::Allow { rules, .. } => rules,
            Ruling::Hold(what) => return Err(self.refuse(asked, held::held_nowhere(what))),
            Ruling::Refuse(reason) => return Err(self.refuse(asked, Arc::clone(reason))),
        };
        let line = self.line(asked, rules).map_err(|Poisoned| Refused::NotRecorded)?;
        let at = self.scribe.moment();
        let id = StatementId::from_parts(u64::try_from(at.time_us / 1000).unwrap_or(0), rand::random());
        if let Some(used) = approval {
            self.note(used.event(id.to_string())).map_err(|Poisoned| Refused::NotRecorded)?;
        }
        let write = asked.write || approval.is_some();
        let ticket = self.scribe.ledger().append_with(Urgency::Now, |out| {
            self.actor.statement(out, at, &line, id.encode(&mut [0; ID_LEN]), parameters)
        });
        match ticket {
            Ok(ticket) => Ok(Permitted { id, ticket, write }),
            Err(Poisoned) => Err(Refused::NotRecorded),
        }
    }

    fn line<'a>(&self, asked: &Asked<'a>, rules: &[String]) -> Result<Cow<'a, draft::Statement>, Poisoned> {
        if let Some(line) = asked.line.get() {
            return Ok(Cow::Borrowed(line));
        }
        let words = draft::Words {
            target: &self.target,
            affected: asked.affected,
            session: &self.session.to_string(),
            connection: &self.connection.to_string(),
            text: asked.record,
            verbs: asked.verbs,
            write: asked.write,
            rules,
        };
        let line = draft::Statement::new(words).map_err(|_| Poisoned)?;
        // Long ones are made anew each time: a connection keeps a thousand verdicts.
        if line.size() > KEPT_LINE {
            return Ok(Cow::Owned(line));
        }
        Ok(Cow::Borrowed(asked.line.get_or_init(|| line)))
    }

    /// Lets a text be prepared: it is judged now and recorded when it is bound.
    ///
    /// # Errors
    /// [`Refused`] when the ruling is no.
    pub fn judged(&self, asked: &Asked<'_>, ruling: &Ruling) -> Result<Pass, Refused> {
        match ruling {
            // A hold waits at Bind: Parse runs nothing.
            Ruling::Allow { .. } | Ruling::Hold(_) => Ok(Pass(())),
            Ruling::Refuse(reason) => Err(self.refuse(asked, Arc::clone(reason))),
        }
    }

    /// Records that a statement or message is refused; its error must not be sent before the entry is durable.
    #[must_use]
    pub fn refuse(&self, asked: &Asked<'_>, reason: Arc<Reason>) -> Refused {
        let id = StatementId::from_parts(clock::unix_ms(), rand::random());
        let event = Event::Denial {
            statement: id.to_string(),
            session: self.session.to_string(),
            connection: self.connection.to_string(),
            text: asked.record.to_owned(),
            sqlstate: reason.sqlstate.to_owned(),
            rules: reason.rules.clone(),
            reason: reason.record.clone(),
        };
        match self.scribe.append(Outcome::Failure, self.affected(asked.affected), event) {
            Ok(ticket) => Refused::Denied { reason, id, ticket },
            Err(Poisoned) => Refused::NotRecorded,
        }
    }

    /// Records something about an approval of this connection.
    ///
    /// # Errors
    /// [`Poisoned`] when the ledger has failed.
    pub fn note(&self, event: Event) -> Result<Ticket, Poisoned> {
        self.scribe.append(Outcome::Success, vec![self.target.clone()], event)
    }

    /// The connection that it is of.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// True when the entry is on disk.
    #[must_use]
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        self.scribe.ledger().is_durable(ticket)
    }

    /// Records how far a text of several statements has come, before one of its CommandCompletes is released.
    ///
    /// # Errors
    /// [`Poisoned`] when the ledger has failed.
    pub fn interim(
        &self,
        id: StatementId,
        rows: u64,
        bytes: u64,
        since: Duration,
    ) -> Result<Ticket, Poisoned> {
        let ended = Ended {
            rows,
            bytes,
            sqlstate: "00000",
            duration: since,
            masked: &[],
            revealed: &[],
            known: true,
            write: true,
        };
        self.outcome(id, Outcome::Pending, &ended)
    }

    /// Records how a statement ended.
    ///
    /// # Errors
    /// [`Poisoned`] when the ledger has failed.
    pub fn close(&self, id: StatementId, ended: &Ended<'_>) -> Result<Ticket, Poisoned> {
        let outcome = match (ended.known, ended.sqlstate) {
            (false, _) => Outcome::Unknown,
            (true, "00000") => Outcome::Success,
            (true, _) => Outcome::Failure,
        };
        self.outcome(id, outcome, ended)
    }

    fn outcome(&self, id: StatementId, outcome: Outcome, ended: &Ended<'_>) -> Result<Ticket, Poisoned> {
        let end = draft::End {
            rows: ended.rows,
            bytes: ended.bytes,
            sqlstate: ended.sqlstate,
            duration_us: micros(ended.duration),
            masked: ended.masked,
            revealed: ended.revealed,
        };
        let at = self.scribe.moment();
        let urgency = if ended.write { Urgency::Now } else { Urgency::Soon };
        self.scribe.ledger().append_with(urgency, |out| {
            self.actor.statement_end(out, at, outcome, &self.outcomes, id.encode(&mut [0; ID_LEN]), end)
        })
    }

    /// The scribe of this connection.
    #[must_use]
    pub const fn scribe(&self) -> &Scribe {
        &self.scribe
    }

    fn affected(&self, objects: &[String]) -> Vec<String> {
        let mut all = Vec::with_capacity(objects.len() + 1);
        all.push(self.target.clone());
        all.extend_from_slice(objects);
        all
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}
