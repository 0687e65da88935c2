//! `hoopctl approve` and `hoopctl deny`: a reviewer reads what is held, and signs a decision about exactly that.

use std::io::{IsTerminal as _, Write as _};

use hoop_api::approval::{
    Approval, ApprovalKind, ApprovalList, ApprovalState, DECISION_TYPE, Decide, Decision,
};
use hoop_api::{ApprovalId, routes};

use crate::broker::{SignedIn, now_s};
use crate::error::{Failure, plain};
use crate::output::{self, approval};
use crate::profile::Settings;

/// Longest reason, characters.
const MAX_REASON: usize = 500;

/// Read what is held, and let it run. Without ID: all that waits for you, one after the other.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl approve
  hoopctl approve apr_01KAV3Z7M0EXAMPLE0000000AB --reason 'change window'")]
pub struct Approve {
    /// Its id, as the notice, the error or `hoopctl requests` gives it.
    #[arg(value_name = "ID")]
    id: Option<ApprovalId>,
    /// Why; recorded and signed.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Do not ask: for where nobody sits at the terminal.
    #[arg(long, requires = "id")]
    yes: bool,
}

/// Say no to what is held, with a reason that its requester reads.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hoopctl deny apr_01KAV3Z7M0EXAMPLE0000000AB --reason 'not during the freeze'")]
pub struct Deny {
    /// Its id, as the notice, the error or `hoopctl requests` gives it.
    #[arg(value_name = "ID")]
    id: ApprovalId,
    /// Why; recorded and signed.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Approve {
    /// Shows, asks, decides.
    ///
    /// # Errors
    /// There is none, the caller may not decide it, or it has ended.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let signed_in = SignedIn::open(&settings).await?;
        let reason = checked(&self.reason)?;
        if let Some(id) = self.id {
            let shown = show(get(&signed_in, id).await?)?;
            let agreed = self.yes
                || output::confirm("approve?")?.ok_or_else(|| {
                    Failure::usage("nobody is at the terminal to say yes").hint("give `--yes`")
                })?;
            if !agreed {
                eprintln!("nothing is decided");
                return Ok(());
            }
            return decide(&signed_in, &shown, true, reason).await;
        }
        let list: ApprovalList = signed_in.get(routes::APPROVALS).await?;
        let mine: Vec<Approval> = list.approvals.into_iter().filter(|a| a.may_decide).collect();
        if mine.is_empty() {
            eprintln!("nothing waits for you");
            return Ok(());
        }
        if !std::io::stdin().is_terminal() || !output::stderr_is_terminal() {
            return mine.iter().try_for_each(|a| {
                show(a.clone())?;
                output::line(&format!("  hoopctl approve {0}   or   hoopctl deny {0} --reason …", a.id))
            });
        }
        for waiting in mine {
            let shown = show(waiting)?;
            match ask("[y]es, [n]o, [s]kip, [q]uit? ")?.as_str() {
                "y" | "yes" => decide(&signed_in, &shown, true, reason).await?,
                "n" | "no" => {
                    let why = ask("reason: ")?;
                    decide(&signed_in, &shown, false, checked(&why)?).await?;
                }
                "q" | "quit" => return Ok(()),
                _ => eprintln!("skipped"),
            }
        }
        Ok(())
    }
}

impl Deny {
    /// Shows and decides.
    ///
    /// # Errors
    /// There is none, the caller may not decide it, or it has ended.
    pub async fn run(self, settings: Settings) -> Result<(), Failure> {
        let reason = checked(&self.reason)?;
        if reason.trim().is_empty() {
            return Err(Failure::usage("a refusal needs a reason").hint("its requester reads it"));
        }
        let signed_in = SignedIn::open(&settings).await?;
        let shown = show(get(&signed_in, self.id).await?)?;
        decide(&signed_in, &shown, false, reason).await
    }
}

/// An approval that was printed: only what was seen is decided.
struct Shown(Approval);

fn show(approval: Approval) -> Result<Shown, Failure> {
    approval::lines(&approval).iter().try_for_each(|line| output::line(line))?;
    Ok(Shown(approval))
}

async fn get(signed_in: &SignedIn, id: ApprovalId) -> Result<Approval, Failure> {
    signed_in.get(&format!("{}/{id}", routes::APPROVALS)).await
}

fn checked(reason: &str) -> Result<&str, Failure> {
    if reason.chars().count() > MAX_REASON {
        return Err(Failure::usage(format!("the reason has more than {MAX_REASON} characters")));
    }
    Ok(reason)
}

pub(super) fn ask(question: &str) -> Result<String, Failure> {
    eprint!("{question}");
    std::io::stderr().flush().map_err(|e| Failure::stdout(&e))?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| Failure::usage(format!("the answer cannot be read: {}", plain(&e))))?;
    Ok(answer.trim().to_owned())
}

async fn decide(signed_in: &SignedIn, shown: &Shown, approve: bool, reason: &str) -> Result<(), Failure> {
    let Shown(approval) = shown;
    let decision = Decision {
        approval: approval.id,
        approve,
        reason: reason.into(),
        binding: approval.binding.clone(),
        shown: approval.shown(),
        iat: now_s(),
    };
    let signed = Decide { decision: signed_in.key().signed(DECISION_TYPE, &decision)? };
    let path = format!("{}/{}/decision", routes::APPROVALS, approval.id);
    let now: Approval = signed_in.post(&path, &signed).await?;
    eprintln!("{}", output::safe(&meaning(&now)));
    Ok(())
}

/// What becomes of it now.
fn meaning(now: &Approval) -> String {
    let until = || output::time(now.expires_at);
    match (now.state, now.kind) {
        (ApprovalState::Pending, _) => {
            let open = now.rules.iter().filter(|r| r.approved < r.count);
            let each: Vec<_> =
                open.map(|r| format!("{} more of {}", r.count - r.approved, r.group)).collect();
            format!("approved; needed yet: {}", each.join(", "))
        }
        (ApprovalState::Approved | ApprovalState::Consumed, ApprovalKind::Waiting) => {
            "approved; it runs now".to_owned()
        }
        (ApprovalState::Approved, ApprovalKind::Retry) => {
            format!("approved; {} can send it again, once, until {}", now.requester.raw(), until())
        }
        (ApprovalState::Approved, ApprovalKind::Session) => {
            format!("approved; {} can open the session, once, until {}", now.requester.raw(), until())
        }
        (ApprovalState::Approved | ApprovalState::Consumed, ApprovalKind::Change) => {
            "approved; it takes effect now".to_owned()
        }
        (state, _) => state.as_str().to_owned(),
    }
}
