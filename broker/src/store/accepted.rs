//! What was approved last, where changes of configuration and policy must be, and accounts whose change waits for it.

use rusqlite::{OptionalExtension as _, params};

use super::users::{COLUMNS, complete, read};
use super::{Store, StoreError, UserRow};

/// Hashes of a configuration and its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// SHA-256 of the configuration's text, hexadecimal.
    pub config: String,
    /// SHA-256 of the policy set's text, hexadecimal.
    pub policy: String,
}

impl Store {
    /// What was approved last; `None` where nothing need be.
    pub(crate) fn accepted(&self) -> Result<Option<Accepted>, StoreError> {
        self.transact(|tx| {
            let read = |row: &rusqlite::Row<'_>| Ok(Accepted { config: row.get(0)?, policy: row.get(1)? });
            Ok(tx.query_row("SELECT config, policy FROM accepted", [], read).optional()?)
        })
    }

    /// From now on this was approved last; `None`: nothing need be any more.
    pub(crate) fn accept(&self, accepted: Option<&Accepted>) -> Result<(), StoreError> {
        self.transact(|tx| {
            tx.execute("DELETE FROM accepted", [])?;
            if let Some(Accepted { config, policy }) = accepted {
                tx.execute(
                    "INSERT INTO accepted (id, config, policy) VALUES (1, ?1, ?2)",
                    params![config, policy],
                )?;
            }
            Ok(())
        })
    }

    /// Accounts whose change waits for others to approve it.
    pub(crate) fn held_users(&self) -> Result<Vec<UserRow>, StoreError> {
        self.transact(|tx| {
            let mut statement =
                tx.prepare(&format!("SELECT {COLUMNS} FROM users WHERE held ORDER BY name"))?;
            let rows = statement.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
            rows.into_iter().map(complete).collect()
        })
    }

    /// Lets a held account in again, if it still is what `digest` says; false when not.
    pub(crate) fn release_user(&self, name: &str, digest: [u8; 32]) -> Result<bool, StoreError> {
        self.transact(|tx| {
            let sql = format!("SELECT {COLUMNS} FROM users WHERE name = ?1");
            let user = tx.query_row(&sql, [name], read).optional()?.map(complete).transpose()?;
            if !user.is_some_and(|u| u.held && u.digest() == digest) {
                return Ok(false);
            }
            tx.execute("UPDATE users SET held = 0 WHERE name = ?1", [name])?;
            Ok(true)
        })
    }
}
