//! Accounts of people whom an identity provider signs in else, for when it is down.

use rusqlite::params;

use super::users::end_families;
use super::{NewUser, Store, StoreError, list_to_json};

/// What came of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolled {
    /// It signs in from now on.
    Done,
    /// Somebody else has the name.
    Taken,
    /// There is one that was disabled, and it stays so.
    Stopped,
}

impl Store {
    /// Adds, or replaces, the account that signs `principal` in when the identity provider is down, and ends its token
    /// families.
    /// `step` is that of the one-time code that it was proved with, which is used up.
    pub(crate) fn enrol(
        &self,
        new: &NewUser<'_>,
        principal: &str,
        step: u64,
        now_s: i64,
    ) -> Result<Enrolled, StoreError> {
        let step = i64::try_from(step).map_err(|_| StoreError::Damaged("TOTP step"))?;
        self.transact(|tx| {
            let sql = "SELECT count(*) FROM users WHERE name = ?1 AND principal IS NOT ?2 AND person_id IS NOT ?3";
            let others: i64 = tx.query_row(sql, [new.name, principal, new.person_id], |row| row.get(0))?;
            if others > 0 {
                return Ok(Enrolled::Taken);
            }
            // One enrolment a person, also of one whom the provider names otherwise now. One that was stopped stays so.
            let own = "principal = ?1 OR (principal IS NOT NULL AND person_id = ?2)";
            let sql = format!("SELECT principal, disabled OR held FROM users WHERE {own}");
            let mut statement = tx.prepare(&sql)?;
            let rows = statement.query_map([principal, new.person_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows: Vec<(String, bool)> = rows.collect::<Result<_, _>>()?;
            if rows.iter().any(|(_, stopped)| *stopped) {
                return Ok(Enrolled::Stopped);
            }
            tx.execute(&format!("DELETE FROM users WHERE {own}"), [principal, new.person_id])?;
            for (of, _) in &rows {
                end_families(tx, of)?;
            }
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
            Ok(Enrolled::Done)
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
