//! A broker's router on a loopback port with a real store, a ledger double, a clock that tests move, and a client that
//! does what hoopctl and a browser do.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hoop_api::AccessLevel;
use hoop_broker::config::*;
use hoop_broker::control::{
    Action, Authorizer, Control, ControlParts, SessionVerdict, TargetDirectory, TargetState,
};
use hoop_broker::identity::audit::{Clock, Journal, Recorder};
use hoop_broker::identity::{Identity, LocalUsers, Parts, PasswordCost};
use hoop_broker::ledger::Poisoned;
use hoop_broker::session::Sessions;
use hoop_broker::store::Store;
use hoop_ledger::entry::{Envelope, Event};
use hoop_policy::Principal;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const PUBLIC_URL: &str = "https://broker.test";
pub const PASSWORD: &str = "correct horse 42";
pub const COST: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

#[derive(Default)]
pub struct Memory {
    entries: Mutex<Vec<Envelope>>,
    pub broken: AtomicBool,
}

impl Recorder for Memory {
    fn record(&self, envelope: Envelope) -> Pin<Box<dyn Future<Output = Result<(), Poisoned>> + Send + '_>> {
        Box::pin(async move {
            if self.broken.load(Ordering::SeqCst) {
                return Err(Poisoned);
            }
            self.entries.lock().unwrap().push(envelope);
            Ok(())
        })
    }
}

pub struct HandClock {
    base_us: i64,
    us: AtomicI64,
}

impl HandClock {
    /// Near the system's time, which sessions read themselves, at the start of a step of one-time codes.
    fn start() -> Self {
        let now_us = hoop_broker::clock::unix_us();
        Self { base_us: now_us - now_us.rem_euclid(30_000_000), us: AtomicI64::new(0) }
    }
}

impl Clock for HandClock {
    fn unix_us(&self) -> i64 {
        self.base_us + self.us.load(Ordering::SeqCst)
    }

    fn mono(&self) -> Duration {
        Duration::from_secs(1000) + Duration::from_micros(self.us.load(Ordering::SeqCst) as u64)
    }
}

struct Rules;

impl Authorizer for Rules {
    fn session(
        &self,
        principal: &Principal,
        target: &str,
        level: AccessLevel,
        bearer: bool,
    ) -> SessionVerdict {
        let rules = vec!["test-rule".to_owned()];
        let group = if bearer { "native" } else { "dba" };
        match (principal.groups.iter().any(|g| g == group), target, level) {
            (true, "db", AccessLevel::Masked) => SessionVerdict::Allow { rules },
            (true, "db", AccessLevel::Write) => {
                SessionVerdict::Hold { rules, reason: "needs a lead".to_owned() }
            }
            _ => SessionVerdict::Deny { rules, reason: "not for you".to_owned() },
        }
    }

    fn action(&self, principal: &Principal, action: Action<'_>) -> SessionVerdict {
        let has = |group: &str| principal.groups.iter().any(|g| g == group);
        let yes = match action {
            Action::ListSessions | Action::EndSession { .. } => has("admins"),
            Action::MintToken { session_bound, .. } => has(if session_bound { "bi" } else { "native" }),
        };
        let rules = vec!["test-rule".to_owned()];
        if yes {
            SessionVerdict::Allow { rules }
        } else {
            SessionVerdict::Deny { rules, reason: "not for you".to_owned() }
        }
    }
}

struct OneTarget(Arc<Target>);

impl TargetDirectory for OneTarget {
    fn all(&self) -> Vec<TargetState> {
        vec![TargetState { target: Arc::clone(&self.0), unavailable: None }]
    }

    fn find(&self, name: &str) -> Option<TargetState> {
        (name == self.0.name).then(|| TargetState { target: Arc::clone(&self.0), unavailable: None })
    }
}

fn target() -> Arc<Target> {
    Arc::new(Target {
        name: "db".to_owned(),
        environment: Some("production".to_owned()),
        address: UpstreamAddress::Tcp { host: "127.0.0.1".to_owned(), port: 5432 },
        tls: UpstreamTls::VerifyFull,
        ca_file: None,
        login: "hoop".to_owned(),
        password: None,
        databases: vec!["app".to_owned()],
        weak_auth: WeakAuth::default(),
        classes: vec![],
    })
}

pub fn config(dir: PathBuf, identity: IdentityProvider) -> Config {
    Config {
        name: "test".to_owned(),
        state_dir: dir.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: PUBLIC_URL.to_owned(),
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        tls: ServerTls { certificate: dir.join("c"), key: dir.join("k") },
        postgres_listen: Some("127.0.0.1:15432".parse().unwrap()),
        log: Log { json: false, level: "info".to_owned() },
        identity,
        sessions: SessionTimes {
            default_ttl: Duration::from_secs(3600),
            max_ttl: Duration::from_secs(7200),
            idle: Duration::from_secs(900),
            access_token: Duration::from_secs(600),
            refresh_token: Duration::from_secs(8 * 3600),
        },
        ledger: LedgerConfig { dir: dir.join("ledger"), key: dir.join("lk") },
        policy_files: vec![],
        limits: Limits { login_attempts: 3, device_codes: 64, http_body_bytes: 4096, ..Limits::default() },
        targets: BTreeMap::new(),
        sha256: String::new(),
    }
}

pub struct Broker {
    pub address: SocketAddr,
    pub ledger: Arc<Memory>,
    pub clock: Arc<HandClock>,
    pub users: LocalUsers,
    pub control: Control,
    pub http: reqwest::Client,
    totp: Mutex<BTreeMap<String, String>>,
    pub dir: tempfile::TempDir,
}

impl Broker {
    pub async fn start() -> Self {
        Self::start_with(IdentityProvider::Local).await
    }

    pub async fn start_with(provider: IdentityProvider) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Memory::default());
        let clock = Arc::new(HandClock::start());
        let path = dir.path().join("state.db");
        let store = Store::open(&path).unwrap();
        // Another handle, as a command in another process has.
        let users = LocalUsers::with_cost(Store::open(&path).unwrap(), COST).acting_as("root@test");
        let identity = Identity::start(Parts {
            config: Arc::new(config(dir.path().to_owned(), provider)),
            store,
            sessions: Arc::new(Sessions::new(8, 3)),
            journal: Journal::new(ledger.clone(), clock.clone(), "BOOT"),
            clock: clock.clone(),
            password_cost: COST,
        })
        .unwrap();
        let control = Control::new(ControlParts {
            identity,
            authorizer: Arc::new(Rules),
            targets: Arc::new(OneTarget(target())),
            checkpoint: Box::new(|| Some("test/ledger\n7\nroot\n".to_owned())),
            redact: |text| text.replace("4111111111111111", "411111******1111"),
        });
        let router = hoop_broker::control::router(control.clone(), axum::Router::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let totp = Mutex::default();
        Self { address, ledger, clock, users, control, http, totp, dir }
    }

    pub fn add(&self, name: &str, groups: &[&str]) {
        let groups: Vec<_> = groups.iter().map(|g| (*g).to_owned()).collect();
        let enrolment = self.users.add(name, &PASSWORD.into(), &groups, "A Person").unwrap();
        let url = enrolment.totp_url.expose_secret().to_owned();
        self.totp.lock().unwrap().insert(name.to_owned(), url);
    }

    pub fn otp(&self, name: &str) -> String {
        let url = self.totp.lock().unwrap()[name].clone();
        let now = self.clock.unix_us() / 1_000_000;
        totp_rs::Totp::from_url(url).unwrap().generate(now as u64).to_string()
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.us.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    pub fn events(&self) -> Vec<Event> {
        self.ledger.entries.lock().unwrap().iter().map(|e| e.event.clone()).collect()
    }

    pub fn entries(&self) -> Vec<Envelope> {
        self.ledger.entries.lock().unwrap().clone()
    }

    /// Reasons of refused sign-ins, in order.
    pub fn refusals(&self) -> Vec<String> {
        let reason = |event| match event {
            Event::SignInFailed { reason, .. } => Some(reason),
            _ => None,
        };
        self.events().into_iter().filter_map(reason).collect()
    }

    pub fn nonce(&self) -> String {
        self.control.identity().nonce()
    }
}

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
