//! From a text to a verdict: facts from a cache or the parser, the verdict from the policy, both kept.
//!
//! Facts depend on the text alone and are cached by lane; a verdict depends on principal, session and policy version
//! and is cached by connection.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use hoop_ledger::draft::Statement as Line;
use hoop_policy::{SessionFacts, TargetFacts, Verdict, Via};
use hoop_statement::{Facts, Prepared, Verb};
use tokio::sync::oneshot;

use super::catalog::Catalog;
use super::copy::{self, CopyMask, Relations};
use super::hold::Sent;
use super::parser::{Parsed, Parser};
use super::past::Effect;
use super::text::{TextFacts, cached, keep};
use super::{pins, refusal};
use crate::config::Target;
use crate::gate::{Asked, Reason, Ruling};
use crate::gateway::{Gateway, InForce};
use crate::session::Session;

/// Verdicts kept by a connection.
const CACHED_VERDICTS: usize = 1024;

/// Longest text, as recorded, whose verdict a connection keeps.
const CACHED_RECORD: usize = 8 << 10;
/// Verbs of the statements that SQL PREPARE takes.
const PREPARABLE: &[Verb] =
    &[Verb::Select, Verb::Insert, Verb::Update, Verb::Delete, Verb::Merge, Verb::LockShare, Verb::Lock];

/// A text with its verdict for this connection.
#[derive(Debug)]
pub struct Judged {
    facts: Arc<TextFacts>,
    /// What was decided.
    pub ruling: Ruling,
    version: u64,
    write: bool,
    classified: bool,
    copy: Option<Arc<CopyMask>>,
    /// What is recorded instead of the text alone, when it EXECUTEs others.
    told: Option<Told>,
    /// What it, or what its EXECUTE runs, can do to the meaning of later texts.
    pub effect: Effect,
    /// It is what a PREPARE of the text made: running it runs neither the PREPARE nor what else stands in the text.
    of_prepare: bool,
    /// The text of Parse, where an approval may have to be bound to it.
    pub sent: Option<Arc<Sent>>,
    /// What its entries have in common.
    line: OnceLock<Line>,
}

/// A text together with what its EXECUTE runs.
#[derive(Debug)]
struct Told {
    record: String,
    verbs: Vec<String>,
    affected: Vec<String>,
}

/// The longest text of an entry that EXECUTE may make: two texts of the default limit.
const MAX_TOLD: usize = 2 << 20;

/// Answer of a look-up.
#[derive(Debug)]
pub enum Looked {
    /// Judged; the verdict may still be no.
    Judged(Arc<Judged>),
    /// The text is refused whatever the policy says.
    Refused(Arc<Reason>),
}

impl Judged {
    /// What the gate records of it.
    pub fn asked(&self) -> Asked<'_> {
        let (record, verbs, affected) = self.told();
        Asked { record, verbs, affected, write: self.write, line: &self.line }
    }

    /// It names a relation with classified columns.
    #[must_use]
    pub const fn touches_classified(&self) -> bool {
        self.classified
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
    fn kept_as(&self, of_prepare: bool, sent: Option<Arc<Sent>>) -> Self {
        Self {
            facts: Arc::clone(&self.facts),
            ruling: self.ruling.clone(),
            version: self.version,
            write: self.write,
            classified: self.classified,
            copy: self.copy.clone().filter(|_| !of_prepare),
            told: None,
            effect: self.effect,
            of_prepare,
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
            version: self.version,
            // EXECUTE by itself counts as a write; what it runs is known here.
            write: inner.write || self.facts.statements.len() > 1 || !self.only_executes(),
            classified: self.classified || inner.classified,
            copy: self.copy.clone(),
            // Later EXECUTEs do it again, and their text does not tell.
            effect: match inner.effect {
                Effect::Nothing => self.effect,
                Effect::Setting | Effect::Unknown => Effect::Unknown,
            },
            of_prepare: self.of_prepare,
            sent: self.sent.clone(),
            line: OnceLock::new(),
        }
    }

    fn only_executes(&self) -> bool {
        self.facts.statements.iter().all(|f| f.verbs.iter().all(|v| v == Verb::Execute))
    }
}

/// Judges the texts of one connection.
pub struct Judge {
    parser: Parser,
    policy: Arc<arc_swap::ArcSwap<InForce>>,
    session: Arc<Session>,
    facts: SessionFacts,
    target: TargetFacts,
    classified: HashSet<(String, String)>,
    relations: Relations,
    verdicts: HashMap<u64, Arc<Judged>>,
    parsing: Option<oneshot::Receiver<Parsed>>,
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
                statement_count: 1,
                approvals: BTreeSet::new(),
            },
            target: super::super::target_facts(target),
            session: Arc::clone(session),
            classified: target.classes.iter().map(|c| (c.schema.clone(), c.relation.clone())).collect(),
            relations: catalog.relations.clone(),
            verdicts: HashMap::new(),
            parsing: None,
        }
    }

    /// Facts and verdict of `text`. Pending while the parser thread works on it: call again.
    ///
    /// INVARIANT: an answer of the parser counts for the text that it was given. The text that was waited for may never
    /// come again: when the server fails an earlier message of the segment, the rest of it is skipped.
    pub fn look(&mut self, text: &str, cx: &mut Context<'_>) -> Poll<Looked> {
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
            Ok(facts) => Looked::Judged(self.ruling(&facts)),
            Err(refusal) => Looked::Refused(refusal),
        })
    }

    /// The same text under the policy now in force.
    #[must_use]
    pub fn again(&mut self, judged: &Arc<Judged>) -> Arc<Judged> {
        if self.policy.load().version == judged.version {
            return Arc::clone(judged);
        }
        let again = self.ruling(&judged.facts);
        if judged.of_prepare || judged.sent.is_some() {
            Arc::new(again.kept_as(judged.of_prepare, judged.sent.clone()))
        } else {
            again
        }
    }

    /// The ruling on a held text once `approved` are lifted.
    #[must_use]
    pub fn lifted(&self, judged: &Judged, approved: &BTreeSet<String>) -> Ruling {
        let session = SessionFacts { approvals: approved.clone(), ..self.facts.clone() };
        let (ruling, _) =
            self.with_copy(&judged.facts, self.rule(&self.policy.load(), &session, &judged.facts));
        ruling
    }

    /// SHA-256 of the policy in force.
    #[must_use]
    pub fn policy_hash(&self) -> String {
        self.policy.load().set.hash().to_owned()
    }

    fn ruling(&mut self, facts: &Arc<TextFacts>) -> Arc<Judged> {
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
        let (ruling, copy) = self.with_copy(facts, self.rule(policy, &self.facts, facts));
        Judged {
            facts: Arc::clone(facts),
            ruling,
            version: policy.version,
            write: facts.write,
            classified,
            copy,
            told: None,
            effect: facts.effect,
            of_prepare: false,
            sent: None,
            line: OnceLock::new(),
        }
    }

    /// COPY TO STDOUT of a classified relation is let through, or held, only where its data can be masked by column.
    fn with_copy(&self, facts: &TextFacts, ruling: Ruling) -> (Ruling, Option<Arc<CopyMask>>) {
        let Some(shape) = facts.copy_out.as_ref().filter(|_| facts.names_any(&self.classified)) else {
            return (ruling, None);
        };
        match (&ruling, copy::mask(shape.as_ref(), &self.relations)) {
            (Ruling::Refuse(_), _) => (ruling, None),
            (Ruling::Allow { .. } | Ruling::Hold(_), Ok(mask)) => (ruling, Some(Arc::new(mask))),
            (Ruling::Allow { .. } | Ruling::Hold(_), Err(reason)) => (Ruling::Refuse(reason), None),
        }
    }

    /// Every statement of the text is judged; the worst verdict wins.
    fn rule(&self, policy: &InForce, session: &SessionFacts, facts: &TextFacts) -> Ruling {
        let mut worst: Option<Verdict> = None;
        let session = SessionFacts { statement_count: facts.statements.len(), ..session.clone() };
        for statement in &facts.statements {
            if let Some(reason) = pins::denied(statement) {
                return Ruling::Refuse(reason);
            }
            let verdict =
                hoop_policy::judge(&policy.set, &self.session.principal, &session, &self.target, statement);
            worst = Some(match worst {
                Some(worst) => worst.and(verdict),
                None => verdict,
            });
        }
        match worst {
            // A text without a statement does nothing; the server answers it with EmptyQueryResponse.
            None => Ruling::Allow { rules: Vec::new() },
            Some(Verdict::Allow(allowed)) => Ruling::Allow { rules: allowed.rules.into_iter().collect() },
            Some(Verdict::Hold(requirement)) => Ruling::Hold(Arc::new(requirement)),
            Some(Verdict::Deny(denial)) => Ruling::Refuse(Arc::new(denied(denial))),
        }
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
