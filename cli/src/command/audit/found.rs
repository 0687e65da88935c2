//! What a verification found, as it is told.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hoop_ledger::checkpoint::{Checkpoint, NoteError, VerifierKey};
use hoop_ledger::verify::{self, Fault, Report};

use crate::error::{Exit, Failure};
use crate::output;

/// Entries after which a running broker signs (`docs/ledger-format.md`, Checkpoints).
const SIGNED_EVERY: u64 = 10_000;

/// The first thing that does not hold.
#[derive(Debug)]
pub(super) struct Bad {
    /// The entry, or the first that can be blamed.
    pub(super) sequence: u64,
    /// The last that can be blamed.
    pub(super) through: u64,
    /// Name of the segment or notes file.
    pub(super) file: String,
    /// Byte in it.
    pub(super) offset: u64,
    /// What is wrong.
    pub(super) fault: Fault,
}

impl From<verify::Failure> for Bad {
    fn from(f: verify::Failure) -> Self {
        let through = f.through.unwrap_or(f.sequence).max(f.sequence);
        Self { sequence: f.sequence, through, file: f.file, offset: f.offset, fault: f.fault }
    }
}

/// Entries by number, as a person says it.
struct Entries(u64, u64);

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, last) = self;
        if first == last { write!(f, "entry {first}") } else { write!(f, "entries {first} to {last}") }
    }
}

/// A finished verification.
#[derive(Debug)]
pub(super) struct Found {
    report: Report,
    /// An unfinished end that no checkpoint covers, as a crash or a running broker leaves it.
    torn: Option<Bad>,
    bad: Option<Bad>,
    /// Older segments were left out on request.
    alone: bool,
    cuts: Vec<String>,
    /// Decisions on approvals whose signature holds.
    decisions: u64,
}

impl Found {
    pub(super) fn new(mut report: Report, alone: bool, cuts: Vec<String>, decisions: u64) -> Self {
        let (mut torn, mut bad) = (None, None);
        match report.failure.take() {
            Some(failure) if failure.torn => torn = Some(failure.into()),
            Some(failure) => bad = Some(failure.into()),
            None => {}
        }
        Self { report, torn, bad, alone, cuts, decisions }
    }

    /// True when the end is torn and all before it holds.
    pub(super) fn is_torn(&self) -> bool {
        self.torn.is_some() && self.bad.is_none()
    }

    /// True when nothing wrong was found so far.
    pub(super) fn holds(&self) -> bool {
        self.bad.is_none()
    }

    /// Entries that the tree is made of.
    pub(super) fn tree_size(&self) -> u64 {
        self.report.tree_size
    }

    /// Adds what was found besides the verifier; what was found first stays.
    pub(super) fn blame(&mut self, bad: Option<Bad>) {
        if self.bad.is_none() {
            self.bad = bad;
        }
    }

    /// Writes the figures to stdout.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(super) fn print(&self, key: &VerifierKey) -> Result<(), Failure> {
        let verdict = match (&self.bad, self.proves_nothing()) {
            (Some(_), _) => "does NOT hold; the figures are of the part before",
            (None, true) => "NOT proven: no checkpoint",
            (None, false) => "holds",
        };
        let report = &self.report;
        let mut lines = vec![
            ("ledger", key.name().as_str().to_owned()),
            ("result", verdict.to_owned()),
            ("entries", self.entries()),
            ("tree size", report.tree_size.to_string()),
            ("root", BASE64.encode(report.root)),
            ("segments", report.segments.to_string()),
            ("checkpoints", report.checkpoints.to_string()),
            (
                "last checkpoint",
                report.last_checkpoint.as_ref().map_or_else(|| "none".to_owned(), checkpoint),
            ),
            ("unsigned tail", self.tail()),
        ];
        if self.decisions > 0 {
            let which = format!("{}, each signed by its reviewer's key", self.decisions);
            lines.push(("decisions", which));
        }
        if report.checkpoints_os > 0 {
            let which = format!("\"os\" in {} of {} checkpoints", report.checkpoints_os, report.checkpoints);
            lines.push((
                "durability",
                format!("{which}: a power cut could take up to the second before each"),
            ));
        }
        if let Some(torn) = &self.torn {
            lines.push(("torn tail", format!("{} from byte {}: {}", torn.file, torn.offset, torn.fault)));
        }
        if let Some(offset) = report.torn_note {
            lines.push(("torn checkpoint", format!("the last notes file from byte {offset}")));
        }
        if report.short_batches > 0 {
            lines.push(("short batches", format!("{}, whose end a crash took", report.short_batches)));
        }
        lines.extend(self.cuts.iter().map(|name| ("cut after a crash", name.clone())));
        lines
            .into_iter()
            .try_for_each(|(label, text)| output::line(&format!("{label:<18}{}", output::safe(&text))))
    }

    fn entries(&self) -> String {
        let report = &self.report;
        let span = match report.times_us {
            Some((from, to)) => format!(", {} to {}", time(from), time(to)),
            None => String::new(),
        };
        let from = match report.first_sequence {
            0 => String::new(),
            first => format!(" from entry {first} on"),
        };
        format!("{}{from}{span}", report.entries)
    }

    fn tail(&self) -> String {
        match self.report.unsigned_tail {
            0 => "none".to_owned(),
            n => {
                let last = self.report.tree_size.saturating_sub(1);
                let which = Entries(self.report.tree_size.saturating_sub(n), last);
                let why = match self.bad {
                    Some(_) => "read, but after the last checkpoint that holds",
                    None => "in order, but signed by no checkpoint yet",
                };
                format!("{which}: {why}")
            }
        }
    }

    /// Entries without any checkpoint: whoever takes the notes away could have written them all.
    fn proves_nothing(&self) -> bool {
        self.report.last_checkpoint.is_none() && self.report.tree_size > 0
    }

    /// The exit code, and on stderr what does not hold.
    ///
    /// # Errors
    /// Something does not hold, or nothing is proven.
    pub(super) fn conclude(self) -> Result<Exit, Failure> {
        let tail = self.report.unsigned_tail;
        let nothing = self.proves_nothing();
        if let Some(bad) = self.bad {
            let what =
                format!("the ledger does not hold: {}: {}", Entries(bad.sequence, bad.through), bad.fault);
            let failure = Failure::new(Exit::Target, what).note("file", bad.file);
            let failure = match bad.fault {
                Fault::Approval(_) => failure,
                _ => failure.note("byte", bad.offset.to_string()),
            };
            return Err(match hint(&bad.fault, self.alone) {
                Some(hint) => failure.hint(hint),
                None => failure,
            });
        }
        if nothing {
            return Err(Failure::new(Exit::Target, "no checkpoint signs any entry: nothing is proven").hint(
                "a broker signs within a second; if it has run longer, its checkpoints were taken away",
            ));
        }
        if tail > SIGNED_EVERY {
            eprintln!(
                "hoopctl: warning: {tail} entries are unsigned, and a running broker signs every {SIGNED_EVERY}: \
                 checkpoints may have been taken away"
            );
        }
        Ok(Exit::Ok)
    }
}

fn time(us: i64) -> String {
    output::time(us.div_euclid(1_000_000))
}

/// Size, and the time at which it says it was signed.
fn checkpoint(checkpoint: &Checkpoint) -> String {
    let said = checkpoint.extensions.iter().find_map(|line| line.strip_prefix("time_us ")?.parse().ok());
    let size = checkpoint.size;
    said.map_or_else(|| format!("of size {size}"), |us| format!("of size {size}, {}", time(us)))
}

/// What the reader can do, where it is not the plain thing: keep the files, and ask who changed them.
fn hint(fault: &Fault, alone: bool) -> Option<&'static str> {
    match fault {
        Fault::Segment { .. } if !alone => Some(
            "older segments that are kept elsewhere belong into the same folder, or verify one file alone",
        ),
        Fault::Missing { .. } => Some(
            "in a copy of a ledger that was being written, the notes may be newer than the segments: \
             copy the notes first, or verify the folder where it lies",
        ),
        Fault::Root { .. } => Some("nothing in a log says which of these entries it was; a backup does"),
        Fault::Approval(_) => {
            Some("the entries are as they were written; who wrote them broke the rules of approvals")
        }
        Fault::Origin => Some("take the key of the broker that wrote this ledger"),
        Fault::Note(NoteError::Unsigned | NoteError::Signature(_) | NoteError::Origin { .. }) => {
            Some("was it the key of the broker that wrote this ledger?")
        }
        Fault::Note(NoteError::Name(_) | NoteError::Key | NoteError::Malformed(_)) => None,
        Fault::Segment { .. }
        | Fault::Name
        | Fault::Header(_)
        | Fault::Before
        | Fault::Frame(_)
        | Fault::Leaf
        | Fault::Sequence { .. }
        | Fault::Batch { .. }
        | Fault::Envelope(_)
        | Fault::Part(_)
        | Fault::NoteOrder { .. }
        | Fault::NoteCut => None,
    }
}
