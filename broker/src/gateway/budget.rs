//! Budgets: how many rows with columns of a class a principal may read of a target within an hour and within a day, over
//! all sessions, connections, cursors and COPY together. Many small reads come to one large one (PCI DSS 7.2.5, 10.4).
//!
//! They live in memory: a restart of the broker begins anew. A window begins with the first
//! statement that reads in it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::config::{RowBudget, Target};

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
/// Counters that are kept before those of past days are looked for.
const KEPT: usize = 10_000;

/// All counters of this broker.
#[derive(Debug, Default)]
pub struct Budgets {
    // Taken when a connection opens, never on the statement path.
    all: Mutex<HashMap<Key, Arc<Budget>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    principal: String,
    target: String,
    class: String,
}

/// The counter of one principal, target and class.
#[derive(Debug)]
pub struct Budget {
    /// The class.
    pub class: String,
    since: Instant,
    hour: Window,
    day: Window,
}

#[derive(Debug)]
struct Window {
    length: u64,
    most: AtomicU64,
    /// Seconds since the counter was made, plus one; 0 before the first statement.
    began: AtomicU64,
    used: AtomicU64,
}

/// A budget is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// The class.
    pub class: String,
    /// Rows that may be read.
    pub most: u64,
    /// `hour` or `day`.
    pub within: &'static str,
}

impl Budgets {
    /// The counters of `principal` on `target`, one a class that has a budget there.
    #[must_use]
    pub fn of(&self, principal: &str, target: &Target) -> Vec<Arc<Budget>> {
        if target.budgets.is_empty() {
            return Vec::new();
        }
        // Each change is one insert or removal, whole: the map is sound after any panic.
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > KEPT {
            all.retain(|_, budget| Arc::strong_count(budget) > 1 || budget.day.is_running(budget.now()));
        }
        let one = |wanted: &RowBudget| {
            let class = wanted.class.clone();
            let key = Key { principal: principal.to_owned(), target: target.name.clone(), class };
            let budget = all.entry(key).or_insert_with(|| Arc::new(Budget::new(&wanted.class)));
            budget.hour.most.store(wanted.hour.unwrap_or(u64::MAX), Ordering::Relaxed);
            budget.day.most.store(wanted.day.unwrap_or(u64::MAX), Ordering::Relaxed);
            Arc::clone(budget)
        };
        target.budgets.iter().map(one).collect()
    }
}

impl Budget {
    fn new(class: &str) -> Self {
        let window = |length| Window {
            length,
            most: AtomicU64::new(u64::MAX),
            began: AtomicU64::new(0),
            used: AtomicU64::new(0),
        };
        Self { class: class.to_owned(), since: Instant::now(), hour: window(HOUR), day: window(DAY) }
    }

    fn now(&self) -> u64 {
        self.since.elapsed().as_secs() + 1
    }

    /// Begins a statement that can use it.
    ///
    /// # Errors
    /// [`Spent`] when nothing is left.
    pub fn open(&self) -> Result<(), Spent> {
        self.open_at(self.now())
    }

    fn open_at(&self, now: u64) -> Result<(), Spent> {
        for window in self.windows() {
            window.roll(now);
        }
        self.spent().map_or(Ok(()), Err)
    }

    /// Counts a row; false when there is none left. Never more than the budget are true, however many ask at once.
    #[must_use]
    pub fn take(&self) -> bool {
        self.windows().into_iter().all(|w| w.used.fetch_add(1, Ordering::Relaxed) < w.limit())
    }

    /// Counts rows that are written elsewhere; gives the window that they are too many for.
    #[must_use]
    pub fn take_all(&self, rows: u64) -> Option<Spent> {
        let too_many =
            |w: &&Window| w.used.fetch_add(rows, Ordering::Relaxed).saturating_add(rows) > w.limit();
        self.windows().into_iter().find(too_many).map(|window| self.told(window))
    }

    /// The window that is used up, if one is.
    #[must_use]
    pub fn spent(&self) -> Option<Spent> {
        let spent = self.windows().into_iter().find(|w| w.used.load(Ordering::Relaxed) >= w.limit())?;
        Some(self.told(spent))
    }

    fn told(&self, window: &Window) -> Spent {
        let within = if window.length == HOUR { "hour" } else { "day" };
        Spent { class: self.class.clone(), most: window.limit(), within }
    }

    const fn windows(&self) -> [&Window; 2] {
        [&self.hour, &self.day]
    }
}

impl Window {
    fn limit(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    fn is_running(&self, now: u64) -> bool {
        let began = self.began.load(Ordering::Relaxed);
        began != 0 && now < began.saturating_add(self.length)
    }

    /// Begins anew when its time is over.
    fn roll(&self, now: u64) {
        let began = self.began.load(Ordering::Relaxed);
        if !self.is_running(now)
            && self.began.compare_exchange(began, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.used.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(hour: u64, day: u64) -> Budget {
        let budget = Budget::new("pan");
        budget.hour.most.store(hour, Ordering::Relaxed);
        budget.day.most.store(day, Ordering::Relaxed);
        budget
    }

    #[test]
    fn an_hour_and_a_day_are_counted() {
        let budget = budget(2, 3);
        assert_eq!(budget.open_at(1), Ok(()));
        assert!(budget.take() && budget.take() && !budget.take());
        let spent = budget.open_at(HOUR).unwrap_err();
        assert_eq!((spent.most, spent.within), (2, "hour"));
        assert_eq!(budget.open_at(HOUR + 1), Ok(()));
        assert!(budget.take() && !budget.take(), "the third of the day");
        assert_eq!(budget.open_at(2 * HOUR + 1).unwrap_err().within, "day");
        assert_eq!(budget.open_at(DAY + 1), Ok(()));
        assert!(budget.take());
    }

    #[test]
    fn however_many_ask_at_once_the_budget_is_not_exceeded() {
        let budget = Arc::new(budget(1000, u64::MAX));
        let ask = |budget: Arc<Budget>| move || (0..1000).filter(|_| budget.take()).count();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(ask(Arc::clone(&budget)))).collect();
        assert_eq!(threads.into_iter().map(|t| t.join().unwrap()).sum::<usize>(), 1000);
    }
}
