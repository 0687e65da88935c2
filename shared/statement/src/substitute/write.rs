//! INSERT, UPDATE, DELETE and MERGE (WALLS, rule 5): a change may not depend on what is masked, masked values are not
//! stored, and classified columns are assigned where the access level lets them.

use std::collections::HashSet;
use std::sync::Arc;

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::fault::Unsubstitutable;
use super::image::{is_image, is_number_image};
use super::masks;
use super::part::Part;
use super::resolve::Found;
use crate::catalogue::Masked;
use crate::edit::{Edit as _, Parts as _};

/// The relation that is changed.
pub(super) struct Target {
    pub(super) name: String,
    /// What stands for its row.
    pub(super) rows: Vec<String>,
    pub(super) masked: Option<Arc<Masked>>,
    temporary: bool,
}

impl Target {
    fn classified(&self) -> HashSet<&str> {
        let columns = self.masked.iter().flat_map(|m| &m.columns);
        columns.filter(|c| c.is_masked()).map(|c| &*c.name).collect()
    }
}

impl Target {
    /// Its classified columns.
    pub(super) fn classified_names(&self) -> Vec<String> {
        let columns = self.masked.iter().flat_map(|m| &m.columns);
        columns.filter(|c| c.is_masked()).map(|c| c.name.clone().into()).collect()
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
            Found::Unknown => target.temporary = self.temporary().contains(relation.relname.as_str()),
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
    pub(super) fn reads_none(&mut self, target: &Target, reads: impl FnOnce(&mut super::mention::Reads<'_>)) {
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
                let width = rows.as_ref().and_then(|r| r.iter().map(Vec::len).max());
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
    fn beside(&mut self, from: &mut [pb::Node], inside: impl FnOnce(&mut Self)) {
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
