//! `hoopctl token`

use hoop_api::routes::{self, MintToken, MintedToken};

use crate::broker::{SignedIn, now_s};
use crate::error::Failure;
use crate::output;
use crate::profile::Settings;

/// Get a password for the broker's native PostgreSQL listener, for tools that cannot run hoopctl.
///
/// The password is the only thing on stdout; how to use it goes to stderr. It is good once, within five minutes,
/// from this machine's address.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl token payments-db
  PGPASSWORD=$(hoopctl token reports --session) pg_dump …")]
pub struct Token {
    /// Target, as `hoopctl targets` lists it.
    #[arg(value_name = "TARGET")]
    target: String,
    /// Good for a whole session instead of one connection, where policy allows that.
    #[arg(long)]
    session: bool,
    /// Why; recorded.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

impl Token {
    /// Asks and prints.
    ///
    /// # Errors
    /// Denied, unknown target, not reached.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        let ask =
            MintToken { target: self.target.clone(), session: self.session, reason: self.reason.into() };
        let minted: MintedToken = match signed_in.post(routes::TOKENS, &ask).await {
            Err(f) if f.code == Some(hoop_api::Code::NotFound) => {
                return Err(super::unknown_target(&signed_in, &self.target, f).await);
            }
            done => done?,
        };
        let left = output::span(u64::try_from(minted.expires_at.saturating_sub(now_s())).unwrap_or(0));
        let MintedToken { user, host, port, sslmode, database, .. } = &minted;
        let place = format!("host={host} port={port} user={user} dbname={database} sslmode={sslmode}");
        eprintln!("{}", output::safe(&place));
        eprintln!("good for {} and {left}", if self.session { "a session" } else { "one connection" });
        output::line(&minted.token)
    }
}
