//! What was open when the log ended: statements without an outcome, connections and sessions without an end.
//!
//! A start after a crash closes them with [`Event::ClosedUnknown`], so that a crash shows as `outcome: unknown` and
//! never as a gap.

use std::collections::HashMap;

use crate::entry::{ENVELOPE_VERSION, Envelope, Event, Origin, Outcome, User};

/// What can be found open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A statement that was allowed and whose end is not recorded.
    Statement,
    /// A connection.
    Connection,
    /// A session.
    Session,
}

impl Kind {
    /// The word in the entry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Connection => "connection",
            Self::Session => "session",
        }
    }
}

/// One thing that was open, with what the closing entry says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Sequence of the entry that opened it.
    pub sequence: u64,
    /// Whose it was.
    pub user: User,
    /// From where.
    pub origin: Origin,
    /// What it touched.
    pub affected: Vec<String>,
}

impl OpenItem {
    /// The entry that closes it: outcome unknown.
    #[must_use]
    pub fn closing(&self, boot: &str, time_us: i64, mono_us: u64) -> Envelope {
        Envelope {
            v: ENVELOPE_VERSION,
            time_us,
            mono_us,
            boot: boot.to_owned(),
            user: self.user.clone(),
            origin: self.origin.clone(),
            outcome: Outcome::Unknown,
            affected: self.affected.clone(),
            event: Event::ClosedUnknown { what: self.kind.as_str().into(), id: self.id.clone() },
        }
    }
}

/// Follows the entries of a log and knows what is open.
#[derive(Debug, Default)]
pub struct OpenItems {
    items: HashMap<(Kind, String), OpenItem>,
}

impl OpenItems {
    /// Takes the next entry.
    pub fn observe(&mut self, sequence: u64, envelope: &Envelope) {
        match &envelope.event {
            Event::Statement { statement, .. } => {
                self.open(Kind::Statement, statement, sequence, envelope);
            }
            Event::Connection { connection, .. } => {
                self.open(Kind::Connection, connection, sequence, envelope);
            }
            Event::SessionOpen { session, .. } => {
                self.open(Kind::Session, session, sequence, envelope);
            }
            // How far a text of several statements has come is not its end.
            Event::StatementEnd { .. } if envelope.outcome == Outcome::Pending => {}
            Event::StatementEnd { statement, .. } => {
                self.close(Kind::Statement, statement);
            }
            Event::ConnectionEnd { connection, .. } => {
                self.close(Kind::Connection, connection);
            }
            Event::SessionEnd { session, .. } => {
                self.close(Kind::Session, session);
            }
            Event::ClosedUnknown { what, id } => {
                for kind in [Kind::Statement, Kind::Connection, Kind::Session] {
                    if kind.as_str() == what {
                        self.close(kind, id);
                    }
                }
            }
            Event::BrokerStart { .. }
            | Event::BrokerStop { .. }
            | Event::Reload { .. }
            | Event::SignIn { .. }
            | Event::SignInFailed { .. }
            | Event::LockOut { .. }
            | Event::TokensRevoked { .. }
            | Event::IdentityChange { .. }
            | Event::SessionRefused { .. }
            | Event::TokenMinted { .. }
            | Event::Denial { .. }
            | Event::ApprovalRequested { .. }
            | Event::ApprovalDecided { .. }
            | Event::ApprovalConsumed { .. }
            | Event::ApprovalEscalated { .. }
            | Event::GlassBroken { .. }
            | Event::FindingReviewed { .. }
            | Event::ApprovalEnded { .. }
            | Event::ControlFailure { .. }
            | Event::Target { .. }
            | Event::Part { .. } => {}
        }
    }

    fn open(&mut self, kind: Kind, id: &str, sequence: u64, envelope: &Envelope) {
        let item = OpenItem {
            kind,
            id: id.to_owned(),
            sequence,
            user: envelope.user.clone(),
            origin: envelope.origin.clone(),
            affected: envelope.affected.clone(),
        };
        self.items.insert((kind, id.to_owned()), item);
    }

    fn close(&mut self, kind: Kind, id: &str) {
        self.items.remove(&(kind, id.to_owned()));
    }

    /// What is open, in the order in which it must be closed: statements, connections, sessions, each oldest first.
    #[must_use]
    pub fn into_sorted(self) -> Vec<OpenItem> {
        let mut items: Vec<_> = self.items.into_values().collect();
        items.sort_by_key(|item| (item.kind, item.sequence));
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(outcome: Outcome, event: Event) -> Envelope {
        let (user, origin) = (User::broker(), Origin::broker());
        let (boot, affected) = ("b".to_owned(), vec!["t".to_owned()]);
        Envelope { v: ENVELOPE_VERSION, time_us: 1, mono_us: 1, boot, user, origin, outcome, affected, event }
    }

    fn end(outcome: Outcome) -> Envelope {
        let (sqlstate, masked) = ("00000".to_owned(), Vec::new());
        let event = Event::StatementEnd {
            statement: "s".into(),
            rows: 1,
            bytes: 1,
            sqlstate,
            duration_us: 1,
            masked,
            revealed: Vec::new(),
        };
        entry(outcome, event)
    }

    #[test]
    fn a_text_that_is_half_done_is_open() {
        let begun = Event::Statement {
            statement: "s".into(),
            session: "x".into(),
            connection: "c".into(),
            text: "INSERT …; SELECT …".into(),
            verbs: Vec::new(),
            write: true,
            rules: Vec::new(),
            parameters: Vec::new(),
        };
        let mut seen = vec![entry(Outcome::Pending, begun), end(Outcome::Pending)];
        let open = |seen: &[Envelope]| {
            let mut items = OpenItems::default();
            (0..).zip(seen).for_each(|(sequence, envelope)| items.observe(sequence, envelope));
            items.into_sorted().len()
        };
        assert_eq!(open(&seen), 1);
        seen.push(end(Outcome::Success));
        assert_eq!(open(&seen), 0);
    }
}
