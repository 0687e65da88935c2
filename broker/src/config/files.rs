//! What a configuration names must be there, and private where it is secret. Looks at the disk and the environment;
//! everything else in `config` is pure.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::SecretRef;
use super::fault::Fault;
use super::secret::{PrivateFileError, open_private};
use super::section::{PathUse, Report, SecretUse};
use super::value::Wrong;

/// What a path of the configuration is for, and so what must be true of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A file that anyone may read and only its owner may change: certificates, policy.
    Public,
    /// As `Public`, whoever owns it: the roots of one target, which its administrators may keep. They vouch for that
    /// target only, and its administrators speak for it anyway.
    TargetRoots,
    /// A file that only its owner may use: keys.
    Private,
    /// A folder that only its owner may enter: state, ledger.
    PrivateDir,
}

/// Looks at every path and secret that the walk has found.
pub(super) fn check(report: &mut Report<'_>) {
    for PathUse { path, role, span } in std::mem::take(&mut report.paths) {
        let found = match role {
            Role::Public => public_file(&path).and_then(|metadata| ours(&path, &metadata)),
            Role::TargetRoots => public_file(&path).map(drop),
            Role::Private => open_private(&path).map(drop).map_err(|e| private_file(&e)),
            Role::PrivateDir => private_dir(&path),
        };
        if let Err(wrong) = found {
            report.wrong(span, wrong);
        }
    }
    for SecretUse { secret, span } in std::mem::take(&mut report.secrets) {
        let found = match &secret {
            SecretRef::File(path) => open_private(path).map(drop).map_err(|e| private_file(&e)),
            SecretRef::Env(name) if std::env::var_os(name).is_none_or(|value| value.is_empty()) => {
                Err(Wrong::new(format!("environment variable `{name}` is not set"))
                    .hint(format!("set `{name}` for the broker's process, or use `file:` and a 0600 file")))
            }
            SecretRef::Env(_) => Ok(()),
        };
        if let Err(wrong) = found {
            report.wrong(span, wrong);
        }
    }
}

fn private_file(error: &PrivateFileError) -> Wrong {
    let hint = match error {
        PrivateFileError::Mode { path, .. } => Some(format!("run `chmod 600 {}`", path.display())),
        PrivateFileError::Owner { path, .. } => {
            Some(format!("make the broker's user the owner of {}", path.display()))
        }
        PrivateFileError::Read { source, .. } => unreadable_hint(source),
        PrivateFileError::NotRegular(_)
        | PrivateFileError::Empty(_)
        | PrivateFileError::TooLong(_)
        | PrivateFileError::NotText(_) => None,
    };
    Wrong { message: error.to_string(), hint }
}

fn unreadable_hint(error: &std::io::Error) -> Option<String> {
    match error.kind() {
        std::io::ErrorKind::NotFound => Some(
            "`hoop-broker init DIR` makes a first set of files; relative paths start at this file's folder"
                .into(),
        ),
        std::io::ErrorKind::PermissionDenied => Some("it must be readable for the broker's user".into()),
        _ => None,
    }
}

fn public_file(path: &Path) -> Result<fs::Metadata, Wrong> {
    let of_read = |source: std::io::Error| Wrong {
        message: format!("cannot read `{}`: {source}", path.display()),
        hint: unreadable_hint(&source),
    };
    let metadata = fs::metadata(path).map_err(of_read)?;
    if !metadata.is_file() {
        return Err(Wrong::new(format!("`{}` is not a regular file", path.display())));
    }
    fs::File::open(path).map_err(of_read)?;
    not_writable_by_others(path, &metadata)?;
    Ok(metadata)
}

/// The content of a regular file of at most `max` bytes.
///
/// # Errors
/// A fault when it is none, is longer or cannot be read.
pub fn read_regular(path: &Path, max: u64) -> Result<Vec<u8>, Fault> {
    read_checked(path, max, |_| Ok(()))
}

/// As [`read_regular`], of a file that only the broker's user and root can change. Looks at the file that it reads, not at
/// whatever has the name by then.
///
/// # Errors
/// A fault, also when others can change it.
pub fn read_ours(path: &Path, max: u64) -> Result<Vec<u8>, Fault> {
    read_checked(path, max, |metadata| only_ours_to_change(path, metadata))
}

fn read_checked(
    path: &Path,
    max: u64,
    check: impl FnOnce(&fs::Metadata) -> Result<(), Wrong>,
) -> Result<Vec<u8>, Fault> {
    let shown = path.display();
    let of_read = |source: std::io::Error| Fault::new(format!("cannot read `{shown}`: {source}"));
    let not_regular = || Fault::new(format!("`{shown}` is not a regular file"));
    // Looked at first: opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(of_read)?.is_file() {
        return Err(not_regular());
    }
    let file = fs::File::open(path).map_err(of_read)?;
    let metadata = file.metadata().map_err(of_read)?;
    if !metadata.is_file() {
        return Err(not_regular());
    }
    check(&metadata).map_err(|wrong| Fault::new(wrong.message).hint(wrong.hint.unwrap_or_default()))?;
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(of_read)?;
    if bytes.len() as u64 > max {
        return Err(Fault::new(format!("`{shown}` is longer than {max} bytes")));
    }
    Ok(bytes)
}

/// The configuration itself.
pub(super) fn only_ours_to_change(path: &Path, metadata: &fs::Metadata) -> Result<(), Wrong> {
    ours(path, metadata)?;
    not_writable_by_others(path, metadata)
}

/// Whoever can change the policy, a certificate or the configuration rules the broker.
fn not_writable_by_others(path: &Path, metadata: &fs::Metadata) -> Result<(), Wrong> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Wrong::new(format!("`{path}` has mode {mode:04o}: others than its owner can change it"))
        .hint(format!("run `chmod go-w {path}`")))
}

/// An owner other than the broker's user and root can change what it likes, whatever the mode.
fn ours(path: &Path, metadata: &fs::Metadata) -> Result<(), Wrong> {
    let owner = metadata.uid();
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let path = path.display();
    Err(Wrong::new(format!("`{path}` belongs to user {owner}, not to the broker's user or root"))
        .hint(format!("make the broker's user or root the owner of {path}")))
}

/// A folder that is not there is a fault, not something to make: a ledger whose volume is not mounted must not begin
/// anew elsewhere.
fn private_dir(path: &Path) -> Result<(), Wrong> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|source| {
        Wrong::new(format!("cannot use folder `{shown}`: {source}"))
            .hint(format!("if it is new, run `mkdir -m 700 {shown}`; if it is not, mount it"))
    })?;
    if !metadata.is_dir() {
        return Err(Wrong::new(format!("`{shown}` is not a folder")));
    }
    ours(path, &metadata)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Wrong::new(format!(
            "folder `{shown}` has mode {mode:04o}: others than its owner can enter it"
        ))
        .hint(format!("run `chmod 700 {shown}`")));
    }
    Ok(())
}
