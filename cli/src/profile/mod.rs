//! Where hoopctl keeps things, and which broker it speaks to: flags over `HOOPCTL_*` over the profile's file.

pub mod files;

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Exit, Failure, plain};
use crate::trust::Fingerprint;

/// Name of a profile: letters, digits, `-`, `_` and `.`, at most 32; it becomes part of file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileName(String);

impl ProfileName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProfileName {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        if !s.is_empty() && s.len() <= 32 && !s.starts_with('.') && s.bytes().all(is_name_byte) {
            return Ok(Self(s.to_owned()));
        }
        Err("a profile name has 1 to 32 letters, digits, `-`, `_` or `.`".to_owned())
    }
}

/// True for bytes that may stand in a file name of ours.
#[must_use]
pub fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')
}

/// The broker's public address: its OAuth issuer. Always `https`, no path, query or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl(reqwest::Url);

impl BrokerUrl {
    /// The issuer as the broker must name itself (RFC 8414, 3.3), without a final slash.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The full URL of `path`, which starts with a slash.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// Host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// Port, 443 by default.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// `host:port` for the `Host` header: the port only where it is not 443.
    #[must_use]
    pub fn authority(&self) -> String {
        self.issuer().trim_start_matches("https://").to_owned()
    }
}

impl FromStr for BrokerUrl {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let text = if s.contains("://") { s.to_owned() } else { format!("https://{s}") };
        let url = reqwest::Url::parse(&text).map_err(|e| format!("not an address of a broker: {e}"))?;
        if url.scheme() != "https" {
            return Err("a broker is reached by `https` only".to_owned());
        }
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path() == "/";
        if !bare || url.host_str().is_none_or(str::is_empty) {
            return Err("expected only a host and a port, like `https://broker.example.com:7443`".to_owned());
        }
        Ok(Self(url))
    }
}

/// Where tokens are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// The system's keyring.
    Keyring,
    /// A file of mode 0600.
    File,
}

/// What a profile's file may say; anything else in it is an error.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_store: Option<StoreKind>,
}

/// The folders that hoopctl uses.
#[derive(Debug, Clone)]
pub struct Paths {
    profile: PathBuf,
    state: PathBuf,
}

impl Paths {
    fn of(name: &ProfileName) -> Result<Self, Failure> {
        let dirs = directories::ProjectDirs::from("", "", "hoopctl").ok_or_else(|| {
            Failure::usage("no home folder to keep settings in").hint("set HOME to a folder of your own")
        })?;
        let state = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).join(name.as_str());
        Ok(Self {
            profile: dirs.config_dir().join("profiles").join(format!("{}.toml", name.as_str())),
            state,
        })
    }

    /// The token file, used where there is no keyring.
    #[must_use]
    pub fn tokens(&self) -> PathBuf {
        self.state.join("tokens.json")
    }

    /// Held while tokens are refreshed, so that two processes never spend one refresh token.
    #[must_use]
    pub fn refresh_lock(&self) -> PathBuf {
        self.state.join("refresh.lock")
    }

    /// The password file of a target's TCP port, in libpq's format.
    #[must_use]
    pub fn passfile(&self, target: &str) -> PathBuf {
        self.state.join("ports").join(format!("{target}.pgpass"))
    }
}

/// Flags and `HOOPCTL_*`, as the command line gave them.
#[derive(Debug, Default)]
pub struct Overrides {
    /// `--broker`, `HOOPCTL_BROKER`.
    pub broker: Option<BrokerUrl>,
    /// `--fingerprint`, `HOOPCTL_FINGERPRINT`.
    pub fingerprint: Option<Fingerprint>,
    /// `HOOPCTL_TOKEN_STORE`.
    pub token_store: Option<StoreKind>,
}

/// What holds for this run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The profile.
    pub name: ProfileName,
    /// The broker, where one is known.
    pub broker: Option<BrokerUrl>,
    /// The certificate that the broker must show; the system's roots decide when there is none.
    pub fingerprint: Option<Fingerprint>,
    /// Where tokens are kept, where that is decided.
    pub token_store: Option<StoreKind>,
    /// Folders.
    pub paths: Paths,
}

impl Settings {
    /// Reads the profile's file and lays `over` on top.
    ///
    /// # Errors
    /// A file that cannot be read, does not parse, or has keys that are unknown.
    pub fn load(name: ProfileName, over: Overrides) -> Result<Self, Failure> {
        let paths = Paths::of(&name)?;
        let file = read(&paths)?;
        let named = |key: &str, e: String| {
            Failure::usage(format!("`{key}` in `{}` is not valid: {e}", paths.profile.display()))
        };
        let saved: Option<BrokerUrl> =
            file.broker.as_deref().map(str::parse).transpose().map_err(|e| named("broker", e))?;
        let pin: Option<Fingerprint> =
            file.fingerprint.as_deref().map(str::parse).transpose().map_err(|e| named("fingerprint", e))?;
        // A pin belongs to the broker that it was taken from, never to another one named by flag.
        let same = over.broker.is_none() || over.broker == saved;
        Ok(Self {
            name,
            fingerprint: over.fingerprint.or(pin.filter(|_| same)),
            broker: over.broker.or(saved),
            token_store: over.token_store.or(file.token_store),
            paths,
        })
    }

    /// The broker, or how to name one.
    ///
    /// # Errors
    /// No broker is known, so nobody is signed in.
    pub fn broker(&self) -> Result<&BrokerUrl, Failure> {
        self.broker.as_ref().ok_or_else(|| {
            Failure::new(Exit::NotSignedIn, "not signed in: this profile knows no broker")
                .hint("sign in first: `hoopctl login https://broker.example.com:7443`")
        })
    }

    /// Writes broker, pin and token store to the profile's file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self) -> Result<(), Failure> {
        let file = ProfileFile {
            broker: self.broker.as_ref().map(|b| b.issuer().to_owned()),
            fingerprint: self.fingerprint.map(|f| f.to_string()),
            token_store: self.token_store,
        };
        let text = toml::to_string(&file)
            .map_err(|e| Failure::usage(format!("the profile cannot be written as TOML: {e}")))?;
        let head = "# Written by `hoopctl login`; flags and HOOPCTL_* variables win over it.\n";
        files::write_private(&self.paths.profile, format!("{head}{text}").as_bytes())
    }
}

fn read(paths: &Paths) -> Result<ProfileFile, Failure> {
    let text = match std::fs::read_to_string(&paths.profile) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(ProfileFile::default()),
        Err(e) => {
            return Err(Failure::usage(format!("cannot read `{}`: {}", paths.profile.display(), plain(&e))));
        }
    };
    toml::from_str(&text).map_err(|e| {
        let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Failure::usage(format!("`{}`, line {line}: {}", paths.profile.display(), e.message()))
            .hint("the keys of a profile are `broker`, `fingerprint` and `token_store`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_a_port_by_https() {
        let url: BrokerUrl = "broker.example.com:7443".parse().unwrap();
        assert_eq!(url.issuer(), "https://broker.example.com:7443");
        assert_eq!(url.at("/v1/whoami"), "https://broker.example.com:7443/v1/whoami");
        assert_eq!(
            (url.host(), url.port(), url.authority().as_str()),
            ("broker.example.com", 7443, "broker.example.com:7443")
        );
        let url: BrokerUrl = "https://[::1]/".parse().unwrap();
        assert_eq!((url.host(), url.port()), ("::1", 443));
        for bad in ["http://b", "https://u:p@b", "https://b/x", "https://b?q", "https://b#f", "ftp://b", ""] {
            assert!(bad.parse::<BrokerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_profile_name_cannot_leave_its_folder() {
        for bad in ["", ".", "..", "a/b", "../x", "a b", &"x".repeat(33)] {
            assert!(bad.parse::<ProfileName>().is_err(), "{bad}");
        }
        assert!("prod-eu.1".parse::<ProfileName>().is_ok());
    }
}
