//! Secrets by reference: what a configuration may say instead of the secret itself.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

/// Largest secret in a file, bytes.
const MAX: u64 = 64 << 10;

/// A secret by reference; the value is read when needed and never kept in the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`
    Env(String),
    /// `file:PATH`
    File(PathBuf),
}

/// Why a secret cannot be had. Names the reference, never anything of the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment has no such variable, or an empty one.
    #[error("environment variable `{0}` is not set")]
    Unset(String),
    /// The variable is not UTF-8.
    #[error("environment variable `{0}` is not UTF-8")]
    NotText(String),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
}

/// Why a file that must be private cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It cannot be opened or read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is a folder, a device or a pipe.
    #[error("`{0}` is not a regular file")]
    NotRegular(PathBuf),
    /// Others than its owner can use it.
    #[error("`{path}` has mode {mode:04o}: others than its owner can use it")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to neither the broker's user nor root, so its owner can read and change it at will.
    #[error("`{path}` belongs to user {owner}, not to the broker's user or root")]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner, a user id.
        owner: u32,
    },
    /// It has nothing in it.
    #[error("`{0}` is empty")]
    Empty(PathBuf),
    /// It is longer than any secret.
    #[error("`{0}` is longer than 64 KiB")]
    TooLong(PathBuf),
    /// It is not UTF-8, or holds a NUL.
    #[error("`{0}` is not text")]
    NotText(PathBuf),
}

impl SecretRef {
    /// Reads the secret now. Of a file, the mode is checked on the open handle and one trailing newline is dropped.
    ///
    /// # Errors
    /// [`SecretError`] when it is not there, not private, empty or not text.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if value.is_empty() => Err(SecretError::Unset(name.clone())),
                Ok(value) => Ok(SecretString::from(value)),
                Err(std::env::VarError::NotPresent) => Err(SecretError::Unset(name.clone())),
                Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::NotText(name.clone())),
            },
            Self::File(path) => {
                let text = read_private(path)?;
                let line =
                    text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
                if line.is_empty() {
                    return Err(PrivateFileError::Empty(path.clone()).into());
                }
                Ok(SecretString::from(line))
            }
        }
    }
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// The text of a file that only its owner may use (mode 0600 or less), such as a private key. What is read is erased
/// from memory when dropped.
///
/// # Errors
/// [`PrivateFileError`] when it cannot be read, is not private, too long or not text.
pub fn read_private(path: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let of_read = |source| PrivateFileError::Read { path: path.to_owned(), source };
    let mut file = open_private(path)?;
    let length = file.metadata().map_err(of_read)?.len();
    if length > MAX {
        return Err(PrivateFileError::TooLong(path.to_owned()));
    }
    // One buffer of the full size, so that growing leaves no copy behind.
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(length).unwrap_or_default()]);
    file.read_exact(&mut bytes).map_err(of_read)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if !text.contains('\0') => Ok(Zeroizing::new(text.to_owned())),
        Ok(_) | Err(_) => Err(PrivateFileError::NotText(path.to_owned())),
    }
}

/// Opens a file and checks on the handle, not on the path, that it is private.
///
/// # Errors
/// [`PrivateFileError`] when it cannot be opened or is not private.
pub(super) fn open_private(path: &Path) -> Result<File, PrivateFileError> {
    let of_read = |source| PrivateFileError::Read { path: path.to_owned(), source };
    // Looked at first: opening a pipe would wait for its writer.
    let before = std::fs::metadata(path).map_err(of_read)?;
    if !before.is_file() {
        return Err(PrivateFileError::NotRegular(path.to_owned()));
    }
    let file = File::open(path).map_err(of_read)?;
    let metadata = file.metadata().map_err(of_read)?;
    if !metadata.is_file() {
        return Err(PrivateFileError::NotRegular(path.to_owned()));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Mode { path: path.to_owned(), mode });
    }
    let owner = metadata.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(PrivateFileError::Owner { path: path.to_owned(), owner });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("secret");
        fs::write(&path, content).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        (dir, path)
    }

    #[test]
    fn one_trailing_newline_is_dropped() {
        for (content, want) in
            [("s3 cret", "s3 cret"), ("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), (" x ", " x ")]
        {
            let (_dir, path) = file(content.as_bytes(), 0o600);
            let secret = SecretRef::File(path).read().expect("readable");
            assert_eq!(secret.expose_secret(), want, "{content:?}");
        }
    }

    #[test]
    fn what_others_can_read_or_write_is_refused() {
        for mode in [0o640, 0o604, 0o602, 0o620, 0o610, 0o644] {
            let (_dir, path) = file(b"x", mode);
            let error = SecretRef::File(path).read().expect_err("not private");
            assert!(matches!(error, SecretError::File(PrivateFileError::Mode { .. })), "{mode:o}: {error}");
        }
        let (_dir, path) = file(b"x", 0o400);
        assert!(SecretRef::File(path).read().is_ok());
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for content in [&b""[..], b"\n", b"a\0b", b"\xff"] {
            let (_dir, path) = file(content, 0o600);
            assert!(SecretRef::File(path).read().is_err(), "{content:?}");
        }
        let (dir, path) = file(&[b'x'; 70_000], 0o600);
        assert!(matches!(read_private(&path), Err(PrivateFileError::TooLong(_))));
        assert!(matches!(read_private(dir.path()), Err(PrivateFileError::NotRegular(_))));
        assert!(matches!(read_private(&dir.path().join("none")), Err(PrivateFileError::Read { .. })));
        assert!(matches!(SecretRef::Env("HOOP_TEST_UNSET".into()).read(), Err(SecretError::Unset(_))));
    }
}
