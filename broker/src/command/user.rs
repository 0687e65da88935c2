//! `hoop-broker user`: local users. Passwords come from a terminal without echo or from stdin, never from the command
//! line, which every user of the machine can read.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use clap::{Args, Subcommand};
use hoop_api::Untrusted;
use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigArg, USAGE, failure, failure_with_hint, faults, password, print, tell};
use crate::config::{self, Config, IdentityProvider};

/// `hoop-broker user`
#[derive(Debug, Args)]
pub(super) struct UserArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a user; prints the one-time-code secret once
    Add {
        /// Account name
        name: String,
        /// Groups, which the policy knows
        #[arg(long, value_delimiter = ',', value_name = "GROUP,…")]
        groups: Vec<String>,
        /// Name as shown to others; the account name when left out
        #[arg(long, value_name = "NAME")]
        display: Option<String>,
        /// Read the password from stdin instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users
    List,
    /// Remove a user and end its sessions
    Remove {
        /// Account name
        name: String,
    },
    /// Replace a user's groups
    Groups {
        /// Account name
        name: String,
        /// The groups from now on; none when left out
        #[arg(value_delimiter = ',', value_name = "GROUP,…")]
        groups: Vec<String>,
    },
    /// Forget failed sign-ins and a lock-out
    Unlock {
        /// Account name
        name: String,
    },
    /// Bar a user from signing in and end its sessions
    Disable {
        /// Account name
        name: String,
    },
    /// Let a disabled user sign in again
    Enable {
        /// Account name
        name: String,
    },
    /// Replace password and one-time-code secret, and end the user's tokens
    Reset {
        /// Account name
        name: String,
        /// Keep the one-time-code secret
        #[arg(long, conflicts_with = "totp_only")]
        password_only: bool,
        /// Keep the password
        #[arg(long, conflicts_with = "password_stdin")]
        totp_only: bool,
        /// Read the password from stdin instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Why a change was not made; it is only ever shown.
pub type AdminError = Box<dyn std::error::Error + Send + Sync>;

/// A user to add.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// Account name.
    pub name: &'a str,
    /// Its password.
    pub password: &'a SecretString,
    /// Its groups.
    pub groups: &'a [String],
    /// Name as shown to others.
    pub display: &'a str,
}

/// A user as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// Account name.
    pub name: String,
    /// Name as shown to others.
    pub display: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// Cannot sign in.
    pub disabled: bool,
    /// Locked until then, Unix seconds.
    pub locked_until_s: Option<i64>,
}

/// The local users, as this command changes them. A seam: what keeps them is the identity part's concern.
///
/// Every method fails with a sentence for the person at the terminal, and has then changed nothing.
#[expect(clippy::missing_errors_doc, reason = "said once for all of them")]
pub trait UserAdmin {
    /// Adds a user; the answer is the `otpauth://` URL of its authenticator.
    fn add(&self, user: &NewUser<'_>) -> Result<SecretString, AdminError>;
    /// All users by name.
    fn list(&self) -> Result<Vec<ListedUser>, AdminError>;
    /// Removes a user.
    fn remove(&self, name: &str) -> Result<(), AdminError>;
    /// Replaces a user's groups.
    fn set_groups(&self, name: &str, groups: &[String]) -> Result<(), AdminError>;
    /// Bars a user from signing in, or lets it again.
    fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), AdminError>;
    /// Forgets failed sign-ins and a lock-out.
    fn unlock(&self, name: &str) -> Result<(), AdminError>;
    /// Replaces the password.
    fn reset_password(&self, name: &str, password: &SecretString) -> Result<(), AdminError>;
    /// Replaces the authenticator's secret; the answer is its `otpauth://` URL.
    fn reset_totp(&self, name: &str) -> Result<SecretString, AdminError>;
}

/// The users of a configuration.
fn open(config: &Config) -> Result<Box<dyn UserAdmin>, AdminError> {
    let _ = config;
    Err("this build of hoop-broker keeps no users".into())
}

pub(super) fn run(args: &UserArgs) -> ExitCode {
    let config = match config::read(&args.config.config) {
        Ok(config) => config,
        Err(found) => return faults(&found),
    };
    if let IdentityProvider::Oidc(oidc) = &config.identity {
        let hint = "change them there, or set `provider = \"local\"` under [identity]";
        return failure_with_hint(&format!("users are kept by `{}`", oidc.issuer), hint, USAGE);
    }
    let done = open(&config).and_then(|users| change(users.as_ref(), &args.verb, password::ask));
    match done {
        Ok(shown) => print(&shown),
        Err(error) => match error.downcast_ref::<password::PasswordError>() {
            Some(password::PasswordError::NoTerminal) => {
                failure_with_hint(&error, "give it with `--password-stdin`", USAGE)
            }
            Some(_) | None => failure(&error, 1),
        },
    }
}

/// Makes the change; the answer is what goes to stdout.
fn change(
    users: &dyn UserAdmin,
    verb: &Verb,
    ask: impl Fn(bool) -> Result<SecretString, password::PasswordError>,
) -> Result<String, AdminError> {
    let done = |what: String| {
        tell(&Untrusted::new(what).to_string());
        Ok(String::new())
    };
    match verb {
        Verb::Add { name, groups, display, password_stdin } => {
            let password = ask(*password_stdin)?;
            let display = display.as_deref().unwrap_or(name);
            let url = users.add(&NewUser { name, password: &password, groups, display })?;
            tell(&Untrusted::new(format!("added `{name}`")).to_string());
            Ok(enrolment(&url))
        }
        Verb::List => users.list().map(|users| table(&users)),
        Verb::Remove { name } => {
            users.remove(name)?;
            done(format!("removed `{name}`"))
        }
        Verb::Groups { name, groups } => {
            users.set_groups(name, groups)?;
            done(format!("`{name}` is now in: {}", groups.join(", ")))
        }
        Verb::Unlock { name } => {
            users.unlock(name)?;
            done(format!("unlocked `{name}`"))
        }
        Verb::Disable { name } => {
            users.set_disabled(name, true)?;
            done(format!("disabled `{name}`"))
        }
        Verb::Enable { name } => {
            users.set_disabled(name, false)?;
            done(format!("enabled `{name}`"))
        }
        Verb::Reset { name, password_only, totp_only, password_stdin } => {
            if !totp_only {
                users.reset_password(name, &ask(*password_stdin)?)?;
            }
            tell(&Untrusted::new(format!("reset `{name}`")).to_string());
            if *password_only { Ok(String::new()) } else { Ok(enrolment(&users.reset_totp(name)?)) }
        }
    }
}

/// The authenticator's URL and the secret in it, for stdout; the QR code goes to a terminal's stderr.
fn enrolment(url: &SecretString) -> String {
    let url = url.expose_secret();
    tell("for the authenticator, shown once: the URL, and the secret to type instead");
    if io::stderr().is_terminal()
        && let Ok(code) = qrcode::QrCode::new(url)
    {
        tell(&code.render::<qrcode::render::unicode::Dense1x2>().quiet_zone(true).build());
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let secret = query.split('&').find_map(|pair| pair.strip_prefix("secret=")).unwrap_or_default();
    format!("{url}\n{secret}\n")
}

fn table(users: &[ListedUser]) -> String {
    let state = |user: &ListedUser| match (user.disabled, user.locked_until_s) {
        (true, _) => "disabled".to_owned(),
        (false, Some(until)) => {
            let until = UNIX_EPOCH + Duration::from_secs(u64::try_from(until).unwrap_or(0));
            format!("locked until {}", humantime::format_rfc3339_seconds(until))
        }
        (false, None) => "active".to_owned(),
    };
    let safe = |text: &str| Untrusted::new(text).to_string();
    let header = ["NAME", "STATE", "GROUPS", "DISPLAY"].map(str::to_owned);
    let rows = users.iter().map(|u| [safe(&u.name), state(u), safe(&u.groups.join(",")), safe(&u.display)]);
    let rows: Vec<[String; 4]> = [header].into_iter().chain(rows).collect();
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let [w0, w1, w2] = [width(0), width(1), width(2)];
    rows.iter()
        .map(|[a, b, c, d]| format!("{a:w0$}  {b:w1$}  {c:w2$}  {d}").trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
