//! Opening a ledger: lock, verify what is there, cut what a crash left unfinished, go on.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use hoop_ledger::checkpoint::{Origin, VerifierKey};
use hoop_ledger::entry::{self, ENVELOPE_VERSION, Envelope, Event, Outcome, User};
use hoop_ledger::open_items::{OpenItem, OpenItems};
use hoop_ledger::segment;
use hoop_ledger::tree::Range;
use hoop_ledger::verify::{Failure, Report, Segment, Signatures, Verifier};

use super::Ledger;
use super::committer::{Committer, Thread};
use super::disk::{Disk, Files};
use super::queue::Shared;
use super::writer::{Position, WriteError, Writer};
use crate::clock::{self, Boot};
use crate::config::Durability;

const LOCK_FILE: &str = "lock";
/// How often a start cuts and looks again: a torn frame and a torn segment header can come together, no more.
const MAX_CUTS: usize = 3;

/// Why the ledger was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or the directory cannot be used.
    #[error("the ledger's `{path}` cannot be used: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Group or others can enter the directory.
    #[error("the ledger directory `{0}` is open to others than its owner; run `chmod 700` on it")]
    Open(PathBuf),
    /// Another broker has it open.
    #[error("the ledger in `{0}` is in use by another broker")]
    Locked(PathBuf),
    /// Something is wrong with it that no crash can have done.
    #[error("the ledger is damaged or was altered: {0}; keep it as it is and run `hoopctl audit verify`")]
    Damaged(Box<Failure>),
    /// The first write failed.
    #[error("the ledger cannot be written: {0}")]
    Write(String),
}

/// An open ledger.
#[derive(Debug)]
pub struct Opened {
    /// The handle.
    pub ledger: Ledger,
    /// Its thread.
    pub committer: Committer,
    /// What was found.
    pub recovered: Recovered,
}

/// What a start found of the boots before.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Entries in the log.
    pub entries: u64,
    /// Of those, how many no checkpoint signed: 0 after a stop in order.
    pub unsigned_tail: u64,
    /// Statements, connections and sessions that were open.
    pub open: Vec<OpenItem>,
    /// What was cut from the end, kept beside the log.
    pub cuts: Vec<Cut>,
}

/// Bytes of an unfinished batch or checkpoint, taken out of the log and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// File from which they came.
    pub file: String,
    /// Where they began.
    pub offset: u64,
    /// How many there were.
    pub bytes: u64,
}

impl Recovered {
    /// The entries that the broker appends after its `BrokerStart`: one for each cut, one for each thing left open.
    #[must_use]
    pub fn closing(&self, boot: &Boot) -> Vec<Envelope> {
        let (time_us, mono_us) = (clock::unix_us(), micros(boot));
        let cuts = self.cuts.iter().map(|cut| Envelope {
            v: ENVELOPE_VERSION,
            time_us,
            mono_us,
            boot: boot.id().to_owned(),
            user: User::broker(),
            origin: entry::Origin::broker(),
            outcome: Outcome::Unknown,
            affected: vec!["ledger".into()],
            event: Event::ControlFailure {
                control: "ledger".into(),
                detail: format!("cut {} unfinished bytes of {} at {}", cut.bytes, cut.file, cut.offset),
            },
        });
        cuts.chain(self.open.iter().map(|item| item.closing(boot.id(), time_us, mono_us))).collect()
    }
}

fn micros(boot: &Boot) -> u64 {
    u64::try_from(boot.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Ledger {
    /// Opens the ledger in `dir`, or begins one: verifies all of it, cuts an unfinished last batch, starts the thread.
    ///
    /// # Errors
    /// [`OpenError`]; a ledger with anything wrong that a crash cannot explain is not opened.
    pub fn open(
        dir: &Path,
        key: &SigningKey,
        origin: &Origin,
        boot: &Boot,
        durability: Durability,
    ) -> Result<Opened, OpenError> {
        let disk = Box::new(Files::new(dir.to_owned()));
        Self::open_on(disk, dir, (key, origin, boot, durability), |_| ())
    }

    /// The same with another way to the disk, for tests.
    pub(super) fn open_on(
        disk: Box<dyn Disk>,
        dir: &Path,
        (key, origin, boot, durability): (&SigningKey, &Origin, &Boot, Durability),
        adjust: impl FnOnce(&mut Writer),
    ) -> Result<Opened, OpenError> {
        prepare(dir)?;
        let lock = lock(dir)?;
        let public = VerifierKey::of(origin, key);
        let (found, recovered) = recover(dir, &public)?;
        let note = found.note.clone();
        let write = |e: WriteError| OpenError::Write(e.to_string());
        let mut writer = Writer::open(disk, origin.clone(), found, durability).map_err(write)?;
        adjust(&mut writer);
        let signed = writer.signed();
        let shared = Arc::new(Shared::new(writer, durability, public, &note));
        shared.publish_checkpoint(&note, signed);
        let thread = Thread { shared: Arc::clone(&shared), key: key.clone(), boot: boot.clone(), lock };
        let committer =
            Committer::spawn(thread).map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
        Ok(Opened { ledger: Self { shared }, committer, recovered })
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}

fn prepare(dir: &Path) -> Result<(), OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))?;
    let meta = fs::metadata(dir).map_err(at(dir))?;
    if meta.mode() & 0o077 == 0 { Ok(()) } else { Err(OpenError::Open(dir.to_owned())) }
}

/// Two brokers never write one ledger: the lock lives as long as the committer thread and ends with the process.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

/// Sequences in the names of the segments, in order.
fn segments(dir: &Path) -> Result<Vec<u64>, OpenError> {
    let mut firsts = Vec::new();
    for item in fs::read_dir(dir).map_err(at(dir))? {
        let name = item.map_err(at(dir))?.file_name();
        firsts.extend(name.to_str().and_then(segment::parse_name));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        done => done.map_err(at(path)),
    }
}

struct Scan {
    report: Report,
    range: Range,
    open: OpenItems,
    last: Option<u64>,
}

fn scan(dir: &Path, key: &VerifierKey) -> Result<Scan, OpenError> {
    let firsts = segments(dir)?;
    let mut verifier = Verifier::new(vec![key.clone()]).signatures(Signatures::LastOfSegment);
    let mut open = OpenItems::default();
    for (index, first) in firsts.iter().enumerate() {
        let name = segment::file_name(*first);
        let bytes = read(&dir.join(&name))?;
        let notes = read(&dir.join(segment::notes_name(*first)))?;
        let last = index + 1 == firsts.len();
        let part = Segment { name: &name, bytes: &bytes, notes: &notes, last };
        if !verifier.segment(part, &mut |sequence, envelope| open.observe(sequence, envelope)) {
            break;
        }
    }
    let range = verifier.range().clone();
    Ok(Scan { report: verifier.finish(), range, open, last: firsts.last().copied() })
}

/// Verifies and repairs; returns where to go on and what was found.
fn recover(dir: &Path, key: &VerifierKey) -> Result<(Position, Recovered), OpenError> {
    let mut cuts = Vec::new();
    loop {
        let Scan { report, range, open, last } = scan(dir, key)?;
        match report.failure {
            Some(failure) if failure.torn && cuts.len() < MAX_CUTS => {
                cuts.push(cut(dir, &failure.file, failure.offset)?);
                if failure.offset == 0 {
                    remove_segment(dir, &failure.file)?;
                }
                continue;
            }
            Some(failure) => return Err(OpenError::Damaged(Box::new(failure))),
            None => {}
        }
        if let (Some(offset), Some(first)) = (report.torn_note, last) {
            cuts.push(cut(dir, &segment::notes_name(first), offset)?);
        }
        let position = Position {
            range,
            next_batch: report.next_batch,
            last: last.map(|first| (first, report.end_offset)),
            signed: report.tree_size - report.unsigned_tail,
            note: last_note(dir, last)?,
        };
        let recovered = Recovered {
            entries: report.entries,
            unsigned_tail: report.unsigned_tail,
            open: open.into_sorted(),
            cuts,
        };
        return Ok((position, recovered));
    }
}

fn last_note(dir: &Path, last: Option<u64>) -> Result<String, OpenError> {
    let Some(first) = last else { return Ok(String::new()) };
    let path = dir.join(segment::notes_name(first));
    let file = read(&path)?;
    let (notes, _) = hoop_ledger::checkpoint::split_notes(&file);
    Ok(notes.last().map(|(_, note)| String::from_utf8_lossy(note).into_owned()).unwrap_or_default())
}

/// Takes the bytes from `offset` on out of a file and keeps them: an assessor can see what was cut.
fn cut(dir: &Path, name: &str, offset: u64) -> Result<Cut, OpenError> {
    let path = dir.join(name);
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(at(&path))?;
    let len = file.metadata().map_err(at(&path))?.len();
    let mut bytes = vec![0; usize::try_from(len.saturating_sub(offset)).unwrap_or(0)];
    file.read_exact_at(&mut bytes, offset).map_err(at(&path))?;
    let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let kept = dir.join(format!("{name}.cut-{offset}-{}", clock::unix_ms()));
    let copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&kept).map_err(at(&kept))?;
    copy.write_all_at(&bytes[..used], 0).and_then(|()| copy.sync_all()).map_err(at(&kept))?;
    File::open(dir).and_then(|d| d.sync_all()).map_err(at(dir))?;
    file.set_len(offset).and_then(|()| file.sync_all()).map_err(at(&path))?;
    tracing::warn!(file = name, offset, bytes = used, "cut an unfinished end of the ledger, and kept it");
    Ok(Cut { file: name.to_owned(), offset, bytes: used as u64 })
}

fn remove_segment(dir: &Path, name: &str) -> Result<(), OpenError> {
    let path = dir.join(name);
    fs::remove_file(&path).map_err(at(&path))?;
    if let Some(first) = segment::parse_name(name) {
        let notes = dir.join(segment::notes_name(first));
        match fs::remove_file(&notes) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&notes)(error)),
            Ok(()) | Err(_) => {}
        }
    }
    File::open(dir).and_then(|d| d.sync_all()).map_err(at(dir))
}
