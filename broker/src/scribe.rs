//! Who did something, from where, in this boot: what all entries about one actor have in common.

use std::net::SocketAddr;
use std::sync::Arc;

use hoop_ledger::draft;
use hoop_ledger::entry::{ENVELOPE_VERSION, Envelope, Event, Origin, Outcome, User};
use hoop_policy::Principal;

use crate::clock::Boot;
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
    pub fn of(
        ledger: Ledger,
        boot: Arc<Boot>,
        principal: &Principal,
        address: SocketAddr,
        via: &str,
        bearer: bool,
    ) -> Self {
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
    pub fn system(
        ledger: Ledger,
        boot: Arc<Boot>,
        user: &str,
        address: Option<SocketAddr>,
        via: &str,
    ) -> Self {
        let user = User { id: user.to_owned(), kind: "system".to_owned(), person_id: None };
        let address = address.map_or_else(|| "local".to_owned(), |a| a.to_string());
        Self { ledger, boot, user, origin: Origin { address, via: via.to_owned(), bearer: false } }
    }

    fn envelope(&self, outcome: Outcome, affected: Vec<String>, event: Event) -> Envelope {
        let draft::Moment { time_us, mono_us } = self.boot.moment();
        Envelope {
            v: ENVELOPE_VERSION,
            time_us,
            mono_us,
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
    pub async fn record(
        &self,
        outcome: Outcome,
        affected: Vec<String>,
        event: Event,
    ) -> Result<Ticket, Poisoned> {
        self.ledger.record(&self.envelope(outcome, affected, event)).await
    }

    /// What its entries have in common, for those that are written at every statement.
    ///
    /// # Errors
    /// [`Poisoned`] when they could not be written.
    pub fn actor(&self) -> Result<draft::Actor, Poisoned> {
        draft::Actor::new(self.boot.id(), &self.user, &self.origin).map_err(|_| Poisoned)
    }

    /// Both clocks, now.
    #[must_use]
    pub fn moment(&self) -> draft::Moment {
        self.boot.moment()
    }

    /// The ledger that it writes to.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}
