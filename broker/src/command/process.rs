//! What the process may leave behind: no core dump, no file that others can read.

use rustix::process::{Resource, Rlimit, setrlimit};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_memory_is_dumped() {
        harden().expect("allowed");
        let core = rustix::process::getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().expect("known"),
            rustix::process::DumpableBehavior::NotDumpable
        );
    }
}
