//! The embedded state: one SQLite file, mode 0600, write-ahead log, numbered migrations.
//!
//! What lives here must outlive a restart: local users, failed tries and lock-outs, token families, findings. Short-lived
//! things (device codes, replay caches, bearer tokens of the native listener) live in memory, where a restart forgets them,
//! which closes doors and opens none. Never here: tokens, codes or passwords themselves (hashes only), statements,
//! and anything a target answered.

mod accepted;
mod enrolled;
mod failures;
mod families;
mod findings;
mod schema;
mod users;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub use accepted::Accepted;
pub use enrolled::Enrolled;
pub use failures::Counter;
pub use families::{Family, FamilyState, NewFamily, Rotation};
pub use users::{By, NewUser, PendingChange, UserRow};

/// File name of the embedded state in `state_dir`.
pub const STATE_FILE: &str = "state.db";

/// Handle to the embedded state; cheap to clone. Its calls block: on an async task go through [`Store::run`].
#[derive(Debug, Clone)]
pub struct Store {
    // One connection behind one lock: SQLite has a single writer anyhow, and every call here is a few row lookups.
    conn: Arc<Mutex<Connection>>,
}

/// The embedded state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the state database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file could not be made or looked at.
    #[error("cannot use the state database `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error("the state database `{path}` is open to other users (mode {mode:o}); run `chmod 600` on it")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A newer broker wrote it.
    #[error("the state database has schema {found}, this broker knows up to {known}; run the newer broker")]
    Newer {
        /// Version in the file.
        found: u32,
        /// Newest that we know.
        known: u32,
    },
    /// Something stored does not read back.
    #[error("the state database holds a damaged {0}")]
    Damaged(&'static str),
    /// The blocking task was cancelled, as happens while the broker stops.
    #[error("the state database is closing")]
    Closing,
}

impl Store {
    /// Opens the database at `path`, making it when absent, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened, is readable by others, or comes from a newer broker.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        private_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(Duration::from_secs(5))?;
        let _mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        // A lock-out or a used refresh token must not come undone by a power cut.
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        conn.pragma_update(None, "secure_delete", true)?;
        schema::migrate(&mut conn)?;
        Ok(Self { conn: Arc::new(Mutex::new(conn)) })
    }

    /// Runs `work` in one immediate transaction; commits when it returns `Ok`, else rolls back.
    pub(crate) fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // A panic inside `work` dropped its transaction, which rolled back; the connection is whole.
        let mut conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&tx)?;
        tx.commit()?;
        Ok(value)
    }

    /// A number that changes whenever another process has written to the state, such as a command that removes a user.
    pub(crate) fn written_elsewhere(&self) -> Result<i64, StoreError> {
        let conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(conn.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Runs `work` on a blocking thread, for callers on an async task.
    ///
    /// # Errors
    /// What `work` returns, or [`StoreError::Closing`] while the runtime stops.
    pub async fn run<T, E>(&self, work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(result) => result,
            Err(_) => Err(E::from(StoreError::Closing)),
        }
    }
}

/// Makes the file with mode 0600 before SQLite sees it (its `-wal` and `-shm` files inherit the mode), and refuses one
/// that others can read.
fn private_file(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().map_err(failed)?.permissions());
        if mode & 0o077 != 0 {
            return Err(StoreError::Permissions { path: path.to_owned(), mode: mode & 0o777 });
        }
    }
    drop(file);
    Ok(())
}

/// Groups, amr and the like are stored as a JSON array of strings.
fn list_to_json(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}

fn list_from_json(text: &str, what: &'static str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_private_and_an_open_one_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        drop(Store::open(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Permissions { mode: 0o640, .. })));
    }

    #[test]
    fn a_schema_from_the_future_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.db");
        drop(Store::open(&path).unwrap());
        let conn = Connection::open(&path).unwrap();
        conn.pragma_update(None, "user_version", 99).unwrap();
        drop(conn);
        assert!(matches!(Store::open(&path), Err(StoreError::Newer { found: 99, .. })));
    }
}
