//! The configuration as the rest of the broker sees it: parsed, complete, every path absolute.
//!
//! A [`Config`] is only made by [`parse`], from text; there is no `validate()` on a filled struct. `parse` is pure;
//! [`load`] also looks at the files, folders and variables that the text names. No secret is ever kept here.

mod fault;
mod files;
mod limits;
mod parse;
mod policy;
mod secret;
mod section;
mod target;
mod value;
mod webhook;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hoop_mask::Class;
use hoop_policy::Reviewers;

use crate::gateway::postgres::catalogue;
use crate::gateway::postgres::estimate::Estimates;

pub use fault::{Fault, Faults};
pub use files::{read_ours, read_regular};
pub use limits::{LIMITS, LimitRow, Limits, Unit};
pub use parse::{MAX_BYTES, parse};
pub use policy::PolicySigners;
pub use secret::{PrivateFileError, SecretError, SecretRef, read_private};

/// Reads and parses a configuration, and checks that what it names is there and as private as it must be.
///
/// # Errors
/// Every fault at once.
pub fn load(path: &Path) -> Result<Config, Faults> {
    load_and(path, files::check)
}

/// As [`load`], without looking at what the configuration names: for commands that use only a part of it.
///
/// # Errors
/// Every fault of the text at once.
pub fn read(path: &Path) -> Result<Config, Faults> {
    load_and(path, |_| {})
}

fn load_and(path: &Path, also: impl FnOnce(&mut section::Report<'_>)) -> Result<Config, Faults> {
    let unreadable = |error: std::io::Error| {
        Fault::new(format!("cannot read `{}`: {error}", path.display()))
            .hint("`hoop-broker init DIR` writes a first configuration; `--config FILE` says where it is")
    };
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    let metadata = fs::metadata(&absolute).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Fault::new(format!("`{}` is not a file", path.display()))
            .hint("give the file, such as `DIR/broker.toml`")
            .into());
    }
    let bytes = fs::read(&absolute).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Fault::new(format!("the configuration is not UTF-8 from byte {at}")).of_file(path)
    })?;
    let base_dir = absolute.parent().unwrap_or(Path::new("/"));
    let parsed = parse::parse_and(&text, path, base_dir, also);
    match (parsed, files::only_ours_to_change(path, &metadata)) {
        (Ok(config), Ok(())) => Ok(Config { file: absolute, ..config }),
        (Err(faults), Ok(())) => Err(faults),
        (parsed, Err(wrong)) => {
            let fault = Fault::new(wrong.message).of_file(path).hint(wrong.hint.unwrap_or_default());
            Err(match parsed {
                Ok(_) => fault.into(),
                Err(faults) => faults.and(vec![fault]),
            })
        }
    }
}

/// Proves that `text` is the name of a broker: 1 to 63 lower-case letters, digits, `-` and `_`.
///
/// # Errors
/// A fault with a hint when it is not.
pub fn check_broker_name(text: &str) -> Result<(), Fault> {
    value::check_name(text).map_err(|wrong| Fault::new(wrong.message).hint(wrong.hint.unwrap_or_default()))
}

/// The whole configuration of one broker.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it came from, to read again on SIGHUP.
    pub file: PathBuf,
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
    /// Who must have signed them; nobody when `None`.
    pub policy_signers: Option<PolicySigners>,
    /// One table of limits.
    pub limits: Limits,
    /// Targets by name.
    pub targets: BTreeMap<String, Arc<Target>>,
    /// Where notices go.
    pub webhooks: Vec<Webhook>,
    /// Who must approve changes of configuration, policy and accounts; nobody when `None`.
    pub administration: Option<Reviewers>,
    /// Emergency sessions; off when `None`.
    pub break_glass: Option<BreakGlass>,
    /// The configuration text; secrets are references in it.
    pub text: Arc<str>,
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

impl Default for Log {
    fn default() -> Self {
        Self { json: false, level: "info".to_owned() }
    }
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

impl Default for SessionTimes {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self {
            default_ttl: minutes(60),
            max_ttl: minutes(8 * 60),
            idle: minutes(15),
            access_token: minutes(10),
            refresh_token: minutes(12 * 60),
        }
    }
}

/// Where the ledger lives.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// Folder of segments and checkpoints.
    pub dir: PathBuf,
    /// Ed25519 signing key, PKCS #8 PEM, mode 0600.
    pub key: PathBuf,
    /// Name of the log and of its key, `cluster/broker/epoch`: which ledger an entry, a checkpoint and a proof are of.
    pub origin: String,
    /// What an entry must have reached before what it records may happen.
    pub durability: Durability,
}

/// What an entry must have reached before what it records may happen. Stamped into every checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The disk, by `fdatasync`: nothing acknowledged is lost by a power cut. The default.
    #[default]
    Disk,
    /// The operating system: a killed broker loses nothing, a power cut at most what came since the last checkpoint, a
    /// second at most while the disk keeps up.
    Os,
}

impl Durability {
    /// The word in the configuration and in checkpoints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "fdatasync",
            Self::Os => "os",
        }
    }
}

/// `[break_glass]`: sessions in an emergency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakGlass {
    /// For how long an enrolment signs in after its principal was last seen at the identity provider.
    pub enrolment: Duration,
}

/// Most webhooks.
const MAX_WEBHOOKS: usize = 16;

/// Where notices go. Its `Debug` leaves the URL out: a path can be a secret too.
#[derive(Clone)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// Where notices are posted. `http` only for loopback.
    pub url: String,
    /// What they are signed with.
    pub secret: SecretRef,
    /// Notices show the statement, card numbers masked.
    pub statements: bool,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One upstream system.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Environment word, such as `production`.
    pub environment: Option<String>,
    /// Policy judges its statements, and does not stop them: `mode = "observe"`.
    pub observe: bool,
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
    /// Rows of classified columns that a principal may read, one entry a class.
    pub budgets: Vec<RowBudget>,
    /// What all connections to it share.
    pub shared: TargetShared,
}

/// What the connections to one target share instead of having a copy each. A reload makes targets anew, and with them
/// this: changed roots are read then.
#[derive(Debug, Clone, Default)]
pub struct TargetShared {
    /// The client's side of TLS, made by the first connection.
    pub tls: OnceLock<Arc<rustls::ClientConfig>>,
    /// The catalogue of each database as it was read last. One of the target's list, so there are few.
    pub catalogs: Arc<Mutex<BTreeMap<String, Arc<catalogue::Shared>>>>,
    /// What its planner said of statements lately.
    pub estimates: Estimates,
}

/// TCP or Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// `host:port`
    Tcp {
        /// Name or address, an IPv6 one without brackets.
        host: String,
        /// Never 0.
        port: u16,
    },
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

/// How many rows with columns of a class a principal may read; `None` is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowBudget {
    /// The class.
    pub class: String,
    /// Rows within an hour.
    pub hour: Option<u64>,
    /// Rows within a day.
    pub day: Option<u64>,
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
