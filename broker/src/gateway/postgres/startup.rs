//! What a client may ask for in its start-up packet. The packet that goes to the target is ours.

use hoop_api::Untrusted;

use crate::config::Target;

/// Parameters that pass to the target as the client set them. Everything else is refused, so that no setting can be
/// pinned down before the gateway listens (`options=-c …` is taken apart by the same list).
const ALLOWED: &[&str] = &[
    "application_name",
    "datestyle",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "lock_timeout",
    "search_path",
    "statement_timeout",
    "timezone",
    "work_mem",
];

/// A start-up packet that cannot be served, as an error for the client: SQLSTATE, message, hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupRefused {
    /// SQLSTATE.
    pub sqlstate: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// The accepted wishes of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// `user`.
    pub user: String,
    /// `database`, the user's name when absent, as PostgreSQL does.
    pub database: Option<String>,
    /// Settings for the target.
    pub settings: Vec<(String, String)>,
    /// `application_name`, for the ledger.
    pub application: Untrusted,
}

/// Reads a client's parameters.
///
/// # Errors
/// [`StartupRefused`] for a replication connection, another encoding than UTF-8, or a setting that is not allowed.
pub fn read<'p>(parameters: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Wishes, StartupRefused> {
    let mut wishes = Wishes::default();
    for (name, value) in parameters {
        match name {
            "user" => value.clone_into(&mut wishes.user),
            "database" => wishes.database = Some(value.to_owned()),
            "replication" => refuse_replication(value)?,
            "client_encoding" => require_utf8(value)?,
            "options" => {
                for (name, value) in options(value)? {
                    wishes.set(&name, value)?;
                }
            }
            name if name.starts_with("_pq_.") => {}
            name => wishes.set(name, value.to_owned())?,
        }
    }
    Ok(wishes)
}

impl Wishes {
    fn set(&mut self, name: &str, value: String) -> Result<(), StartupRefused> {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "client_encoding" => return require_utf8(&value),
            "standard_conforming_strings" if is_on(&value) => return Ok(()),
            "application_name" => self.application = Untrusted::new(value.clone()),
            _ => {}
        }
        if !ALLOWED.contains(&lower.as_str()) {
            return Err(StartupRefused {
                sqlstate: "42501",
                message: format!("the setting `{}` cannot be given at start-up", Untrusted::new(name)),
                hint: format!("these can: {}", ALLOWED.join(", ")),
            });
        }
        self.settings.push((lower, value));
        Ok(())
    }
}

fn is_on(value: &str) -> bool {
    ["on", "true", "yes", "1"].iter().any(|w| value.eq_ignore_ascii_case(w))
}

fn refuse_replication(value: &str) -> Result<(), StartupRefused> {
    if ["off", "false", "no", "0"].iter().any(|w| value.eq_ignore_ascii_case(w)) {
        return Ok(());
    }
    Err(StartupRefused {
        sqlstate: "0A000",
        message: "replication connections do not pass the gateway".to_owned(),
        hint: "the replication stream carries rows unmasked; read the tables with a query".to_owned(),
    })
}

fn require_utf8(value: &str) -> Result<(), StartupRefused> {
    let word: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    if ["utf8", "unicode", "auto"].iter().any(|w| word.eq_ignore_ascii_case(w)) {
        return Ok(());
    }
    Err(StartupRefused {
        sqlstate: "0A000",
        message: format!("the client encoding `{}` is not supported", Untrusted::new(value)),
        hint: "set PGCLIENTENCODING=UTF8: the gateway judges texts in UTF-8 only".to_owned(),
    })
}

/// Takes `options` apart as the server does (`pg_split_opts`): words at white space, `\` escapes, `-c name=value` and
/// `--name=value`.
fn options(text: &str) -> Result<Vec<(String, String)>, StartupRefused> {
    let mut words = split(text).into_iter();
    let mut out = Vec::new();
    while let Some(word) = words.next() {
        let pair = if word == "-c" {
            words.next()
        } else {
            word.strip_prefix("-c").or_else(|| word.strip_prefix("--")).map(str::to_owned)
        };
        let Some((name, value)) = pair.as_deref().and_then(|p| p.split_once('=')) else {
            return Err(StartupRefused {
                sqlstate: "42501",
                message: "the start-up `options` hold something other than `-c name=value`".to_owned(),
                hint: "give settings as `-c name=value`".to_owned(),
            });
        };
        out.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(out)
}

fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut chars) = (Vec::new(), String::new(), text.chars());
    let mut started = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                word.extend(chars.next());
                started = true;
            }
            c if c.is_ascii_whitespace() => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            c => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}

/// The database to connect to: the user is the target's name or its login, the database one of its list.
///
/// # Errors
/// [`StartupRefused`].
pub fn allowed_database(wishes: &Wishes, target: &Target) -> Result<String, StartupRefused> {
    if wishes.user != target.name && wishes.user != target.login {
        return Err(StartupRefused {
            sqlstate: "28000",
            message: format!("the user `{}` is not of this session", Untrusted::new(wishes.user.clone())),
            hint: format!("connect as `{}`", target.name),
        });
    }
    let default = target.databases.first().cloned().unwrap_or_default();
    match &wishes.database {
        None => Ok(default),
        Some(name) if target.databases.contains(name) => Ok(name.clone()),
        // psql and libpq name the user's database when none is given.
        Some(name) if *name == wishes.user => Ok(default),
        Some(name) => Err(StartupRefused {
            sqlstate: "3D000",
            message: format!("the database `{}` is not of this session", Untrusted::new(name.clone())),
            hint: format!("this target has: {}", target.databases.join(", ")),
        }),
    }
}

/// `application_name` for the ledger: a short name of a program, or what is left of it. Digits are taken out, since
/// a client can put anything there.
#[must_use]
pub fn harmless_name(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphabetic() || " .-_/".contains(*c)).take(48).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<Wishes, StartupRefused> {
        read([("user", "u"), (name, value)])
    }

    #[test]
    fn ordinary_drivers_pass() {
        let wishes = with("options", r"-c statement_timeout=5s --search-path=a\ b -cTimeZone=UTC").unwrap();
        let expect = [("statement_timeout", "5s"), ("search_path", "a b"), ("timezone", "UTC")];
        assert_eq!(wishes.settings, expect.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert!(with("client_encoding", "'UTF-8'").is_ok());
        assert!(with("replication", "off").is_ok());
    }

    #[test]
    fn what_could_reach_around_is_refused() {
        for (name, value) in [
            ("replication", "database"),
            ("replication", "true"),
            ("client_encoding", "GBK"),
            ("options", "-c standard_conforming_strings=off"),
            ("options", "-c client_encoding=SJIS"),
            ("options", "-c session_preload_libraries=x"),
            ("options", "-d 5"),
            ("options", "--random-page-cost=0"),
            ("session_replication_role", "replica"),
            ("role", "postgres"),
        ] {
            assert!(with(name, value).is_err(), "{name}={value} must be refused");
        }
    }

    #[test]
    fn a_client_name_carries_no_digits() {
        assert_eq!(harmless_name("psql 4111111111111111 \u{202e}x"), "psql  x");
    }
}
