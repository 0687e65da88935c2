//! The ledger's formats: what reads back is what was written, and no change to what is signed goes unnoticed.

#[allow(dead_code, reason = "the ledger's own tests use the rest")]
#[path = "../../../shared/ledger/tests/it/fixture.rs"]
pub(crate) mod fixture;

use std::sync::LazyLock;

use fixture::{File, Log, small};
use hoop_ledger::checkpoint::{Checkpoint, VerifierKey, split_notes};
use hoop_ledger::entry::Envelope;
use hoop_ledger::frame::{self, FrameError, HEADER};
use hoop_ledger::segment::{self, Header, Step};
use hoop_ledger::verify::{Segment, Verifier};
use hoop_ledger::{torn, tree};

/// Ten entries in two segments, four checkpoints, the last over eight.
pub(crate) static LOG: LazyLock<Log> = LazyLock::new(small);
/// The checkpoints of [`LOG`].
static SIGNED: LazyLock<Vec<Checkpoint>> = LazyLock::new(|| {
    let notes = LOG.segments.iter().flat_map(|file| split_notes(&file.notes).0);
    notes.map(|(_, note)| Checkpoint::parse_unverified(str::from_utf8(note).unwrap()).unwrap()).collect()
});

/// Any bytes as the frames of a segment, as its header, and as payloads of a batch.
pub fn ledger_frames(data: &[u8]) {
    if let Ok((header, length)) = Header::decode(data) {
        assert_eq!(header.encode(), &data[..length], "written again");
    }
    let mut at = 0;
    loop {
        match segment::step(data, at) {
            Step::Frame(frame) => {
                let bytes = &data[at..at + frame.len()];
                assert_eq!(frame::decode(bytes), Ok(frame));
                assert!(matches!(frame::decode(&bytes[..bytes.len() - 1]), Err(FrameError::Short { .. })));
                if frame.remaining == 0 {
                    let mut again = Vec::new();
                    frame::push(&mut again, frame.payload, &frame.leaf).unwrap();
                    frame::seal(&mut again, frame.sequence, frame.batch, 1, |_| ()).unwrap();
                    assert_eq!(again, bytes, "written again");
                }
                at += frame.len();
            }
            Step::End => break assert!(data[at..].iter().all(|b| *b == 0)),
            Step::Bad(_) => {
                let _any = torn::is_torn(data, at, 0, 0);
                break;
            }
        }
    }
    let payloads: Vec<&[u8]> = data.split(|b| *b == b'\n').filter(|p| !p.is_empty()).collect();
    let mut batch = Vec::new();
    for payload in &payloads {
        frame::push(&mut batch, payload, &tree::leaf_hash(payload)).unwrap();
    }
    frame::seal(&mut batch, 7, 3, u32::try_from(payloads.len()).unwrap(), |_| ()).unwrap();
    let mut at = 0;
    for (payload, sequence) in payloads.iter().zip(7..) {
        let frame = frame::decode(&batch[at..]).unwrap();
        assert!(frame.leaf_holds() && frame.sequence == sequence && frame.payload == *payload);
        at += frame.len();
    }
    assert_eq!(segment::step(&batch, at), Step::End);
}

/// The input is a list of changes to a sound log, four bytes each; whatever they are, what a good report calls signed
/// is what was signed.
pub fn ledger_segment(data: &[u8]) {
    let mut files = copies();
    for [act, high, low, value] in data.as_chunks::<4>().0.iter().take(16) {
        change(&mut files, *act, usize::from(*high) << 8 | usize::from(*low), *value);
    }
    let mut verifier = Verifier::new(vec![LOG.key()]);
    let mut seen: Vec<(u64, Envelope)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let last = index + 1 == files.len();
        let part = Segment { name: &file.name, bytes: &file.bytes, notes: &file.notes, last };
        if !verifier.segment(part, &mut |sequence, envelope| seen.push((sequence, envelope.clone()))) {
            break;
        }
    }
    let report = verifier.finish();
    assert!(report.unsigned_tail <= report.tree_size);
    let Some(checkpoint) = report.last_checkpoint else { return };
    assert!(SIGNED.contains(&checkpoint), "a checkpoint that nobody signed");
    if report.failure.is_none() {
        for (sequence, envelope) in seen.iter().filter(|(sequence, _)| *sequence < checkpoint.size) {
            assert_eq!(*envelope, fixture::note(*sequence), "entry {sequence} was altered unnoticed");
        }
        assert!(seen.len() as u64 >= checkpoint.size, "entries are missing");
    }
}

/// The files of [`LOG`], to be changed.
pub(crate) fn copies() -> Vec<File> {
    let copy = |f: &File| File { name: f.name.clone(), bytes: f.bytes.clone(), notes: f.notes.clone() };
    LOG.segments.iter().map(copy).collect()
}

pub(crate) fn change(files: &mut [File], act: u8, at: usize, value: u8) {
    let index = usize::from(act & 1) % files.len();
    let file = &mut files[index];
    match act >> 1 & 7 {
        0 | 1 => flip(&mut file.bytes, at, value),
        2 => flip(&mut file.notes, at, value),
        3 => file.bytes.truncate(at),
        4 => file.notes.truncate(at),
        5 => file.bytes.extend(std::iter::repeat_n(value, at % 200)),
        6 => reseal(&mut file.bytes, at, value, false),
        _ => reseal(&mut file.bytes, at, value, true),
    }
}

fn flip(bytes: &mut [u8], at: usize, value: u8) {
    let len = bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(at % len) {
        *byte ^= value;
    }
}

/// Changes a byte of the payload of the frame around `at` and makes its CRC right, and its leaf hash on request: what
/// somebody who knows the format would do.
fn reseal(bytes: &mut [u8], at: usize, value: u8, leaf: bool) {
    let Ok((_, mut start)) = Header::decode(bytes) else { return };
    while let Step::Frame(frame) = segment::step(bytes, start) {
        let end = start + frame.len();
        if (start..end).contains(&at) {
            let (sequence, batch, old, remaining) =
                (frame.sequence, frame.batch, frame.leaf, frame.remaining);
            let mut payload = frame.payload.to_vec();
            flip(&mut payload, at - start, value);
            let leaf = if leaf { tree::leaf_hash(&payload) } else { old };
            let mut again = Vec::new();
            for _ in 0..=remaining {
                frame::push(&mut again, &payload, &leaf).unwrap();
            }
            frame::seal(&mut again, sequence, batch, remaining + 1, |_| ()).unwrap();
            bytes[start..end].copy_from_slice(&again[..HEADER + payload.len()]);
            return;
        }
        start = end;
    }
}

/// Any bytes as a notes file, as one note, and as a key.
pub fn checkpoint(data: &[u8]) {
    let (notes, end) = split_notes(data);
    assert!(end <= data.len());
    let mut next = 0;
    for (offset, note) in &notes {
        assert!(*offset == next && data[*offset..].starts_with(note));
        next += note.len() + 1;
        read(note);
    }
    assert_eq!(next, end);
    read(data);
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text.trim_end_matches('\n'), "written again");
    }
}

fn read(note: &[u8]) {
    let Ok(note) = str::from_utf8(note) else { return };
    let opened = Checkpoint::open(note, &[LOG.key()]);
    if let Ok(parsed) = Checkpoint::parse_unverified(note) {
        assert!(note.starts_with(&parsed.body()), "written again");
    } else {
        opened.as_ref().unwrap_err();
    }
    if let Ok(opened) = opened {
        assert!(SIGNED.contains(&opened), "a checkpoint that nobody signed");
    }
}
