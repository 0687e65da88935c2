//! The configuration as the rest of the broker sees it: parsed, complete, every path absolute.
//!
//! A [`Config`] is only made by `parse`, from text; there is no `validate()` on a filled struct.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hoop_mask::Class;

/// The whole configuration of one broker.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the broker, part of the ledger's origin.
    pub name: String,
    /// Where the embedded state lives.
    pub state_dir: PathBuf,
    /// The one TLS port.
    pub listen: SocketAddr,
    /// Issuer and DPoP `htu` base, without a trailing slash, `https://…`.
    pub public_url: String,
    /// Proxies whose `Forwarded`/`X-Forwarded-For` names the origin address.
    pub trusted_proxies: Vec<IpAddr>,
    /// Certificate chain and key of the TLS port (and of the native listener).
    pub tls: ServerTls,
    /// The native PostgreSQL listener, off when `None`.
    pub postgres_listen: Option<SocketAddr>,
    /// How logs are written.
    pub log: Log,
    /// Who signs people in.
    pub identity: IdentityProvider,
    /// Ends of sessions.
    pub sessions: SessionTimes,
    /// Where the ledger lives.
    pub ledger: LedgerConfig,
    /// Policy files, Cedar text.
    pub policy_files: Vec<PathBuf>,
    /// One table of limits.
    pub limits: Limits,
    /// Targets by name.
    pub targets: BTreeMap<String, Arc<Target>>,
    /// SHA-256 of the configuration text, hex.
    pub sha256: String,
}

/// PEM files of the TLS port.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PKCS #8 PEM, mode 0600.
    pub key: PathBuf,
}

/// Log format and level.
#[derive(Debug, Clone)]
pub struct Log {
    /// True for JSON lines, false for text.
    pub json: bool,
    /// A `tracing` filter such as `info`.
    pub level: String,
}

/// Who signs people in.
#[derive(Debug, Clone)]
pub enum IdentityProvider {
    /// Users kept in the embedded store: argon2id and TOTP.
    Local,
    /// An OpenID Connect provider.
    Oidc(Oidc),
}

/// An OpenID Connect provider.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// Issuer URL; discovery is under it. `http` only for loopback.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// Our client secret there.
    pub client_secret: SecretRef,
    /// Redirect URI; `<public_url>/oidc/callback` by default.
    pub redirect_uri: String,
    /// Scopes besides `openid`.
    pub scopes: Vec<String>,
    /// Claim that lists groups.
    pub groups_claim: String,
    /// Claim with the immutable identity of the person.
    pub person_claim: String,
    /// More groups than this in a token means that the provider cut the list (overage): refuse.
    pub max_groups: usize,
}

/// Ends of sessions and tokens.
#[derive(Debug, Clone)]
pub struct SessionTimes {
    /// When the caller asks for none.
    pub default_ttl: Duration,
    /// At most.
    pub max_ttl: Duration,
    /// Without a statement (PCI DSS 8.2.8: 15 minutes).
    pub idle: Duration,
    /// Life of an access token.
    pub access_token: Duration,
    /// Life of a refresh token family.
    pub refresh_token: Duration,
}

/// Where the ledger lives.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// Folder of segments and checkpoints.
    pub dir: PathBuf,
    /// Ed25519 signing key, PKCS #8 PEM, mode 0600.
    pub key: PathBuf,
}

/// A secret by reference; the value is read when needed and never kept in the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`
    Env(String),
    /// `file:PATH`
    File(PathBuf),
}

/// One upstream system.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Environment word, such as `production`.
    pub environment: Option<String>,
    /// Where it is.
    pub address: UpstreamAddress,
    /// How the way to it is protected.
    pub tls: UpstreamTls,
    /// Extra roots, PEM; the system's when `None`.
    pub ca_file: Option<PathBuf>,
    /// Login role there.
    pub login: String,
    /// Its password.
    pub password: Option<SecretRef>,
    /// Databases that sessions may name; the first is the default; at least one.
    pub databases: Vec<String>,
    /// Weak authentication that the owner allowed.
    pub weak_auth: WeakAuth,
    /// Classified columns.
    pub classes: Vec<ClassifiedColumn>,
}

/// TCP or Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// `host:port`
    Tcp { host: String, port: u16 },
    /// Path of the socket file.
    Unix(PathBuf),
}

/// How the way to a target is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamTls {
    /// TLS, certificate and name verified. The default.
    VerifyFull,
    /// TLS, certificate verified, name not.
    VerifyCa,
    /// No TLS; shown in evidence.
    Disable,
}

/// Weak authentication methods that the owner allowed for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WeakAuth {
    /// `AuthenticationMD5Password`
    pub md5: bool,
    /// `AuthenticationCleartextPassword`
    pub cleartext: bool,
}

/// A column that holds sensitive data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassifiedColumn {
    /// Schema, as in the catalogue.
    pub schema: String,
    /// Relation, as in the catalogue.
    pub relation: String,
    /// Column, as in the catalogue.
    pub column: String,
    /// What it holds.
    pub class: Class,
}

/// One table of limits; every one is configurable under `[limits]`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest statement text, bytes.
    pub statement_bytes: usize,
    /// Deepest statement tree.
    pub statement_depth: usize,
    /// Largest message from a client other than COPY data, bytes.
    pub message_bytes: usize,
    /// Largest single value or row that passes, bytes.
    pub row_bytes: usize,
    /// Read buffer per direction of a connection, bytes.
    pub buffer_bytes: usize,
    /// Prepared statements and portals per connection.
    pub prepared: usize,
    /// Messages that may wait for an answer on one connection.
    pub pipeline: usize,
    /// Sessions at once.
    pub sessions: usize,
    /// Sessions of one principal at once.
    pub sessions_per_principal: usize,
    /// Connections of one session at once.
    pub connections_per_session: usize,
    /// Open sockets of one address that have not signed in.
    pub handshakes_per_address: usize,
    /// Time for TLS and start-up.
    pub handshake: Duration,
    /// Time for connecting to a target and signing in there.
    pub upstream_connect: Duration,
    /// Time that a statement waits for the ledger before it is refused.
    pub ledger_wait: Duration,
    /// Time that draining waits for open connections.
    pub drain: Duration,
    /// Body of an API request, bytes.
    pub http_body_bytes: usize,
    /// Failed sign-ins of an account before it is locked (PCI DSS 8.3.4: at most 10).
    pub login_attempts: u32,
    /// For how long it is locked (PCI DSS 8.3.4: at least 30 minutes).
    pub lockout: Duration,
    /// Device codes that wait at once.
    pub device_codes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            statement_bytes: 1 << 20,
            statement_depth: 1000,
            message_bytes: 64 << 20,
            row_bytes: 1 << 30,
            buffer_bytes: 64 << 10,
            prepared: 4096,
            pipeline: 4096,
            sessions: 4096,
            sessions_per_principal: 64,
            connections_per_session: 64,
            handshakes_per_address: 256,
            handshake: Duration::from_secs(10),
            upstream_connect: Duration::from_secs(10),
            ledger_wait: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            http_body_bytes: 256 << 10,
            login_attempts: 6,
            lockout: Duration::from_secs(30 * 60),
            device_codes: 256,
        }
    }
}
