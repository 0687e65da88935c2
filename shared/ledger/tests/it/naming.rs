//! Every manipulation is found, and the entry is named.

use hoop_ledger::frame;
use hoop_ledger::segment::{self, Header};
use hoop_ledger::tree;
use hoop_ledger::verify::{Fault, Segment, Verifier};

use crate::fixture::{File, Log, note, small, verify};

fn copy(log: &Log) -> Vec<File> {
    let copy = |f: &File| File { name: f.name.clone(), bytes: f.bytes.clone(), notes: f.notes.clone() };
    log.segments.iter().map(copy).collect()
}

#[test]
fn a_good_log_is_reported_in_figures() {
    let report = small().verify();
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!((report.entries, report.tree_size, report.segments), (10, 10, 2));
    assert_eq!((report.checkpoints, report.unsigned_tail), (4, 2));
    assert_eq!(report.last_checkpoint.unwrap().size, 8);
    assert_eq!(report.root, small().range.root());
}

#[test]
fn a_flipped_bit_at_every_byte_names_its_entry() {
    let log = small();
    for (entry, (segment, start, end)) in log.spans.iter().enumerate() {
        for at in *start..*end {
            let mut files = copy(&log);
            files[*segment].bytes[at] ^= 1 << (at % 8);
            // Checking signatures takes most of the time and names no entry: now and then is enough.
            if at % 97 != 0 {
                files.iter_mut().for_each(|f| f.notes.clear());
            }
            let failure = verify(&files, vec![log.key()]).failure.expect("a flip went unnoticed");
            assert_eq!(failure.sequence, entry as u64, "byte {at}: {failure}");
            assert_eq!((&failure.file, failure.offset), (&log.segments[*segment].name, *start as u64));
        }
    }
}

#[test]
fn a_flipped_bit_in_header_or_notes_is_named() {
    let log = small();
    for index in 0..log.segments.len() {
        let (_, header) = Header::decode(&log.segments[index].bytes).unwrap();
        for at in (0..header).step_by(3) {
            let mut files = copy(&log);
            files[index].bytes[at] ^= 4;
            let failure = verify(&files, vec![log.key()]).failure.expect("a flip went unnoticed");
            assert_eq!((failure.file.as_str(), failure.offset), (log.segments[index].name.as_str(), 0));
        }
        for at in (0..log.segments[index].notes.len()).rev().step_by(7) {
            let mut files = copy(&log);
            files[index].notes[at] ^= 4;
            let report = verify(&files, vec![log.key()]);
            // Without its last line break the last note of a log is an unfinished one, as a crash leaves it.
            assert!(report.failure.is_some() || report.torn_note.is_some(), "notes byte {at} of {index}");
            if let Some(failure) = report.failure {
                assert!(failure.file.ends_with(".notes"), "{failure}");
            }
        }
    }
}

/// Writes another payload over an entry and makes CRC, leaf hash and lengths right again, as an attacker would.
fn rewrite(files: &mut [File], span: (usize, usize, usize), payload: &[u8], fix_leaf: bool) {
    let (segment, start, end) = span;
    let old = frame::decode(&files[segment].bytes[start..end]).unwrap();
    let (sequence, batch, remaining) = (old.sequence, old.batch, old.remaining);
    let leaf = if fix_leaf { tree::leaf_hash(payload) } else { old.leaf };
    let mut bytes = Vec::new();
    // `remaining` is what a batch of that many more frames would have; seal them and keep the first.
    for _ in 0..=remaining {
        frame::push(&mut bytes, payload, &leaf).unwrap();
    }
    frame::seal(&mut bytes, sequence, batch, remaining + 1, |_| ()).unwrap();
    bytes.truncate(frame::HEADER + payload.len());
    files[segment].bytes.splice(start..end, bytes);
}

#[test]
fn a_rewritten_entry_with_a_new_crc_is_named() {
    let log = small();
    for (entry, span) in log.spans.iter().enumerate() {
        let mut files = copy(&log);
        rewrite(&mut files, *span, &serde_json::to_vec(&note(99)).unwrap(), false);
        let failure = verify(&files, vec![log.key()]).failure.unwrap();
        assert_eq!(failure.sequence, entry as u64);
        assert!(matches!(failure.fault, Fault::Leaf), "{failure}");
    }
}

#[test]
fn a_rewritten_entry_with_a_new_leaf_hash_is_narrowed_to_its_checkpoint() {
    let log = small();
    let ranges = [(0, 0), (1, 5), (6, 7)];
    for (entry, span) in log.spans.iter().enumerate() {
        let mut files = copy(&log);
        rewrite(&mut files, *span, &serde_json::to_vec(&note(99)).unwrap(), true);
        let report = verify(&files, vec![log.key()]);
        let entry = entry as u64;
        let Some((from, to)) = ranges.iter().find(|(from, to)| (*from..=*to).contains(&entry)) else {
            // Nobody has signed the tail yet: the report says how long it is.
            assert!(report.failure.is_none() && report.unsigned_tail == 2);
            continue;
        };
        let failure = report.failure.expect("a rewritten entry went unnoticed");
        assert_eq!((failure.sequence, failure.through), (*from, Some(*to)), "{failure}");
        let offset = log.spans[usize::try_from(*from).unwrap()].1;
        assert_eq!(failure.offset, offset as u64);
        assert!(matches!(failure.fault, Fault::Root { .. }));
    }
}

#[test]
fn deleted_and_swapped_entries_are_named() {
    let log = small();
    for entry in 0..9 {
        let (segment, start, end) = log.spans[entry];
        if log.spans[entry + 1].0 != segment {
            continue;
        }
        let mut files = copy(&log);
        files[segment].bytes.drain(start..end);
        let failure = verify(&files, vec![log.key()]).failure.unwrap();
        assert_eq!(failure.sequence, entry as u64);
        assert!(matches!(failure.fault, Fault::Sequence { .. }), "{failure}");
        let mut files = copy(&log);
        files[segment].bytes[start..log.spans[entry + 1].2].rotate_left(end - start);
        let failure = verify(&files, vec![log.key()]).failure.unwrap();
        assert_eq!(failure.sequence, entry as u64);
    }
}

#[test]
fn a_log_cut_below_a_checkpoint_is_named_at_every_entry() {
    let log = small();
    for entry in 6..8 {
        let (segment, start, _) = log.spans[entry];
        let mut files = copy(&log);
        files[segment].bytes.truncate(start);
        let failure = verify(&files, vec![log.key()]).failure.unwrap();
        assert_eq!(failure.sequence, entry as u64);
        assert!(matches!(failure.fault, Fault::Missing { size: 8 }) && !failure.torn, "{failure}");
        // The same with zeros, as space that was never written.
        let mut files = copy(&log);
        files[segment].bytes[start..].fill(0);
        let failure = verify(&files, vec![log.key()]).failure.unwrap();
        assert_eq!(failure.sequence, entry as u64);
        // Part of the first entry only: a crash cannot do that to what is signed.
        let mut files = copy(&log);
        files[segment].bytes.truncate(start + 10);
        let failure = verify(&files, vec![log.key()]).failure.unwrap();
        assert_eq!((failure.sequence, failure.torn), (entry as u64, false));
    }
}

#[test]
fn missing_segments_and_foreign_logs_are_named() {
    let log = small();
    let mut files = copy(&log);
    files.remove(0);
    assert!(matches!(
        verify(&files, vec![log.key()]).failure.unwrap().fault,
        Fault::Segment { expected: 0, found: 6 }
    ));
    let mut verifier = Verifier::new(vec![log.key()]).start_at(6);
    let file = &log.segments[1];
    let part = Segment { name: &file.name, bytes: &file.bytes, notes: &file.notes, last: true };
    let mut seen = Vec::new();
    assert!(verifier.segment(part, &mut |sequence, _| seen.push(sequence)));
    let report = verifier.finish();
    assert_eq!((report.first_sequence, report.entries, report.unsigned_tail), (6, 4, 2));
    assert_eq!(seen, [6, 7, 8, 9]);

    let mut other = Log::new();
    other.origin = hoop_ledger::checkpoint::Origin::parse("other/broker/1").unwrap();
    other.segments.clear();
    other.roll();
    other.batch(&[note(0)]);
    assert!(matches!(verify(&other.segments, vec![log.key()]).failure.unwrap().fault, Fault::Origin));
}

#[test]
fn a_payload_that_is_no_envelope_is_named() {
    let mut log = Log::new();
    log.batch(&[note(0)]);
    log.raw_batch(&[b"{\"v\":1}".to_vec()]);
    log.sign();
    let failure = log.verify().failure.unwrap();
    assert_eq!(failure.sequence, 1);
    assert!(matches!(failure.fault, Fault::Envelope(_)), "{failure}");
    assert_eq!(segment::parse_name(&failure.file), Some(0));
}

#[test]
fn a_header_over_another_tree_is_named() {
    let log = small();
    let (header, length) = Header::decode(&log.segments[1].bytes).unwrap();
    let mut peaks = header.before.peaks().to_vec();
    peaks[1][0] ^= 1;
    let other = tree::Range::from_parts(header.before.size(), peaks).unwrap();
    let headers = [
        Header { before: other, ..header.clone() },
        Header { first_batch: header.first_batch + 1, ..header.clone() },
    ];
    for bad in headers {
        let mut files = copy(&log);
        files[1].bytes.splice(..length, bad.encode());
        let failure = verify(&files, vec![log.key()]).failure.unwrap();
        assert!(matches!(failure.fault, Fault::Before) && failure.sequence == 6, "{failure}");
    }
}
