//! Local users, the embedded default: argon2id passwords and TOTP codes.
//!
//! The administrative calls are synchronous, for commands on the broker's machine. Each leaves a note in the state
//! database that the running broker writes to the ledger before the account can sign in again.

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use rand::RngExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::clock;
use crate::store::{By, NewUser, Store, StoreError};

/// PCI DSS 8.3.6.
const MIN_PASSWORD_CHARS: usize = 12;
/// Argon2 takes time in the length of its input; nobody types more.
const MAX_PASSWORD_BYTES: usize = 1024;
const TOTP_STEP_S: u64 = 30;
const TOTP_DIGITS: u8 = 6;

/// Cost of one password check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// Memory and passes of RFC 9106's second choice (section 4), on one lane: about a tenth of a second.
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3 }
    }
}

/// Why a change to a local user was refused.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Not an account name.
    #[error("`{0}` is not an account name: 1 to 64 of a–z, 0–9, `.`, `_`, `-`, `@`, a letter or digit first")]
    Name(String),
    /// Not a group name.
    #[error("`{0}` is not a group name: 1 to 128 letters, digits, `.`, `_`, `-`, `:`, `/`")]
    Group(String),
    /// Too weak (PCI DSS 8.3.6).
    #[error("the password must have at least 12 characters, letters and digits among them")]
    WeakPassword,
    /// Too long.
    #[error("the password must have at most 1024 bytes")]
    LongPassword,
    /// Taken.
    #[error("there is a user `{0}` already")]
    Exists(String),
    /// Not there.
    #[error("there is no user `{0}`")]
    Unknown(String),
    /// Hashing or TOTP failed.
    #[error("cannot make the user's secrets")]
    Crypto,
    /// The state database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A local user as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalUser {
    /// Account name.
    pub name: String,
    /// Stable identity, made at creation, never reused.
    pub person_id: String,
    /// Display name.
    pub display: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Cannot sign in.
    pub disabled: bool,
    /// Others must approve a change of it first.
    pub held: bool,
    /// Locked after too many tries until then, Unix seconds.
    pub locked_until_s: Option<i64>,
}

/// What a new user gets.
#[derive(Debug)]
pub struct Enrolment {
    /// The user.
    pub user: LocalUser,
    /// `otpauth://` URL for the authenticator, to be shown once.
    pub totp_url: SecretString,
}

/// An account name in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountName(String);

impl AccountName {
    /// Reads a name; upper case becomes lower case.
    ///
    /// # Errors
    /// [`LocalError::Name`].
    pub fn parse(text: &str) -> Result<Self, LocalError> {
        let name = text.trim().to_ascii_lowercase();
        let good = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b))
            && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if good { Ok(Self(name)) } else { Err(LocalError::Name(text.chars().take(64).collect())) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Administers local users; cheap to clone.
#[derive(Debug, Clone)]
pub struct LocalUsers {
    store: Store,
    cost: PasswordCost,
    actor: String,
}

impl LocalUsers {
    /// Users in `store`, passwords at the default cost.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::with_cost(store, PasswordCost::default())
    }

    /// Users in `store`, passwords at `cost`.
    #[must_use]
    pub fn with_cost(store: Store, cost: PasswordCost) -> Self {
        Self { store, cost, actor: "console".to_owned() }
    }

    /// Names who makes the changes, for the ledger: such as the operating system's account of a command.
    #[must_use]
    pub fn acting_as(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    fn by(&self) -> By<'_> {
        By { actor: &self.actor, now_us: clock::unix_us() }
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`LocalError`]; nothing was added.
    pub fn add(
        &self,
        name: &str,
        password: &SecretString,
        groups: &[String],
        display: &str,
    ) -> Result<Enrolment, LocalError> {
        let name = AccountName::parse(name)?;
        check_groups(groups)?;
        check_password(password)?;
        let hash = hash_password(password, self.cost)?;
        let secret = Zeroizing::new(rand::random::<[u8; 20]>());
        let totp_url = totp_url(name.as_str(), secret.as_slice())?;
        // An account name may come back for somebody else; this identity does not.
        let person_id = format!("local:{}", super::token::random_id());
        let new = NewUser {
            name: name.as_str(),
            person_id: &person_id,
            display,
            password: &hash,
            totp_secret: secret.as_slice(),
            groups,
        };
        if !self.store.insert_user(&new, &self.by())? {
            return Err(LocalError::Exists(name.0));
        }
        let held = self.store.user(name.as_str())?.is_some_and(|u| u.held);
        let user = LocalUser {
            name: name.0,
            person_id,
            display: display.to_owned(),
            groups: groups.to_vec(),
            disabled: false,
            held,
            locked_until_s: None,
        };
        Ok(Enrolment { user, totp_url })
    }

    /// All users by name.
    ///
    /// # Errors
    /// [`LocalError::Store`].
    pub fn list(&self) -> Result<Vec<LocalUser>, LocalError> {
        let now_s = clock::unix_s();
        let mut all = Vec::new();
        for row in self.store.users()? {
            let locked_until_s = self.store.account_locked_until(&row.name, now_s)?;
            all.push(LocalUser {
                name: row.name,
                person_id: row.person_id,
                display: row.display,
                groups: row.groups,
                disabled: row.disabled,
                held: row.held,
                locked_until_s,
            });
        }
        Ok(all)
    }

    /// Removes a user and ends its tokens; the running broker ends its sessions.
    ///
    /// # Errors
    /// [`LocalError::Unknown`] and others.
    pub fn remove(&self, name: &str) -> Result<(), LocalError> {
        self.existing(name, |name| self.store.delete_user(name, &self.by()))
    }

    /// Replaces the groups; they count from the next refresh, within the life of an access token.
    ///
    /// # Errors
    /// [`LocalError::Unknown`] and others.
    pub fn set_groups(&self, name: &str, groups: &[String]) -> Result<(), LocalError> {
        check_groups(groups)?;
        self.existing(name, |name| self.store.set_user_groups(name, groups, &self.by()))
    }

    /// Disables or enables a user; disabling ends its tokens, and the running broker ends its sessions.
    ///
    /// # Errors
    /// [`LocalError::Unknown`] and others.
    pub fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), LocalError> {
        self.existing(name, |name| self.store.set_user_disabled(name, disabled, &self.by()))
    }

    /// Forgets failed tries and a lock-out.
    ///
    /// # Errors
    /// [`LocalError::Unknown`] and others.
    pub fn unlock(&self, name: &str) -> Result<(), LocalError> {
        self.existing(name, |name| self.store.unlock_user(name, &self.by()))
    }

    /// Replaces the password and ends the user's tokens.
    ///
    /// # Errors
    /// [`LocalError`]; nothing was changed.
    pub fn reset_password(&self, name: &str, password: &SecretString) -> Result<(), LocalError> {
        check_password(password)?;
        let hash = hash_password(password, self.cost)?;
        self.existing(name, |name| self.store.set_user_password(name, &hash, &self.by()))
    }

    /// Replaces the authenticator's secret and ends the user's tokens; returns the new `otpauth://` URL.
    ///
    /// # Errors
    /// [`LocalError`]; nothing was changed.
    pub fn reset_totp(&self, name: &str) -> Result<SecretString, LocalError> {
        let secret = Zeroizing::new(rand::random::<[u8; 20]>());
        let url = totp_url(AccountName::parse(name)?.as_str(), secret.as_slice())?;
        self.existing(name, |name| self.store.set_user_totp(name, secret.as_slice(), &self.by()))?;
        Ok(url)
    }

    fn existing(
        &self,
        name: &str,
        work: impl FnOnce(&str) -> Result<bool, StoreError>,
    ) -> Result<(), LocalError> {
        let name = AccountName::parse(name)?;
        if work(name.as_str())? { Ok(()) } else { Err(LocalError::Unknown(name.0)) }
    }
}

fn check_groups(groups: &[String]) -> Result<(), LocalError> {
    let good = |group: &str| {
        (1..=128).contains(&group.chars().count())
            && group.chars().all(|c| c.is_alphanumeric() || "._-:/".contains(c))
    };
    match groups.iter().find(|group| !good(group)) {
        Some(bad) => Err(LocalError::Group(bad.chars().take(128).collect())),
        None => Ok(()),
    }
}

pub(super) fn check_password(password: &SecretString) -> Result<(), LocalError> {
    let text = password.expose_secret();
    if text.len() > MAX_PASSWORD_BYTES {
        return Err(LocalError::LongPassword);
    }
    let strong = text.chars().count() >= MIN_PASSWORD_CHARS
        && text.chars().any(char::is_alphabetic)
        && text.chars().any(char::is_numeric);
    if strong { Ok(()) } else { Err(LocalError::WeakPassword) }
}

fn argon2(cost: PasswordCost) -> Result<Argon2<'static>, LocalError> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(|_| LocalError::Crypto)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Argon2id hash as a PHC string.
pub(super) fn hash_password(password: &SecretString, cost: PasswordCost) -> Result<String, LocalError> {
    let salt: [u8; 16] = rand::rng().random();
    let hash = argon2(cost)?
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map_err(|_| LocalError::Crypto)?;
    Ok(hash.to_string())
}

/// True when `password` has `hash`, whose parameters count. The comparison is the library's, in constant time.
pub(super) fn verify_password(password: &SecretString, hash: &str) -> bool {
    let text = password.expose_secret();
    text.len() <= MAX_PASSWORD_BYTES && Argon2::default().verify_password(text.as_bytes(), hash).is_ok()
}

fn totp(name: &str, secret: &[u8]) -> Result<Totp, LocalError> {
    // SHA-1 because authenticators ignore any other choice in silence; HMAC does not suffer from its collisions.
    Builder::new()
        .with_algorithm(totp_rs::Algorithm::SHA1)
        .with_digits(TOTP_DIGITS)
        .with_step_duration(TOTP_STEP_S)
        .with_skew(1)
        .with_secret(secret.to_vec())
        .with_account_name(name)
        .with_issuer(Some("hoopctl"))
        .build()
        .map_err(|_| LocalError::Crypto)
}

pub(super) fn totp_url(name: &str, secret: &[u8]) -> Result<SecretString, LocalError> {
    totp(name, secret)?.to_url().map(SecretString::from).map_err(|_| LocalError::Crypto)
}

/// The step that `code` belongs to when it is right at `now_s`, one step of skew either way.
pub(super) fn totp_step(name: &str, secret: &[u8], code: &SecretString, now_s: i64) -> Option<u64> {
    let code: Zeroizing<String> =
        Zeroizing::new(code.expose_secret().chars().filter(|c| !c.is_whitespace()).collect());
    if code.len() != usize::from(TOTP_DIGITS) || !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    totp(name, secret).ok()?.check(&code, u64::try_from(now_s).ok()?)
}
