//! Signing in and staying so, against a fake broker.

use std::os::unix::fs::PermissionsExt as _;

use crate::fake::{Fake, Script, proof};
use crate::run::Home;

/// A home that is signed in at the fake.
pub fn signed_in(fake: &Fake) -> Home {
    let home = Home::new();
    let output =
        home.run(&["login", &fake.url(), "--fingerprint", &fake.fingerprint, "--token-store", "file"]);
    assert!(output.status.success(), "{}", home.told(&output));
    home
}

/// What was told, with the fake's own port and certificate replaced.
pub fn told_of(fake: &Fake, text: &str) -> String {
    text.replace(&fake.port.to_string(), "PORT").replace(&fake.fingerprint, "FINGERPRINT")
}

#[test]
fn sign_in_pins_stores_and_signs_each_request() {
    let fake = Fake::start(Script::default());
    let home = Home::new();
    let told = home.tell(&["login", &fake.url(), "--fingerprint", &fake.fingerprint]);
    insta::assert_snapshot!(told_of(&fake, &told));
    let profile = std::fs::read_to_string(home.path().join(".config/hoopctl/profiles/default.toml")).unwrap();
    insta::assert_snapshot!("profile_after_login", told_of(&fake, &profile));
    let tokens = home.path().join(".local/state/hoopctl/default/tokens.json");
    let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&tokens), mode(tokens.parent().unwrap())), (0o600, 0o700));
    // The nonce is asked for once, then used; RFC 9449, 8.
    let lines = fake.lines();
    assert_eq!(lines.iter().filter(|l| l.contains("/device_authorization")).count(), 1, "{lines:?}");
    let device = fake.seen().into_iter().find(|s| s.line.contains("/device_authorization")).unwrap();
    assert!(device.body.contains("client_id=hoopctl") && device.body.contains("host="), "{}", device.body);
    let claims = proof(&device);
    assert_eq!(claims["htm"], "POST");
    assert_eq!(claims["htu"], format!("{}/oauth/device_authorization", fake.url()));
    assert!(claims.get("ath").is_none());
}

#[test]
fn an_unknown_certificate_is_never_trusted_without_being_asked_about() {
    let fake = Fake::start(Script::default());
    insta::assert_snapshot!(told_of(&fake, &Home::new().tell(&["login", &fake.url()])));
    assert!(fake.lines().is_empty());
}

#[test]
fn another_certificate_than_the_pinned_one_is_refused() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    fake.change_certificate();
    let told = told_of(&fake, &home.tell(&["whoami"]));
    assert!(told.starts_with("exit 7\n"), "{told}");
    assert!(
        told.contains("is not the one that this profile trusts\ntrusted: FINGERPRINT\nshown: "),
        "{told}"
    );
    assert!(fake.lines().iter().all(|l| !l.contains("whoami")));
}

#[test]
fn an_expired_certificate_and_one_of_the_future_are_said() {
    for (name, years) in [("certificate_expired", (2020, 2021)), ("certificate_of_the_future", (2080, 2090))]
    {
        let fake = Fake::start(Script { years, ..Script::default() });
        let told = Home::new().tell(&["login", &fake.url(), "--fingerprint", &fake.fingerprint]);
        let told = told.split(", and this machine's clock says").next().unwrap().to_owned();
        insta::assert_snapshot!(name, told_of(&fake, &told));
    }
}

#[test]
fn a_wrong_clock_is_said() {
    let fake = Fake::start(Script { date: Some("Sun, 06 Nov 1994 08:49:37 GMT"), ..Script::default() });
    let told = Home::new().tell(&["login", &fake.url(), "--fingerprint", &fake.fingerprint]);
    assert!(told.starts_with("exit 7\n") && told.contains("ahead of the broker's"), "{told}");
}

#[test]
fn another_name_of_the_broker_is_refused() {
    let fake = Fake::start(Script::default());
    let url = format!("https://127.0.0.1:{}", fake.port);
    let told = Home::new().tell(&["login", &url, "--fingerprint", &fake.fingerprint]);
    insta::assert_snapshot!(told_of(&fake, &told));
}

#[test]
fn a_token_that_is_not_bound_is_refused() {
    let fake = Fake::start(Script { token_type: "Bearer", ..Script::default() });
    let home = Home::new();
    let told =
        home.tell(&["login", &fake.url(), "--fingerprint", &fake.fingerprint, "--token-store", "file"]);
    insta::assert_snapshot!(told_of(&fake, &told));
    assert!(!home.path().join(".local/state/hoopctl/default/tokens.json").exists());
}

#[test]
fn a_refusal_on_the_page_ends_the_sign_in() {
    for error in ["access_denied", "expired_token"] {
        let fake = Fake::start(Script { device_error: Some(error), ..Script::default() });
        let told = Home::new().tell(&[
            "login",
            &fake.url(),
            "--fingerprint",
            &fake.fingerprint,
            "--token-store",
            "file",
        ]);
        insta::assert_snapshot!(error, told_of(&fake, &told));
    }
}

#[test]
fn a_keyring_that_was_asked_for_has_to_be_there() {
    let fake = Fake::start(Script::default());
    let told = Home::new().tell(&[
        "login",
        &fake.url(),
        "--fingerprint",
        &fake.fingerprint,
        "--token-store",
        "keyring",
    ]);
    insta::assert_snapshot!(told_of(&fake, &told));
    assert!(fake.lines().iter().all(|l| !l.contains("/oauth/")), "the store is tested first");
}

#[test]
fn lists_and_tokens_are_printed_safely() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    insta::assert_snapshot!("whoami", told_of(&fake, &home.tell(&["whoami"])));
    insta::assert_snapshot!("targets", home.tell(&["targets"]));
    insta::assert_snapshot!("sessions", home.tell(&["sessions"]));
    insta::assert_snapshot!("sessions_end", home.tell(&["sessions", "end", crate::fake::SESSION]));
    insta::assert_snapshot!("token", home.tell(&["token", "payments-db"]));
    let whoami = fake.seen().into_iter().rfind(|s| s.line.contains("whoami")).unwrap();
    assert_eq!(whoami.header("authorization"), Some("DPoP access-secret"));
    assert_eq!(whoami.header("hoop-api-version"), Some("1"));
    assert!(proof(&whoami)["ath"].is_string());
}

#[test]
fn a_stale_token_is_refreshed_once() {
    let fake = Fake::start(Script { token_s: 1, ..Script::default() });
    let home = signed_in(&fake);
    fake.set(|s| s.token_s = 600);
    let before = fake.lines().len();
    assert!(home.run(&["whoami"]).status.success());
    assert!(home.run(&["whoami"]).status.success());
    let refreshes = fake
        .seen()
        .into_iter()
        .skip(before)
        .filter(|s| s.body.contains("grant_type=refresh_token"))
        .collect::<Vec<_>>();
    // One that was told the nonce, one that was taken.
    assert_eq!(refreshes.len(), 2);
    assert!(refreshes[1].body.contains("refresh_token=refresh-secret"));
}

#[test]
fn an_ended_sign_in_is_said() {
    let fake = Fake::start(Script { token_s: 1, ..Script::default() });
    let home = signed_in(&fake);
    fake.set(|s| s.device_error = Some("invalid_grant"));
    insta::assert_snapshot!(home.tell(&["whoami"]));
}

#[test]
fn logout_revokes_and_forgets() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    insta::assert_snapshot!("logout", home.tell(&["logout"]));
    let revoked = fake.seen().into_iter().rfind(|s| s.line.contains("/oauth/revoke")).unwrap();
    assert!(
        revoked.body.contains("token=refresh-secret")
            && revoked.body.contains("token_type_hint=refresh_token")
    );
    insta::assert_snapshot!("whoami_after_logout", home.tell(&["whoami"]));
}

#[test]
fn tokens_go_to_no_other_broker() {
    let fake = Fake::start(Script::default());
    let other = Fake::start(Script::default());
    let home = signed_in(&fake);
    let told = home.tell(&["whoami", "--broker", &other.url()]);
    assert!(told.starts_with("exit 4\n") && told.contains("not signed in at"), "{told}");
    assert!(other.lines().is_empty());
}
