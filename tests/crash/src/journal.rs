//! What a client wrote down of its own: each statement before it is sent, and once more, synced, when it was answered.
//! The journal is the client's memory of what it was told; the broker never sees it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// What a client expects of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes rows: recorded before it runs, and its end before it is answered.
    Write,
    /// Answers rows: recorded before it is answered.
    Read,
    /// Begins or ends a transaction.
    Control,
    /// Refused by policy: the refusal is recorded before the client hears of it.
    Denied,
    /// Fails at the target.
    Failed,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Write, "write"),
    (Kind::Read, "read"),
    (Kind::Control, "control"),
    (Kind::Denied, "denied"),
    (Kind::Failed, "failed"),
];

/// One statement as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its name among all statements of the run; see [`crate::book`].
    pub key: String,
    /// What is expected of it.
    pub kind: Kind,
    /// Once it was answered: rows of this `key` and how many.
    pub rows: Option<(String, usize)>,
}

/// A line of a journal.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// It is about to be sent.
    Sent(Sent),
    /// The client has read its whole answer, ReadyForQuery included.
    Answered(String),
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal(File);

impl Journal {
    /// Opens it at its end.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::options().create(true).append(true).open(path).map(Self)
    }

    /// Notes that a statement is about to be sent.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn sent(&mut self, sent: &Sent) -> io::Result<()> {
        let word = KINDS.iter().find(|(kind, _)| *kind == sent.kind).map_or("", |(_, word)| word);
        let (row, count) = sent.rows.as_ref().map_or(("-", 0), |(row, count)| (row.as_str(), *count));
        self.0.write_all(format!("sent {} {word} {row} {count}\n", sent.key).as_bytes())
    }

    /// Notes, durably, that it was answered.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn answered(&mut self, key: &str) -> io::Result<()> {
        self.0.write_all(format!("answered {key}\n").as_bytes())?;
        self.0.sync_data()
    }
}

/// Reads a journal from where the last reading ended.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    offset: u64,
}

impl Reader {
    /// From the beginning.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, offset: 0 }
    }

    /// The lines since.
    ///
    /// # Errors
    /// The file cannot be read, or holds what no client wrote.
    pub fn lines(&mut self) -> io::Result<Vec<Line>> {
        let mut file = match File::open(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = String::new();
        self.offset += file.read_to_string(&mut text)? as u64;
        text.lines().map(|line| parse(line).ok_or_else(|| io::Error::other(format!("`{line}`")))).collect()
    }
}

fn parse(line: &str) -> Option<Line> {
    let words: Vec<_> = line.split(' ').collect();
    match words.as_slice() {
        ["sent", key, kind, row, count] => {
            let kind = KINDS.iter().find(|(_, word)| word == kind)?.0;
            let rows = (*row != "-").then_some((*row).to_owned()).zip(count.parse().ok());
            Some(Line::Sent(Sent { key: (*key).to_owned(), kind, rows }))
        }
        ["answered", key] => Some(Line::Answered((*key).to_owned())),
        _ => None,
    }
}
