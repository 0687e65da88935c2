//! Sessions and the shape of the API: who may do what, problems, versions, limits.

use std::sync::atomic::Ordering;

use hoop_ledger::entry::Event;
use http::HeaderMap;
use reqwest::Method;
use serde_json::json;

use crate::identity_client::{Client, Key, answer};
use crate::identity_support::Broker;

#[tokio::test]
async fn a_session_opens_when_policy_allows_and_says_why_when_not() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    broker.add("bob", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    let (_, targets) = client.get("/v1/targets").await;
    assert_eq!(
        targets["targets"][0]["levels"],
        json!(["masked", "write"]),
        "a held level is opened after an approval"
    );
    let session = client.open_session().await;
    assert_eq!((session["user"].as_str(), &session["databases"]), (Some("db"), &json!(["app"])));
    let write = client.post("/v1/sessions", json!({"target": "db", "level": "write"})).await;
    assert_eq!((write.0.as_u16(), write.1["code"].as_str()), (403, Some("approval_pending")));
    assert_eq!(write.1["rules"], json!(["test-rule"]));
    let reveal = client.post("/v1/sessions", json!({"target": "db", "level": "reveal"})).await;
    assert_eq!((reveal.0.as_u16(), reveal.1["code"].as_str()), (403, Some("denied_by_policy")));
    assert_eq!(client.post("/v1/sessions", json!({"target": "nope"})).await.0, 404);
    let bob = Client::sign_in(&broker, "bob").await;
    assert_eq!(bob.get("/v1/targets").await.1["targets"], json!([]));
    assert_eq!(bob.post("/v1/sessions", json!({"target": "db"})).await.0, 403);
    let refused = broker.events().into_iter().filter(|e| matches!(e, Event::SessionRefused { .. })).count();
    assert_eq!(refused, 4);
    let opened = broker.events().into_iter().find_map(|e| match e {
        Event::SessionOpen { session, client_key, reason, rules, .. } => {
            Some((session, client_key, reason, rules))
        }
        _ => None,
    });
    let (id, key, reason, rules) = opened.unwrap();
    assert_eq!((id.as_str(), reason.as_str()), (session["id"].as_str().unwrap(), "ticket 7"));
    assert_eq!((key.len(), rules), (43, vec!["test-rule".to_owned()]));
}

#[tokio::test]
async fn a_card_number_in_a_reason_is_not_kept() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let client = Client::sign_in(&broker, "alice").await;
    let body = json!({"target": "db", "reason": "card 4111111111111111 again"});
    let (status, session) = client.post("/v1/sessions", body).await;
    assert_eq!((status.as_u16(), session["reason"].as_str()), (201, Some("card 411111******1111 again")));
    let bad = json!({"target": "4111111111111111"});
    assert_eq!(client.post("/v1/sessions", bad).await.0, 404);
    assert!(!serde_json::to_string(&broker.entries()).unwrap().contains("4111111111111111"));
}

#[tokio::test]
async fn a_session_that_is_not_recorded_does_not_open() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let client = Client::sign_in(&broker, "alice").await;
    broker.ledger.broken.store(true, Ordering::SeqCst);
    let (status, body) = client.post("/v1/sessions", json!({"target": "db"})).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (503, Some("not_recorded")));
    assert!(broker.control.identity().sessions().list().is_empty());
}

#[tokio::test]
async fn sessions_are_seen_and_ended_by_their_owner_or_where_policy_says_so() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    broker.add("mallory", &["dba"]);
    broker.add("root", &["admins"]);
    let alice = Client::sign_in(&broker, "alice").await;
    let mallory = Client::sign_in(&broker, "mallory").await;
    let root = Client::sign_in(&broker, "root").await;
    let one = format!("/v1/sessions/{}", alice.open_session().await["id"].as_str().unwrap());
    let two = format!("/v1/sessions/{}", alice.open_session().await["id"].as_str().unwrap());
    let seen = |list: serde_json::Value| list["sessions"].as_array().unwrap().len();
    assert_eq!(seen(mallory.get("/v1/sessions").await.1), 0);
    assert_eq!(seen(root.get("/v1/sessions").await.1), 2);
    let delete = |client: &Client<'_>, path: &str| client.call(Method::DELETE, path).send();
    assert_eq!(delete(&mallory, &one).await.unwrap().status(), 404);
    assert_eq!(delete(&alice, &one).await.unwrap().status(), 204);
    assert_eq!(delete(&root, &two).await.unwrap().status(), 204);
    assert_eq!(delete(&alice, "/v1/sessions/x").await.unwrap().status(), 404);
    let ends: Vec<_> = broker
        .entries()
        .into_iter()
        .filter_map(|e| match e.event {
            Event::SessionEnd { reason, .. } => Some((e.user.id, reason)),
            _ => None,
        })
        .collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(ends, [pair("alice", "closed"), pair("root", "revoked")]);
}

#[tokio::test]
async fn sessions_are_limited() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let client = Client::sign_in(&broker, "alice").await;
    for _ in 0..3 {
        client.open_session().await;
    }
    let (status, body) = client.post("/v1/sessions", json!({"target": "db"})).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (429, Some("limit_reached")));
    assert_eq!(client.post("/v1/sessions", json!({"target": "db", "ttl_s": 0})).await.0, 400);
}

#[tokio::test]
async fn a_session_token_opens_its_tunnel_and_nothing_else() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let mut client = Client::sign_in(&broker, "alice").await;
    let session = client.open_session().await;
    let token = session["token"].as_str().unwrap().to_owned();
    let open = async |key: &Key, token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("DPoP {token}").parse().unwrap());
        headers.insert("dpop", key.proof(&broker, "GET", "/v1/tunnel", Some(token)).parse().unwrap());
        let uri = "/v1/tunnel".parse().unwrap();
        let identity = broker.control.identity();
        identity.verify_session_token(&Method::GET, &uri, &headers, "192.0.2.1:9".parse().unwrap()).await
    };
    assert_eq!(open(&client.key, &token).await.unwrap().id.to_string(), session["id"]);
    assert_eq!(open(&Key::new(), &token).await.unwrap_err().code.as_str(), "not_signed_in");
    assert_eq!(open(&client.key, &client.access).await.unwrap_err().code.as_str(), "not_signed_in");
    client.access = token.clone();
    assert_eq!(client.get("/v1/whoami").await.0, 401, "and is no access token");
    broker
        .control
        .identity()
        .sessions()
        .end(session["id"].as_str().unwrap().parse().unwrap(), hoop_broker::session::EndReason::Closed);
    assert_eq!(open(&client.key, &token).await.unwrap_err().code.as_str(), "session_ended");
}

/// Every route without a token: a route that forgets to ask shows here.
#[tokio::test]
async fn every_v1_route_asks_who_is_calling() {
    let broker = Broker::start().await;
    for (method, path) in [
        (Method::GET, "/v1/whoami"),
        (Method::GET, "/v1/targets"),
        (Method::GET, "/v1/sessions"),
        (Method::POST, "/v1/sessions"),
        (Method::DELETE, "/v1/sessions/ses_01"),
        (Method::POST, "/v1/tokens"),
        (Method::GET, "/v1/ledger/checkpoint"),
    ] {
        let response = broker.request(method.clone(), path).send().await.unwrap();
        let (status, body) = answer(response).await;
        assert_eq!((status.as_u16(), body["code"].as_str()), (401, Some("not_signed_in")), "{method} {path}");
    }
}

#[tokio::test]
async fn errors_are_problems_with_the_request_id() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    let response = broker.request(Method::GET, "/nope").send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/problem+json");
    assert_eq!(header("hoop-api-version"), "1");
    let id = header("hoop-request-id");
    let (status, body) = answer(response).await;
    assert_eq!((status.as_u16(), body["code"].as_str()), (404, Some("not_found")));
    assert_eq!(body["request"], id.as_str());
    let put = broker.request(Method::PUT, "/v1/whoami").send().await.unwrap();
    assert!(put.headers().contains_key("allow"));
    assert_eq!(answer(put).await.0, 405);
    let version = broker.request(Method::GET, "/v1/whoami").header("hoop-api-version", "2");
    assert_eq!(answer(version.send().await.unwrap()).await.0, 426);
    let unknown = client.post("/v1/sessions", json!({"target": "db", "extra": 1})).await;
    assert_eq!((unknown.0.as_u16(), unknown.1["code"].as_str()), (400, Some("bad_request")));
    let long = client.post("/v1/sessions", json!({"target": "x".repeat(5000)})).await;
    assert_eq!(long.0, 413, "{}", long.1);
    assert_eq!(broker.request(Method::GET, "/healthz").send().await.unwrap().text().await.unwrap(), "ok\n");
}

#[tokio::test]
async fn the_checkpoint_is_plain_text() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    let note = client.call(Method::GET, "/v1/ledger/checkpoint").send().await.unwrap();
    assert_eq!(note.text().await.unwrap(), "test/ledger\n7\nroot\n");
}

#[tokio::test]
async fn a_forwarding_header_that_lies_is_refused() {
    let broker = Broker::start().await;
    let request = broker.request(Method::GET, "/healthz").header("x-forwarded-for", "<script>");
    assert_eq!(request.send().await.unwrap().status(), 400);
}
