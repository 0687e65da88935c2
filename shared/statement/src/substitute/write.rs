//! INSERT, UPDATE, DELETE and MERGE (WALLS, rule 5): a change may not depend on what is masked, masked values are not
//! stored, and classified columns are assigned where the access level lets them.

use std::collections::HashSet;
use std::sync::Arc;

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::fault::Unsubstitutable;
use super::part::Part;
use super::resolve::{Found, quoted};
use super::{masks, verify};
use crate::catalogue::Masked;
use crate::edit::{Edit as _, Parts as _};
use crate::walk::strings;

/// The relation that is changed.
pub(super) struct Target {
    name: String,
    /// What stands for its row.
    rows: Vec<String>,
    masked: Option<Arc<Masked>>,
    temporary: bool,
}

impl Target {
    fn classified(&self) -> HashSet<&str> {
        let columns = self.masked.iter().flat_map(|m| &m.columns);
        columns.filter(|c| c.class.is_some()).map(|c| &*c.name).collect()
    }
}

impl Target {
    /// Its classified columns.
    pub(super) fn classified_names(&self) -> Vec<String> {
        let columns = self.masked.iter().flat_map(|m| &m.columns);
        columns.filter(|c| c.class.is_some()).map(|c| c.name.clone().into()).collect()
    }
}

impl Part<'_> {
    /// Writes the schema in front of what is changed.
    pub(super) fn target(&mut self, relation: Option<&mut pb::RangeVar>) -> Option<Target> {
        let relation = relation?;
        let found = self.resolve(relation)?;
        let mut rows = vec![relation.relname.clone()];
        rows.extend(relation.alias.as_ref().map(|a| a.aliasname.clone()));
        rows.extend(["excluded", "old", "new"].map(str::to_owned));
        let mut target = Target { name: relation.relname.clone(), rows, masked: None, temporary: false };
        match found {
            Found::Plain(schema) => self.written(relation, schema),
            Found::Masked(schema, masked) => {
                self.touches = true;
                target.masked = Some(masked);
                self.written(relation, schema);
            }
            Found::Shown(_) => {
                self.fault(Unsubstitutable::unwritable(&relation.relname, "it shows what others do"));
            }
            Found::Temporary => {
                relation.catalogname.clear();
                "pg_temp".clone_into(&mut relation.schemaname);
                target.temporary = true;
            }
            Found::Unknown => {}
        }
        Some(target)
    }

    fn written(&mut self, relation: &mut pb::RangeVar, schema: Box<str>) {
        let entry = self.at.catalogue.relation(&schema, &relation.relname);
        if let Some(why) = entry.and_then(|e| e.unwritable.as_deref()) {
            self.fault(Unsubstitutable::unwritable(&relation.relname, why));
        }
        relation.catalogname.clear();
        relation.schemaname = schema.into();
    }

    /// Runs `inside`; what it reads of classified columns must not decide what is stored in `target`.
    fn storing(&mut self, target: &Target, inside: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.masked, false);
        inside(self);
        if self.masked && !target.temporary {
            self.fault(Unsubstitutable::stores_masks(&target.name));
        }
        self.masked |= before;
    }

    /// No classified column of `target` is read in `parts`.
    fn reads_none(&mut self, target: &Target, reads: impl FnOnce(&mut super::mention::Reads<'_>)) {
        let classified = target.classified();
        if classified.is_empty() {
            return;
        }
        let rows: Vec<&str> = target.rows.iter().map(String::as_str).collect();
        let mut found = super::mention::Reads::new(&classified, &rows);
        reads(&mut found);
        if found.found {
            self.fault(Unsubstitutable::reads_in_write(&target.name));
        }
    }

    /// Classified columns that are assigned these values, in order; `None` stands for values that are not known here.
    fn assigned(&mut self, target: &Target, column: &str, value: Option<&pb::Node>) {
        if !target.classified().contains(column) {
            return;
        }
        if !self.at.may_assign {
            return self.fault(Unsubstitutable::assigns(column));
        }
        let found = target.masked.iter().flat_map(|m| &m.columns).find(|c| *c.name == *column);
        // Whoever loads such a column gets NULL, and would save it.
        let null = found.is_some_and(|c| !masks::says_something(c));
        match value.and_then(|v| v.node.as_ref()) {
            Some(node) => self.no_image(column, null, node),
            // Computed elsewhere: whether it is a masked form cannot be seen.
            None => self.fault(Unsubstitutable::image(column)),
        }
    }

    /// A value for a classified column that is no masked form: a constant that is seen here, or a parameter that is
    /// looked at when it comes.
    fn no_image(&mut self, column: &str, null: bool, node: &N) {
        match node {
            N::AConst(constant) => {
                let image = match &constant.val {
                    Some(pb::a_const::Val::Sval(s)) => is_image(&s.sval),
                    Some(pb::a_const::Val::Fval(f)) => is_number_image(&f.fval),
                    Some(_) => false,
                    None => null,
                };
                if image {
                    self.fault(Unsubstitutable::image(column));
                }
            }
            N::ParamRef(parameter) => {
                self.guarded.extend(u32::try_from(parameter.number).ok().map(|number| (number, null)));
            }
            N::TypeCast(cast) => match cast.arg.as_ref().and_then(|a| a.node.as_ref()) {
                Some(inner) => self.no_image(column, null, inner),
                None => self.fault(Unsubstitutable::image(column)),
            },
            N::SetToDefault(_) => {}
            _ => self.fault(Unsubstitutable::image(column)),
        }
    }

    pub(super) fn insert(&mut self, insert: &mut pb::InsertStmt) {
        let mut with = insert.with_clause.take();
        self.with(with.as_mut(), |part| part.insert_inside(insert));
        insert.with_clause = with;
    }

    fn insert_inside(&mut self, insert: &mut pb::InsertStmt) {
        let Some(target) = self.target(insert.relation.as_mut()) else { return };
        self.inserted(&target, insert);
        let pb::InsertStmt { cols, select_stmt, on_conflict_clause, returning_clause, .. } = insert;
        self.storing(&target, |part| {
            cols.parts(part);
            select_stmt.parts(part);
        });
        if let Some(conflict) = on_conflict_clause {
            self.conflict(&target, conflict);
        }
        self.returning(&target, returning_clause.as_mut(), false);
    }

    fn inserted(&mut self, target: &Target, insert: &pb::InsertStmt) {
        let Some(masked) = target.masked.clone() else { return };
        let rows = values(insert.select_stmt.as_deref());
        let named: Vec<String> = match insert.cols.as_slice() {
            // DEFAULT VALUES gives none.
            [] if insert.select_stmt.is_none() => return,
            [] => {
                let width = rows.as_ref().and_then(|r| r.iter().map(|row| row.len()).max());
                let width = width.unwrap_or(usize::MAX);
                masked.columns.iter().take(width).map(|c| c.name.clone().into()).collect()
            }
            cols => cols
                .iter()
                .filter_map(|c| match &c.node {
                    Some(N::ResTarget(t)) => Some(t.name.clone()),
                    _ => None,
                })
                .collect(),
        };
        self.assigned.clone_from(&named);
        for (at, column) in named.iter().enumerate() {
            match &rows {
                Some(rows) => rows.iter().for_each(|row| self.assigned(target, column, row.get(at).copied())),
                None => self.assigned(target, column, None),
            }
        }
    }

    // Which row is there already is told by ON CONFLICT, and by nothing else so plainly.
    fn conflict(&mut self, target: &Target, conflict: &mut pb::OnConflictClause) {
        let by: Vec<String> = conflict
            .infer
            .iter()
            .flat_map(|infer| &infer.index_elems)
            .filter_map(|e| match &e.node {
                Some(N::IndexElem(e)) => Some(e.name.clone()),
                _ => None,
            })
            .collect();
        let told = self.assigned.iter().any(|name| target.classified().contains(name.as_str()));
        let told = told
            && target.masked.as_ref().is_some_and(|m| {
                // A constraint by name, or any at all: it may be one of a classified column.
                let any = by.is_empty() || by.iter().any(String::is_empty);
                m.constrained
                    .iter()
                    .any(|columns| any || by.iter().any(|name| columns.contains(name.as_str())))
            });
        if told {
            self.fault(Unsubstitutable::reads_in_write(&target.name));
        }
        self.reads_none(target, |reads| {
            conflict.infer.parts(reads);
            conflict.where_clause.parts(reads);
            values_of(&mut conflict.target_list, |value| reads.node(value));
        });
        self.assignments(target, &conflict.target_list);
        self.storing(target, |part| {
            conflict.infer.parts(part);
            conflict.target_list.parts(part);
            conflict.where_clause.parts(part);
        });
    }

    fn assignments(&mut self, target: &Target, list: &[pb::Node]) {
        for item in list {
            match &item.node {
                Some(N::ResTarget(t)) => {
                    let value = t.val.as_deref().filter(|v| !matches!(v.node, Some(N::MultiAssignRef(_))));
                    self.assigned(target, &t.name, value);
                }
                _ => self.fault(Unsubstitutable::unknown("an assignment of this form")),
            }
        }
    }

    pub(super) fn update(&mut self, update: &mut pb::UpdateStmt) {
        let mut with = update.with_clause.take();
        self.with(with.as_mut(), |part| part.update_inside(update));
        update.with_clause = with;
    }

    fn update_inside(&mut self, update: &mut pb::UpdateStmt) {
        let Some(target) = self.target(update.relation.as_mut()) else { return };
        let pb::UpdateStmt { relation: _, target_list, where_clause, from_clause, returning_clause, .. } =
            update;
        self.assignments(&target, target_list);
        self.reads_none(&target, |reads| {
            values_of(target_list, |value| reads.node(value));
            where_clause.parts(reads);
            from_clause.parts(reads);
        });
        let others = !from_clause.is_empty();
        self.storing(&target, |part| {
            part.beside(from_clause, |part| {
                target_list.parts(part);
                where_clause.parts(part);
            });
        });
        self.returning(&target, returning_clause.as_mut(), others);
    }

    pub(super) fn delete(&mut self, delete: &mut pb::DeleteStmt) {
        let mut with = delete.with_clause.take();
        self.with(with.as_mut(), |part| part.delete_inside(delete));
        delete.with_clause = with;
    }

    fn delete_inside(&mut self, delete: &mut pb::DeleteStmt) {
        let Some(target) = self.target(delete.relation.as_mut()) else { return };
        let pb::DeleteStmt { relation: _, using_clause, where_clause, returning_clause, .. } = delete;
        self.reads_none(&target, |reads| {
            where_clause.parts(reads);
            using_clause.parts(reads);
        });
        let others = !using_clause.is_empty();
        self.storing(&target, |part| part.beside(using_clause, |part| where_clause.parts(part)));
        self.returning(&target, returning_clause.as_mut(), others);
    }

    pub(super) fn merge(&mut self, merge: &mut pb::MergeStmt) {
        let mut with = merge.with_clause.take();
        self.with(with.as_mut(), |part| part.merge_inside(merge));
        merge.with_clause = with;
    }

    fn merge_inside(&mut self, merge: &mut pb::MergeStmt) {
        let Some(target) = self.target(merge.relation.as_mut()) else { return };
        let pb::MergeStmt { source_relation, join_condition, merge_when_clauses, returning_clause, .. } =
            merge;
        for clause in merge_when_clauses.iter() {
            let Some(N::MergeWhenClause(when)) = &clause.node else { continue };
            let inserts = when.command_type == pb::CmdType::CmdInsert as i32;
            if inserts && when.target_list.is_empty() && !when.values.is_empty() {
                let columns = target.masked.iter().flat_map(|m| &m.columns);
                let named: Vec<String> =
                    columns.take(when.values.len()).map(|c| c.name.clone().into()).collect();
                for (column, value) in named.iter().zip(&when.values) {
                    self.assigned(&target, column, Some(value));
                }
            } else if inserts {
                for (column, value) in when.target_list.iter().zip(&when.values) {
                    let Some(N::ResTarget(t)) = &column.node else { continue };
                    self.assigned(&target, &t.name, Some(value));
                }
            } else {
                self.assignments(&target, &when.target_list);
            }
        }
        self.reads_none(&target, |reads| {
            join_condition.parts(reads);
            for clause in merge_when_clauses.iter_mut() {
                let Some(N::MergeWhenClause(when)) = &mut clause.node else { continue };
                when.condition.parts(reads);
                when.values.parts(reads);
                values_of(&mut when.target_list, |value| reads.node(value));
            }
        });
        self.storing(&target, |part| {
            let mut source: Vec<pb::Node> = source_relation.take().map(|s| *s).into_iter().collect();
            part.beside(&mut source, |part| {
                join_condition.parts(part);
                merge_when_clauses.parts(part);
            });
            *source_relation = source.pop().map(Box::new);
        });
        self.returning(&target, returning_clause.as_mut(), true);
    }

    /// What stands beside the relation that is changed, and what can name it.
    fn beside(&mut self, from: &mut Vec<pb::Node>, inside: impl FnOnce(&mut Self)) {
        let mut scope = Vec::new();
        for item in from.iter() {
            self.sources(item, &mut scope);
        }
        self.scopes.push(scope);
        for item in from.iter_mut() {
            self.from(item);
        }
        inside(self);
        self.scopes.pop();
    }

    /// The row that was changed, masked. `others`: rows of other relations stand beside it.
    fn returning(&mut self, target: &Target, clause: Option<&mut pb::ReturningClause>, others: bool) {
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
        let text = if column.class.is_some() { masks::mask(column, &reference) } else { reference };
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
    masked.columns.iter().any(|c| *c.name == *name && c.class.is_some())
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

/// The rows of `VALUES`, where the values are written out.
fn values(select: Option<&pb::Node>) -> Option<Vec<Vec<&pb::Node>>> {
    let Some(N::SelectStmt(select)) = select.and_then(|s| s.node.as_ref()) else { return None };
    let rows = select.values_lists.iter().map(|row| match &row.node {
        Some(N::List(list)) => Some(list.items.iter().collect()),
        _ => None,
    });
    let rows: Vec<_> = rows.collect::<Option<_>>()?;
    (!rows.is_empty()).then_some(rows)
}

/// The values of assignments; the names before them are not read.
fn values_of(list: &mut [pb::Node], mut each: impl FnMut(&mut pb::Node)) {
    for item in list {
        if let Some(N::ResTarget(target)) = &mut item.node {
            for index in &mut target.indirection {
                each(index);
            }
            if let Some(value) = &mut target.val {
                each(value);
            }
        }
    }
}

/// True if a text looks like what a mask makes: stars where digits were.
fn is_image(text: &str) -> bool {
    let stars = text.bytes().filter(|b| *b == b'*').count();
    stars >= 2 && text.chars().all(|c| c == '*' || c == '/' || c.is_ascii_digit())
}

/// True if a parameter for a classified column is a masked form, in text or in one of the binary formats in which card
/// numbers come: text, `int8` and `numeric`.
#[must_use]
pub fn is_image_parameter(binary: bool, value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).is_ok_and(|t| is_image(t) || is_number_image(t.trim()));
    if !binary {
        return text;
    }
    let int8 = <[u8; 8]>::try_from(value).is_ok_and(|v| is_number_image(&i64::from_be_bytes(v).to_string()));
    text || int8 || numeric(value).is_some_and(|digits| is_number_image(&digits))
}

/// The digits of a whole number in the binary format of `numeric`: groups of four behind a header of count, weight, sign
/// and scale, 16 bits each (numeric_send).
fn numeric(value: &[u8]) -> Option<String> {
    let words: Vec<i16> = value.as_chunks::<2>().0.iter().map(|w| i16::from_be_bytes(*w)).collect();
    let [count, weight, 0, _scale, groups @ ..] = words.as_slice() else { return None };
    if value.len() % 2 != 0 || usize::try_from(*count).ok()? != groups.len() || !(0..=6).contains(weight) {
        return None;
    }
    let place = |at: i16| groups.get(usize::try_from(at).unwrap_or(usize::MAX)).copied().unwrap_or(0);
    let digits: String = (0..=*weight).map(|at| format!("{:04}", place(at))).collect();
    Some(digits.trim_start_matches('0').to_owned())
}

/// True if a number looks like what a mask makes: as long as a card number, and all zeros, or a one, in the middle.
fn is_number_image(digits: &str) -> bool {
    let n = digits.len();
    if !(15..=19).contains(&n) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let middle = digits.get(6..n - 4).unwrap_or_default();
    middle.bytes().enumerate().all(|(at, b)| b == b'0' || (b == b'1' && at + 1 == middle.len()))
}
