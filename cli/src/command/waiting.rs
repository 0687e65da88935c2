//! Waiting for the approval of a session.

use std::time::Duration;

use hoop_api::approval::{Approval, ApprovalState};
use hoop_api::routes::{self, OpenSession, OpenedSession};
use hoop_api::{ApprovalId, Untrusted};

use crate::broker::SignedIn;
use crate::error::{Exit, Failure};
use crate::output;
use crate::profile::Settings;

/// How often the broker is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Opens the session that `held` tells of once reviewers have approved it. Who interrupts gives the request up.
pub(super) async fn for_session(
    settings: &Settings,
    ask: &OpenSession,
    held: Failure,
    patience: Duration,
) -> Result<OpenedSession, Failure> {
    let Some(id) = held.approval else { return Err(held) };
    eprintln!("held: {}", Untrusted::new(held.message.as_str()));
    eprintln!("a reviewer runs: hoopctl approve {id}");
    eprintln!("waiting up to {}; Ctrl-C gives it up", output::span(patience.as_secs()));
    let waited = tokio::select! {
        waited = tokio::time::timeout(patience, settled(settings, id)) => waited,
        _ = tokio::signal::ctrl_c() => {
            SignedIn::open(settings).await?.delete(&path(id)).await?;
            eprintln!("withdrawn {id}");
            return Err(Failure::interrupted());
        }
    };
    let Ok(settled) = waited else {
        return Err(held.hint("it can still be approved; then run the same command again"));
    };
    let (signed_in, approval) = settled?;
    match approval.state {
        ApprovalState::Approved => signed_in.post(routes::SESSIONS, ask).await,
        state => {
            let mut failure = Failure::new(Exit::Rejected, format!("the request {id} is {}", state.as_str()));
            for decision in approval.decisions.iter().filter(|d| !d.approve) {
                failure = failure.note("rejected", format!("{} says: {}", decision.by, decision.reason));
            }
            Err(failure)
        }
    }
}

fn path(id: ApprovalId) -> String {
    format!("{}/{id}", routes::APPROVALS)
}

/// The approval once it is not pending any more.
async fn settled(settings: &Settings, id: ApprovalId) -> Result<(SignedIn, Approval), Failure> {
    loop {
        // Anew each time: a wait can outlast an access token.
        let signed_in = SignedIn::open(settings).await?;
        let approval: Approval = signed_in.get(&path(id)).await?;
        if approval.state != ApprovalState::Pending {
            return Ok((signed_in, approval));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Says early that an approval cannot be used.
///
/// # Errors
/// It is not approved; still pending is another exit code than an end.
pub(super) async fn usable(signed_in: &SignedIn, id: ApprovalId) -> Result<(), Failure> {
    let approval: Approval = signed_in.get(&path(id)).await?;
    let exit = match approval.state {
        ApprovalState::Approved => return Ok(()),
        ApprovalState::Pending => Exit::Pending,
        ApprovalState::Rejected
        | ApprovalState::Consumed
        | ApprovalState::Expired
        | ApprovalState::Withdrawn => Exit::Rejected,
    };
    Err(Failure::new(exit, format!("the approval {id} is {}, so nothing was run", approval.state.as_str())))
}
