//! `audit verify` on ledgers as a broker writes them: two segments, four checkpoints, an unsigned tail of two entries.

use std::fs;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use hoop_ledger::checkpoint::{Origin, VerifierKey};
use hoop_ledger::frame::HEADER;

use crate::fixture::{Log, note, small};
use crate::run::Home;

const FIRST: &str = "00000000000000000000";
const SECOND: &str = "00000000000000000006";

/// A home with `log` in `ledger/` and its public key in `ledger.pub`.
fn home_with(log: &Log) -> Home {
    let home = Home::new();
    let dir = home.path().join("ledger");
    fs::create_dir(&dir).unwrap();
    for file in &log.segments {
        fs::write(dir.join(&file.name), &file.bytes).unwrap();
        fs::write(dir.join(file.name.replace(".seg", ".notes")), &file.notes).unwrap();
    }
    // What else lies in a broker's folder.
    fs::write(dir.join("lock"), "").unwrap();
    fs::write(dir.join("reserve"), [0; 100]).unwrap();
    fs::write(home.path().join("ledger.pub"), format!("{}\n", log.key())).unwrap();
    home
}

fn verify(home: &Home) -> String {
    home.tell(&["audit", "verify", "ledger", "--key", "ledger.pub"])
}

fn file(home: &Home, name: &str) -> PathBuf {
    home.path().join("ledger").join(name)
}

fn change(path: &Path, act: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    act(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// All ten entries signed.
fn signed() -> Log {
    let mut log = small();
    log.sign();
    log
}

#[test]
fn a_sound_ledger() {
    insta::assert_snapshot!(verify(&home_with(&signed())));
}

#[test]
fn an_unsigned_tail_is_named() {
    insta::assert_snapshot!(verify(&home_with(&small())));
}

#[test]
fn a_flipped_byte_names_its_entry_wherever_it_lies() {
    let log = signed();
    let home = home_with(&log);
    for (entry, (segment, start, end)) in log.spans.iter().enumerate() {
        let path = file(&home, &log.segments[*segment].name);
        for at in [*start, start + HEADER, end - 1] {
            change(&path, |bytes| bytes[at] ^= 0x20);
            let told = verify(&home);
            assert!(told.starts_with("exit 1\n"), "{told}");
            assert!(told.contains(&format!("does not hold: entry {entry}: ")), "entry {entry}: {told}");
            assert!(
                told.contains(&format!("file: {}\nbyte: {start}\n", log.segments[*segment].name)),
                "{told}"
            );
            change(&path, |bytes| bytes[at] ^= 0x20);
        }
    }
    change(&file(&home, &log.segments[0].name), |bytes| bytes[log.spans[3].1 + HEADER + 20] ^= 1);
    insta::assert_snapshot!(verify(&home));
}

#[test]
fn a_rewritten_entry_is_narrowed_to_its_checkpoint() {
    // The same log but for entry 2, with every hash made anew and the old checkpoints kept.
    let mut forged = Log::new();
    forged.batch(&[note(0)]);
    forged.batch(&[note(1), note(99), note(3)]);
    forged.batch(&[note(4), note(5)]);
    let home = home_with(&signed());
    fs::write(file(&home, &forged.segments[0].name), &forged.segments[0].bytes).unwrap();
    insta::assert_snapshot!(verify(&home));
}

#[test]
fn a_missing_segment_is_named_first_or_last() {
    let home = home_with(&signed());
    fs::remove_file(file(&home, &format!("{FIRST}.seg"))).unwrap();
    insta::assert_snapshot!("missing_first_segment", verify(&home));
    let home = home_with(&signed());
    fs::remove_file(file(&home, &format!("{SECOND}.seg"))).unwrap();
    insta::assert_snapshot!("missing_last_segment", verify(&home));
}

#[test]
fn a_ledger_cut_below_a_checkpoint_is_named() {
    let log = signed();
    let home = home_with(&log);
    change(&file(&home, &format!("{SECOND}.seg")), |bytes| bytes.truncate(log.spans[8].1));
    insta::assert_snapshot!(verify(&home));
}

#[test]
fn another_key_does_not_do() {
    let home = home_with(&signed());
    let write = |origin: &str, seed: u8| {
        let key = VerifierKey::of(&Origin::parse(origin).unwrap(), &SigningKey::from_bytes(&[seed; 32]));
        fs::write(home.path().join("ledger.pub"), key.to_string()).unwrap();
    };
    write("test/broker/1", 8);
    insta::assert_snapshot!("another_key", verify(&home));
    write("other/broker/1", 7);
    insta::assert_snapshot!("another_ledger", verify(&home));
}

#[test]
fn without_checkpoints_nothing_is_proven() {
    let home = home_with(&signed());
    for name in [FIRST, SECOND] {
        fs::remove_file(file(&home, &format!("{name}.notes"))).unwrap();
    }
    insta::assert_snapshot!(verify(&home));
}

#[test]
fn a_torn_tail_is_named_and_no_failure() {
    let log = small();
    let home = home_with(&log);
    let path = file(&home, &format!("{SECOND}.seg"));
    // In the middle of a write: half of the last frame, in space that was reserved as zeros.
    change(&path, |bytes| {
        let (_, start, end) = log.spans[9];
        bytes.truncate(usize::midpoint(start, end));
        bytes.resize(1 << 20, 0);
    });
    change(&file(&home, &format!("{SECOND}.notes")), |notes| notes.extend_from_slice(b"test/broker/1\n9"));
    fs::write(file(&home, &format!("{FIRST}.seg.cut-300-1764000000000")), "x").unwrap();
    insta::assert_snapshot!(verify(&home));
    // It hides no bad checkpoint.
    change(&file(&home, &format!("{SECOND}.notes")), |notes| notes[30] ^= 1);
    insta::assert_snapshot!("torn_tail_and_bad_checkpoint", verify(&home));
}

#[test]
fn a_torn_entry_that_was_signed_is_a_failure() {
    let log = signed();
    let home = home_with(&log);
    change(&file(&home, &format!("{SECOND}.seg")), |bytes| bytes.truncate(log.spans[9].1 + 10));
    let told = verify(&home);
    assert!(told.starts_with("exit 1\n") && told.contains("entry 9: the frame is cut off"), "{told}");
}

#[test]
fn a_ledger_that_is_being_written_holds_at_every_look() {
    use std::os::unix::fs::FileExt as _;
    let mut log = signed();
    let home = home_with(&log);
    let open = |name: &str| fs::OpenOptions::new().write(true).open(file(&home, name)).unwrap();
    let segment = open(&format!("{SECOND}.seg"));
    let notes = open(&format!("{SECOND}.notes"));
    // Space reserved ahead, as a broker has it.
    segment.set_len(1 << 20).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100 {
                let last = log.segments.last().unwrap();
                let (at, notes_at) = (last.bytes.len(), last.notes.len());
                log.batch(&[note(1), note(2), note(3)]);
                log.sign();
                let last = log.segments.last().unwrap();
                segment.write_all_at(&last.bytes[at..], at as u64).unwrap();
                notes.write_all_at(&last.notes[notes_at..], notes_at as u64).unwrap();
            }
        });
        let told: Vec<String> = (0..4).map(|_| verify(&home)).collect();
        assert!(told.iter().all(|t| t.starts_with("exit 0\n")), "{}", told.join("\n"));
    });
}

#[test]
fn one_segment_alone() {
    let home = home_with(&signed());
    fs::remove_file(file(&home, &format!("{FIRST}.seg"))).unwrap();
    let place = format!("ledger/{SECOND}.seg");
    insta::assert_snapshot!(home.tell(&["audit", "verify", &place, "--key", "ledger.pub"]));
    let notes = format!("ledger/{SECOND}.notes");
    assert!(home.tell(&["audit", "verify", &notes, "--key", "ledger.pub"]).starts_with("exit 0\n"));
    // The tree before it is only its header's word, which the first checkpoint proves.
    fs::remove_file(file(&home, &format!("{SECOND}.notes"))).unwrap();
    assert!(home.tell(&["audit", "verify", &place, "--key", "ledger.pub"]).starts_with("exit 1\n"));
}

#[test]
fn a_new_ledger_without_entries() {
    insta::assert_snapshot!(verify(&home_with(&Log::new())));
}

#[test]
fn places_and_keys_that_are_none() {
    let home = home_with(&signed());
    let tell = |place: &str| home.tell(&["audit", "verify", place, "--key", "ledger.pub"]);
    let mut told = vec![tell("missing"), tell("."), tell("ledger/lock")];
    let key = |content: &str| {
        fs::write(home.path().join("other.pub"), content).unwrap();
        home.tell(&["audit", "verify", "ledger", "--key", "other.pub"])
    };
    told.push(key(""));
    told.push(key("test/broker/1+00000000+AQID"));
    told.push(key("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"));
    told.push(key("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"));
    told.push(home.tell(&["audit", "verify", "ledger"]));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_key_from_the_ledgers_own_folder_is_remarked_upon() {
    let home = home_with(&signed());
    fs::copy(home.path().join("ledger.pub"), file(&home, "ledger.pub")).unwrap();
    let output = home.run(&["audit", "verify", "ledger", "--key", "ledger/ledger.pub"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap());
}
