//! `hoop-broker serve`: configuration, logs, server; the server waits for a signal and drains.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigArg, check, failure, failure_with_hint, faults, process};
use crate::{logging, server};

/// `hoop-broker serve`
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Start with a configuration or policy that nobody approved where [administration] asks for it; the ledger tells
    #[arg(long)]
    accept_unapproved: bool,
}

pub(super) fn run(args: &ServeArgs) -> ExitCode {
    let path = &args.config.config;
    let config = match check::load(path) {
        Ok(config) => config,
        Err(found) => return faults(&found),
    };
    let level = std::env::var(logging::LEVEL_VARIABLE).ok().filter(|level| !level.is_empty());
    if let Err(error) = logging::start(&config.log, level.as_deref()) {
        let hint = "HOOP_LOG, or `level` under [log], takes error, warn, info, debug or trace";
        return failure_with_hint(&error, hint, super::USAGE);
    }
    process::raise_open_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error, 1),
    };
    match runtime.block_on(server::serve(config, args.accept_unapproved)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ server::ServeError::Unapproved) => {
            let hint = "put the approved files back, start, and have the change approved: SIGHUP, then `hoopctl approve`; or start with `--accept-unapproved`, which the ledger tells";
            failure_with_hint(&error, hint, 1)
        }
        Err(error) => failure(&error, 1),
    }
}
