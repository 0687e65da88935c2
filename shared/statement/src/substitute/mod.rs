//! Substitution, the first wall (DESIGN, "The way of a statement" 4; WALLS, rules 1 to 13): each reference to a relation
//! with classified columns is replaced by a subselect of masked columns, so that whatever the statement computes it
//! computes on masks. What cannot be replaced safely is refused.
//!
//! Pure: a text, a catalogue and a situation in; the text for the target out. No policy lives here.

mod define;
mod expression;
mod fault;
mod group;
mod image;
mod masks;
mod mention;
mod part;
mod query;
mod resolve;
mod returning;
mod utility;
mod verify;
mod write;

use std::collections::HashSet;

pub use fault::Unsubstitutable;
pub use image::is_image_parameter;

use crate::catalogue::Catalogue;
use crate::verb::Class;

/// In which situation a text is substituted.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What the database holds.
    pub catalogue: &'a Catalogue,
    /// Schemas in which names are looked up, in order, without the implicit ones.
    pub path: &'a [Box<str>],
    /// Temporary relations that the connection made.
    pub temporary: &'a HashSet<Box<str>>,
    /// Classified columns may be assigned (access levels `write` and `reveal`).
    pub may_assign: bool,
}

/// The text for the target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Substituted {
    /// What is sent instead of the text; `None` where it is sent as it came.
    pub text: Option<String>,
    /// Places in the sent text with their places in the text as it came, in bytes, rising in the first.
    pub places: Vec<(u32, u32)>,
    /// Classified columns are read, masked.
    pub masked: bool,
    /// Relations in the closure of classification are read or written at all.
    pub touches: bool,
    /// Classified columns whose masks say nothing of the value stand in it: withheld whole.
    pub withheld: bool,
    /// Classes of the classified columns that stand by themselves in the list of the answer, one each, and whether the
    /// session sees them as they are: of each row so many values are masked, or revealed.
    pub answered: Vec<(Box<str>, bool)>,
    /// Numbers of parameters that are assigned to classified columns, and whether NULL is a masked form there.
    pub guarded: Vec<(u32, bool)>,
    /// Makes or drops relations: the catalogue has to be read anew.
    pub defines: bool,
    /// Temporary relations that it makes.
    pub makes_temporary: Vec<Box<str>>,
}

/// What stands for `text` in this situation. `text` was analysed, so it parses. Call it with
/// [`STACK_BYTES`](crate::STACK_BYTES) of stack.
///
/// # Errors
/// [`Unsubstitutable`]: why it must not be sent.
pub fn substitute(text: &str, at: &Situation<'_>) -> Result<Substituted, Unsubstitutable> {
    let unexpected = || Unsubstitutable::failed("the statement could not be taken apart");
    // As with the analysis: a panic of the binding must cost one statement, not the broker.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| whole(text, at)))
        .unwrap_or_else(|_| Err(unexpected()))
}

fn whole(text: &str, at: &Situation<'_>) -> Result<Substituted, Unsubstitutable> {
    let mut all = Substituted::default();
    let Ok(parsed) = pg_query::parse(text, 0) else {
        // A long chain of constants cannot be written again, and need not be where it reaches nothing.
        return if reaches_nothing(text) { Ok(all) } else { Err(Unsubstitutable::too_deep()) };
    };
    let parsed = parsed.protobuf;
    let mut sent = String::with_capacity(text.len() * 2);
    let mut changed = false;
    let mut temporary = at.temporary.clone();
    let count = parsed.stmts.len();
    for (n, mut raw) in parsed.stmts.into_iter().enumerate() {
        let span = crate::analyse::span(&raw, text);
        let facts = crate::analyse::facts(&raw, text);
        // What an earlier statement of the text makes, a later one can name.
        let here = Situation { temporary: &temporary, ..*at };
        let mut part = part::Part::new(&here, &facts);
        let Some(stmt) = raw.stmt.as_mut() else { continue };
        let rewritten = part.statement(stmt);
        part.done()?;
        all.masked |= part.masked;
        all.touches |= part.touches;
        all.withheld |= part.withheld;
        all.defines |= part.defines;
        all.answered.append(&mut part.in_answer);
        all.guarded.append(&mut part.guarded);
        let made = std::mem::take(&mut part.makes_temporary);
        temporary.extend(made.iter().cloned());
        all.makes_temporary.extend(made);
        let start = sent.len();
        let original = text.get(span.clone()).unwrap_or_default();
        if rewritten {
            let (ours, places) = verify::written(raw)?;
            let shift = |(new, old): (u32, u32)| (verify::offset(start).saturating_add(new), old);
            all.places.push((verify::offset(start), verify::offset(span.start)));
            all.places.extend(places.into_iter().map(shift));
            changed |= ours != original;
            sent.push_str(&ours);
        } else {
            all.places.push((verify::offset(start), verify::offset(span.start)));
            sent.push_str(original);
        }
        if n + 1 < count {
            sent.push_str("; ");
        }
    }
    all.text = changed.then_some(sent);
    all.guarded.sort_unstable();
    all.guarded.dedup();
    Ok(all)
}

/// The text names no relation and calls nothing but PostgreSQL's own harmless functions.
fn reaches_nothing(text: &str) -> bool {
    let Some(parsed) = crate::chain::shorten(text).and_then(|short| pg_query::parse(&short, 0).ok()) else {
        return false;
    };
    parsed.protobuf.stmts.iter().map(|raw| crate::analyse::facts(raw, text)).all(|facts| {
        facts.class() <= Class::Read
            && facts.relations.is_empty()
            && facts.is_read_only()
            && facts.settings.is_empty()
    })
}

impl Substituted {
    /// Where a place in the sent text stood in the text as it came, both in bytes.
    #[must_use]
    pub fn origin(&self, sent: u32) -> u32 {
        if self.text.is_none() {
            return sent;
        }
        let at = self.places.partition_point(|(new, _)| *new <= sent);
        at.checked_sub(1).and_then(|at| self.places.get(at)).map_or(0, |(_, old)| *old)
    }
}
