//! Bearer tokens for the native listener.

use std::net::SocketAddr;

use hoop_ledger::entry::Event;
use reqwest::Method;
use serde_json::{Value, json};

use crate::identity_client::{Client, answer};
use crate::identity_support::Broker;

/// The client's requests come from 127.0.0.1, as the trusted proxy's own.
fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

async fn mint(client: &Client<'_>, session: bool) -> (u16, Value) {
    let (status, body) = client.post("/v1/tokens", json!({"target": "db", "session": session})).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn a_token_is_good_once_for_its_target_and_address() {
    let broker = Broker::start().await;
    broker.add("alice", &["native"]);
    let client = Client::sign_in(&broker, "alice").await;
    let (status, minted) = mint(&client, false).await;
    assert_eq!(status, 201, "{minted}");
    assert_eq!((minted["user"].as_str(), minted["port"].as_u64()), (Some("db"), Some(15432)));
    let token = minted["token"].as_str().unwrap();
    assert!(token.starts_with("hpt_"));
    let redeem =
        |target: &'static str, from: &'static str| broker.control.redeem_native(token, target, at(from));
    assert!(redeem("other", "127.0.0.1:1").await.is_err());
    assert!(redeem("db", "127.0.0.2:1").await.is_err());
    let session = redeem("db", "127.0.0.1:1").await.unwrap().session;
    assert_eq!((session.client_key.as_deref(), session.principal.id.as_str()), (None, "alice"));
    assert!(redeem("db", "127.0.0.1:1").await.is_err());
    assert_eq!(broker.refusals(), ["token_target", "token_address", "token_invalid"]);
    let open = broker.entries().into_iter().find(|e| matches!(e.event, Event::SessionOpen { .. })).unwrap();
    assert!(open.origin.bearer);
    assert_eq!(open.origin.via, "native");
}

#[tokio::test]
async fn an_unused_token_expires_and_dies_with_its_sign_in() {
    let broker = Broker::start().await;
    broker.add("alice", &["native"]);
    let client = Client::sign_in(&broker, "alice").await;
    let redeem = async |minted: &Value| {
        let token = minted["token"].as_str().unwrap();
        broker.control.redeem_native(token, "db", at("127.0.0.1:1")).await
    };
    let old = mint(&client, false).await.1;
    broker.pass(300);
    assert!(redeem(&old).await.is_err());
    let orphan = mint(&client, false).await.1;
    client.form("/oauth/revoke", &[("token", &client.refresh)]).await;
    assert!(redeem(&orphan).await.is_err());
    assert_eq!(broker.refusals(), ["token_invalid", "revoked"]);
}

#[tokio::test]
async fn an_open_bearer_session_ends_with_its_sign_in() {
    let broker = Broker::start().await;
    broker.add("alice", &["native"]);
    let client = Client::sign_in(&broker, "alice").await;
    let minted = mint(&client, false).await.1;
    let token = minted["token"].as_str().unwrap();
    let opened = broker.control.redeem_native(token, "db", at("127.0.0.1:1")).await.unwrap();
    assert_eq!(opened.session.ended(), None);
    client.form("/oauth/revoke", &[("token", &client.refresh)]).await;
    assert_eq!(opened.session.ended(), Some(hoop_broker::session::EndReason::Revoked));
}

#[tokio::test]
async fn a_session_token_is_an_action_of_its_own() {
    let broker = Broker::start().await;
    broker.add("alice", &["native"]);
    broker.add("bob", &["native", "bi"]);
    broker.add("carol", &[]);
    let alice = Client::sign_in(&broker, "alice").await;
    assert_eq!(mint(&alice, true).await.0, 403);
    let carol = Client::sign_in(&broker, "carol").await;
    assert_eq!(mint(&carol, false).await.0, 403);
    let bob = Client::sign_in(&broker, "bob").await;
    let (status, minted) = mint(&bob, true).await;
    assert_eq!(status, 201, "{minted}");
    let token = minted["token"].as_str().unwrap();
    let redeem = || broker.control.redeem_native(token, "db", at("127.0.0.1:1"));
    let first = redeem().await.unwrap();
    assert_eq!(redeem().await.unwrap().session.id, first.session.id);
    let path = format!("/v1/sessions/{}", first.session.id);
    let end = bob.call(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(answer(end).await.0, 204);
    assert!(redeem().await.is_err(), "ended with its session");
}
