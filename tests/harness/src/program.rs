//! Running programs with a bound on time, and keeping all that they said.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a thing may take before a test gives up on it. Generous: tests say what happens, never how fast.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Done {
    /// Exit code; 128 + signal when a signal ended it, as a shell would say.
    pub code: i32,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error, as text.
    pub stderr: String,
    what: String,
}

impl Done {
    /// For programs that were waited for otherwise than by [`run`].
    #[must_use]
    pub fn new(what: &str, code: i32, stdout: Vec<u8>, stderr: String) -> Self {
        Self { code, stdout, stderr, what: what.to_owned() }
    }

    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as text, its last line end taken off, after asserting exit code 0.
    ///
    /// # Panics
    /// When the exit code is another.
    #[must_use]
    pub fn ok(&self) -> String {
        self.expect(0);
        self.text().trim_end_matches('\n').to_owned()
    }

    /// Asserts the exit code and shows everything when it is another.
    ///
    /// # Panics
    /// When the exit code is not `code`.
    pub fn expect(&self, code: i32) -> &Self {
        assert!(
            self.code == code,
            "`{}` ended with {} instead of {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.what,
            self.code,
            self.text(),
            self.stderr
        );
        self
    }

    /// Asserts that standard error holds each of `parts`.
    ///
    /// # Panics
    /// When one is missing.
    pub fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stderr.contains(part), "`{}` does not say `{part}`:\n{}", self.what, self.stderr);
        }
        self
    }
}

/// Runs `command` to its end with `input` on its standard input.
///
/// # Panics
/// When it cannot be started, or is not done after [`PATIENCE`] (it is killed then).
pub fn run(command: &mut Command, input: &[u8]) -> Done {
    run_within(PATIENCE, command, input)
}

/// [`run`] with a limit of one's own, for programs that do many things.
///
/// # Panics
/// When it cannot be started, or is not done after `limit` (it is killed then).
pub fn run_within(limit: Duration, command: &mut Command, input: &[u8]) -> Done {
    let what = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    let feeder = thread::spawn(move || {
        // A program may well end without reading all: that is its right, not a fault.
        drop(stdin.write_all(&input));
    });
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let code = wait(&mut child, limit);
    if code.is_none() {
        drop(child.kill());
        drop(child.wait());
    }
    feeder.join().expect("the feeder does not panic");
    let stdout = stdout.join().expect("the reader does not panic");
    let stderr = String::from_utf8_lossy(&stderr.join().expect("the reader does not panic")).into_owned();
    let Some(code) = code else {
        panic!("`{what}` was not done after {limit:?}\n--- stderr\n{stderr}");
    };
    Done { code, stdout, stderr, what }
}

fn drain(from: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    let mut from = from.expect("the stream is piped");
    thread::spawn(move || {
        let mut all = Vec::new();
        if let Err(e) = from.read_to_end(&mut all) {
            eprintln!("reading a program's output: {e}");
        }
        all
    })
}

/// Waits for the end of `child`, at most `limit`: its exit code, or `None` when it still runs.
///
/// # Panics
/// When the child cannot be waited for.
pub fn wait(child: &mut Child, limit: Duration) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("our child can be waited for") {
            return Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Calls `attempt` until it gives something.
///
/// # Panics
/// When it gave nothing for [`PATIENCE`]; `what` says in the message what was waited for.
pub fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A loopback port that nobody listens on, each only once in this process. Below the range from which the system takes
/// the ports of outgoing connections, so that none of those takes it before it is listened on.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let at = start.wrapping_add(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + at).expect("within the range of ports");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// A program of this workspace, out of the folder where cargo put this test: `target/<profile>/NAME`.
/// `HOOP_BIN_DIR` names another folder.
///
/// # Panics
/// When it is not there. Cargo does not build the programs of other packages for a test, `cargo build` does.
#[must_use]
pub fn ours(name: &str) -> PathBuf {
    let folder = std::env::var_os("HOOP_BIN_DIR").map_or_else(
        || {
            let exe = std::env::current_exe().expect("this process has a program file");
            // target/<profile>/deps/it-0123 → target/<profile>; a binary lies there itself
            let folder = exe.parent().expect("a file lies in a folder");
            if folder.ends_with("deps") {
                folder.parent().unwrap_or(folder).to_owned()
            } else {
                folder.to_owned()
            }
        },
        PathBuf::from,
    );
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "`{}` is missing; run `cargo build --workspace --bins` first",
        program.display()
    );
    program
}

/// The workspace's own folder.
#[must_use]
pub fn workspace() -> &'static Path {
    const HERE: &str = env!("CARGO_MANIFEST_DIR");
    Path::new(HERE.strip_suffix("/tests/harness").unwrap_or(HERE))
}
