//! The command line of hoop-broker: a file a command. What it prints on stdout is data; all else goes to stderr.

mod check;
mod init;
mod keys;
mod local_admin;
mod password;
mod policy;
mod process;
mod serve;
pub mod user;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Usage or configuration is wrong; nothing was done.
const USAGE: u8 = 2;

/// The broker of hoop: sign-in, sessions, the enforcing gateway and the ledger.
#[derive(Debug, Parser)]
#[command(name = "hoop-broker", version, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Begin with:\n  hoop-broker init /etc/hoop\n  hoop-broker check --config /etc/hoop/broker.toml"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented configuration, keys and a starter policy into a folder
    Init(init::InitArgs),
    /// Report all faults of a configuration at once, each with its line and a hint
    Check(ConfigArg),
    /// Run the broker until SIGTERM or SIGINT; SIGHUP reloads policy and targets
    Serve(serve::ServeArgs),
    /// Add, list, change and remove local users
    #[command(subcommand)]
    User(user::Verb),
    /// Print what the signers of the policy sign
    #[command(subcommand)]
    Policy(policy::Verb),
    /// Print the SHA-256 fingerprint of the TLS certificate, which people compare at first sign-in
    Fingerprint(ConfigArg),
    /// Print the ledger's public key, with which anyone can verify the ledger offline
    LedgerKey(keys::LedgerKeyArgs),
}

/// Which configuration.
#[derive(Debug, Args)]
struct ConfigArg {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "HOOP_BROKER_CONFIG", hide_env_values = true)]
    config: PathBuf,
}

/// Reads the command line, does what it says and returns the exit code: 0 done, 1 failed, 2 usage or configuration.
#[must_use]
pub fn main() -> ExitCode {
    // Before anything secret is in memory.
    if let Err(error) = process::harden() {
        return failure(&error, 1);
    }
    match CommandLine::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Check(arg) => check::run(&arg.config),
        Command::Serve(args) => serve::run(&args),
        Command::User(verb) => user::run(&verb),
        Command::Policy(verb) => policy::run(&verb),
        Command::Fingerprint(arg) => keys::fingerprint(&arg.config),
        Command::LedgerKey(args) => keys::ledger_key(&args),
    }
}

/// Writes data to stdout.
fn print(data: &str) -> ExitCode {
    match io::stdout().lock().write_all(data.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has gone, as `head` does; there is no one to tell.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failure(&error, 1),
    }
}

/// Tells the person at the terminal something.
fn tell(message: &str) {
    // Without a stderr there is no one to tell.
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// Says what went wrong and gives the exit code.
fn failure(error: &dyn Display, code: u8) -> ExitCode {
    tell(&format!("error: {error}"));
    ExitCode::from(code)
}

/// As [`failure`], with what the reader can do about it.
fn failure_with_hint(error: &dyn Display, hint: &str, code: u8) -> ExitCode {
    tell(&format!("error: {error}\n  = hint: {hint}"));
    ExitCode::from(code)
}

/// Prints all faults of a configuration; exit code 2.
fn faults(faults: &crate::config::Faults) -> ExitCode {
    tell(&faults.to_string());
    ExitCode::from(USAGE)
}
