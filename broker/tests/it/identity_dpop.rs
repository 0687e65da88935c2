//! Proofs that must not pass (RFC 9449, 4.3 and 11).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::identity_client::{Client, Key, answer};
use crate::identity_support::Broker;

const PATH: &str = "/v1/whoami";

/// Sends a proof with `bend` applied to good claims; answers status, code, and the reason in the ledger.
async fn bent(client: &Client<'_>, bend: impl FnOnce(&mut Value)) -> (u16, String, Option<String>) {
    let mut claims = Key::claims(client.broker, "GET", PATH, Some(&client.access));
    bend(&mut claims);
    raw(client, &client.key.sign(&claims)).await
}

async fn raw(client: &Client<'_>, proof: &str) -> (u16, String, Option<String>) {
    let before = client.broker.refusals().len();
    let (status, body) = answer(client.with_proof(Method::GET, PATH, proof).send().await.unwrap()).await;
    let code = body["code"].as_str().unwrap_or("none").to_owned();
    (status.as_u16(), code, client.broker.refusals().get(before).cloned())
}

fn refused(reason: &str) -> (u16, String, Option<String>) {
    (401, "not_signed_in".to_owned(), Some(reason.to_owned()))
}

fn minus(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}

#[tokio::test]
async fn a_bent_claim_is_refused_and_recorded() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    assert_eq!(bent(&client, |_| {}).await, (200, "none".to_owned(), None), "unbent, it is good");
    let now = broker.control.identity().now_s();
    let other = "https://evil.test/v1/whoami";
    assert_eq!(bent(&client, |c| c["htu"] = other.into()).await, refused("proof_address"));
    assert_eq!(
        bent(&client, |c| c["htu"] = "https://broker.test/v1/targets".into()).await,
        refused("proof_address")
    );
    assert_eq!(bent(&client, |c| c["htm"] = "POST".into()).await, refused("proof_method"));
    assert_eq!(bent(&client, |c| c["htm"] = "get".into()).await, refused("proof_method"));
    assert_eq!(bent(&client, |c| c["iat"] = (now - 121).into()).await, refused("proof_age"));
    assert_eq!(bent(&client, |c| c["iat"] = (now + 121).into()).await, refused("proof_age"));
    assert_eq!(bent(&client, |c| c["iat"] = i64::MIN.into()).await, refused("proof_age"));
    assert_eq!(bent(&client, |c| minus(c, "iat")).await, refused("proof_malformed"));
    assert_eq!(bent(&client, |c| minus(c, "jti")).await, refused("proof_malformed"));
    assert_eq!(bent(&client, |c| c["jti"] = "".into()).await, refused("proof_malformed"));
    assert_eq!(bent(&client, |c| c["jti"] = "x".repeat(129).into()).await, refused("proof_malformed"));
    assert_eq!(bent(&client, |c| minus(c, "ath")).await, refused("proof_ath"));
    assert_eq!(bent(&client, |c| c["ath"] = "AAAA".into()).await, refused("proof_ath"));
}

#[tokio::test]
async fn a_missing_or_old_nonce_asks_for_a_fresh_one() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    let wanted = (401, "use_dpop_nonce".to_owned(), None);
    assert_eq!(bent(&client, |c| minus(c, "nonce")).await, wanted);
    assert_eq!(bent(&client, |c| c["nonce"] = "made-up".into()).await, wanted);
    let old = broker.nonce();
    broker.pass(180);
    assert_eq!(bent(&client, |c| c["nonce"] = old.into()).await, wanted);
    let mut claims = Key::claims(&broker, "GET", PATH, Some(&client.access));
    minus(&mut claims, "nonce");
    let proof = client.key.sign(&claims);
    let response = client.with_proof(Method::GET, PATH, &proof).send().await.unwrap();
    let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("DPoP error=\"use_dpop_nonce\""), "{challenge}");
    claims["nonce"] = response.headers()["dpop-nonce"].to_str().unwrap().into();
    assert_eq!(raw(&client, &client.key.sign(&claims)).await.0, 200);
}

#[tokio::test]
async fn the_token_endpoint_asks_for_a_nonce_its_own_way() {
    let broker = Broker::start().await;
    let client = Client::new(&broker);
    let mut claims = Key::claims(&broker, "POST", "/oauth/device_authorization", None);
    minus(&mut claims, "nonce");
    let request = broker.request(Method::POST, "/oauth/device_authorization");
    let proof = client.key.sign(&claims);
    let response = request.header("dpop", proof).form(&[("client_id", "hoopctl")]).send().await.unwrap();
    assert!(response.headers().contains_key("dpop-nonce"));
    let (status, body) = answer(response).await;
    assert_eq!((status.as_u16(), body["error"].as_str()), (400, Some("use_dpop_nonce")));
}

#[tokio::test]
async fn a_proof_is_good_once() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    let proof = client.key.proof(&broker, "GET", PATH, Some(&client.access));
    assert_eq!(raw(&client, &proof).await.0, 200);
    assert_eq!(raw(&client, &proof).await, refused("proof_replayed"));
}

#[tokio::test]
async fn a_stolen_token_is_useless_without_its_key() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    let thief = Key::new();
    assert_eq!(
        raw(&client, &thief.proof(&broker, "GET", PATH, Some(&client.access))).await,
        refused("wrong_key")
    );
    // Alice's key in the header, the thief's signature.
    let forged = Key { jwk: client.key.jwk.clone(), ..thief };
    let proof = forged.proof(&broker, "GET", PATH, Some(&client.access));
    assert_eq!(raw(&client, &proof).await, refused("proof_signature"));
}

#[tokio::test]
async fn weak_algorithms_and_forms_are_refused() {
    let broker = Broker::start().await;
    broker.add("alice", &[]);
    let client = Client::sign_in(&broker, "alice").await;
    let claims = Key::claims(&broker, "GET", PATH, Some(&client.access));
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let bare = |alg: &str| {
        let header = json!({"typ": "dpop+jwt", "alg": alg, "jwk": client.key.jwk});
        format!("{}.{}.", encode(&header), encode(&claims))
    };
    assert_eq!(raw(&client, &bare("none")).await, refused("proof_key"));
    assert_eq!(raw(&client, &bare("HS256")).await, refused("proof_key"));
    assert_eq!(raw(&client, &bare("ES256")).await.0, 401, "no signature");
    assert_eq!(raw(&client, "a.b").await, refused("proof_malformed"));
    assert_eq!(raw(&client, &"a".repeat(5000)).await, refused("proof_malformed"));
    let good = client.key.proof(&broker, "GET", PATH, Some(&client.access));
    let twice = client.with_proof(Method::GET, PATH, &good).header("dpop", &good).send().await.unwrap();
    assert_eq!(twice.status(), 401);
    let missing =
        broker.request(Method::GET, PATH).header("authorization", format!("DPoP {}", client.access));
    assert_eq!(missing.send().await.unwrap().status(), 401);
    let bearer = client.call(Method::GET, PATH).header("authorization", format!("Bearer {}", client.access));
    assert_eq!(bearer.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn an_altered_or_expired_token_is_refused() {
    let broker = Broker::start().await;
    broker.add("alice", &["dba"]);
    let mut client = Client::sign_in(&broker, "alice").await;
    let good = client.access.clone();
    let mut parts: Vec<_> = good.split('.').map(str::to_owned).collect();
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[1]).unwrap()).unwrap();
    parts[1] = URL_SAFE_NO_PAD.encode(payload.replace("dba", "adm"));
    client.access = parts.join(".");
    assert_eq!(bent(&client, |_| {}).await, refused("token_invalid"));
    client.access = good;
    broker.pass(600);
    assert_eq!(bent(&client, |_| {}).await, (401, "not_signed_in".to_owned(), None), "expiry is no attack");
}
