//! The harness keeps its own promises: everything else is built on them.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "test code")]

use std::process::Command;
use std::time::Instant;

use hoop_harness::browser::{Typed, sign_in};
use hoop_harness::cluster::{GATEWAY_PASSWORD, GATEWAY_ROLE};
use hoop_harness::reaper::Reaper;
use hoop_harness::{Cluster, PATIENCE, Provider, program};

/// Straight to the server by TCP, with the TLS mode given.
fn tcp(sslmode: &str, database: &str) -> program::Done {
    let cluster = Cluster::shared();
    let uri = format!(
        "host=localhost port={} user={GATEWAY_ROLE} dbname={database} sslmode={sslmode} sslrootcert={}",
        cluster.port(),
        cluster.ca_file().display()
    );
    let mut psql = Command::new("psql");
    psql.env("PGPASSWORD", GATEWAY_PASSWORD);
    program::run(psql.args(["-X", "-A", "-t", &uri, "-c", "SELECT count(*) FROM cards"]), b"")
}

#[test]
fn the_target_takes_verified_tls_and_nothing_less() {
    let database = Cluster::shared().database();
    assert_eq!(tcp("verify-full", &database).ok(), "6");
    tcp("disable", &database).expect(2).says(&["no encryption"]);
}

#[test]
fn databases_are_copies_of_their_own() {
    let cluster = Cluster::shared();
    let (a, b) = (cluster.database(), cluster.database());
    cluster.superuser(&a, "DELETE FROM payments");
    assert_eq!(cluster.superuser(&b, "SELECT count(*) FROM payments"), "4");
}

#[test]
fn the_gateways_role_is_no_superuser() {
    let sql = format!(
        "SELECT rolsuper OR rolreplication OR rolcreaterole FROM pg_roles WHERE rolname = '{GATEWAY_ROLE}'"
    );
    assert_eq!(Cluster::shared().superuser("postgres", &sql), "f");
}

#[test]
fn reapers_run_their_script_when_they_are_dropped() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mark = dir.path().join("mark");
    let reaper = Reaper::new(r#"touch "$1""#, &[mark.to_str().unwrap()]);
    assert!(!mark.exists());
    drop(reaper);
    assert!(mark.exists());
}

#[test]
fn programs_are_heard_whole_and_their_signals_told() {
    let done =
        program::run(Command::new("sh").args(["-c", "cat; echo oops >&2; kill -9 $$"]), &[b'x'; 200_000]);
    assert_eq!((done.code, done.stdout.len(), done.stderr.as_str()), (137, 200_000, "oops\n"));
    let before = Instant::now();
    program::run(&mut Command::new("true"), b"never read").expect(0);
    assert!(before.elapsed() < PATIENCE);
}

/// The browser half of a device sign-in against a provider that nobody here wrote: device codes, cookies, redirects,
/// two forms, a token at the end.
#[test]
fn the_browser_signs_in_at_a_real_provider() {
    let provider = Provider::start("https://127.0.0.1:1/oidc/callback", "");
    let form = |path: &str, body: &str| {
        let url = format!("{}{path}", provider.issuer());
        let done = program::run(Command::new("curl").args(["-s", &url, "-d", body]), b"");
        serde_json::from_slice::<serde_json::Value>(&done.stdout).expect("JSON")
    };
    for (password, expected) in [("wrong", "wrong credentials"), ("alice-pw", "Sign-in Success")] {
        let device = form("/device/auth", "client_id=hoopctl&scope=openid");
        let typed = Typed {
            user_code: device["user_code"].as_str().unwrap().to_owned(),
            name: "alice".to_owned(),
            password: password.to_owned(),
            otp: "123456".to_owned(),
            ..Typed::default()
        };
        let end = sign_in(device["verification_uri"].as_str().unwrap(), &typed);
        let words = end.map_or_else(|refused| refused, |page| page.words());
        assert!(words.contains(expected), "{words}");
    }
}
