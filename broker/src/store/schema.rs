//! The schema, as a list of migrations; the file's `user_version` counts those applied.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Append only: a released migration is never edited.
const MIGRATIONS: &[&str] = &[
    r"
CREATE TABLE users (
    name           TEXT PRIMARY KEY,
    person_id      TEXT NOT NULL UNIQUE,
    display        TEXT NOT NULL,
    password       TEXT NOT NULL,
    totp_secret    BLOB NOT NULL,
    totp_last_step INTEGER NOT NULL DEFAULT 0,
    groups         TEXT NOT NULL,
    disabled       INTEGER NOT NULL DEFAULT 0,
    created_s      INTEGER NOT NULL,
    changed_s      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Administrative changes wait here until the ledger has them; the account cannot sign in before that.
CREATE TABLE identity_changes (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us   INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    subject TEXT NOT NULL,
    change  TEXT NOT NULL
) STRICT;

CREATE TABLE failures (
    kind         TEXT NOT NULL CHECK (kind IN ('account', 'address')),
    subject      TEXT NOT NULL,
    tries        INTEGER NOT NULL,
    since_s      INTEGER NOT NULL,
    locked_until INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE token_families (
    id         TEXT PRIMARY KEY,
    principal  TEXT NOT NULL,
    name       TEXT NOT NULL,
    person_id  TEXT,
    groups     TEXT NOT NULL,
    provider   TEXT NOT NULL CHECK (provider IN ('local', 'oidc')),
    jkt        TEXT NOT NULL,
    amr        TEXT NOT NULL,
    auth_s     INTEGER NOT NULL,
    expires_s  INTEGER NOT NULL,
    end_reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX token_families_principal ON token_families (principal);

CREATE TABLE refresh_tokens (
    hash   BLOB PRIMARY KEY,
    family TEXT NOT NULL REFERENCES token_families (id) ON DELETE CASCADE,
    used   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
",
    r"
-- Accounts for when the identity provider is down belong to a principal of it, who was last seen there at `seen_s`.
ALTER TABLE users ADD COLUMN principal TEXT;
ALTER TABLE users ADD COLUMN seen_s INTEGER NOT NULL DEFAULT 0;
-- A change that others must approve first; who made the account or changed it.
ALTER TABLE users ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN makers TEXT NOT NULL DEFAULT '[]';
CREATE UNIQUE INDEX users_principal ON users (principal) WHERE principal IS NOT NULL;

-- Configuration and policy that were approved last, where changes of them must be.
CREATE TABLE accepted (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    config TEXT NOT NULL,
    policy TEXT NOT NULL
) STRICT;

CREATE TABLE findings (
    id        TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    person_id TEXT NOT NULL,
    target    TEXT NOT NULL,
    level     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    ticket    TEXT NOT NULL,
    enrolled  INTEGER NOT NULL,
    opened_s  INTEGER NOT NULL,
    ends_s    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reviews (
    finding    TEXT NOT NULL REFERENCES findings (id),
    person_id  TEXT NOT NULL,
    principal  TEXT NOT NULL,
    conclusion TEXT NOT NULL CHECK (conclusion IN ('justified', 'misused')),
    note       TEXT NOT NULL,
    at_s       INTEGER NOT NULL,
    PRIMARY KEY (finding, person_id)
) STRICT, WITHOUT ROWID;
",
];

/// Applies what is missing.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for migration in MIGRATIONS.iter().skip(found as usize) {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok(())
}
