//! What the names of prepared statements and portals mean to the server, at the point of the stream where the client
//! now is.
//!
//! A Parse, Bind or Close that stands behind an error in its Sync segment is skipped by the server. If the gateway
//! took it at its word, a later Bind could run one text while another is recorded. So each name keeps its versions:
//! what the server has confirmed and what is still in flight, and a use that leans on a version in flight from an
//! *earlier* segment waits for its answer (within one segment both are skipped or both run).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::columns::Columns;
use super::judged::Judged;
use super::runs::RunKey;

/// Identifies one version of one name.
pub type Serial = u64;

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Meaning<T> {
    /// Defined.
    Is(T),
    /// Closed.
    Gone,
}

/// A portal: a statement bound to parameters.
#[derive(Debug, Clone)]
pub struct Portal {
    /// The run whose entry was written at Bind.
    pub run: RunKey,
    /// The statement.
    pub judged: Arc<Judged>,
    /// Versions of the prepared statements that its SQL EXECUTE named at Bind.
    pub leans: Box<[Serial]>,
    /// Columns of its rows, once described.
    pub columns: Option<Arc<Columns>>,
    /// A Describe of it was sent since Bind.
    pub described: bool,
}

#[derive(Debug)]
struct Version<T> {
    serial: Serial,
    /// Sync segment of the message that made it, `None` once confirmed.
    in_flight: Option<u64>,
    meaning: Meaning<T>,
}

/// Answer of a look-up.
#[derive(Debug)]
pub enum Found<'a, T> {
    /// The server will take the name for this.
    Known(Serial, &'a mut T),
    /// No such name.
    Unknown,
    /// It depends on an answer that is still to come.
    Wait,
}

/// Names of one kind with their versions.
#[derive(Debug)]
pub struct Names<T> {
    by_name: HashMap<Box<str>, VecDeque<Version<T>>>,
    next: Serial,
    count: usize,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { by_name: HashMap::new(), next: 0, count: 0 }
    }
}

impl<T> Names<T> {
    /// Versions of all names, for the limit.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// All names that mean something, or may.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    /// Some version means something that is so.
    pub fn any(&self, is: impl Fn(&T) -> bool) -> bool {
        let versions = self.by_name.values().flatten();
        versions.filter_map(|v| if let Meaning::Is(value) = &v.meaning { Some(value) } else { None }).any(is)
    }

    /// True without any version.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Notes that a message of `segment` defines or closes `name`.
    pub fn put(&mut self, name: &str, meaning: Meaning<T>, segment: u64) -> Serial {
        self.next += 1;
        let version = Version { serial: self.next, in_flight: Some(segment), meaning };
        match self.by_name.get_mut(name) {
            Some(versions) => versions.push_back(version),
            None => {
                self.by_name.insert(name.into(), VecDeque::from([version]));
            }
        }
        self.count += 1;
        self.next
    }

    /// What `name` will mean to the server for a message of `segment`.
    pub fn find(&mut self, name: &str, segment: u64) -> Found<'_, T> {
        match self.by_name.get_mut(name).and_then(VecDeque::back_mut) {
            None => Found::Unknown,
            Some(v) if v.in_flight.is_some_and(|s| s != segment) => Found::Wait,
            Some(Version { serial, meaning: Meaning::Is(value), .. }) => Found::Known(*serial, value),
            Some(Version { meaning: Meaning::Gone, .. }) => Found::Unknown,
        }
    }

    /// One version by its serial.
    pub fn version(&mut self, name: &str, serial: Serial) -> Option<&mut T> {
        self.by_name.get_mut(name)?.iter_mut().find(|v| v.serial == serial).and_then(|v| {
            match &mut v.meaning {
                Meaning::Is(value) => Some(value),
                Meaning::Gone => None,
            }
        })
    }

    /// The server carried the message out: older versions are gone; they are handed to `dropped`.
    pub fn confirm(&mut self, name: &str, serial: Serial, mut dropped: impl FnMut(T)) {
        let Some(versions) = self.by_name.get_mut(name) else { return };
        while versions.front().is_some_and(|v| v.serial < serial) {
            self.count -= 1;
            if let Some(Version { meaning: Meaning::Is(value), .. }) = versions.pop_front() {
                dropped(value);
            }
        }
        if let Some(first) = versions.front_mut().filter(|v| v.serial == serial) {
            first.in_flight = None;
            if matches!(first.meaning, Meaning::Gone) {
                versions.pop_front();
                self.count -= 1;
            }
        }
        if versions.is_empty() {
            self.by_name.remove(name);
        }
    }

    /// The server skipped the message: the version never was.
    pub fn skip(&mut self, name: &str, serial: Serial) -> Option<T> {
        let versions = self.by_name.get_mut(name)?;
        let at = versions.iter().position(|v| v.serial == serial)?;
        let version = versions.remove(at);
        self.count -= 1;
        if versions.is_empty() {
            self.by_name.remove(name);
        }
        match version?.meaning {
            Meaning::Is(value) => Some(value),
            Meaning::Gone => None,
        }
    }

    /// The server dropped all names that it had confirmed (portals at the end of a transaction, DISCARD ALL).
    pub fn drop_confirmed(&mut self, mut dropped: impl FnMut(T)) {
        let count = &mut self.count;
        self.by_name.retain(|_, versions| {
            versions.retain_mut(|v| {
                if v.in_flight.is_none() {
                    *count -= 1;
                    if let Meaning::Is(value) = std::mem::replace(&mut v.meaning, Meaning::Gone) {
                        dropped(value);
                    }
                    return false;
                }
                true
            });
            !versions.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &mut Names<u32>, segment: u64) -> Option<u32> {
        match names.find("", segment) {
            Found::Known(_, v) => Some(*v),
            Found::Unknown => None,
            Found::Wait => Some(u32::MAX),
        }
    }

    #[test]
    fn a_skipped_parse_leaves_the_older_text_in_force() {
        let mut names = Names::default();
        let first = names.put("", Meaning::Is(1), 0);
        names.confirm("", first, drop);
        let second = names.put("", Meaning::Is(2), 1);
        assert_eq!(known(&mut names, 2), Some(u32::MAX), "a later segment waits for the answer");
        names.skip("", second);
        assert_eq!(known(&mut names, 2), Some(1));
    }

    #[test]
    fn within_a_segment_the_newest_counts_and_confirming_drops_the_older() {
        let mut names = Names::default();
        let first = names.put("", Meaning::Is(1), 0);
        let second = names.put("", Meaning::Is(2), 0);
        assert_eq!(known(&mut names, 0), Some(2));
        names.confirm("", first, drop);
        let mut gone = Vec::new();
        names.confirm("", second, |v| gone.push(v));
        assert_eq!((gone, known(&mut names, 9), names.len()), (vec![1], Some(2), 1));
    }

    #[test]
    fn a_skipped_close_leaves_the_name() {
        let mut names = Names::default();
        let first = names.put("", Meaning::Is(1), 0);
        names.confirm("", first, drop);
        let close = names.put("", Meaning::Gone, 1);
        assert_eq!(known(&mut names, 1), None);
        names.skip("", close);
        assert_eq!(known(&mut names, 2), Some(1));
        let close = names.put("", Meaning::Gone, 3);
        names.confirm("", close, drop);
        assert_eq!((known(&mut names, 4), names.len()), (None, 0));
    }
}
