//! From a text to a verdict: facts from a cache or the parser, the verdict from the policy, both kept.
//!
//! Facts depend on the text alone and are cached by lane; a verdict depends on principal, session and policy version
//! and is cached by connection.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use hoop_api::AccessLevel;
use hoop_policy::{
    Bounds, Column, Estimate, OpeningFacts, PolicySet, Principal, SessionFacts, TargetFacts, Verdict, Via,
};
use hoop_statement::{Facts, How};

use tokio::sync::oneshot;

use super::catalogue::Catalog;
use super::copy::{self, CopyMask, Relations};
use super::judged::Judged;
use super::parser::{Parsed, Parser};
use super::substituting::Substituting;
use super::text::{TextFacts, cached, keep};
use super::{counting, pins, refusal};
use crate::config::Target;
use crate::gate::{Reason, Ruling};
use crate::gateway::budget::Budget;
use crate::gateway::seen::Seen;
use crate::gateway::{Gateway, InForce, opening};
use crate::session::Session;

/// Verdicts kept by a connection.
pub(super) const CACHED_VERDICTS: usize = 1024;

/// Longest text, as recorded, whose verdict a connection keeps.
pub(super) const CACHED_RECORD: usize = 8 << 10;

/// Answer of a look-up.
#[derive(Debug)]
pub enum Looked {
    /// Judged; the verdict may still be no.
    Judged(Arc<Judged>),
    /// The text is refused whatever the policy says.
    Refused(Arc<Reason>),
}

/// Judges the texts of one connection.
pub struct Judge {
    parser: Parser,
    pub(super) policy: Arc<arc_swap::ArcSwap<InForce>>,
    pub(super) session: Arc<Session>,
    pub(super) facts: SessionFacts,
    pub(super) target: TargetFacts,
    pub(super) classified: HashSet<(String, String)>,
    pub(super) relations: Relations,
    /// By class.
    budgets: Vec<Arc<Budget>>,
    seen: Arc<Seen>,
    pub(super) verdicts: HashMap<u64, Arc<Judged>>,
    parsing: Option<oneshot::Receiver<Parsed>>,
    /// How the session was opened, for what is asked about it again.
    pub(super) opening: OpeningFacts,
    /// On a target with classified columns.
    pub(super) substituting: Option<Substituting>,
    /// Verdicts by text, with what is sent instead of it, and the catalogue that they rest on.
    pub(super) by_text: HashMap<Box<str>, (u64, Arc<Judged>)>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("session", &self.session.id).finish_non_exhaustive()
    }
}

impl Judge {
    /// A judge for one connection.
    #[must_use]
    pub fn new(
        gateway: &Gateway,
        session: &Arc<Session>,
        target: &Arc<Target>,
        catalog: &Catalog,
        via: Via,
    ) -> Self {
        Self {
            parser: gateway.parser.clone(),
            policy: Arc::clone(&gateway.policy),
            facts: SessionFacts {
                level: session.level,
                via,
                bearer: session.client_key.is_none(),
                break_glass: session.glass.is_some(),
                statement_count: 1,
                estimate: Estimate::INFINITE,
                approvals: BTreeSet::new(),
            },
            target: TargetFacts {
                classified: Arc::clone(&catalog.classified),
                ..super::super::target_facts(target)
            },
            session: Arc::clone(session),
            classified: target.classes.iter().map(|c| (c.schema.clone(), c.relation.clone())).collect(),
            relations: catalog.relations.clone(),
            budgets: gateway.budgets.of(&session.principal.id, target),
            seen: Arc::clone(&gateway.seen),
            verdicts: HashMap::new(),
            parsing: None,
            opening: OpeningFacts {
                via,
                break_glass: session.glass.is_some(),
                approvals: session.lifted.clone(),
                ..opening(&gateway.ledger, session.level, session.client_key.is_none())
            },
            substituting: catalog.known.as_ref().map(|known| {
                let may_assign = session.level != AccessLevel::Masked;
                Substituting::new(known.clone(), &catalog.path, may_assign)
            }),
            by_text: HashMap::new(),
        }
    }

    /// Facts and verdict of `text`. Pending while the parser thread works on it: call again.
    ///
    /// INVARIANT: an answer of the parser counts for the text that it was given. The text that was waited for may never
    /// come again: when the server fails an earlier message of the segment, the rest of it is skipped.
    pub fn look(&mut self, text: &str, cx: &mut Context<'_>) -> Poll<Looked> {
        std::task::ready!(self.poll_renewed(cx));
        if let Some(judged) = self.known(text) {
            return Poll::Ready(Looked::Judged(judged));
        }
        let analysed = match self.parsing.as_mut() {
            Some(answer) => match Pin::new(answer).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => {
                    self.parsing = None;
                    match answer {
                        Ok((parsed, analysed)) => {
                            let analysed = keep(&parsed, analysed);
                            if parsed != text {
                                return self.look(text, cx);
                            }
                            analysed
                        }
                        Err(_) => Err(refusal::parser_gone()),
                    }
                }
            },
            None => match cached(text).filter(|_| self.parser.takes(text)) {
                Some(analysed) => analysed,
                None => match self.parser.analyse(text) {
                    Ok(analysed) => keep(text, analysed),
                    Err(answer) => {
                        self.parsing = Some(answer);
                        return self.look(text, cx);
                    }
                },
            },
        };
        Poll::Ready(match analysed {
            Ok(facts) => Looked::Judged(self.substituted(text, &facts)),
            Err(refusal) => Looked::Refused(refusal),
        })
    }

    /// The same text under the policy now in force.
    #[must_use]
    pub fn again(&mut self, judged: &Arc<Judged>) -> Arc<Judged> {
        let ours = self.substituting.as_ref().and_then(|s| Some((judged.ours.as_ref()?, s)));
        let ours = ours.map(|(ours, s)| s.again(ours));
        let same = match (&ours, &judged.ours) {
            (Some(Ok(now)), Some(then)) => Arc::ptr_eq(now, then),
            (Some(Err(_)), _) | (Some(Ok(_)), None) => false,
            (None, _) => true,
        };
        if self.policy.load().version == judged.version && same {
            return Arc::clone(judged);
        }
        let again = self.ruling(&judged.facts);
        let again = match ours {
            Some(ours) => Arc::new(again.with_ours(ours)),
            None => again,
        };
        if judged.of_prepare || judged.sent.is_some() {
            Arc::new(again.kept_as(judged.of_prepare, judged.sent.clone()))
        } else {
            again
        }
    }

    /// The ruling on a held text once `approved` are lifted; `None` when the policy has changed since it was judged.
    #[must_use]
    pub fn lifted(&self, judged: &Judged, approved: &BTreeSet<String>, estimate: Estimate) -> Option<Ruling> {
        let policy = self.policy.load();
        if policy.version != judged.version {
            return None;
        }
        let session = SessionFacts { approvals: approved.clone(), estimate, ..self.facts.clone() };
        let ruling = self.rule(&policy, &session, &judged.facts, !judged.budgets.is_empty());
        let (ruling, _) = self.with_copy(&judged.facts, ruling);
        Some(ruling)
    }

    /// SHA-256 of the policy in force.
    #[must_use]
    pub fn policy_hash(&self) -> String {
        self.policy.load().set.hash().to_owned()
    }

    pub(super) fn ruling(&mut self, facts: &Arc<TextFacts>) -> Arc<Judged> {
        let policy = self.policy.load_full();
        if let Some(known) = self.verdicts.get(&facts.id)
            && known.version == policy.version
        {
            return Arc::clone(known);
        }
        let judged = Arc::new(self.judge(&policy, facts));
        // A verdict keeps the facts of its text: long ones would add up to gigabytes.
        if facts.record.len() > CACHED_RECORD {
            return judged;
        }
        if self.verdicts.len() >= CACHED_VERDICTS {
            self.verdicts.clear();
        }
        self.verdicts.insert(facts.id, Arc::clone(&judged));
        judged
    }

    fn judge(&self, policy: &InForce, facts: &Arc<TextFacts>) -> Judged {
        let classified = facts.names_any(&self.classified);
        let budgets = if self.observed(policy) {
            self.seen.note(&self.session.principal, &self.target, &facts.statements);
            Box::default()
        } else {
            self.budgets_of(facts)
        };
        let ruling = self.rule(policy, &self.facts, facts, !budgets.is_empty());
        let (ruling, copy) = self.with_copy(facts, ruling);
        // Rules about estimates only get stricter with them: what both ends say is said of all between.
        let asked = facts.statements.iter().any(|s| policy.set.estimates(s));
        let lenient = asked.then(|| {
            let session = SessionFacts { estimate: Estimate::NOTHING, ..self.facts.clone() };
            let at_best = self.rule(policy, &session, facts, !budgets.is_empty());
            Box::new(self.with_copy(facts, at_best).0)
        });
        Judged {
            lenient: lenient.filter(|at_best| **at_best != ruling),
            budgets,
            facts: Arc::clone(facts),
            ruling,
            version: policy.version,
            write: facts.write,
            classified,
            copy,
            told: None,
            effect: facts.effect,
            of_prepare: false,
            ours: None,
            compares: self.substituting.is_some() && self.compares(facts),
            sent: None,
            line: OnceLock::new(),
        }
    }

    /// Budgets of the classes whose values can come into its answer.
    fn budgets_of(&self, facts: &TextFacts) -> Box<[Arc<Budget>]> {
        if self.budgets.is_empty() {
            return Box::default();
        }
        let touched = facts.statements.iter().map(|s| hoop_policy::touched(&self.target.classified, s));
        let shown = |budget: &Arc<Budget>| {
            let shows = |(column, hows): (&Column, &BTreeSet<How>)| {
                column.class == budget.class && hows.contains(&How::Output)
            };
            touched.clone().any(|columns| columns.iter().any(shows))
        };
        self.budgets.iter().filter(|b| shown(b)).cloned().collect()
    }

    /// COPY TO STDOUT of a classified relation is let through, or held, only where its data can be masked by column.
    fn with_copy(&self, facts: &TextFacts, ruling: Ruling) -> (Ruling, Option<Arc<CopyMask>>) {
        // Substitution masks what COPY gives.
        let by_place = |_: &&_| self.substituting.is_none() && facts.names_any(&self.classified);
        let Some(shape) = facts.copy_out.as_ref().filter(by_place) else {
            return (ruling, None);
        };
        match (&ruling, copy::mask(shape.as_ref(), &self.relations)) {
            (Ruling::Refuse(_), _) => (ruling, None),
            (Ruling::Allow { .. } | Ruling::Hold(_), Ok(mask)) => (ruling, Some(Arc::new(mask))),
            (Ruling::Allow { .. } | Ruling::Hold(_), Err(reason)) => (Ruling::Refuse(reason), None),
        }
    }

    /// Policy stops nothing on this target.
    fn observed(&self, policy: &InForce) -> bool {
        policy.observed.contains(&self.target.name)
    }

    /// `counts`: its answer counts against a budget.
    fn rule(&self, policy: &InForce, session: &SessionFacts, facts: &TextFacts, counts: bool) -> Ruling {
        let session = SessionFacts { statement_count: facts.statements.len(), ..session.clone() };
        let ruling = worst(&policy.set, &self.session.principal, &session, &self.target, &facts.statements);
        let ruling = match ruling {
            Ok(Some(verdict)) if self.observed(policy) => return observed(verdict),
            verdict => of(verdict, &facts.statements),
        };
        match ruling {
            Ruling::Allow { rules, bounds } if counts => {
                // Its rows are counted, so it is bounded even where no rule says so.
                let bounds = Bounds { rows: bounds.rows.or(Some(u64::MAX)), ..bounds };
                match counting::unboundable(&facts.statements, bounds, true) {
                    Some(why) => Ruling::Refuse(refusal::unboundable(&rules, why)),
                    None => Ruling::Allow { rules, bounds },
                }
            }
            ruling => ruling,
        }
    }
}

/// Every statement of a text is judged; the worst verdict wins.
#[must_use]
pub fn rule(
    policy: &PolicySet,
    principal: &Principal,
    session: &SessionFacts,
    target: &TargetFacts,
    statements: &[Facts],
) -> Ruling {
    of(worst(policy, principal, session, target, statements), statements)
}

/// What becomes of a statement that is only observed: it runs, and its entry says what would have become of it. Its rules
/// are ids, which hold no colon.
fn observed(verdict: Verdict) -> Ruling {
    let would = |what: &str, rules: BTreeSet<String>| rules.iter().map(|id| format!("{what}:{id}")).collect();
    let rules = match verdict {
        Verdict::Allow(allowed) => allowed.rules.into_iter().collect(),
        Verdict::Hold(requirement) => would("would-hold", requirement.rules),
        Verdict::Deny(denial) => would("would-deny", denial.rules),
    };
    Ruling::Allow { rules, bounds: Bounds::default() }
}

/// The worst verdict on the statements of a text; a reason where no policy is asked.
fn worst(
    policy: &PolicySet,
    principal: &Principal,
    session: &SessionFacts,
    target: &TargetFacts,
    statements: &[Facts],
) -> Result<Option<Verdict>, Arc<Reason>> {
    let mut worst: Option<Verdict> = None;
    for statement in statements {
        if let Some(reason) = pins::denied(statement) {
            return Err(reason);
        }
        let verdict = hoop_policy::judge(policy, principal, session, target, statement);
        worst = Some(match worst {
            Some(worst) => worst.and(verdict),
            None => verdict,
        });
    }
    Ok(worst)
}

fn of(verdict: Result<Option<Verdict>, Arc<Reason>>, statements: &[Facts]) -> Ruling {
    let worst = match verdict {
        Ok(worst) => worst,
        Err(reason) => return Ruling::Refuse(reason),
    };
    match worst {
        // A text without a statement does nothing; the server answers it with EmptyQueryResponse.
        None => Ruling::Allow { rules: Vec::new(), bounds: Bounds::default() },
        Some(Verdict::Allow(allowed))
            if let Some(why) = counting::unboundable(statements, allowed.obligations.bounds, false) =>
        {
            Ruling::Refuse(refusal::unboundable(&allowed.rules.into_iter().collect::<Vec<_>>(), why))
        }
        Some(Verdict::Allow(allowed)) => {
            Ruling::Allow { rules: allowed.rules.into_iter().collect(), bounds: allowed.obligations.bounds }
        }
        Some(Verdict::Hold(requirement)) => Ruling::Hold(Arc::new(requirement)),
        Some(Verdict::Deny(denial)) => Ruling::Refuse(Arc::new(denied(denial))),
    }
}

fn denied(denial: hoop_policy::Denial) -> Reason {
    let rules: Vec<String> = denial.rules.into_iter().collect();
    let record = if denial.control_failure { "a rule could not be evaluated" } else { "denied by policy" };
    Reason {
        sqlstate: "42501",
        rules,
        message: denial.reason,
        hint: denial.hint,
        position: None,
        record: record.to_owned(),
        approval: None,
    }
}
