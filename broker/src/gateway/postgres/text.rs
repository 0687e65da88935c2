//! What is known of a text by itself: its facts, and what follows from them alone. Kept by lane, by exact text; texts
//! that differ in their constants alone share one account, so that a verdict on one serves for all.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hoop_statement::{Analysis, Copy, CopyShape, Facts, TextLimits, Transaction, copy_shape};

use super::past::Effect;
use super::{alike, past};
use crate::gate::Reason;

/// Texts kept by a lane, and their bytes together. When either is reached, the cache starts anew: a full scan for the
/// oldest would cost more than parsing again.
const CACHED_TEXTS: usize = 8192;
const CACHED_BYTES: usize = 8 << 20;
/// Forms kept by a lane, of at most 4 KiB each.
const CACHED_FORMS: usize = 2048;

/// What a text is, or why it is refused.
pub type Analysed = Result<Arc<TextFacts>, Arc<Reason>>;

/// Facts of a text and what follows from them alone. All of it but the id is what equality of two texts means: judging
/// looks at nothing else.
#[derive(Debug)]
pub struct TextFacts {
    /// Unique among all accounts of this process.
    pub(super) id: u64,
    pub(super) statements: Vec<Facts>,
    pub(super) record: String,
    pub(super) verbs: Vec<String>,
    pub(super) affected: Vec<String>,
    pub(super) write: bool,
    pub(super) copies_in: bool,
    /// COPY TO STDOUT is in it; the shape of its data, where it is understood.
    pub(super) copy_out: Option<Option<CopyShape>>,
    /// What it can do to the meaning of later texts.
    pub(super) effect: Effect,
}

#[derive(Default)]
struct Cache {
    by_text: HashMap<Box<str>, Analysed>,
    /// Accounts of texts in which numbers do not matter, by form.
    by_form: HashMap<Box<[u8]>, Arc<TextFacts>>,
    /// Where the form of the text at hand is written.
    form: Vec<u8>,
    /// The last account of each record.
    by_record: HashMap<Box<str>, Arc<TextFacts>>,
    bytes: usize,
    record_bytes: usize,
}

impl Cache {
    fn keep_form(&mut self, text: &str, facts: &Arc<TextFacts>) {
        if !alike::numbers_do_not_matter(&facts.statements) || !alike::form(text, &mut self.form) {
            return;
        }
        if self.by_form.len() >= CACHED_FORMS {
            self.by_form.clear();
        }
        self.by_form.insert(self.form.as_slice().into(), Arc::clone(facts));
    }

    /// The account that an earlier text with the same facts has, or this one. The record alone does not tell: constants
    /// that matter (a setting's value) are facts and not in it.
    fn shared(&mut self, facts: &Arc<TextFacts>) -> Arc<TextFacts> {
        match self.by_record.get(&*facts.record) {
            Some(known) if known.same(facts) => Arc::clone(known),
            Some(_) | None => {
                if self.by_record.len() >= CACHED_TEXTS || self.record_bytes > CACHED_BYTES {
                    self.by_record.clear();
                    self.record_bytes = 0;
                }
                self.record_bytes += facts.record.len();
                self.by_record.insert(facts.record.as_str().into(), Arc::clone(facts));
                Arc::clone(facts)
            }
        }
    }
}

thread_local! {
    // One a lane: connections stay on their lane, so this needs no lock and is shared by all of them.
    static FACTS: RefCell<Cache> = RefCell::default();
}

/// What an earlier text was that is the same as this one, or alike.
pub(super) fn cached(text: &str) -> Option<Analysed> {
    FACTS.with_borrow_mut(|c| {
        if let Some(known) = c.by_text.get(text) {
            return Some(known.clone());
        }
        let Cache { by_form, form, .. } = c;
        if !alike::form(text, form) {
            return None;
        }
        by_form.get(form.as_slice()).map(|facts| Ok(Arc::clone(facts)))
    })
}

/// Keeps what a text is, and gives the account that it shares with texts like it.
pub(super) fn keep(text: &str, analysed: Analysed) -> Analysed {
    if text.len() > CACHED_BYTES / 8 {
        return analysed;
    }
    FACTS.with_borrow_mut(|c| {
        if c.by_text.len() >= CACHED_TEXTS || c.bytes + text.len() > CACHED_BYTES {
            c.by_text.clear();
            c.bytes = 0;
        }
        let analysed = analysed.map(|facts| c.shared(&facts));
        if let Ok(facts) = &analysed {
            c.keep_form(text, facts);
        }
        c.bytes += text.len();
        c.by_text.insert(text.into(), analysed.clone());
        analysed
    })
}

/// Parses a text. Needs a stack of [`hoop_statement::STACK_BYTES`].
pub fn analyse(text: &str, bytes: usize, depth: usize) -> Analysed {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    match hoop_statement::analyse(text, &TextLimits { bytes, depth }) {
        Ok(analysis) => Ok(Arc::new(TextFacts::new(NEXT.fetch_add(1, Ordering::Relaxed), text, analysis))),
        Err(refusal) => Err(text_refused(&refusal)),
    }
}

impl TextFacts {
    fn new(id: u64, text: &str, mut analysis: Analysis) -> Self {
        // Where a statement stands in its text is of this text, not of all that share the account.
        analysis.statements.iter_mut().for_each(|facts| facts.span = 0..0);
        let mut verbs: Vec<String> = Vec::new();
        let mut affected: Vec<String> = Vec::new();
        for facts in &analysis.statements {
            for verb in facts.verbs.iter() {
                if !verbs.iter().any(|v| v == verb.as_str()) {
                    verbs.push(verb.as_str().to_owned());
                }
            }
            for relation in &facts.relations {
                let name = relation
                    .schema
                    .as_ref()
                    .map_or_else(|| relation.name.clone(), |s| format!("{s}.{}", relation.name));
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
            effect: past::effect(&analysis.statements),
            verbs,
            affected,
            record: analysis.record,
            statements: analysis.statements,
        }
    }

    /// True when nothing that judging and recording look at differs.
    fn same(&self, other: &Self) -> bool {
        let Self { id: _, statements, record, verbs, affected, write, copies_in, copy_out, effect } = self;
        *record == other.record
            && *statements == other.statements
            && *verbs == other.verbs
            && *affected == other.affected
            && *write == other.write
            && *copies_in == other.copies_in
            && *copy_out == other.copy_out
            && *effect == other.effect
    }

    pub(super) fn names_any(&self, relations: &HashSet<(String, String)>) -> bool {
        self.statements.iter().flat_map(|f| &f.relations).any(|r| match &r.schema {
            Some(schema) => relations.contains(&(schema.clone(), r.name.clone())),
            // Without a schema it may be any: the search path decides, and it may change.
            None => relations.iter().any(|(_, name)| *name == r.name),
        })
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
        approval: None,
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
    use super::{analyse, keep};

    fn kept(text: &str) -> std::sync::Arc<super::TextFacts> {
        keep(text, analyse(text, 1 << 20, 100)).unwrap()
    }

    #[test]
    fn texts_that_differ_in_constants_share_an_account() {
        let one = kept("SELECT a FROM t WHERE id = 1");
        assert_eq!(one.id, kept("SELECT a FROM t WHERE id = 4711").id);
        assert_ne!(one.id, kept("SELECT a FROM u WHERE id = 1").id);
        assert_ne!(one.id, kept("DELETE FROM t WHERE id = 1").id);
    }

    #[test]
    fn a_constant_that_is_judged_is_not_shared() {
        let harmless = kept("SET client_encoding = 'UTF8'");
        let harmful = kept("SET client_encoding = 'GBK'");
        assert_eq!(harmless.record, harmful.record);
        assert_ne!(harmless.id, harmful.id);
        assert_ne!(
            kept("SELECT set_config('client_encoding', 'UTF8', false)").id,
            kept("SELECT set_config('client_encoding', 'GBK', false)").id
        );
        assert_ne!(kept("COPY t (a) TO STDOUT").id, kept("COPY t (a) TO STDOUT (FORMAT csv)").id);
    }

    #[test]
    fn names_carry_no_numbers_into_the_ledger() {
        assert_eq!(super::without_numbers("public.orders_12"), "public.orders_12");
        assert_eq!(super::without_numbers("t4111111111111111x737"), "t#x#");
        assert_eq!(super::without_numbers("٤١١١"), "#");
    }
}
