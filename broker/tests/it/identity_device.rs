//! The device flow, end to end, and what can go wrong on the page.

use hoop_ledger::entry::{Event, Outcome};
use reqwest::Method;

use crate::identity_client::{Browser, Client};
use crate::identity_support::{Broker, PASSWORD};

#[tokio::test]
async fn a_person_signs_a_terminal_in() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let client = Client::sign_in(&broker, "alice").await;
    let (status, whoami) = client.get("/v1/whoami").await;
    assert_eq!(status, 200, "{whoami}");
    assert_eq!(whoami["id"], "alice");
    assert_eq!(whoami["kind"], "user");
    assert_eq!(whoami["name"], "A Person");
    assert_eq!(whoami["groups"], serde_json::json!(["dba"]));
    assert_eq!(whoami["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    assert_eq!(whoami["auth_time"], broker.control.identity().now_s() - 30);
    let person = whoami["person_id"].as_str().unwrap();
    let entries = broker.entries();
    assert!(
        matches!(&entries[0].event, Event::IdentityChange { subject, change } if subject == "alice" && change == "create")
    );
    assert_eq!((entries[0].user.id.as_str(), entries[0].origin.via.as_str()), ("root@test", "console"));
    let sign_in = &entries[1];
    assert!(matches!(&sign_in.event, Event::SignIn { method, .. } if method == "local"));
    assert_eq!(sign_in.user.person_id.as_deref(), Some(person));
    assert_eq!(sign_in.origin.address, "198.51.100.1:0");
    assert_eq!((sign_in.outcome, sign_in.boot.as_str()), (Outcome::Success, "BOOT"));
}

#[tokio::test]
async fn polling_follows_rfc_8628() {
    let broker = Broker::start().await;
    let client = Client::new(&broker);
    let started = client.start().await;
    assert_eq!(started["expires_in"], 600);
    assert_eq!(started["interval"], 5);
    assert_eq!(started["verification_uri"], "https://broker.test/device");
    let code = started["device_code"].as_str().unwrap();
    assert_eq!(client.poll(code).await.1["error"], "authorization_pending");
    assert_eq!(client.poll(code).await.1["error"], "slow_down");
    broker.pass(10);
    assert_eq!(client.poll(code).await.1["error"], "authorization_pending");
    assert_eq!(Client::new(&broker).poll(code).await.1["error"], "invalid_grant", "another key");
    assert_eq!(broker.refusals(), ["wrong_key"]);
    broker.pass(600);
    assert_eq!(client.poll(code).await.1["error"], "expired_token");
    assert_eq!(client.poll("nonsense").await.1["error"], "expired_token");
}

#[tokio::test]
async fn a_refused_code_gives_nothing() {
    let broker = Broker::start().await;
    let client = Client::new(&broker);
    let started = client.start().await;
    let code = started["user_code"].as_str().unwrap();
    let browser = Browser::open(&broker).await;
    let (status, page) = browser.post("/device/confirm", &[("user_code", code), ("answer", "no")]).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(client.poll(started["device_code"].as_str().unwrap()).await.1["error"], "access_denied");
    assert_eq!(browser.enter(code).await.0, 400);
}

/// Approves a code and does not poll, lets the administrator act, and gives the answer to the poll.
async fn approved_then(act: impl FnOnce(&Broker)) -> serde_json::Value {
    let broker = Broker::start().await;
    broker.add("alice", &["db"]);
    let client = Client::new(&broker);
    let started = client.start().await;
    let code = started["user_code"].as_str().unwrap();
    let mut browser = Browser::open(&broker).await;
    browser.confirm(code).await;
    let (status, page) = browser.sign_in(code, "alice", PASSWORD, &broker.otp("alice")).await;
    assert_eq!(status, 200, "{page}");
    act(&broker);
    client.poll(started["device_code"].as_str().unwrap()).await.1
}

#[tokio::test]
async fn an_approved_code_dies_with_the_credentials_that_approved_it() {
    assert!(approved_then(|_| ()).await["access_token"].is_string());
    let other = "another good passw0rd".into();
    for answer in [
        approved_then(|b| b.users.reset_password("alice", &other).unwrap()).await,
        approved_then(|b| drop(b.users.reset_totp("alice").unwrap())).await,
        approved_then(|b| b.users.set_disabled("alice", true).unwrap()).await,
        approved_then(|b| b.users.remove("alice").unwrap()).await,
    ] {
        assert_eq!(answer["error"], "invalid_grant", "{answer}");
    }
}

#[tokio::test]
async fn guessing_codes_runs_out_of_tries() {
    let broker = Broker::start().await;
    let started = Client::new(&broker).start().await;
    let code = started["user_code"].as_str().unwrap();
    let mut browser = Browser::open(&broker).await;
    for _ in 0..10 {
        assert_eq!(browser.enter("BBBB-BBBB").await.0, 400);
    }
    assert_eq!(browser.enter(code).await.0, 429, "not even the right one any more");
    let fields = [("user_code", "BBBB-BBBC"), ("answer", "yes")];
    assert_eq!(browser.post("/device/confirm", &fields).await.0, 429, "nor on the next form");
    assert_eq!(broker.refusals(), vec!["bad_user_code"; 10]);
    browser.from = "198.51.100.2".to_owned();
    assert_eq!(browser.enter(code).await.0, 200, "others are not shut out");
}

#[tokio::test]
async fn a_form_needs_its_own_browser() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let started = Client::new(&broker).start().await;
    let code = started["user_code"].as_str().unwrap();
    let mut browser = Browser::open(&broker).await;
    let mut other = Browser::open(&broker).await;
    std::mem::swap(&mut browser.csrf, &mut other.csrf);
    assert_eq!(browser.enter(code).await.0, 403, "another browser's token");
    assert_eq!(broker.refusals(), ["csrf"]);
    std::mem::swap(&mut browser.csrf, &mut other.csrf);
    browser.confirm(code).await;
    let (status, _) = other.sign_in(code, "alice", PASSWORD, &broker.otp("alice")).await;
    assert_eq!(status, 400, "a code confirmed in one browser is not signed in by another");
    let foreign = broker.request(Method::POST, "/device").header("cookie", &browser.cookie);
    let form = [("csrf", browser.csrf.as_str()), ("user_code", code)];
    let answer = foreign.header("sec-fetch-site", "cross-site").form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    browser.cookie = String::new();
    assert_eq!(browser.enter(code).await.0, 403, "no cookie");
}

#[tokio::test]
async fn the_sign_in_page_does_not_work_before_confirming() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let started = Client::new(&broker).start().await;
    let browser = Browser::open(&broker).await;
    let code = started["user_code"].as_str().unwrap();
    assert_eq!(browser.sign_in(code, "alice", PASSWORD, &broker.otp("alice")).await.0, 400);
}

#[tokio::test]
async fn pages_are_plain_and_closed() {
    let broker = Broker::start().await;
    let page = broker.request(Method::GET, "/device?user_code=%22%3E%3Cscript%3E").send().await.unwrap();
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    insta::assert_snapshot!("page_policy", header("content-security-policy"));
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("x-frame-options"), "DENY");
    let browser = Browser::open(&broker).await;
    let text = page.text().await.unwrap();
    assert!(!text.contains("<script"), "{text}");
    let csrf = crate::identity_client::field(&text, "csrf");
    insta::assert_snapshot!("page_enter", text.replace(&csrf, "CSRF"));
    let started = Client::new(&broker).start().await;
    let code = started["user_code"].as_str().unwrap();
    let (_, confirm) = browser.enter(code).await;
    let steady = |page: String| page.replace(&browser.csrf, "CSRF").replace(code, "XXXX-XXXX");
    insta::assert_snapshot!("page_confirm", steady(confirm));
    let (_, sign_in) = browser.post("/device/confirm", &[("user_code", code), ("answer", "yes")]).await;
    insta::assert_snapshot!("page_sign_in", steady(sign_in));
    let (_, wrong) = browser.sign_in(code, "<b>alice</b>", "x", "y").await;
    insta::assert_snapshot!("page_sign_in_wrong", steady(wrong));
}

#[tokio::test]
async fn metadata_names_the_endpoints() {
    let broker = Broker::start().await;
    let answer = broker.request(Method::GET, "/.well-known/oauth-authorization-server").send().await.unwrap();
    let text = serde_json::to_string_pretty(&answer.json::<serde_json::Value>().await.unwrap()).unwrap();
    insta::assert_snapshot!("metadata", text);
}

#[tokio::test]
async fn one_address_cannot_take_all_codes() {
    let broker = Broker::start().await;
    let client = Client::new(&broker);
    for _ in 0..8 {
        client.start().await;
    }
    let (status, body) = client.form("/oauth/device_authorization", &[]).await;
    assert_eq!((status.as_u16(), body["error"].as_str()), (503, Some("temporarily_unavailable")));
}
