//! Enrolment for when the identity provider is down: an account name, a password and one-time codes of our own, which
//! open emergency sessions and nothing else. The person enrols while the provider still says who they are.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hoop_api::finding::{Enrol, Enrolling};
use hoop_api::{Code, Problem};
use hoop_ledger::entry::Event;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::audit::{Entry, user_of};
use super::device::Authenticated;
use super::local::{self, AccountName, LocalError};
use super::{Caller, Identity, not_recorded, state_failed};
use crate::ledger::Poisoned;
use crate::store::{Enrolled, NewUser};

/// For how long a secret waits for its first code.
const WAITS: Duration = Duration::from_secs(600);
/// Secrets that wait at once.
const MOST: usize = 256;
/// What the authenticator calls the account.
const TOTP_NAME: &str = "break-glass";
/// Wrong first codes of one secret.
const TRIES: u32 = 5;

struct Waiting {
    secret: Zeroizing<[u8; 20]>,
    until: Duration,
    tries: u32,
}

/// Secrets that wait for their first code, by principal. A restart forgets them: who was about to enrol begins anew.
#[derive(Default)]
pub(super) struct Enrolments(Mutex<HashMap<String, Waiting>>);

impl Enrolments {
    fn live(&self, mono: Duration) -> MutexGuard<'_, HashMap<String, Waiting>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, w| w.until > mono && w.tries < TRIES);
        waiting
    }
}

impl Identity {
    /// Makes a one-time-code secret for `caller`, which waits for [`Identity::enrol`].
    ///
    /// # Errors
    /// Break-glass is off, the broker has users of its own, or the caller has not just signed in with two factors.
    pub fn begin_enrolment(&self, caller: &Caller) -> Result<Enrolling, Problem> {
        self.may_enrol(caller)?;
        let secret = Zeroizing::new(rand::random::<[u8; 20]>());
        let url = local::totp_url(TOTP_NAME, secret.as_slice()).map_err(refused)?;
        let mut waiting = self.inner.enrolments.live(self.mono());
        if waiting.len() >= MOST && !waiting.contains_key(&caller.principal.id) {
            return Err(Problem::new(Code::LimitReached, "too many enrolments are under way")
                .with_hint("try again in some minutes"));
        }
        let until = self.mono() + WAITS;
        waiting.insert(caller.principal.id.clone(), Waiting { secret, until, tries: 0 });
        Ok(Enrolling { totp_url: url.expose_secret().to_owned(), expires_in: WAITS.as_secs() })
    }

    /// Ends the enrolment of `caller`: whoever signs in so from now on opens emergency sessions in their name. An older
    /// one of theirs is void.
    ///
    /// # Errors
    /// As [`Identity::begin_enrolment`]; nothing waits, the code is wrong, the password weak, or the name taken.
    pub async fn enrol(&self, caller: &Caller, asked: Enrol) -> Result<(), Problem> {
        self.may_enrol(caller)?;
        let Enrol { name, password, otp } = asked;
        let (password, otp) = (SecretString::from(password), SecretString::from(otp));
        let name = AccountName::parse(&name).map_err(refused)?;
        local::check_password(&password).map_err(refused)?;
        let principal = std::sync::Arc::clone(&caller.principal);
        let Some(person_id) = principal.person_id.clone() else { return Err(no_person()) };
        let (secret, step) = {
            let mut waiting = self.inner.enrolments.live(self.mono());
            let Some(one) = waiting.get_mut(&principal.id) else {
                return Err(Problem::new(Code::Conflict, "no enrolment of yours is under way")
                    .with_hint("begin anew: `hoopctl enrol`"));
            };
            one.tries += 1;
            let Some(step) = local::totp_step(TOTP_NAME, one.secret.as_slice(), &otp, self.now_s()) else {
                return Err(Problem::new(Code::BadRequest, "the one-time code is wrong")
                    .with_hint("give the code that the authenticator shows now"));
            };
            (one.secret.clone(), step)
        };
        // Recorded first: an account that nobody knows of must not be there.
        let event = Event::IdentityChange {
            subject: name.as_str().to_owned(),
            change: "enrolled for break-glass".to_owned(),
        };
        let entry = Entry::new(user_of(&principal), format!("user {}", name.as_str()), event);
        self.inner.journal.record(entry.from(caller.origin)).await.map_err(not_recorded)?;
        let (now_s, who, account) = (self.now_s(), principal.clone(), name.clone());
        let cost = self.inner.password_cost;
        let Ok(_turn) = self.inner.hashing.acquire().await else {
            return Err(Problem::new(Code::ShuttingDown, "the broker is stopping"));
        };
        let added = self.inner.store.run(move |store| {
            let hash = local::hash_password(&password, cost)?;
            let new = NewUser {
                name: account.as_str(),
                person_id: &person_id,
                display: &who.name,
                password: &hash,
                totp_secret: secret.as_slice(),
                groups: &who.groups,
            };
            Ok::<_, LocalError>(store.enrol(&new, &who.id, step, now_s)?)
        });
        match added.await.map_err(refused)? {
            Enrolled::Done => {}
            Enrolled::Taken => {
                return Err(refused(LocalError::Exists(name.as_str().to_owned()))
                    .with_hint("choose another name: `hoopctl enrol --name NAME`"));
            }
            Enrolled::Stopped => {
                return Err(Problem::new(Code::Denied, "your enrolment was disabled")
                    .with_hint("the broker's administrator can enable or remove it"));
            }
        }
        self.inner.enrolments.live(self.mono()).remove(&principal.id);
        Ok(())
    }

    fn may_enrol(&self, caller: &Caller) -> Result<(), Problem> {
        if self.inner.oidc.is_none() {
            return Err(Problem::new(
                Code::BadRequest,
                "this broker has users of its own: nothing needs to be enrolled",
            )
            .with_hint("sign in as always: `hoopctl login --fresh`"));
        }
        if self.inner.config.break_glass.is_none() {
            return Err(Problem::new(Code::Denied, "break-glass is not set up on this broker")
                .with_hint("its administrator adds a section [break_glass] to the configuration"));
        }
        if caller.principal.person_id.is_none() {
            return Err(no_person());
        }
        caller.is_fresh(self.now_s())
    }

    /// Records a sign-in at the identity provider, after which the enrolment of that person, where there is one, has the
    /// groups that the provider told.
    ///
    /// # Errors
    /// [`Poisoned`]: it does not count.
    pub async fn signed_in_there(
        &self,
        who: &Authenticated,
        origin: SocketAddr,
        jkt: &str,
    ) -> Result<(), Poisoned> {
        self.record_sign_in(who, who.provider, origin, jkt).await?;
        let (id, groups, now_s) = (who.principal.id.clone(), who.principal.groups.clone(), self.now_s());
        if let Err(error) = self.inner.store.run(move |store| store.seen(&id, &groups, now_s)).await {
            tracing::error!(%error, "the groups of an enrolment could not be brought up to date");
        }
        Ok(())
    }
}

impl Caller {
    /// They have just signed in, with two factors.
    ///
    /// # Errors
    /// Not so; says what to do.
    pub fn is_fresh(&self, now_s: i64) -> Result<(), Problem> {
        const FRESH_S: i64 = 300;
        let fresh = self.auth_s > 0 && now_s.saturating_sub(self.auth_s) <= FRESH_S;
        let why = match (fresh, self.amr.iter().any(|method| method == "mfa")) {
            (true, true) => return Ok(()),
            (false, _) => {
                "this asks for a sign-in of the last five minutes, and yours is older or does not say how old"
            }
            (true, false) => "this asks for a sign-in with a second factor, and yours does not tell of one",
        };
        Err(Problem::new(Code::Denied, why).with_hint(
            "sign in anew: `hoopctl login --fresh`; where the identity provider is down, choose break-glass on that page",
        ))
    }
}

fn no_person() -> Problem {
    Problem::new(Code::Denied, "your sign-in does not say which person you are")
}

fn refused(error: LocalError) -> Problem {
    match error {
        LocalError::Store(error) => state_failed(&error),
        LocalError::Crypto => Problem::new(Code::Internal, error.to_string()),
        LocalError::Exists(_) => Problem::new(Code::Conflict, error.to_string()),
        LocalError::Name(_)
        | LocalError::Group(_)
        | LocalError::WeakPassword
        | LocalError::LongPassword
        | LocalError::Unknown(_) => Problem::new(Code::BadRequest, error.to_string()),
    }
}
