//! Text to facts: limits, grammar, walk.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pb::Token as T;
use pg_query::Error as Fault;
use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use crate::facts::{Facts, Opaque};
use crate::record::record;
use crate::refusal::Refusal;
use crate::scan::scan;
use crate::tree::Walk;
use crate::verb::{Class, Verbs};
use crate::walk::Walker;

/// Stack that a thread needs to call [`analyse`] on any text within the limits. libpg_query itself refuses trees of
/// more than 10,000 messages in a row, and decoding one takes at most 22 kB a message in an unoptimised build
/// (measured: 200 MiB for the deepest of casts, CASE, subqueries and operators). Only deep texts touch it.
pub const STACK_BYTES: usize = 256 * 1024 * 1024;

/// Most statements in one text.
pub const MAX_STATEMENTS: usize = 10_000;

/// How much text is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLimits {
    /// Longest text, in bytes.
    pub bytes: usize,
    /// Deepest nesting of brackets. Chains of operators without brackets do not count.
    pub depth: usize,
}

impl Default for TextLimits {
    fn default() -> Self {
        Self { bytes: 1024 * 1024, depth: 1000 }
    }
}

/// A judged text: its statements in order, none for an empty query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// One each, in order.
    pub statements: Vec<Facts>,
    /// The text for the ledger, without constants and comments.
    pub record: String,
}

impl Analysis {
    /// The verbs of all statements.
    #[must_use]
    pub fn verbs(&self) -> Verbs {
        let mut all = Verbs::default();
        self.statements.iter().for_each(|s| all.extend(s.verbs));
        all
    }
}

/// Judges a text by PostgreSQL's own grammar (that of major 18), as a server reads it with
/// `standard_conforming_strings` on, which the broker pins. Call it on a thread with [`STACK_BYTES`] of stack.
///
/// # Errors
/// [`Refusal`] when the text is too long, nested too deeply or not SQL.
pub fn analyse(text: &str, limits: &TextLimits) -> Result<Analysis, Refusal> {
    if text.len() > limits.bytes {
        return Err(Refusal::TooLong { bytes: text.len(), limit: limits.bytes });
    }
    if text.contains('\0') {
        return Err(Refusal::Nul);
    }
    // The binding panics on shapes that it does not expect; a panic must cost one statement, not the broker.
    catch_unwind(AssertUnwindSafe(|| judge(text, limits))).unwrap_or(Err(Refusal::Failed))
}

fn judge(text: &str, limits: &TextLimits) -> Result<Analysis, Refusal> {
    check_depth(text, limits.depth)?;
    let tree = parse(text, limits)?;
    if tree.stmts.len() > MAX_STATEMENTS {
        return Err(Refusal::TooMany { statements: tree.stmts.len(), limit: MAX_STATEMENTS });
    }
    let statements: Vec<Facts> = tree.stmts.iter().map(|s| facts(s, text)).collect();
    let mut analysis = Analysis { statements, record: String::new() };
    analysis.record = record(text, |_| false).unwrap_or_else(|| analysis.verbs().to_string());
    Ok(analysis)
}

pub(crate) fn facts(raw: &pb::RawStmt, text: &str) -> Facts {
    let mut walker = Walker::new();
    walker.pg_dump_setting = crate::setting::of_pg_dump(raw);
    raw.stmt.walk(&mut walker);
    if walker.facts.verbs.is_empty() {
        walker.opaque(Opaque::UnknownStatement);
    }
    if walker.facts.class() >= Class::Ddl {
        walker.redefined();
    }
    let mut facts = walker.facts;
    facts.limited = is_limited(raw);
    facts.span = span(raw, text);
    facts.tag = tag(&facts);
    facts
}

/// The statement is a SELECT with a LIMIT, and not `LIMIT ALL`.
fn is_limited(raw: &pb::RawStmt) -> bool {
    let Some(N::SelectStmt(select)) = raw.stmt.as_ref().and_then(|s| s.node.as_ref()) else { return false };
    match select.limit_count.as_ref().map(|c| &c.node) {
        None => false,
        Some(Some(N::AConst(c))) => !c.isnull,
        Some(_) => true,
    }
}

// A length of zero means to the end (libpg_query, RawStmt).
pub(crate) fn span(raw: &pb::RawStmt, text: &str) -> Range<usize> {
    let start = usize::try_from(raw.stmt_location).unwrap_or(0).min(text.len());
    let len = usize::try_from(raw.stmt_len).unwrap_or(0);
    let end = if len == 0 { text.len() } else { start.saturating_add(len).min(text.len()) };
    start..end
}

/// The worst verb in upper case, with the object for definitions.
fn tag(facts: &Facts) -> String {
    let Some(verb) = facts.verbs.iter().max_by_key(|v| v.class()) else { return "UNKNOWN".to_owned() };
    let change = facts.changes.iter().find(|c| c.act.as_str() == verb.as_str());
    let word = change.map_or_else(|| verb.to_string(), ToString::to_string);
    word.replace('_', " ").to_uppercase()
}

fn parse(text: &str, limits: &TextLimits) -> Result<pb::ParseResult, Refusal> {
    match pg_query::parse(text, 0) {
        Ok(result) => Ok(result.protobuf),
        Err(Fault::Parse(message)) if is_too_deep(&message) => {
            // Long chains of constants are common in generated SQL: shortened, they say the same.
            let short = crate::chain::shorten(text).ok_or(Refusal::TooDeep { limit: limits.depth })?;
            match pg_query::parse(&short, 0) {
                Ok(result) => Ok(result.protobuf),
                Err(_) => Err(Refusal::TooDeep { limit: limits.depth }),
            }
        }
        Err(Fault::Parse(message)) => Err(crate::syntax::refusal(text, message)),
        Err(Fault::Conversion(_)) => Err(Refusal::Nul),
        Err(
            Fault::Decode(_)
            | Fault::InvalidJson(_)
            | Fault::InvalidPointer
            | Fault::Scan(_)
            | Fault::IsUtility(_)
            | Fault::Split(_),
        ) => Err(Refusal::Failed),
    }
}

/// The messages of libpg_query, its stack check and its grammar's own stack.
pub(crate) fn is_too_deep(message: &str) -> bool {
    message.starts_with("parse tree is nested too deeply")
        || message.starts_with("stack depth limit exceeded")
        || message.starts_with("memory exhausted")
}

// Texts that cannot reach the limit are not scanned twice.
pub(crate) fn check_depth(text: &str, limit: usize) -> Result<(), Refusal> {
    let opening = text.bytes().filter(|b| matches!(b, b'(' | b'[')).count();
    if opening <= limit {
        return Ok(());
    }
    // A text that does not scan does not parse either: the parser reports it.
    let Some(tokens) = scan(text) else { return Ok(()) };
    let mut depth = 0_usize;
    for token in tokens {
        match T::try_from(token.token) {
            Ok(T::Ascii40 | T::Ascii91) => depth += 1,
            Ok(T::Ascii41 | T::Ascii93) => depth = depth.saturating_sub(1),
            Ok(_) | Err(_) => {}
        }
        if depth > limit {
            return Err(Refusal::TooDeep { limit });
        }
    }
    Ok(())
}
