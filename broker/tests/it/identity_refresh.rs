//! Refresh tokens: rotation, reuse, re-checks, revocation.

use std::sync::atomic::Ordering;

use hoop_ledger::entry::Event;

use crate::identity_client::{Client, Key};
use crate::identity_support::Broker;

fn revoked(broker: &Broker) -> Vec<String> {
    let reason = |event| match event {
        Event::TokensRevoked { reason } => Some(reason),
        _ => None,
    };
    broker.events().into_iter().filter_map(reason).collect()
}

fn ended(broker: &Broker) -> Vec<String> {
    let reason = |event| match event {
        Event::SessionEnd { reason, .. } => Some(reason),
        _ => None,
    };
    broker.events().into_iter().filter_map(reason).collect()
}

#[tokio::test]
async fn a_used_token_ends_the_sign_in_and_its_sessions() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let mut client = Client::sign_in(&broker, "alice").await;
    let first = client.refresh.clone();
    let (status, tokens) = client.refresh().await;
    assert_eq!(status, 200, "{tokens}");
    client.keep(&tokens);
    client.open_session().await;
    assert_eq!(client.get("/v1/whoami").await.0, 200);
    let second = std::mem::replace(&mut client.refresh, first);
    let (status, body) = client.refresh().await;
    assert_eq!((status.as_u16(), body["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(revoked(&broker), ["reuse"]);
    assert_eq!(ended(&broker), ["revoked"]);
    client.refresh = second;
    assert_eq!(client.refresh().await.0, 400, "the newest token is void too");
    assert_eq!(client.get("/v1/whoami").await.0, 401, "and the access token, at once");
}

#[tokio::test]
async fn reuse_by_a_thief_with_another_key_raises_the_alarm_too() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    let mut thief = Client::new(&broker);
    thief.refresh = client.refresh.clone();
    assert_eq!(thief.refresh().await.0, 400, "a current token is no use with another key");
    assert_eq!(broker.refusals(), ["wrong_key"]);
    assert_eq!(client.refresh().await.0, 200, "and alice is not signed out by that");
    assert_eq!(thief.refresh().await.0, 400);
    assert_eq!(revoked(&broker), ["reuse"]);
}

#[tokio::test]
async fn groups_are_read_again_at_each_refresh() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let mut client = Client::sign_in(&broker, "alice").await;
    broker.users.set_groups("alice", &["readers".to_owned()]).unwrap();
    let (_, tokens) = client.refresh().await;
    client.keep(&tokens);
    assert_eq!(client.get("/v1/whoami").await.1["groups"], serde_json::json!(["readers"]));
}

#[tokio::test]
async fn a_removed_user_is_out_at_once_everywhere() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    broker.add("bob", &["dba"]);
    let client = Client::sign_in(&broker, "alice").await;
    let bob = Client::sign_in(&broker, "bob").await;
    client.open_session().await;
    bob.open_session().await;
    broker.users.remove("alice").unwrap();
    // The same name for somebody else is somebody else.
    broker.add("alice", &["dba"]);
    assert_eq!(client.get("/v1/whoami").await.0, 401);
    broker.control.identity().sweep().await.unwrap();
    assert_eq!(ended(&broker), ["revoked"]);
    assert_eq!(client.refresh().await.0, 400);
    assert_eq!(bob.get("/v1/sessions").await.1["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_disabled_user_cannot_refresh() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    broker.users.set_disabled("alice", true).unwrap();
    assert_eq!(client.refresh().await.0, 400);
    assert_eq!(client.get("/v1/whoami").await.0, 401);
}

#[tokio::test]
async fn logout_ends_tokens_and_sessions_but_only_with_the_key() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let mut client = Client::sign_in(&broker, "alice").await;
    client.open_session().await;
    let own = std::mem::replace(&mut client.key, Key::new());
    let refresh = client.refresh.clone();
    assert_eq!(client.form("/oauth/revoke", &[("token", &refresh)]).await.0, 200);
    assert_eq!(revoked(&broker), Vec::<String>::new(), "another key revokes nothing");
    client.key = own;
    assert_eq!(client.form("/oauth/revoke", &[("token", &refresh)]).await.0, 200);
    assert_eq!(revoked(&broker), ["logout"]);
    assert_eq!(ended(&broker), ["revoked"]);
    assert_eq!(client.get("/v1/whoami").await.0, 401);
    assert_eq!(client.form("/oauth/revoke", &[("token", "unknown")]).await.0, 200, "RFC 7009, 2.2");
}

#[tokio::test]
async fn a_reuse_is_void_even_when_it_cannot_be_recorded() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    assert_eq!(client.refresh().await.0, 200);
    broker.ledger.broken.store(true, Ordering::SeqCst);
    let (status, body) = client.refresh().await;
    assert_eq!((status.as_u16(), body["error"].as_str()), (503, Some("temporarily_unavailable")));
    broker.ledger.broken.store(false, Ordering::SeqCst);
    assert_eq!(client.get("/v1/whoami").await.0, 401);
}

#[tokio::test]
async fn a_sign_in_ends_with_its_time() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    broker.pass(8 * 3600);
    assert_eq!(client.refresh().await.0, 400);
}
