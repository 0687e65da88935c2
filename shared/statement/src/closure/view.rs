//! What a view shows of classified columns.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pg_query::NodeEnum as N;

use super::query::Reading;
use super::spread::Spread;
use super::{Attribute, ClassName, Known, ViewRow, own};
use crate::function;

/// Longest definition that is taken apart.
const BYTES: usize = 1 << 20;

/// What a view shows.
#[derive(Debug)]
pub(super) enum Seen {
    /// Nothing classified.
    Nothing,
    /// Classified columns: number, class, and the columns that it shows.
    Columns(Vec<(i16, ClassName, Vec<Attribute>)>),
    /// More than a mask can stand for: why.
    TooMuch(String),
}

/// What `row` shows, as far as classification has spread. It is taken apart only where it can show anything.
pub(super) fn seen(known: &Known<'_>, spread: &Spread, row: &ViewRow) -> Seen {
    if let Some(hidden) = row.relations.iter().find(|oid| **oid != row.oid && spread.opaque.contains_key(oid))
    {
        return Seen::TooMuch(format!("it reads {}, which cannot be masked", known.title(*hidden)));
    }
    let shown = |oid: &&u32| known.relations.get(*oid).is_some_and(|r| own::is_shown(r));
    if let Some(shown) = row.relations.iter().find(shown) {
        return Seen::TooMuch(format!("it reads {}, which tells of others", known.title(*shown)));
    }
    if let Some(name) = row.builtins.iter().find(|name| !function::is_listed(name)) {
        return Seen::TooMuch(format!("it calls {name}, which may reach further than its arguments"));
    }
    let reads = row.reads.iter().any(|at| spread.classes.contains_key(at));
    let of_classified = row.relations.iter().any(|oid| spread.classified.contains(oid));
    let Some(definition) = &row.definition else {
        // No more is known of it than that it depends on such a relation.
        return if reads || of_classified { not_understood() } else { Seen::Nothing };
    };
    // Dependencies do not tell of whole rows, which are always written `name.*`.
    let whole_row = of_classified && definition.contains(".*");
    if !reads && !whole_row {
        return Seen::Nothing;
    }
    // The binding panics on shapes that it does not expect: such a view is not understood.
    catch_unwind(AssertUnwindSafe(|| taken_apart(known, spread, row, definition)))
        .unwrap_or_else(|_| not_understood())
}

fn not_understood() -> Seen {
    Seen::TooMuch("its definition was not understood".to_owned())
}

fn taken_apart(known: &Known<'_>, spread: &Spread, row: &ViewRow, definition: &str) -> Seen {
    let limit = crate::TextLimits::default().depth;
    if definition.len() > BYTES || crate::analyse::check_depth(definition, limit).is_err() {
        return not_understood();
    }
    let Ok(parsed) = pg_query::parse(definition, 0) else { return not_understood() };
    let mut stmts = parsed.protobuf.stmts;
    let (Some(raw), true) = (stmts.pop(), stmts.is_empty()) else { return not_understood() };
    let Some(N::SelectStmt(mut select)) = raw.stmt.and_then(|s| s.node) else { return not_understood() };
    let mut reading = Reading::new(known, spread, row);
    let outputs = reading.query(&mut select);
    if let Some(why) = reading.fault() {
        return Seen::TooMuch(why);
    }
    let columns = known.columns(row.oid);
    if outputs.len() != columns.len() {
        return not_understood();
    }
    let stored = known.relations.get(&row.oid).is_some_and(|r| r.kind == 'm');
    let mut shown = Vec::new();
    for (output, column) in outputs.into_iter().zip(columns) {
        let Some(class) = output.class else { continue };
        // Stored values are masked whatever they were made of; a view's would be computed before any mask.
        if output.computed && !stored {
            return Seen::TooMuch(format!(
                "its column `{}` is computed from classified columns",
                column.name
            ));
        }
        shown.push((column.attnum, class, output.sources));
    }
    Seen::Columns(shown)
}
