//! `hoop-broker check`: every fault at once.

use std::path::Path;
use std::process::ExitCode;

use super::{failure, faults, tell};
use crate::config::{self, Config, Fault, Faults};
use crate::server::reload::{self, PolicyError};

/// What looks at a configuration beyond its text and files. Runs when those are sound, in `check` and `serve` alike.
type Check = fn(&Config) -> Vec<Fault>;

/// Further checks.
const CHECKS: &[Check] = &[super::keys::check, policy, crate::notice::check, super::process::open_files];

/// The policy is sound, and signed where it must be.
fn policy(config: &Config) -> Vec<Fault> {
    match signed_by(config) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults(),
    }
}

/// Who signed the policy.
fn signed_by(config: &Config) -> Result<Vec<String>, PolicyError> {
    let signers = reload::signers(config)?;
    Ok(reload::policy(config, signers.as_ref(), 0)?.signed_by)
}

pub(super) fn run(path: &Path) -> ExitCode {
    match load(path) {
        Ok(config) => {
            let targets = config.targets.len();
            let plural = if targets == 1 { "" } else { "s" };
            let signed = match signed_by(&config) {
                Ok(names) if names.is_empty() => String::new(),
                Ok(names) => format!("; policy signed by {}", names.join(", ")),
                // It was when it was checked.
                Err(error) => return failure(&error, 1),
            };
            let name = &config.name;
            tell(&format!("{}: sound; broker `{name}`, {targets} target{plural}{signed}", path.display()));
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
