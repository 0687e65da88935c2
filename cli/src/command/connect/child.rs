//! The command of `connect -- CMD`: its variables, its signals, its exit code.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{Signal as Receiver, SignalKind, signal};

use super::settings::Endpoint;
use crate::error::{Exit, Failure, plain};

/// Variables of libpq that would lead elsewhere, or ask of the local end what it does not have.
const REMOVED: [&str; 13] = [
    "PGHOSTADDR",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGREQUIREPEER",
    "PGREQUIREAUTH",
    "PGCHANNELBINDING",
    "PGSSLNEGOTIATION",
    "PGREQUIRESSL",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
    "PGKRBSRVNAME",
];

/// Runs the command to its end.
///
/// # Errors
/// It cannot be started, or not be waited for.
pub async fn run(program: &OsStr, arguments: &[OsString], endpoint: &Endpoint) -> Result<Exit, Failure> {
    let name = program.to_string_lossy();
    let failed =
        |what: &str, e: &std::io::Error| Failure::usage(format!("cannot {what} `{name}`: {}", plain(e)));
    // Before the start: a signal in between must not end us and leave the command alone.
    let mut signals = Signals::new().map_err(|e| failed("receive signals for", &e))?;
    let mut command = Command::new(program);
    command.args(arguments);
    for variable in REMOVED {
        command.env_remove(variable);
    }
    command.envs(endpoint.variables());
    let mut child = command.spawn().map_err(|e| failed("run", &e))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let waiting = tokio::task::spawn_blocking(move || child.wait());
    tokio::pin!(waiting);
    loop {
        tokio::select! {
            status = &mut waiting => {
                let status = status.map_err(|_| Failure::usage(format!("`{name}` cannot be waited for")))?;
                return Ok(exit(status.map_err(|e| failed("wait for", &e))?));
            }
            forwarded = signals.next() => {
                if let (Some(pid), Some(signal)) = (pid, forwarded) {
                    // It may have ended just now; then there is nobody to tell.
                    let (Ok(()) | Err(_)) = kill_process(pid, signal);
                }
            }
        }
    }
}

/// As shells say it: 128 and the signal's number for a command that was killed.
fn exit(status: ExitStatus) -> Exit {
    let code = status.code().or_else(|| status.signal().map(|s| s + 128)).unwrap_or(1);
    Exit::Child(u8::try_from(code & 0xff).unwrap_or(1))
}

struct Signals {
    interrupt: Receiver,
    quit: Receiver,
    terminate: Receiver,
    hangup: Receiver,
    // A terminal sends Ctrl-C and Ctrl-\ to the whole process group: the command has them already.
    from_terminal: bool,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            from_terminal: std::io::stdin().is_terminal(),
        })
    }

    /// The next signal that the command has to get from us.
    async fn next(&mut self) -> Option<Signal> {
        tokio::select! {
            _ = self.interrupt.recv() => (!self.from_terminal).then_some(Signal::INT),
            _ = self.quit.recv() => (!self.from_terminal).then_some(Signal::QUIT),
            _ = self.terminate.recv() => Some(Signal::TERM),
            _ = self.hangup.recv() => Some(Signal::HUP),
        }
    }
}
