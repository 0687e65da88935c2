//! A text with its verdict: what runs when it runs, and what is told of it.

use std::sync::{Arc, OnceLock};

use hoop_ledger::draft::Statement as Line;
use hoop_statement::{Facts, Prepared, Verb};

use super::copy::CopyMask;
use super::message::Sent;
use super::past::Effect;
use super::substituting::Ours;
use super::text::TextFacts;
use super::{counting, refusal};
use crate::gate::{Asked, Reason, Ruling};
use crate::gateway::budget::Budget;

/// Verbs of the statements that SQL PREPARE takes.
const PREPARABLE: &[Verb] =
    &[Verb::Select, Verb::Insert, Verb::Update, Verb::Delete, Verb::Merge, Verb::LockShare, Verb::Lock];

/// A text with its verdict for this connection.
#[derive(Debug)]
pub struct Judged {
    pub(super) facts: Arc<TextFacts>,
    /// What was decided.
    pub ruling: Ruling,
    /// What would be if the target expected nothing of it, where that is another thing: an estimate decides then.
    pub(super) lenient: Option<Box<Ruling>>,
    pub(super) version: u64,
    pub(super) write: bool,
    pub(super) classified: bool,
    /// What its answer counts against.
    pub(super) budgets: Box<[Arc<Budget>]>,
    pub(super) copy: Option<Arc<CopyMask>>,
    /// What is recorded instead of the text alone, when it EXECUTEs others.
    pub(super) told: Option<Told>,
    /// What it, or what its EXECUTE runs, can do to the meaning of later texts.
    pub effect: Effect,
    /// It is what a PREPARE of the text made: running it runs neither the PREPARE nor what else stands in the text.
    pub(super) of_prepare: bool,
    /// What goes to the target, where it has classified columns.
    pub ours: Option<Arc<Ours>>,
    /// Masked columns decide something in it: rows, groups, order.
    pub compares: bool,
    /// The text of Parse, where an approval may have to be bound to it.
    pub sent: Option<Arc<Sent>>,
    /// What its entries have in common.
    pub(super) line: OnceLock<Line>,
}

/// A text together with what its EXECUTE runs.
#[derive(Debug)]
pub(super) struct Told {
    record: String,
    verbs: Vec<String>,
    affected: Vec<String>,
}

/// The longest text of an entry that EXECUTE may make: two texts of the default limit.
const MAX_TOLD: usize = 2 << 20;

impl Judged {
    /// What the gate records of it.
    pub fn asked(&self) -> Asked<'_> {
        let (record, verbs, affected) = self.told();
        Asked { record, verbs, affected, write: self.write, line: &self.line }
    }

    /// What is decided before an estimate is known: it may be prepared when it may ever run.
    #[must_use]
    pub fn at_best(&self) -> &Ruling {
        self.lenient.as_deref().unwrap_or(&self.ruling)
    }

    /// It runs, if it does, after an approval or an estimate.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.ruling, Ruling::Hold(_)) || self.lenient.is_some()
    }

    /// It names a relation with classified columns.
    #[must_use]
    pub fn touches_classified(&self) -> bool {
        self.classified || self.ours.as_ref().is_some_and(|ours| ours.done.touches)
    }

    /// What goes to the target instead of the client's text.
    #[must_use]
    pub fn sent_instead(&self) -> Option<&str> {
        self.ours.as_ref().and_then(|ours| ours.sent())
    }

    /// The same, with what goes to the target; refused where that cannot be made.
    #[must_use]
    pub(super) fn with_ours(&self, ours: Result<Arc<Ours>, Arc<Reason>>) -> Self {
        let mut judged = self.kept_as(self.of_prepare, self.sent.clone());
        match ours {
            Ok(ours) => {
                judged.compares &= ours.done.masked;
                judged.ours = Some(ours);
            }
            // What policy says comes first.
            Err(reason) => {
                let refused = |ruling: &Ruling| match ruling {
                    Ruling::Refuse(_) => ruling.clone(),
                    Ruling::Allow { .. } | Ruling::Hold(_) => Ruling::Refuse(Arc::clone(&reason)),
                };
                judged.ruling = refused(&judged.ruling);
                judged.lenient = judged.lenient.as_deref().map(|at_best| Box::new(refused(at_best)));
            }
        }
        judged
    }

    /// It names relations at all.
    #[must_use]
    pub fn names_relations(&self) -> bool {
        !self.facts.affected.is_empty()
    }

    /// Statements in the text.
    #[must_use]
    pub fn statements(&self) -> usize {
        self.facts.statements.len()
    }

    /// COPY FROM STDIN is in it.
    #[must_use]
    pub fn copies_in(&self) -> bool {
        self.facts.copies_in && !self.of_prepare
    }

    /// How the data of its COPY TO STDOUT is masked by column, where it is.
    #[must_use]
    pub fn copy_mask(&self) -> Option<Arc<CopyMask>> {
        self.copy.clone()
    }

    /// Its statements, none of which runs when only what one of them made runs.
    fn running(&self) -> &[Facts] {
        if self.of_prepare { &[] } else { &self.facts.statements }
    }

    /// Names that it PREPAREs.
    pub fn prepares(&self) -> impl Iterator<Item = &str> {
        self.running().iter().filter_map(|f| match &f.prepared {
            Some(Prepared::Prepare(name)) => Some(name.as_str()),
            Some(Prepared::Execute(_) | Prepared::Deallocate(_) | Prepared::DeallocateAll) | None => None,
        })
    }

    /// Names that it EXECUTEs and has not PREPAREd itself before.
    pub fn executes(&self) -> impl Iterator<Item = &str> {
        let statements = self.running();
        statements.iter().enumerate().filter_map(|(at, f)| match &f.prepared {
            Some(Prepared::Execute(name)) => {
                let own = |f: &Facts| matches!(&f.prepared, Some(Prepared::Prepare(own)) if own == name);
                (!statements.iter().take(at).any(own)).then_some(name.as_str())
            }
            Some(Prepared::Prepare(_) | Prepared::Deallocate(_) | Prepared::DeallocateAll) | None => None,
        })
    }

    /// It DECLAREs a cursor.
    #[must_use]
    pub fn declares(&self) -> bool {
        self.running().iter().any(|f| f.verbs.contains(Verb::Declare))
    }

    /// The same, with the text that it was.
    #[must_use]
    pub fn with_sent(&self, sent: Sent) -> Self {
        self.kept_as(self.of_prepare, Some(Arc::new(sent)))
    }

    /// The same, with the parameter types that the target told; what the client declared stays as it was.
    #[must_use]
    pub fn with_types(&self, types: impl Iterator<Item = u32>) -> Self {
        let sent = self.sent.as_deref().map(|sent| Arc::new(Sent { told: types.collect(), ..sent.clone() }));
        self.kept_as(self.of_prepare, sent)
    }

    /// What a PREPARE of this text made.
    #[must_use]
    pub fn of_prepare(&self) -> Self {
        self.kept_as(true, None)
    }

    /// The same under a name.
    pub(super) fn kept_as(&self, of_prepare: bool, sent: Option<Arc<Sent>>) -> Self {
        Self {
            facts: Arc::clone(&self.facts),
            ruling: self.ruling.clone(),
            lenient: self.lenient.clone(),
            version: self.version,
            write: self.write,
            classified: self.classified,
            budgets: self.budgets.clone(),
            copy: self.copy.clone().filter(|_| !of_prepare),
            told: None,
            effect: self.effect,
            of_prepare,
            ours: self.ours.clone(),
            compares: self.compares,
            sent,
            line: OnceLock::new(),
        }
    }

    /// Why a reviewer cannot be shown all of what it does.
    #[must_use]
    pub fn unshowable(&self) -> Option<&'static str> {
        if self.copies_in() {
            return Some("the rows of COPY FROM STDIN cannot be shown to a reviewer; send INSERT statements");
        }
        let prepares = self.running().iter().any(|f| f.prepared.is_some());
        prepares.then_some("what PREPARE and EXECUTE run is sent by itself, so that a reviewer sees it")
    }

    /// SQL PREPARE takes queries and DML only; Parse takes anything, and EXECUTE would run it in a place where its
    /// COPY, its cursor or its own EXECUTE is not looked for.
    fn is_preparable(&self) -> bool {
        let query = |f: &Facts| f.verbs.iter().all(|v| PREPARABLE.contains(&v)) && f.copy.is_none();
        self.prepares().next().is_some() || self.running().iter().all(query)
    }

    fn told(&self) -> (&str, &[String], &[String]) {
        match &self.told {
            Some(told) => (&told.record, &told.verbs, &told.affected),
            None => (&self.facts.record, &self.facts.verbs, &self.facts.affected),
        }
    }

    /// For the ledger: this text, and what its EXECUTE runs. Parse alone leaves no entry.
    fn told_with(&self, inner: &Self) -> Told {
        let (record, verbs, affected) = self.told();
        let (inner_record, inner_verbs, inner_affected) = inner.told();
        let join = |own: &[String], other: &[String]| {
            let mut all = own.to_vec();
            all.extend(other.iter().filter(|o| !own.contains(o)).cloned());
            all
        };
        Told {
            record: format!("{record} /* runs */ {inner_record}"),
            verbs: join(verbs, inner_verbs),
            affected: join(affected, inner_affected),
        }
    }

    /// This text when it runs `inner`: allowed only when both are, a write when either is.
    #[must_use]
    pub fn worst_of(&self, inner: &Self) -> Self {
        let ruling = match (&self.ruling, &inner.ruling) {
            (Ruling::Allow { .. }, Ruling::Refuse(reason)) => Ruling::Refuse(Arc::clone(reason)),
            // Refused where it would be held: EXECUTE does not show what it runs.
            (Ruling::Allow { .. }, Ruling::Hold(held)) => Ruling::Hold(Arc::clone(held)),
            (Ruling::Allow { .. }, _) if !inner.is_preparable() => Ruling::Refuse(refusal::not_preparable()),
            (Ruling::Allow { rules, bounds }, Ruling::Allow { bounds: theirs, .. }) => {
                let (both, counts) = (bounds.and(*theirs), !inner.budgets.is_empty());
                match counting::unboundable(&self.facts.statements, both, counts) {
                    Some(why) => Ruling::Refuse(refusal::unboundable(rules, why)),
                    None => Ruling::Allow { rules: rules.clone(), bounds: both },
                }
            }
            (own, _) => own.clone(),
        };
        let (ruling, told) = if self.told().0.len() + inner.told().0.len() > MAX_TOLD {
            (Ruling::Refuse(refusal::too_much_to_record()), None)
        } else {
            (ruling, Some(self.told_with(inner)))
        };
        Self {
            told,
            facts: Arc::clone(&self.facts),
            ruling,
            // Nobody can ask the planner about EXECUTE.
            lenient: None,
            version: self.version,
            // EXECUTE by itself counts as a write; what it runs is known here.
            write: inner.write || self.facts.statements.len() > 1 || !self.only_executes(),
            classified: self.touches_classified() || inner.touches_classified(),
            budgets: self.budgets.iter().chain(&inner.budgets).cloned().collect(),
            copy: self.copy.clone(),
            // Later EXECUTEs do it again, and their text does not tell.
            effect: match inner.effect {
                Effect::Nothing => self.effect,
                Effect::Reset | Effect::ResetAmong | Effect::Setting | Effect::Unknown => Effect::Unknown,
            },
            of_prepare: self.of_prepare,
            ours: self.ours.clone(),
            compares: self.compares || inner.compares,
            sent: self.sent.clone(),
            line: OnceLock::new(),
        }
    }

    fn only_executes(&self) -> bool {
        self.facts.statements.iter().all(|f| f.verbs.iter().all(|v| v == Verb::Execute))
    }
}
