//! Cleans up after this process, however it ends.
//!
//! Values in statics are never dropped, and a killed test drops nothing at all. So a small shell waits at the other
//! end of a pipe: when the pipe closes, because the [`Reaper`] was dropped or because this process is gone, it runs
//! its commands.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Commands that run when this value is dropped or this process dies.
#[derive(Debug)]
pub struct Reaper {
    shell: Child,
}

impl Reaper {
    /// Arms `script`, text for `sh`, with `args` as its `$1`, `$2`, ….
    ///
    /// # Panics
    /// When no shell can be started.
    #[must_use]
    pub fn new(script: &str, args: &[&str]) -> Self {
        let shell = Command::new("sh")
            .arg("-c")
            .arg(format!("read -r _; {script}"))
            .arg("reaper")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C in the terminal must stop the tests, not their cleaning up.
            .process_group(0)
            .spawn()
            .expect("`sh` starts");
        Self { shell }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        if let Err(e) = self.shell.wait() {
            eprintln!("cleaning up: {e}");
        }
    }
}

/// A temporary folder that goes when this value is dropped or this process dies.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _reaper: Reaper,
}

impl Folder {
    /// Makes one, closed to others, whose name begins with `prefix`.
    ///
    /// # Panics
    /// When none can be made.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let path = tempfile::Builder::new().prefix(prefix).tempdir().expect("a temporary folder").keep();
        let reaper =
            Reaper::new(r#"rm -rf "$1""#, &[path.to_str().expect("temporary folders have plain names")]);
        Self { path, _reaper: reaper }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
