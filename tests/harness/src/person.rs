//! A person with an empty HOME, a terminal that runs `hoopctl`, and a browser.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::broker::{Broker, TARGET};
use crate::browser::{self, Page, Typed};
use crate::login::Login;
use crate::program::{self, Done, PATIENCE, ours};
use crate::reaper::Folder;
use crate::tunnel::Tunnel;

/// One person; several may share a broker.
#[derive(Debug)]
pub struct Person {
    home: Folder,
    url: String,
    fingerprint: String,
    /// How this person signs in.
    pub login: Login,
}

/// What `hoopctl login --device` shows on the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The address to open.
    pub url: String,
    /// The code to compare or to type.
    pub user_code: String,
}

impl Person {
    /// A person who has an account, and has never signed in.
    ///
    /// # Panics
    /// When no HOME can be made.
    #[must_use]
    pub fn new(broker: &Broker, login: Login) -> Self {
        let home = Folder::new("hoop-me-");
        let run = home.path().join("run");
        std::fs::create_dir(&run).expect("the folder is ours");
        std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .expect("it is ours");
        Self { home, url: broker.url(), fingerprint: broker.fingerprint(), login }
    }

    /// The person's HOME.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `program` in this person's environment and in no other.
    #[must_use]
    pub fn command(&self, program: impl Into<PathBuf>) -> Command {
        let mut command = Command::new(program.into());
        command.env_clear().current_dir(self.home.path()).env("HOME", self.home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("XDG_RUNTIME_DIR", self.home.path().join("run"));
        command.envs([("LANG", "C.UTF-8"), ("TERM", "dumb"), ("HOOPCTL_TOKEN_STORE", "file")]);
        command
    }

    /// `hoopctl ARGS`, not started yet.
    #[must_use]
    pub fn hoopctl(&self, args: &[&str]) -> Command {
        let mut command = self.command(ours("hoopctl"));
        command.args(args);
        command
    }

    /// Runs `hoopctl ARGS` to its end.
    pub fn run(&self, args: &[&str]) -> Done {
        program::run(&mut self.hoopctl(args), b"")
    }

    /// Runs one statement by `hoopctl exec`, as CSV.
    pub fn exec(&self, sql: &str) -> Done {
        self.run(&["exec", TARGET, "--format", "csv", "-c", sql])
    }

    /// Signs in through the device flow, in terminal and browser.
    ///
    /// # Panics
    /// When it does not work.
    pub fn sign_in(&self) {
        let (done, page) = self.sign_in_by(|shown| {
            let typed = Typed {
                user_code: shown.user_code.clone(),
                name: self.login.name.clone(),
                password: self.login.password.clone(),
                otp: self.login.code(),
                ..Typed::default()
            };
            browser::sign_in(&shown.url, &typed)
        });
        page.unwrap_or_else(|words| panic!("the page refuses: {words}"));
        done.expect(0);
    }

    /// Runs `hoopctl login --device`, hands what it shows to `half`, the browser's part, and waits for its end.
    ///
    /// # Panics
    /// When it shows nothing, or does not end.
    pub fn sign_in_by<T>(&self, half: impl FnOnce(&Shown) -> Result<Page, T>) -> (Done, Result<Page, T>) {
        let mut command = self.hoopctl(&["login", &self.url, "--device", "--fingerprint", &self.fingerprint]);
        self.sign_in_with(&mut command, half)
    }

    /// [`Person::sign_in_by`] with a login command of the caller's own.
    ///
    /// # Panics
    /// When it shows nothing, or does not end.
    pub fn sign_in_with<T>(
        &self,
        command: &mut Command,
        half: impl FnOnce(&Shown) -> Result<Page, T>,
    ) -> (Done, Result<Page, T>) {
        // Both streams in one pipe would hide which is which, so standard error is read until the code is there and
        // then on until the end.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("hoopctl starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut said = String::new();
        let shown = loop {
            let read = stderr.read_line(&mut said).expect("hoopctl writes UTF-8");
            assert!(read > 0, "hoopctl ended without showing an address and a code:\n{said}");
            if let Some(shown) = shown(&said) {
                break shown;
            }
        };
        let page = half(&shown);
        if page.is_err() {
            // Nobody will ever confirm: Ctrl-C, as a person would.
            drop(child.kill());
        }
        let code =
            program::wait(&mut child, PATIENCE).expect("hoopctl login ends after the page was done with");
        stderr.read_to_string(&mut said).expect("hoopctl writes UTF-8");
        let mut stdout = Vec::new();
        child.stdout.take().expect("stdout is piped").read_to_end(&mut stdout).expect("the pipe is ours");
        (Done::new("hoopctl login", code, stdout, said), page)
    }

    /// Opens a session on [`TARGET`] and keeps it open.
    #[must_use]
    pub fn connect(&self) -> Tunnel {
        Tunnel::open(self, &[])
    }

    /// Opens a session with more options, such as `--ttl 5s`.
    #[must_use]
    pub fn connect_with(&self, options: &[&str]) -> Tunnel {
        Tunnel::open(self, options)
    }

    /// Runs `program` through `hoopctl connect TARGET --`.
    #[must_use]
    pub fn through(&self, program: &[&str], input: &[u8]) -> Done {
        let mut command = self.hoopctl(&["connect", TARGET, "--"]);
        program::run(command.args(program), input)
    }

    /// A single-use password for the native listener.
    ///
    /// # Panics
    /// When the broker mints none.
    #[must_use]
    pub fn token(&self) -> String {
        self.run(&["token", TARGET]).ok()
    }
}

// Address and code, once both are there. The code has the form XXXX-XXXX, on the page and on the terminal alike.
fn shown(said: &str) -> Option<Shown> {
    let words = || said.split_whitespace().map(|w| w.trim_matches(|c: char| "\"'`.,:;()".contains(c)));
    let url = words().find(|w| w.starts_with("https://") && w.contains("/device"))?;
    let user_code = words().find(|w| {
        let letters = |s: &str| s.len() == 4 && s.bytes().all(|b| b.is_ascii_uppercase());
        w.split_once('-').is_some_and(|(a, b)| letters(a) && letters(b))
    })?;
    Some(Shown { url: url.to_owned(), user_code: user_code.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_address_and_code() {
        let said = "Open https://127.0.0.1:8443/device in a browser\nand enter the code";
        assert_eq!(shown(said), None);
        let said = format!("{said} BCDF-GHJK.\n");
        let expected = Shown { url: "https://127.0.0.1:8443/device".into(), user_code: "BCDF-GHJK".into() };
        assert_eq!(shown(&said), Some(expected));
    }
}
