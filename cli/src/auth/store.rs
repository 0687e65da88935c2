//! Where tokens rest: the system's keyring, or, said aloud, a 0600 file.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Credentials;
use crate::error::{Exit, Failure};
use crate::profile::{Settings, StoreKind, files};

const SERVICE: &str = "hoopctl";
/// A keyring that is locked asks its user; nobody may be there to answer.
const KEYRING_TIMEOUT: Duration = Duration::from_secs(30);

/// A place for the tokens of one profile.
#[derive(Debug, Clone)]
pub enum Store {
    /// An item of the system's keyring under this user name.
    Keyring(String),
    /// A file of mode 0600.
    File(PathBuf),
}

impl Store {
    /// The place that the profile's sign-in, a flag or the environment chose; `None` if nobody ever signed in.
    #[must_use]
    pub fn chosen(settings: &Settings) -> Option<Self> {
        settings.token_store.map(|kind| Self::new(settings, kind))
    }

    fn new(settings: &Settings, kind: StoreKind) -> Self {
        match kind {
            StoreKind::Keyring => Self::Keyring(settings.name.as_str().to_owned()),
            StoreKind::File => Self::File(settings.paths.tokens()),
        }
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> StoreKind {
        match self {
            Self::Keyring(_) => StoreKind::Keyring,
            Self::File(_) => StoreKind::File,
        }
    }

    /// Chooses a place for a new sign-in and writes to it for a test, before anybody is sent to a browser.
    /// Where nothing was chosen and no keyring answers it is the file, with a warning on stderr.
    ///
    /// # Errors
    /// The chosen place cannot be written.
    pub async fn choose(settings: &Settings) -> Result<Self, Failure> {
        if let Some(store) = Self::chosen(settings) {
            store.write_test().await?;
            if let Self::File(path) = &store {
                eprintln!("tokens go to the file `{}`, readable by this user and by root", path.display());
            }
            return Ok(store);
        }
        let keyring = Self::new(settings, StoreKind::Keyring);
        let Err(failure) = keyring.write_test().await else {
            return Ok(keyring);
        };
        let file = Self::new(settings, StoreKind::File);
        file.write_test().await?;
        eprintln!("warning: {failure}");
        if let Self::File(path) = &file {
            eprintln!("warning: tokens go to `{}`, readable by this user and by root", path.display());
        }
        Ok(file)
    }

    async fn write_test(&self) -> Result<(), Failure> {
        match self {
            Self::Keyring(user) => {
                let user = format!("{user}.write-test");
                in_keyring(move || {
                    let entry = keyring::Entry::new(SERVICE, &user)?;
                    entry.set_password("write test")?;
                    entry.delete_credential()
                })
                .await
            }
            Self::File(path) => {
                let test = path.with_extension("write-test");
                files::write_private(&test, b"write test")?;
                std::fs::remove_file(&test).map_err(|e| Failure::file("remove", &test, &e))
            }
        }
    }

    /// The tokens.
    ///
    /// # Errors
    /// Nobody is signed in, or the place cannot be read.
    pub async fn load(&self) -> Result<Credentials, Failure> {
        let text = match self {
            Self::Keyring(user) => {
                let user = user.clone();
                in_keyring(move || match keyring::Entry::new(SERVICE, &user)?.get_password() {
                    Ok(text) => Ok(Some(Zeroizing::new(text))),
                    Err(keyring::Error::NoEntry) => Ok(None),
                    Err(e) => Err(e),
                })
                .await?
            }
            Self::File(path) => files::read_private(path)?
                .map(|bytes| String::from_utf8(bytes).map(Zeroizing::new).unwrap_or_default()),
        };
        Credentials::from_json(&text.ok_or_else(not_signed_in)?)
    }

    /// Keeps the tokens.
    ///
    /// # Errors
    /// The place cannot be written.
    pub async fn save(&self, credentials: &Credentials) -> Result<(), Failure> {
        let text = credentials.to_json()?;
        match self {
            Self::Keyring(user) => {
                let user = user.clone();
                in_keyring(move || keyring::Entry::new(SERVICE, &user)?.set_password(&text)).await
            }
            Self::File(path) => files::write_private(path, text.as_bytes()),
        }
    }

    /// Forgets the tokens; there may be none.
    ///
    /// # Errors
    /// The place cannot be written.
    pub async fn clear(&self) -> Result<(), Failure> {
        match self {
            Self::Keyring(user) => {
                let user = user.clone();
                in_keyring(move || match keyring::Entry::new(SERVICE, &user)?.delete_credential() {
                    Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
                    Err(e) => Err(e),
                })
                .await
            }
            Self::File(path) => match std::fs::remove_file(path) {
                Ok(()) => Ok(()),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
                Err(e) => Err(Failure::file("remove", path, &e)),
            },
        }
    }
}

/// The keyring's calls block, some of them on a person.
async fn in_keyring<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, keyring::Error> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::time::timeout(KEYRING_TIMEOUT, tokio::task::spawn_blocking(act)).await;
    let why = match done {
        Ok(Ok(Ok(value))) => return Ok(value),
        Ok(Ok(Err(e))) => in_words(&e),
        Ok(Err(_)) => "it failed".to_owned(),
        Err(_) => "it does not answer; is it locked?".to_owned(),
    };
    Err(Failure::usage(format!("no system keyring can be used: {why}"))
        .hint("unlock or install one, or choose a file: `HOOPCTL_TOKEN_STORE=file`"))
}

/// Without the library's debug output: it could carry what was stored.
fn in_words(error: &keyring::Error) -> String {
    match error {
        keyring::Error::PlatformFailure(_) => "this system offers none here".to_owned(),
        keyring::Error::NoStorageAccess(_) => "access to it is refused; is it locked?".to_owned(),
        keyring::Error::TooLong(..) => "it takes no text of this length".to_owned(),
        // The library's list is open; the rest cannot happen for a text that we wrote.
        _ => "it gave an unexpected answer".to_owned(),
    }
}

/// Nobody is signed in.
#[must_use]
pub fn not_signed_in() -> Failure {
    Failure::new(Exit::NotSignedIn, "not signed in").hint("sign in with `hoopctl login`")
}
