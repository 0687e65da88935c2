//! `hoopctl whoami`

use hoop_api::routes;

use super::targets::ListFormat;
use crate::broker::SignedIn;
use crate::error::Failure;
use crate::output;
use crate::profile::Settings;

/// Show who the broker takes you for.
#[derive(Debug, clap::Args)]
pub struct Whoami {
    /// How to print it.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

impl Whoami {
    /// Asks and prints.
    ///
    /// # Errors
    /// Not signed in, or not reached.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        let who: routes::Whoami = signed_in.get(routes::WHOAMI).await?;
        match self.format {
            ListFormat::Json => output::json(&who),
            ListFormat::Table => {
                let when = match who.auth_time {
                    0 => "at a time that the provider does not tell".to_owned(),
                    at => output::time(at),
                };
                let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
                let lines = [
                    ("name", who.name.raw().to_owned()),
                    ("id", who.id),
                    ("kind", who.kind.as_str().to_owned()),
                    ("groups", or_none(who.groups.join(", "))),
                    ("person", who.person_id.unwrap_or_else(|| "unknown, so cannot approve".to_owned())),
                    ("proved", format!("{when} by {}", or_none(who.amr.join(", ")))),
                    ("broker", format!("{} at {}", who.broker, signed_in.broker().url().issuer())),
                ];
                lines
                    .into_iter()
                    .try_for_each(|(label, text)| output::line(&format!("{label:<8}{}", output::safe(&text))))
            }
        }
    }
}
