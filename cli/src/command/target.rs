//! `hoopctl target`: what of a target is classified, and what stands in front of it.

use hoop_api::description::{TargetDescription, Walls};
use hoop_api::routes::{self, TargetList};
use hoop_api::{Code, Untrusted};

use super::unknown_target;
use crate::broker::SignedIn;
use crate::error::Failure;
use crate::output;
use crate::profile::Settings;

/// Look at one target.
#[derive(Debug, clap::Args)]
pub struct Target {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Show which relations hold classified values, which are masked and which are not shown at all, and why.
    #[command(after_help = "Examples:
  hoopctl target describe payments-db
  hoopctl target describe payments-db --database archive --json")]
    Describe {
        /// Target, as `hoopctl targets` lists it.
        #[arg(value_name = "TARGET")]
        target: String,
        /// Database; the target's default if left out.
        #[arg(long, value_name = "NAME")]
        database: Option<String>,
        /// As the broker answers, for programs.
        #[arg(long)]
        json: bool,
    },
}

impl Target {
    /// Asks and prints.
    ///
    /// # Errors
    /// Not signed in, no such target, or not reached.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let Act::Describe { target, database, json } = self.act;
        let signed_in = SignedIn::open(&settings).await?;
        let list: TargetList = signed_in.get(routes::TARGETS).await?;
        // The name becomes a part of a path: only one that the broker itself told does.
        let known = list.targets.iter().find(|t| t.name == target);
        let Some(known) = known else {
            let said = Failure::usage(format!("there is no target `{target}`"));
            return Err(unknown_target(&signed_in, &target, said).await);
        };
        let mut path = format!("{}/{}", routes::TARGETS, known.name);
        if let Some(database) = database {
            let Some(named) = known.databases.iter().find(|d| **d == database) else {
                let has = known.databases.join(", ");
                let none = Failure::usage(format!("target `{target}` has no database `{database}`"));
                return Err(none.hint(format!("it has: {has}")));
            };
            path += "?database=";
            path.extend(named.bytes().map(encoded));
        }
        let described: TargetDescription = match signed_in.get(&path).await {
            Err(f) if f.code == Some(Code::NotFound) => {
                return Err(unknown_target(&signed_in, &target, f).await);
            }
            described => described?,
        };
        if json { output::json(&described) } else { print(&described) }
    }
}

/// A byte in the query of a URL (RFC 3986, 2.1).
fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

fn print(described: &TargetDescription) -> Result<(), Failure> {
    let Walls { substitution, roles, scan } = described.walls;
    let word = |stands| if stands { "yes" } else { "no" };
    let (substitution, roles, scan) = (word(substitution), word(roles), word(scan));
    let rows = vec![vec![
        described.target.clone(),
        described.database.clone(),
        substitution.to_owned(),
        roles.to_owned(),
        scan.to_owned(),
    ]];
    output::table(&["target", "database", "substitution", "roles", "scan"], &rows)?;
    output::line("")?;
    output::table(&["what", "name", "detail"], &rows_of(described))
}

fn rows_of(described: &TargetDescription) -> Vec<Vec<String>> {
    let raw = |text: &Untrusted| text.raw().to_owned();
    let row = |what: &str, name: String, detail: String| vec![what.to_owned(), name, detail];
    let mut rows = Vec::new();
    for relation in &described.relations {
        if let Some(why) = &relation.opaque {
            rows.push(row("not shown", raw(&relation.name), raw(why)));
        } else if !relation.columns.is_empty() {
            let columns = relation.columns.iter().map(|c| format!("{} ({})", c.name.raw(), c.class));
            rows.push(row("masked", raw(&relation.name), columns.collect::<Vec<_>>().join(", ")));
        }
        if let Some(why) = &relation.unwritable {
            rows.push(row("not written", raw(&relation.name), raw(why)));
        }
    }
    for missing in &described.missing {
        let detail =
            if missing.relation_exists { "the relation has no such column" } else { "no such relation" };
        rows.push(row("missing", missing.column.clone(), detail.to_owned()));
    }
    for trigger in &described.triggers {
        let detail = format!(
            "{} runs {}: what it copies is not classified",
            trigger.name.raw(),
            trigger.function.raw()
        );
        rows.push(row("trigger", raw(&trigger.relation), detail));
    }
    for function in &described.definers {
        let detail = "runs with its owner's rights and can read classified columns";
        rows.push(row("definer", raw(function), detail.to_owned()));
    }
    for index in &described.telling_indexes {
        rows.push(row("index", raw(index), "its order tells of classified values".to_owned()));
    }
    rows
}
