//! `hoop-broker serve`: configuration, logs, server; the server waits for a signal and drains.

use std::path::Path;
use std::process::ExitCode;

use super::{check, failure, failure_with_hint, faults, process};
use crate::{logging, server};

pub(super) fn run(path: &Path) -> ExitCode {
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
    match runtime.block_on(server::serve(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error, 1),
    }
}
