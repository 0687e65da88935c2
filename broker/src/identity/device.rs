//! Device codes (RFC 8628): from the terminal's request to its tokens. In memory; a restart forgets them all.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hoop_api::Untrusted;
use hoop_policy::Principal;
use rand::RngExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::token;

/// Letters of user codes: no vowels (no words), nothing that looks alike (RFC 8628, 6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Life of a code.
pub const CODE_LIFE: Duration = Duration::from_secs(600);
/// Seconds between two polls, at first.
pub const POLL_INTERVAL_S: u64 = 5;

/// Somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who.
    pub principal: Principal,
    /// `local` or `oidc`.
    pub provider: &'static str,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// When, Unix seconds.
    pub auth_s: i64,
    /// Digest of the secrets that were proven, of a local account: a reset changes it.
    pub credential: Option<[u8; 32]>,
}

/// A user code in its one spelling, `XXXX-XXXX`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserCode(String);

impl UserCode {
    fn random() -> Self {
        let mut rng = rand::rng();
        let mut text = String::with_capacity(9);
        for i in 0..8 {
            if i == 4 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]));
        }
        Self(text)
    }

    /// What a person typed: case, blanks and hyphens do not matter (RFC 8628, 6.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let letters: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let good = letters.len() == 8 && letters.bytes().all(|b| ALPHABET.contains(&b));
        good.then(|| Self(format!("{}-{}", &letters[..4], &letters[4..])))
    }

    /// `XXXX-XXXX`
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the page shows of a waiting code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The code.
    pub code: UserCode,
    /// Host name that the terminal gave.
    pub host: Option<Untrusted>,
    /// Where the terminal's request came from.
    pub origin: SocketAddr,
    /// Thumbprint of the terminal's key.
    pub jkt: String,
    /// The terminal asks for a sign-in made now: the provider must not answer out of an earlier one.
    pub fresh: bool,
}

/// The codes handed to the terminal.
#[derive(Debug)]
pub struct Issued {
    /// For the terminal to poll with.
    pub device_code: SecretString,
    /// For the person to type.
    pub user_code: UserCode,
}

/// What a poll gets (RFC 8628, 3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// Nothing yet.
    Pending,
    /// Too soon; the interval has grown by five seconds.
    SlowDown,
    /// The person said no.
    Refused,
    /// Unknown, used or too old.
    Expired,
    /// Another key asks than the one that started.
    WrongKey,
    /// Signed in; the code is used up.
    Approved(Authenticated),
}

/// Why no code was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// The table is full.
    #[error("too many sign-ins are waiting")]
    Broker,
    /// This address has its share.
    #[error("too many sign-ins are waiting from this address")]
    Address,
}

#[derive(Debug)]
enum State {
    /// Nobody has typed it yet.
    Fresh,
    /// The browser with this id confirmed it and is about to sign in.
    Confirmed(String),
    Refused,
    Approved(Authenticated),
}

#[derive(Debug)]
struct Grant {
    waiting: Waiting,
    network: String,
    expires: Duration,
    interval: Duration,
    next_poll: Duration,
    state: State,
}

/// All waiting device codes.
#[derive(Debug)]
pub struct Devices {
    // Keyed by the hash of the device code, so that a memory dump does not hand them out. Short-held lock, no await.
    grants: Mutex<HashMap<[u8; 32], Grant>>,
    max: usize,
}

impl Devices {
    /// At most `max` codes at once, an eighth of them from one network.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { grants: Mutex::default(), max }
    }

    fn live(&self, mono: Duration) -> MutexGuard<'_, HashMap<[u8; 32], Grant>> {
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        grants.retain(|_, grant| grant.expires > mono);
        grants
    }

    /// Makes a pair of codes for the terminal with key `jkt`.
    ///
    /// # Errors
    /// [`Busy`] at a limit.
    pub fn start(
        &self,
        jkt: &str,
        host: Option<Untrusted>,
        origin: SocketAddr,
        fresh: bool,
        mono: Duration,
    ) -> Result<Issued, Busy> {
        let mut grants = self.live(mono);
        let network = super::address::network_of(origin.ip());
        if grants.len() >= self.max {
            return Err(Busy::Broker);
        }
        if grants.values().filter(|g| g.network == network).count() >= (self.max / 8).max(1) {
            return Err(Busy::Address);
        }
        let device_code = token::random_secret();
        let user_code = loop {
            let code = UserCode::random();
            if grants.values().all(|g| g.waiting.code != code) {
                break code;
            }
        };
        let interval = Duration::from_secs(POLL_INTERVAL_S);
        let waiting = Waiting { code: user_code.clone(), host, origin, jkt: jkt.to_owned(), fresh };
        grants.insert(
            token::hash(device_code.expose_secret()),
            Grant {
                waiting,
                network,
                expires: mono + CODE_LIFE,
                interval,
                next_poll: mono,
                state: State::Fresh,
            },
        );
        Ok(Issued { device_code, user_code })
    }

    /// A code that nobody has refused or signed in with yet.
    #[must_use]
    pub fn find(&self, code: &UserCode, mono: Duration) -> Option<Waiting> {
        let grants = self.live(mono);
        let grant = grants.values().find(|g| g.waiting.code == *code)?;
        match grant.state {
            State::Fresh | State::Confirmed(_) => Some(grant.waiting.clone()),
            State::Refused | State::Approved(_) => None,
        }
    }

    fn change<T>(
        &self,
        code: &UserCode,
        mono: Duration,
        work: impl FnOnce(&mut Grant) -> Option<T>,
    ) -> Option<T> {
        self.live(mono).values_mut().find(|g| g.waiting.code == *code).and_then(work)
    }

    /// The person at `browser` says that they started this. A code confirmed in one browser is that browser's: `None`
    /// when another has it.
    pub fn confirm(&self, code: &UserCode, browser: &str, mono: Duration) -> Option<Waiting> {
        self.change(code, mono, |grant| match &grant.state {
            State::Fresh => {
                grant.state = State::Confirmed(browser.to_owned());
                Some(grant.waiting.clone())
            }
            State::Confirmed(owner) if owner == browser => Some(grant.waiting.clone()),
            State::Confirmed(_) | State::Refused | State::Approved(_) => None,
        })
    }

    /// A code that `browser` has confirmed.
    #[must_use]
    pub fn confirmed(&self, code: &UserCode, browser: &str, mono: Duration) -> Option<Waiting> {
        self.change(code, mono, |grant| match &grant.state {
            State::Confirmed(owner) if owner == browser => Some(grant.waiting.clone()),
            State::Fresh | State::Confirmed(_) | State::Refused | State::Approved(_) => None,
        })
    }

    /// The person says that they did not start this; false when the code is gone or signed in.
    pub fn refuse(&self, code: &UserCode, mono: Duration) -> bool {
        let refused = self.change(code, mono, |grant| match grant.state {
            State::Fresh | State::Confirmed(_) => {
                grant.state = State::Refused;
                Some(())
            }
            State::Refused | State::Approved(_) => None,
        });
        refused.is_some()
    }

    /// The person at `browser` has signed in; false when the code is gone, used, or another browser's.
    pub fn approve(&self, code: &UserCode, browser: &str, who: Authenticated, mono: Duration) -> bool {
        let approved = self.change(code, mono, |grant| match &grant.state {
            State::Confirmed(owner) if owner == browser => {
                grant.state = State::Approved(who);
                Some(())
            }
            State::Fresh | State::Confirmed(_) | State::Refused | State::Approved(_) => None,
        });
        approved.is_some()
    }

    /// One poll of the terminal with key `jkt`.
    #[must_use]
    pub fn poll(&self, device_code: &str, jkt: &str, mono: Duration) -> Poll {
        let mut grants = self.live(mono);
        let hash = token::hash(device_code);
        let Some(grant) = grants.get_mut(&hash) else {
            return Poll::Expired;
        };
        if grant.waiting.jkt != jkt {
            return Poll::WrongKey;
        }
        let early = mono < grant.next_poll;
        if early {
            grant.interval += Duration::from_secs(5);
        }
        grant.next_poll = mono + grant.interval;
        if early {
            return Poll::SlowDown;
        }
        match &grant.state {
            State::Fresh | State::Confirmed(_) => Poll::Pending,
            State::Refused => {
                grants.remove(&hash);
                Poll::Refused
            }
            State::Approved(who) => {
                let who = who.clone();
                grants.remove(&hash);
                Poll::Approved(who)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_secs(1000);

    fn devices() -> (Devices, Issued) {
        let devices = Devices::new(16);
        let issued = devices.start("k", None, "192.0.2.1:1".parse().unwrap(), false, AT).unwrap();
        (devices, issued)
    }

    fn someone() -> Authenticated {
        let principal = Principal {
            id: "a".to_owned(),
            name: "A".to_owned(),
            kind: hoop_api::PrincipalKind::User,
            person_id: None,
            groups: vec![],
        };
        Authenticated { principal, provider: "local", amr: vec![], auth_s: 0, credential: None }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(UserCode::parse(" bcdf ghjk ").unwrap().as_str(), "BCDF-GHJK");
        assert_eq!(UserCode::parse("BCDF-GHJK").unwrap().as_str(), "BCDF-GHJK");
        for bad in ["", "BCDF-GHJ", "BCDF-GHJA", "BCDF-GHJKL", "ßCDF-GHJK"] {
            assert_eq!(UserCode::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn polling_too_soon_slows_down_for_good() {
        let (devices, issued) = devices();
        let code = issued.device_code.expose_secret();
        let poll = |s| devices.poll(code, "k", AT + Duration::from_secs(s));
        assert_eq!(poll(0), Poll::Pending);
        assert_eq!(poll(4), Poll::SlowDown);
        assert_eq!(poll(13), Poll::SlowDown, "the interval is ten seconds now");
        assert_eq!(poll(28), Poll::Pending, "and fifteen after that");
    }

    #[test]
    fn a_code_is_good_once_for_its_key_until_it_expires() {
        let (devices, issued) = devices();
        let code = issued.device_code.expose_secret();
        assert_eq!(devices.poll(code, "other", AT), Poll::WrongKey);
        assert!(devices.confirm(&issued.user_code, "b1", AT).is_some());
        assert!(!devices.approve(&issued.user_code, "b2", someone(), AT), "another browser");
        assert!(devices.approve(&issued.user_code, "b1", someone(), AT));
        assert_eq!(devices.find(&issued.user_code, AT), None);
        assert_eq!(devices.poll(code, "k", AT), Poll::Approved(someone()));
        assert_eq!(devices.poll(code, "k", AT + CODE_LIFE / 2), Poll::Expired);
    }

    #[test]
    fn an_old_code_is_gone() {
        let (devices, issued) = devices();
        assert_eq!(devices.poll(issued.device_code.expose_secret(), "k", AT + CODE_LIFE), Poll::Expired);
        assert_eq!(devices.find(&issued.user_code, AT + CODE_LIFE), None);
    }

    #[test]
    fn one_network_cannot_take_all_codes() {
        let (devices, _) = devices();
        let near = "192.0.2.1:2".parse().unwrap();
        assert!(devices.start("k", None, near, false, AT).is_ok());
        assert_eq!(devices.start("k", None, near, false, AT).unwrap_err(), Busy::Address);
        assert!(devices.start("k", None, "192.0.2.2:2".parse().unwrap(), false, AT).is_ok());
    }

    #[test]
    fn a_code_confirmed_in_one_browser_is_not_anothers() {
        let (devices, issued) = devices();
        assert!(devices.confirm(&issued.user_code, "b1", AT).is_some());
        assert!(devices.confirm(&issued.user_code, "b2", AT).is_none());
        assert!(devices.refuse(&issued.user_code, AT));
        assert!(!devices.approve(&issued.user_code, "b1", someone(), AT));
    }
}
