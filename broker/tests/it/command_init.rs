use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use hoop_broker::config::{self, LIMITS};

use crate::broker::{broker, initialised};

/// The tree below `dir` with modes, sorted.
fn tree(dir: &Path) -> String {
    let mut lines = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("metadata");
            let mode = metadata.permissions().mode() & 0o7777;
            let path = entry.path();
            lines.push(format!("{mode:04o} {}", path.strip_prefix(dir).expect("below").display()));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    lines.sort_by(|a, b| a[5..].cmp(&b[5..]));
    lines.join("\n")
}

/// Fingerprints differ from run to run.
fn without_fingerprint(said: &str) -> String {
    let word = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    said.lines()
        .map(|line| if word(line.trim()) { line.replace(line.trim(), "FINGERPRINT") } else { line.to_owned() } + "\n")
        .collect()
}

#[test]
fn it_says_what_it_made_and_what_comes_next() {
    let dir = tempfile::tempdir().expect("a folder");
    insta::assert_snapshot!(without_fingerprint(&broker(dir.path(), &["init", "b"])));
    insta::assert_snapshot!("tree", tree(&dir.path().join("b")));
}

#[test]
fn the_template_is_what_people_read() {
    let dir = initialised();
    insta::assert_snapshot!(fs::read_to_string(dir.path().join("b/broker.toml")).expect("readable"));
}

#[test]
fn a_second_init_changes_nothing() {
    let dir = initialised();
    let before = fs::read(dir.path().join("b/keys/ledger.key")).expect("readable");
    insta::assert_snapshot!(broker(dir.path(), &["init", "b"]));
    assert_eq!(fs::read(dir.path().join("b/keys/ledger.key")).expect("readable"), before);
}

#[test]
fn what_is_in_the_way_is_never_written_through() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("b")).expect("made");
    symlink("/nowhere/at/all", dir.path().join("b/keys")).expect("linked");
    insta::assert_snapshot!(broker(dir.path(), &["init", "b"]));
    assert!(!dir.path().join("b/broker.toml").exists());
}

#[test]
fn what_was_made_is_sound() {
    let dir = initialised();
    insta::assert_snapshot!(broker(dir.path(), &["check", "--config", "b/broker.toml"]));
}

#[test]
fn every_comment_of_the_template_is_sound_too() {
    let dir = initialised();
    let file = dir.path().join("b/broker.toml");
    let template = fs::read_to_string(&file).expect("readable");
    // A commented-out line is `# key = …` or `# [section]`; prose is none of these.
    let uncomment = |line: &str| match line.strip_prefix("# ") {
        Some(code) if code.starts_with('[') => code.to_owned(),
        Some(code) if code.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => code.to_owned(),
        _ => line.to_owned(),
    };
    let all: Vec<String> = template.lines().map(uncomment).collect();
    let all = all.join("\n").replace("provider = \"local\"\n", "");
    let config = config::parse(&all, &file, dir.path()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.targets["payments-db"].classes.len(), 5);
    assert!(matches!(config.identity, config::IdentityProvider::Oidc(_)));
    for row in LIMITS {
        assert!(
            template.contains(&format!("# {}\n# {} = ", row.meaning, row.key)),
            "{} is not there",
            row.key
        );
    }
}

#[test]
fn arguments_are_read_by_the_parser_of_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let init = |args: &[&str]| broker(dir.path(), &[&["init", "b"], args].concat());
    insta::assert_snapshot!(init(&["--name", "a\"\nlisten = \"0.0.0.0:1"]));
    insta::assert_snapshot!("public_url", init(&["--public-url", "http://x"]));
    insta::assert_snapshot!(
        "url_with_a_quote",
        init(&["--public-url", "https://x\"\npostgres_listen = \"0.0.0.0:1"])
    );
    assert!(!dir.path().join("b").exists());
}

#[test]
fn other_tools_can_read_what_was_made() {
    let dir = initialised();
    let keys = dir.path().join("b/keys");
    let ledger = fs::read_to_string(keys.join("ledger.key")).expect("readable");
    // RFC 8410 §7: version 1, 48 bytes, so one line of base64 with a known beginning.
    let lines: Vec<&str> = ledger.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1].len()), (3, "-----BEGIN PRIVATE KEY-----", 64));
    assert!(lines[1].starts_with("MC4CAQAwBQYDK2VwBCIEI"), "{}", lines[1]);
    let pem = fs::read(keys.join("tls.crt")).expect("readable");
    let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).expect("PEM");
    let certificate = pem.parse_x509().expect("a certificate");
    let names = certificate.subject_alternative_name().expect("one").expect("one");
    let names: Vec<String> = names.value.general_names.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(names.join("\n"));
    let days = certificate.validity().not_after.timestamp() - certificate.validity().not_before.timestamp();
    assert_eq!(days, 397 * 86_400 + 3600);
    assert!(!certificate.is_ca());
}

#[test]
fn the_public_halves_are_printed() {
    let dir = initialised();
    let config = ["--config", "b/broker.toml"];
    let fingerprint = broker(dir.path(), &[&["fingerprint"][..], &config].concat());
    let vkey = broker(dir.path(), &[&["ledger-key"][..], &config].concat());
    let pem = broker(dir.path(), &[&["ledger-key", "--format", "pem"][..], &config].concat());
    let hex = fingerprint.lines().nth(2).expect("a line");
    assert!(hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "{fingerprint}");
    assert!(vkey.starts_with("exit 0\n--- stdout\nlocal/hoop/1+"), "{vkey}");
    // RFC 8410 §4: the beginning of every Ed25519 SubjectPublicKeyInfo.
    assert!(pem.contains("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA"), "{pem}");
}
