//! Which statements bounds are about, and which of them cannot be counted.

use hoop_policy::Bounds;
use hoop_statement::{Class, Facts, Prepared, Verb};

use super::judged::Judged;
use crate::gate::Ruling;

/// True for statements that bounds are about.
fn is_bounded(facts: &Facts) -> bool {
    let prepares = matches!(facts.prepared, Some(Prepared::Prepare(_)));
    let class = facts.class();
    !prepares && (class == Class::Read || class == Class::Write || facts.verbs.contains(Verb::Execute))
}

/// Why these statements cannot be kept within `bounds`; `counts`: what they read counts against a budget.
pub(super) fn unboundable(statements: &[Facts], bounds: Bounds, counts: bool) -> Option<&'static str> {
    let any = |is: fn(&Facts) -> bool| statements.iter().any(is);
    if bounds.rows.is_some() && any(|f| f.verbs.contains(Verb::SelectInto)) {
        return Some("the rows that it copies into another table cannot be counted; send the query itself");
    }
    let changes = bounds.affected.is_some() || counts;
    if changes && any(|f| f.nested_write) {
        return Some(
            "what a common table expression changes cannot be counted; send its statement by itself",
        );
    }
    let writes = |f: &Facts| {
        let of = [Verb::Insert, Verb::Update, Verb::Delete, Verb::Merge, Verb::Execute];
        of.into_iter().any(|verb| f.verbs.contains(verb))
    };
    if changes && statements.iter().any(|f| f.verbs.contains(Verb::ExplainAnalyze) && writes(f)) {
        return Some("what EXPLAIN ANALYZE changes cannot be counted; use EXPLAIN alone");
    }
    if bounds.is_none() || !statements.iter().any(is_bounded) {
        return None;
    }
    let to_server = |f: &Facts| f.verbs.contains(Verb::CopyFile) || f.verbs.contains(Verb::CopyProgram);
    if bounds.rows.is_some() && any(to_server) {
        return Some("the rows of a COPY on the server cannot be counted; use COPY TO STDOUT");
    }
    if statements.len() > 1 {
        return Some("several statements in one message cannot be counted; send them one by one");
    }
    if bounds.rows.is_some() && any(|f| f.verbs.contains(Verb::Declare)) {
        return Some("the rows of a cursor cannot be counted; send the query itself");
    }
    if bounds.affected.is_some() && any(|f| f.verbs.contains(Verb::CopyIn)) {
        return Some("what COPY FROM STDIN changes cannot be undone in time; send INSERT statements");
    }
    None
}

impl Judged {
    /// FETCH is in it.
    pub(super) fn fetches(&self) -> bool {
        self.facts.statements.iter().any(|f| f.verbs.contains(Verb::Fetch))
    }

    /// How far it may go under `ruling`.
    pub(super) fn bounds(&self, ruling: &Ruling) -> Bounds {
        if self.facts.statements.iter().any(is_bounded) && !self.copies_in() {
            ruling.bounds()
        } else {
            Bounds::default()
        }
    }
}
