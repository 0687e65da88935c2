//! Signed notes: what is signed reads back, and nothing else does.

use ed25519_dalek::SigningKey;
use hoop_ledger::checkpoint::{Checkpoint, NoteError, Origin, VerifierKey, split_notes};

use crate::fixture::{Log, note};

fn signed() -> (Checkpoint, String, VerifierKey) {
    let mut log = Log::new();
    log.batch(&[note(1), note(2), note(3)]);
    let checkpoint = log.checkpoint();
    let text = checkpoint.sign(&log.key).unwrap();
    (checkpoint, text, log.key())
}

#[test]
fn a_note_has_the_form_of_the_specification() {
    let (checkpoint, text, key) = signed();
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!(lines[..2], ["test/broker/1", "3"]);
    assert_eq!((lines[2].len(), lines[3], lines[4]), (44, "time_us 1764000000000000", ""));
    assert!(lines[5].starts_with("\u{2014} test/broker/1 "), "{}", lines[5]);
    assert_eq!(lines[6..], [""]);
    assert_eq!(Checkpoint::open(&text, &[key]), Ok(checkpoint.clone()));
    assert_eq!(Checkpoint::parse_unverified(&text), Ok(checkpoint));
}

#[test]
fn a_flipped_bit_at_every_byte_of_a_note_is_refused() {
    let (_, text, key) = signed();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 1 << bit;
            let Ok(bad) = String::from_utf8(bad) else { continue };
            assert!(
                Checkpoint::open(&bad, std::slice::from_ref(&key)).is_err(),
                "byte {at} bit {bit}: {bad}"
            );
        }
        let Some(cut) = text.get(..at) else { continue };
        assert!(Checkpoint::open(cut, std::slice::from_ref(&key)).is_err(), "cut at {at}");
    }
}

#[test]
fn only_a_trusted_key_of_the_log_counts() {
    let (checkpoint, text, key) = signed();
    let other = SigningKey::from_bytes(&[8; 32]);
    let others = VerifierKey::of(&checkpoint.origin, &other);
    assert_eq!(Checkpoint::open(&text, std::slice::from_ref(&others)), Err(NoteError::Unsigned));
    assert_eq!(Checkpoint::open(&text, &[]), Err(NoteError::Unsigned));
    // A trusted key of another log cannot speak for this one.
    let elsewhere = Origin::parse("elsewhere/broker/1").unwrap();
    let raw = checkpoint.sign(&other).unwrap();
    let foreign = Checkpoint { origin: elsewhere.clone(), ..checkpoint.clone() }.sign(&other).unwrap();
    let (body, _) = raw.split_once("\n\n").unwrap();
    let (_, signature) = foreign.split_once("\n\n").unwrap();
    let mixed = format!("{body}\n\n{signature}");
    let trusted = [VerifierKey::of(&elsewhere, &other)];
    assert!(matches!(Checkpoint::open(&mixed, &trusted), Err(NoteError::Signature(_))));
    // A further signature, such as a witness's, is passed over.
    let (_, witness) = raw.split_once("\n\n").unwrap();
    assert_eq!(Checkpoint::open(&format!("{text}{witness}"), &[key]), Ok(checkpoint));
}

#[test]
fn verifier_keys_read_and_write_the_common_form() {
    // The example key of golang.org/x/mod/sumdb/note.
    let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let key = VerifierKey::parse(text).unwrap();
    assert_eq!((key.to_string().as_str(), key.name().as_str()), (text, "PeterNeumann"));
    for bad in [
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3",
        "",
    ] {
        assert!(VerifierKey::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_and_extensions_cannot_forge_lines() {
    for bad in ["", "a b", "a+b", "a\nb", "a\u{7f}", "a\u{2003}b"] {
        assert!(Origin::parse(bad).is_err(), "{bad:?}");
    }
    let (checkpoint, _, _) = signed();
    let key = SigningKey::from_bytes(&[7; 32]);
    for bad in ["", "a\nb", "a\rb"] {
        let forged = Checkpoint { extensions: vec![bad.into()], ..checkpoint.clone() };
        assert!(forged.sign(&key).is_err(), "{bad:?}");
    }
}

#[test]
fn a_notes_file_splits_at_every_cut() {
    let (_, text, _) = signed();
    let file = format!("{text}\n{text}\n");
    let whole = text.len() + 1;
    for at in 0..=file.len() {
        let (notes, end) = split_notes(&file.as_bytes()[..at]);
        assert_eq!((notes.len(), end), (at / whole, at / whole * whole), "cut at {at}");
        assert!(notes.iter().all(|(_, n)| *n == text.as_bytes()));
    }
}
