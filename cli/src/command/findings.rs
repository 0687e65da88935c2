//! `hoopctl findings`: what must be reviewed, and the review of it.

use hoop_api::finding::{Conclusion, Finding, FindingList, REVIEW_TYPE, REVIEWERS, Review, SignedReview};
use hoop_api::{FindingId, routes};

use super::targets::ListFormat;
use crate::broker::{SignedIn, now_s};
use crate::error::Failure;
use crate::output;
use crate::profile::Settings;

/// List what must be reviewed, such as a broken glass, and review it.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  hoopctl findings
  hoopctl findings review fnd_01KAV3Z7M0EXAMPLE0000000AB --justified --note 'as agreed in INC-42'"
)]
pub struct Findings {
    #[command(subcommand)]
    act: Option<Act>,
    /// Closed ones, too.
    #[arg(long)]
    all: bool,
    /// How to print them.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Say what you make of one. What it was for stands in the ledger: read that first.
    Review {
        /// Its id, as listed.
        #[arg(value_name = "ID")]
        id: FindingId,
        /// It was right to do so.
        #[arg(long, conflicts_with = "misused", required_unless_present = "misused")]
        justified: bool,
        /// It was not; what follows from that is decided elsewhere.
        #[arg(long)]
        misused: bool,
        /// Why; recorded and signed.
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

impl Findings {
    /// Lists or reviews.
    ///
    /// # Errors
    /// Not signed in, not reached, no such finding, or the caller may not review it.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        let mut list: FindingList = signed_in.get(routes::FINDINGS).await?;
        if let Some(Act::Review { id, justified, misused: _, note }) = self.act {
            let finding = list.findings.into_iter().find(|f| f.id == id).ok_or_else(|| {
                Failure::usage(format!("there is no finding {id}, or none that you may see"))
                    .hint("list them: `hoopctl findings --all`")
            })?;
            let conclusion = if justified { Conclusion::Justified } else { Conclusion::Misused };
            return review(&signed_in, &finding, conclusion, &note).await;
        }
        list.findings.retain(|f| self.all || !f.closed);
        match self.format {
            ListFormat::Json => output::json(&list),
            ListFormat::Table => {
                list.findings.iter().flat_map(lines).try_for_each(|text| output::line(&text))
            }
        }
    }
}

async fn review(
    signed_in: &SignedIn,
    finding: &Finding,
    conclusion: Conclusion,
    note: &str,
) -> Result<(), Failure> {
    // Only what was seen is reviewed.
    lines(finding).iter().try_for_each(|text| output::line(text))?;
    let review =
        Review { finding: finding.id, conclusion, note: note.into(), shown: finding.shown(), iat: now_s() };
    let signed = SignedReview { review: signed_in.key().signed(REVIEW_TYPE, &review)? };
    let now: Finding =
        signed_in.post(&format!("{}/{}/review", routes::FINDINGS, finding.id), &signed).await?;
    let left = REVIEWERS.saturating_sub(u32::try_from(now.reviews.len()).unwrap_or(REVIEWERS));
    eprintln!(
        "{}",
        if now.closed {
            "reviewed; it is closed".to_owned()
        } else {
            format!("reviewed; needed yet: {left} more")
        }
    );
    Ok(())
}

/// One finding, line by line.
fn lines(finding: &Finding) -> Vec<String> {
    let state = if finding.closed { "closed" } else { "open" };
    let mut out = vec![format!("{} ({}, {state})", finding.id, finding.kind.as_str())];
    let mut say = |label: &str, text: &str| out.push(format!("  {label:<10} {text}"));
    say("target", &format!("{} at level {}", output::safe(&finding.target), finding.level));
    let how = if finding.enrolled { ", signed in without the identity provider" } else { "" };
    say("by", &format!("{}{how}", finding.principal));
    say("reason", &finding.reason.to_string());
    say("ticket", &finding.ticket.to_string());
    say("from", &format!("{} to {} at most", output::time(finding.opened_at), output::time(finding.ends_at)));
    for review in &finding.reviews {
        let said = format!(
            "{} by {} at {}: {}",
            review.conclusion.as_str(),
            review.by,
            output::time(review.at),
            review.note
        );
        say("review", &said);
    }
    if finding.may_review {
        say("next", &format!("hoopctl findings review {} --justified --note …", finding.id));
    }
    out
}
