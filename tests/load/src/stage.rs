//! A broker with room for thousands, a person with session-long tokens, and an open `hoopctl connect`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hoop_harness::{Broker, Cluster, Person, TARGET, Tunnel, program};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_rustls::TlsConnector;

use crate::client::{Entrance, Way};

/// Sessions that the connections are spread over.
pub const SESSIONS: usize = 16;

/// How long the broker of the tests lets a client take to sign in and an HTTP connection be idle: `limits.handshake`.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Room for everybody; the rest as it is by default.
const ROOM: [(&str, &str, &str); 5] = [
    // Thousands sign in at the target at once, on the same cores.
    ("limits", "upstream_connect", "\"1m\""),
    ("limits", "connections", "4096"),
    ("limits", "connections_per_session", "4096"),
    ("limits", "handshakes_per_address", "4096"),
    ("limits", "sessions_per_principal", "256"),
];

/// Session-long tokens, which the starter policy leaves out on purpose: one token opens as many connections as needed.
const POLICY: &str = "\n@id(\"session-tokens\")\n@message(\"for load\")\n\
                      permit (principal, action == Action::\"token_session\", resource);\n";

/// All that runs.
#[derive(Debug)]
pub struct Stage {
    // First: dropped before the broker, with which they close their sessions.
    tunnels: Vec<Tunnel>,
    /// One token a session.
    tokens: Vec<String>,
    /// Who connects.
    pub person: Person,
    /// The broker.
    pub broker: Broker,
    /// Its `limits.handshake`.
    pub handshake: Duration,
}

/// Ways by their names on the command line.
pub const WAYS: [&str; 3] = ["native", "tls", "tunnel"];

impl Stage {
    /// Starts a broker, signs a person in and opens sessions: one for each token and one for each tunnel.
    ///
    /// # Panics
    /// When anything of it does not work.
    #[must_use]
    pub fn set(tokens: usize, tunnels: usize) -> Self {
        Self::patient(tokens, tunnels, HANDSHAKE)
    }

    /// As [`Stage::set`], with the time that a client may take to sign in: a machine that is full of other work lets
    /// clients wait in the middle of it.
    ///
    /// # Panics
    /// When anything of it does not work.
    #[must_use]
    pub fn patient(tokens: usize, tunnels: usize, handshake: Duration) -> Self {
        let broker = Broker::prepare();
        for (section, key, value) in ROOM {
            broker.change(section, key, value);
        }
        broker.change("limits", "handshake", &format!("\"{}s\"", handshake.as_secs()));
        broker.add_rules(POLICY);
        broker.start_again();
        let person = broker.person("alice", "developers");
        let tokens = (0..tokens).map(|_| person.run(&["token", TARGET, "--session"]).ok()).collect();
        let tunnels = (0..tunnels).map(|_| person.connect()).collect();
        Self { tunnels, tokens, person, broker, handshake }
    }

    /// Closes the tunnels, stops the broker in order and verifies its ledger offline; the result and the number of
    /// entries, as `audit verify` tells them.
    ///
    /// # Panics
    /// When the broker does not stop in order, or the ledger does not verify.
    #[must_use]
    pub fn end(mut self) -> String {
        self.tunnels.clear();
        let key = self.person.home().join("ledger.pub");
        fs::write(&key, self.broker.admin(&["ledger-key"]).ok() + "\n").expect("the folder is the person's");
        assert_eq!(self.broker.stop(), 0, "the broker drains and stops in order:\n{}", self.broker.log());
        let mut command = self.person.hoopctl(&["audit", "verify"]);
        let done = program::run(command.arg(self.broker.ledger()).arg("--key").arg(key), b"");
        let told = done.ok();
        let lines = told.lines().filter(|l| l.starts_with("result") || l.starts_with("entries"));
        lines.map(|l| format!("ledger: {l}\n")).collect()
    }

    /// The way in by its name, over the `n`th session.
    ///
    /// # Panics
    /// When there is no such way, or no session for it.
    #[must_use]
    pub fn entrance(&self, way: &str, n: usize) -> Entrance {
        let native = ([127, 0, 0, 1], self.broker.native_port()).into();
        let (way, password) = match way {
            "native" => (Way::Native(native), self.tokens[n % self.tokens.len()].clone()),
            "tls" => (
                Way::Tls(native, connector(&self.broker, b"postgresql")),
                self.tokens[n % self.tokens.len()].clone(),
            ),
            "tunnel" => (Way::Tunnel(socket(&self.tunnels[n % self.tunnels.len()])), String::new()),
            other => panic!("no way `{other}`; there are: {}", WAYS.join(", ")),
        };
        Entrance { way, user: TARGET.to_owned(), database: self.broker.database().to_owned(), password }
    }
}

/// The path of a tunnel's local socket.
fn socket(tunnel: &Tunnel) -> PathBuf {
    let setting = |key: &str| tunnel.settings().get(key).unwrap_or_else(|| panic!("`connect` sets {key}"));
    PathBuf::from(setting("PGHOST")).join(format!(".s.PGSQL.{}", setting("PGPORT")))
}

/// TLS that trusts the broker's own certificate and nothing else.
///
/// # Panics
/// When the broker has none.
#[must_use]
pub fn connector(broker: &Broker, alpn: &[u8]) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    let certificate =
        CertificateDer::from_pem_file(broker.folder().join("keys/tls.crt")).expect("a certificate");
    roots.add(certificate).expect("a certificate that can be trusted");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

/// PostgreSQL takes as many connections as `needed`; `cluster.sh` reads how many from `HOOP_PG_CONNECTIONS`.
///
/// # Panics
/// When it does not, with what to do about it.
pub fn check_cluster(needed: usize) {
    let max: usize =
        Cluster::shared().superuser("postgres", "SHOW max_connections").parse().expect("a number");
    assert!(
        max >= needed,
        "PostgreSQL takes {max} connections and {needed} are needed: set HOOP_PG_CONNECTIONS={needed}"
    );
}
