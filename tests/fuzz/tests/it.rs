//! Replays the committed corpora.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;

use hoop_fuzz::TARGETS;
use hoop_pgwire::backend::BackendMessage;
use hoop_pgwire::frontend::FrontendMessage;
use hoop_pgwire::startup::{StartupRequest, decode_startup};
use hoop_pgwire::{Frame, Limits, Tag, WireError, next_frame};

#[test]
fn every_body_survives_its_corpus() {
    for (name, body) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs = 0;
        for file in fs::read_dir(&folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display())) {
            let path = file.unwrap().path();
            println!("{}", path.display());
            body(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "`{name}` has no corpus");
    }
}

/// Corpora are seeds and findings; what a campaign learns stays outside the tree.
#[test]
fn corpora_are_small() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folders = fs::read_dir(corpus).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap()));
    let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes <= 300_000, "{bytes} bytes");
}

#[test]
fn every_body_has_a_binary_and_every_corpus_a_body() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let listed = |folder: &str| {
        let mut names: Vec<String> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(listed("fuzz_targets"), names);
    assert_eq!(listed("corpus"), names);
}

/// `session-*` are what psql and pgbench said to PostgreSQL 15, and what it answered.
fn walk_session<T: Tag>(
    stream: &[u8],
    limits: &Limits<T>,
    decode: impl Fn(T, &[u8]) -> Result<(), WireError>,
) {
    let mut at = 0;
    while at < stream.len() {
        let Ok(Frame::Whole { tag, body }) = next_frame(&stream[at..], limits) else {
            panic!("no whole frame at {at}")
        };
        decode(tag, &stream[at..][body.clone()]).unwrap();
        at += body.end;
    }
}

#[test]
fn real_sessions_are_understood_to_the_last_byte() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for session in ["psql-script", "psql-describe-table", "pgbench-prepared", "pgbench-pipeline"] {
        let read = |target: &str| fs::read(corpus.join(target).join(format!("session-{session}"))).unwrap();
        let opening = read("wire_startup");
        assert!(
            matches!(decode_startup(&opening), Ok(Some((StartupRequest::Startup { .. }, used))) if used == opening.len())
        );
        walk_session(&read("wire_frontend"), &Limits::default(), |tag, body| {
            FrontendMessage::decode(tag, body).map(drop)
        });
        walk_session(&read("wire_backend"), &Limits::default(), |tag, body| {
            BackendMessage::decode(tag, body).map(drop)
        });
    }
}
