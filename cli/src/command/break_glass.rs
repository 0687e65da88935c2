//! `hoopctl break-glass`: a session in an emergency, that nobody approved and everybody hears of.

use super::Ask;
use super::connect::Way;
use crate::error::{Exit, Failure};
use crate::profile::Settings;

/// Open a session in an emergency, without an approval; everybody hears of it.
///
/// It takes a group that policy names, a sign-in of the last five minutes with a second factor, a reason and a ticket.
/// It lasts an hour at most. Two people must review it afterwards; until then nobody breaks the glass of that target
/// again, nor you that of any other.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl login --fresh
  hoopctl break-glass payments-db --reason 'queue stuck' --ticket INC-42 -- psql
  hoopctl break-glass payments-db --level write --ttl 20m --reason 'queue stuck' --ticket INC-42")]
pub struct BreakGlass {
    #[command(flatten)]
    ask: Ask,
    /// The incident that it belongs to; recorded, and told to everybody.
    #[arg(long, value_name = "ID")]
    ticket: String,
    #[command(flatten)]
    way: Way,
}

impl BreakGlass {
    /// Opens the session, and stays until the command or the user ends it.
    ///
    /// # Errors
    /// As the exit codes say; with CMD every failure of ours is 125.
    pub async fn run(self, settings: Settings) -> Result<Exit, Failure> {
        self.way.run(&settings, &self.ask, Some(&self.ticket)).await
    }
}
