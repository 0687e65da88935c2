//! `hoop-broker check`: every fault at once.

use std::path::Path;
use std::process::ExitCode;

use super::{faults, tell};
use crate::config::{self, Config, Fault, Faults};

/// What looks at a configuration beyond its text and files. Runs when those are sound, in `check` and `serve` alike.
type Check = fn(&Config) -> Vec<Fault>;

/// Further checks.
const CHECKS: &[Check] = &[super::keys::check, policy, crate::notice::check, super::process::open_files];

/// The policy is sound.
fn policy(config: &Config) -> Vec<Fault> {
    match crate::server::reload::policy(config, 0) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults(),
    }
}

pub(super) fn run(path: &Path) -> ExitCode {
    match load(path) {
        Ok(config) => {
            let targets = config.targets.len();
            let plural = if targets == 1 { "" } else { "s" };
            tell(&format!("{}: sound; broker `{}`, {targets} target{plural}", path.display(), config.name));
            ExitCode::SUCCESS
        }
        Err(found) => faults(&found),
    }
}

/// Loads a configuration and makes all checks.
pub(super) fn load(path: &Path) -> Result<Config, Faults> {
    let config = config::load(path)?;
    Faults::or(CHECKS.iter().flat_map(|check| check(&config)).collect(), config)
}
