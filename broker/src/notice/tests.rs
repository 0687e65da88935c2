use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use hoop_api::approval::ApprovalKind;
use hoop_api::{AccessLevel, PrincipalKind};
use hoop_policy::{Escalation, Principal, Requirement, Reviewers};
use http::{HeaderMap, StatusCode};

use super::*;
use crate::approval::{Approvals, Asked, Bound};
use crate::config::{Limits, SecretRef};

fn person(id: &str, group: &str) -> Principal {
    Principal {
        id: id.to_owned(),
        name: id.to_owned(),
        kind: PrincipalKind::User,
        person_id: Some(format!("p-{id}")),
        groups: vec![group.to_owned()],
    }
}

/// A statement of dan's that one of the leads may lift.
fn asked() -> Asked {
    Asked {
        kind: ApprovalKind::Retry,
        requester: Arc::new(person("dan", "dba")),
        origin: ([127, 0, 0, 1], 1).into(),
        session: None,
        connection: None,
        target: "payments-db".to_owned(),
        level: AccessLevel::Write,
        reason: "INC-42 \u{202e}<!channel>".into(),
        requirement: Requirement {
            fresh: None,
            rules: BTreeSet::from(["payments-change".to_owned()]),
            reviewers: vec![Reviewers { count: 1, group: "leads".to_owned(), escalation: None }],
            reason: "held".to_owned(),
            ttl: None,
        },
        text: "delete from t\nwhere pan = '411111******1111'".into(),
        parameters: vec![Some("a parameter".into())],
        context: vec!["SET search_path = elsewhere".into()],
        definitions: Box::default(),
        estimate: None,
        verbs: vec!["delete".to_owned()],
        relations: vec!["public.t".into(), "public.\"4111111111111111\"".into()],
    }
}

fn bound() -> Bound {
    Bound::of("statement")
}

fn webhook(url: &str, statements: bool) -> Webhook {
    // Read by nothing here: keys are made by hand.
    let secret = SecretRef::Env("UNSET".to_owned());
    Webhook { name: "chat".to_owned(), url: url.to_owned(), secret, statements }
}

const PACE: Pace = Pace {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(4),
    tries: 4,
    patience: Duration::from_secs(60),
};

/// A webhook to `url`, what counts its notices, and what it could not deliver.
fn hook(url: &str, pace: Pace) -> (Arc<Hook>, Arc<Metrics>, Arc<Mutex<Vec<String>>>) {
    let (metrics, failures) = (Arc::<Metrics>::default(), Arc::<Mutex<Vec<String>>>::default());
    let record: Record = {
        let failures = Arc::clone(&failures);
        Arc::new(move |detail| failures.lock().unwrap_or_else(PoisonError::into_inner).push(detail))
    };
    let key = Key::parse(&"x".repeat(24)).unwrap();
    let hook = Hook::new(&webhook(url, false), key, pace, Arc::clone(&metrics), record).unwrap();
    (Arc::new(hook), metrics, failures)
}

/// Notices into a queue of `size` that nobody empties but the test.
fn queue(size: usize) -> (Notices, mpsc::Receiver<Arc<Notice>>, Arc<Metrics>) {
    let (hook, metrics, _) = hook("http://127.0.0.1:9/", PACE);
    let (queue, waiting) = mpsc::channel(size);
    (Notices(vec![Line { hook, queue }].into()), waiting, metrics)
}

fn told(waiting: &mut mpsc::Receiver<Arc<Notice>>) -> Vec<serde_json::Value> {
    let body = |n: Arc<Notice>| serde_json::from_slice(&n.body(false).unwrap()).unwrap();
    std::iter::from_fn(|| waiting.try_recv().ok()).map(body).collect()
}

#[test]
fn a_notice_says_what_waits_and_neither_parameters_nor_more_of_the_statement_than_asked_for() {
    let (notices, mut waiting, _) = queue(8);
    Approvals::new(&Limits::default(), notices).hold(asked(), &bound(), None).unwrap();
    let notice = waiting.try_recv().unwrap();
    let read = |statements| {
        let body = notice.body(statements).unwrap();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    };
    let mut plain = read(false);
    let Matter::Approval(Standing { id, .. }) = &notice.matter else { panic!("no approval") };
    let data = plain["data"].as_object_mut().unwrap();
    assert_eq!(data.remove("next").unwrap(), format!("hoopctl approve {id}"));
    assert_eq!(data.remove("id").unwrap(), id.to_string());
    let expires = data.remove("expires_at").unwrap();
    assert!(expires.as_str().unwrap().ends_with('Z'), "{expires}");
    assert!(plain["timestamp"].as_str().unwrap() < expires.as_str().unwrap());
    assert_eq!(plain["type"], "approval.requested");
    assert_eq!(
        plain["data"],
        serde_json::json!({
            "kind": "retry", "state": "pending", "requester": "dan", "target": "payments-db", "level": "write",
            "reason": "INC-42 \\u{202e}<!channel>", "rules": ["payments-change"], "reviewers": ["1 of leads"],
            "verbs": ["delete"], "relations": ["public.t", "public.\"411111******1111\""],
        })
    );
    let shown = read(true);
    let text = "delete from t\\nwhere pan = '411111******1111'";
    assert_eq!(shown["data"]["statement"], serde_json::json!({ "text": text, "cut": false }));
    for secret in ["a parameter", "elsewhere"] {
        assert!(!shown.to_string().contains(secret), "{shown}");
    }
}

#[test]
fn a_long_statement_is_cut_and_says_so() {
    let (notices, mut waiting, _) = queue(8);
    let asked = Asked { text: "é".repeat(30_000).into(), ..asked() };
    Approvals::new(&Limits::default(), notices).hold(asked, &bound(), None).unwrap();
    let body = waiting.try_recv().unwrap().body(true).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["data"]["statement"]["text"].as_str().unwrap(), "é".repeat(4096));
    assert_eq!(body["data"]["statement"]["cut"], true);
}

#[test]
fn an_escalation_is_told_once_with_who_may_decide_now() {
    let (notices, mut waiting, _) = queue(64);
    let all = Approvals::new(&Limits::default(), notices);
    let mut held = asked();
    let escalation = Escalation { after: Duration::ZERO, group: "oncall".to_owned() };
    held.requirement.reviewers[0].escalation = Some(escalation);
    all.hold(held, &bound(), None).unwrap();
    for (standing, rules) in all.to_escalate() {
        all.escalate(standing.id, rules);
    }
    assert!(all.to_escalate().is_empty());
    let told = told(&mut waiting);
    let of = |n: &serde_json::Value| (n["type"].to_string(), n["data"]["reviewers"][0].to_string());
    assert_eq!(of(&told[0]), (r#""approval.requested""#.to_owned(), r#""1 of leads""#.to_owned()));
    assert_eq!(of(&told[1]), (r#""approval.escalated""#.to_owned(), r#""1 of leads or oncall""#.to_owned()));
    assert_eq!(told.len(), 2);
}

#[test]
fn each_change_of_an_approval_is_told_once() {
    let (notices, mut waiting, _) = queue(64);
    let all = Approvals::new(&Limits::default(), notices.clone());
    let hold = |wait| all.hold(asked(), &bound(), wait).unwrap().standing.id;
    let lead = person("ada", "leads");
    let rules = BTreeSet::from(["payments-change".to_owned()]);
    let mut kinds = || told(&mut waiting).iter().map(|n| n["type"].to_string()).collect::<Vec<_>>().join(" ");

    let used = hold(None);
    assert_eq!(used, hold(None), "asked for again, it is the same, and nobody is told again");
    all.decide(used, &lead, true, "".into()).unwrap();
    all.consume(used, &bound(), &rules).unwrap();
    assert!(all.consume(used, &bound(), &rules).is_err() && !all.withdraw(used));
    assert_eq!(kinds(), r#""approval.requested" "approval.approved" "approval.consumed""#);

    all.decide(hold(None), &lead, false, "no".into()).unwrap();
    assert_eq!(kinds(), r#""approval.requested" "approval.rejected""#);

    let given_up = hold(None);
    assert!(all.withdraw(given_up) && !all.withdraw(given_up));
    assert_eq!(kinds(), r#""approval.requested" "approval.withdrawn""#);

    let late = hold(Some(Duration::ZERO));
    all.sweep();
    all.sweep();
    all.get(late).unwrap();
    assert_eq!(kinds(), r#""approval.requested" "approval.expired""#);
}

#[test]
fn where_too_many_wait_the_newest_is_dropped_and_counted() {
    let (notices, mut waiting, metrics) = queue(2);
    let all = Approvals::new(&Limits::default(), notices);
    let wait = Some(Duration::from_secs(60));
    let ids: Vec<_> = (0..3).map(|_| all.hold(asked(), &bound(), wait).unwrap().standing.id).collect();
    assert_eq!(metrics.notices(NoticeEnd::Dropped).value(), 1);
    let kept = told(&mut waiting);
    assert_eq!(
        kept.iter().map(|n| n["data"]["id"].as_str().unwrap()).collect::<Vec<_>>(),
        [ids[0].to_string(), ids[1].to_string()]
    );
}

#[test]
fn pauses_double_up_to_the_longest_and_vary() {
    let pace = Pace::default();
    let seconds = |jitter| (1..=12).map(|n| pace.pause(n, jitter).as_secs_f64().round()).collect::<Vec<_>>();
    assert_eq!(seconds(0.5), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0, 300.0]);
    assert_eq!((seconds(0.0)[11], seconds(1.0)[11]), (240.0, 360.0));
    assert_eq!(pace.pause(u32::MAX, 0.5), pace.longest);
}

/// A receiver that gives these answers in turn, then 204; what it got.
type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn receiver(answers: &[u16]) -> (String, Got) {
    let (got, left) = (Got::default(), Arc::new(Mutex::new(answers.to_vec())));
    let taken = Arc::clone(&got);
    let take = move |headers: HeaderMap, body: Bytes| async move {
        taken.lock().unwrap().push((headers, body));
        let mut left = left.lock().unwrap();
        let status = if left.is_empty() { 204 } else { left.remove(0) };
        (StatusCode::from_u16(status).unwrap(), [("location", "/elsewhere")])
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(take);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, got)
}

/// Sends one notice to a receiver with these answers: the requests, how it ended, and what was taken down.
async fn send(answers: &[u16]) -> (Vec<(HeaderMap, Bytes)>, [u64; 2], Vec<String>) {
    let (url, got) = receiver(answers).await;
    let (hook, metrics, failures) = hook(&url, PACE);
    let (queue, waiting) = mpsc::channel(QUEUE);
    let (_go_on, stopping) = watch::channel(false);
    let notices = Notices(vec![Line { hook: Arc::clone(&hook), queue }].into());
    Approvals::new(&Limits::default(), notices).hold(asked(), &bound(), None).unwrap();
    // The approvals are gone, so the courier ends when it is done.
    courier::run(Arc::clone(&hook), waiting, stopping).await;
    let ends = [NoticeEnd::Delivered, NoticeEnd::Failed].map(|how| metrics.notices(how).value());
    hook.abandon();
    (got.lock().unwrap().clone(), ends, failures.lock().unwrap().clone())
}

#[tokio::test]
async fn what_the_receiver_cannot_take_now_is_sent_again_under_the_same_id() {
    let (got, ends, failures) = send(&[503, 429, 408]).await;
    assert_eq!((got.len(), ends, failures.len()), (4, [1, 0], 0));
    let key = Key::parse(&"x".repeat(24)).unwrap();
    for (headers, body) in &got {
        let header = |name: &str| headers[name].to_str().unwrap();
        assert_eq!(headers["webhook-id"], got[0].0["webhook-id"]);
        assert!(header("webhook-id").starts_with("msg_"));
        assert_eq!(header("content-type"), "application/json");
        let at = header("webhook-timestamp").parse().unwrap();
        assert_eq!(header("webhook-signature"), key.sign(header("webhook-id"), at, body));
    }
}

#[tokio::test]
async fn a_no_is_final_and_no_redirect_is_followed() {
    for status in [400, 401, 404, 410, 301, 307] {
        let (got, ends, failures) = send(&[status]).await;
        assert_eq!((got.len(), ends), (1, [0, 1]), "{status}");
        let [failure] = &failures[..] else { panic!("{failures:?}") };
        assert!(failure.starts_with("webhook `chat`: notice msg_"), "{failure}");
        assert!(failure.contains(&status.to_string()) && failure.contains("pending"), "{failure}");
    }
}

#[tokio::test]
async fn tries_come_to_an_end_and_the_failure_is_taken_down_without_the_url() {
    let (got, ends, failures) = send(&[500; 9]).await;
    assert_eq!((got.len(), ends, failures.len()), (4, [0, 1], 1));
    assert!(failures[0].contains("tries 4: the receiver answers 500"), "{failures:?}");
    // Nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (hook, _, failures) = hook(&format!("http://{free}/t0ken"), PACE);
    let (queue, waiting) = mpsc::channel(QUEUE);
    let (_go_on, stopping) = watch::channel(false);
    let notices = Notices(vec![Line { hook: Arc::clone(&hook), queue }].into());
    Approvals::new(&Limits::default(), notices).hold(asked(), &bound(), None).unwrap();
    courier::run(hook, waiting, stopping).await;
    let failures = failures.lock().unwrap();
    assert!(failures[0].contains("tries 4") && !failures[0].contains("t0ken"), "{failures:?}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_the_next_try_and_takes_down_what_is_left() {
    let (url, got) = receiver(&[503]).await;
    let pace = Pace { first: Duration::from_secs(3600), longest: Duration::from_secs(3600), ..PACE };
    let (hook, _, failures) = hook(&url, pace);
    let (queue, waiting) = mpsc::channel(QUEUE);
    let (stopping, stop) = watch::channel(false);
    let mut couriers = JoinSet::new();
    couriers.spawn(courier::run(Arc::clone(&hook), waiting, stop));
    let all =
        Approvals::new(&Limits::default(), Notices(vec![Line { hook: Arc::clone(&hook), queue }].into()));
    all.hold(asked(), &bound(), None).unwrap();
    let began = Instant::now();
    while got.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Webhooks { couriers, hooks: vec![hook], stopping }.stop(Duration::from_secs(600)).await;
    assert!(began.elapsed() < Duration::from_secs(600));
    assert_eq!(failures.lock().unwrap().len(), 1);
    drop(all);
}
