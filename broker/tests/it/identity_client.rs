//! A client that does what hoopctl does, and one that does what a browser does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hoop_broker::identity::audit::Clock as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::identity_support::{Broker, PASSWORD, PUBLIC_URL};

/// A client's key.
pub struct Key {
    pub encoding: EncodingKey,
    pub jwk: Value,
}

impl Key {
    pub fn new() -> Self {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": b64(&point[..32]), "y": b64(&point[32..])});
        Self { encoding: EncodingKey::from_ec_der(pkcs8.as_ref()), jwk }
    }

    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk = Some(serde_json::from_value(self.jwk.clone()).unwrap());
        jsonwebtoken::encode(&header, claims, &self.encoding).unwrap()
    }

    /// The claims of a good proof; tests bend them.
    pub fn claims(broker: &Broker, method: &str, path: &str, token: Option<&str>) -> Value {
        let mut claims = json!({
            "jti": URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()),
            "htm": method,
            "htu": format!("{PUBLIC_URL}{path}"),
            "iat": broker.clock.unix_us() / 1_000_000,
            "nonce": broker.nonce(),
        });
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into();
        }
        claims
    }

    pub fn proof(&self, broker: &Broker, method: &str, path: &str, token: Option<&str>) -> String {
        self.sign(&Self::claims(broker, method, path, token))
    }
}

/// hoopctl, more or less.
pub struct Client<'a> {
    pub broker: &'a Broker,
    pub key: Key,
    pub access: String,
    pub refresh: String,
}

pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl<'a> Client<'a> {
    pub fn new(broker: &'a Broker) -> Self {
        Self { broker, key: Key::new(), access: String::new(), refresh: String::new() }
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut form = vec![("client_id", "hoopctl")];
        form.extend_from_slice(fields);
        let proof = self.key.proof(self.broker, "POST", path, None);
        let answer =
            self.broker.request(Method::POST, path).header("dpop", proof).form(&form).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    pub async fn start(&self) -> Value {
        let (status, body) = self.form("/oauth/device_authorization", &[("host", "laptop-7")]).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub async fn poll(&self, device_code: &str) -> (StatusCode, Value) {
        self.form("/oauth/token", &[("grant_type", DEVICE_GRANT), ("device_code", device_code)]).await
    }

    pub fn keep(&mut self, tokens: &Value) {
        self.access = tokens["access_token"].as_str().unwrap().to_owned();
        self.refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    }

    /// The whole device flow with a good account.
    pub async fn sign_in(broker: &'a Broker, name: &str) -> Client<'a> {
        let mut client = Self::new(broker);
        let started = client.start().await;
        let code = started["user_code"].as_str().unwrap();
        let mut browser = Browser::open(broker).await;
        browser.confirm(code).await;
        let (status, page) = browser.sign_in(code, name, PASSWORD, &broker.otp(name)).await;
        assert_eq!(status, 200, "{page}");
        let (status, tokens) = client.poll(started["device_code"].as_str().unwrap()).await;
        assert_eq!(status, 200, "{tokens}");
        client.keep(&tokens);
        // So that the next sign-in has a one-time code of its own.
        broker.pass(30);
        client
    }

    pub async fn refresh(&self) -> (StatusCode, Value) {
        self.form("/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", &self.refresh)]).await
    }

    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let proof = self.key.proof(self.broker, method.as_str(), path, Some(&self.access));
        self.with_proof(method, path, &proof)
    }

    pub fn with_proof(&self, method: Method, path: &str, proof: &str) -> RequestBuilder {
        let token = format!("DPoP {}", self.access);
        self.broker.request(method, path).header("authorization", token).header("dpop", proof)
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.call(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.call(Method::POST, path).json(&body).send().await.unwrap()).await
    }

    pub async fn open_session(&self) -> Value {
        let (status, body) = self.post("/v1/sessions", json!({"target": "db", "reason": "ticket 7"})).await;
        assert_eq!(status, 201, "{body}");
        body
    }
}

pub async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, response.json().await.unwrap_or(Value::Null))
}

/// A browser with one cookie.
pub struct Browser<'a> {
    pub broker: &'a Broker,
    pub cookie: String,
    pub csrf: String,
    pub from: String,
}

impl<'a> Browser<'a> {
    pub async fn open(broker: &'a Broker) -> Browser<'a> {
        let page = broker.request(Method::GET, "/device").send().await.unwrap();
        let set = page.headers()["set-cookie"].to_str().unwrap().to_owned();
        assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{set}");
        let cookie = set.split(';').next().unwrap().to_owned();
        let csrf = field(&page.text().await.unwrap(), "csrf");
        Browser { broker, cookie, csrf, from: "198.51.100.1".to_owned() }
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let mut form = vec![("csrf", self.csrf.as_str())];
        form.extend_from_slice(fields);
        let request = self.broker.request(Method::POST, path).header("cookie", &self.cookie);
        let page = request.header("x-forwarded-for", &self.from).form(&form).send().await.unwrap();
        (page.status(), page.text().await.unwrap())
    }

    pub async fn enter(&self, code: &str) -> (StatusCode, String) {
        self.post("/device", &[("user_code", code)]).await
    }

    pub async fn confirm(&mut self, code: &str) {
        let (status, page) = self.enter(code).await;
        assert_eq!(status, 200, "{page}");
        let (status, page) = self.post("/device/confirm", &[("user_code", code), ("answer", "yes")]).await;
        assert_eq!(status, 200, "{page}");
    }

    pub async fn sign_in(&self, code: &str, name: &str, password: &str, otp: &str) -> (StatusCode, String) {
        let fields = [("user_code", code), ("name", name), ("password", password), ("otp", otp)];
        self.post("/device/sign-in", &fields).await
    }
}

/// The value of a hidden field.
pub fn field(page: &str, name: &str) -> String {
    let marker = format!("name=\"{name}\" value=\"");
    let start = page.find(&marker).unwrap_or_else(|| panic!("no {name} in {page}")) + marker.len();
    page[start..].split('"').next().unwrap().to_owned()
}
