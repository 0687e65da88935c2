//! hoopctl: sign in, open sessions on databases, run statements through the broker.

mod auth;
mod broker;
mod command;
mod error;
mod output;
mod profile;
mod sql;
mod trust;
mod tunnel;

fn main() -> std::process::ExitCode {
    command::run()
}
