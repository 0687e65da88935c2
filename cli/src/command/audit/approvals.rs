//! Approvals in a ledger: whether each decision was signed by the key that it names, about the approval that it names, by
//! another person than the requester; and whether each use had enough of them, once.
//!
//! The same for broken glasses and their reviews.
//!
//! What it cannot see: in which groups a reviewer was. The broker judged that; the identity provider knows it.

use std::collections::{BTreeSet, HashMap};

use hoop_api::approval::{DECISION_TYPE, Decision};
use hoop_api::finding::{REVIEW_TYPE, Review};
use hoop_ledger::entry::{Envelope, Event, User};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::DeserializeOwned;

use super::findings::Findings;

/// Follows the approvals of a ledger.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    open: HashMap<String, Asked>,
    /// Keys that each principal has signed in with.
    keys: HashMap<String, BTreeSet<String>>,
    /// Older entries are not at hand: what is not known may have been before them.
    partial: bool,
    /// Decisions and reviews whose signature holds.
    decisions: u64,
    findings: Findings,
}

#[derive(Debug)]
struct Asked {
    requester: User,
    binding: String,
    /// The most that one of its rules asks for.
    quorum: usize,
    approved: BTreeSet<String>,
    over: bool,
}

impl Approvals {
    /// For a ledger from its first entry, or for a part of one.
    pub(super) fn new(partial: bool) -> Self {
        Self { partial, ..Self::default() }
    }

    /// Decisions that were checked.
    pub(super) const fn decisions(&self) -> u64 {
        self.decisions
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn observe(&mut self, entry: &Envelope) -> Result<(), String> {
        match &entry.event {
            Event::SignIn { client_key, .. } => {
                self.keys.entry(entry.user.id.clone()).or_default().insert(client_key.clone());
                Ok(())
            }
            Event::ApprovalRequested { approval, binding, reviewers, .. } => {
                let counts = reviewers.iter().map(|r| r.split(' ').next().and_then(|n| n.parse().ok()));
                let asked = Asked {
                    requester: entry.user.clone(),
                    binding: binding.clone(),
                    quorum: counts.map(|n| n.unwrap_or(usize::MAX)).max().unwrap_or(usize::MAX),
                    approved: BTreeSet::new(),
                    over: false,
                };
                match self.open.insert(approval.clone(), asked) {
                    None => Ok(()),
                    Some(_) => Err(format!("{approval} is asked for twice")),
                }
            }
            Event::ApprovalDecided { approval, decision, binding, signed, client_key } => {
                self.decided(&entry.user, (approval, decision, binding), signed, client_key)
            }
            Event::GlassBroken { finding, target, .. } => self.findings.broken(&entry.user, finding, target),
            Event::FindingReviewed { finding, conclusion, signed, client_key } => {
                let what = format!("the review of {finding}");
                let claims: Review = self.signed(&entry.user, &what, (REVIEW_TYPE, signed), client_key)?;
                self.findings.reviewed(&entry.user, (finding, conclusion), &claims, self.partial)
            }
            Event::ApprovalConsumed { approval, binding, .. } => self.consumed(approval, binding),
            Event::ApprovalEnded { approval, .. } => {
                if let Some(asked) = self.open.get_mut(approval) {
                    asked.over = true;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The claims of `what`, signed as a JWS of some type by a key that `by` has signed in with.
    fn signed<T: DeserializeOwned>(
        &mut self,
        by: &User,
        what: &str,
        (typ, signed): (&str, &str),
        client_key: &str,
    ) -> Result<T, String> {
        let claims = verify(typ, signed, client_key)
            .ok_or_else(|| format!("{what} is not signed by the key that it names"))?;
        let signed_in = self.keys.get(&by.id).is_some_and(|keys| keys.contains(client_key));
        if !signed_in && !self.partial {
            return Err(format!("{what} is by a key that {} has not signed in with", by.id));
        }
        self.decisions += 1;
        Ok(claims)
    }

    fn decided(
        &mut self,
        by: &User,
        (approval, decision, binding): (&String, &str, &str),
        signed: &str,
        client_key: &str,
    ) -> Result<(), String> {
        let what = format!("the decision on {approval}");
        let claims: Decision = self.signed(by, &what, (DECISION_TYPE, signed), client_key)?;
        let approve = match decision {
            "approve" => true,
            "deny" => false,
            other => return Err(format!("the decision on {approval} is `{other}`")),
        };
        if claims.approval.to_string() != *approval || claims.approve != approve || claims.binding != binding
        {
            return Err(format!("the decision on {approval} says another thing than what was signed"));
        }
        let Some(asked) = self.open.get_mut(approval) else {
            return if self.partial {
                Ok(())
            } else {
                Err(format!("{approval} was decided and never asked for"))
            };
        };
        if asked.binding != binding {
            return Err(format!(
                "the decision on {approval} is about something else than what was asked for"
            ));
        }
        let person =
            by.person_id.clone().ok_or_else(|| format!("nobody knows which person decided {approval}"))?;
        if by.id == asked.requester.id || asked.requester.person_id.as_ref() == Some(&person) {
            return Err(format!("{approval} was decided by its own requester"));
        }
        if approve {
            asked.approved.insert(person);
        } else {
            asked.over = true;
        }
        Ok(())
    }

    fn consumed(&mut self, approval: &str, binding: &str) -> Result<(), String> {
        let Some(asked) = self.open.get_mut(approval) else {
            return if self.partial {
                Ok(())
            } else {
                Err(format!("{approval} was used and never asked for"))
            };
        };
        if asked.over {
            return Err(format!("{approval} was used twice, or after its end"));
        }
        if asked.binding != binding {
            return Err(format!("{approval} was used for something else than what was asked for"));
        }
        if asked.approved.len() < asked.quorum {
            return Err(format!(
                "{approval} was used with the approval of {}, where {} are asked for",
                asked.approved.len(),
                asked.quorum
            ));
        }
        asked.over = true;
        Ok(())
    }
}

/// The claims of a JWS of type `typ`, if its signature is by the key with this thumbprint.
fn verify<T: DeserializeOwned>(typ: &str, signed: &str, client_key: &str) -> Option<T> {
    let header = jsonwebtoken::decode_header(signed).ok()?;
    let jwk: Jwk = header.jwk?;
    let sound = header.typ.as_deref() == Some(typ)
        && matches!(header.alg, Algorithm::ES256 | Algorithm::EdDSA)
        && jwk.thumbprint(ThumbprintHash::SHA256).ok()? == client_key;
    if !sound {
        return None;
    }
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    jsonwebtoken::decode::<T>(signed, &key, &validation).ok().map(|token| token.claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::key::DpopKey;
    use hoop_api::ApprovalId;
    use hoop_ledger::entry::{ENVELOPE_VERSION, Origin, Outcome};

    fn entry(id: &str, person: &str, event: Event) -> Envelope {
        Envelope {
            v: ENVELOPE_VERSION,
            time_us: 0,
            mono_us: 0,
            boot: "b".into(),
            user: User { id: id.into(), kind: "user".into(), person_id: Some(person.into()) },
            origin: Origin::broker(),
            outcome: Outcome::Success,
            affected: vec!["t".into()],
            event,
        }
    }

    fn thumbprint(key: &DpopKey) -> String {
        let claims = Decision {
            approval: id(),
            approve: true,
            reason: "".into(),
            binding: String::new(),
            shown: String::new(),
            iat: 0,
        };
        let header = jsonwebtoken::decode_header(key.signed(DECISION_TYPE, &claims).unwrap()).unwrap();
        header.jwk.unwrap().thumbprint(ThumbprintHash::SHA256).unwrap()
    }

    fn id() -> ApprovalId {
        ApprovalId::from_parts(1, 1)
    }

    fn asked(quorum: &str) -> Envelope {
        let event = Event::ApprovalRequested {
            approval: id().to_string(),
            kind: "retry".into(),
            session: String::new(),
            target: "t".into(),
            level: "write".into(),
            text: String::new(),
            rules: vec!["r".into()],
            reviewers: vec![quorum.into()],
            binding: "b1".into(),
            expires_us: 0,
        };
        entry("dan", "p-dan", event)
    }

    fn decided(by: &str, person: &str, approve: bool, bend: fn(&mut Decision, &mut String)) -> Envelope {
        let key = DpopKey::generate().unwrap();
        let mut claims = Decision {
            approval: id(),
            approve,
            reason: "".into(),
            binding: "b1".into(),
            shown: "s".into(),
            iat: 0,
        };
        let mut client_key = thumbprint(&key);
        bend(&mut claims, &mut client_key);
        let event = Event::ApprovalDecided {
            approval: id().to_string(),
            decision: if approve { "approve" } else { "deny" }.into(),
            binding: "b1".into(),
            signed: key.signed(DECISION_TYPE, &claims).unwrap(),
            client_key,
        };
        entry(by, person, event)
    }

    fn used(binding: &str) -> Envelope {
        let event =
            Event::ApprovalConsumed { approval: id().to_string(), by: "stm".into(), binding: binding.into() };
        entry("dan", "p-dan", event)
    }

    /// With a sign-in before each decision.
    fn all(entries: &[Envelope]) -> Result<u64, String> {
        let mut approvals = Approvals::new(false);
        for entry in entries {
            if let Event::ApprovalDecided { client_key, .. } = &entry.event {
                let (method, amr) = ("local".into(), Vec::new());
                let event = Event::SignIn { method, amr, client_key: client_key.clone() };
                approvals.observe(&Envelope { event, ..entry.clone() })?;
            }
        }
        entries.iter().try_for_each(|e| approvals.observe(e)).map(|()| approvals.decisions())
    }

    #[test]
    fn what_was_decided_by_others_and_used_once_holds() {
        let ada = || decided("ada", "p-ada", true, |_, _| ());
        assert_eq!(all(&[asked("1 of leads"), ada(), used("b1")]), Ok(1));
        let bob = decided("bob", "p-bob", true, |_, _| ());
        assert_eq!(all(&[asked("2 of leads"), ada(), bob, used("b1")]), Ok(2));
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let ada = || decided("ada", "p-ada", true, |_, _| ());
        for (entries, said) in [
            (vec![ada()], "never asked for"),
            (vec![used("b1")], "never asked for"),
            (vec![asked("1 of leads"), used("b1")], "approval of 0"),
            (vec![asked("2 of leads"), ada(), ada(), used("b1")], "approval of 1"),
            (vec![asked("some of leads"), ada(), used("b1")], "asked for"),
            (vec![asked("1 of leads"), ada(), used("b2")], "something else"),
            (vec![asked("1 of leads"), ada(), used("b1"), used("b1")], "used twice"),
            (vec![asked("1 of leads"), decided("dan", "p-x", true, |_, _| ())], "own requester"),
            (vec![asked("1 of leads"), decided("dan2", "p-dan", true, |_, _| ())], "own requester"),
            (
                vec![asked("1 of leads"), decided("eve", "p-eve", false, |_, _| ()), ada(), used("b1")],
                "after its end",
            ),
            (vec![asked("1 of leads"), decided("a", "p", true, |_, k| k.push('x'))], "not signed by the key"),
            (vec![asked("1 of leads"), decided("a", "p", true, |c, _| c.binding.push('x'))], "another thing"),
            (vec![asked("1 of leads"), decided("a", "p", true, |c, _| c.approve = false)], "another thing"),
            (
                vec![
                    asked("1 of leads"),
                    decided("a", "p", true, |c, _| c.approval = ApprovalId::from_parts(1, 2)),
                ],
                "another thing",
            ),
        ] {
            let fault = all(&entries).unwrap_err();
            assert!(fault.contains(said), "{fault}, not {said}");
        }
        let stranger = Approvals::new(false).observe(&ada()).unwrap_err();
        assert!(stranger.contains("has not signed in with"), "{stranger}");
        let mut partial = Approvals::new(true);
        assert!(partial.observe(&ada()).is_ok() && partial.observe(&used("b1")).is_ok());
    }
}
