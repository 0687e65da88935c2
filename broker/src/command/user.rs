//! `hoop-broker user`: local users. Passwords come from a terminal without echo or from stdin, never from the command
//! line, which every user of the machine can read.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use clap::{Args, Subcommand};
use hoop_api::Untrusted;
use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigArg, USAGE, failure, failure_with_hint, faults, password, print, tell};
use crate::config::{self, IdentityProvider};

/// `hoop-broker user`
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Add a user; prints the one-time-code secret once
    Add(AddArgs),
    /// List users
    List(ConfigArg),
    /// Remove a user and end its sessions
    Remove(Named),
    /// Replace a user's groups
    Groups(GroupsArgs),
    /// Forget failed sign-ins and a lock-out
    Unlock(Named),
    /// Bar a user from signing in and end its sessions
    Disable(Named),
    /// Let a disabled user sign in again
    Enable(Named),
    /// Replace password and one-time-code secret, and end the user's tokens
    Reset(ResetArgs),
}

/// Which user.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// Account name
    name: String,
    #[command(flatten)]
    config: ConfigArg,
}

/// `hoop-broker user add`
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    user: Named,
    /// Groups, which the policy knows
    #[arg(long, value_delimiter = ',', value_name = "GROUP,…")]
    groups: Vec<String>,
    /// Name as shown to others; the account name when left out
    #[arg(long, value_name = "NAME")]
    display: Option<String>,
    /// Read the password from stdin instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

/// `hoop-broker user groups`
#[derive(Debug, Args)]
pub(super) struct GroupsArgs {
    #[command(flatten)]
    user: Named,
    /// The groups from now on; none when left out
    #[arg(value_delimiter = ',', value_name = "GROUP,…")]
    groups: Vec<String>,
}

/// `hoop-broker user reset`
#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    user: Named,
    /// Keep the one-time-code secret
    #[arg(long, conflicts_with = "totp_only")]
    password_only: bool,
    /// Keep the password
    #[arg(long, conflicts_with = "password_stdin")]
    totp_only: bool,
    /// Read the password from stdin instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

impl Verb {
    fn config(&self) -> &ConfigArg {
        match self {
            Self::List(config) => config,
            Self::Add(args) => &args.user.config,
            Self::Groups(args) => &args.user.config,
            Self::Reset(args) => &args.user.config,
            Self::Remove(named) | Self::Unlock(named) | Self::Disable(named) | Self::Enable(named) => {
                &named.config
            }
        }
    }
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
    /// Cannot sign in before others have approved what was changed.
    pub held: bool,
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

pub(super) fn run(verb: &Verb) -> ExitCode {
    let config = match config::read(&verb.config().config) {
        Ok(config) => config,
        Err(found) => return faults(&found),
    };
    // Where a provider keeps the users, those who enrolled for break-glass are ours to see and to stop.
    let stops = matches!(
        verb,
        Verb::List(_) | Verb::Remove(_) | Verb::Unlock(_) | Verb::Disable(_) | Verb::Enable(_)
    );
    if let IdentityProvider::Oidc(oidc) = &config.identity
        && !(stops && config.break_glass.is_some())
    {
        let hint = "change them there, or set `provider = \"local\"` under [identity]";
        return failure_with_hint(&format!("users are kept by `{}`", oidc.issuer), hint, USAGE);
    }
    let done =
        super::local_admin::open(&config).and_then(|users| change(users.as_ref(), verb, password::ask));
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
    match verb {
        Verb::Add(AddArgs { user: Named { name, .. }, groups, display, password_stdin }) => {
            let password = ask(*password_stdin)?;
            let display = display.as_deref().unwrap_or(name);
            let url = users.add(&NewUser { name, password: &password, groups, display })?;
            done(format!("added `{name}`"));
            Ok(enrolment(&url))
        }
        Verb::List(_) => users.list().map(|users| table(&users)),
        Verb::Remove(Named { name, .. }) => {
            users.remove(name)?;
            Ok(done(format!("removed `{name}`")))
        }
        Verb::Groups(GroupsArgs { user: Named { name, .. }, groups }) => {
            users.set_groups(name, groups)?;
            Ok(done(format!("`{name}` is now in: {}", groups.join(", "))))
        }
        Verb::Unlock(Named { name, .. }) => {
            users.unlock(name)?;
            Ok(done(format!("unlocked `{name}`")))
        }
        Verb::Disable(Named { name, .. }) => {
            users.set_disabled(name, true)?;
            Ok(done(format!("disabled `{name}`")))
        }
        Verb::Enable(Named { name, .. }) => {
            users.set_disabled(name, false)?;
            Ok(done(format!("enabled `{name}`")))
        }
        Verb::Reset(ResetArgs { user: Named { name, .. }, password_only, totp_only, password_stdin }) => {
            if !totp_only {
                users.reset_password(name, &ask(*password_stdin)?)?;
                done(format!("replaced the password of `{name}`"));
            }
            if *password_only { Ok(String::new()) } else { Ok(enrolment(&users.reset_totp(name)?)) }
        }
    }
}

/// Tells the person what was done; there is nothing for stdout.
fn done(what: String) -> String {
    tell(&Untrusted::new(what).to_string());
    String::new()
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
        (false, None) if user.held => "held until others approve".to_owned(),
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
