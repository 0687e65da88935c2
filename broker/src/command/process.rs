//! What the process may leave behind: no core dump, no file that others can read. And how many files it may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, Fault};

/// Files that the broker opens besides those of its connections: state, ledger, listeners, event queues, clients that
/// are being turned away, cancellations and look-ups at targets.
const OWN_FILES: u64 = 256;

/// The system would not let the process protect its memory.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub(super) struct HardenError {
    what: &'static str,
    source: std::io::Error,
}

/// Turns core dumps off and makes new files private. Memory holds cardholder data in passing and keys all the time; a
/// dump of it would be an unprotected copy on disk (PCI DSS 3.3.1, 3.5.1).
///
/// # Errors
/// [`HardenError`] when the system refuses: then nothing secret must be loaded.
pub(super) fn harden() -> Result<(), HardenError> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(|e| HardenError { what: "turn core dumps off", source: e.into() })?;
    // A pipe in `core_pattern` takes a dump whatever the limit is; an undumpable process gives none, and no debugger
    // of the same user can attach to it.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|e| HardenError { what: "make the process undumpable", source: e.into() })?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    Ok(())
}

/// Raises the limit on open files to what the system allows: most systems start programs with one that is far below
/// it, for the sake of old programs that use `select`.
pub(super) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}

/// The system allows as many open files as `limits.connections` needs. Said at the start: a broker that runs out of
/// them can neither accept nor write its ledger's next segment.
pub(super) fn open_files(config: &Config) -> Vec<Fault> {
    let connections = config.limits.connections as u64;
    too_few_files(connections, getrlimit(Resource::Nofile).maximum).into_iter().collect()
}

fn too_few_files(connections: u64, allowed: Option<u64>) -> Option<Fault> {
    let needed = connections.saturating_mul(2).saturating_add(OWN_FILES);
    let allowed = allowed.filter(|allowed| *allowed < needed)?;
    let message = format!(
        "`connections` = {connections} under [limits] needs {needed} open files, and the system allows {allowed}"
    );
    let most = allowed.saturating_sub(OWN_FILES) / 2;
    Some(Fault::new(message).hint(format!(
        "raise the hard limit (`LimitNOFILE=` of systemd, `ulimit -Hn`), or set `connections` to {most} or less"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_the_system_has_no_files_for_are_a_fault() {
        assert!(too_few_files(1000, None).is_none());
        assert!(too_few_files(1000, Some(2256)).is_none());
        let fault = too_few_files(1000, Some(2255)).expect("one file too few");
        assert!(fault.message().contains("needs 2256 open files"), "{}", fault.message());
    }

    #[test]
    fn no_memory_is_dumped() {
        harden().expect("allowed");
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().expect("known"),
            rustix::process::DumpableBehavior::NotDumpable
        );
    }
}
