//! `hoop-broker init`: a first configuration that runs, with keys of its own. Never overwrites anything.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, KeypairBytes};
use zeroize::Zeroizing;

use super::keys::{certificate_fingerprint, pem};
use super::{USAGE, failure, failure_with_hint, tell};
use crate::clock;
use crate::config::{self, LIMITS, Limits, SessionTimes};

const TEMPLATE: &str = include_str!("../../templates/broker.toml");

/// A starter policy with its cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Starter {
    /// People by job function, masked; nothing leaves unseen. For cardholder data environments
    Pci,
    /// Developers read, masked, and change nothing
    ReadOnlyDevelopers,
    /// On-call people in emergencies, reviewed afterwards; beside another one
    BreakGlass,
}

impl Starter {
    /// Paths and contents of the policy and of its cases.
    const fn files(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Pci => [
                ("policy/pci.cedar", include_str!("../../policy/pci.cedar")),
                ("policy/pci.tests.toml", include_str!("../../policy/pci.tests.toml")),
            ],
            Self::ReadOnlyDevelopers => [
                (
                    "policy/read-only-developers.cedar",
                    include_str!("../../policy/read-only-developers.cedar"),
                ),
                (
                    "policy/read-only-developers.tests.toml",
                    include_str!("../../policy/read-only-developers.tests.toml"),
                ),
            ],
            Self::BreakGlass => [
                ("policy/break-glass.cedar", include_str!("../../policy/break-glass.cedar")),
                ("policy/break-glass.tests.toml", include_str!("../../policy/break-glass.tests.toml")),
            ],
        }
    }
}

/// Life of the self-made certificate: the longest that clients with the CA/Browser Forum's rules accept.
const CERTIFICATE_LIFE: Duration = Duration::from_secs(397 * 24 * 60 * 60);
/// How far the clock of a client may lag behind ours on the first day.
const CERTIFICATE_BACKDATE: Duration = Duration::from_secs(60 * 60);

/// `hoop-broker init DIR`
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder to write into; made when it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Name of the broker: lower-case letters, digits, `-` and `_`
    #[arg(long, default_value = "hoop", value_parser = name)]
    name: String,
    /// Address of the one TLS port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// How people reach that port; `https://localhost:PORT` when left out
    #[arg(long, value_name = "URL", value_parser = plain)]
    public_url: Option<String>,
    /// Policy to begin with; several with commas, such as `pci,break-glass`
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Starter::Pci])]
    policy: Vec<Starter>,
}

impl InitArgs {
    /// Each once.
    fn starters(&self) -> BTreeSet<Starter> {
        self.policy.iter().copied().collect()
    }
}

fn name(text: &str) -> Result<String, String> {
    config::check_broker_name(text).map(|()| text.to_owned()).map_err(|fault| fault.message().to_owned())
}

/// Text that stays one string between the quotes of the template.
fn plain(text: &str) -> Result<String, &'static str> {
    if text.contains(|c: char| c.is_control() || c == '"' || c == '\\') {
        return Err("it holds a quote, a backslash or a control character");
    }
    Ok(text.to_owned())
}

#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error("{0}")]
    Argument(String),
    #[error("`{0}` is there already, and `init` overwrites nothing")]
    Exists(String),
    #[error("cannot write `{path}`: {source}")]
    Write { path: String, source: io::Error },
    #[error("cannot make the certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot make the ledger key: {0}")]
    LedgerKey(#[from] ed25519_dalek::pkcs8::Error),
    #[error("the system gives no random numbers")]
    Random,
}

/// A file to be written, with its mode.
struct NewFile {
    path: &'static str,
    mode: u32,
    content: Zeroizing<String>,
}

const FOLDERS: [&str; 4] = ["keys", "policy", "state", "ledger"];

pub(super) fn run(args: &InitArgs) -> ExitCode {
    match init(args) {
        Ok(fingerprint) => {
            say_next(args, &fingerprint);
            ExitCode::SUCCESS
        }
        Err(error @ InitError::Exists(_)) => {
            failure_with_hint(&error, "choose another folder, or move that one away first", USAGE)
        }
        Err(error @ InitError::Argument(_)) => failure(&error, USAGE),
        Err(
            error @ (InitError::Write { .. }
            | InitError::Certificate(_)
            | InitError::LedgerKey(_)
            | InitError::Random),
        ) => failure(&error, 1),
    }
}

fn init(args: &InitArgs) -> Result<String, InitError> {
    let public_url =
        args.public_url.clone().unwrap_or_else(|| format!("https://localhost:{}", args.listen.port()));
    let text = configuration(args, &public_url);
    // What was given on the command line is checked by the very parser that will read it.
    let base = std::path::absolute(&args.dir).map_err(|source| write_error(&args.dir, source))?;
    let config = config::parse(&text, Path::new("broker.toml"), &base).map_err(|faults| {
        let said: Vec<&str> = faults.iter().map(config::Fault::message).collect();
        InitError::Argument(said.join("; "))
    })?;
    refuse_existing(&args.dir)?;
    let (certificate, key, fingerprint) = certificate(&config)?;
    let starters = args.starters();
    let policies = starters.iter().flat_map(|starter| starter.files()).map(|(path, text)| NewFile {
        path,
        mode: 0o644,
        content: Zeroizing::new(text.to_owned()),
    });
    let files = [
        NewFile { path: "keys/tls.crt", mode: 0o644, content: Zeroizing::new(certificate) },
        NewFile { path: "keys/tls.key", mode: 0o600, content: key },
        NewFile { path: "keys/ledger.key", mode: 0o600, content: ledger_key()? },
    ];
    // Last: a configuration that is there means that all of it is.
    let last = NewFile { path: "broker.toml", mode: 0o600, content: Zeroizing::new(text) };
    for folder in [""].into_iter().chain(FOLDERS) {
        make_folder(&args.dir.join(folder))?;
    }
    for file in files.into_iter().chain(policies).chain([last]) {
        write(&args.dir.join(file.path), &file)?;
    }
    Ok(fingerprint)
}

/// The template with its places filled. INVARIANT: no value ends the string or comment that it stands in; [`name`],
/// [`plain`] and the type of `listen` see to it.
fn configuration(args: &InitArgs, public_url: &str) -> String {
    let times = SessionTimes::default();
    let time = |d: Duration| humantime::format_duration(d).to_string();
    let starters = args.starters();
    let policies: Vec<&str> = starters.iter().map(|starter| starter.files()[0].0).collect();
    let values = [
        ("{{policy}}", policies.join("\", \"")),
        ("{{file}}", args.dir.join("broker.toml").display().to_string().replace(char::is_control, "?")),
        ("{{name}}", args.name.clone()),
        ("{{listen}}", args.listen.to_string()),
        ("{{public_url}}", public_url.to_owned()),
        ("{{default_ttl}}", time(times.default_ttl)),
        ("{{max_ttl}}", time(times.max_ttl)),
        ("{{idle}}", time(times.idle)),
        ("{{access_token}}", time(times.access_token)),
        ("{{refresh_token}}", time(times.refresh_token)),
        ("{{limits}}", limits()),
    ];
    values.iter().fold(TEMPLATE.to_owned(), |text, (place, value)| text.replace(place, value))
}

/// Every limit as a comment: meaning, then the key with its default.
fn limits() -> String {
    let default = Limits::default();
    let row = |row: &config::LimitRow| {
        format!("# {}\n# {} = {}", row.meaning, row.key, row.written(row.value(&default)))
    };
    LIMITS.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn refuse_existing(dir: &Path) -> Result<(), InitError> {
    let names = ["broker.toml"].into_iter().chain(FOLDERS);
    for path in names.map(|name| dir.join(name)) {
        // A dangling link is there as well.
        match fs::symlink_metadata(&path) {
            Ok(_) => return Err(InitError::Exists(path.display().to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(write_error(&path, source)),
        }
    }
    Ok(())
}

/// Certificate, key and SHA-256 fingerprint of a self-made certificate for `localhost` and the host of `public_url`.
fn certificate(config: &config::Config) -> Result<(String, Zeroizing<String>, String), InitError> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let uri: Option<http::Uri> = config.public_url.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let listen = config.listen.ip();
    let listen = if listen.is_unspecified() { String::new() } else { listen.to_string() };
    for host in [host.trim_start_matches('[').trim_end_matches(']').to_owned(), listen] {
        if !host.is_empty() && !names.contains(&host) {
            names.push(host);
        }
    }
    let mut params = rcgen::CertificateParams::new(names)?;
    let now = Duration::from_millis(clock::unix_ms());
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(CERTIFICATE_BACKDATE);
    params.not_after = epoch + now + CERTIFICATE_LIFE;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, format!("hoop-broker {}", config.name));
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), Zeroizing::new(key.serialize_pem()), certificate_fingerprint(certificate.der())))
}

/// A new Ed25519 key as PKCS #8 of version 1, which every tool reads (RFC 8410 §7).
fn ledger_key() -> Result<Zeroizing<String>, InitError> {
    let mut secret = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(secret.as_mut_slice()).map_err(|_unspecified| InitError::Random)?;
    let der = KeypairBytes { secret_key: *secret, public_key: None }.to_pkcs8_der()?;
    Ok(Zeroizing::new(pem("PRIVATE KEY", der.as_bytes())))
}

fn write_error(path: &Path, source: io::Error) -> InitError {
    InitError::Write { path: path.display().to_string(), source }
}

fn make_folder(path: &Path) -> Result<(), InitError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| write_error(path, e))
}

/// Writes a file that must not be there yet, durably.
fn write(path: &Path, file: &NewFile) -> Result<(), InitError> {
    let write = || {
        let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(file.mode).open(path)?;
        out.write_all(file.content.as_bytes())?;
        // The umask may have taken more away than was meant.
        out.set_permissions(fs::Permissions::from_mode(file.mode))?;
        out.sync_all()
    };
    write().map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(path.display().to_string()),
        _ => write_error(path, e),
    })
}

fn say_next(args: &InitArgs, fingerprint: &str) {
    let file = args.dir.join("broker.toml");
    let file = file.display();
    tell(&format!(
        "wrote {file}, with keys, policy, state and ledger beside it\n\
         certificate SHA-256 fingerprint, to be compared at first sign-in (valid for 397 days):\n  {fingerprint}\n\
         \n\
         next:\n  \
         $EDITOR {file}                                  # add a target\n  \
         hoop-broker check --config {file}\n  \
         hoop-broker user add NAME --groups developers --config {file}\n  \
         hoop-broker serve --config {file}"
    ));
}
