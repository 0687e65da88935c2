//! `hoopctl enrol`: a name, a password and one-time codes for when the identity provider is down.

use std::io::{IsTerminal as _, Write as _};

use hoop_api::finding::{Enrol as Asked, Enrolling};
use hoop_api::routes;
use zeroize::Zeroizing;

use crate::auth::browser;
use crate::broker::SignedIn;
use crate::error::{Failure, plain};
use crate::output;
use crate::profile::Settings;

/// Prepare for breaking the glass while the identity provider is down.
///
/// You choose a name and a password, and put a secret into an authenticator. With these you sign in on the broker's page
/// when the provider does not answer, for emergency sessions and nothing else. It holds for some weeks after your last
/// sign-in at the provider.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl login --fresh
  hoopctl enrol --name olga")]
pub struct Enrol {
    /// The account name to sign in with.
    #[arg(long, value_name = "NAME")]
    name: String,
}

impl Enrol {
    /// Shows the secret, asks for password and code, and enrols.
    ///
    /// # Errors
    /// Not signed in just now with two factors, not reached, or the broker says no.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        let begun: Enrolling = signed_in.post(routes::ENROLMENT, &serde_json::json!({})).await?;
        eprintln!("for the authenticator, shown once: the URL, and the secret to type instead");
        if output::stderr_is_terminal()
            && let Some(code) = browser::qr_code(&begun.totp_url)
        {
            eprintln!("\n{code}\n");
        }
        let secret = begun.totp_url.split('&').find_map(|pair| pair.split_once("secret=")).map(|(_, s)| s);
        output::line(&begun.totp_url)?;
        output::line(secret.unwrap_or_default())?;
        let password = password("password, 12 characters or more, letters and digits: ")?;
        if std::io::stdin().is_terminal() && *self::password("the same again: ")? != *password {
            return Err(Failure::usage("the two are not the same").hint("nothing is enrolled; run it again"));
        }
        let otp = line("one-time code that the authenticator shows: ")?;
        let asked = Asked { name: self.name, password: password.to_string(), otp: otp.trim().to_owned() };
        signed_in.put(routes::ENROLMENT, &asked).await?;
        eprintln!(
            "enrolled; when the identity provider is down: `hoopctl login`, and break-glass on its page"
        );
        Ok(())
    }
}

/// Without echo on a terminal.
fn password(question: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return line(question).map(Zeroizing::new);
    }
    eprint!("{question}");
    rpassword::read_password().map(Zeroizing::new).map_err(|e| unread(&e))
}

fn line(question: &str) -> Result<String, Failure> {
    eprint!("{question}");
    std::io::stderr().flush().map_err(|e| Failure::stdout(&e))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|e| unread(&e))?;
    Ok(answer.trim_end_matches(['\r', '\n']).to_owned())
}

fn unread(error: &std::io::Error) -> Failure {
    Failure::usage(format!("the answer cannot be read: {}", plain(error)))
}
