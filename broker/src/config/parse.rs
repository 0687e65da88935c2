//! From text to [`Config`]. Pure: the same text, file name and folder give the same answer on every machine.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use hoop_policy::Reviewers;
use sha2::{Digest as _, Sha256};
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Faults};
use super::files::Role;
use super::section::{Report, Section};
use super::value::{self, Wrong};
use super::{
    BreakGlass, Config, Durability, IdentityProvider, LIMITS, LedgerConfig, Limits, Log, Oidc, ServerTls,
    SessionTimes, Unit, policy, target, webhook,
};

/// Largest configuration, bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Parses `text`, the content of `file`; relative paths are taken from `base_dir`, which is absolute. Touches neither
/// disk nor environment.
///
/// # Errors
/// Every fault of the text, in its order.
pub fn parse(text: &str, file: &Path, base_dir: &Path) -> Result<Config, Faults> {
    parse_and(text, file, base_dir, |_| {})
}

/// As [`parse`], with `also` looking at what the walk found (paths and secrets) before the faults are told.
pub(super) fn parse_and(
    text: &str,
    file: &Path,
    base_dir: &Path,
    also: impl FnOnce(&mut Report<'_>),
) -> Result<Config, Faults> {
    if text.len() > MAX_BYTES {
        let message = format!("the configuration is {} bytes long, more than {MAX_BYTES}", text.len());
        return Err(Fault::new(message).of_file(file).into());
    }
    let mut report = Report::new(file, text, base_dir);
    let (document, syntax) = DeTable::parse_recoverable(text);
    let config = top(&mut report, document.get_ref(), text, file);
    also(&mut report);
    let faults = report.into_faults(&syntax);
    match (config, Faults::or(faults, ())) {
        (_, Err(faults)) => Err(faults),
        (Some(config), Ok(())) => Ok(config),
        (None, Ok(())) => Err(Fault::new("the configuration is incomplete").of_file(file).into()),
    }
}

fn top(report: &mut Report<'_>, document: &DeTable<'_>, text: &str, file: &Path) -> Option<Config> {
    let mut section = Section::new(String::new(), document, 0..0);
    let top = &mut section;
    let name = top.required(report, "name", "\"hoop\"", value::name);
    let state_dir = top.path(report, "state_dir", "\"state\"", Role::PrivateDir);
    let listen = top.required(report, "listen", "\"127.0.0.1:8443\"", value::socket_address);
    let public_url = top.required(report, "public_url", "\"https://localhost:8443\"", value::https_url);
    let trusted_proxies = top.list(report, "trusted_proxies", value::ip).unwrap_or_default();
    let postgres_listen = top.optional(report, "postgres_listen", value::socket_address);
    if let (Some(a), Some(b)) = (listen, postgres_listen)
        && same_port(a, b)
    {
        let wrong = Wrong::new("`postgres_listen`: is the address of `listen` already");
        report.wrong(top.span_of("postgres_listen"), wrong);
    }
    let own_classes = own_classes(report, top);
    let tls = required_section(report, top, "tls", tls);
    let log = top.section(report, "log").map_or_else(Log::default, |s| log(report, s));
    let identity = required_section(report, top, "identity", |report, section| {
        identity(report, section, public_url.as_deref())
    });
    let sessions =
        top.section(report, "sessions").map_or_else(SessionTimes::default, |s| sessions(report, s));
    let ledger =
        required_section(report, top, "ledger", |report, section| ledger(report, section, name.as_deref()));
    let policy_files = required_section(report, top, "policy", policy::policy);
    let (policy_files, policy_signers) = policy_files.unwrap_or_default();
    let limits = top.section(report, "limits").map_or_else(Limits::default, |s| limits(report, s));
    let targets = top.section(report, "targets");
    let targets = targets.map(|s| target::targets(report, &s, &own_classes)).unwrap_or_default();
    let webhooks = top.section(report, "webhooks");
    let webhooks = webhooks.map(|s| webhook::webhooks(report, &s)).unwrap_or_default();
    let administration = top.section(report, "administration").and_then(|s| administration(report, s));
    let break_glass = top.section(report, "break_glass").map(|s| break_glass(report, s));
    if break_glass.is_some() && webhooks.is_empty() {
        let wrong =
            Wrong::new("[break_glass]: nobody would be alarmed").hint("name a receiver in [webhooks.NAME]");
        report.wrong(top.span_of("break_glass"), wrong);
    }
    section.finish(report);
    Some(Config {
        file: file.to_owned(),
        name: name?,
        state_dir: state_dir?,
        listen: listen?,
        public_url: public_url?,
        trusted_proxies: values(trusted_proxies),
        tls: tls?,
        postgres_listen,
        log,
        identity: identity?,
        sessions,
        ledger: ledger?,
        policy_files,
        policy_signers,
        limits,
        targets,
        webhooks,
        administration,
        break_glass,
        text: text.into(),
        sha256: hoop_api::hex(&Sha256::digest(text.as_bytes())),
    })
}

fn values<T>(list: Vec<(T, Range<usize>)>) -> Vec<T> {
    list.into_iter().map(|(value, _)| value).collect()
}

/// True when the second bind would fail on the first.
fn same_port(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn required_section<T>(
    report: &mut Report<'_>,
    top: &mut Section<'_, '_>,
    key: &'static str,
    read: impl FnOnce(&mut Report<'_>, Section<'_, '_>) -> Option<T>,
) -> Option<T> {
    if let Some(section) = top.section(report, key) {
        return read(report, section);
    }
    if top.span_of(key) == top.span() {
        let hint = format!("`hoop-broker init DIR` writes a commented one with [{key}] in it");
        report.missing(top.span(), Wrong::new(format!("section [{key}] is missing")).hint(hint));
    }
    None
}

/// The user's own kinds of sensitive data, besides the built-in ones.
fn own_classes(report: &mut Report<'_>, top: &mut Section<'_, '_>) -> Vec<String> {
    let list = top.list(report, "classes", value::name).unwrap_or_default();
    let mut own: Vec<String> = Vec::new();
    for (class, span) in list {
        if value::CLASSES.contains(&class.as_str()) || own.contains(&class) {
            report.wrong(span, Wrong::new(format!("`classes`: `{class}` is a class already")));
        } else {
            own.push(class);
        }
    }
    own
}

fn tls(report: &mut Report<'_>, mut section: Section<'_, '_>) -> Option<ServerTls> {
    let certificate = section.path(report, "certificate", "\"keys/tls.crt\"", Role::Public);
    let key = section.path(report, "key", "\"keys/tls.key\"", Role::Private);
    section.finish(report);
    Some(ServerTls { certificate: certificate?, key: key? })
}

fn log(report: &mut Report<'_>, mut section: Section<'_, '_>) -> Log {
    let default = Log::default();
    let json = section.or(report, "format", default.json, |value| match value::text(value)? {
        "text" => Ok(false),
        "json" => Ok(true),
        other => Err(Wrong::new(format!("`{other}` is not a format")).hint("write \"text\" or \"json\"")),
    });
    let level = section.or(report, "level", default.level, |value| {
        let text = value::text(value)?;
        crate::logging::check_level(text).map(|()| text.to_owned()).map_err(|error| {
            Wrong::new(error.to_string())
                .hint("write error, warn, info, debug or trace, or a list such as \"info,hoop_broker=debug\"")
        })
    });
    section.finish(report);
    Log { json, level }
}

const OIDC_KEYS: [&str; 8] = [
    "issuer",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scopes",
    "groups_claim",
    "person_claim",
    "max_groups",
];

fn identity(
    report: &mut Report<'_>,
    mut section: Section<'_, '_>,
    public_url: Option<&str>,
) -> Option<IdentityProvider> {
    let oidc = section.required(report, "provider", "\"local\"", |value| match value::text(value)? {
        "local" => Ok(false),
        "oidc" => Ok(true),
        other => Err(Wrong::new(format!("`{other}` is not a provider")).hint("write \"local\" or \"oidc\"")),
    });
    match oidc {
        Some(true) => {
            let provider = self::oidc(report, &mut section, public_url);
            section.finish(report);
            provider.map(IdentityProvider::Oidc)
        }
        Some(false) => {
            let only_oidc = Wrong::new("is for `provider = \"oidc\"` only");
            for key in OIDC_KEYS {
                section.optional(report, key, |_| Err::<(), _>(only_oidc.clone()));
            }
            section.finish(report);
            Some(IdentityProvider::Local)
        }
        None => {
            for key in OIDC_KEYS {
                section.optional(report, key, |_| Ok(()));
            }
            section.finish(report);
            None
        }
    }
}

fn oidc(report: &mut Report<'_>, section: &mut Section<'_, '_>, public_url: Option<&str>) -> Option<Oidc> {
    let issuer = section.required(report, "issuer", "\"https://login.example.com\"", value::issuer_url);
    let client_id = section.required(report, "client_id", "\"hoop\"", value::owned_text);
    section.note_missing(report, "client_secret", "\"env:HOOP_OIDC_SECRET\"");
    let client_secret = section.secret(report, "client_secret");
    let redirect_uri = section.optional(report, "redirect_uri", value::https_url);
    let scopes = section.list(report, "scopes", value::owned_text).map(values);
    let groups_claim = section.or(report, "groups_claim", "groups".to_owned(), value::owned_text);
    let person_claim = section.or(report, "person_claim", "sub".to_owned(), value::owned_text);
    let max_groups = section.or(report, "max_groups", 150, |value| match value::count(value)? {
        n @ 1..=10_000 => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
        n => Err(Wrong::new(format!("{n} is out of range")).hint("write a number from 1 to 10000")),
    });
    Some(Oidc {
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret?,
        redirect_uri: redirect_uri.or_else(|| public_url.map(|url| format!("{url}/oidc/callback")))?,
        scopes: scopes.unwrap_or_else(|| vec!["profile".to_owned(), "groups".to_owned()]),
        groups_claim,
        person_claim,
        max_groups,
    })
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn within(value: &DeValue<'_>, least: Duration, most: Duration, why: &str) -> Result<Duration, Wrong> {
    let duration = value::duration(value)?;
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    let [given, least, most] = [duration, least, most].map(value::format_duration);
    Err(Wrong::new(format!("`{given}` is out of range"))
        .hint(format!("write a time from {least} to {most}{why}")))
}

fn sessions(report: &mut Report<'_>, mut section: Section<'_, '_>) -> SessionTimes {
    let default = SessionTimes::default();
    let second = Duration::from_secs(1);
    let max_ttl = section.or(report, "max_ttl", default.max_ttl, |v| within(v, second, 7 * DAY, ""));
    let given = section.optional(report, "default_ttl", |v| within(v, second, 7 * DAY, ""));
    let default_ttl = given.unwrap_or(default.default_ttl.min(max_ttl));
    if default_ttl > max_ttl {
        let wrong = Wrong::new("`default_ttl`: is longer than `max_ttl`")
            .hint(format!("at most {}", value::format_duration(max_ttl)));
        report.wrong(section.span_of("default_ttl"), wrong);
    }
    // PCI DSS 8.2.8: after more than 15 minutes without use, authenticate again.
    let idle =
        section.or(report, "idle", default.idle, |v| within(v, second, 15 * MINUTE, " (PCI DSS 8.2.8)"));
    let access = |v: &DeValue<'_>| within(v, 10 * second, 60 * MINUTE, "");
    let access_token = section.or(report, "access_token", default.access_token, access);
    let refresh = |v: &DeValue<'_>| within(v, MINUTE, 30 * DAY, "");
    let refresh_token = section.or(report, "refresh_token", default.refresh_token, refresh);
    if refresh_token < access_token {
        let wrong = Wrong::new("`refresh_token`: is shorter than `access_token`");
        report.wrong(section.span_of("refresh_token"), wrong);
    }
    section.finish(report);
    SessionTimes { default_ttl, max_ttl, idle, access_token, refresh_token }
}

fn administration(report: &mut Report<'_>, mut section: Section<'_, '_>) -> Option<Reviewers> {
    let reviewers = section.required(report, "approvals", "\"2 of admins\"", |value| {
        let text = value::text(value)?;
        let hint = "write \"2 of admins\": how many people, of which group";
        let reviewers = Reviewers::parse(text).ok_or_else(|| {
            Wrong::new(format!("`{text}` is not a number of people and their group")).hint(hint)
        })?;
        // Who changes a file or runs a command on this machine is not known here: one of the two may be them.
        if reviewers.count < 2 {
            return Err(Wrong::new("one person is no second person")
                .hint("write 2 or more: whoever makes the change may be one of them"));
        }
        Ok(reviewers)
    });
    section.finish(report);
    reviewers
}

fn break_glass(report: &mut Report<'_>, mut section: Section<'_, '_>) -> BreakGlass {
    let life = |v: &DeValue<'_>| within(v, DAY, 90 * DAY, "");
    let enrolment = section.or(report, "enrolment", 30 * DAY, life);
    section.finish(report);
    BreakGlass { enrolment }
}

fn ledger(
    report: &mut Report<'_>,
    mut section: Section<'_, '_>,
    broker: Option<&str>,
) -> Option<LedgerConfig> {
    let dir = section.path(report, "dir", "\"ledger\"", Role::PrivateDir);
    let key = section.path(report, "key", "\"keys/ledger.key\"", Role::Private);
    let cluster = section.or(report, "cluster", "local".to_owned(), value::name);
    let epoch = section.or(report, "epoch", 1, value::count);
    let durability = section.or(report, "durability", Durability::Disk, durability);
    section.finish(report);
    Some(LedgerConfig { dir: dir?, key: key?, origin: format!("{cluster}/{}/{epoch}", broker?), durability })
}

fn durability(value: &DeValue<'_>) -> Result<Durability, Wrong> {
    match value::text(value)? {
        "fdatasync" => Ok(Durability::Disk),
        "os" => Ok(Durability::Os),
        other => Err(Wrong::new(format!("`{other}` is not a durability"))
            .hint("write \"fdatasync\", or \"os\" where a power cut may lose the last second of the ledger")),
    }
}

fn limits(report: &mut Report<'_>, mut section: Section<'_, '_>) -> Limits {
    let mut limits = Limits::default();
    for row in LIMITS {
        let given = section.optional(report, row.key, |value| {
            let number = match row.unit {
                Unit::Bytes => value::size(value)?,
                Unit::Count => value::count(value)?,
                Unit::Time => u64::try_from(value::duration(value)?.as_millis()).unwrap_or(u64::MAX),
            };
            if row.range.contains(&number) {
                return Ok(number);
            }
            let [least, most] = [*row.range.start(), *row.range.end()].map(|bound| row.written(bound));
            Err(Wrong::new(format!("{} is out of range", row.written(number)))
                .hint(format!("write from {least} to {most}: {}", row.meaning)))
        });
        if let Some(number) = given {
            row.set(&mut limits, number);
        }
    }
    if limits.message_bytes < limits.statement_bytes {
        let wrong = Wrong::new("`message_bytes`: is less than `statement_bytes`, which it has to hold");
        report.wrong(section.span_of("message_bytes"), wrong);
    }
    section.finish(report);
    limits
}
