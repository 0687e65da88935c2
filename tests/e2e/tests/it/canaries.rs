//! Card numbers and verification values sent through every path are found nowhere afterwards: ledger, state, log,
//! configuration, and what hoopctl keeps.

use std::path::{Path, PathBuf};

use hoop_harness::{Person, TARGET, Tunnel, program};

use crate::support::{administrator, psycopg};

/// Not in the demo's data, so whatever is found came in by a statement.
const PAN: &str = "4929577110294870";
const SPACED: &str = "4929 5771 1029 4870";
/// A verification value has three digits, which are everywhere. This one is marked by where it stands: between
/// letters that are nowhere else.
const CVV: &str = "zqv737vqz";

#[test]
fn the_canary_is_a_card_number() {
    let sum: u32 = PAN.bytes().rev().enumerate().fold(0, |sum, (n, b)| {
        let d = u32::from(b - b'0') * if n % 2 == 1 { 2 } else { 1 };
        sum + d / 10 + d % 10
    });
    assert_eq!(sum % 10, 0);
}

/// Every kind of statement with `secret` in each place that the grammar, or its absence, offers.
fn statements(secret: &str) -> Vec<String> {
    vec![
        format!("SELECT '{secret}'"),
        format!("SELECT id FROM cards WHERE pan = '{secret}' AND cvv = '{secret}'"),
        format!("SELECT 1 /* {secret} */ -- {secret}"),
        format!("SELECT 1 AS \"{secret}\""),
        format!("SELECT \"{secret}\" FROM cards"),
        format!("SELECT * FROM \"{secret}\""),
        format!("SELECT $${secret}$$, $x${secret}$x$, E'{secret}\\n', U&'{secret}'"),
        format!("SELECT '{secret}"),
        format!("SELEC '{secret}'"),
        secret.to_owned(),
        format!("DROP TABLE \"{secret}\""),
        format!("DO $$ BEGIN PERFORM '{secret}'; END $$"),
        format!("COPY cards TO PROGRAM 'echo {secret}'"),
        format!("UNLOAD ('{secret}')"),
        format!("INSERT INTO notes VALUES (100, 1, '{secret}')"),
        format!("UPDATE cards SET pan = '{secret}' WHERE id = 6"),
        format!("SET application_name = '{secret}'"),
        format!("PREPARE p AS SELECT '{secret}'"),
        format!("EXECUTE p('{secret}')"),
        format!("NOTIFY n, '{secret}'"),
        format!("CREATE ROLE r PASSWORD '{secret}'"),
        format!("COMMENT ON TABLE cards IS '{secret}'"),
        format!("EXPLAIN SELECT id FROM cards WHERE pan = '{secret}'"),
        format!("DECLARE c CURSOR FOR SELECT '{secret}'"),
        format!("SAVEPOINT \"{secret}\""),
        format!("SELECT '{secret}'::int"),
    ]
}

fn send(bob: &Person, tunnel: &Tunnel, secret: &str) {
    for sql in statements(secret) {
        // Allowed or refused: only what is kept matters here. One psql each: a torn quote swallows the rest.
        program::run(tunnel.command("psql").args(["-X", "-q", "-c", &sql]), b"");
    }
    tunnel.psql(&format!("COPY notes FROM STDIN;\n200\t1\t{secret}\t\\N\nbroken {secret}\n\\.\n"));
    let script = format!(
        "for sql in ['SELECT %s::text', 'SELECT id FROM cards WHERE pan = %s', 'SELECT %s::int']:\n    \
         for binary in (False, True):\n        \
         try:\n            connection.execute(sql, ['{secret}'], binary=binary)\n        \
         except psycopg.Error:\n            pass\n"
    );
    psycopg(tunnel, &script).expect(0);
    for key in ["PGAPPNAME", "PGDATABASE", "PGUSER"] {
        program::run(tunnel.command("psql").args(["-X", "-c", "SELECT 1"]).env(key, secret), b"");
    }
    bob.run(&["exec", TARGET, "-c", "SELECT $1::text", "--param", secret]);
    bob.run(&["exec", TARGET, "--reason", &format!("card {secret}"), "-c", "SELECT 1"]);
    bob.run(&["exec", secret, "-c", "SELECT 1"]);
}

#[test]
fn nothing_sent_is_kept() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    for secret in [PAN, SPACED, CVV] {
        send(&bob, &tunnel, secret);
    }
    drop(tunnel);
    broker.kill();
    broker.start_again();
    broker.stop();

    let files = broker.all_files();
    assert!(files.values().any(|b| find(b, TARGET)), "the search finds what is there");
    for (path, bytes) in &files {
        for secret in [PAN, SPACED] {
            assert!(!find(bytes, secret), "`{secret}` is in {}", path.display());
        }
        // The reason of a session is the person's own text. Card numbers in it are masked as in answers; that three
        // digits in it are a verification value, nobody can tell.
        let kept = String::from_utf8_lossy(bytes);
        for (at, _) in kept.match_indices(CVV) {
            let before = &kept[kept[..at].rfind('"').unwrap_or(0)..at];
            assert!(before.contains("card "), "the verification value is in {}: {before}", path.display());
        }
    }
    for (path, bytes) in files_under(bob.home()) {
        assert!(!find(&bytes, PAN) && !find(&bytes, CVV), "a secret is in {}", path.display());
    }
}

fn files_under(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("our folder") {
        let path = entry.expect("our folder").path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            files.push((path, bytes));
        }
    }
    files
}

#[test]
fn the_targets_password_is_in_no_file_and_no_answer() {
    let (broker, bob) = administrator();
    let password = hoop_harness::cluster::GATEWAY_PASSWORD;
    let tunnel = bob.connect();
    assert!(!format!("{:?}", tunnel.settings()).contains(password));
    for args in [["whoami"].as_slice(), &["targets"], &["sessions"]] {
        let done = bob.run(args);
        assert!(!done.text().contains(password) && !done.stderr.contains(password));
    }
    for (path, bytes) in broker.all_files() {
        assert!(!find(&bytes, password), "the password is in {}", path.display());
    }
}

fn find(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|w| w == what.as_bytes())
}
