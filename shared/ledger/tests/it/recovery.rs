//! What a crash leaves is told from what it cannot leave.

use hoop_ledger::verify::Report;

use crate::fixture::{Log, note};

/// Two batches on disk, then a batch of three that the crash hits. No checkpoint: checking one is slow, and only
/// [`what_a_checkpoint_covers_is_never_torn`] needs it.
fn log() -> (Log, usize) {
    let mut log = Log::new();
    log.batch(&[note(0), note(1)]);
    log.batch(&[note(2)]);
    let before = log.segments[0].bytes.len();
    log.batch(&[note(3), note(4), note(5)]);
    (log, before)
}

fn check(log: &Log, cut: usize, report: &Report) {
    let whole = log.spans.iter().filter(|(_, _, end)| *end <= cut).count() as u64;
    assert_eq!(report.tree_size, whole, "cut at {cut}");
    let end = log.spans[..usize::try_from(whole).unwrap()].last().unwrap().2 as u64;
    assert_eq!(report.end_offset, end, "cut at {cut}");
    match &report.failure {
        Some(failure) => {
            assert!(failure.torn, "cut at {cut}: {failure}");
            assert_eq!((failure.sequence, failure.offset), (whole, end));
        }
        None => assert_eq!(end, cut as u64, "cut at {cut}"),
    }
}

#[test]
fn a_cut_at_every_byte_of_the_last_batch_is_torn() {
    let (mut log, before) = log();
    let bytes = log.segments[0].bytes.clone();
    for cut in before..=bytes.len() {
        log.segments[0].bytes = bytes[..cut].to_vec();
        check(&log, cut, &log.verify());
        // Reserved space after it does not matter, but hides nothing.
        log.segments[0].bytes.resize(bytes.len() + 4096, 0);
        let report = log.verify();
        assert!(report.failure.is_none_or(|f| f.torn), "cut at {cut}, with zeros");
    }
}

#[test]
fn a_batch_whose_middle_was_not_written_is_torn_at_the_hole() {
    let (mut log, before) = log();
    let (_, start, end) = log.spans[4];
    assert!(start > before);
    log.segments[0].bytes[start..end].fill(0);
    let failure = log.verify().failure.unwrap();
    assert!(failure.torn, "{failure}");
    assert_eq!((failure.sequence, failure.offset), (4, start as u64));
}

#[test]
fn damage_before_the_highest_batch_is_not_torn() {
    let (log, _) = log();
    for entry in 0..3 {
        let (_, start, end) = log.spans[entry];
        for at in start..end {
            let (mut bad, _) = self::log();
            bad.segments[0].bytes[at] ^= 1;
            let failure = bad.verify().failure.unwrap();
            assert!(!failure.torn, "entry {entry} byte {at}: {failure}");
        }
    }
}

#[test]
fn what_a_checkpoint_covers_is_never_torn() {
    let (mut log, before) = log();
    log.sign();
    let bytes = log.segments[0].bytes.clone();
    for cut in (before..bytes.len()).step_by(11) {
        log.segments[0].bytes = bytes[..cut].to_vec();
        let failure = log.verify().failure.unwrap();
        assert!(!failure.torn, "cut at {cut}: {failure}");
    }
}

#[test]
fn only_the_last_segment_can_be_torn() {
    let (mut log, _) = log();
    let end = log.segments[0].bytes.len();
    log.roll();
    log.segments[0].bytes.truncate(end - 5);
    assert!(!log.verify().failure.unwrap().torn);
    // A segment whose header was not finished is.
    let (mut log, _) = self::log();
    log.roll();
    for cut in 0..log.segments[1].bytes.len() {
        log.segments[1].bytes.pop();
        let failure = log.verify().failure.unwrap();
        assert!(failure.torn && failure.offset == 0, "cut {cut}: {failure}");
    }
}

#[test]
fn a_log_goes_on_after_a_cut_batch() {
    let (mut log, _) = log();
    let (_, _, end) = log.spans[3];
    log.segments[0].bytes.truncate(end);
    let mut range = hoop_ledger::tree::Range::new();
    for n in 0..4 {
        range.push(hoop_ledger::tree::leaf_hash(&serde_json::to_vec(&note(n)).unwrap()));
    }
    log.range = range;
    log.batch(&[note(40)]);
    log.sign();
    let report = log.verify();
    assert!(report.failure.is_none(), "{:?}", report.failure);
    assert_eq!((report.entries, report.short_batches, report.unsigned_tail), (5, 1, 0));
}

#[test]
fn a_readable_frame_of_another_batch_or_an_old_sequence_is_not_torn() {
    let (mut log, _) = log();
    let (_, start, end) = log.spans[5];
    let copy =
        |entry: usize, log: &Log| log.segments[0].bytes[log.spans[entry].1..log.spans[entry].2].to_vec();
    // An entry of an earlier batch, then one of the right batch that was there already.
    for old in [1, 3] {
        let mut bytes = log.segments[0].bytes.clone();
        bytes[start..end].fill(b'x');
        bytes.extend_from_slice(&copy(old, &log));
        let whole = std::mem::replace(&mut log.segments[0].bytes, bytes);
        let failure = log.verify().failure.unwrap();
        assert!(!failure.torn && failure.sequence == 5, "{failure}");
        log.segments[0].bytes = whole;
    }
}
