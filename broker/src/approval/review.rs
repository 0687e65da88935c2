//! Who may decide, and what the decisions come to.

use std::collections::BTreeSet;
use std::time::Instant;

use hoop_api::approval::{ApprovalState, HeldRule};
use hoop_api::{ApprovalId, PrincipalKind, Untrusted};
use hoop_policy::{Principal, Reviewers};

use super::{Approvals, Item, Standing};
use crate::clock;

/// One reviewer's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Principal id.
    pub by: String,
    /// The person behind it.
    pub person_id: String,
    /// Groups that they were in then.
    pub groups: Vec<String>,
    /// Yes or no.
    pub approve: bool,
    /// Why.
    pub reason: Untrusted,
    /// When, Unix seconds.
    pub at: i64,
}

/// Why somebody may not decide an approval, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// Pipelines and agents.
    #[error("only people decide")]
    NotAPerson,
    /// Nobody knows which person it is.
    #[error("your sign-in does not say which person you are")]
    NoPerson,
    /// Their own.
    #[error("nobody decides their own request")]
    Own,
    /// Their own, by another account.
    #[error("nobody decides their own request, by another account either")]
    SamePerson,
    /// In none of the groups.
    #[error("you are in none of the groups that may decide")]
    Group,
    /// They signed in too long ago for this rule, or nobody knows when.
    #[error("the rule asks for a fresh sign-in, and yours is older or does not say how old it is")]
    Stale,
    /// They signed in without a second factor.
    #[error("the rule asks for a sign-in with a second factor, and yours does not tell of one")]
    OneFactor,
    /// They have.
    #[error("you have decided it already")]
    Already,
    /// It is not pending any more.
    #[error("it is {} already", .0.as_str())]
    Ended(ApprovalState),
    /// There is none of this id, or it is forgotten.
    #[error("there is no such approval")]
    Gone,
}

impl Standing {
    /// May `who` decide it now?
    ///
    /// # Errors
    /// [`Barred`] when not.
    pub fn may_decide(&self, who: &Principal) -> Result<(), Barred> {
        self.may_review(who)?;
        match self.state {
            ApprovalState::Pending => Ok(()),
            ended => Err(Barred::Ended(ended)),
        }
    }

    /// Is a sign-in of `auth_s` (Unix seconds) by the methods `amr` (RFC 8176) recent and strong enough to approve it?
    ///
    /// # Errors
    /// [`Barred::Stale`] and [`Barred::OneFactor`].
    pub fn is_fresh(&self, auth_s: i64, amr: &[String], now_s: i64) -> Result<(), Barred> {
        let Some(fresh) = self.asked.requirement.fresh else { return Ok(()) };
        if auth_s <= 0 || now_s.saturating_sub(auth_s) > i64::try_from(fresh.as_secs()).unwrap_or(0) {
            return Err(Barred::Stale);
        }
        if amr.iter().any(|method| method == "mfa") { Ok(()) } else { Err(Barred::OneFactor) }
    }

    /// Is `who` one of its reviewers, whatever its state?
    ///
    /// # Errors
    /// [`Barred`] when not.
    pub fn may_review(&self, who: &Principal) -> Result<(), Barred> {
        match who.kind {
            PrincipalKind::User => {}
            PrincipalKind::Workload | PrincipalKind::Agent => return Err(Barred::NotAPerson),
        }
        let person = who.person_id.as_deref().filter(|p| !p.is_empty()).ok_or(Barred::NoPerson)?;
        if who.id == self.asked.requester.id {
            return Err(Barred::Own);
        }
        if self.asked.requester.person_id.as_deref() == Some(person) {
            return Err(Barred::SamePerson);
        }
        if !self.asked.requirement.reviewers.iter().any(|r| who.groups.contains(&r.group)) {
            return Err(Barred::Group);
        }
        if self.votes.iter().any(|v| v.person_id == person) {
            return Err(Barred::Already);
        }
        Ok(())
    }

    /// The rules that hold it, with how many of their reviewers have approved.
    pub fn rules(&self) -> impl Iterator<Item = HeldRule> + '_ {
        let requirement = &self.asked.requirement;
        requirement.rules.iter().zip(&requirement.reviewers).map(|(id, reviewers)| HeldRule {
            id: id.clone(),
            count: reviewers.count,
            group: reviewers.group.clone(),
            approved: self.approved(reviewers),
        })
    }

    /// Different persons of the group who have approved.
    fn approved(&self, reviewers: &Reviewers) -> u32 {
        let persons: BTreeSet<&str> = self
            .votes
            .iter()
            .filter(|v| v.approve && v.groups.contains(&reviewers.group))
            .map(|v| v.person_id.as_str())
            .collect();
        u32::try_from(persons.len()).unwrap_or(u32::MAX)
    }

    fn is_lifted(&self) -> bool {
        let reviewers = &self.asked.requirement.reviewers;
        !reviewers.is_empty()
            && reviewers.len() == self.asked.requirement.rules.len()
            && reviewers.iter().all(|r| self.approved(r) >= r.count)
    }
}

impl Approvals {
    /// Counts a decision that is in the ledger: one no ends it, enough of yes for every rule lifts it.
    ///
    /// # Errors
    /// [`Barred`] when `who` may not, or not any more; nothing has changed then.
    pub fn decide(
        &self,
        id: ApprovalId,
        who: &Principal,
        approve: bool,
        reason: Untrusted,
    ) -> Result<Standing, Barred> {
        let mut items = self.items();
        let item = items.get_mut(&id).ok_or(Barred::Gone)?;
        item.expire();
        item.standing.may_decide(who)?;
        item.standing.votes.push(Vote {
            by: who.id.clone(),
            person_id: who.person_id.clone().ok_or(Barred::NoPerson)?,
            groups: who.groups.clone(),
            approve,
            reason,
            at: clock::unix_s(),
        });
        if !approve {
            item.end(ApprovalState::Rejected);
        } else if item.standing.is_lifted() {
            let ttl = item.standing.asked.requirement.ttl;
            item.approve(ttl.map_or(self.valid, |ttl| ttl.min(self.valid)));
        }
        Ok(item.standing.clone())
    }
}

impl Item {
    fn approve(&mut self, valid: std::time::Duration) {
        self.standing.state = ApprovalState::Approved;
        self.standing.expires_at = clock::unix_s().saturating_add_unsigned(valid.as_secs());
        self.deadline = Instant::now() + valid;
        self.changed.notify_waiters();
        self.notices.tell(&self.standing);
    }
}
