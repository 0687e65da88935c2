//! Accounts of people whom an identity provider signs in else, for when it is down.

use rusqlite::params;

use super::users::end_families;
use super::{NewUser, Store, StoreError, list_to_json};

impl Store {
    /// Adds, or replaces, the account that signs `principal` in when the identity provider is down, and ends its token
    /// families; false when somebody else has the name.
    /// `step` is that of the one-time code that it was proved with, which is used up.
    pub(crate) fn enrol(
        &self,
        new: &NewUser<'_>,
        principal: &str,
        step: u64,
        now_s: i64,
    ) -> Result<bool, StoreError> {
        let step = i64::try_from(step).map_err(|_| StoreError::Damaged("TOTP step"))?;
        self.transact(|tx| {
            let sql = "SELECT count(*) FROM users WHERE name = ?1 AND principal IS NOT ?2";
            if tx.query_row(sql, [new.name, principal], |row| row.get::<_, i64>(0))? > 0 {
                return Ok(false);
            }
            // One enrolment a person, also of one whom the provider names otherwise now.
            let sql = "DELETE FROM users WHERE principal = ?1 OR (principal IS NOT NULL AND person_id = ?2)";
            tx.execute(sql, [principal, new.person_id])?;
            end_families(tx, principal)?;
            tx.execute(
                "INSERT INTO users (name, person_id, display, password, totp_secret, groups, created_s, changed_s,
                   principal, seen_s, totp_last_step) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?7, ?9)",
                params![
                    new.name,
                    new.person_id,
                    new.display,
                    new.password,
                    new.totp_secret,
                    list_to_json(new.groups),
                    now_s,
                    principal,
                    step
                ],
            )?;
            Ok(true)
        })
    }

    /// `principal` was seen at the identity provider: its enrolment, where it has one, has these groups from now on.
    pub(crate) fn seen(&self, principal: &str, groups: &[String], now_s: i64) -> Result<(), StoreError> {
        self.transact(|tx| {
            let sql = "UPDATE users SET groups = ?2, seen_s = ?3 WHERE principal = ?1";
            tx.execute(sql, params![principal, list_to_json(groups), now_s])?;
            Ok(())
        })
    }
}
