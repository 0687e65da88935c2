//! `hoopctl policy`: check, test and compare policies offline; ask the broker what it would make of a statement.

mod cases;
mod explain;
mod files;
mod suggest;

use std::path::PathBuf;

use hoop_policy::PolicySet;

use crate::error::{Exit, Failure};
use crate::output;
use crate::profile::Settings;
use files::Files;

/// Check, test, compare and explain policies.
#[derive(Debug, clap::Args)]
pub struct Policy {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Check policy files: grammar, schema, annotations, and rules that decide nothing. Offline.
    #[command(after_help = "Exit codes: 0 sound, 1 not, 2 a file cannot be read.

Examples:
  hoopctl policy check /etc/hoop/policy
  hoopctl policy check pci.cedar local.cedar --deny-warnings")]
    Check {
        /// Policy files, or folders of `*.cedar`.
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        /// Warnings are failures too.
        #[arg(long)]
        deny_warnings: bool,
    },
    /// Judge the cases of a file and compare with what it expects. Offline.
    #[command(after_help = "Exit codes: 0 all as expected, 1 not, 2 a file cannot be read.

Examples:
  hoopctl policy test /etc/hoop/policy/pci.tests.toml")]
    Test {
        /// Files of cases; docs/policy.md says how they are written.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// A rule that no case needs is a failure too.
        #[arg(long)]
        require_coverage: bool,
    },
    /// Show which cases have another verdict, or other rules, under another policy. Offline.
    #[command(after_help = "Examples:
  hoopctl policy diff policy/ policy.new/ --cases policy/pci.tests.toml")]
    Diff {
        /// Policy file, or folder of `*.cedar`, as it is.
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// As it would be.
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Files of cases.
        #[arg(long, value_name = "FILE", required = true)]
        cases: Vec<PathBuf>,
        /// End with 1 when any case has changed.
        #[arg(long)]
        exit_code: bool,
    },
    /// Ask the broker what its policy would make of a statement, without running it.
    Explain(explain::Explain),
    /// Rules that would permit what was seen on a target that is only observed, and no more.
    Suggest(suggest::Suggest),
}

impl Policy {
    /// Does it.
    ///
    /// # Errors
    /// As the exit codes say.
    pub async fn run(self, settings: impl FnOnce() -> Result<Settings, Failure>) -> Result<Exit, Failure> {
        match self.act {
            Act::Check { paths, deny_warnings } => check(&Files::read(&paths)?, deny_warnings),
            Act::Test { files, require_coverage } => cases::test(&files, require_coverage),
            Act::Diff { old, new, cases, exit_code } => cases::diff(&old, &new, &cases, exit_code),
            Act::Suggest(suggest) => suggest.run(settings()?).await.map(|()| Exit::Ok),
            Act::Explain(explain) => explain.run(settings()?).await.map(|()| Exit::Ok),
        }
    }
}

fn check(files: &Files, deny_warnings: bool) -> Result<Exit, Failure> {
    let set = load(files)?;
    for warning in set.warnings() {
        eprint!("{}", warning.shown("warning", files.text(&warning.file)));
    }
    let (rules, warnings) = (set.rules().count(), set.warnings().len());
    output::line(&format!("policy sound: {rules} rules, {warnings} warnings, sha256 {}", set.hash()))?;
    if deny_warnings && warnings > 0 {
        return Err(Failure::new(Exit::Target, "there are warnings, and `--deny-warnings` was given"));
    }
    Ok(Exit::Ok)
}

/// Loads files; every fault is shown with its line.
fn load(files: &Files) -> Result<PolicySet, Failure> {
    PolicySet::load(&files.pairs()).map_err(|faults| {
        for fault in &faults {
            eprint!("{}", fault.shown("error", files.text(&fault.file)));
        }
        let plural = if faults.len() == 1 { "" } else { "s" };
        Failure::new(Exit::Target, format!("the policy is not sound: {} fault{plural}", faults.len()))
    })
}
