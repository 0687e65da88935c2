//! Running hoopctl in a home of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A home folder that vanishes at the end.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        // Short, for the sockets in it.
        Self(tempfile::Builder::new().prefix("hc").tempdir_in("/tmp").unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// hoopctl with nothing in its environment but this home; no keyring is reachable from it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoopctl"));
        std::fs::create_dir_all(self.path().join("run")).unwrap();
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path())
            .env("XDG_RUNTIME_DIR", self.path().join("run"))
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Exit code, stdout and stderr as one text, with what differs from run to run replaced.
    pub fn told(&self, output: &Output) -> String {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.replace(self.path().to_str().unwrap(), "HOME").replace('\r', "␍")
        };
        let code = output.status.code().map_or_else(|| format!("{}", output.status), |c| c.to_string());
        format!("exit {code}\n--- stdout\n{}--- stderr\n{}", text(&output.stdout), text(&output.stderr))
    }

    /// Runs and tells.
    pub fn tell(&self, arguments: &[&str]) -> String {
        self.told(&self.run(arguments))
    }
}
