//! `hoopctl exec`

use std::io::{IsTerminal as _, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hoop_api::ApprovalId;

use super::{Ask, duration, waiting};
use crate::broker::SignedIn;
use crate::error::{Exit, Failure, plain};
use crate::output::{Format, Rows};
use crate::profile::Settings;
use crate::sql::{Cancel, Client, Ended, first_words, statements};
use crate::tunnel::{Session, Tunnel, local};

/// The longest script that is read, bytes.
const SCRIPT_MAX: u64 = 256 << 20;

/// Run statements and print their results.
///
/// Results go to stdout, notices and command tags to stderr. `-c` sends its text as one message, and so as one
/// transaction; a file or stdin runs statement by statement and stops at the first error. With `-c`, stdin is the
/// data of `COPY … FROM STDIN`. With `--request` a file is one change set.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl exec payments-db -c 'SELECT * FROM orders LIMIT 3'
  hoopctl exec payments-db -c 'SELECT * FROM orders WHERE id = $1' --param 42 --format json
  hoopctl exec payments-db -f report.sql --format csv > report.csv
  echo 'SELECT 1' | hoopctl exec payments-db
  hoopctl exec payments-db -f migration.sql --request --reason INC-42

A parameter is visible to other users of this machine in the list of processes; card numbers belong in a file.")]
pub struct Exec {
    #[command(flatten)]
    ask: Ask,
    /// The statement.
    #[arg(short = 'c', long = "command", value_name = "SQL", conflicts_with = "file")]
    command: Option<String>,
    /// A file of statements; `-` is stdin.
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Value of the next parameter, $1 first; bound, never pasted into the text.
    #[arg(long = "param", value_name = "VALUE", allow_hyphen_values = true)]
    parameters: Vec<String>,
    /// The file is one change set: judged whole before any of it runs, held for one approval, and run in one
    /// transaction. Held, it exits with 5; run the same command again once it is approved.
    #[arg(long, requires = "file", conflicts_with = "parameters")]
    request: bool,
    /// The approval that the statement was given; nothing is run when it cannot be used.
    #[arg(long, value_name = "ID")]
    approval: Option<ApprovalId>,
    /// How to print results.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Give up after so long, such as `30s`: the running statement is cancelled.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

/// What is to be run.
enum Script {
    /// As one message.
    Whole(String),
    /// Statement by statement.
    Steps(String),
}

impl Exec {
    /// Opens a session, runs, ends the session.
    ///
    /// # Errors
    /// As the exit codes say.
    pub async fn run(self, settings: Settings) -> Result<Exit, Failure> {
        let script = self.script()?;
        let signed_in = Arc::new(SignedIn::open(&settings).await?);
        if let Some(id) = self.approval {
            waiting::usable(&signed_in, id).await?;
        }
        let opened = self.ask.open(&settings, &signed_in).await?;
        let session = Session::new(signed_in, opened);
        let done = self.within(&session, &script).await;
        let ended = session.end(&settings).await;
        done?;
        ended.map(|()| Exit::Ok)
    }

    fn script(&self) -> Result<Script, Failure> {
        let script = match (&self.command, &self.file) {
            (Some(text), _) => Script::Whole(text.clone()),
            (None, Some(path)) if path.as_os_str() != "-" => {
                let file = std::fs::File::open(path).map_err(|e| Failure::file("read", path, &e))?;
                Script::Steps(text_of(file)?)
            }
            (None, Some(_)) => Script::Steps(text_of(std::io::stdin().lock())?),
            (None, None) if std::io::stdin().is_terminal() => {
                return Err(Failure::usage("there is nothing to run")
                    .hint("give `-c SQL`, `-f FILE`, or statements on stdin"));
            }
            (None, None) => Script::Steps(text_of(std::io::stdin().lock())?),
        };
        let script = match script {
            Script::Steps(text) if self.request => Script::Whole(one_transaction(text)?),
            script => script,
        };
        match &script {
            Script::Whole(text) | Script::Steps(text) if statements(text).is_empty() => {
                Err(Failure::usage("there is nothing to run: no statement is given"))
            }
            Script::Steps(text) if !self.parameters.is_empty() && statements(text).len() > 1 => {
                Err(Failure::usage("`--param` goes with one statement, and there are several"))
            }
            Script::Whole(_) | Script::Steps(_) => Ok(script),
        }
    }

    /// Runs within the time limit, and until somebody interrupts. Both cancel what runs at the target.
    async fn within(&self, session: &Session, script: &Script) -> Result<(), Failure> {
        let database = self.ask.database(&session.opened)?;
        let parameters = [
            ("user", session.opened.user.as_str()),
            ("database", database.as_str()),
            ("application_name", "hoopctl"),
            ("client_encoding", "UTF8"),
        ];
        let limit = async {
            match self.timeout {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(limit);
        let started = async {
            let tunnel = session.tunnel().await?;
            Client::start(tunnel, &parameters).await.map_err(failure)
        };
        let mut client = tokio::select! {
            started = started => started?,
            () = &mut limit => return Err(self.too_slow()),
            _ = tokio::signal::ctrl_c() => return Err(Failure::interrupted()),
        };
        let cancel = client.cancel();
        let stopped = tokio::select! {
            done = self.all(&mut client, script) => {
                client.finish().await;
                return done;
            }
            () = &mut limit => self.too_slow(),
            _ = tokio::signal::ctrl_c() => Failure::interrupted(),
        };
        send_cancel(session, cancel).await;
        Err(stopped)
    }

    fn too_slow(&self) -> Failure {
        let limit = self.timeout.map_or(0, |d| d.as_secs());
        Failure::new(Exit::Timeout, format!("not done within {}", crate::output::span(limit)))
            .hint("whether the statement took effect is in the broker's ledger")
    }

    async fn all(&self, client: &mut Client<Tunnel>, script: &Script) -> Result<(), Failure> {
        let mut out = Rows::new(self.format, std::io::BufWriter::new(std::io::stdout()));
        let done = match script {
            Script::Whole(text) | Script::Steps(text) if !self.parameters.is_empty() => {
                client.extended(text, &self.parameters, &mut out).await
            }
            Script::Whole(text) => {
                let mut stdin = std::io::stdin();
                let input: Option<&mut (dyn Read + Send)> =
                    if stdin.is_terminal() { None } else { Some(&mut stdin) };
                client.simple(text, input, &mut out).await
            }
            Script::Steps(text) => {
                let mut done = Ok(());
                for statement in statements(text) {
                    done = client.simple(statement, None, &mut out).await;
                    if done.is_err() {
                        break;
                    }
                }
                done
            }
        };
        // What came before an error is told too.
        out.flush()?;
        done.map_err(failure)
    }
}

async fn send_cancel(session: &Session, cancel: Option<Cancel>) {
    if let Some(packet) = cancel
        && let Ok(tunnel) = session.tunnel().await
    {
        local::cancel(tunnel, &packet).await;
    }
}

fn failure(ended: Ended) -> Failure {
    match ended {
        Ended::Fault(fault) => fault.into_failure(),
        Ended::Lost(failure) => failure,
    }
}

/// A change set: what would end its transaction half way is refused.
fn one_transaction(text: String) -> Result<String, Failure> {
    let end = |statement: &str| {
        let words = first_words(statement);
        let first = words.first()?.clone();
        let ends = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"];
        let prepares = first == "PREPARE" && words.get(1).is_some_and(|w| w == "TRANSACTION");
        (prepares || ends.contains(&&*first)).then_some(first)
    };
    match statements(&text).into_iter().find_map(end) {
        None => Ok(text),
        Some(word) => {
            Err(Failure::usage(format!("a change set is one transaction, and this one has {word} in it"))
                .hint("take BEGIN, COMMIT and the like out of the file, or run it without `--request`"))
        }
    }
}

fn text_of(source: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    let len = source.take(SCRIPT_MAX + 1).read_to_string(&mut text);
    match len {
        Ok(len) if len as u64 > SCRIPT_MAX => Err(Failure::usage("the script is longer than 256 MiB")),
        Ok(_) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::InvalidData => {
            Err(Failure::usage("the script is not UTF-8"))
        }
        Err(e) => Err(Failure::usage(format!("the script cannot be read: {}", plain(&e)))),
    }
}
