//! Acts outside statements: sessions, tokens, reviews, what a session shows.

use hoop_api::{AccessLevel, Untrusted};

use crate::column::Column;
use crate::entities::{self, Misfit};
use crate::facts::{Action, OpeningFacts, TargetFacts};
use crate::judge::{Bench, failure};
use crate::load::PolicySet;
use crate::principal::Principal;
use crate::verdict::Verdict;

/// Judges whether a session may be opened, or the glass broken for one; with level `reveal` the action of that name is
/// asked as well.
#[must_use]
pub fn judge_session(
    policy: &PolicySet,
    principal: &Principal,
    opening: &OpeningFacts,
    target: &TargetFacts,
) -> Verdict {
    let action = if opening.break_glass { Action::BreakGlass } else { Action::Session };
    let open = judge_action(policy, principal, opening, action, Some(target));
    match opening.level {
        AccessLevel::Masked | AccessLevel::Write => open,
        AccessLevel::Reveal => {
            open.and(judge_action(policy, principal, opening, Action::Reveal, Some(target)))
        }
    }
}

/// Judges an act outside statements, on a target, or on the whole broker where there is none.
#[must_use]
pub fn judge_action(
    policy: &PolicySet,
    principal: &Principal,
    opening: &OpeningFacts,
    action: Action,
    target: Option<&TargetFacts>,
) -> Verdict {
    let judged = || {
        let bench = Bench {
            policy,
            principal: entities::principal_uid(principal)?,
            entities: policy
                .actions
                .clone()
                .add_entities(entities::base(principal, target)?, None)
                .map_err(Misfit::of)?,
            context: entities::opening_context(opening)?,
            mask: opening.level != AccessLevel::Reveal,
        };
        let resource = match target {
            Some(t) => entities::uid("Target", &t.name)?,
            None => entities::broker_uid()?,
        };
        let what = target.map_or_else(|| "this broker".to_owned(), |t| format!("`{}`", t.name));
        bench.ask(action, None, resource, &what)
    };
    judged().unwrap_or_else(|e| failure(&e))
}

/// Judges whether a session of level `reveal` shows a classified column as it is. Rules that hold it count as permitting
/// where the session's own approval has lifted them: `opening.approvals`.
#[must_use]
pub fn judge_reveal(
    policy: &PolicySet,
    principal: &Principal,
    opening: &OpeningFacts,
    target: &TargetFacts,
    column: &Column,
) -> Verdict {
    let judged = || {
        let bench = Bench {
            policy,
            principal: entities::principal_uid(principal)?,
            entities: entities::of_column(&policy.actions, principal, target, column)?,
            context: entities::opening_context(opening)?,
            mask: false,
        };
        let what = format!("`{}`", Untrusted::new(column.to_string()));
        bench.ask(Action::Reveal, None, entities::column_uid(target, column)?, &what)
    };
    judged().unwrap_or_else(|e| failure(&e))
}
