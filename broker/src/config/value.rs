//! The values of a configuration, each parsed from its text into the type that proves it. Pure.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use hoop_mask::Class;
use toml::de::DeValue;

use super::{ClassifiedColumn, SecretRef, UpstreamAddress};

/// Why a value is not what its key needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

type Parsed<T> = Result<T, Wrong>;

/// Longest text value, bytes: names, addresses, paths.
const TEXT: usize = 4096;

pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

pub(super) fn text<'v>(value: &'v DeValue<'_>) -> Parsed<&'v str> {
    let DeValue::String(text) = value else {
        return Err(Wrong::new(format!("must be text in quotes, not {}", kind_of(value))));
    };
    if text.is_empty() {
        return Err(Wrong::new("must not be empty"));
    }
    if text.len() > TEXT {
        return Err(Wrong::new(format!("is {} bytes long, more than {TEXT}", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(Wrong::new("holds a control character"));
    }
    Ok(text)
}

pub(super) fn owned_text(value: &DeValue<'_>) -> Parsed<String> {
    text(value).map(str::to_owned)
}

/// A whole number that is not negative.
pub(super) fn count(value: &DeValue<'_>) -> Parsed<u64> {
    let DeValue::Integer(number) = value else {
        return Err(Wrong::new(format!("must be a whole number, not {}", kind_of(value))));
    };
    u64::from_str_radix(number.as_str(), number.radix())
        .map_err(|_out_of_range| Wrong::new(format!("`{number}` is not a number from 0 to {}", u64::MAX)))
}

pub(super) fn boolean(value: &DeValue<'_>) -> Parsed<bool> {
    value.as_bool().ok_or_else(|| Wrong::new(format!("must be true or false, not {}", kind_of(value))))
}

/// `"64 KiB"`, or a number of bytes.
pub(super) fn size(value: &DeValue<'_>) -> Parsed<u64> {
    if value.is_integer() {
        return count(value);
    }
    let text = text(value)?;
    let wrong = || {
        Wrong::new(format!("`{text}` is not a size"))
            .hint("write bytes as a number, or with KiB, MiB or GiB such as \"64 KiB\"")
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_not_a_number| wrong())?;
    let shift = match text[digits..].trim_start() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// `"15m"`, `"1h 30m"`; a bare number has no unit and is refused.
pub(super) fn duration(value: &DeValue<'_>) -> Parsed<Duration> {
    let unit = "write a number with its unit in quotes, such as \"30s\", \"15m\" or \"8h\"";
    if value.is_integer() || value.is_float() {
        return Err(Wrong::new("needs a unit of time").hint(unit));
    }
    let text = text(value)?;
    let wrong = |_: humantime::DurationError| Wrong::new(format!("`{text}` is not a time")).hint(unit);
    humantime::parse_duration(text).map_err(wrong)
}

/// As [`size`] reads it.
pub(super) fn format_size(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes >= 1 << shift && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} B")
}

/// As [`duration`] reads it.
pub(super) fn format_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

pub(super) fn ip(value: &DeValue<'_>) -> Parsed<IpAddr> {
    let text = text(value)?;
    text.parse().map_err(|_not_an_address| {
        Wrong::new(format!("`{text}` is not an IP address"))
            .hint("list single addresses; names and networks are not resolved")
    })
}

/// An address to listen on.
pub(super) fn socket_address(value: &DeValue<'_>) -> Parsed<SocketAddr> {
    let text = text(value)?;
    text.parse().map_err(|_not_an_address| {
        Wrong::new(format!("`{text}` is not an address and port"))
            .hint("write for example \"127.0.0.1:8443\", \"0.0.0.0:8443\" or \"[::1]:8443\"")
    })
}

/// Where a target is: `host:port`, or `unix:/path/of/the/socket`.
pub(super) fn upstream(value: &DeValue<'_>) -> Parsed<UpstreamAddress> {
    let text = text(value)?;
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.starts_with('/') {
            Ok(UpstreamAddress::Unix(PathBuf::from(path)))
        } else {
            Err(Wrong::new("the path of a Unix socket must be absolute")
                .hint("such as \"unix:/var/run/postgresql/.s.PGSQL.5432\""))
        };
    }
    let wrong = |why: &str| {
        Wrong::new(format!("`{text}` {why}"))
            .hint("write `host:port` such as \"db.internal:5432\", or `unix:` and a path")
    };
    if text.contains("://") || text.contains('@') {
        // Not shown: a URL may hold a password.
        return Err(Wrong::new("must be an address, not a URL").hint(
            "write `host:port` here, the role under `login` and its password under `password` as a reference",
        ));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("has no port"))?;
    let port = port.parse().ok().filter(|port: &u16| *port > 0).ok_or_else(|| wrong("has no valid port"))?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = match bare {
        Some(ip) if ip.parse::<Ipv6Addr>().is_ok() => ip,
        None if is_host(host) => host,
        _ => return Err(wrong("has no valid host")),
    };
    Ok(UpstreamAddress::Tcp { host: host.to_owned(), port })
}

/// A host name or IPv4 address: letters, digits, `-`, `_` and dots (RFC 1123, and underscores as DNS carries them).
pub(super) fn is_host(host: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

/// `https://host[:port][/path]` without a trailing slash: what RFC 8414 §2 asks of an issuer.
pub(super) fn https_url(value: &DeValue<'_>) -> Parsed<String> {
    url(value, false)
}

/// As [`https_url`], and `http` where it stays on this machine.
pub(super) fn issuer_url(value: &DeValue<'_>) -> Parsed<String> {
    url(value, true)
}

/// Where notices are posted: as [`issuer_url`], with its path as it is written.
pub(super) fn webhook_url(value: &DeValue<'_>) -> Parsed<String> {
    checked_url(value, true).map(str::to_owned)
}

fn url(value: &DeValue<'_>, http_on_loopback: bool) -> Parsed<String> {
    checked_url(value, http_on_loopback).map(|text| text.trim_end_matches('/').to_owned())
}

fn checked_url<'v>(value: &'v DeValue<'_>, http_on_loopback: bool) -> Parsed<&'v str> {
    let text = text(value)?;
    let wrong = |why: &str| Wrong::new(format!("`{text}` {why}"));
    let https = "write for example \"https://hoop.example.com\"";
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("is not a URL").hint(https))?;
    if rest.contains('@') {
        // Not shown: what stands before the `@` may be a password.
        return Err(Wrong::new("must not hold a user or password").hint(https));
    }
    let uri: http::Uri = text.parse().map_err(|_invalid| wrong("is not a URL").hint(https))?;
    let host = uri.host().unwrap_or_default();
    if !(is_host(host) || host.starts_with('[')) {
        return Err(wrong("has no valid host").hint(https));
    }
    match scheme {
        "https" => {}
        "http" if http_on_loopback && is_loopback(host) => {}
        _ => return Err(wrong("must begin with `https://`").hint(https)),
    }
    if text.contains(['?', '#']) {
        return Err(wrong("must not have a query or fragment"));
    }
    Ok(text)
}

/// True for a host that cannot leave this machine.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A secret by reference. The value itself is refused, and never repeated in the message.
pub(super) fn secret(value: &DeValue<'_>) -> Parsed<SecretRef> {
    let hint = "write where it is: \"env:NAME\" for an environment variable or \"file:PATH\" for a 0600 file";
    let DeValue::String(text) = value else {
        return Err(Wrong::new("must be a reference to a secret in quotes").hint(hint));
    };
    if let Some(name) = text.strip_prefix("env:") {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        return if !name.is_empty() && name.bytes().all(plain) && !name.as_bytes()[0].is_ascii_digit() {
            Ok(SecretRef::Env(name.to_owned()))
        } else {
            Err(Wrong::new("does not name an environment variable after `env:`")
                .hint("a name has letters, digits and underscores"))
        };
    }
    match text.strip_prefix("file:") {
        Some("") => Err(Wrong::new("names no file after `file:`").hint(hint)),
        Some(path) if path.chars().any(char::is_control) => {
            Err(Wrong::new("holds a control character").hint(hint))
        }
        Some(path) => Ok(SecretRef::File(PathBuf::from(path))),
        None => Err(Wrong::new("holds a secret itself; secrets do not belong in this file").hint(hint)),
    }
}

/// The name of a broker or target: what fits into a ledger origin, a socket path and a command line alike.
pub(super) fn name(value: &DeValue<'_>) -> Parsed<String> {
    let text = text(value)?;
    check_name(text).map(|()| text.to_owned())
}

pub(super) fn check_name(text: &str) -> Parsed<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    if bytes.len() <= 63 && bytes.iter().copied().all(plain) && edge(bytes.first()) && edge(bytes.last()) {
        return Ok(());
    }
    Err(Wrong::new(format!("`{text}` is not a name"))
        .hint("use 1 to 63 lower-case letters, digits, `-` and `_`, with a letter or digit at both ends"))
}

/// A class by its word; the user's own classes are those in `own`.
pub(super) fn class(word: &str, own: &[String]) -> Option<Class> {
    Some(match word {
        "pan" => Class::Pan,
        "cvv" => Class::Cvv,
        "expiry" => Class::Expiry,
        "track" => Class::Track,
        "name" => Class::Name,
        "freetext" => Class::Freetext,
        _ => Class::Custom(own.iter().find(|class| *class == word)?.as_str().into()),
    })
}

/// The words of [`class`] that are built in.
pub(super) const CLASSES: [&str; 6] = ["pan", "cvv", "expiry", "track", "name", "freetext"];

/// `schema.relation.column` as the catalogue spells them, parts with other than `a-z0-9_$` in double quotes.
pub(super) fn column(text: &str, class: Class) -> Parsed<ClassifiedColumn> {
    let wrong = || {
        Wrong::new(format!("`{text}` is not a column")).hint(
            "write `schema.relation.column` as the catalogue spells it; a part with capitals, dots or spaces \
             in double quotes: 'public.\"Cards\".pan'",
        )
    };
    let mut rest = text;
    let mut parts = [const { String::new() }; 3];
    for (i, part) in parts.iter_mut().enumerate() {
        if i > 0 {
            rest = rest.strip_prefix('.').ok_or_else(wrong)?;
        }
        (*part, rest) = identifier(rest).ok_or_else(wrong)?;
    }
    if !rest.is_empty() {
        return Err(wrong());
    }
    let [schema, relation, column] = parts;
    Ok(ClassifiedColumn { schema, relation, column, class })
}

/// One SQL identifier and what follows it. Unquoted capitals are refused rather than folded: whoever wrote them may
/// mean either column, and the wrong one would go unmasked.
fn identifier(text: &str) -> Option<(String, &str)> {
    // Longest identifier, bytes: NAMEDATALEN - 1.
    let fits = |name: &str| (1..=63).contains(&name.len());
    if let Some(mut rest) = text.strip_prefix('"') {
        let mut name = String::new();
        loop {
            let end = rest.find('"')?;
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(after) => {
                    name.push('"');
                    rest = after;
                }
                None => return fits(&name).then_some((name, rest)),
            }
        }
    }
    let plain = |c: char| c.is_lowercase() || c.is_ascii_digit() || c == '_' || c == '$';
    let end = text.find(|c| !plain(c)).unwrap_or(text.len());
    let name = &text[..end];
    (fits(name) && !name.starts_with(|c: char| c.is_ascii_digit() || c == '$'))
        .then(|| (name.to_owned(), &text[end..]))
}
