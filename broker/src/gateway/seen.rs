//! What was judged on targets whose policy is only observed, for a suggestion of the rules that would permit it. In
//! memory, since the start, once for each text of a connection: what is told is who did which kind of thing to what, and
//! no text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use hoop_policy::{Act, Actor, Principal, TargetFacts, acts};
use hoop_statement::Facts;

/// Different things that are kept; what comes then is counted as left out.
const KEPT: usize = 20_000;

/// All that was seen.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By target, who did what.
    acts: BTreeMap<String, BTreeSet<(Actor, Act)>>,
    count: usize,
    left_out: u64,
}

impl Seen {
    /// Notes what `principal` was judged about.
    pub fn note(&self, principal: &Principal, target: &TargetFacts, statements: &[Facts]) {
        let actor = Actor {
            id: principal.id.clone(),
            kind: principal.kind,
            groups: principal.groups.iter().cloned().collect(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { acts: all, count, left_out } = &mut *kept;
        let of_target = all.entry(target.name.clone()).or_default();
        for act in statements.iter().flat_map(|facts| acts(target, facts)) {
            let key = (actor.clone(), act);
            if *count < KEPT {
                *count += usize::from(of_target.insert(key));
            } else {
                *left_out += u64::from(!of_target.contains(&key));
            }
        }
    }

    /// Who did what on `target`, and how much was left out, on all targets.
    #[must_use]
    pub fn on(&self, target: &str) -> (Vec<(Actor, Act)>, u64) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = kept.acts.get(target).into_iter().flatten();
        (seen.cloned().collect(), kept.left_out)
    }
}
