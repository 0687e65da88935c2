//! `hoopctl targets`

use hoop_api::routes::{self, TargetList};

use crate::broker::SignedIn;
use crate::error::Failure;
use crate::output;
use crate::profile::Settings;

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ListFormat {
    /// Aligned, for people.
    Table,
    /// As the broker answers, for programs.
    Json,
}

/// List the targets that you may see.
#[derive(Debug, clap::Args)]
pub struct Targets {
    /// How to print them.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

impl Targets {
    /// Asks and prints.
    ///
    /// # Errors
    /// Not signed in, or not reached.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let list: TargetList = SignedIn::open(&settings).await?.get(routes::TARGETS).await?;
        match self.format {
            ListFormat::Json => output::json(&list),
            ListFormat::Table => {
                let rows: Vec<Vec<String>> = list
                    .targets
                    .into_iter()
                    .map(|t| {
                        let mut levels: Vec<&str> = t.levels.iter().map(|l| l.as_str()).collect();
                        if t.break_glass {
                            levels.push("break-glass");
                        }
                        let state = match (t.available, t.detail) {
                            (true, _) if t.observed => "available, only observed".to_owned(),
                            (true, _) => "available".to_owned(),
                            (false, Some(why)) => why,
                            (false, None) => "not available".to_owned(),
                        };
                        vec![
                            t.name,
                            t.kind,
                            t.environment.unwrap_or_default(),
                            levels.join(", "),
                            t.databases.join(", "),
                            state,
                        ]
                    })
                    .collect();
                output::table(&["target", "kind", "environment", "levels", "databases", "state"], &rows)
            }
        }
    }
}
