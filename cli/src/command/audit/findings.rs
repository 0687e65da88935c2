//! Broken glasses in a ledger: whether each was reviewed by other people, by signatures that hold, and none was broken
//! again before two of them had.

use std::collections::{BTreeMap, BTreeSet};

use hoop_api::finding::{REVIEWERS, Review};
use hoop_ledger::entry::User;

/// Follows the findings of a ledger.
#[derive(Debug, Default)]
pub(super) struct Findings {
    known: BTreeMap<String, Broken>,
}

#[derive(Debug)]
struct Broken {
    by: User,
    target: String,
    reviewed: BTreeSet<String>,
}

impl Broken {
    fn is_open(&self) -> bool {
        u32::try_from(self.reviewed.len()).is_ok_and(|n| n < REVIEWERS)
    }
}

impl Findings {
    /// Takes a glass that was broken.
    ///
    /// # Errors
    /// It was barred, or nobody knows by whom.
    pub(super) fn broken(&mut self, by: &User, finding: &str, target: &str) -> Result<(), String> {
        let person =
            by.person_id.as_ref().ok_or_else(|| format!("nobody knows which person opened {finding}"))?;
        let bars =
            |b: &Broken| b.is_open() && (b.target == target || b.by.person_id.as_ref() == Some(person));
        if let Some((open, _)) = self.known.iter().find(|(_, b)| bars(b)) {
            return Err(format!("{finding} was opened while {open}, which bars it, was not reviewed"));
        }
        let broken = Broken { by: by.clone(), target: target.to_owned(), reviewed: BTreeSet::new() };
        match self.known.insert(finding.to_owned(), broken) {
            None => Ok(()),
            Some(_) => Err(format!("{finding} was opened twice")),
        }
    }

    /// Takes a review, whose signature gave `claims`.
    ///
    /// # Errors
    /// It says another thing than what was signed, or is by somebody who may not.
    pub(super) fn reviewed(
        &mut self,
        by: &User,
        (finding, conclusion): (&str, &str),
        claims: &Review,
        partial: bool,
    ) -> Result<(), String> {
        if claims.finding.to_string() != finding || claims.conclusion.as_str() != conclusion {
            return Err(format!("the review of {finding} says another thing than what was signed"));
        }
        let Some(broken) = self.known.get_mut(finding) else {
            return if partial { Ok(()) } else { Err(format!("{finding} was reviewed and never opened")) };
        };
        let person =
            by.person_id.clone().ok_or_else(|| format!("nobody knows which person reviewed {finding}"))?;
        if by.id == broken.by.id || broken.by.person_id.as_ref() == Some(&person) {
            return Err(format!("{finding} was reviewed by whom it is about"));
        }
        broken.reviewed.insert(person);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoop_api::FindingId;
    use hoop_api::finding::Conclusion;

    fn user(id: &str) -> User {
        User { id: id.into(), kind: "user".into(), person_id: Some(format!("p-{id}")) }
    }

    fn id(n: u128) -> FindingId {
        FindingId::from_parts(1, n)
    }

    fn review(all: &mut Findings, by: &User, n: u128) -> Result<(), String> {
        let (shown, iat) = (String::new(), 0);
        let claims =
            Review { finding: id(n), conclusion: Conclusion::Justified, note: "n".into(), shown, iat };
        all.reviewed(by, (&id(n).to_string(), "justified"), &claims, false)
    }

    #[test]
    fn none_is_broken_again_before_two_others_have_reviewed_it() {
        let mut all = Findings::default();
        all.broken(&user("olga"), &id(1).to_string(), "a").unwrap();
        assert!(all.broken(&user("oleg"), &id(2).to_string(), "a").unwrap_err().contains("not reviewed"));
        assert!(all.broken(&user("olga"), &id(2).to_string(), "b").unwrap_err().contains("not reviewed"));
        review(&mut all, &user("leo"), 1).unwrap();
        review(&mut all, &user("leo"), 1).unwrap();
        assert!(
            all.broken(&user("olga"), &id(2).to_string(), "b").is_err(),
            "one person twice is one person"
        );
        review(&mut all, &user("lea"), 1).unwrap();
        all.broken(&user("olga"), &id(2).to_string(), "b").unwrap();
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let mut all = Findings::default();
        assert!(review(&mut all, &user("leo"), 1).unwrap_err().contains("never opened"));
        all.broken(&user("olga"), &id(1).to_string(), "a").unwrap();
        assert!(review(&mut all, &user("olga"), 1).unwrap_err().contains("whom it is about"));
        let twin = User { id: "olga2".into(), ..user("olga") };
        assert!(review(&mut all, &twin, 1).unwrap_err().contains("whom it is about"));
        let (shown, iat) = (String::new(), 0);
        let other = Review { finding: id(2), conclusion: Conclusion::Misused, note: "n".into(), shown, iat };
        let told = all.reviewed(&user("leo"), (&id(1).to_string(), "justified"), &other, false);
        assert!(told.unwrap_err().contains("another thing"));
    }
}
