//! Private files: folders 0700, files 0600, whole or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::error::Failure;

/// Makes `dir` and its parents, readable by their owner only.
///
/// # Errors
/// The folder cannot be made, or belongs to somebody else.
pub fn private_dir(dir: &Path) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::file("make the folder", dir, &e);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let found = fs::symlink_metadata(dir).map_err(failed)?;
        // INVARIANT: a folder in a place that others can write to (/tmp) is used only when it is ours alone;
        // somebody else could have made it first.
        if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
            return Err(Failure::usage(format!("`{}` is not a folder of this user", dir.display()))
                .hint("remove it, or point XDG_RUNTIME_DIR or HOME elsewhere"));
        }
        if found.mode() & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
    }
    #[cfg(not(unix))]
    fs::create_dir_all(dir).map_err(failed)?;
    Ok(())
}

/// Opens `path` for locking; it is made where it is missing, and never emptied.
///
/// # Errors
/// The file or its folder cannot be made.
pub fn lock_file(path: &Path) -> Result<File, Failure> {
    if let Some(dir) = path.parent() {
        private_dir(dir)?;
    }
    options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|e| Failure::file("open", path, &e))
}

/// Replaces `path` by `content` in one step, mode 0600.
///
/// # Errors
/// The file or its folder cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::file("write", path, &e);
    if let Some(dir) = path.parent() {
        private_dir(dir)?;
    }
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = Path::new(&part);
    // A left-over of a process that died has to go first: `create_new` never follows a link put in its place.
    if let Err(e) = fs::remove_file(part)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        return Err(failed(e));
    }
    let written = options().write(true).create_new(true).open(part).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(part, path)
    });
    written.map_err(|e| {
        if let Err(left) = fs::remove_file(part)
            && left.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("hoopctl: cannot remove `{}`: {left}", part.display());
        }
        failed(e)
    })
}

/// Reads a file that nobody else may read; `None` where there is none.
///
/// # Errors
/// It cannot be read, or others can.
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Failure::file("read", path, &e)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = fs::metadata(path).map_err(|e| Failure::file("read", path, &e))?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Failure::usage(format!(
                "`{}` can be read by other users (mode {mode:04o})",
                path.display()
            ))
            .hint(format!("sign in anew, or `chmod 600 {}` if nobody saw it", path.display())));
        }
    }
    Ok(Some(content))
}

fn options() -> fs::OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = fs::OpenOptions::new();
        options.mode(0o600);
        options
    }
    #[cfg(not(unix))]
    fs::OpenOptions::new()
}
