//! The one choke point. A statement gets through only as [`Permitted`], and only [`Gate::admit`] makes one: from a
//! verdict that allows it, after its entry is in the ledger's queue.
//!
//! Reads may be forwarded at once and are answered when the entry is durable; what may write is forwarded when the
//! entry is durable (PCI DSS 10.2.1.1; DESIGN, "The way of a statement", 6).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hoop_api::{ConnectionId, SessionId, StatementId};
use hoop_ledger::entry::{ENVELOPE_VERSION, Envelope, Event, Origin, Outcome, Parameter, User};
use hoop_policy::{Denial, Principal, Verdict};

use crate::clock::{self, Boot};
use crate::ledger::{Ledger, Poisoned, Ticket};

/// Writes entries about one actor from one place.
#[derive(Debug, Clone)]
pub struct Scribe {
    ledger: Ledger,
    boot: Arc<Boot>,
    user: User,
    origin: Origin,
}

impl Scribe {
    /// For a signed-in principal.
    #[must_use]
    pub fn of(ledger: Ledger, boot: Arc<Boot>, principal: &Principal, address: SocketAddr, via: &str, bearer: bool) -> Self {
        let user = User {
            id: principal.id.clone(),
            kind: principal.kind.as_str().to_owned(),
            person_id: principal.person_id.clone(),
        };
        let origin = Origin { address: address.to_string(), via: via.to_owned(), bearer };
        Self { ledger, boot, user, origin }
    }

    /// For acts of the broker itself, or of somebody who has not signed in.
    #[must_use]
    pub fn system(ledger: Ledger, boot: Arc<Boot>, user: &str, address: Option<SocketAddr>, via: &str) -> Self {
        let user = User { id: user.to_owned(), kind: "system".to_owned(), person_id: None };
        let address = address.map_or_else(|| "local".to_owned(), |a| a.to_string());
        Self { ledger, boot, user, origin: Origin { address, via: via.to_owned(), bearer: false } }
    }

    fn envelope(&self, outcome: Outcome, affected: Vec<String>, event: Event) -> Envelope {
        Envelope {
            v: ENVELOPE_VERSION,
            time_us: clock::unix_us(),
            mono_us: u64::try_from(self.boot.elapsed().as_micros()).unwrap_or(u64::MAX),
            boot: self.boot.id().to_owned(),
            user: self.user.clone(),
            origin: self.origin.clone(),
            outcome,
            affected,
            event,
        }
    }

    /// Queues an entry.
    ///
    /// # Errors
    /// [`Poisoned`] when the ledger has failed.
    pub fn append(&self, outcome: Outcome, affected: Vec<String>, event: Event) -> Result<Ticket, Poisoned> {
        self.ledger.append(&self.envelope(outcome, affected, event))
    }

    /// Queues an entry and waits until it is durable.
    ///
    /// # Errors
    /// [`Poisoned`] when the ledger has failed.
    pub async fn record(&self, outcome: Outcome, affected: Vec<String>, event: Event) -> Result<Ticket, Poisoned> {
        self.ledger.record(&self.envelope(outcome, affected, event)).await
    }

    /// The ledger that it writes to.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// The gate of one connection.
#[derive(Debug)]
pub struct Gate {
    scribe: Scribe,
    session: SessionId,
    connection: ConnectionId,
    target: String,
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
    /// Shape of its parameters.
    pub parameters: Vec<Parameter>,
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
}

/// The gate did not let a statement through.
#[derive(Debug)]
pub enum Refused {
    /// The verdict was no; the denial's entry is queued and the error must not be sent before it is durable.
    Denied {
        /// Why.
        denial: Denial,
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
pub struct Ended {
    /// Rows of the answer, or rows affected.
    pub rows: u64,
    /// Bytes of the answer.
    pub bytes: u64,
    /// SQLSTATE, `00000` for success, empty when unknown.
    pub sqlstate: String,
    /// From admission to end.
    pub duration: Duration,
    /// Masked values by class.
    pub masked: Vec<(String, u64)>,
    /// False when the target's answer was lost.
    pub known: bool,
}

impl Gate {
    /// A gate for one connection of a session.
    #[must_use]
    pub const fn new(scribe: Scribe, session: SessionId, connection: ConnectionId, target: String) -> Self {
        Self { scribe, session, connection, target }
    }

    /// Lets a statement through, or not.
    ///
    /// # Errors
    /// [`Refused`] when the verdict is not Allow or the ledger cannot record.
    pub fn admit(&self, asked: Asked<'_>, verdict: &Verdict) -> Result<Permitted, Refused> {
        let id = StatementId::from_parts(clock::unix_ms(), rand::random());
        let rules = match verdict {
            Verdict::Allow(allowed) => allowed.rules.clone(),
            Verdict::Deny(denial) => return Err(self.deny(id, asked, denial.clone(), "42501")),
            // Approvals come with their own issue; until then what would be held is refused, and says so.
            Verdict::Hold(requirement) => return Err(self.deny(id, asked, requirement.unmet(), "42501")),
        };
        let event = Event::Statement {
            statement: id.to_string(),
            session: self.session.to_string(),
            connection: self.connection.to_string(),
            text: asked.record.to_owned(),
            verbs: asked.verbs.to_vec(),
            write: asked.write,
            rules,
            parameters: asked.parameters,
        };
        let affected = self.affected(asked.affected);
        match self.scribe.append(Outcome::Pending, affected, event) {
            Ok(ticket) => Ok(Permitted { id, ticket, write: asked.write }),
            Err(Poisoned) => Err(Refused::NotRecorded),
        }
    }

    /// Records that a statement or message was refused.
    pub fn deny(&self, id: StatementId, asked: Asked<'_>, denial: Denial, sqlstate: &str) -> Refused {
        let event = Event::Denial {
            statement: id.to_string(),
            session: self.session.to_string(),
            connection: self.connection.to_string(),
            text: asked.record.to_owned(),
            sqlstate: sqlstate.to_owned(),
            rules: denial.rules.clone(),
            reason: denial.record.clone(),
        };
        match self.scribe.append(Outcome::Failure, self.affected(asked.affected), event) {
            Ok(ticket) => Refused::Denied { denial, id, ticket },
            Err(Poisoned) => Refused::NotRecorded,
        }
    }

    /// Records how a statement ended.
    ///
    /// # Errors
    /// [`Poisoned`] when the ledger has failed.
    pub fn close(&self, id: StatementId, ended: Ended) -> Result<Ticket, Poisoned> {
        let outcome = match (ended.known, ended.sqlstate.as_str()) {
            (false, _) => Outcome::Unknown,
            (true, "00000") => Outcome::Success,
            (true, _) => Outcome::Failure,
        };
        let event = Event::StatementEnd {
            statement: id.to_string(),
            rows: ended.rows,
            bytes: ended.bytes,
            sqlstate: ended.sqlstate,
            duration_us: u64::try_from(ended.duration.as_micros()).unwrap_or(u64::MAX),
            masked: ended.masked,
        };
        self.scribe.append(outcome, vec![self.target.clone()], event)
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
