//! A broker's router on a loopback port with a real store, a ledger double, and a clock that tests move.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hoop_api::AccessLevel;
use hoop_broker::approval::Approvals;
use hoop_broker::config::*;
use hoop_broker::control::{
    Action, Authorizer, Control, ControlParts, SessionVerdict, TargetDirectory, TargetState,
};
use hoop_broker::identity::audit::{Clock, Journal, Recorder};
use hoop_broker::identity::{Identity, LocalUsers, Parts, PasswordCost};
use hoop_broker::ledger::Poisoned;
use hoop_broker::notice::Notices;
use hoop_broker::session::Sessions;
use hoop_broker::store::Store;
use hoop_ledger::entry::{Envelope, Event};
use hoop_policy::{Principal, Requirement, Reviewers};
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret as _;

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
        approvals: &BTreeSet<String>,
    ) -> SessionVerdict {
        let rules = vec!["test-rule".to_owned()];
        let group = if bearer { "native" } else { "dba" };
        match (principal.groups.iter().any(|g| g == group), target, level) {
            (true, "db", AccessLevel::Masked) => SessionVerdict::Allow { rules },
            (true, "db", AccessLevel::Write) if approvals.contains("test-rule") => {
                SessionVerdict::Allow { rules }
            }
            (true, "db", AccessLevel::Write) => SessionVerdict::Hold(Requirement {
                fresh: None,
                rules: rules.into_iter().collect(),
                reviewers: vec![Reviewers { count: 1, group: "leads".to_owned(), escalation: None }],
                reason: "needs a lead".to_owned(),
                ttl: None,
            }),
            _ => SessionVerdict::Deny { rules, reason: "not for you".to_owned() },
        }
    }

    fn break_glass(&self, principal: &Principal, target: &str, _: AccessLevel) -> SessionVerdict {
        let rules = vec!["test-rule".to_owned()];
        if target == "db" && principal.groups.iter().any(|g| g == "oncall") {
            SessionVerdict::Allow { rules }
        } else {
            SessionVerdict::Deny { rules, reason: "not for you".to_owned() }
        }
    }

    fn policy_hash(&self) -> String {
        "policy".to_owned()
    }

    fn action(&self, principal: &Principal, action: Action<'_>) -> SessionVerdict {
        let has = |group: &str| principal.groups.iter().any(|g| g == group);
        let yes = match action {
            Action::ListSessions | Action::EndSession { .. } => has("admins"),
            Action::Review { .. } => has("leads"),
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
        budgets: Vec::new(),
        name: "db".to_owned(),
        environment: Some("production".to_owned()),
        observe: false,
        address: UpstreamAddress::Tcp { host: "127.0.0.1".to_owned(), port: 5432 },
        tls: UpstreamTls::VerifyFull,
        ca_file: None,
        login: "hoop".to_owned(),
        password: None,
        databases: vec!["app".to_owned()],
        weak_auth: WeakAuth::default(),
        classes: vec![],
        shared: TargetShared::default(),
    })
}

pub fn config(dir: &std::path::Path, identity: IdentityProvider) -> Config {
    Config {
        file: dir.join("broker.toml"),
        name: "test".to_owned(),
        state_dir: dir.to_owned(),
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
        ledger: LedgerConfig {
            dir: dir.join("ledger"),
            key: dir.join("lk"),
            origin: "local/test/1".to_owned(),
            durability: Durability::Disk,
        },
        policy_files: vec![],
        policy_signers: None,
        limits: Limits { login_attempts: 3, device_codes: 64, http_body_bytes: 4096, ..Limits::default() },
        targets: BTreeMap::new(),
        webhooks: Vec::new(),
        break_glass: Some(BreakGlass { enrolment: Duration::from_secs(30 * 86400) }),
        administration: None,
        text: "".into(),
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
            config: Arc::new(config(dir.path(), provider)),
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
            approvals: Arc::new(Approvals::new(&Limits::default(), Notices::default())),
            notices: Notices::default(),
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
