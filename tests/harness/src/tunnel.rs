//! An open `hoopctl connect`, with the settings that it gives to the program that it runs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::broker::TARGET;
use crate::person::Person;
use crate::program::{self, Done};

/// A session that stays open until this value is dropped.
#[derive(Debug)]
pub struct Tunnel {
    child: Child,
    settings: BTreeMap<String, String>,
}

impl Tunnel {
    /// Opens it: runs a shell through `connect` which tells its `PG…` variables and then waits for our end.
    ///
    /// # Panics
    /// When `connect` ends instead; the message has what it said.
    #[must_use]
    pub fn open(person: &Person, options: &[&str]) -> Self {
        Self::try_open(person, options).expect("`hoopctl connect` runs its command")
    }

    /// The same to another target than [`TARGET`].
    ///
    /// # Panics
    /// When `connect` ends instead; the message has what it said.
    #[must_use]
    pub fn to(person: &Person, target: &str, options: &[&str]) -> Self {
        Self::try_to(person, target, options).expect("`hoopctl connect` runs its command")
    }

    /// The same where the broker may be gone: `None` when `connect` ends before its command runs.
    ///
    /// # Panics
    /// When hoopctl cannot be started.
    #[must_use]
    pub fn try_open(person: &Person, options: &[&str]) -> Option<Self> {
        Self::try_to(person, TARGET, options)
    }

    fn try_to(person: &Person, target: &str, options: &[&str]) -> Option<Self> {
        const SHELL: &str = "env | grep ^PG; echo READY; exec cat >/dev/null";
        let mut command = person.hoopctl(&["connect", target]);
        command.args(options).args(["--", "sh", "-c", SHELL]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut tunnel = Self { child: child.expect("hoopctl starts"), settings: BTreeMap::new() };
        let stdout = tunnel.child.stdout.take().expect("stdout is piped");
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("variables are UTF-8");
            if line == "READY" {
                return Some(tunnel);
            }
            if let Some((key, value)) = line.split_once('=') {
                tunnel.settings.insert(key.to_owned(), value.to_owned());
            }
        }
        None
    }

    /// Kills hoopctl as `kill -9` would: nothing is closed in order.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("our child can be killed");
        self.child.wait().expect("our child can be waited for");
    }

    /// The variables that `connect` set, `PGHOST` and so on.
    #[must_use]
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// A client program that connects through this tunnel.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(&self.settings).env("LANG", "C.UTF-8");
        command
    }

    /// `psql` through this tunnel, unaligned, reading `sql` from its input and going on after errors.
    pub fn psql(&self, sql: &str) -> Done {
        program::run(self.command("psql").args(["-X", "-q", "-A", "-t", "-f", "-"]), sql.as_bytes())
    }

    /// Runs any client program through this tunnel.
    pub fn run(&self, program: &str, args: &[&str]) -> Done {
        program::run(self.command(program).args(args), b"")
    }

    /// The settings for tokio-postgres.
    ///
    /// # Panics
    /// When `connect` gave none of host and port.
    #[must_use]
    pub fn config(&self) -> tokio_postgres::Config {
        let setting = |key: &str| self.settings.get(key).unwrap_or_else(|| panic!("`connect` sets {key}"));
        let mut config = tokio_postgres::Config::new();
        config.host(setting("PGHOST")).port(setting("PGPORT").parse().expect("a port is a number"));
        config.user(setting("PGUSER")).dbname(setting("PGDATABASE")).connect_timeout(program::PATIENCE);
        config
    }

    /// A connection by tokio-postgres. Its driver runs until the connection closes.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn client(&self) -> tokio_postgres::Client {
        connect(&self.config()).await.expect("a connection through the tunnel")
    }
}

/// Connects by tokio-postgres without TLS (all is loopback or a local socket) and drives the connection.
///
/// # Errors
/// The server's refusal.
pub async fn connect(
    config: &tokio_postgres::Config,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, driver) = config.connect(tokio_postgres::NoTls).await?;
    tokio::spawn(driver);
    Ok(client)
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // The end of its input ends the shell, its end ends `connect`, which closes the session in order.
        drop(self.child.stdin.take());
        if program::wait(&mut self.child, Duration::from_secs(10)).is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
