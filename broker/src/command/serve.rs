//! `hoop-broker serve`: configuration, logs, server; the server waits for a signal and drains.

use std::path::Path;
use std::process::ExitCode;

use super::{check, failure, faults};
use crate::{logging, server};

pub(super) fn run(path: &Path) -> ExitCode {
    let config = match check::load(path) {
        Ok(config) => config,
        Err(found) => return faults(&found),
    };
    let level = std::env::var(logging::LEVEL_VARIABLE).ok();
    if let Err(error) = logging::start(&config.log, level.as_deref()) {
        return failure(&error, super::USAGE);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error, 1),
    };
    match runtime.block_on(server::serve(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error, 1),
    }
}
