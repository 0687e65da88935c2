//! `hoopctl sessions`

use hoop_api::SessionId;
use hoop_api::routes::{self, SessionList};

use super::targets::ListFormat;
use crate::broker::{SignedIn, now_s};
use crate::error::Failure;
use crate::output;
use crate::profile::Settings;

/// List your open sessions, or end one.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  hoopctl sessions
  hoopctl sessions end ses_01KAV3Z7M0EXAMPLE0000000AB"
)]
pub struct Sessions {
    #[command(subcommand)]
    act: Option<Act>,
    /// How to print them.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// End a session; its connections are cut within a second.
    End {
        /// The session's id, as listed.
        #[arg(value_name = "ID")]
        id: SessionId,
    },
}

impl Sessions {
    /// Lists or ends.
    ///
    /// # Errors
    /// Not signed in, not reached, or no such session.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        if let Some(Act::End { id }) = self.act {
            signed_in.delete(&format!("{}/{id}", routes::SESSIONS)).await?;
            eprintln!("ended {id}");
            return Ok(());
        }
        let list: SessionList = signed_in.get(routes::SESSIONS).await?;
        match self.format {
            ListFormat::Json => output::json(&list),
            ListFormat::Table => {
                let rows: Vec<Vec<String>> = list
                    .sessions
                    .into_iter()
                    .map(|s| {
                        let left = u64::try_from(s.ends_at.saturating_sub(now_s())).unwrap_or(0);
                        vec![
                            s.id.to_string(),
                            s.target,
                            s.level.to_string(),
                            output::time(s.opened_at),
                            output::span(left),
                            s.connections.to_string(),
                            s.statements.to_string(),
                            s.reason.raw().to_owned(),
                        ]
                    })
                    .collect();
                let headings = [
                    "session",
                    "target",
                    "level",
                    "opened",
                    "ends in",
                    "connections",
                    "statements",
                    "reason",
                ];
                output::table(&headings, &rows)
            }
        }
    }
}
