//! The ledger's files: which there are, and reading them one segment at a time.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use hoop_ledger::checkpoint::{Checkpoint, VerifierKey, split_notes};
use hoop_ledger::segment::{self, parse_name};
use hoop_ledger::verify::{Fault, Segment, Verifier};

use super::approvals::Approvals;
use super::found::{Bad, Found};
use crate::error::Failure;

/// Bytes of a segment or notes file that are read at most; a broker's segments end at 64 MiB.
const MAX_FILE: u64 = 256 << 20;
/// How often a ledger that changes while it is read is read anew.
const TRIES: usize = 3;

/// The segments to check.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    /// Sequences in the names of the segments, in order; never empty.
    firsts: Vec<u64>,
    /// One segment of a folder, which need not begin at entry 0.
    alone: bool,
    /// A later segment stands beside the one that is checked alone.
    followed: bool,
    /// Notes files whose segment is not there.
    orphans: Vec<u64>,
    /// Files in which a broker kept what it cut off after a crash.
    cuts: Vec<String>,
}

/// One segment's bytes.
struct Part {
    name: String,
    bytes: Vec<u8>,
    notes: Vec<u8>,
}

impl Place {
    /// Finds the segments of a folder, or the one that is named.
    ///
    /// # Errors
    /// It cannot be read, or holds no segment.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let meta = std::fs::metadata(path).map_err(|e| Failure::file("read", path, &e))?;
        if meta.is_dir() {
            let found = Self::list(path)?;
            if found.firsts.is_empty() {
                return Err(Failure::usage(format!(
                    "`{}` holds no ledger: no segment is in it",
                    path.display()
                ))
                .hint("a segment's name is 20 digits and `.seg`"));
            }
            return Ok(found);
        }
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let segment_name = name.strip_suffix(".notes").map(|n| format!("{n}.seg"));
        let Some(first) = parse_name(segment_name.as_deref().unwrap_or(name)) else {
            return Err(Failure::usage(format!("`{}` is not a segment of a ledger", path.display()))
                .hint("name the ledger's folder, or a file of 20 digits and `.seg` in it"));
        };
        let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let all = Self::list(dir)?;
        let followed = all.firsts.iter().any(|other| *other > first);
        Ok(Self { firsts: vec![first], alone: true, followed, orphans: Vec::new(), ..all })
    }

    fn list(dir: &Path) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::file("read", dir, &e);
        let (mut firsts, mut notes, mut cuts) = (Vec::new(), Vec::new(), Vec::new());
        for item in std::fs::read_dir(dir).map_err(failed)? {
            let name = item.map_err(failed)?.file_name();
            let Some(name) = name.to_str() else { continue };
            firsts.extend(parse_name(name));
            notes.extend(name.strip_suffix(".notes").and_then(|n| parse_name(&format!("{n}.seg"))));
            if name
                .split_once(".cut-")
                .is_some_and(|(log, _)| log.ends_with(".seg") || log.ends_with(".notes"))
            {
                cuts.push(name.to_owned());
            }
        }
        firsts.sort_unstable();
        notes.sort_unstable();
        cuts.sort_unstable();
        notes.retain(|first| firsts.binary_search(first).is_err());
        Ok(Self { dir: dir.to_owned(), firsts, alone: false, followed: false, orphans: notes, cuts })
    }

    /// True when `file` lies in the ledger's folder.
    pub(super) fn holds(&self, file: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        real(file).zip(real(&self.dir)).is_some_and(|(file, dir)| file.starts_with(dir))
    }

    /// Checks all segments in order, one in memory at a time.
    ///
    /// # Errors
    /// A file cannot be read. What does not hold is in the result.
    pub(super) fn verify(&self, key: &VerifierKey) -> Result<Found, Failure> {
        for _ in 1..TRIES {
            let (found, steady) = self.read_through(key)?;
            if steady {
                return Ok(found);
            }
        }
        self.read_through(key).map(|(found, _)| found)
    }

    /// The result, and whether it may be believed: a broker that writes while its last segment is read can make a
    /// sound one look bad.
    fn read_through(&self, key: &VerifierKey) -> Result<(Found, bool), Failure> {
        let mut verifier = Verifier::new(vec![key.clone()]);
        let start = self.firsts.first().copied().unwrap_or_default();
        if self.alone {
            verifier = verifier.start_at(start);
        }
        let mut end = None;
        let mut approvals = Approvals::new(self.alone && start > 0);
        let mut wrong = None;
        for (index, first) in self.firsts.iter().enumerate() {
            let part = self.part(*first)?;
            let last = index + 1 == self.firsts.len() && !self.followed;
            let segment = Segment { name: &part.name, bytes: &part.bytes, notes: &part.notes, last };
            let holds = verifier.segment(segment, &mut |sequence, entry| {
                if wrong.is_none()
                    && let Err(what) = approvals.observe(entry)
                {
                    let (file, fault) = (part.name.clone(), Fault::Approval(what));
                    wrong = Some(Bad { sequence, through: sequence, file, offset: 0, fault });
                }
            });
            end = last.then_some(part);
            if !holds {
                break;
            }
        }
        let report = verifier.finish();
        let steady = match (&report.failure, &end) {
            (Some(bad), Some(part)) if !bad.torn && bad.file == part.name => self.is_steady(part, bad.offset),
            (Some(_) | None, _) => true,
        };
        let mut found = Found::new(report, self.alone, self.cuts.clone(), approvals.decisions());
        found.blame(wrong);
        if found.is_torn()
            && let Some(part) = &end
        {
            // A torn frame ends the reading before the notes are all looked at; it must not hide a bad one.
            found.blame(bad_note(part, key));
        }
        if found.holds() {
            let orphaned = self.orphaned(found.tree_size(), key)?;
            found.blame(orphaned);
        }
        Ok((found, steady))
    }

    /// Notes are read before their segment: a broker that runs writes them after it, so they never sign more than
    /// what is read then.
    fn part(&self, first: u64) -> Result<Part, Failure> {
        let name = segment::file_name(first);
        let notes = self.read(&segment::notes_name(first))?.unwrap_or_default();
        let path = self.dir.join(&name);
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let bytes = self.read(&name)?.ok_or_else(|| Failure::file("read", &path, &missing))?;
        Ok(Part { name, bytes, notes })
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.dir.join(name);
        let failed = |e: std::io::Error| Failure::file("read", &path, &e);
        match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
            Ok(meta) if !meta.is_file() => {
                return Err(Failure::usage(format!("`{}` is not a file", path.display())));
            }
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(failed)?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(Failure::usage(format!(
                "`{}` is longer than {} MiB, which no file of a ledger is",
                path.display(),
                MAX_FILE >> 20
            )));
        }
        Ok(Some(bytes))
    }

    fn is_steady(&self, part: &Part, offset: u64) -> bool {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let written = part.bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
        match self.read(&part.name) {
            Ok(Some(again)) => again.get(from..written) == part.bytes.get(from..written),
            Ok(None) | Err(_) => true,
        }
    }

    /// A notes file without its segment: when it signs more than there is, the segment was taken away.
    fn orphaned(&self, tree_size: u64, key: &VerifierKey) -> Result<Option<Bad>, Failure> {
        for first in &self.orphans {
            // A broker that runs may have begun it since the folder was listed.
            let begun = self.dir.join(segment::file_name(*first)).exists();
            let file = self.read(&segment::notes_name(*first))?.unwrap_or_default();
            let signed = split_notes(&file).0.into_iter().filter_map(|(offset, note)| {
                let checkpoint =
                    Checkpoint::open(str::from_utf8(note).ok()?, std::slice::from_ref(key)).ok()?;
                Some((checkpoint.size, offset))
            });
            if let Some((size, offset)) = signed.max().filter(|(size, _)| *size > tree_size && !begun) {
                return Ok(Some(Bad {
                    sequence: tree_size,
                    through: size - 1,
                    file: segment::notes_name(*first),
                    offset: offset as u64,
                    fault: Fault::Missing { size },
                }));
            }
        }
        Ok(None)
    }
}

/// The first checkpoint of a segment that does not hold by itself.
fn bad_note(part: &Part, key: &VerifierKey) -> Option<Bad> {
    let first = parse_name(&part.name)?;
    split_notes(&part.notes).0.into_iter().find_map(|(offset, note)| {
        let text = String::from_utf8_lossy(note);
        let error = Checkpoint::open(&text, std::slice::from_ref(key)).err()?;
        let file = segment::notes_name(first);
        Some(Bad { sequence: first, through: first, file, offset: offset as u64, fault: Fault::Note(error) })
    })
}
