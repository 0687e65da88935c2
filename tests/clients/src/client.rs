//! The clients: which script shows what each can do, and what it needs to run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hoop_harness::program::{self, Done, PATIENCE, ours, workspace};

use crate::way::{Transport, Way, Ways};

/// How long a script may take. They take seconds, where nobody else uses the machine.
const LIMIT: Duration = PATIENCE.saturating_mul(5);

/// A client with its script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// psql.
    Psql,
    /// pgbench.
    Pgbench,
    /// pg_dump and pg_restore.
    PgDump,
    /// tokio-postgres, Rust.
    TokioPostgres,
    /// psycopg 3, Python on libpq.
    Psycopg,
    /// asyncpg, Python with a protocol of its own.
    Asyncpg,
    /// pg, JavaScript.
    Node,
    /// PostgreSQL's JDBC driver, Java.
    Jdbc,
}

/// All of them, in the order in which they run.
pub const ALL: [Client; 8] = [
    Client::Psql,
    Client::Pgbench,
    Client::PgDump,
    Client::TokioPostgres,
    Client::Psycopg,
    Client::Asyncpg,
    Client::Node,
    Client::Jdbc,
];

impl Client {
    /// Its name on the command line and in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Psql => "psql",
            Self::Pgbench => "pgbench",
            Self::PgDump => "pg_dump",
            Self::TokioPostgres => "tokio-postgres",
            Self::Psycopg => "psycopg",
            Self::Asyncpg => "asyncpg",
            Self::Node => "node-pg",
            Self::Jdbc => "jdbc",
        }
    }

    const fn transport(self) -> Transport {
        match self {
            Self::Psql | Self::Pgbench | Self::PgDump | Self::Psycopg | Self::Asyncpg => Transport::Libpq,
            Self::TokioPostgres => Transport::Plain,
            Self::Node => Transport::Node,
            Self::Jdbc => Transport::TcpOnly,
        }
    }

    /// The command line that runs its script; programs made for that go to `folder`.
    ///
    /// # Errors
    /// What is missing on this machine. `tests/clients/runtimes.sh` looks for it and sets the variables.
    ///
    /// # Panics
    /// When what is there does not compile the script.
    pub fn prepare(self, folder: &Path) -> Result<Vec<String>, String> {
        let shell = |name: &str| Ok(vec!["sh".to_owned(), script(name)]);
        match self {
            Self::Psql => shell("psql.sh"),
            Self::Pgbench => shell("pgbench.sh"),
            Self::PgDump => shell("pg_dump.sh"),
            Self::TokioPostgres => Ok(vec![text(&ours("hoop-client-tokio"))]),
            Self::Psycopg => Ok(vec![found("HOOP_PYTHON_PSYCOPG")?, script("use_psycopg.py")]),
            Self::Asyncpg => Ok(vec![found("HOOP_PYTHON_ASYNCPG")?, script("use_asyncpg.py")]),
            Self::Node => {
                let env = format!("HOOP_PG={}", found("HOOP_PG")?);
                let node = found("HOOP_NODE")?;
                Ok(vec!["env".to_owned(), env, node, "--no-deprecation".to_owned(), script("use_pg.mjs")])
            }
            Self::Jdbc => {
                compiled(&["Asking", "Moving", "Transcript", "UseJdbc"], &found("HOOP_JDBC")?, folder)
            }
        }
    }

    /// Runs its script along `way`, on fresh databases and in a folder of its own.
    ///
    /// # Panics
    /// When it does not end within [`LIMIT`].
    #[must_use]
    pub fn run(self, words: &[String], ways: &Ways, way: Way) -> Done {
        ways.fresh();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (first, rest) = words.split_first().expect("a command line has a program");
        let mut command = ways.command(first, way, self.transport());
        program::run_within(LIMIT, command.args(rest).current_dir(folder.path()), b"")
    }
}

/// The value of a variable that `tests/clients/runtimes.sh` sets where it finds what a client needs.
///
/// # Errors
/// When it is not set.
pub fn found(variable: &str) -> Result<String, String> {
    std::env::var(variable).ok().filter(|v| !v.is_empty()).ok_or_else(|| format!("{variable} is not set"))
}

/// The path of a script.
#[must_use]
pub fn script(name: &str) -> String {
    text(&workspace().join("tests/clients/scripts").join(name))
}

/// Compiles Java classes with `path` before them into `folder`: the command line that runs the last one.
///
/// # Errors
/// When no Java is there.
///
/// # Panics
/// When they do not compile.
pub fn compiled(classes: &[&str], path: &str, folder: &Path) -> Result<Vec<String>, String> {
    let java = PathBuf::from(found("HOOP_JAVA")?);
    let mut compile = std::process::Command::new(java.with_file_name("javac"));
    compile.args(["-encoding", "UTF-8", "-cp", path, "-d"]).arg(folder);
    compile.args(classes.iter().map(|name| script(&format!("jdbc/{name}.java"))));
    program::run(&mut compile, b"").expect(0);
    let path = format!("{path}:{}", folder.display());
    // The serial collector and the first compiler only: a short script starts faster so.
    let quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"];
    let main = classes.last().map(|name| (*name).to_owned());
    let words = quick.map(str::to_owned).into_iter();
    Ok(std::iter::once(text(&java)).chain(words).chain(["-cp".to_owned(), path]).chain(main).collect())
}

fn text(path: &Path) -> String {
    path.to_str().expect("our own tree has plain names").to_owned()
}
