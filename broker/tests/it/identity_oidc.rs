//! Signing in at a real OpenID Connect provider. Needs one: `OP_PORT=9400 node op.mjs`, then
//! `HOOP_TEST_OIDC=http://127.0.0.1:9400 cargo test -p hoop-broker -- --ignored oidc`.

use std::collections::BTreeMap;

use hoop_broker::config::{IdentityProvider, Oidc, SecretRef};
use openidconnect::url::Url;
use reqwest::{Method, Response};
use serde_json::json;

use crate::identity_client::{Browser, Client, field};
use crate::identity_support::Broker;

fn provider(scopes: &[&str], dir: &tempfile::TempDir) -> IdentityProvider {
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "broker-secret-for-tests\n").unwrap();
    IdentityProvider::Oidc(Oidc {
        issuer: std::env::var("HOOP_TEST_OIDC").expect("HOOP_TEST_OIDC names the provider"),
        client_id: "hoop-broker".to_owned(),
        client_secret: SecretRef::File(secret),
        redirect_uri: "http://127.0.0.1:1/oidc/callback".to_owned(),
        scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
        groups_claim: "groups".to_owned(),
        person_claim: "email".to_owned(),
        max_groups: 100,
    })
}

/// The person's browser at the provider: follows redirects, keeps cookies, fills in forms; stops at our callback.
async fn at_provider(broker: &Broker, start: &str) -> Url {
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let mut url = Url::parse(start).unwrap();
    let mut form: Option<&[(&str, &str)]> = None;
    for _ in 0..12 {
        if url.path() == "/oidc/callback" {
            return url;
        }
        let line = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("; ");
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let mut request = broker.http.request(method, url.clone()).header("cookie", line);
        if let Some(fields) = form.take() {
            request = request.form(fields);
        }
        let response: Response = request.send().await.unwrap();
        for set in response.headers().get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            cookies.insert(pair.0.to_owned(), pair.1.to_owned());
        }
        match response.headers().get("location") {
            Some(location) => url = url.join(location.to_str().unwrap()).unwrap(),
            None => {
                let page = response.text().await.unwrap();
                let login: &[_] = &[("login", "alice"), ("password", "alice-pw"), ("otp", "123456")];
                form = Some(if page.contains("name=login") { login } else { &[("ok", "1")] });
            }
        }
    }
    panic!("the provider never came back: {url}");
}

async fn to_callback(broker: &Broker, browser: &Browser<'_>, code: &str) -> Url {
    let (status, page) = browser.post("/device/confirm", &[("user_code", code), ("answer", "yes")]).await;
    assert_eq!(status, 200, "{page}");
    let href = page.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert!(page.contains("http-equiv=\"refresh\""), "{page}");
    at_provider(broker, &href).await
}

#[tokio::test]
#[ignore = "needs an OpenID Connect provider, see the top of the file"]
async fn a_person_signs_in_at_the_provider() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start_with(provider(&["profile", "email", "groups"], &dir)).await;
    let mut client = Client::new(&broker);
    let started = client.start().await;
    let code = started["user_code"].as_str().unwrap();
    let browser = Browser::open(&broker).await;
    let back = to_callback(&broker, &browser, code).await;
    let path = format!("/oidc/callback?{}", back.query().unwrap());
    let page = broker.request(Method::GET, &path).send().await.unwrap().text().await.unwrap();
    let (state, grant, csrf) = (field(&page, "state"), field(&page, "code"), field(&page, "csrf"));
    assert_eq!(csrf, browser.csrf);
    let fields = [("state", state.as_str()), ("code", grant.as_str())];
    let other = Browser::open(&broker).await;
    assert_eq!(other.post("/oidc/finish", &fields).await.0, 400, "another browser cannot finish it");
    let (status, done) = browser.post("/oidc/finish", &fields).await;
    assert_eq!(status, 200, "{done}");
    let (status, tokens) = client.poll(started["device_code"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{tokens}");
    client.keep(&tokens);
    let (_, whoami) = client.get("/v1/whoami").await;
    assert_eq!(whoami["groups"], json!(["engineering", "payments-ro"]));
    assert_eq!(whoami["person_id"], "alice@example.test");
    assert!(whoami["id"].as_str().unwrap().ends_with("#alice"), "{whoami}");
    assert_eq!(client.refresh().await.0, 200);
    assert_eq!(browser.post("/oidc/finish", &fields).await.0, 400, "a trip ends once");
}

#[tokio::test]
#[ignore = "needs an OpenID Connect provider, see the top of the file"]
async fn without_groups_there_is_no_sign_in() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::start_with(provider(&["profile", "email"], &dir)).await;
    let started = Client::new(&broker).start().await;
    let browser = Browser::open(&broker).await;
    let back = to_callback(&broker, &browser, started["user_code"].as_str().unwrap()).await;
    let query: BTreeMap<_, _> = back.query_pairs().into_owned().collect();
    let fields = [("state", query["state"].as_str()), ("code", query["code"].as_str())];
    let (status, page) = browser.post("/oidc/finish", &fields).await;
    assert_eq!(status, 400);
    assert!(page.contains("sent no claim `groups`"), "{page}");
    assert_eq!(broker.refusals(), ["groups_missing"]);
}
