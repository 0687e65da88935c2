//! What the ledger says of a play, against what the model server ran.

use std::collections::HashMap;

use hoop_ledger::entry::{Envelope, Event, Outcome};
use hoop_statement::TextLimits;

use super::server::Ran;
use super::texts::{Does, does};

/// The statements of one conversation, as recorded.
#[derive(Default)]
pub struct Evidence {
    /// Id and text.
    statements: Vec<(String, String)>,
    /// SQLSTATEs of their ends, those in between left out.
    ends: HashMap<String, Vec<String>>,
}

impl Evidence {
    pub fn take(&mut self, entries: Vec<Envelope>) {
        for entry in entries {
            match entry.event {
                Event::Statement { statement, text, .. } => self.statements.push((statement, text)),
                Event::StatementEnd { statement, sqlstate, .. } if entry.outcome != Outcome::Pending => {
                    self.ends.entry(statement).or_default().push(sqlstate);
                }
                _ => {}
            }
        }
    }

    /// What ran so far is recorded, in that order.
    pub fn account(&self, ran: &[Ran]) {
        let mut entries = self.statements.iter();
        for ran in ran {
            let record = record(&ran.text);
            assert!(
                entries.any(|(_, text)| is_of(text, &record)),
                "`{}` ran and is not recorded; recorded are {:?}",
                ran.text,
                self.statements
            );
        }
    }

    /// The last word: every entry has one end, and the entries are what ran, in that order, but for some that did not
    /// end well. A server that was led to take a name for another text than the gateway did finds no such order.
    pub fn check(&self, ran: &[Ran]) {
        let recorded: Vec<(&str, bool)> =
            self.statements.iter().map(|(id, text)| (text.as_str(), self.ended_well(id, text))).collect();
        let ran: Vec<(String, Vec<String>)> =
            ran.iter().map(|r| (record(&r.text), r.inner.iter().map(|i| record(i)).collect())).collect();
        // Which numbers of texts that ran can be told from the entries so far.
        let mut told = vec![false; ran.len() + 1];
        told[0] = true;
        for (text, well) in &recorded {
            for n in (0..=ran.len()).rev() {
                let is_next = n > 0 && told[n - 1] && {
                    let (own, inner) = &ran[n - 1];
                    is_of(text, own) && inner.iter().all(|inner| text.contains(inner))
                };
                told[n] = is_next || (told[n] && !well);
            }
        }
        assert!(told[ran.len()], "ran {ran:#?}, recorded (and ended well) {recorded:#?}");
    }

    fn ended_well(&self, id: &str, text: &str) -> bool {
        let ends = self.ends.get(id).map_or(&[][..], Vec::as_slice);
        assert_eq!(ends.len(), 1, "`{text}` ended {ends:?}");
        ends[0] == "00000"
    }
}

/// The entry is of this text, alone or with what its EXECUTE runs.
fn is_of(entry: &str, record: &str) -> bool {
    entry.strip_prefix(record).is_some_and(|rest| rest.is_empty() || rest.starts_with(" /* runs */ "))
}

/// Its text in the ledger.
fn record(text: &str) -> String {
    hoop_statement::analyse(text, &TextLimits::default()).unwrap().record
}

/// What must be on disk before the server hears of it.
pub fn is_write(ran: &Ran) -> bool {
    let writes = |d: &Does| matches!(d, Does::Done(_) | Does::Deferred(_) | Does::CopyIn | Does::Commit);
    does(&ran.text).is_some_and(|list| list.iter().any(writes))
}
