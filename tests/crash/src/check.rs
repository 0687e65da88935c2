//! Holds the journals against the ledger, and the ledger against the database.

use std::collections::HashMap;

use crate::book::{Book, End, Statement};
use crate::journal::{Kind, Line, Sent};

/// A row that a statement wrote: its key, and the keys of all statements that must have run for it to be there.
#[derive(Debug)]
pub struct Row {
    /// Key of the statement that wrote it.
    pub key: String,
    /// Keys, separated by commas.
    pub needs: String,
}

/// What a run has found so far.
#[derive(Debug, Default)]
pub struct Found {
    /// Statements that clients saw answered.
    pub acknowledged: u64,
    /// Of those, the ones whose entries or rows are missing or say something else.
    pub lost: u64,
    /// All that is wrong, lost statements included.
    pub faults: Vec<String>,
}

impl Found {
    /// Holds one round's journal lines, rows and new entries against each other.
    pub fn round(&mut self, lines: Vec<Line>, rows: &[Row], book: &mut Book) {
        let mut sent = HashMap::new();
        let mut answered = Vec::new();
        for line in lines {
            match line {
                Line::Sent(statement) => drop(sent.insert(statement.key.clone(), statement)),
                Line::Answered(key) => answered.push(key),
            }
        }
        let mut counts = HashMap::<&str, usize>::new();
        for row in rows {
            *counts.entry(&row.key).or_default() += 1;
        }
        for key in &answered {
            self.acknowledged += 1;
            let fault = match sent.get(key) {
                Some(statement) => acknowledged(statement, book.statements.get(key), &counts),
                None => Some("was answered and never sent"),
            };
            if let Some(fault) = fault {
                self.lost += 1;
                self.faults.push(format!("`{key}` was acknowledged and {fault}"));
            }
        }
        // The stronger direction: nothing ran that is not recorded, whether it was acknowledged or not.
        for row in rows {
            for key in row.needs.split(',').filter(|key| !book.statements.contains_key(*key)) {
                self.faults.push(format!("`{key}` is not in the ledger, and a row that it wrote is there"));
            }
        }
        for key in std::mem::take(&mut book.fresh) {
            if !sent.contains_key(&key) {
                self.faults.push(format!("`{key}` is in the ledger, and no client sent it"));
            }
            if let Some(statement) = book.statements.get(&key)
                && statement.ends.len() != usize::from(!statement.denied)
            {
                self.faults.push(format!("`{key}` has the ends {:?}", statement.ends));
            }
        }
        self.faults.extend(book.left_open().into_iter().map(|id| format!("`{id}` was left open")));
        self.faults.append(&mut book.faults);
    }
}

/// What is wrong with an acknowledged statement.
fn acknowledged(sent: &Sent, entry: Option<&Statement>, rows: &HashMap<&str, usize>) -> Option<&'static str> {
    let Some(entry) = entry else { return Some("is not in the ledger") };
    let done = entry.ends == [End::Success];
    let fault = match sent.kind {
        Kind::Write if !entry.write => Some("is no write in the ledger"),
        Kind::Write if !done => Some("its success is not in the ledger"),
        Kind::Control if entry.write && !done => Some("its success is not in the ledger"),
        // The end of a read follows its answer: a crash in between shows as unknown.
        Kind::Read | Kind::Control if entry.ends.contains(&End::Failure) => Some("failed in the ledger"),
        Kind::Denied if !entry.denied => Some("its denial is not in the ledger"),
        Kind::Failed if entry.ends.contains(&End::Success) => Some("succeeded in the ledger"),
        Kind::Write | Kind::Read | Kind::Control | Kind::Denied | Kind::Failed => None,
    };
    let there = sent.rows.as_ref().is_none_or(|(key, count)| rows.get(key.as_str()) == Some(count));
    fault.or_else(|| (!there).then_some("its rows are not in the database"))
}
