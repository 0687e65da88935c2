//! Local accounts: lock-out, one-time codes, the same answer for every failure, nothing without the ledger.

use std::sync::atomic::Ordering;

use hoop_broker::identity::local::LocalError;
use hoop_broker::identity::{Credentials, SignInFault};
use hoop_ledger::entry::Event;

use crate::identity_client::{Browser, Client};
use crate::identity_support::{Broker, PASSWORD};

async fn page<'a>(broker: &'a Broker) -> (Browser<'a>, String, String) {
    let started = Client::new(broker).start().await;
    let code = started["user_code"].as_str().unwrap().to_owned();
    let mut browser = Browser::open(broker).await;
    browser.confirm(&code).await;
    (browser, code, started["device_code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_failure_looks_the_same() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    broker.add("gone", &[]);
    broker.users.set_disabled("gone", true).unwrap();
    let (browser, code, _) = page(&broker).await;
    let otp = broker.otp("alice");
    let mut pages = Vec::new();
    for (name, password, otp) in [
        ("alice", "wrong password 1", otp.as_str()),
        ("alice", PASSWORD, "000000x"),
        ("nobody", PASSWORD, otp.as_str()),
        ("no such name!", PASSWORD, otp.as_str()),
        ("gone", PASSWORD, &broker.otp("gone")),
    ] {
        let (status, text) = browser.sign_in(&code, name, password, otp).await;
        assert_eq!(status, 403);
        pages.push(text.replace(&format!("value=\"{name}\""), "value=\"NAME\""));
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "{pages:#?}");
    let reasons = ["bad_password", "bad_otp", "unknown_account", "unknown_account", "account_disabled"];
    assert_eq!(broker.refusals(), reasons);
    let typed = serde_json::to_string(&broker.entries()).unwrap();
    assert!(
        !typed.contains("nobody") && !typed.contains("no such name"),
        "typed names are not kept: {typed}"
    );
}

#[tokio::test]
async fn too_many_failures_lock_the_account_for_its_time() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let (browser, code, _) = page(&broker).await;
    for _ in 0..3 {
        browser.sign_in(&code, "alice", "wrong password 1", "000000").await;
    }
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &broker.otp("alice")).await.0, 403);
    assert_eq!(broker.refusals().last().unwrap(), "account_locked");
    let until_us = (broker.control.identity().now_s() + 1800) * 1_000_000;
    let locks =
        broker.events().into_iter().filter(|e| matches!(e, Event::LockOut { .. })).collect::<Vec<_>>();
    assert_eq!(locks, [Event::LockOut { until_us }]);
    broker.pass(1799);
    let (browser, code, device) = page(&broker).await;
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &broker.otp("alice")).await.0, 403);
    broker.pass(1);
    let (status, text) = browser.sign_in(&code, "alice", PASSWORD, &broker.otp("alice")).await;
    assert_eq!(status, 200, "{text}");
    drop(device);
}

#[tokio::test]
async fn an_administrator_unlocks() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let (browser, code, _) = page(&broker).await;
    for _ in 0..3 {
        browser.sign_in(&code, "alice", "wrong password 1", "000000").await;
    }
    broker.users.unlock("alice").unwrap();
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &broker.otp("alice")).await.0, 200);
}

#[tokio::test]
async fn tries_in_parallel_do_not_outrun_the_lock() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let identity = broker.control.identity().clone();
        let (password, otp) = ("wrong password 1".into(), "000000".into());
        let typed = Credentials { name: "alice".to_owned(), password, otp };
        tries.spawn(async move { identity.sign_in(typed, "192.0.2.1:9".parse().unwrap(), "key").await });
    }
    for result in tries.join_all().await {
        assert!(matches!(result, Err(SignInFault::Refused)));
    }
    let looked = broker.refusals().iter().filter(|r| *r == "bad_password").count();
    assert_eq!(looked, 3);
}

#[tokio::test]
async fn an_address_that_sprays_is_locked() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let (mut browser, code, _) = page(&broker).await;
    for i in 0..15 {
        browser.sign_in(&code, &format!("user{i}"), PASSWORD, "000000").await;
    }
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &broker.otp("alice")).await.0, 403);
    assert_eq!(broker.refusals().last().unwrap(), "address_locked");
    browser.from = "198.51.100.9".to_owned();
    assert_eq!(
        browser.sign_in(&code, "alice", PASSWORD, &broker.otp("alice")).await.0,
        200,
        "alice is not locked"
    );
}

#[tokio::test]
async fn a_one_time_code_is_good_once() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let (browser, code, _) = page(&broker).await;
    let otp = broker.otp("alice");
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &otp).await.0, 200);
    let (browser, code, _) = page(&broker).await;
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &otp).await.0, 403);
    assert_eq!(broker.refusals(), ["otp_reused"]);
    broker.pass(30);
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &otp).await.0, 403, "nor in the step after");
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &broker.otp("alice")).await.0, 200);
}

#[tokio::test]
async fn a_sign_in_that_is_not_recorded_is_none() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    broker.control.identity().sweep().await.unwrap();
    let started = Client::new(&broker);
    let codes = started.start().await;
    let code = codes["user_code"].as_str().unwrap();
    let mut browser = Browser::open(&broker).await;
    browser.confirm(code).await;
    broker.ledger.broken.store(true, Ordering::SeqCst);
    let (status, text) = browser.sign_in(code, "alice", PASSWORD, &broker.otp("alice")).await;
    assert_eq!(status, 503);
    assert!(text.contains("nothing was done"), "{text}");
    broker.ledger.broken.store(false, Ordering::SeqCst);
    let poll = started.poll(codes["device_code"].as_str().unwrap()).await.1;
    assert_eq!(poll["error"], "authorization_pending");
}

#[tokio::test]
async fn an_unrecorded_change_keeps_the_door_shut() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let (browser, code, _) = page(&broker).await;
    broker.ledger.broken.store(true, Ordering::SeqCst);
    assert_eq!(browser.sign_in(&code, "alice", PASSWORD, &broker.otp("alice")).await.0, 503);
    broker.ledger.broken.store(false, Ordering::SeqCst);
    broker.control.identity().sweep().await.unwrap();
    assert!(matches!(&broker.events()[..], [Event::IdentityChange { .. }]), "and is written later, once");
}

#[tokio::test]
async fn accounts_and_passwords_have_a_policy() {
    let broker = Broker::start().await;
    let add = |name: &str, password: &str| broker.users.add(name, &password.into(), &[], "");
    for weak in ["short 1", "only letters here", "123456789012", ""] {
        assert!(matches!(add("a", weak), Err(LocalError::WeakPassword)), "{weak}");
    }
    for name in ["", "a b", "-a", "a/b", "ä", &"a".repeat(65)] {
        assert!(matches!(add(name, PASSWORD), Err(LocalError::Name(_))), "{name}");
    }
    assert!(add("Alice", PASSWORD).is_ok());
    assert!(matches!(add("alice", PASSWORD), Err(LocalError::Exists(_))));
    assert!(matches!(broker.users.remove("bob"), Err(LocalError::Unknown(_))));
    let groups = ["a b".to_owned()];
    assert!(matches!(broker.users.set_groups("alice", &groups), Err(LocalError::Group(_))));
}

#[tokio::test]
async fn nothing_secret_is_kept_in_the_clear() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let client = Client::sign_in(&broker, "alice").await;
    let mut kept = serde_json::to_string(&broker.entries()).unwrap().into_bytes();
    for file in std::fs::read_dir(broker.dir.path()).unwrap() {
        kept.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    for secret in [PASSWORD, client.refresh.as_str(), client.access.as_str()] {
        assert!(!kept.windows(secret.len()).any(|w| w == secret.as_bytes()));
    }
}
