//! From a text to a verdict: facts from a cache or the parser, the verdict from the policy, both kept.
//!
//! Facts depend on the text alone and are cached by lane; a verdict depends on principal, session and policy version
//! and is cached by connection.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hoop_ledger::entry::Parameter;
use hoop_policy::{SessionFacts, TargetFacts, Verdict, Via};
use hoop_statement::{Analysis, Copy, CopyShape, Facts, Prepared, TextLimits, Transaction, Verb, copy_shape};
use tokio::sync::oneshot;

use super::catalog::Catalog;
use super::copy::{self, CopyMask};
use super::parser::Parser;
use super::{pins, refusal};
use crate::config::Target;
use crate::gate::{Asked, Reason, Ruling};
use crate::gateway::{Gateway, InForce};
use crate::session::Session;

/// Texts kept by a lane, and their bytes together. When either is reached, the cache starts anew: a full scan for the
/// oldest would cost more than parsing again.
const CACHED_TEXTS: usize = 8192;
const CACHED_BYTES: usize = 8 << 20;
/// Verdicts kept by a connection.
const CACHED_VERDICTS: usize = 1024;

/// What a text is, or why it is refused.
pub type Analysed = Result<Arc<TextFacts>, Arc<Reason>>;

/// Facts of a text and what follows from them alone.
#[derive(Debug)]
pub struct TextFacts {
    /// Unique among all texts of this process.
    id: u64,
    statements: Vec<Facts>,
    record: String,
    verbs: Vec<String>,
    affected: Vec<String>,
    write: bool,
    copies_in: bool,
    /// COPY TO STDOUT is in it; the shape of its data, where it is understood.
    copy_out: Option<Option<CopyShape>>,
}

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
}

/// Answer of a look-up.
#[derive(Debug)]
pub enum Looked {
    /// Judged; the verdict may still be no.
    Judged(Arc<Judged>),
    /// The text is refused whatever the policy says.
    Refused(Arc<Reason>),
}

/// Parses a text. Needs a stack of [`hoop_statement::STACK_BYTES`].
#[must_use]
pub fn analyse(text: &str, bytes: usize, depth: usize) -> Analysed {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    match hoop_statement::analyse(text, &TextLimits { bytes, depth }) {
        Ok(analysis) => Ok(Arc::new(TextFacts::new(NEXT.fetch_add(1, Ordering::Relaxed), text, analysis))),
        Err(refusal) => Err(text_refused(&refusal)),
    }
}

impl TextFacts {
    fn new(id: u64, text: &str, analysis: Analysis) -> Self {
        let mut verbs: Vec<String> = Vec::new();
        let mut affected: Vec<String> = Vec::new();
        for facts in &analysis.statements {
            for verb in facts.verbs.iter() {
                if !verbs.iter().any(|v| v == verb.as_str()) {
                    verbs.push(verb.as_str().to_owned());
                }
            }
            for relation in &facts.relations {
                let name = relation.schema.as_ref().map_or_else(|| relation.name.clone(), |s| format!("{s}.{}", relation.name));
                let name = without_numbers(&name);
                if !affected.contains(&name) {
                    affected.push(name);
                }
            }
        }
        Self {
            id,
            // COMMIT acknowledges the writes before it: its entry comes first and its outcome before its answer.
            write: !analysis.statements.iter().all(|f| f.is_read_only() && !commits(f)),
            copies_in: analysis.statements.iter().any(|f| f.copy == Some(Copy::FromStdin)),
            copy_out: analysis
                .statements
                .iter()
                .any(|f| f.copy == Some(Copy::ToStdout))
                .then(|| copy_shape(text)),
            verbs,
            affected,
            record: analysis.record,
            statements: analysis.statements,
        }
    }

    fn names_any(&self, relations: &HashSet<(String, String)>) -> bool {
        self.statements.iter().flat_map(|f| &f.relations).any(|r| match &r.schema {
            Some(schema) => relations.contains(&(schema.clone(), r.name.clone())),
            // Without a schema it may be any: the search path decides, and it may change.
            None => relations.iter().any(|(_, name)| *name == r.name),
        })
    }
}

impl Judged {
    /// What the gate records of it.
    #[must_use]
    pub fn asked(&self, parameters: Vec<Parameter>) -> Asked<'_> {
        Asked {
            record: &self.facts.record,
            verbs: &self.facts.verbs,
            affected: &self.facts.affected,
            write: self.write,
            parameters,
        }
    }

    /// It names a relation with classified columns.
    #[must_use]
    pub const fn touches_classified(&self) -> bool {
        self.classified
    }

    /// Statements in the text.
    #[must_use]
    pub fn statements(&self) -> usize {
        self.facts.statements.len()
    }

    /// COPY FROM STDIN is in it.
    #[must_use]
    pub fn copies_in(&self) -> bool {
        self.facts.copies_in
    }

    /// How the data of its COPY TO STDOUT is masked by column, where it is.
    #[must_use]
    pub fn copy_mask(&self) -> Option<Arc<CopyMask>> {
        self.copy.clone()
    }

    /// Names that it PREPAREs.
    pub fn prepares(&self) -> impl Iterator<Item = &str> {
        self.facts.statements.iter().filter_map(|f| match &f.prepared {
            Some(Prepared::Prepare(name)) => Some(name.as_str()),
            Some(Prepared::Execute(_) | Prepared::Deallocate(_) | Prepared::DeallocateAll) | None => None,
        })
    }

    /// Names that it EXECUTEs.
    pub fn executes(&self) -> impl Iterator<Item = &str> {
        self.facts.statements.iter().filter_map(|f| match &f.prepared {
            Some(Prepared::Execute(name)) => Some(name.as_str()),
            Some(Prepared::Prepare(_) | Prepared::Deallocate(_) | Prepared::DeallocateAll) | None => None,
        })
    }

    /// This text when it runs `inner`: allowed only when both are, a write when either is.
    #[must_use]
    pub fn worst_of(&self, inner: &Self) -> Self {
        let ruling = match (&self.ruling, &inner.ruling) {
            (Ruling::Allow { .. }, Ruling::Refuse(reason)) => Ruling::Refuse(Arc::clone(reason)),
            (own, _) => own.clone(),
        };
        Self {
            facts: Arc::clone(&self.facts),
            ruling,
            version: self.version,
            // EXECUTE by itself counts as a write; what it runs is known here.
            write: inner.write || self.facts.statements.len() > 1 || !self.only_executes(),
            classified: self.classified || inner.classified,
            copy: self.copy.clone(),
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
    relations: HashMap<(String, String), Vec<(String, Option<hoop_mask::Class>)>>,
    verdicts: HashMap<u64, Arc<Judged>>,
    parsing: Option<oneshot::Receiver<Analysed>>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("session", &self.session.id).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Cache {
    by_text: HashMap<Box<str>, Analysed>,
    bytes: usize,
}

thread_local! {
    // One a lane: connections stay on their lane, so this needs no lock and is shared by all of them.
    static FACTS: RefCell<Cache> = RefCell::default();
}

fn cached(text: &str) -> Option<Analysed> {
    FACTS.with_borrow(|c| c.by_text.get(text).cloned())
}

fn keep(text: &str, analysed: &Analysed) {
    if text.len() > CACHED_BYTES / 8 {
        return;
    }
    FACTS.with_borrow_mut(|c| {
        if c.by_text.len() >= CACHED_TEXTS || c.bytes + text.len() > CACHED_BYTES {
            *c = Cache::default();
        }
        c.bytes += text.len();
        c.by_text.insert(text.into(), analysed.clone());
    });
}

impl Judge {
    /// A judge for one connection.
    #[must_use]
    pub fn new(gateway: &Gateway, session: &Arc<Session>, target: &Arc<Target>, catalog: &Catalog, via: Via) -> Self {
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

    /// Facts and verdict of `text`. Pending while the parser thread works on it: call again with the same text.
    pub fn look(&mut self, text: &str, cx: &mut Context<'_>) -> Poll<Looked> {
        let analysed = match self.parsing.as_mut() {
            Some(answer) => match Pin::new(answer).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => {
                    self.parsing = None;
                    let analysed = answer.unwrap_or_else(|_| Err(refusal::parser_gone()));
                    keep(text, &analysed);
                    analysed
                }
            },
            None => match cached(text) {
                Some(analysed) => analysed,
                None => match self.parser.analyse(text) {
                    Ok(analysed) => {
                        keep(text, &analysed);
                        analysed
                    }
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
        self.ruling(&judged.facts)
    }

    fn ruling(&mut self, facts: &Arc<TextFacts>) -> Arc<Judged> {
        let policy = self.policy.load_full();
        if let Some(known) = self.verdicts.get(&facts.id)
            && known.version == policy.version
        {
            return Arc::clone(known);
        }
        let judged = Arc::new(self.judge(&policy, facts));
        if self.verdicts.len() >= CACHED_VERDICTS {
            self.verdicts.clear();
        }
        self.verdicts.insert(facts.id, Arc::clone(&judged));
        judged
    }

    fn judge(&self, policy: &InForce, facts: &Arc<TextFacts>) -> Judged {
        let classified = facts.names_any(&self.classified);
        let mut ruling = self.rule(policy, facts);
        let mut copy = None;
        if let (Some(shape), true, Ruling::Allow { .. }) = (&facts.copy_out, classified, &ruling) {
            match copy::mask(shape.as_ref(), &self.relations) {
                Ok(mask) => copy = Some(Arc::new(mask)),
                Err(reason) => ruling = Ruling::Refuse(reason),
            }
        }
        Judged { facts: Arc::clone(facts), ruling, version: policy.version, write: facts.write, classified, copy }
    }

    /// Every statement of the text is judged; the worst verdict wins.
    fn rule(&self, policy: &InForce, facts: &TextFacts) -> Ruling {
        let mut rules: Vec<String> = Vec::new();
        let session = SessionFacts { statement_count: facts.statements.len(), ..self.facts.clone() };
        for statement in &facts.statements {
            if let Some(reason) = pins::denied(statement) {
                return Ruling::Refuse(reason);
            }
            match hoop_policy::judge(&policy.set, &self.session.principal, &session, &self.target, statement) {
                Verdict::Allow(allowed) => {
                    for rule in allowed.rules {
                        if !rules.contains(&rule) {
                            rules.push(rule);
                        }
                    }
                }
                Verdict::Deny(denial) => return Ruling::Refuse(Arc::new(denied(denial))),
                // Approvals come with their own issue; until then what would be held is refused, and says so.
                Verdict::Hold(requirement) => return Ruling::Refuse(Arc::new(held(&requirement))),
            }
        }
        // A text without a statement does nothing; the server answers it with EmptyQueryResponse.
        Ruling::Allow { rules }
    }
}

fn commits(facts: &Facts) -> bool {
    match facts.transaction {
        Some(
            Transaction::Commit { .. }
            | Transaction::Prepare
            | Transaction::CommitPrepared
            | Transaction::RollbackPrepared,
        ) => true,
        Some(
            Transaction::Begin
            | Transaction::Rollback { .. }
            | Transaction::Savepoint(_)
            | Transaction::Release(_)
            | Transaction::RollbackTo(_),
        )
        | None => false,
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
    }
}

fn held(requirement: &hoop_policy::Requirement) -> Reason {
    Reason {
        sqlstate: "42501",
        rules: requirement.rules.iter().cloned().collect(),
        message: format!("{} (it would wait for an approval, which this version cannot take)", requirement.reason),
        hint: Some("ask the owners of the policy".to_owned()),
        position: None,
        record: "needs an approval".to_owned(),
    }
}

fn text_refused(refusal: &hoop_statement::Refusal) -> Arc<Reason> {
    let position = match refusal {
        hoop_statement::Refusal::Syntax { position, .. } => position.and_then(|p| u32::try_from(p).ok()),
        _ => None,
    };
    Arc::new(Reason {
        sqlstate: refusal.sqlstate(),
        rules: vec!["gateway.text".to_owned()],
        message: refusal.to_string(),
        hint: refusal.hint().map(str::to_owned),
        position,
        record: refusal.record(),
    })
}

/// A name as written, for the ledger: anything can be written as a name, so runs of three digits and more are taken out.
fn without_numbers(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut run = String::new();
    for c in name.chars().chain(['\0']) {
        if c.is_numeric() {
            run.push(c);
            continue;
        }
        if run.chars().count() < 3 {
            out.push_str(&run);
        } else {
            out.push('#');
        }
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_carry_no_numbers_into_the_ledger() {
        assert_eq!(super::without_numbers("public.orders_12"), "public.orders_12");
        assert_eq!(super::without_numbers("t4111111111111111x737"), "t#x#");
        assert_eq!(super::without_numbers("٤١١١"), "#");
    }
}
