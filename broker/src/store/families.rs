//! Token families: all refresh tokens that descend from one sign-in. Rotation is one transaction, so that of two
//! clients with the same token at most one gets a successor, and the other ends the family (RFC 9700, 4.14.2).

use hoop_policy::{Principal, PrincipalKind};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError, list_from_json, list_to_json};

/// One sign-in and its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Random id.
    pub id: String,
    /// Who signed in, as last known.
    pub principal: Principal,
    /// `local` or `oidc`.
    pub provider: String,
    /// Thumbprint of the client's key.
    pub jkt: String,
    /// How the person proved who they are (RFC 8176).
    pub amr: Vec<String>,
    /// When, Unix seconds.
    pub auth_s: i64,
    /// End of the family, Unix seconds.
    pub expires_s: i64,
}

/// What a new family starts with: the family and the hash of its first refresh token.
#[derive(Debug)]
pub struct NewFamily<'a> {
    /// The family.
    pub family: &'a Family,
    /// SHA-256 of the first refresh token.
    pub refresh_hash: [u8; 32],
}

/// Whether a family lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyState {
    /// It lives.
    Live,
    /// It ended, expired, or never was.
    Ended,
}

/// What became of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// It was current and is now used up; its successor is stored.
    Rotate(Family),
    /// It was used before: the family has been ended in the same transaction.
    Reuse(Family),
    /// It is current but bound to another key; nothing changed.
    WrongKey(Family),
    /// Unknown, expired, or of a family that has ended.
    Refuse,
}

const COLUMNS: &str = "f.id, f.principal, f.name, f.person_id, f.groups, f.provider, f.jkt, f.amr, f.auth_s,
                       f.expires_s, f.end_reason";

struct Raw {
    family: Family,
    groups: String,
    amr: String,
    ended: Option<String>,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        family: Family {
            id: row.get(0)?,
            principal: Principal {
                id: row.get(1)?,
                name: row.get(2)?,
                kind: PrincipalKind::User,
                person_id: row.get(3)?,
                groups: Vec::new(),
            },
            provider: row.get(5)?,
            jkt: row.get(6)?,
            amr: Vec::new(),
            auth_s: row.get(8)?,
            expires_s: row.get(9)?,
        },
        groups: row.get(4)?,
        amr: row.get(7)?,
        ended: row.get(10)?,
    })
}

fn complete(raw: Raw) -> Result<(Family, Option<String>), StoreError> {
    let mut family = raw.family;
    family.principal.groups = list_from_json(&raw.groups, "list of groups")?;
    family.amr = list_from_json(&raw.amr, "list of methods")?;
    Ok((family, raw.ended))
}

fn by_token(
    tx: &Transaction<'_>,
    hash: &[u8; 32],
) -> Result<Option<(Family, Option<String>, bool)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, t.used FROM refresh_tokens t JOIN token_families f ON f.id = t.family WHERE t.hash = ?1"
    );
    let Some((raw, used)) =
        tx.query_row(&sql, [hash.as_slice()], |row| Ok((read(row)?, row.get(11)?))).optional()?
    else {
        return Ok(None);
    };
    let (family, ended) = complete(raw)?;
    Ok(Some((family, ended, used)))
}

fn end(tx: &Transaction<'_>, id: &str, reason: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE token_families SET end_reason = ?2 WHERE id = ?1 AND end_reason IS NULL";
    Ok(tx.execute(sql, params![id, reason])? == 1)
}

fn insert_token(tx: &Transaction<'_>, hash: &[u8; 32], family: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO refresh_tokens (hash, family) VALUES (?1, ?2)";
    tx.execute(sql, params![hash.as_slice(), family])?;
    Ok(())
}

impl Store {
    /// Stores a new family and its first refresh token.
    pub(crate) fn insert_family(&self, new: &NewFamily<'_>) -> Result<(), StoreError> {
        let f = new.family;
        self.transact(|tx| {
            tx.execute(
                "INSERT INTO token_families
                 (id, principal, name, person_id, groups, provider, jkt, amr, auth_s, expires_s)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    f.id,
                    f.principal.id,
                    f.principal.name,
                    f.principal.person_id,
                    list_to_json(&f.principal.groups),
                    f.provider,
                    f.jkt,
                    list_to_json(&f.amr),
                    f.auth_s,
                    f.expires_s
                ],
            )?;
            insert_token(tx, &new.refresh_hash, &f.id)
        })
    }

    /// Spends the refresh token with hash `old` and stores its successor `new`, when everything fits.
    pub(crate) fn rotate(
        &self,
        old: [u8; 32],
        new: [u8; 32],
        jkt: &str,
        now_s: i64,
    ) -> Result<Rotation, StoreError> {
        self.transact(|tx| {
            let Some((family, ended, used)) = by_token(tx, &old)? else {
                return Ok(Rotation::Refuse);
            };
            if ended.is_some() || family.expires_s <= now_s {
                return Ok(Rotation::Refuse);
            }
            // Reuse is judged before the key: a spent token in anyone's hands means that it was copied.
            if used {
                end(tx, &family.id, "reuse")?;
                return Ok(Rotation::Reuse(family));
            }
            if family.jkt != jkt {
                return Ok(Rotation::WrongKey(family));
            }
            tx.execute("UPDATE refresh_tokens SET used = 1 WHERE hash = ?1", [old.as_slice()])?;
            insert_token(tx, &new, &family.id)?;
            Ok(Rotation::Rotate(family))
        })
    }

    /// Takes over what the identity provider says now about the family's principal.
    pub(crate) fn update_family_principal(&self, id: &str, principal: &Principal) -> Result<(), StoreError> {
        self.transact(|tx| {
            let sql = "UPDATE token_families SET name = ?2, groups = ?3 WHERE id = ?1";
            tx.execute(sql, params![id, principal.name, list_to_json(&principal.groups)])?;
            Ok(())
        })
    }

    /// A principal as it was when it signed in last, where that is not forgotten yet.
    pub(crate) fn last_seen(&self, principal: &str) -> Result<Option<Principal>, StoreError> {
        self.transact(|tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM token_families f WHERE f.principal = ?1
                 ORDER BY f.auth_s DESC, f.expires_s DESC LIMIT 1"
            );
            let raw = tx.query_row(&sql, [principal], read);
            Ok(raw.optional()?.map(complete).transpose()?.map(|(family, _)| family.principal))
        })
    }

    /// The family of a refresh token, live or not, with whether it still lives.
    pub(crate) fn family_of_token(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(Family, FamilyState)>, StoreError> {
        self.transact(|tx| {
            Ok(by_token(tx, &hash)?.map(|(family, ended, _)| {
                let state = if ended.is_some() { FamilyState::Ended } else { FamilyState::Live };
                (family, state)
            }))
        })
    }

    /// A family by id with whether it lives at `now_s`.
    pub(crate) fn family_state(&self, id: &str, now_s: i64) -> Result<FamilyState, StoreError> {
        self.transact(|tx| {
            let sql = "SELECT 1 FROM token_families WHERE id = ?1 AND end_reason IS NULL AND expires_s > ?2";
            let live: Option<i64> = tx.query_row(sql, params![id, now_s], |row| row.get(0)).optional()?;
            Ok(if live.is_some() { FamilyState::Live } else { FamilyState::Ended })
        })
    }

    /// Ends a family; true when this call ended it.
    pub(crate) fn end_family(&self, id: &str, reason: &str) -> Result<bool, StoreError> {
        self.transact(|tx| end(tx, id, reason))
    }

    /// Forgets families a day after their end of life; until then a reused token is still told from an unknown one.
    pub(crate) fn prune_families(&self, now_s: i64) -> Result<(), StoreError> {
        self.transact(|tx| {
            tx.execute("DELETE FROM token_families WHERE expires_s + 86400 <= ?1", [now_s])?;
            Ok(())
        })
    }
}
