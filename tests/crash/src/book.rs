//! The ledger as a second reader sees it: segments read by `docs/ledger-format.md`, without the product's own code.
//!
//! The ledger keeps no constants, so a statement is known by a **marker** in its text: a name of letters only (runs of
//! digits are taken out of names). A statement without one is known by the marked one before it on its connection:
//! `mk_x+1` is the first after `mk_x`. A text that runs again is `mk_x#2`, `mk_x#3` and so on. Clients count in the same
//! way, so each statement has one **key** on both sides.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What every marker begins with.
pub const MARK: &str = "mk_";
const FRAME_HEAD: usize = 64;

/// How a statement ended, by its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was done.
    Success,
    /// It failed.
    Failure,
    /// The answer was lost, with the client, the target or the broker.
    Unknown,
}

/// One statement of the ledger.
#[derive(Debug, Default)]
pub struct Statement {
    /// It counts as a write.
    pub write: bool,
    /// The entry is a denial.
    pub denied: bool,
    /// Its ends: one, when all is well.
    pub ends: Vec<End>,
}

/// Of an entry, what is asked here.
#[derive(Debug, Deserialize)]
struct Entry {
    boot: String,
    outcome: String,
    event: Event,
}

/// Of all kinds of events, what is asked here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    session: String,
    connection: String,
    statement: String,
    text: String,
    write: bool,
    what: String,
    id: String,
    part: u32,
    parts: u32,
    json: String,
}

#[derive(Debug, Default)]
struct Naming {
    last: Option<String>,
    since: u32,
    times: HashMap<String, u32>,
}

/// All that the ledger says of statements.
#[derive(Debug, Default)]
pub struct Book {
    dir: PathBuf,
    read_to: BTreeMap<PathBuf, u64>,
    parts: String,
    namings: HashMap<String, Naming>,
    /// Statements by key.
    pub statements: HashMap<String, Statement>,
    /// Keys of statements that were read since somebody took them out of here.
    pub fresh: Vec<String>,
    keys: HashMap<String, String>,
    /// Sessions and connections that have begun and not ended, with the boot that they belong to.
    open: BTreeMap<String, String>,
    /// Boots that recorded their start.
    pub boots: BTreeSet<String>,
    /// Things that were closed as unknown by a start.
    pub closed_unknown: u64,
    /// What no sound ledger says.
    pub faults: Vec<String>,
}

impl Book {
    /// The ledger in `dir`, nothing read yet.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, ..Self::default() }
    }

    /// Names of the segments, in order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn segments(dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            found.push(entry?.path());
        }
        found.retain(|path| path.extension().is_some_and(|e| e == "seg"));
        found.sort();
        Ok(found)
    }

    /// Reads what was added since the last reading.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&mut self) -> io::Result<()> {
        let segments = Self::segments(&self.dir)?;
        // Only the last one that was read can have grown.
        let known = self.read_to.len().saturating_sub(1);
        for path in segments.into_iter().skip(known) {
            let mut offset = self.read_to.get(&path).copied().unwrap_or(0);
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            // The header says itself how long it is. A kill can leave a file without one.
            let mut at = if offset == 0 { number(&bytes, 8, 4).unwrap_or(0) } else { 0 };
            while let Some((entry, next)) = frame(&bytes, at) {
                self.take(&entry);
                at = next;
            }
            offset += at as u64;
            self.read_to.insert(path, offset);
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry) {
        let event = &entry.event;
        if event.kind != "part" {
            return self.take_whole(entry);
        }
        // A first part begins anew: the end of those before it was cut with a torn batch.
        if event.part == 1 {
            self.parts.clear();
        }
        self.parts += &event.json;
        if event.part == event.parts {
            match serde_json::from_str(&std::mem::take(&mut self.parts)) {
                Ok(whole) => self.take_whole(&whole),
                Err(e) => self.faults.push(format!("parts that make no entry: {e}")),
            }
        }
    }

    fn take_whole(&mut self, entry: &Entry) {
        let event = &entry.event;
        match event.kind.as_str() {
            "broker_start" => drop(self.boots.insert(entry.boot.clone())),
            "statement" => self.statement(event, false),
            "denial" => self.statement(event, true),
            "statement_end" => match entry.outcome.as_str() {
                "success" => self.end(&event.statement, End::Success),
                "failure" => self.end(&event.statement, End::Failure),
                "unknown" => self.end(&event.statement, End::Unknown),
                // How far a text of several statements has come.
                "pending" => {}
                other => self.faults.push(format!("a statement's end with the outcome `{other}`")),
            },
            "session_open" => drop(self.open.insert(event.session.clone(), entry.boot.clone())),
            "connection" => drop(self.open.insert(event.connection.clone(), entry.boot.clone())),
            "session_end" => drop(self.open.remove(&event.session)),
            "connection_end" => drop(self.open.remove(&event.connection)),
            "closed_unknown" => {
                self.closed_unknown += 1;
                if event.what == "statement" {
                    self.end(&event.id, End::Unknown);
                } else if self.open.remove(&event.id).is_none() {
                    self.faults.push(format!("`{}` was closed as unknown and was not open", event.id));
                }
            }
            _ => {}
        }
    }

    fn statement(&mut self, event: &Event, denied: bool) {
        let naming = self.namings.entry(event.connection.clone()).or_default();
        let Some(key) = naming.key(marker(&event.text)) else {
            self.faults.push(format!("a statement that no client sent: {:.80}", event.text));
            return;
        };
        self.keys.insert(event.statement.clone(), key.clone());
        self.fresh.push(key.clone());
        let statement = Statement { write: event.write, denied, ends: Vec::new() };
        if self.statements.insert(key.clone(), statement).is_some() {
            self.faults.push(format!("`{key}` stands in the ledger twice"));
        }
    }

    fn end(&mut self, id: &str, end: End) {
        match self.keys.get(id).and_then(|key| self.statements.get_mut(key)) {
            Some(statement) => statement.ends.push(end),
            None => self.faults.push(format!("the end of a statement that never began: `{id}`")),
        }
    }

    /// Sessions and connections of earlier boots than the last one that are still open: a start should have closed
    /// them.
    #[must_use]
    pub fn left_open(&self) -> Vec<String> {
        let last = self.boots.last();
        let old = self.open.iter().filter(|(_, boot)| Some(*boot) != last);
        old.map(|(id, _)| id.clone()).collect()
    }
}

impl Naming {
    fn key(&mut self, marker: Option<&str>) -> Option<String> {
        match marker {
            Some(marker) => {
                let times = self.times.entry(marker.to_owned()).or_default();
                *times += 1;
                let key = again(marker, *times);
                self.last = Some(key.clone());
                self.since = 0;
                Some(key)
            }
            None => {
                self.since += 1;
                Some(after(self.last.as_deref()?, self.since))
            }
        }
    }
}

/// Key of the `n`-th run of a marked text on one connection.
#[must_use]
pub fn again(marker: &str, n: u32) -> String {
    if n == 1 { marker.to_owned() } else { format!("{marker}#{n}") }
}

/// Key of the `n`-th statement without a marker after `key`.
#[must_use]
pub fn after(key: &str, n: u32) -> String {
    format!("{key}+{n}")
}

fn marker(text: &str) -> Option<&str> {
    let rest = &text[text.find(MARK)?..];
    let end =
        rest[MARK.len()..].find(|c: char| !c.is_ascii_lowercase()).map_or(rest.len(), |n| n + MARK.len());
    Some(&rest[..end])
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + len)?;
    Some(bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
}

/// The entry at `at` and where the next one begins; `None` where there is none, or none that is complete: a kill can
/// stop a write anywhere, and recovery cuts what it left.
fn frame(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    if number(bytes, at, 1)? != 1 {
        return None;
    }
    let end = at + FRAME_HEAD + number(bytes, at + 4, 4)?;
    let entry = serde_json::from_slice(bytes.get(at + FRAME_HEAD..end)?).ok()?;
    Some((entry, end))
}
