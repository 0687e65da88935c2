//! Who may decide, and what the decisions come to.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hoop_api::approval::{ApprovalState, HeldEscalation, HeldRule};
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
    /// Made or changed by whoever asks.
    #[error("your account was made or changed by whoever asks")]
    Made,
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
        if !self.pairs().any(|(id, reviewers)| self.may_lift(id, reviewers, &who.groups)) {
            return Err(Barred::Group);
        }
        if self.votes.iter().any(|v| v.person_id == person) {
            return Err(Barred::Already);
        }
        Ok(())
    }

    /// Is `who` one of those who decide it, or have decided?
    #[must_use]
    pub fn is_reviewer(&self, who: &Principal) -> bool {
        matches!(self.may_review(who), Ok(()) | Err(Barred::Already))
    }

    /// The rules that hold it, with how many of their reviewers have approved.
    pub fn rules(&self) -> impl Iterator<Item = HeldRule> + '_ {
        self.pairs().map(|(id, reviewers)| HeldRule {
            id: id.clone(),
            count: reviewers.count,
            group: reviewers.group.clone(),
            approved: self.approved(id, reviewers),
            escalation: reviewers.escalation.as_ref().map(|e| HeldEscalation {
                group: e.group.clone(),
                at: self.asked_at.saturating_add_unsigned(e.after.as_secs()),
                now: self.escalated.contains(id),
            }),
        })
    }

    /// The rules with their reviewers.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&String, &Reviewers)> {
        let requirement = &self.asked.requirement;
        requirement.rules.iter().zip(&requirement.reviewers)
    }

    /// May somebody in `groups` lift the rule `id` now?
    fn may_lift(&self, id: &str, reviewers: &Reviewers, groups: &[String]) -> bool {
        let escalation = reviewers.escalation.as_ref().filter(|_| self.escalated.contains(id));
        groups.contains(&reviewers.group) || escalation.is_some_and(|e| groups.contains(&e.group))
    }

    /// Different persons who may lift the rule `id` and have approved.
    fn approved(&self, id: &str, reviewers: &Reviewers) -> u32 {
        let persons: BTreeSet<&str> = self
            .votes
            .iter()
            .filter(|v| v.approve && self.may_lift(id, reviewers, &v.groups))
            .map(|v| v.person_id.as_str())
            .collect();
        u32::try_from(persons.len()).unwrap_or(u32::MAX)
    }

    fn is_lifted(&self) -> bool {
        let reviewers = &self.asked.requirement.reviewers;
        !reviewers.is_empty()
            && reviewers.len() == self.asked.requirement.rules.len()
            && self.pairs().all(|(id, r)| self.approved(id, r) >= r.count)
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
        } else {
            item.lift(self.valid);
        }
        Ok(item.standing.clone())
    }
}

impl Approvals {
    /// What has waited long enough for others to decide it as well, with those of its rules for which that is so and has
    /// not been told by [`Approvals::escalate`].
    #[must_use]
    pub fn to_escalate(&self) -> Vec<(Standing, BTreeSet<String>)> {
        let mut items = self.items();
        items.values_mut().for_each(Item::expire);
        let due = items.values().filter(|i| i.standing.state == ApprovalState::Pending);
        due.filter_map(|i| Some((i.standing.clone(), i.due()?))).collect()
    }

    /// From now on others may lift `rules` of an approval as well; recorded by the caller, first.
    pub fn escalate(&self, id: ApprovalId, rules: BTreeSet<String>) {
        if let Some(item) = self.items().get_mut(&id) {
            item.standing.escalated.extend(rules);
            // Who approved before may be one of those who count now.
            item.lift(self.valid);
            if item.standing.state == ApprovalState::Pending {
                item.notices.tell(&item.standing);
            }
        }
    }
}

impl Item {
    fn due(&self) -> Option<BTreeSet<String>> {
        let waited = self.since.elapsed();
        let late = |(id, r): &(&String, &Reviewers)| {
            !self.standing.escalated.contains(*id) && r.escalation.as_ref().is_some_and(|e| waited >= e.after)
        };
        let due: BTreeSet<String> = self.standing.pairs().filter(late).map(|(id, _)| id.clone()).collect();
        (!due.is_empty()).then_some(due)
    }

    /// Approves it where enough have, to be used within `valid` or what its rules say.
    fn lift(&mut self, valid: Duration) {
        if self.standing.state != ApprovalState::Pending || !self.standing.is_lifted() {
            return;
        }
        let valid = self.standing.asked.requirement.ttl.map_or(valid, |ttl| ttl.min(valid));
        self.standing.state = ApprovalState::Approved;
        self.standing.expires_at = clock::unix_s().saturating_add_unsigned(valid.as_secs());
        self.deadline = Instant::now() + valid;
        self.changed.notify_waiters();
        self.notices.tell(&self.standing);
    }
}
