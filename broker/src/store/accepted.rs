//! What was approved last, where changes of configuration and policy must be.

use rusqlite::{OptionalExtension as _, params};

use super::{Store, StoreError};

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
}
