//! Approvals over the API: who sees one, who decides it, what a decision must be, and that it opens one session once.

use hoop_api::approval::{Approval, DECISION_TYPE};
use hoop_ledger::entry::Event;
use jsonwebtoken::{Algorithm, Header};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::identity_client::{Client, Key, answer};
use crate::identity_support::Broker;

const WRITE: &str = r#"{"target": "db", "level": "write", "reason": "INC-42"}"#;

fn write() -> Value {
    serde_json::from_str(WRITE).unwrap()
}

async fn people(broker: &Broker) -> (Client<'_>, Client<'_>) {
    broker.add("dan", &["dba"]);
    broker.add("ada", &["leads"]);
    (Client::sign_in(broker, "dan").await, Client::sign_in(broker, "ada").await)
}

/// The approval that a held session waits for.
async fn held(dan: &Client<'_>) -> String {
    let (status, problem) = dan.post("/v1/sessions", write()).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (403, Some("approval_pending")), "{problem}");
    problem["approval"].as_str().unwrap().to_owned()
}

pub(crate) fn sign(key: &Key, typ: &str, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(typ.to_owned());
    header.jwk = Some(serde_json::from_value(key.jwk.clone()).unwrap());
    jsonwebtoken::encode(&header, claims, &key.encoding).unwrap()
}

/// A good decision about what `who` is shown; tests bend it.
async fn claims(who: &Client<'_>, id: &str, approve: bool, reason: &str) -> Value {
    let (status, shown) = who.get(&format!("/v1/approvals/{id}")).await;
    assert_eq!(status, 200, "{shown}");
    let approval: Approval = serde_json::from_value(shown).unwrap();
    json!({
        "approval": id, "approve": approve, "reason": reason, "binding": approval.binding,
        "shown": approval.shown(), "iat": who.broker.control.identity().now_s(),
    })
}

async fn send(who: &Client<'_>, id: &str, jws: &str) -> (StatusCode, Value) {
    who.post(&format!("/v1/approvals/{id}/decision"), json!({ "decision": jws })).await
}

async fn decide(who: &Client<'_>, id: &str, approve: bool, reason: &str) -> (StatusCode, Value) {
    let claims = claims(who, id, approve, reason).await;
    send(who, id, &sign(&who.key, DECISION_TYPE, &claims)).await
}

#[tokio::test]
async fn a_held_session_opens_once_after_another_person_approves() {
    let broker = Broker::start().await;
    let (dan, ada) = people(&broker).await;
    let id = held(&dan).await;
    assert_eq!(held(&dan).await, id, "the same wish is one request");
    let (_, list) = ada.get("/v1/approvals").await;
    assert_eq!(list["approvals"][0]["may_decide"], true, "{list}");
    let (status, decided) = decide(&ada, &id, true, "change window").await;
    assert_eq!((status.as_u16(), decided["state"].as_str()), (200, Some("approved")), "{decided}");
    let longer = json!({"target": "db", "level": "write", "ttl_s": 60});
    assert_eq!(
        dan.post("/v1/sessions", longer).await.1["code"],
        "approval_pending",
        "other length, other approval"
    );
    let (status, session) = dan.post("/v1/sessions", write()).await;
    assert_eq!(status, 201, "{session}");
    assert_ne!(held(&dan).await, id, "a second session needs another approval");
    let events = broker.events();
    let at = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let asked = at(|e| matches!(e, Event::ApprovalRequested { .. }));
    let decided = at(|e| matches!(e, Event::ApprovalDecided { .. }));
    let used = at(|e| matches!(e, Event::ApprovalConsumed { .. }));
    let opened = at(|e| matches!(e, Event::SessionOpen { level, .. } if level == "write"));
    assert!(asked < decided && decided < used && used < opened, "each is recorded before the next happens");
    let Event::ApprovalConsumed { by, binding, .. } = &events[used] else { panic!() };
    assert_eq!(by, session["id"].as_str().unwrap());
    assert!(matches!(&events[decided], Event::ApprovalDecided { binding: b, .. } if b == binding));
}

#[tokio::test]
async fn nobody_else_sees_or_decides() {
    let broker = Broker::start().await;
    let (dan, ada) = people(&broker).await;
    broker.add("eve", &["developers"]);
    let eve = Client::sign_in(&broker, "eve").await;
    let id = held(&dan).await;
    assert_eq!(eve.get("/v1/approvals").await.1["approvals"], json!([]));
    assert_eq!(eve.get(&format!("/v1/approvals/{id}")).await.0, 404);
    let good = claims(&ada, &id, true, "").await;
    assert_eq!(send(&eve, &id, &sign(&eve.key, DECISION_TYPE, &good)).await.0, 404);
    let (status, problem) = send(&dan, &id, &sign(&dan.key, DECISION_TYPE, &good)).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (403, Some("denied_by_policy")), "{problem}");
    assert!(
        broker
            .events()
            .iter()
            .any(|e| matches!(e, Event::SessionRefused { reason, .. } if reason.contains("their own")))
    );
    for path in ["/v1/approvals/nonsense", "/v1/approvals/apr_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(ada.get(path).await.0, 404);
        assert_eq!(answer(ada.call(Method::DELETE, path).send().await.unwrap()).await.0, 404);
        assert_eq!(send(&ada, path.rsplit('/').next().unwrap(), "x").await.0, 404);
    }
    assert_eq!(
        answer(ada.call(Method::DELETE, &format!("/v1/approvals/{id}")).send().await.unwrap()).await.0,
        403
    );
    assert_eq!(held(&dan).await, id, "nothing of it changed the approval");
    let stranger = broker.request(Method::GET, "/v1/approvals").send().await.unwrap();
    assert_eq!(stranger.status(), 401);
}

#[tokio::test]
async fn a_decision_is_of_the_callers_key_about_what_was_shown_and_fresh() {
    let broker = Broker::start().await;
    let (dan, ada) = people(&broker).await;
    let id = held(&dan).await;
    let good = claims(&ada, &id, true, "").await;
    let bent = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        sign(&ada.key, DECISION_TYPE, &claims)
    };
    let signed = sign(&ada.key, DECISION_TYPE, &good);
    let (rest, _) = signed.rsplit_once('.').unwrap();
    for (what, jws, status) in [
        ("no JWS", "x".to_owned(), 400),
        ("no signature", format!("{rest}."), 400),
        ("another type", sign(&ada.key, "dpop+jwt", &good), 400),
        ("another key", sign(&Key::new(), DECISION_TYPE, &good), 400),
        ("the requester's key", sign(&dan.key, DECISION_TYPE, &good), 400),
        ("another approval", bent("approval", "apr_01ARZ3NDEKTSV4RRFFQ69G5FAV".into()), 409),
        ("another binding", bent("binding", "00".into()), 409),
        ("another text", bent("shown", "00".into()), 409),
        ("old", bent("iat", (good["iat"].as_i64().unwrap() - 301).into()), 400),
        ("more claims", bent("extra", 1.into()), 400),
        ("a card number", bent("reason", "card 4111111111111111".into()), 400),
        ("no without a reason", bent("approve", false.into()), 400),
    ] {
        let (got, problem) = send(&ada, &id, &jws).await;
        assert_eq!(got.as_u16(), status, "{what}: {problem}");
    }
    assert!(!broker.events().iter().any(|e| matches!(e, Event::ApprovalDecided { .. })), "none was taken");
    assert_eq!(decide(&ada, &id, true, "").await.0, 200);
    let (status, problem) = send(&ada, &id, &signed).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("conflict")), "replayed: {problem}");
}

#[tokio::test]
async fn a_no_and_a_withdrawal_end_it() {
    let broker = Broker::start().await;
    let (dan, ada) = people(&broker).await;
    let id = held(&dan).await;
    let (_, denied) = decide(&ada, &id, false, "not now").await;
    assert_eq!(
        (denied["state"].as_str(), denied["decisions"][0]["reason"].as_str()),
        (Some("rejected"), Some("not now"))
    );
    assert_eq!(dan.get(&format!("/v1/approvals/{id}")).await.1["state"], "rejected");
    let next = held(&dan).await;
    assert_ne!(next, id);
    let path = format!("/v1/approvals/{next}");
    assert_eq!(dan.call(Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(dan.call(Method::DELETE, &path).send().await.unwrap().status(), 409);
    assert!(
        broker.events().iter().any(|e| matches!(e, Event::ApprovalEnded { how, .. } if how == "withdrawn"))
    );
    let claims = claims(&ada, &next, true, "").await;
    assert_eq!(send(&ada, &next, &sign(&ada.key, DECISION_TYPE, &claims)).await.0, 409);
    assert_ne!(held(&dan).await, next);
}

#[tokio::test]
async fn a_request_can_be_made_ahead_and_only_where_one_is_needed() {
    let broker = Broker::start().await;
    let (dan, ada) = people(&broker).await;
    let (status, asked) = dan.post("/v1/approvals", write()).await;
    assert_eq!((status.as_u16(), asked["kind"].as_str()), (201, Some("session")), "{asked}");
    assert_eq!(dan.post("/v1/approvals", json!({"target": "db"})).await.0, 400, "needs none");
    assert_eq!(dan.post("/v1/approvals", json!({"target": "db", "level": "reveal"})).await.0, 403);
    assert_eq!(dan.post("/v1/approvals", json!({"target": "nope"})).await.0, 404);
    assert_eq!(ada.post("/v1/approvals", write()).await.0, 403);
    decide(&ada, asked["id"].as_str().unwrap(), true, "").await;
    assert_eq!(dan.post("/v1/sessions", write()).await.0, 201);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_neither_asked_for_nor_decided_nor_used() {
    use std::sync::atomic::Ordering;
    let broker = Broker::start().await;
    let (dan, ada) = people(&broker).await;
    broker.ledger.broken.store(true, Ordering::SeqCst);
    assert_eq!(dan.post("/v1/sessions", write()).await.0, 503);
    broker.ledger.broken.store(false, Ordering::SeqCst);
    let id = held(&dan).await;
    broker.ledger.broken.store(true, Ordering::SeqCst);
    assert_eq!(decide(&ada, &id, true, "").await.0, 503);
    broker.ledger.broken.store(false, Ordering::SeqCst);
    assert_eq!(held(&dan).await, id, "not decided");
    decide(&ada, &id, true, "").await;
    broker.ledger.broken.store(true, Ordering::SeqCst);
    assert_eq!(dan.post("/v1/sessions", write()).await.0, 503);
    broker.ledger.broken.store(false, Ordering::SeqCst);
    assert_ne!(held(&dan).await, id, "an approval whose use failed is used up");
    let (_, sessions) = dan.get("/v1/sessions").await;
    assert_eq!(sessions["sessions"], json!([]));
}
