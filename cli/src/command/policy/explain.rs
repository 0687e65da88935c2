//! `hoopctl policy explain`

use hoop_api::routes::{self, ExplainStatement, Explained};
use hoop_api::{AccessLevel, Untrusted};

use crate::broker::SignedIn;
use crate::command::targets::ListFormat;
use crate::error::Failure;
use crate::output;
use crate::profile::Settings;

/// Ask the broker what its policy would make of a statement, without running it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl policy explain payments-db -c 'DELETE FROM cards WHERE id = 1'
  hoopctl policy explain payments-db --level write -c 'DROP TABLE notes'
  hoopctl policy explain payments-db --as bob -c 'SELECT pan FROM cards'")]
pub struct Explain {
    /// Target, as `hoopctl targets` lists it.
    #[arg(value_name = "TARGET")]
    target: String,
    /// The statement.
    #[arg(short = 'c', long = "command", value_name = "SQL")]
    command: String,
    /// Access level: masked, write or reveal.
    #[arg(long, default_value_t = AccessLevel::Masked)]
    level: AccessLevel,
    /// For whom, by principal id: as that person was when they last signed in. Only for those who may audit.
    #[arg(long = "as", value_name = "PRINCIPAL")]
    principal: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

impl Explain {
    /// Asks and prints.
    ///
    /// # Errors
    /// Not signed in, not reached, or no such target.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        let ask = ExplainStatement {
            target: self.target,
            level: self.level,
            statement: self.command.into(),
            principal: self.principal.map(Untrusted::new),
        };
        let told: Explained = signed_in.post(routes::EXPLAIN, &ask).await?;
        match self.format {
            ListFormat::Json => output::json(&told),
            ListFormat::Table => print(&told),
        }
    }
}

fn print(told: &Explained) -> Result<(), Failure> {
    let say = |label: &str, text: &str| {
        if text.is_empty() { Ok(()) } else { output::line(&format!("{label:<12}{}", output::safe(text))) }
    };
    say("verdict", &told.verdict)?;
    say("because", told.reason.raw())?;
    say("hint", told.hint.as_ref().map_or("", |h| h.raw()))?;
    for rule in &told.rules {
        say("rule", rule)?;
    }
    for held in &told.reviewers {
        say("approval by", &format!("{} of {}, for `{}`", held.count, held.group, held.id))?;
    }
    say("does", &told.verbs.join(", "))?;
    let relations: Vec<&str> = told.relations.iter().map(Untrusted::raw).collect();
    say("tables", &relations.join(", "))?;
    say("functions", &told.functions.iter().map(Untrusted::raw).collect::<Vec<_>>().join(", "))?;
    say("recorded", &told.record)?;
    say("counts as", if told.write { "a write: recorded before it is forwarded" } else { "a read" })?;
    for column in &told.columns {
        say("touches", column.raw())?;
    }
    say("masked", &told.masked.iter().map(Untrusted::raw).collect::<Vec<_>>().join(", "))?;
    say("policy", &told.policy)
}
