//! Policy files, read whole.

use std::path::{Path, PathBuf};

use crate::error::Failure;

/// The longest file that is read, bytes.
const MAX_BYTES: u64 = 4 << 20;

/// Files by the names that they were given by.
#[derive(Debug)]
pub(super) struct Files(Vec<(String, String)>);

impl Files {
    /// Reads files, and the `*.cedar` of folders in order of name.
    ///
    /// # Errors
    /// One cannot be read, or a folder holds none.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for path in paths {
            if path.is_dir() {
                let before = files.len();
                for file in cedar_files(path)? {
                    files.push(named(&file)?);
                }
                if files.len() == before {
                    let message = format!("no policy is in `{}`: no file ends in `.cedar`", path.display());
                    return Err(Failure::usage(message));
                }
            } else {
                files.push(named(path)?);
            }
        }
        Ok(Self(files))
    }

    /// As the loader takes them.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }

    /// The text of a file.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text)
    }
}

fn cedar_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: std::io::Error| Failure::file("read", folder, &e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "cedar") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn named(path: &Path) -> Result<(String, String), Failure> {
    Ok((path.display().to_string(), text(path)?))
}

/// The text of a file of a bounded size.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let failed = |e: std::io::Error| Failure::file("read", path, &e);
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        return Err(Failure::usage(format!("`{}` is longer than 4 MiB", path.display())));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("`{}` is not UTF-8", path.display())))
}
