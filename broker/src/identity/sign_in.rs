//! Signing in with a local account: tries are counted before the password is looked at, all failures look the same
//! and take the same time, and success counts only once it is in the ledger.

use std::net::SocketAddr;

use hoop_api::PrincipalKind;
use hoop_ledger::entry::{Event, User};
use hoop_policy::Principal;
use secrecy::SecretString;

use super::audit::{Entry, unknown_user, user_of};
use super::device::Authenticated;
use super::local::{self, AccountName};
use super::{GrantFault, Identity, address};
use crate::ledger::Poisoned;
use crate::store::{Counter, Store, StoreError, UserRow};

/// An address may fail so many times as often as an account before it is locked: offices share addresses.
const ADDRESS_FACTOR: u32 = 5;

/// What a person typed.
#[derive(Debug)]
pub struct Credentials {
    /// Account name, as typed.
    pub name: String,
    /// Password.
    pub password: SecretString,
    /// One-time code.
    pub otp: SecretString,
}

/// Why a sign-in failed, as far as the person is told.
#[derive(Debug, thiserror::Error)]
pub enum SignInFault {
    /// Wrong name, password or code, or locked; the same words for all (PCI DSS 8.3.4, OWASP ASVS 2.2).
    #[error("the name, password or one-time code is wrong, or the account is locked")]
    Refused,
    /// The ledger failed.
    #[error(transparent)]
    NotRecorded(#[from] Poisoned),
    /// The state database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GrantFault> for SignInFault {
    fn from(fault: GrantFault) -> Self {
        match fault {
            GrantFault::NotRecorded(poisoned) => Self::NotRecorded(poisoned),
            GrantFault::Store(error) => Self::Store(error),
            GrantFault::Invalid | GrantFault::Reuse | GrantFault::Account | GrantFault::Token(_) => {
                Self::Refused
            }
        }
    }
}

/// Which tries this sign-in has taken.
struct Tries {
    user: Option<UserRow>,
    account: Option<u32>,
    address: Option<u32>,
    /// Why not even the right password would do.
    locked: Option<&'static str>,
}

enum Checked {
    Right,
    Wrong(&'static str),
}

impl Identity {
    /// Signs a local user in from `origin`, for the terminal with key `jkt`.
    ///
    /// # Errors
    /// [`SignInFault`].
    pub async fn sign_in(
        &self,
        credentials: Credentials,
        origin: SocketAddr,
        jkt: &str,
    ) -> Result<Authenticated, SignInFault> {
        self.record_changes().await?;
        let network = address::network_of(origin.ip());
        let tries = self.take_tries(&credentials.name, &network).await?;
        let (user, checked) = self.check(tries.user, credentials, tries.locked).await?;
        let reason = match checked {
            Checked::Wrong(reason) => reason,
            Checked::Right => {
                let Some(user) = user else { return Err(SignInFault::Refused) };
                return self.signed_in(user, network, origin, jkt).await;
            }
        };
        let who = user.as_ref().map_or_else(unknown_user, ledger_user);
        let event = Event::SignInFailed { method: "local".to_owned(), reason: reason.to_owned() };
        let recorded =
            self.inner.journal.record(Entry::new(who.clone(), "broker", event).from(origin).failed()).await;
        let limit = self.inner.config.limits.login_attempts;
        if tries.locked.is_none() {
            if let (Some(user), Some(n)) = (&user, tries.account)
                && n >= limit
            {
                self.lock(Counter::Account, &user.name, who.clone(), origin).await?;
            }
            if tries.address.is_some_and(|n| n >= limit.saturating_mul(ADDRESS_FACTOR)) {
                self.lock(Counter::Address, &network, unknown_user(), origin).await?;
            }
        }
        recorded?;
        Err(SignInFault::Refused)
    }

    async fn take_tries(&self, name: &str, network: &str) -> Result<Tries, StoreError> {
        let limits = &self.inner.config.limits;
        let (limit, now_s) = (limits.login_attempts, self.now_s());
        let window_s = i64::try_from(limits.lockout.as_secs()).unwrap_or(i64::MAX);
        // Local users where they are the way in; else who enrolled for when the provider is down.
        let enrolled = self.inner.oidc.is_some();
        let life = self.inner.config.break_glass.as_ref().map(|b| b.enrolment.as_secs());
        let life_s = life.map_or(0, |s| i64::try_from(s).unwrap_or(i64::MAX));
        let held = self.inner.config.administration.is_some();
        let lapsed = move |u: &UserRow| enrolled && now_s.saturating_sub(u.seen_s) > life_s;
        let name = AccountName::parse(name).ok();
        let network = network.to_owned();
        self.inner
            .store
            .run(move |store| {
                let user = match &name {
                    Some(name) => store.user(name.as_str())?.filter(|u| u.principal.is_some() == enrolled),
                    None => None,
                };
                let address = store.take_try(Counter::Address, &network, now_s, window_s)?;
                // A name that does not exist is counted by its address only, or strangers could fill the table.
                let account = match (&user, address) {
                    (Some(user), Some(_)) => store.take_try(Counter::Account, &user.name, now_s, window_s)?,
                    (Some(_), None) | (None, _) => None,
                };
                // Tries in flight beyond the limit are locked out before the first of them has failed.
                let over = |tries: Option<u32>, max: u32| tries.is_none_or(|n| n > max);
                let locked = if over(address, limit.saturating_mul(ADDRESS_FACTOR)) {
                    Some("address_locked")
                } else if user.is_some() && over(account, limit) {
                    Some("account_locked")
                } else if user.as_ref().is_some_and(|u| held && u.held) {
                    Some("account_held")
                } else if user.as_ref().is_some_and(lapsed) {
                    Some("enrolment_lapsed")
                } else {
                    None
                };
                Ok(Tries { user, account, address, locked })
            })
            .await
    }

    /// Checks password and code on a blocking thread, a few at once; the code's step is used up when both are right.
    async fn check(
        &self,
        user: Option<UserRow>,
        credentials: Credentials,
        locked: Option<&'static str>,
    ) -> Result<(Option<UserRow>, Checked), StoreError> {
        let Ok(_turn) = self.inner.hashing.acquire().await else {
            return Err(StoreError::Closing);
        };
        let (dummy, now_s) = (self.inner.dummy_hash.clone(), self.now_s());
        self.inner
            .store
            .run(move |store| {
                let checked = check_blocking(store, user.as_ref(), &credentials, locked, &dummy, now_s)?;
                Ok((user, checked))
            })
            .await
    }

    async fn signed_in(
        &self,
        user: UserRow,
        network: String,
        origin: SocketAddr,
        jkt: &str,
    ) -> Result<Authenticated, SignInFault> {
        let (credential, account) = (Some(user.credential()), user.name.clone());
        let enrolled = user.principal.is_some();
        let principal = Principal {
            id: user.principal_id().to_owned(),
            name: user.display,
            kind: PrincipalKind::User,
            person_id: Some(user.person_id),
            groups: user.groups,
        };
        // RFC 8176: two factors of different kinds.
        let amr = ["pwd", "otp", "mfa"].map(str::to_owned).to_vec();
        let who = Authenticated { principal, provider: "local", amr, auth_s: self.now_s(), credential };
        let method = if enrolled { "break_glass" } else { "local" };
        self.record_sign_in(&who, method, origin, jkt).await?;
        self.inner.store.run(move |store| store.forgive(&account, &network)).await?;
        Ok(who)
    }

    /// Writes a sign-in by `method` to the ledger; without it there is none.
    ///
    /// # Errors
    /// [`Poisoned`].
    pub async fn record_sign_in(
        &self,
        who: &Authenticated,
        method: &str,
        origin: SocketAddr,
        jkt: &str,
    ) -> Result<(), Poisoned> {
        let event =
            Event::SignIn { method: method.to_owned(), amr: who.amr.clone(), client_key: jkt.to_owned() };
        self.inner.journal.record(Entry::new(user_of(&who.principal), "broker", event).from(origin)).await
    }

    async fn lock(
        &self,
        counter: Counter,
        subject: &str,
        who: User,
        origin: SocketAddr,
    ) -> Result<(), SignInFault> {
        let life_s = i64::try_from(self.inner.config.limits.lockout.as_secs()).unwrap_or(i64::MAX);
        let until_s = self.now_s().saturating_add(life_s);
        let owned = subject.to_owned();
        self.inner.store.run(move |store| store.lock(counter, &owned, until_s)).await?;
        let event = Event::LockOut { until_us: until_s.saturating_mul(1_000_000) };
        let affected = match counter {
            Counter::Account => format!("user {subject}"),
            Counter::Address => format!("address {subject}"),
        };
        self.inner.journal.record(Entry::new(who, affected, event).from(origin).failed()).await?;
        Ok(())
    }
}

fn ledger_user(user: &UserRow) -> User {
    User {
        id: user.principal_id().to_owned(),
        kind: "user".to_owned(),
        person_id: Some(user.person_id.clone()),
    }
}

/// All the work is done even when the answer is known: the time taken must not tell.
fn check_blocking(
    store: &Store,
    user: Option<&UserRow>,
    credentials: &Credentials,
    locked: Option<&'static str>,
    dummy: &str,
    now_s: i64,
) -> Result<Checked, StoreError> {
    let hash = user.map_or(dummy, |user| user.password.as_str());
    let password = local::verify_password(&credentials.password, hash);
    let no_secret = [0; 20];
    let (name, secret) =
        user.map_or(("nobody", no_secret.as_slice()), |u| (&u.name, u.totp_secret.as_slice()));
    let step = local::totp_step(name, secret, &credentials.otp, now_s);
    if let Some(reason) = locked {
        return Ok(Checked::Wrong(reason));
    }
    let Some(user) = user else { return Ok(Checked::Wrong("unknown_account")) };
    if !password {
        return Ok(Checked::Wrong("bad_password"));
    }
    if user.disabled {
        return Ok(Checked::Wrong("account_disabled"));
    }
    let Some(step) = step else { return Ok(Checked::Wrong("bad_otp")) };
    if store.use_totp_step(&user.name, step)? { Ok(Checked::Right) } else { Ok(Checked::Wrong("otp_reused")) }
}
