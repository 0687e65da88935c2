//! The local users of the embedded state, as `hoop-broker user` changes them. A running broker notices the change and
//! writes it to the ledger.

use secrecy::SecretString;

use super::user::{AdminError, ListedUser, NewUser, UserAdmin};
use crate::config::Config;
use crate::identity::LocalUsers;
use crate::store::{STATE_FILE, Store};

/// Opens the users of a configuration.
///
/// # Errors
/// When the state cannot be opened.
pub(super) fn open(config: &Config) -> Result<Box<dyn UserAdmin>, AdminError> {
    let store = Store::open(&config.state_dir.join(STATE_FILE))?;
    // Who runs the command; the name stands in the ledger beside `console`.
    let actor = std::env::var("SUDO_USER")
        .or_else(|_| std::env::var("USER"))
        .unwrap_or_else(|_| "console".to_owned());
    Ok(Box::new(LocalUsers::new(store).acting_as(actor)))
}

impl UserAdmin for LocalUsers {
    fn add(&self, user: &NewUser<'_>) -> Result<SecretString, AdminError> {
        Ok(self.add(user.name, user.password, user.groups, user.display)?.totp_url)
    }

    fn list(&self) -> Result<Vec<ListedUser>, AdminError> {
        let users = self.list()?.into_iter();
        Ok(users
            .map(|u| ListedUser {
                name: u.name,
                display: u.display,
                groups: u.groups,
                disabled: u.disabled,
                held: u.held,
                locked_until_s: u.locked_until_s,
            })
            .collect())
    }

    fn remove(&self, name: &str) -> Result<(), AdminError> {
        Ok(self.remove(name)?)
    }

    fn set_groups(&self, name: &str, groups: &[String]) -> Result<(), AdminError> {
        Ok(self.set_groups(name, groups)?)
    }

    fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), AdminError> {
        Ok(self.set_disabled(name, disabled)?)
    }

    fn unlock(&self, name: &str) -> Result<(), AdminError> {
        Ok(self.unlock(name)?)
    }

    fn reset_password(&self, name: &str, password: &SecretString) -> Result<(), AdminError> {
        Ok(self.reset_password(name, password)?)
    }

    fn reset_totp(&self, name: &str) -> Result<SecretString, AdminError> {
        Ok(self.reset_totp(name)?)
    }
}
