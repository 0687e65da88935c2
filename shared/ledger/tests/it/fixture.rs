//! A small log in memory, written as a broker writes it.

use ed25519_dalek::SigningKey;
use hoop_ledger::checkpoint::{Checkpoint, Origin, VerifierKey};
use hoop_ledger::entry::{self, ENVELOPE_VERSION, Envelope, Event, Outcome, User};
use hoop_ledger::frame;
use hoop_ledger::segment::{self, Header};
use hoop_ledger::tree::{self, Range};
use hoop_ledger::verify::{Report, Segment, Verifier};

pub struct Log {
    pub key: SigningKey,
    pub origin: Origin,
    pub range: Range,
    pub next_batch: u64,
    pub segments: Vec<File>,
    /// Segment and byte span of each entry.
    pub spans: Vec<(usize, usize, usize)>,
}

pub struct File {
    pub name: String,
    pub bytes: Vec<u8>,
    pub notes: Vec<u8>,
}

pub fn envelope(event: Event) -> Envelope {
    Envelope {
        v: ENVELOPE_VERSION,
        time_us: 1_764_000_000_000_000,
        mono_us: 1,
        boot: "01KAT".into(),
        user: User { id: "alice".into(), kind: "user".into(), person_id: None },
        origin: entry::Origin { address: "192.0.2.1:5000".into(), via: "tunnel".into(), bearer: false },
        outcome: Outcome::Success,
        affected: vec!["payments-db".into()],
        event,
    }
}

pub fn note(n: u64) -> Envelope {
    envelope(Event::Target { target: "payments-db".into(), state: "usable".into(), detail: format!("n {n}") })
}

impl Log {
    pub fn new() -> Self {
        let mut log = Self {
            key: SigningKey::from_bytes(&[7; 32]),
            origin: Origin::parse("test/broker/1").unwrap(),
            range: Range::new(),
            next_batch: 0,
            segments: Vec::new(),
            spans: Vec::new(),
        };
        log.roll();
        log
    }

    pub fn roll(&mut self) {
        let header =
            Header { before: self.range.clone(), first_batch: self.next_batch, origin: self.origin.sha256() };
        let name = segment::file_name(self.range.size());
        self.segments.push(File { name, bytes: header.encode(), notes: Vec::new() });
    }

    pub fn batch(&mut self, envelopes: &[Envelope]) {
        let payloads: Vec<Vec<u8>> = envelopes.iter().map(|e| serde_json::to_vec(e).unwrap()).collect();
        self.raw_batch(&payloads);
    }

    pub fn raw_batch(&mut self, payloads: &[Vec<u8>]) {
        let index = self.segments.len() - 1;
        let mut at = self.segments[index].bytes.len();
        let mut bytes = Vec::new();
        for payload in payloads {
            frame::push(&mut bytes, payload, &tree::leaf_hash(payload)).unwrap();
            self.spans.push((index, at, at + frame::HEADER + payload.len()));
            at += frame::HEADER + payload.len();
        }
        let first = self.range.size();
        let range = &mut self.range;
        let count = u32::try_from(payloads.len()).unwrap();
        frame::seal(&mut bytes, first, self.next_batch, count, |leaf| range.push(leaf)).unwrap();
        self.next_batch += 1;
        self.segments[index].bytes.extend_from_slice(&bytes);
    }

    pub fn sign(&mut self) {
        let note = self.checkpoint().sign(&self.key).unwrap();
        let file = self.segments.last_mut().unwrap();
        file.notes.extend_from_slice(note.as_bytes());
        file.notes.push(b'\n');
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: self.range.size(),
            root: self.range.root(),
            extensions: vec!["time_us 1764000000000000".into()],
        }
    }

    pub fn key(&self) -> VerifierKey {
        VerifierKey::of(&self.origin, &self.key)
    }

    pub fn verify(&self) -> Report {
        verify(&self.segments, vec![self.key()])
    }
}

pub fn verify(files: &[File], keys: Vec<VerifierKey>) -> Report {
    let mut verifier = Verifier::new(keys);
    for (index, file) in files.iter().enumerate() {
        let segment = Segment {
            name: &file.name,
            bytes: &file.bytes,
            notes: &file.notes,
            last: index + 1 == files.len(),
        };
        if !verifier.segment(segment, &mut |_, _| ()) {
            break;
        }
    }
    verifier.finish()
}

/// Two segments, several batches and checkpoints, and an unsigned tail of two entries.
pub fn small() -> Log {
    let mut log = Log::new();
    log.batch(&[note(0)]);
    log.sign();
    log.batch(&[note(1), note(2), note(3)]);
    log.batch(&[note(4), note(5)]);
    log.sign();
    log.roll();
    log.sign();
    log.batch(&[note(6), note(7)]);
    log.sign();
    log.batch(&[note(8), note(9)]);
    log
}
