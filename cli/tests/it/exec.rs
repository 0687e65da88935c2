//! Statements through the tunnel.

use crate::fake::{Fake, SESSION, Script, proof};
use crate::login::signed_in;

#[test]
fn results_in_each_format() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    for format in ["table", "json", "ndjson", "csv"] {
        let told = home.tell(&["exec", "payments-db", "-c", "SELECT rows", "--format", format]);
        insta::assert_snapshot!(format!("exec_{format}"), told);
    }
    assert!(fake.lines().last().unwrap().starts_with(&format!("DELETE /v1/sessions/{SESSION}")));
    let tunnel = fake.seen().into_iter().find(|s| s.line.contains("/v1/tunnel")).unwrap();
    assert_eq!(tunnel.header("authorization"), Some("DPoP session-secret"));
    assert_eq!(tunnel.header("upgrade"), Some("hoop-tunnel/1"));
    assert_eq!(proof(&tunnel)["htu"], format!("{}/v1/tunnel", fake.url()));
    assert_eq!(
        fake.startups()[0],
        "user|payments-db|database|pay|application_name|hoopctl|client_encoding|UTF8||"
    );
}

#[test]
fn a_script_stops_at_its_first_error() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let output = home.run_with_input(&["exec", "payments-db"], "SELECT rows; SELECT fail; SELECT rows;");
    insta::assert_snapshot!(home.told(&output));
}

#[test]
fn errors_have_their_exit_codes() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    for sql in ["SELECT deny", "SELECT fail", "SELECT end"] {
        let name = format!("exec_{}", sql.replace(' ', "_"));
        insta::assert_snapshot!(name, home.tell(&["exec", "payments-db", "-c", sql]));
    }
}

#[test]
fn parameters_are_bound() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let arguments = ["exec", "payments-db", "-c", "INSERT $1", "--param", "-1; DROP", "--param", ""];
    insta::assert_snapshot!(home.tell(&arguments));
    let bound = fake.startups().pop().unwrap();
    assert!(bound.contains("INSERT $1") && bound.contains("-1; DROP"), "{bound}");
}

#[test]
fn a_refused_session_has_its_exit_code() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let cases = [
        (403, "denied_by_policy", 3),
        (403, "approval_pending", 5),
        (401, "not_signed_in", 4),
        (429, "limit_reached", 8),
        (503, "target_unavailable", 7),
        (418, "of_the_future", 7),
    ];
    for (status, code, exit) in cases {
        fake.set(|s| s.refuse_session = Some((status, code)));
        let told = home.tell(&["exec", "payments-db", "-c", "SELECT 1"]);
        assert!(told.starts_with(&format!("exit {exit}\n")), "{code}: {told}");
    }
}

#[test]
fn an_unknown_target_and_database_have_near_ones() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    insta::assert_snapshot!("unknown_target", home.tell(&["exec", "paymets-db", "-c", "SELECT 1"]));
    insta::assert_snapshot!("unknown_token_target", home.tell(&["connect", "zzz"]));
    insta::assert_snapshot!(
        "unknown_database",
        home.tell(&["exec", "payments-db", "--database", "audits", "-c", "SELECT 1"])
    );
}

#[test]
fn a_timeout_cancels_what_runs() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let told = home.tell(&["exec", "payments-db", "-c", "SELECT hang", "--timeout", "1s"]);
    insta::assert_snapshot!(told);
    assert_eq!(fake.startups().pop().unwrap(), "|||\u{7}|||\t", "the key of the connection");
}

#[test]
fn a_tunnel_that_is_refused_is_said() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    fake.set(|s| s.refuse_tunnel = Some((410, "session_ended")));
    insta::assert_snapshot!("tunnel_session_ended", home.tell(&["exec", "payments-db", "-c", "SELECT 1"]));
    fake.set(|s| s.refuse_tunnel = Some((503, "shutting_down")));
    insta::assert_snapshot!("tunnel_shutting_down", home.tell(&["exec", "payments-db", "-c", "SELECT 1"]));
}
