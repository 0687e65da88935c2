//! `hoopctl login`

use crate::auth::device;
use crate::auth::store::Store;
use crate::broker::{Broker, dial};
use crate::error::{Exit, Failure};
use crate::output;
use crate::profile::{BrokerUrl, Settings};
use crate::trust::{self, CertificateFault, Fingerprint};

/// Sign in by a code that is confirmed in a browser, here or on another device.
///
/// A self-made certificate of the broker is shown, asked about and pinned at the first sign-in; without a terminal,
/// `--fingerprint` says which one to trust. Tokens go to the system's keyring; where there is none, to a file that
/// only you can read, with a warning.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl login https://broker.example.com:7443
  hoopctl login --device                           # again, without opening a browser here
  hoopctl login --fresh                            # before approving what asks for a fresh sign-in
  hoopctl login broker:7443 --fingerprint AB:CD:…  # in a script")]
pub struct Login {
    /// Address of the broker; the profile's if left out.
    #[arg(value_name = "BROKER")]
    pub broker: Option<BrokerUrl>,
    /// Show the code only; open no browser here.
    #[arg(long)]
    pub device: bool,
    /// Sign in anew even where the identity provider remembers you: rules can ask reviewers for it.
    #[arg(long)]
    pub fresh: bool,
    /// SHA-256 fingerprint of the broker's certificate, as its operator says.
    #[arg(long, value_name = "SHA256", env = "HOOPCTL_FINGERPRINT", hide_env_values = true)]
    pub fingerprint: Option<Fingerprint>,
}

impl Login {
    /// Signs in and keeps what is needed to stay so.
    ///
    /// # Errors
    /// Not reached, not trusted, not confirmed, or nowhere to keep tokens.
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        let Some(url) = settings.broker.clone() else {
            return Err(Failure::usage("no broker is given, and this profile knows none")
                .hint("name it: `hoopctl login https://broker.example.com:7443`"));
        };
        settings.fingerprint = trusted(&url, settings.fingerprint).await?;
        let broker = Broker::new(url, settings.fingerprint)?;
        let metadata = device::metadata(&broker).await?;
        let store = Store::choose(&settings).await?;
        let credentials = device::sign_in(&broker, metadata, !self.device, self.fresh).await?;
        store.save(&credentials).await?;
        settings.token_store = Some(store.kind());
        settings.save()?;
        eprintln!("signed in at {}", broker.url().issuer());
        Ok(())
    }
}

/// Looks at the broker's certificate before anything is sent. The answer is the pin to keep, if one is needed.
async fn trusted(url: &BrokerUrl, pin: Option<Fingerprint>) -> Result<Option<Fingerprint>, Failure> {
    let looked = dial::tls_or_fault(url, trust::tls(pin)?.into()).await?;
    let Err(fault) = looked else { return Ok(pin) };
    let CertificateFault::Unknown { shown, why } = &fault else { return Err(fault.into()) };
    eprintln!("the certificate of {} is not known to this system: {why}", url.issuer());
    eprintln!("its SHA-256 fingerprint: {shown}");
    eprintln!("`hoop-broker init` printed the right one; its operator can say it");
    match output::confirm("trust this certificate from now on?")? {
        Some(true) => Ok(Some(*shown)),
        Some(false) => Err(Failure::new(Exit::Unreachable, "the broker's certificate was not trusted")),
        None => Err(Failure::unreachable("nobody is here to ask whether to trust this certificate").hint(
            format!("if the fingerprint is right: `hoopctl login {} --fingerprint {shown}`", url.issuer()),
        )),
    }
}
