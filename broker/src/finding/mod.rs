//! Findings: what others must review after it happened (PCI DSS 7.2.5, 10.4.1). Today a broken glass: a session that a
//! person opened in an emergency, without anybody's approval.
//!
//! Pure: nothing here judges by policy, records or keeps. INVARIANT: a finding is closed by [`REVIEWERS`] different
//! people, none of them the one whom it is about; until then it bars the next.

use std::collections::BTreeSet;

use hoop_api::finding::{Conclusion, FindingKind, REVIEWERS};
use hoop_api::{AccessLevel, FindingId, PrincipalKind, Untrusted, finding as wire};
use hoop_ledger::entry::Event;
use hoop_policy::Principal;

/// What a reviewer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// Principal id.
    pub by: String,
    /// The person behind it.
    pub person_id: String,
    /// What they make of it.
    pub conclusion: Conclusion,
    /// Why.
    pub note: Untrusted,
    /// When, Unix seconds.
    pub at: i64,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its id.
    pub id: FindingId,
    /// Principal id of whoever did it.
    pub principal: String,
    /// The person behind it.
    pub person_id: String,
    /// Target name.
    pub target: String,
    /// Access level.
    pub level: AccessLevel,
    /// Why, card numbers taken out.
    pub reason: Untrusted,
    /// The incident, card numbers taken out.
    pub ticket: Untrusted,
    /// They signed in with the codes of their enrolment.
    pub enrolled: bool,
    /// When, Unix seconds.
    pub opened_s: i64,
    /// Until when sessions can be open for it, Unix seconds.
    pub ends_s: i64,
    /// What reviewers have said.
    pub reviews: Vec<Reviewed>,
}

/// Why somebody may not review a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReviewer {
    /// Pipelines and agents.
    #[error("only people review")]
    NotAPerson,
    /// Nobody knows which person it is.
    #[error("your sign-in does not say which person you are")]
    NoPerson,
    /// It is about them.
    #[error("nobody reviews what they did themselves, by another account either")]
    Own,
    /// They have.
    #[error("you have reviewed it already")]
    Already,
    /// Enough others have.
    #[error("it is closed already")]
    Closed,
}

impl Finding {
    /// Enough people have reviewed it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let people: BTreeSet<&str> = self.reviews.iter().map(|r| r.person_id.as_str()).collect();
        u32::try_from(people.len()).is_ok_and(|n| n >= REVIEWERS)
    }

    /// Does it bar the person `person_id`, by whatever account, or the account `id`, whoever has it now, from breaking the
    /// glass of `target`?
    #[must_use]
    pub fn bars(&self, id: &str, person_id: &str, target: &str) -> bool {
        !self.is_closed() && (self.principal == id || self.person_id == person_id || self.target == target)
    }

    /// May the same person, signed in by the same way, open one more session for it at `now_s`?
    #[must_use]
    pub fn goes_on(
        &self,
        who: &Principal,
        enrolled: bool,
        (target, level): (&str, AccessLevel),
        now_s: i64,
    ) -> bool {
        self.principal == who.id
            && self.enrolled == enrolled
            && who.person_id.as_deref() == Some(self.person_id.as_str())
            && self.target == target
            && self.level == level
            && (self.opened_s..self.ends_s).contains(&now_s)
            // Who has been judged to misuse it does not go on.
            && self.reviews.iter().all(|r| r.conclusion == Conclusion::Justified)
    }

    /// May `who` review it, as far as policy is not asked?
    ///
    /// # Errors
    /// [`NotReviewer`].
    pub fn may_review<'a>(&self, who: &'a Principal) -> Result<&'a str, NotReviewer> {
        match who.kind {
            PrincipalKind::User => {}
            PrincipalKind::Workload | PrincipalKind::Agent => return Err(NotReviewer::NotAPerson),
        }
        let person = who.person_id.as_deref().filter(|p| !p.is_empty()).ok_or(NotReviewer::NoPerson)?;
        if who.id == self.principal || person == self.person_id {
            return Err(NotReviewer::Own);
        }
        if self.reviews.iter().any(|r| r.person_id == person) {
            return Err(NotReviewer::Already);
        }
        if self.is_closed() { Err(NotReviewer::Closed) } else { Ok(person) }
    }

    /// The entry that it is opened by.
    #[must_use]
    pub fn opened(&self, rules: Vec<String>, client_key: &str) -> Event {
        Event::GlassBroken {
            finding: self.id.to_string(),
            target: self.target.clone(),
            level: self.level.as_str().to_owned(),
            reason: self.reason.to_string(),
            ticket: self.ticket.to_string(),
            ends_us: self.ends_s.saturating_mul(1_000_000),
            rules,
            client_key: client_key.to_owned(),
        }
    }

    /// As the wire has it.
    #[must_use]
    pub fn told(&self, may_review: bool) -> wire::Finding {
        let reviewed = |r: &Reviewed| wire::Reviewed {
            by: r.by.as_str().into(),
            conclusion: r.conclusion,
            note: r.note.clone(),
            at: r.at,
        };
        wire::Finding {
            id: self.id,
            kind: FindingKind::BreakGlass,
            principal: self.principal.as_str().into(),
            target: self.target.clone(),
            level: self.level,
            reason: self.reason.clone(),
            ticket: self.ticket.clone(),
            enrolled: self.enrolled,
            opened_at: self.opened_s,
            ends_at: self.ends_s,
            reviews: self.reviews.iter().map(reviewed).collect(),
            closed: self.is_closed(),
            may_review,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: &str, person: Option<&str>) -> Principal {
        Principal {
            id: id.to_owned(),
            name: id.to_owned(),
            kind: PrincipalKind::User,
            person_id: person.map(str::to_owned),
            groups: Vec::new(),
        }
    }

    fn finding() -> Finding {
        Finding {
            id: FindingId::from_parts(1, 2),
            principal: "olga".to_owned(),
            person_id: "p-olga".to_owned(),
            target: "payments-db".to_owned(),
            level: AccessLevel::Masked,
            reason: "r".into(),
            ticket: "t".into(),
            enrolled: false,
            opened_s: 100,
            ends_s: 200,
            reviews: Vec::new(),
        }
    }

    fn by(person: &str, conclusion: Conclusion) -> Reviewed {
        Reviewed {
            by: person.to_owned(),
            person_id: person.to_owned(),
            conclusion,
            note: "n".into(),
            at: 150,
        }
    }

    #[test]
    fn two_different_people_close_it_and_until_then_it_bars() {
        let mut open = finding();
        assert!(open.bars("olga-2", "p-olga", "other-db") && open.bars("oleg", "p-oleg", "payments-db"));
        assert!(!open.bars("oleg", "p-oleg", "other-db"));
        assert!(open.bars("olga", "p-new", "other-db"), "an account that was made anew is no other one");
        open.reviews.push(by("p-leo", Conclusion::Justified));
        open.reviews.push(by("p-leo", Conclusion::Justified));
        assert!(open.bars("olga", "p-olga", "other-db"), "one person twice is one person");
        open.reviews.push(by("p-lea", Conclusion::Misused));
        assert!(open.is_closed() && !open.bars("olga", "p-olga", "payments-db"));
    }

    #[test]
    fn nobody_reviews_their_own_nor_twice_nor_without_being_a_person() {
        let mut open = finding();
        assert_eq!(open.may_review(&person("olga", Some("p-other"))), Err(NotReviewer::Own));
        assert_eq!(open.may_review(&person("olga-2", Some("p-olga"))), Err(NotReviewer::Own));
        assert_eq!(open.may_review(&person("leo", None)), Err(NotReviewer::NoPerson));
        assert_eq!(open.may_review(&person("leo", Some(""))), Err(NotReviewer::NoPerson));
        let agent = Principal { kind: PrincipalKind::Agent, ..person("leo", Some("p-leo")) };
        assert_eq!(open.may_review(&agent), Err(NotReviewer::NotAPerson));
        assert_eq!(open.may_review(&person("leo", Some("p-leo"))), Ok("p-leo"));
        open.reviews.push(by("p-leo", Conclusion::Justified));
        assert_eq!(open.may_review(&person("leo-2", Some("p-leo"))), Err(NotReviewer::Already));
    }

    #[test]
    fn it_goes_on_for_the_same_person_at_the_same_level_within_its_time() {
        let olga = person("olga", Some("p-olga"));
        let goes = |f: &Finding, level, now| f.goes_on(&olga, false, ("payments-db", level), now);
        assert!(goes(&finding(), AccessLevel::Masked, 199));
        assert!(!goes(&finding(), AccessLevel::Masked, 200), "its time is up");
        assert!(!goes(&finding(), AccessLevel::Masked, 99), "a clock that was set back extends nothing");
        assert!(!goes(&finding(), AccessLevel::Reveal, 150));
        assert!(!finding().goes_on(&olga, false, ("other-db", AccessLevel::Masked), 150));
        assert!(!finding().goes_on(
            &person("oleg", Some("p-oleg")),
            false,
            ("payments-db", AccessLevel::Masked),
            150
        ));
        assert!(!finding().goes_on(&olga, true, ("payments-db", AccessLevel::Masked), 150));
        let mut misused = finding();
        misused.reviews.push(by("p-leo", Conclusion::Misused));
        assert!(!goes(&misused, AccessLevel::Masked, 150));
    }
}
