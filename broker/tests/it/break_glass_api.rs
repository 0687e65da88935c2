//! Breaking the glass over the API: what a sign-in must be, for how long, and what a review must be.

use hoop_api::finding::{Finding, REVIEW_TYPE};
use hoop_ledger::entry::Event;
use serde_json::{Value, json};

use crate::approvals_api::sign;
use crate::identity_client::Client;
use crate::identity_support::Broker;

fn wish(ttl_s: u64) -> Value {
    json!({"target": "db", "reason": "queue stuck", "ticket": "INC-42", "ttl_s": ttl_s})
}

async fn breaks(who: &Client<'_>, wish: Value) -> (u16, Value) {
    let (status, told) = who.post("/v1/break-glass", wish).await;
    (status.as_u16(), told)
}

/// A good review of the first finding that `who` is shown; tests bend it.
async fn claims(who: &Client<'_>) -> Value {
    let (_, list) = who.get("/v1/findings").await;
    let finding: Finding = serde_json::from_value(list["findings"][0].clone()).unwrap();
    json!({
        "finding": finding.id, "conclusion": "justified", "note": "read", "shown": finding.shown(),
        "iat": who.broker.control.identity().now_s(),
    })
}

async fn review(who: &Client<'_>, claims: &Value, typ: &str) -> (u16, Value) {
    let id = claims["finding"].as_str().unwrap();
    let body = json!({ "review": sign(&who.key, typ, claims) });
    let (status, told) = who.post(&format!("/v1/findings/{id}/review"), body).await;
    (status.as_u16(), told)
}

#[tokio::test]
async fn a_sign_in_of_long_ago_breaks_no_glass_and_an_hour_is_the_most() {
    let broker = Broker::start().await;
    broker.add("olga", &["oncall"]);
    let olga = Client::sign_in(&broker, "olga").await;
    broker.pass(301);
    let (status, problem) = breaks(&olga, wish(60)).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("denied_by_policy")), "{problem}");
    assert!(problem["hint"].as_str().unwrap().contains("hoopctl login --fresh"), "{problem}");
    assert!(!broker.events().iter().any(|e| matches!(e, Event::GlassBroken { .. })));

    let olga = Client::sign_in(&broker, "olga").await;
    let now = broker.control.identity().now_s();
    let (status, session) = breaks(&olga, wish(24 * 3600)).await;
    assert_eq!(status, 201, "{session}");
    let ends = |session: &Value| session["ends_at"].as_i64().unwrap();
    assert!(ends(&session) <= now + 3600 + 2, "{session}");
    assert_eq!(session["reason"], "INC-42: queue stuck");
    // It goes on within its time and never beyond it.
    broker.pass(200);
    let (status, again) = breaks(&olga, wish(3600)).await;
    assert_eq!((status, &again["finding"]), (201, &session["finding"]), "{again}");
    let (_, list) = olga.get("/v1/findings").await;
    assert_eq!(list["findings"].as_array().unwrap().len(), 1);
    assert_eq!(list["findings"][0]["ends_at"].as_i64().unwrap(), now + 3600);
    broker.pass(3600);
    let olga = Client::sign_in(&broker, "olga").await;
    let (status, problem) = breaks(&olga, wish(60)).await;
    assert_eq!(status, 403, "the time of the first is up, and nobody has reviewed it: {problem}");
    // What people typed as a ticket keeps no card number.
    let event = broker.events().into_iter().find(|e| matches!(e, Event::GlassBroken { .. })).unwrap();
    assert!(matches!(event, Event::GlassBroken { ticket, .. } if ticket == "INC-42"));
}

#[tokio::test]
async fn a_review_is_about_what_was_shown_by_who_may_once() {
    let broker = Broker::start().await;
    for (name, group) in [("olga", "oncall"), ("leo", "leads"), ("lea", "leads"), ("dan", "dba")] {
        broker.add(name, &[group]);
    }
    let olga = Client::sign_in(&broker, "olga").await;
    let (status, _) = breaks(&olga, wish(60)).await;
    assert_eq!(status, 201);
    let (leo, lea) = (Client::sign_in(&broker, "leo").await, Client::sign_in(&broker, "lea").await);
    let dan = Client::sign_in(&broker, "dan").await;
    assert!(dan.get("/v1/findings").await.1["findings"].as_array().unwrap().is_empty());
    let good = claims(&leo).await;
    let bent = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        claims
    };
    let now = broker.control.identity().now_s();
    for (claims, typ, status) in [
        (bent("shown", "00".into()), REVIEW_TYPE, 409),
        (bent("note", " ".into()), REVIEW_TYPE, 400),
        (bent("note", "4111111111111111".into()), REVIEW_TYPE, 400),
        (bent("conclusion", "perfect".into()), REVIEW_TYPE, 400),
        (bent("iat", (now - 301).into()), REVIEW_TYPE, 400),
        (good.clone(), "hoop-decision+jwt", 400),
    ] {
        assert_eq!(review(&leo, &claims, typ).await.0, status, "{claims}");
    }
    // Signed by another's key, and by who may not.
    let id = good["finding"].as_str().unwrap();
    let body = json!({ "review": sign(&lea.key, REVIEW_TYPE, &good) });
    assert_eq!(leo.post(&format!("/v1/findings/{id}/review"), body).await.0, 400);
    assert_eq!(review(&dan, &good, REVIEW_TYPE).await.0, 404);
    assert_eq!(review(&olga, &claims(&olga).await, REVIEW_TYPE).await.0, 403);
    assert_eq!(review(&leo, &good, REVIEW_TYPE).await.0, 200);
    assert_eq!(review(&leo, &good, REVIEW_TYPE).await.0, 409);
    let (status, closed) = review(&lea, &claims(&lea).await, REVIEW_TYPE).await;
    assert_eq!((status, &closed["closed"]), (200, &true.into()));
    assert_eq!(broker.events().iter().filter(|e| matches!(e, Event::FindingReviewed { .. })).count(), 2);
}

#[tokio::test]
async fn whoever_is_found_to_misuse_it_loses_the_session_and_does_not_go_on() {
    let broker = Broker::start().await;
    broker.add("olga", &["oncall"]);
    broker.add("leo", &["leads"]);
    let olga = Client::sign_in(&broker, "olga").await;
    assert_eq!(breaks(&olga, wish(600)).await.0, 201);
    let open = || async { olga.get("/v1/sessions").await.1["sessions"].as_array().unwrap().len() };
    assert_eq!(open().await, 1);
    let leo = Client::sign_in(&broker, "leo").await;
    let mut claims = claims(&leo).await;
    claims["conclusion"] = "misused".into();
    assert_eq!(review(&leo, &claims, REVIEW_TYPE).await.0, 200);
    assert_eq!(open().await, 0);
    let (status, problem) = breaks(&olga, wish(600)).await;
    assert_eq!(status, 403, "{problem}");
}
