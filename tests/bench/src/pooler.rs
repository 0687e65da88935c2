//! pgbouncer as it is commonly run before one database: session mode, TCP, no TLS to the server.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use hoop_harness::Cluster;
use hoop_harness::cluster::GATEWAY_ROLE;
use hoop_harness::program::{self, free_port, until};
use hoop_harness::reaper::{Folder, Reaper};

use crate::database;
use crate::wire::Endpoint;

/// A running pgbouncer.
#[derive(Debug)]
pub struct Pooler {
    child: Child,
    port: u16,
    _reaper: Reaper,
    _folder: Folder,
}

impl Pooler {
    /// Starts it before `cluster`, for at most `connections`.
    ///
    /// # Panics
    /// When it does not come up; the message has its log.
    #[must_use]
    pub fn start(cluster: &Cluster, connections: usize) -> Self {
        let folder = Folder::new("hoop-bouncer-");
        let port = free_port();
        let path = |name: &str| folder.path().join(name);
        // The cluster's own certificate: it names 127.0.0.1, and what is measured is the cost of TLS.
        for file in ["server.crt", "server.key"] {
            fs::copy(cluster.folder().join(file), path(file)).expect("the cluster has a certificate");
        }
        fs::write(path("ini"), settings(cluster, &folder, port, connections)).expect("the folder is ours");
        let log = path("log");
        fs::write(&log, "").expect("the folder is ours");
        let mut command = Command::new(program());
        command.arg("-q").arg(path("ini")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = unprivileged() {
            for entry in ["", "ini", "log", "server.crt", "server.key"] {
                chown(path(entry), Some(user), Some(group)).expect("root may");
            }
            command.uid(user).gid(group);
        }
        let mut child = command.process_group(0).spawn().expect("pgbouncer starts");
        let reaper = Reaper::new(r#"kill -9 "$1""#, &[&child.id().to_string()]);
        until("pgbouncer's port", || {
            if let Some(status) = child.try_wait().expect("our child can be waited for") {
                panic!("pgbouncer ended with {status}:\n{}", fs::read_to_string(&log).unwrap_or_default());
            }
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { child, port, _reaper: reaper, _folder: folder }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where clients connect.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            port: self.port,
            user: GATEWAY_ROLE.into(),
            database: database::NAME.into(),
            password: String::new(),
        }
    }

    /// What it says of itself.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn version() -> String {
        let said = program::run(Command::new(program()).arg("--version"), b"").ok();
        said.lines().next().unwrap_or_default().to_ascii_lowercase()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// Debian keeps it off the PATH of ordinary users.
fn program() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/pgbouncer");
    if debian.is_file() { debian } else { "pgbouncer".into() }
}

fn settings(cluster: &Cluster, folder: &Folder, port: u16, connections: usize) -> String {
    let folder = folder.path().display();
    format!(
        "[databases]\n\
         {name} = host=127.0.0.1 port={server} dbname={name} user={GATEWAY_ROLE}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = session\n\
         max_client_conn = {connections}\n\
         default_pool_size = {connections}\n\
         server_tls_sslmode = disable\n\
         client_tls_sslmode = allow\n\
         client_tls_cert_file = {folder}/server.crt\n\
         client_tls_key_file = {folder}/server.key\n\
         ignore_startup_parameters = extra_float_digits\n\
         log_connections = 0\n\
         log_disconnections = 0\n\
         logfile = {folder}/log\n",
        name = database::NAME,
        server = cluster.port(),
    )
}

// pgbouncer refuses to run as root; `postgres` is there wherever the cluster can run.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |args: &[&str]| -> u32 {
        program::run(Command::new("id").args(args), b"").ok().parse().expect("`id` prints a number")
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}
