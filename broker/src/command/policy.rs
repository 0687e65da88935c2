//! `hoop-broker policy manifest`: what the signers of a policy sign.

use std::process::ExitCode;

use clap::Subcommand;

use super::{ConfigArg, failure, faults, print};
use crate::config::{self, Faults};
use crate::server::reload;
use crate::signers;

/// `hoop-broker policy …`
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print what people sign who agree with the policy: the SHA-256 and name of each of its files
    #[command(after_help = "Then each signer:\n  ssh-keygen -Y sign -f KEY -n hoopctl-policy manifest")]
    Manifest(ConfigArg),
}

pub(super) fn run(verb: &Verb) -> ExitCode {
    let Verb::Manifest(arg) = verb;
    let config = match config::read(&arg.config) {
        Ok(config) => config,
        Err(found) => return faults(&found),
    };
    let files = match reload::files(&config) {
        Ok(files) => files,
        Err(error) => return failure(&error, 1),
    };
    // Nobody should sign what cannot be loaded.
    let found = reload::parse(&files).err().unwrap_or_default();
    match Faults::or(found, signers::manifest(&files)) {
        Err(found) => faults(&found),
        Ok(Err(fault)) => faults(&fault.into()),
        Ok(Ok(manifest)) => print(&manifest),
    }
}
