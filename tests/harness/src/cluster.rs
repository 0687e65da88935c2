//! One PostgreSQL cluster for all tests of a process, and a database of its own for each test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::program::{self, free_port, workspace};
use crate::reaper::Reaper;

/// The role that brokers log in with: owns the tables, is no superuser.
pub const GATEWAY_ROLE: &str = "hoop_gateway";
/// Its password. A canary too: no client, log or file of the broker may ever show it, but for the file it is in.
pub const GATEWAY_PASSWORD: &str = "gateway-canary-5eb1";

/// A running cluster, made and stopped by `cluster.sh`.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    port: u16,
    databases: AtomicU32,
    _reaper: Reaper,
}

impl Cluster {
    /// The cluster of this process, started by the first caller, with the demo's schema in its template.
    ///
    /// # Panics
    /// When PostgreSQL does not start.
    pub fn shared() -> &'static Self {
        Self::shared_with("", "")
    }

    /// [`Cluster::shared`] with lines of the caller's own for `postgresql.conf` and `pg_hba.conf`, when it is the first
    /// to ask.
    ///
    /// # Panics
    /// When PostgreSQL does not start.
    pub fn shared_with(conf: &str, hba: &str) -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_with(conf, hba))
    }

    /// A cluster of its caller's own, for tests that harm it.
    ///
    /// # Panics
    /// When PostgreSQL does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("", "")
    }

    fn start_with(conf: &str, hba: &str) -> Self {
        let parent =
            tempfile::Builder::new().prefix("hoop-pg-").tempdir().expect("a temporary folder").keep();
        // The user `postgres` must be able to walk through it.
        program::run(Command::new("chmod").arg("711").arg(&parent), b"").expect(0);
        let dir = parent.join("c");
        let port = free_port();
        let script = workspace().join("tests/harness/cluster.sh");
        let reaper =
            Reaper::new(r#"sh "$1" stop "$2"; rm -rf "$3""#, &[&text(&script), &text(&dir), &text(&parent)]);
        let mut start = Command::new("sh");
        start.arg(&script).arg("start").arg(&dir).arg(port.to_string());
        program::run(start.env("CLUSTER_CONF", conf).env("CLUSTER_HBA", hba), b"").expect(0);
        let cluster = Self { dir, port, databases: AtomicU32::new(0), _reaper: reaper };
        cluster.superuser(
            "postgres",
            &format!(
                "CREATE ROLE {GATEWAY_ROLE} LOGIN NOSUPERUSER PASSWORD '{GATEWAY_PASSWORD}';\n\
                 CREATE DATABASE payments_template OWNER {GATEWAY_ROLE};"
            ),
        );
        let schema = std::fs::read(workspace().join("tests/demo/schema.sql")).expect("the demo has a schema");
        program::run(cluster.psql(GATEWAY_ROLE, "payments_template").arg("-f").arg("-"), &schema).expect(0);
        cluster
    }

    /// TCP port on 127.0.0.1, TLS only.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder: certificates, log, and the Unix socket. It belongs to the server's user.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// The authority that signed the server's certificate, PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A fresh copy of the demo's database; its name.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("payments_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.superuser(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE payments_template OWNER {GATEWAY_ROLE}"),
        );
        name
    }

    /// Kills the backends that serve `database`, as if they had crashed. The postmaster then ends all others and starts
    /// anew: only for a cluster of one's own.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill_backends(&self, database: &str) {
        let sql = format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND usename = '{GATEWAY_ROLE}'"
        );
        let pids = self.superuser("postgres", &sql);
        // `kill` is a program too: this workspace forbids the unsafe call.
        program::run(Command::new("kill").arg("-9").args(pids.lines()), b"").expect(0);
    }

    /// Runs SQL as the superuser, around the gateway; answers unaligned rows.
    ///
    /// # Panics
    /// When a statement fails.
    pub fn superuser(&self, database: &str, sql: &str) -> String {
        program::run(self.psql("postgres", database).arg("-f").arg("-"), sql.as_bytes()).ok()
    }

    /// `psql` straight to the server, around the gateway, stopping at the first error.
    #[must_use]
    pub fn psql(&self, role: &str, database: &str) -> Command {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        psql.arg("-h").arg(&self.dir).args(["-p", &self.port.to_string(), "-U", role, "-d", database]);
        psql
    }

    /// A PostgreSQL client program with the environment that takes it straight to `database` as the gateway's role.
    #[must_use]
    pub fn direct(&self, program: &str, database: &str) -> Command {
        let mut command = Command::new(program);
        command.env("PGHOST", &self.dir).env("PGPORT", self.port.to_string());
        command.env("PGUSER", GATEWAY_ROLE).env("PGDATABASE", database);
        command
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("temporary folders have plain names").to_owned()
}
