//! `hoopctl connect`: a session, a local door to it, and either a command that uses it or a countdown.

mod child;
mod countdown;
mod settings;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use self::settings::{Endpoint, Tool};
use super::Ask;
use crate::broker::SignedIn;
use crate::error::{Exit, Failure, report};
use crate::output;
use crate::profile::Settings;
use crate::tunnel::Session;
use crate::tunnel::listener::Listener;
use crate::tunnel::local::{self, Door};

/// Open a session and a local socket or port for any PostgreSQL client.
///
/// The default is a Unix socket that only you reach; `--tcp` opens a port on 127.0.0.1 that asks for a password kept
/// in a file of yours. With CMD, its PG* variables point there, and the session ends with it. Without, settings to
/// paste are printed and the session lasts until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl connect payments-db -- psql
  hoopctl connect payments-db --ttl 30m --reason 'INC-1234' -- pg_dump --schema-only
  hoopctl connect payments-db --for jdbc
  hoopctl connect payments-db --tcp --port 15432")]
pub struct Connect {
    #[command(flatten)]
    ask: Ask,
    #[command(flatten)]
    way: Way,
}

/// Where the local door is, and who uses it.
#[derive(Debug, clap::Args)]
pub struct Way {
    /// Port number: of the TCP port, or in the socket's name.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Listen on 127.0.0.1 instead of a Unix socket.
    #[arg(long)]
    tcp: bool,
    /// Print the settings of this tool; by TCP where it cannot use a socket.
    #[arg(long = "for", value_enum, value_name = "TOOL", conflicts_with = "cmd")]
    tool: Option<Tool>,
    /// Command to run with PGHOST, PGPORT, PGUSER, PGDATABASE and PGPASSFILE set; its exit code is ours.
    #[arg(last = true, value_name = "CMD")]
    cmd: Vec<OsString>,
}

impl Connect {
    /// Connects, and stays until the command or the user ends it.
    ///
    /// # Errors
    /// As the exit codes say; with CMD every failure of ours is 125.
    pub async fn run(self, settings: Settings) -> Result<Exit, Failure> {
        self.way.run(&settings, &self.ask, None).await
    }
}

impl Way {
    /// Opens the session that `ask` says, by breaking the glass where there is a `ticket`, and stays.
    ///
    /// # Errors
    /// As [`Connect::run`].
    pub(super) async fn run(
        &self,
        settings: &Settings,
        ask: &Ask,
        ticket: Option<&str>,
    ) -> Result<Exit, Failure> {
        let own = if self.cmd.is_empty() { None } else { Some(Exit::OwnFailure) };
        self.stay(settings, ask, ticket).await.map_err(|mut failure| {
            failure.exit = own.unwrap_or(failure.exit);
            failure
        })
    }

    async fn stay(&self, settings: &Settings, ask: &Ask, ticket: Option<&str>) -> Result<Exit, Failure> {
        let signed_in = Arc::new(SignedIn::open(settings).await?);
        // The door first: a port that is taken must not leave a session behind in the ledger.
        let target = &ask.target;
        let listener = if self.tcp || self.tool.is_some_and(Tool::needs_tcp) {
            Listener::tcp(settings, target, self.port).await?
        } else {
            Listener::unix(settings, target, self.port)?
        };
        let opened = match ticket {
            None => ask.open(settings, &signed_in).await?,
            Some(ticket) => ask.break_glass(&signed_in, ticket).await?,
        };
        let session = Session::new(signed_in, opened);
        let database = match ask.database(&session.opened) {
            Ok(database) => database,
            Err(failure) => return Err(ended(&session, settings, failure).await),
        };
        let endpoint = Endpoint::new(&listener, target, &session.opened.user, &database);
        let door = Arc::new(Door { session, database, open: AtomicU32::new(0) });
        let done = tokio::select! {
            failure = local::serve(Arc::clone(&door), &listener) => Err(failure),
            done = self.meanwhile(&door, &endpoint) => done,
        };
        // The local side goes first, so that nobody finds a socket without a session behind it.
        drop(listener);
        match done {
            Ok(exit) => {
                if let Err(failure) = door.session.end(settings).await {
                    report(&failure.hint("the session ends by itself at its end time"));
                }
                Ok(exit)
            }
            Err(failure) => Err(ended(&door.session, settings, failure).await),
        }
    }

    async fn meanwhile(&self, door: &Door, endpoint: &Endpoint) -> Result<Exit, Failure> {
        if let Some((program, arguments)) = self.cmd.split_first() {
            return child::run(program, arguments, endpoint).await;
        }
        output::line(&endpoint.settings_for(self.tool.unwrap_or(Tool::Psql)))?;
        if let Some(passfile) = endpoint.passfile() {
            eprintln!("the password of this port is the last field of `{}`", passfile.display());
        }
        countdown::run(door).await?;
        Ok(Exit::Interrupted)
    }
}

/// Ends the session after a failure, which stays the one that is told.
async fn ended(session: &Session, settings: &Settings, failure: Failure) -> Failure {
    match session.end(settings).await {
        Ok(()) => failure,
        Err(e) => failure.note("also", format!("the session could not be ended: {e}")),
    }
}
