//! Failed sign-ins by account and by address, and the lock-outs that follow (PCI DSS 8.3.4).

use rusqlite::{OptionalExtension as _, params};

use super::{Store, StoreError};

/// What failed tries are counted against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// An account that exists.
    Account,
    /// A source address (IPv4 address or IPv6 /64).
    Address,
}

impl Counter {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
        }
    }
}

impl Store {
    /// Takes one try before the password is looked at, so that tries in parallel cannot outrun the count. `Ok(None)`
    /// when locked; else the number of this try since the last success or lock-out.
    pub(crate) fn take_try(
        &self,
        counter: Counter,
        subject: &str,
        now_s: i64,
        window_s: i64,
    ) -> Result<Option<u32>, StoreError> {
        self.transact(|tx| {
            let sql = "SELECT tries, since_s, locked_until FROM failures WHERE kind = ?1 AND subject = ?2";
            let found: Option<(u32, i64, i64)> = tx
                .query_row(sql, params![counter.as_str(), subject], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                .optional()?;
            let (tries, since) = match found {
                Some((_, _, locked_until)) if locked_until > now_s => return Ok(None),
                // After a lock-out the count starts again.
                Some((_, _, locked_until)) if locked_until > 0 => (1, now_s),
                Some((tries, since, _)) => match counter {
                    // An account's tries add up until it signs in; an address is shared and forgets with time.
                    Counter::Account => (tries.saturating_add(1), since),
                    Counter::Address if since.saturating_add(window_s) <= now_s => (1, now_s),
                    Counter::Address => (tries.saturating_add(1), since),
                },
                None => (1, now_s),
            };
            tx.execute(
                "INSERT INTO failures (kind, subject, tries, since_s, locked_until) VALUES (?1, ?2, ?3, ?4, 0)
                 ON CONFLICT (kind, subject) DO UPDATE SET tries = ?3, since_s = ?4, locked_until = 0",
                params![counter.as_str(), subject, tries, since],
            )?;
            Ok(Some(tries))
        })
    }

    /// Locks until `until_s` (Unix seconds).
    pub(crate) fn lock(&self, counter: Counter, subject: &str, until_s: i64) -> Result<(), StoreError> {
        self.transact(|tx| {
            let sql = "UPDATE failures SET locked_until = ?3 WHERE kind = ?1 AND subject = ?2";
            tx.execute(sql, params![counter.as_str(), subject, until_s])?;
            Ok(())
        })
    }

    /// Until when the account is locked, Unix seconds, when it is.
    pub(crate) fn account_locked_until(&self, name: &str, now_s: i64) -> Result<Option<i64>, StoreError> {
        self.transact(|tx| {
            let sql = "SELECT locked_until FROM failures
                       WHERE kind = 'account' AND subject = ?1 AND locked_until > ?2";
            Ok(tx.query_row(sql, params![name, now_s], |row| row.get(0)).optional()?)
        })
    }

    /// A sign-in succeeded: the account starts again from none, the address gets its try back.
    pub(crate) fn forgive(&self, account: &str, address: &str) -> Result<(), StoreError> {
        self.transact(|tx| {
            tx.execute("DELETE FROM failures WHERE kind = 'account' AND subject = ?1", [account])?;
            let sql = "UPDATE failures SET tries = tries - 1
                       WHERE kind = 'address' AND subject = ?1 AND tries > 0";
            tx.execute(sql, [address])?;
            Ok(())
        })
    }

    /// Forgets addresses whose window and lock-out have passed.
    pub(crate) fn prune_failures(&self, now_s: i64, window_s: i64) -> Result<(), StoreError> {
        self.transact(|tx| {
            let sql =
                "DELETE FROM failures WHERE kind = 'address' AND since_s + ?2 <= ?1 AND locked_until <= ?1";
            tx.execute(sql, params![now_s, window_s])?;
            Ok(())
        })
    }
}
