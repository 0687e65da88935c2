//! Every route of the API refuses who is not signed in. The routes are taken from the source, so that a new one without
//! an answer here fails.

use reqwest::Method;
use serde_json::Value;

use crate::identity_support::Broker;

/// Where the routes are written.
const SOURCE: &str = include_str!("../../src/control/mod.rs");
/// The other place.
const WAYS: &str = include_str!("../../src/server/ways.rs");

/// Routes that anybody may ask, with the reason.
const OPEN: [(&str, &str); 10] = [
    ("\"/healthz\"", "says that the broker runs"),
    ("routes::METADATA", "RFC 8414: public"),
    ("routes::DEVICE_AUTHORIZATION", "begins a sign-in"),
    ("routes::TOKEN", "ends a sign-in; its own credentials"),
    ("routes::REVOKE", "RFC 7009; its own credentials"),
    ("routes::DEVICE_PAGE", "a page for browsers"),
    ("\"/device/confirm\"", "a page for browsers"),
    ("\"/device/sign-in\"", "a page for browsers"),
    ("\"/oidc/callback\"", "a page for browsers"),
    ("\"/oidc/finish\"", "a page for browsers"),
];

/// Routes of the running broker's own router: the tunnel wants a session token, metrics a loopback address. Tested in
/// `tests/e2e`.
const ELSEWHERE: [&str; 2] = ["routes::TUNNEL", "\"/metrics\""];

/// Routes that need a sign-in, as written in the source and as asked here.
const CLOSED: [(&str, &str); 16] = [
    ("routes::WHOAMI", "/v1/whoami"),
    ("routes::TARGETS", "/v1/targets"),
    ("\"{}/{{target}}\", routes::TARGETS", "/v1/targets/payments-db"),
    ("routes::SESSIONS", "/v1/sessions"),
    ("\"{}/{{id}}\", routes::SESSIONS", "/v1/sessions/ses_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("routes::APPROVALS", "/v1/approvals"),
    ("\"{}/{{id}}\", routes::APPROVALS", "/v1/approvals/apr_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("\"{}/{{id}}/decision\", routes::APPROVALS", "/v1/approvals/apr_01ARZ3NDEKTSV4RRFFQ69G5FAV/decision"),
    ("routes::BREAK_GLASS", "/v1/break-glass"),
    ("routes::ENROLMENT", "/v1/break-glass/enrolment"),
    ("routes::FINDINGS", "/v1/findings"),
    ("\"{}/{{id}}/review\", routes::FINDINGS", "/v1/findings/fnd_01ARZ3NDEKTSV4RRFFQ69G5FAV/review"),
    ("routes::EXPLAIN", "/v1/policy/explain"),
    ("\"{}/{{target}}\", routes::SUGGEST", "/v1/policy/suggest/payments-db"),
    ("routes::TOKENS", "/v1/tokens"),
    ("routes::CHECKPOINT", "/v1/ledger/checkpoint"),
];

/// The path of a route as it is written, and what follows it up to the next route.
fn written(source: &str) -> Vec<(String, String)> {
    let one = |route: &str| {
        let route: String = route.split_whitespace().collect::<Vec<_>>().join(" ");
        let (path, rest) = match route.strip_prefix("&format!(") {
            Some(inner) => inner.split_once("), ")?,
            None => route.split_once(", ")?,
        };
        Some((path.trim().to_owned(), rest.to_owned()))
    };
    source.split(".route(").skip(1).filter_map(one).collect()
}

#[tokio::test]
async fn who_is_not_signed_in_gets_nowhere() {
    let broker = Broker::start().await;
    let routes = written(SOURCE);
    assert_eq!(routes.len(), OPEN.len() + CLOSED.len(), "{routes:?}");
    for (path, handlers) in &routes {
        if OPEN.iter().any(|(open, _)| open == path) {
            continue;
        }
        let Some((_, asked)) = CLOSED.iter().find(|(closed, _)| closed == path) else {
            panic!("the route {path} has no negative test");
        };
        let methods = [
            ("get(", Method::GET),
            ("post(", Method::POST),
            ("put(", Method::PUT),
            ("delete(", Method::DELETE),
        ];
        let served: Vec<Method> =
            methods.into_iter().filter(|(word, _)| handlers.contains(word)).map(|(_, m)| m).collect();
        assert!(!served.is_empty(), "{path}: {handlers}");
        for method in served {
            for token in [None, Some("Bearer x"), Some("DPoP x")] {
                let mut request = broker.request(method.clone(), asked).body("{}");
                if let Some(token) = token {
                    request = request.header("authorization", token);
                }
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 401, "{method} {asked} {token:?}");
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(problem["code"], "not_signed_in", "{method} {asked}");
            }
        }
    }
}

#[test]
fn the_other_routers_routes_are_known() {
    for (path, _) in written(WAYS) {
        assert!(ELSEWHERE.contains(&path.as_str()), "the route {path} has no negative test");
    }
}
