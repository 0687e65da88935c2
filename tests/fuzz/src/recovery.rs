//! Recovery: a sound log on disk, then any change to its files, then a start of the real ledger.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use hoop_broker::clock::Boot;
use hoop_broker::config::Durability;
use hoop_broker::ledger::{Ledger, OpenError, Opened};
use hoop_ledger::checkpoint::{Checkpoint, split_notes};
use hoop_ledger::segment;
use hoop_ledger::verify::{Segment, Signatures, Verifier};

use crate::ledger::fixture::{File, note};
use crate::ledger::{LOG, change, copies};

/// The input is a list of changes to a sound log, as for `ledger_segment`, or with a first byte of 0xff the length to
/// which its last segment is cut.
///
/// A start cuts an unfinished end and goes on, or refuses. What a checkpoint signs that is still whole is never lost
/// or altered; what a crash can do to the end is always mended; and what was mended is a sound log.
pub fn ledger_recovery(data: &[u8]) {
    let mut files = copies();
    let cut = match data {
        [0xff, high, low, rest @ ..] => {
            let last = files.last_mut().unwrap();
            let len = (usize::from(*high) << 8 | usize::from(*low)).min(last.bytes.len());
            last.bytes.truncate(len);
            // Reserved space.
            last.bytes.resize(len + rest.len().min(64), 0);
            Some(len)
        }
        _ => {
            for [act, high, low, value] in data.as_chunks::<4>().0.iter().take(16) {
                change(&mut files, *act, usize::from(*high) << 8 | usize::from(*low), *value);
            }
            None
        }
    };
    let folder = crate::conversation::in_memory();
    let dir = folder.path().join("ledger");
    fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    for file in &files {
        let first = segment::parse_name(&file.name).unwrap();
        fs::write(dir.join(&file.name), &file.bytes).unwrap();
        fs::write(dir.join(segment::notes_name(first)), &file.notes).unwrap();
    }
    let signed = signed(&files);
    match Ledger::open(&dir, &LOG.key, &LOG.origin, &Boot::start(), Durability::Disk) {
        Ok(Opened { committer, recovered, .. }) => {
            assert!(recovered.entries >= signed, "{} of {signed} signed entries are left", recovered.entries);
            committer.stop().unwrap();
            let seen = sound(&dir, signed);
            assert_eq!(seen, recovered.entries);
            if let Some(len) = cut {
                assert_eq!(recovered.entries, whole_before(len), "cut at {len}");
            }
        }
        Err(OpenError::Damaged(_)) => {
            // A crash loses nothing that was on disk before the checkpoint over it.
            assert!(cut.is_none_or(|len| whole_before(len) < signed), "cut at {cut:?} is refused");
        }
        Err(error) => panic!("{error}"),
    }
}

/// Entries whose frames end within `len` bytes of the last segment.
fn whole_before(len: usize) -> u64 {
    let last = LOG.segments.len() - 1;
    LOG.spans.iter().filter(|(index, _, end)| *index < last || *end <= len).count() as u64
}

/// The size of the largest checkpoint that is still whole.
fn signed(files: &[File]) -> u64 {
    let notes = files.iter().flat_map(|file| split_notes(&file.notes).0);
    let good = notes.filter_map(|(_, note)| Checkpoint::open(str::from_utf8(note).ok()?, &[LOG.key()]).ok());
    good.map(|checkpoint| checkpoint.size).max().unwrap_or_default()
}

/// Verifies the files; signed entries are the original ones. Gives the number of entries. As a start does, it looks at
/// the last signature of each segment only: that one before it was changed is for `hoopctl audit verify` to say.
fn sound(dir: &Path, signed: u64) -> u64 {
    let mut firsts: Vec<u64> = fs::read_dir(dir)
        .unwrap()
        .filter_map(|file| segment::parse_name(file.unwrap().file_name().to_str().unwrap()))
        .collect();
    firsts.sort_unstable();
    let mut verifier = Verifier::new(vec![LOG.key()]).signatures(Signatures::LastOfSegment);
    for (index, first) in firsts.iter().enumerate() {
        let name = segment::file_name(*first);
        let bytes = fs::read(dir.join(&name)).unwrap();
        let notes = fs::read(dir.join(segment::notes_name(*first))).unwrap_or_default();
        let last = index + 1 == firsts.len();
        let part = Segment { name: &name, bytes: &bytes, notes: &notes, last };
        let mut observe = |sequence, envelope: &_| {
            assert!(
                sequence >= signed || *envelope == note(sequence),
                "entry {sequence} was altered unnoticed"
            );
        };
        if !verifier.segment(part, &mut observe) {
            break;
        }
    }
    let report = verifier.finish();
    assert!(report.failure.is_none(), "mended, and yet: {}", report.failure.unwrap());
    report.entries
}
