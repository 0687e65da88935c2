//! The command line: what can be asked for, and who does it. A file a noun.

mod audit;
mod break_glass;
mod completions;
mod connect;
mod enrol;
mod exec;
mod findings;
mod login;
mod logout;
mod policy;
mod requests;
mod review;
mod sessions;
mod target;
mod targets;
mod token;
mod version;
mod waiting;
mod whoami;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand};
use hoop_api::finding::BreakGlass;
use hoop_api::routes::{OpenSession, OpenedSession, TargetList};
use hoop_api::{AccessLevel, Code, Untrusted, routes};

use crate::broker::SignedIn;
use crate::error::{Exit, Failure, report};
use crate::profile::{BrokerUrl, Overrides, ProfileName, Settings, StoreKind};
use crate::trust::Fingerprint;

/// How long a person at a terminal waits for an approval.
const WAIT_ON_TERMINAL: Duration = Duration::from_secs(600);

const EXIT_CODES: &str = "\
Exit codes:
  0 ok                    5 approval pending
  1 the target's error    6 rejected
  2 usage                 7 broker or target unreachable
  3 denied by policy      8 limit reached
  4 not signed in, or     124 timeout
    the session ended     130 interrupted
  `connect -- CMD` gives CMD's own, and 125 for a failure of hoopctl.

Examples:
  hoopctl login https://broker.example.com:7443
  hoopctl connect payments-db -- psql
  hoopctl exec payments-db -c 'SELECT count(*) FROM orders' --format json";

/// Sign in, open short-lived sessions on databases, and run statements, each judged and recorded by the broker.
#[derive(Debug, Parser)]
#[command(name = "hoopctl", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// Settings and sign-in to use, one set per broker.
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "HOOPCTL_PROFILE",
        hide_env_values = true,
        default_value = "default"
    )]
    profile: ProfileName,
    /// Broker to use instead of the profile's.
    #[arg(long, global = true, value_name = "URL", env = "HOOPCTL_BROKER", hide_env_values = true)]
    broker: Option<BrokerUrl>,
    /// Where tokens are kept.
    #[arg(long, global = true, value_name = "WHERE", env = "HOOPCTL_TOKEN_STORE", hide_env_values = true)]
    token_store: Option<StoreKind>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign in by a code that is confirmed in a browser, here or on another device.
    Login(login::Login),
    /// End the sign-in at the broker and forget its tokens.
    Logout,
    /// Show who the broker takes you for.
    Whoami(whoami::Whoami),
    /// List the targets that you may see.
    Targets(targets::Targets),
    /// Look at one target.
    Target(target::Target),
    /// List your open sessions, or end one.
    Sessions(sessions::Sessions),
    /// Open a session and a local socket or port for any PostgreSQL client.
    Connect(connect::Connect),
    /// Run statements and print their results.
    Exec(exec::Exec),
    /// List what waits for an approval, yours and what you may decide.
    Requests(requests::Requests),
    /// Ask for a session's approval, without opening it.
    Request(requests::Request),
    /// Read what is held, and let it run.
    Approve(review::Approve),
    /// Say no to what is held.
    Deny(review::Deny),
    /// Open a session in an emergency, without an approval; everybody hears of it.
    BreakGlass(break_glass::BreakGlass),
    /// Prepare for breaking the glass while the identity provider is down.
    Enrol(enrol::Enrol),
    /// List what must be reviewed, and review it.
    Findings(findings::Findings),
    /// Get a password for the broker's native PostgreSQL listener, for tools that cannot run hoopctl.
    Token(token::Token),
    /// Check, test, compare and explain policies.
    Policy(policy::Policy),
    /// Check the broker's ledger, offline.
    Audit(audit::Audit),
    /// Show the version of hoopctl and of its API.
    Version,
    /// Print a completion script.
    Completions(completions::Completions),
}

/// What the flags say about settings; read by each command that needs them.
struct Given {
    name: ProfileName,
    over: Overrides,
}

impl Given {
    fn settings(self) -> Result<Settings, Failure> {
        Settings::load(self.name, self.over)
    }
}

/// Which session to ask for; the same flags wherever one is opened.
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// Target, as `hoopctl targets` lists it.
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Access level: masked, write or reveal.
    #[arg(long, default_value_t = AccessLevel::Masked)]
    pub level: AccessLevel,
    /// Why; recorded, and shown to reviewers.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub reason: String,
    /// How long at most, such as `30m`; the broker has the last word.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub ttl: Option<Duration>,
    /// Database; the target's default if left out.
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// How long to wait for an approval where one is needed, such as `15m`; 10 minutes on a terminal, else not at all.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait_approval: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(d) if d.as_secs() > 0 => Ok(d),
        Ok(_) => Err("expected at least one second".to_owned()),
        Err(e) => Err(format!("expected a duration such as `30m` or `1h 30m`: {e}")),
    }
}

impl Ask {
    fn wish(
        target: &str,
        level: AccessLevel,
        reason: &str,
        ttl: Option<Duration>,
        hold: Duration,
    ) -> OpenSession {
        OpenSession {
            target: target.to_owned(),
            level,
            reason: reason.into(),
            ttl_s: ttl.map(|d| d.as_secs()),
            hold_s: hold.as_secs(),
        }
    }

    /// How long an approval is waited for.
    fn patience(&self) -> Duration {
        self.wait_approval.unwrap_or_else(|| {
            let somebody = std::io::stdin().is_terminal() && crate::output::stderr_is_terminal();
            if somebody { WAIT_ON_TERMINAL } else { Duration::ZERO }
        })
    }

    /// Opens the session; where policy holds it, once it is approved.
    async fn open(&self, settings: &Settings, signed_in: &SignedIn) -> Result<OpenedSession, Failure> {
        let patience = self.patience();
        let ask = Self::wish(&self.target, self.level, &self.reason, self.ttl, patience);
        match signed_in.post(routes::SESSIONS, &ask).await {
            Err(f) if f.code == Some(Code::NotFound) => Err(unknown_target(signed_in, &self.target, f).await),
            Err(f) if f.code == Some(Code::ApprovalPending) && !patience.is_zero() => {
                waiting::for_session(settings, &ask, f, patience).await.and_then(printable)
            }
            Ok(opened) => printable(opened),
            Err(f) => Err(f),
        }
    }

    /// Opens the session in an emergency: nobody approves it, and everybody is told.
    async fn break_glass(&self, signed_in: &SignedIn, ticket: &str) -> Result<OpenedSession, Failure> {
        let ask = BreakGlass {
            target: self.target.clone(),
            level: self.level,
            reason: self.reason.as_str().into(),
            ticket: ticket.into(),
            ttl_s: self.ttl.map(|d| d.as_secs()),
            hold_s: self.patience().as_secs(),
        };
        match signed_in.post::<_, OpenedSession>(routes::BREAK_GLASS, &ask).await {
            Err(f) if f.code == Some(Code::NotFound) => Err(unknown_target(signed_in, &self.target, f).await),
            Ok(opened) => {
                let finding = opened.session.finding.map(|id| id.to_string()).unwrap_or_default();
                eprintln!("the glass is broken and everybody is told; two others review it: {finding}");
                printable(opened)
            }
            Err(f) => Err(f),
        }
    }

    /// The database for clients that name none.
    ///
    /// # Errors
    /// The session does not know the named one.
    fn database(&self, opened: &OpenedSession) -> Result<String, Failure> {
        match (&self.database, opened.databases.first()) {
            (Some(named), _) if opened.databases.contains(named) => Ok(named.clone()),
            (Some(named), _) => {
                let known = opened.databases.join(", ");
                Err(Failure::usage(format!("target `{}` has no database `{named}`", self.target)).hint(
                    nearest(named, opened.databases.iter().map(String::as_str))
                        .map_or_else(|| format!("it has: {known}"), |near| format!("did you mean `{near}`?")),
                ))
            }
            (None, Some(first)) => Ok(first.clone()),
            (None, None) => Err(Failure::unreachable(format!("target `{}` offers no database", self.target))),
        }
    }
}

/// User and databases go into settings that people paste into shells and files.
fn printable(opened: OpenedSession) -> Result<OpenedSession, Failure> {
    let hazardous = |text: &String| text.is_empty() || text.chars().any(Untrusted::is_hazardous);
    if std::iter::once(&opened.user).chain(&opened.databases).any(hazardous) {
        return Err(Failure::unreachable("the broker names a user or a database that cannot be printed"));
    }
    Ok(opened)
}

/// "No such target", with the nearest name that the caller may see.
async fn unknown_target(signed_in: &SignedIn, target: &str, said: Failure) -> Failure {
    let Ok(list) = signed_in.get::<TargetList>(routes::TARGETS).await else { return said };
    let names = list.targets.iter().map(|t| t.name.as_str());
    let hint = match nearest(target, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "list what you may use: `hoopctl targets`".to_owned(),
    };
    Failure::usage(format!("there is no target `{target}`, or none that you may see")).hint(hint)
}

fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Reads the command line, does it, reports; the whole program.
#[must_use]
pub fn run() -> ExitCode {
    // clap prints usage errors itself: stderr and 2, help and version: stdout and 0.
    let cli = Cli::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::usage(format!("cannot start: {e}")))
        .map(|runtime| {
            let done = runtime.block_on(dispatch(cli));
            // A keyring or a terminal that never answers must not hold up the end.
            runtime.shutdown_background();
            done
        });
    let exit = match done {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) | Err(failure) => {
            report(&failure);
            failure.exit
        }
    };
    ExitCode::from(exit.number())
}

async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let Cli { profile: name, broker, token_store, command } = cli;
    let given = |fingerprint: Option<Fingerprint>| Given {
        name,
        over: Overrides { broker, fingerprint, token_store },
    };
    let done = match command {
        Command::Connect(connect) => return connect.run(given(None).settings()?).await,
        Command::BreakGlass(glass) => return glass.run(given(None).settings()?).await,
        Command::Exec(exec) => return exec.run(given(None).settings()?).await,
        Command::Version => return version::run(),
        Command::Completions(completions) => return completions.run(&mut Cli::command()),
        Command::Audit(audit) => return audit.run(),
        Command::Policy(policy) => return policy.run(|| given(None).settings()).await,
        Command::Login(login) => {
            let mut given = given(login.fingerprint);
            given.over.broker = login.broker.clone().or(given.over.broker);
            interruptible(login.run(given.settings()?)).await
        }
        Command::Logout => interruptible(logout::run(given(None).settings()?)).await,
        Command::Whoami(whoami) => interruptible(whoami.run(given(None).settings()?)).await,
        Command::Targets(targets) => interruptible(targets.run(given(None).settings()?)).await,
        Command::Target(target) => interruptible(target.run(given(None).settings()?)).await,
        Command::Sessions(sessions) => interruptible(sessions.run(given(None).settings()?)).await,
        Command::Requests(requests) => interruptible(requests.run(given(None).settings()?)).await,
        Command::Request(request) => interruptible(request.run(given(None).settings()?)).await,
        Command::Approve(approve) => interruptible(approve.run(given(None).settings()?)).await,
        Command::Deny(deny) => interruptible(deny.run(given(None).settings()?)).await,
        Command::Enrol(enrol) => interruptible(enrol.run(given(None).settings()?)).await,
        Command::Findings(findings) => interruptible(findings.run(given(None).settings()?)).await,
        Command::Token(token) => interruptible(token.run(given(None).settings()?)).await,
    };
    done.map(|()| Exit::Ok)
}

async fn interruptible(act: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        done = act => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let names = ["payments-db", "orders-db", "audit"];
        assert_eq!(nearest("paymets-db", names.into_iter()), Some("payments-db"));
        assert_eq!(nearest("zzz", names.into_iter()), None);
    }
}
