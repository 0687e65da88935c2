//! Rows of local users, and the changes to them that the ledger still has to be told.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use sha2::{Digest as _, Sha256};

use super::{Store, StoreError, list_from_json, list_to_json};

/// One local user as stored.
#[derive(Clone)]
pub struct UserRow {
    /// Account name, lower case.
    pub name: String,
    /// Stable random identity, made at creation and never reused.
    pub person_id: String,
    /// Display name.
    pub display: String,
    /// Argon2id hash, PHC string.
    pub password: String,
    /// TOTP secret, raw bytes.
    pub totp_secret: zeroize::Zeroizing<Vec<u8>>,
    /// Groups.
    pub groups: Vec<String>,
    /// True: cannot sign in, tokens are refused at the next use.
    pub disabled: bool,
    /// The identity provider's principal that enrolled it for when the provider is down; `None`: a local user.
    pub principal: Option<String>,
    /// When that principal was last seen at the provider, Unix seconds.
    pub seen_s: i64,
    /// It was changed, and cannot sign in before others have approved that.
    pub held: bool,
    /// The accounts on the broker's machine that made or changed it.
    pub makers: Vec<String>,
}

impl UserRow {
    /// Whom it signs in.
    #[must_use]
    pub fn principal_id(&self) -> &str {
        self.principal.as_deref().unwrap_or(&self.name)
    }

    /// SHA-256 over all that decides whom it lets in: for approving exactly that.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let (groups, makers) = (list_to_json(&self.groups), list_to_json(&self.makers));
        let parts =
            [self.name.as_str(), &self.person_id, &self.display, &groups, &makers, self.principal_id()];
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.update(self.credential());
        digest.update([u8::from(self.disabled)]);
        digest.finalize().into()
    }

    /// SHA-256 over password hash and one-time-code secret. The hash is salted anew at each reset, so the digest
    /// changes with it; it is compared in memory and never stored.
    #[must_use]
    pub fn credential(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.password.len().to_be_bytes());
        digest.update(&self.password);
        digest.update(self.totp_secret.as_slice());
        digest.finalize().into()
    }
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow")
            .field("name", &self.name)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// What a new user starts with.
pub struct NewUser<'a> {
    /// Account name, lower case.
    pub name: &'a str,
    /// Stable random identity.
    pub person_id: &'a str,
    /// Display name.
    pub display: &'a str,
    /// Argon2id hash, PHC string.
    pub password: &'a str,
    /// TOTP secret, raw bytes.
    pub totp_secret: &'a [u8],
    /// Groups.
    pub groups: &'a [String],
}

impl std::fmt::Debug for NewUser<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A change to a local user that the ledger does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingChange {
    /// Its place in the queue.
    pub id: i64,
    /// When it was made, wall clock, microseconds.
    pub at_us: i64,
    /// Who made it, as the command on the broker's machine knows.
    pub actor: String,
    /// The account.
    pub subject: String,
    /// What changed: `create`, `groups`, `password`, …
    pub change: String,
}

/// Who makes a change, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The account on the broker's machine, as far as the command knows.
    pub actor: &'a str,
    /// Wall clock, microseconds.
    pub now_us: i64,
}

pub(super) const COLUMNS: &str =
    "name, person_id, display, password, totp_secret, groups, disabled, principal, seen_s, held, makers";

pub(super) type Raw = (UserRow, String, String);

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let user = UserRow {
        name: row.get(0)?,
        person_id: row.get(1)?,
        display: row.get(2)?,
        password: row.get(3)?,
        totp_secret: zeroize::Zeroizing::new(row.get(4)?),
        groups: Vec::new(),
        disabled: row.get(6)?,
        principal: row.get(7)?,
        seen_s: row.get(8)?,
        held: row.get(9)?,
        makers: Vec::new(),
    };
    Ok((user, row.get(5)?, row.get(10)?))
}

pub(super) fn complete((mut user, groups, makers): Raw) -> Result<UserRow, StoreError> {
    user.makers = list_from_json(&makers, "list of makers")?;
    user.groups = list_from_json(&groups, "list of groups")?;
    Ok(user)
}

fn note_change(tx: &Transaction<'_>, subject: &str, change: &str, by: &By<'_>) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO identity_changes (at_us, actor, subject, change) VALUES (?1, ?2, ?3, ?4)",
        params![by.now_us, by.actor, subject, change],
    )?;
    Ok(())
}

impl Store {
    /// One user by name.
    pub(crate) fn user(&self, name: &str) -> Result<Option<UserRow>, StoreError> {
        self.transact(|tx| {
            let sql = format!("SELECT {COLUMNS} FROM users WHERE name = ?1");
            tx.query_row(&sql, [name], read).optional()?.map(complete).transpose()
        })
    }

    /// The user that signs the principal `id` in.
    pub(crate) fn user_of(&self, id: &str) -> Result<Option<UserRow>, StoreError> {
        self.transact(|tx| {
            let sql = format!("SELECT {COLUMNS} FROM users WHERE coalesce(principal, name) = ?1");
            tx.query_row(&sql, [id], read).optional()?.map(complete).transpose()
        })
    }

    /// All users by name.
    pub(crate) fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        self.transact(|tx| {
            let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM users ORDER BY name"))?;
            let rows = statement.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
            rows.into_iter().map(complete).collect()
        })
    }

    /// Adds a user; false when the name is taken.
    pub(crate) fn insert_user(&self, new: &NewUser<'_>, by: &By<'_>) -> Result<bool, StoreError> {
        self.transact(|tx| {
            let added = tx.execute(
                "INSERT INTO users (name, person_id, display, password, totp_secret, groups, created_s, changed_s)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) ON CONFLICT (name) DO NOTHING",
                params![
                    new.name,
                    new.person_id,
                    new.display,
                    new.password,
                    new.totp_secret,
                    list_to_json(new.groups),
                    by.now_us.div_euclid(1_000_000)
                ],
            )?;
            if added == 1 {
                note_change(tx, new.name, "create", by)?;
                hold(tx, new.name, by)?;
            }
            Ok(added == 1)
        })
    }

    /// Removes a user with its failures and token families; false when there is none.
    pub(crate) fn delete_user(&self, name: &str, by: &By<'_>) -> Result<bool, StoreError> {
        self.transact(|tx| {
            end_families_of(tx, name)?;
            if tx.execute("DELETE FROM users WHERE name = ?1", [name])? == 0 {
                return Ok(false);
            }
            tx.execute("DELETE FROM failures WHERE kind = 'account' AND subject = ?1", [name])?;
            note_change(tx, name, "remove", by)?;
            Ok(true)
        })
    }

    /// Replaces the groups; false when there is no such user.
    pub(crate) fn set_user_groups(
        &self,
        name: &str,
        groups: &[String],
        by: &By<'_>,
    ) -> Result<bool, StoreError> {
        let groups = list_to_json(groups);
        self.change_user(name, &format!("groups {groups}"), by, |tx| {
            Ok(tx.execute("UPDATE users SET groups = ?2 WHERE name = ?1", params![name, groups])?)
        })
    }

    /// Enables or disables; disabling ends the token families. False when there is no such user.
    pub(crate) fn set_user_disabled(
        &self,
        name: &str,
        disabled: bool,
        by: &By<'_>,
    ) -> Result<bool, StoreError> {
        self.change_user(name, if disabled { "disable" } else { "enable" }, by, |tx| {
            if disabled {
                end_families_of(tx, name)?;
            }
            Ok(tx.execute("UPDATE users SET disabled = ?2 WHERE name = ?1", params![name, disabled])?)
        })
    }

    /// Replaces the password hash and ends the token families; false when there is no such user.
    pub(crate) fn set_user_password(
        &self,
        name: &str,
        password: &str,
        by: &By<'_>,
    ) -> Result<bool, StoreError> {
        self.change_user(name, "password", by, |tx| {
            end_families_of(tx, name)?;
            Ok(tx.execute("UPDATE users SET password = ?2 WHERE name = ?1", params![name, password])?)
        })
    }

    /// Replaces the TOTP secret and ends the token families; false when there is no such user.
    pub(crate) fn set_user_totp(&self, name: &str, secret: &[u8], by: &By<'_>) -> Result<bool, StoreError> {
        self.change_user(name, "totp", by, |tx| {
            end_families_of(tx, name)?;
            let sql = "UPDATE users SET totp_secret = ?2, totp_last_step = 0 WHERE name = ?1";
            Ok(tx.execute(sql, params![name, secret])?)
        })
    }

    /// Forgets failed tries and a lock-out; false when there is no such user.
    pub(crate) fn unlock_user(&self, name: &str, by: &By<'_>) -> Result<bool, StoreError> {
        self.change_user(name, "unlock", by, |tx| {
            tx.execute("DELETE FROM failures WHERE kind = 'account' AND subject = ?1", [name])?;
            // Touched so that the count of changed rows tells whether there is such a user.
            Ok(tx.execute("UPDATE users SET changed_s = changed_s WHERE name = ?1", [name])?)
        })
    }

    /// Marks a TOTP step as used; false when it, or a later one, was used before (RFC 6238, 5.2).
    pub(crate) fn use_totp_step(&self, name: &str, step: u64) -> Result<bool, StoreError> {
        let step = i64::try_from(step).map_err(|_| StoreError::Damaged("TOTP step"))?;
        self.transact(|tx| {
            let sql = "UPDATE users SET totp_last_step = ?2 WHERE name = ?1 AND totp_last_step < ?2";
            Ok(tx.execute(sql, params![name, step])? == 1)
        })
    }

    /// Changes that the ledger has not been told yet, oldest first.
    pub(crate) fn pending_changes(&self) -> Result<Vec<PendingChange>, StoreError> {
        self.transact(|tx| {
            let mut statement = tx.prepare(
                "SELECT id, at_us, actor, subject, change FROM identity_changes ORDER BY id LIMIT 1000",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(PendingChange {
                    id: row.get(0)?,
                    at_us: row.get(1)?,
                    actor: row.get(2)?,
                    subject: row.get(3)?,
                    change: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets a change that the ledger now has.
    pub(crate) fn change_recorded(&self, id: i64) -> Result<(), StoreError> {
        self.transact(|tx| {
            tx.execute("DELETE FROM identity_changes WHERE id = ?1", [id])?;
            Ok(())
        })
    }

    fn change_user(
        &self,
        name: &str,
        change: &str,
        by: &By<'_>,
        work: impl FnOnce(&Transaction<'_>) -> Result<usize, StoreError>,
    ) -> Result<bool, StoreError> {
        self.transact(|tx| {
            if work(tx)? == 0 {
                return Ok(false);
            }
            let sql = "UPDATE users SET changed_s = ?2 WHERE name = ?1";
            tx.execute(sql, params![name, by.now_us.div_euclid(1_000_000)])?;
            note_change(tx, name, change, by)?;
            if !matches!(change, "disable" | "unlock") {
                hold(tx, name, by)?;
            }
            Ok(true)
        })
    }
}

/// Notes who made or changed the account; where others must approve that, it cannot sign in before they have. Decided
/// here and now: a command may have waited for its password since the broker began with it.
fn hold(tx: &Transaction<'_>, name: &str, by: &By<'_>) -> Result<(), StoreError> {
    let sql = "UPDATE users SET held = held OR EXISTS (SELECT 1 FROM accepted), makers = (
                 SELECT json_group_array(value) FROM (
                   SELECT value FROM json_each(users.makers) UNION SELECT ?2)) WHERE name = ?1";
    tx.execute(sql, params![name, by.actor])?;
    if tx.query_row("SELECT held FROM users WHERE name = ?1", [name], |row| row.get(0))? {
        end_families_of(tx, name)?;
    }
    Ok(())
}

/// Of the user with this name.
fn end_families_of(tx: &Transaction<'_>, name: &str) -> Result<(), StoreError> {
    let sql = "SELECT coalesce(principal, name) FROM users WHERE name = ?1";
    let principal: Option<String> = tx.query_row(sql, [name], |row| row.get(0)).optional()?;
    principal.map_or(Ok(()), |principal| end_families(tx, &principal))
}

pub(super) fn end_families(tx: &Transaction<'_>, principal: &str) -> Result<(), StoreError> {
    let sql = "UPDATE token_families SET end_reason = 'admin'
               WHERE principal = ?1 AND provider = 'local' AND end_reason IS NULL";
    tx.execute(sql, [principal])?;
    Ok(())
}
