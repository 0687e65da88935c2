//! `hoopctl logout`

use crate::auth::device;
use crate::auth::store::Store;
use crate::broker::Broker;
use crate::error::{Exit, Failure};
use crate::profile::Settings;

/// Ends the sign-in at the broker and forgets its tokens, in this order: if the broker is not reached the tokens are
/// forgotten all the same, and that is said.
///
/// # Errors
/// The tokens cannot be forgotten, or the broker could not be told.
pub async fn run(settings: Settings) -> Result<(), Failure> {
    let Some(store) = Store::chosen(&settings) else { return nothing_to_do() };
    let credentials = match store.load().await {
        Ok(credentials) => credentials,
        Err(f) if f.exit == Exit::NotSignedIn => {
            store.clear().await?;
            return nothing_to_do();
        }
        Err(f) => return Err(f),
    };
    let revoked = match Broker::new(settings.broker()?.clone(), settings.fingerprint) {
        Ok(broker) if credentials.broker == broker.url().issuer() => {
            device::revoke(&broker, &credentials).await
        }
        Ok(_) => Err(Failure::usage(format!("the sign-in is at another broker, `{}`", credentials.broker))),
        Err(f) => Err(f),
    };
    store.clear().await?;
    match revoked {
        Ok(()) => {
            eprintln!("signed out");
            Ok(())
        }
        Err(f) => {
            eprintln!("the tokens are forgotten here, but the broker could not be told");
            Err(f)
        }
    }
}

fn nothing_to_do() -> Result<(), Failure> {
    eprintln!("not signed in: nothing to do");
    Ok(())
}
