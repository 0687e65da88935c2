//! A real OpenID provider (`tests/idp`) on a port of its own, with the users alice, bob and carol.

use std::fs::File;
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::program::{free_port, until, workspace};
use crate::reaper::{Folder, Reaper};

/// The broker's client id there.
pub const CLIENT_ID: &str = "hoop-broker";
/// The broker's client secret there.
pub const CLIENT_SECRET: &str = "broker-secret-for-tests";

/// A running provider.
#[derive(Debug)]
pub struct Provider {
    dir: Folder,
    port: u16,
    child: Child,
    _reaper: Reaper,
}

impl Provider {
    /// Starts it for a broker whose redirect URI is `redirect`. `users` is its users' file as JSON, or empty for the
    /// three that it knows by itself.
    ///
    /// # Panics
    /// When `./dev setup` has not fetched it, or it does not start.
    #[must_use]
    pub fn start(redirect: &str, users: &str) -> Self {
        let cache = workspace().join(".cache");
        let packages = std::env::var_os("HOOP_IDP").map_or_else(|| cache.join("idp"), PathBuf::from);
        assert!(
            packages.join("node_modules").is_dir(),
            "the OIDC provider is missing; run `./dev setup` first"
        );
        let own = cache.join("node22/node_modules/node/bin/node");
        let node = std::env::var_os("HOOP_NODE")
            .map_or_else(|| if own.is_file() { own } else { PathBuf::from("node") }, PathBuf::from);

        let dir = Folder::new("hoop-op-");
        // Node finds packages beside the program's file, so both are brought together here.
        std::fs::copy(workspace().join("tests/idp/op.mjs"), dir.path().join("op.mjs"))
            .expect("the provider is there");
        std::os::unix::fs::symlink(packages.join("node_modules"), dir.path().join("node_modules"))
            .expect("it is ours");
        let log = File::create(dir.path().join("log")).expect("the folder is ours");
        let port = free_port();
        let mut command = Command::new(node);
        if !users.is_empty() {
            std::fs::write(dir.path().join("users.json"), users).expect("the folder is ours");
            command.env("OP_USERS", dir.path().join("users.json"));
        }
        let mut child = command
            .arg(dir.path().join("op.mjs"))
            .env("OP_PORT", port.to_string())
            .env("OP_REDIRECT", redirect)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle can be cloned"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("node starts");
        let reaper = Reaper::new(r#"kill -9 "$1""#, &[&child.id().to_string()]);
        until("the OIDC provider's port", || {
            if let Some(status) = child.try_wait().expect("our child can be waited for") {
                let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
                panic!("the OIDC provider ended with {status}:\n{log}");
            }
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { dir, port, child, _reaper: reaper }
    }

    /// Its issuer URL.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All that it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
