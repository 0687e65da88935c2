//! `hoopctl requests` and `hoopctl request`: what waits for approval, and asking for a session's ahead.

use std::collections::HashMap;
use std::time::Duration;

use hoop_api::approval::{Approval, ApprovalKind, ApprovalList, ApprovalState, HeldRule};
use hoop_api::{AccessLevel, ApprovalId, routes};

use super::targets::ListFormat;
use super::{Ask, duration};
use crate::broker::SignedIn;
use crate::error::Failure;
use crate::output::{self, approval};
use crate::profile::Settings;

/// How often `--watch` asks.
const WATCH: Duration = Duration::from_secs(2);
/// Characters of a statement in the list.
const SHORT: usize = 60;

/// List what waits for an approval, yours and what you may decide, or give a request of yours up.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  hoopctl requests --to-review
  hoopctl requests --mine --watch
  hoopctl requests withdraw apr_01KAV3Z7M0EXAMPLE0000000AB"
)]
pub struct Requests {
    #[command(subcommand)]
    act: Option<Act>,
    /// Only those that you asked for.
    #[arg(long, conflicts_with = "to_review")]
    mine: bool,
    /// Only those that you may decide now.
    #[arg(long)]
    to_review: bool,
    /// Those that have ended within the last hour, too.
    #[arg(long)]
    all: bool,
    /// Go on, and print each change, until Ctrl-C.
    #[arg(long, conflicts_with = "format")]
    watch: bool,
    /// How to print them.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Give a request of yours up.
    Withdraw {
        /// Its id, as listed.
        #[arg(value_name = "ID")]
        id: ApprovalId,
    },
}

impl Requests {
    /// Lists, watches or withdraws.
    ///
    /// # Errors
    /// Not signed in, not reached, or no such request.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let mut signed_in = SignedIn::open(&settings).await?;
        if let Some(Act::Withdraw { id }) = self.act {
            signed_in.delete(&format!("{}/{id}", routes::APPROVALS)).await?;
            eprintln!("withdrawn {id}");
            return Ok(());
        }
        let me: routes::Whoami = signed_in.get(routes::WHOAMI).await?;
        if !self.watch {
            let list = self.chosen(&signed_in, &me.id).await?;
            return self.print(list);
        }
        let mut known: HashMap<ApprovalId, ApprovalState> = HashMap::new();
        loop {
            for one in self.chosen(&signed_in, &me.id).await? {
                if known.insert(one.id, one.state) != Some(one.state) {
                    let state = one.state.as_str();
                    output::line(&format!("{}  {state:<9} {}", output::time(one.now), summary(&one)))?;
                }
            }
            tokio::time::sleep(WATCH).await;
            if !signed_in.is_fresh() {
                signed_in = SignedIn::open(&settings).await?;
            }
        }
    }

    async fn chosen(&self, signed_in: &SignedIn, me: &str) -> Result<Vec<Approval>, Failure> {
        let list: ApprovalList = signed_in.get(routes::APPROVALS).await?;
        let wanted = |a: &Approval| {
            (self.all || self.watch || a.state.is_open())
                && (!self.mine || a.requester.raw() == me)
                && (!self.to_review || a.may_decide || (self.watch && !a.state.is_open()))
        };
        Ok(list.approvals.into_iter().filter(wanted).collect())
    }

    fn print(&self, list: Vec<Approval>) -> Result<(), Failure> {
        if let ListFormat::Json = self.format {
            return output::json(&ApprovalList { approvals: list });
        }
        if list.is_empty() {
            eprintln!("nothing waits for an approval");
            return Ok(());
        }
        let row = |a: Approval| {
            let age = u64::try_from(a.now.saturating_sub(a.asked_at)).unwrap_or(0);
            vec![
                a.id.to_string(),
                a.state.as_str().to_owned(),
                a.kind.as_str().to_owned(),
                a.target.clone(),
                a.requester.raw().to_owned(),
                missing(&a),
                output::span(age),
                short(&a),
            ]
        };
        let rows: Vec<Vec<String>> = list.into_iter().map(row).collect();
        output::table(&["approval", "state", "kind", "target", "requester", "needs", "age", "what"], &rows)
    }
}

/// What is still missing, `1 of leads`.
fn missing(a: &Approval) -> String {
    let open = a.rules.iter().filter(|r| r.approved < r.count);
    let one = |r: &HeldRule| {
        let others = r.escalation.as_ref().filter(|e| e.now).map(|e| format!(" or {}", e.group));
        format!("{} of {}{}", r.count - r.approved, r.group, others.unwrap_or_default())
    };
    let each: Vec<String> = open.map(one).collect();
    if each.is_empty() { "nothing".to_owned() } else { each.join(", ") }
}

/// The statement in one short line, or the session.
fn short(a: &Approval) -> String {
    if a.kind == ApprovalKind::Session {
        return format!("session at level {}", a.level);
    }
    let mut text: String = a.text.raw().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > SHORT {
        text = text.chars().take(SHORT - 1).chain(['…']).collect();
    }
    text
}

fn summary(a: &Approval) -> String {
    output::safe(&format!("{} {} by {}: {}", a.id, a.target, a.requester.raw(), short(a)))
}

/// Ask for a session's approval, without opening it: `connect` and `exec` use it once it is given.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl request payments-db --level write --reason INC-42
  hoopctl request payments-db --level write --reason INC-42 --ttl 30m")]
pub struct Request {
    /// Target, as `hoopctl targets` lists it.
    #[arg(value_name = "TARGET")]
    target: String,
    /// Access level: masked, write or reveal.
    #[arg(long, default_value_t = AccessLevel::Write)]
    level: AccessLevel,
    /// Why; recorded, and shown to reviewers.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// How long the session may last at most, such as `30m`; the same as when it is opened.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    ttl: Option<Duration>,
}

impl Request {
    /// Asks.
    ///
    /// # Errors
    /// Policy needs no approval, or denies; not signed in or not reached.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        let asked = Ask::wish(&self.target, self.level, &self.reason, self.ttl, Duration::ZERO);
        let approval: Approval = signed_in.post(routes::APPROVALS, &asked).await?;
        approval::lines(&approval).iter().try_for_each(|line| output::line(line))?;
        eprintln!("a reviewer runs: hoopctl approve {}", approval.id);
        Ok(())
    }
}
