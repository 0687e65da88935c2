//! `hoopctl policy suggest`

use hoop_api::routes::{self, Suggested};

use crate::broker::SignedIn;
use crate::error::Failure;
use crate::output;
use crate::profile::Settings;

/// Rules that would permit what was seen on a target that is only observed, and no more. Needs the right to audit.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl policy suggest payments-db > policy/payments-db.cedar
  hoopctl policy check policy/payments-db.cedar")]
pub struct Suggest {
    /// Target, as `hoopctl targets` lists it.
    #[arg(value_name = "TARGET")]
    target: String,
}

impl Suggest {
    /// Asks and prints.
    ///
    /// # Errors
    /// Not signed in, not reached, not permitted, or no such target.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        let told: Suggested = signed_in.get(&format!("{}/{}", routes::SUGGEST, self.target)).await?;
        if told.left_out > 0 {
            eprintln!("{} things were left out: too many different ones were seen", told.left_out);
        }
        if told.policy.raw().is_empty() {
            eprintln!("nothing was seen on it; set `mode = \"observe\"` for it, reload, and let people work");
            return Ok(());
        }
        eprintln!("{} things, since the broker started; rules that forbid are not among them", told.acts);
        told.policy.raw().lines().try_for_each(|line| output::line(&output::safe(line)))
    }
}
