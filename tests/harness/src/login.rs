//! A local user of a broker, with the generator of its one-time codes.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// A local user as the administrator made it.
#[derive(Debug)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
    totp_secret: String,
    // The time step of the code used last: a broker takes each code once (RFC 6238, 5.2).
    last_step: Mutex<u64>,
}

impl Login {
    /// A one-time code that this user has not used yet. Waits for the next time step when it must: a minute at most.
    ///
    /// # Panics
    /// When the secret is none.
    pub fn code(&self) -> String {
        let mut last = self.last_step.lock().expect("no test panics in here");
        // The step before the current one is still valid (RFC 6238, 5.2), so one sign-in never waits. Near the end of a
        // step it would not be for long enough: a busy machine takes seconds from here to the check.
        let now = unix_s();
        let step = (*last + 1).max(if now % 30 < 15 { now / 30 - 1 } else { now / 30 });
        while step > unix_s() / 30 {
            std::thread::sleep(Duration::from_millis(200));
        }
        *last = step;
        let secret = totp_rs::Secret::try_from_base32(&self.totp_secret).expect("a base32 secret");
        let totp = totp_rs::Builder::new().with_secret(secret).build().expect("defaults of RFC 6238");
        totp.generate(step * 30).to_string()
    }

    /// A login known from elsewhere, such as a user of an identity provider.
    #[must_use]
    pub fn known(name: &str, password: &str, totp_secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: password.to_owned(),
            totp_secret: totp_secret.to_owned(),
            last_step: Mutex::new(0),
        }
    }
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
}
