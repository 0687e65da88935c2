//! RETURNING: the row that was changed, masked.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::part::Part;
use super::resolve::quoted;
use super::write::Target;
use super::{masks, verify};
use crate::catalogue::Masked;
use crate::edit::{Edit as _, Parts as _};
use crate::walk::strings;

impl Part<'_> {
    /// The row that was changed, masked. `others`: rows of other relations stand beside it.
    pub(super) fn returning(
        &mut self,
        target: &Target,
        clause: Option<&mut pb::ReturningClause>,
        others: bool,
    ) {
        let Some(clause) = clause else { return };
        let Some(masked) = &target.masked else {
            let before = self.masked;
            clause.exprs.parts(self);
            self.masked |= before;
            return;
        };
        let row = target.rows.get(1).filter(|r| *r != "excluded").unwrap_or(&target.name).clone();
        let mut exprs = Vec::new();
        for item in std::mem::take(&mut clause.exprs) {
            match plain(&item) {
                Some((alias, None))
                    if alias.as_ref().is_some_and(|a| *a == row) || (alias.is_none() && !others) =>
                {
                    let all = masked.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
                    exprs.extend(all.iter().filter_map(|name| self.returned(masked, &row, name, None)));
                }
                Some((alias, Some(name)))
                    if alias.as_ref().is_none_or(|a| *a == row) && is_classified(masked, &name) =>
                {
                    let called = match &item.node {
                        Some(N::ResTarget(t)) if !t.name.is_empty() => Some(t.name.clone()),
                        _ => None,
                    };
                    exprs.extend(self.returned(masked, &row, &name, called));
                }
                _ => exprs.push(item),
            }
        }
        let mut rest = exprs;
        self.reads_none(target, |reads| {
            for item in rest.iter_mut().filter(|item| !is_ours(item)) {
                reads.node(item);
            }
        });
        for item in rest.iter_mut().filter(|item| !is_ours(item)) {
            self.node(item);
        }
        clause.exprs = rest;
    }

    /// One column of the changed row in RETURNING, masked where it is classified.
    fn returned(
        &mut self,
        masked: &Masked,
        row: &str,
        name: &str,
        called: Option<String>,
    ) -> Option<pb::Node> {
        let (at, column) = masked.columns.iter().enumerate().find(|(_, c)| *c.name == *name)?;
        let reference = format!("{}.{}", quoted(row), quoted(name));
        self.note_read(masked, &[at]);
        let text = if column.is_masked() { masks::mask(column, &reference) } else { reference };
        let value = verify::expression(&text);
        let value = self.take(value)?;
        let name = called.unwrap_or_else(|| name.to_owned());
        let target =
            pb::ResTarget { name, indirection: Vec::new(), val: Some(Box::new(value)), location: -1 };
        Some(pb::Node { node: Some(N::ResTarget(Box::new(target))) })
    }
}

/// Written by [`Part::returned`]: nothing of the client's stands in it.
fn is_ours(item: &pb::Node) -> bool {
    matches!(&item.node, Some(N::ResTarget(t)) if t.location == -1)
}

fn is_classified(masked: &Masked, name: &str) -> bool {
    masked.columns.iter().any(|c| *c.name == *name && c.is_masked())
}

/// `alias.column`, `column`, `alias.*` or `*`, and nothing else.
fn plain(item: &pb::Node) -> Option<(Option<String>, Option<String>)> {
    let Some(N::ResTarget(target)) = &item.node else { return None };
    let Some(N::ColumnRef(column)) = target.val.as_ref().and_then(|v| v.node.as_ref()) else { return None };
    let star = column.fields.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
    let own = |s: &&str| Some((*s).to_owned());
    match (strings(&column.fields).as_slice(), star) {
        ([], true) => Some((None, None)),
        ([alias], true) => Some((own(alias), None)),
        ([name], false) => Some((None, own(name))),
        ([alias, name], false) => Some((own(alias), own(name))),
        _ => None,
    }
}
