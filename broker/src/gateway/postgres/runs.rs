//! Statements under way on one connection: from the entry that admitted them to the entry that closes them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hoop_api::StatementId;

use super::bounds::Allowance;
use super::substituting::Ours;
use crate::gateway::budget::Budget;
use crate::ledger::Ticket;

/// Handle of a run in [`Runs`]; of no use once the run was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunKey {
    index: usize,
    generation: u64,
}

/// One admitted statement.
#[derive(Debug)]
pub struct Run {
    /// Its id in the ledger.
    pub id: StatementId,
    /// Its entry; nothing of its answer is released before this is durable.
    pub ticket: Ticket,
    /// It may write: its outcome is durable before CommandComplete is released.
    pub write: bool,
    /// It names a relation with classified columns: error texts are rebuilt.
    pub classified: bool,
    /// It names no relation: its errors may speak of what its transaction did before.
    pub bare: bool,
    /// When it was admitted.
    pub started: Instant,
    /// Rows of its answer so far.
    pub rows: u64,
    /// Bytes of its answer so far.
    pub bytes: u64,
    /// Values masked so far.
    pub masked: hoop_mask::Counts,
    /// SQLSTATE of its error, if it failed.
    pub sqlstate: Option<[u8; 5]>,
    /// How far it may go.
    pub allowance: Allowance,
    /// For how long it may run.
    pub time: Option<Duration>,
    /// What it reads counts against these.
    pub budgets: Box<[Arc<Budget>]>,
    /// More rows came than it may return; they are dropped.
    pub over: bool,
    /// It was cancelled, for its time was over.
    pub timed_out: bool,
    /// What went out instead of the client's text.
    pub ours: Option<Arc<Ours>>,
}

impl Run {
    /// What it changes is counted.
    #[must_use]
    pub fn counts_changes(&self) -> bool {
        self.allowance.affected != u64::MAX || !self.budgets.is_empty()
    }

    /// Values of classified columns that stand by themselves in its answer: those that came masked from the target, since
    /// the statement was substituted, or those that were revealed.
    #[must_use]
    pub fn answered(&self, revealed: bool) -> hoop_mask::Counts {
        let mut counts = hoop_mask::Counts::default();
        let answered = self.ours.iter().flat_map(|ours| &ours.done.answered);
        for (class, _) in answered.filter(|(_, shown)| *shown == revealed) {
            if let Ok(class) = class.parse() {
                counts.add_many(&class, u32::try_from(self.rows).unwrap_or(u32::MAX));
            }
        }
        counts
    }

    /// Counts a row of its answer; false when it may not return one more.
    pub fn takes_row(&mut self) -> bool {
        if self.rows >= self.allowance.rows || !self.budgets.iter().all(|budget| budget.take()) {
            self.over = true;
        } else {
            self.rows += 1;
        }
        !self.over
    }
}

/// Runs by key; slots are used again, keys are not.
#[derive(Debug, Default)]
pub struct Runs {
    slots: Vec<(u64, Option<Run>)>,
    free: Vec<usize>,
}

impl Runs {
    /// Adds a run.
    pub fn add(&mut self, run: Run) -> RunKey {
        if let Some(index) = self.free.pop() {
            let (generation, slot) = &mut self.slots[index];
            *generation += 1;
            *slot = Some(run);
            return RunKey { index, generation: *generation };
        }
        self.slots.push((0, Some(run)));
        RunKey { index: self.slots.len() - 1, generation: 0 }
    }

    /// A run that is not closed.
    pub fn open(&mut self, key: RunKey) -> Option<&mut Run> {
        self.slots.get_mut(key.index).filter(|s| s.0 == key.generation)?.1.as_mut()
    }

    /// Takes a run out to close it.
    pub fn take(&mut self, key: RunKey) -> Option<Run> {
        let slot = self.slots.get_mut(key.index).filter(|s| s.0 == key.generation)?;
        let run = slot.1.take()?;
        self.free.push(key.index);
        Some(run)
    }

    /// Takes all that are still open.
    pub fn take_all(&mut self) -> Vec<Run> {
        self.free.clear();
        self.free.extend(0..self.slots.len());
        self.slots.iter_mut().filter_map(|s| s.1.take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_outlives_its_run_harmlessly() {
        let run = || Run {
            id: StatementId::from_parts(0, 0),
            ticket: Ticket::of(0),
            write: false,
            classified: false,
            bare: false,
            started: Instant::now(),
            rows: 0,
            bytes: 0,
            masked: hoop_mask::Counts::default(),
            sqlstate: None,
            allowance: Allowance::ALL,
            time: None,
            budgets: Box::default(),
            over: false,
            timed_out: false,
            ours: None,
        };
        let mut runs = Runs::default();
        let old = runs.add(run());
        assert!(runs.take(old).is_some());
        let new = runs.add(run());
        assert!(runs.open(old).is_none() && runs.take(old).is_none());
        assert!(runs.open(new).is_some());
    }
}
