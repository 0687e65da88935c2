//! The walk over queries, DML and COPY: what is read, what is written, and for what.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use crate::column::{Scope, Uses};
use crate::facts::{Access, Copy, How};
use crate::object::{Act, Kind};
use crate::tree::Walk;
use crate::verb::Verb;
use crate::walk::Walker;

impl Walk for pb::SelectStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Select);
        w.query(self.with_clause.as_ref(), |w| {
            if let Some(into) = &self.into_clause {
                w.verb(Verb::SelectInto);
                w.change(Act::Create, Kind::Table);
                w.target(into.rel.as_ref(), false);
            }
            select(self, w);
        });
    }
}

fn select(select: &pb::SelectStmt, w: &mut Walker) {
    let pb::SelectStmt {
        distinct_clause,
        into_clause: _,
        target_list,
        from_clause,
        where_clause,
        group_clause,
        group_distinct: _,
        having_clause,
        window_clause,
        values_lists,
        sort_clause,
        limit_offset,
        limit_count,
        limit_option: _,
        locking_clause,
        with_clause: _,
        op,
        all,
        larg,
        rarg,
    } = select;
    // DISTINCT, and UNION, INTERSECT and EXCEPT without ALL, compare what they give; ORDER BY and GROUP BY can mean it by
    // its place or its new name.
    let ordered = !sort_clause.is_empty() || !group_clause.is_empty();
    let compares =
        ordered || !distinct_clause.is_empty() || *op > pb::SetOperation::SetopNone as i32 && !*all;
    let uses = if compares { w.uses.and_compared() } else { w.uses };
    w.facts.unfiltered |= where_clause.is_none() && !from_clause.is_empty();
    let scope = w.scope(from_clause);
    w.within(scope, |w| {
        w.reading(uses, |w| {
            target_list.walk(w);
            values_lists.walk(w);
            larg.walk(w);
            rarg.walk(w);
        });
        w.reading(Uses::BOTH, |w| from_clause.walk(w));
        w.reading(Uses::PREDICATE, |w| {
            distinct_clause.walk(w);
            where_clause.walk(w);
            group_clause.walk(w);
            having_clause.walk(w);
            window_clause.walk(w);
            sort_clause.walk(w);
            limit_offset.walk(w);
            limit_count.walk(w);
        });
        locking_clause.walk(w);
    });
}

impl Walk for pb::ResTarget {
    fn walk(&self, w: &mut Walker) {
        let Self { name: _, indirection, val, location: _ } = self;
        indirection.walk(w);
        // An expression can compare: `pan = '…'` in the answer says as much as in WHERE.
        let plain = val.as_ref().is_none_or(|v| matches!(v.node, Some(N::ColumnRef(_))));
        let uses = if plain { w.uses } else { w.uses.and_compared() };
        w.reading(uses, |w| val.walk(w));
    }
}

impl Walk for pb::InsertStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Insert);
        let Self {
            relation,
            cols,
            select_stmt,
            on_conflict_clause,
            returning_clause,
            with_clause,
            r#override: _,
        } = self;
        let reads = returning_clause.is_some() || on_conflict_clause.is_some();
        w.target(relation.as_ref(), reads);
        w.query(with_clause.as_ref(), |w| {
            w.assigns(relation.as_ref(), cols);
            if cols.is_empty() && select_stmt.is_some() {
                w.assigns_all(relation.as_ref());
            }
            cols.walk(w);
            select_stmt.walk(w);
            let scope = w.scope_with(Scope::default(), relation.as_ref());
            w.within(scope, |w| {
                if let Some(conflict) = on_conflict_clause {
                    w.compares(relation.as_ref(), conflict);
                    w.assigns(relation.as_ref(), &conflict.target_list);
                }
                on_conflict_clause.walk(w);
                w.returning(returning_clause.as_ref(), relation.as_ref());
            });
        });
    }
}

impl Walk for pb::OnConflictClause {
    fn walk(&self, w: &mut Walker) {
        let Self { action: _, infer, target_list, where_clause, location: _ } = self;
        target_list.walk(w);
        w.reading(Uses::PREDICATE, |w| {
            infer.walk(w);
            where_clause.walk(w);
        });
    }
}

impl Walk for pb::UpdateStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Update);
        let Self { relation, target_list, where_clause, from_clause, returning_clause, with_clause } = self;
        w.facts.unbounded |= where_clause.is_none();
        w.target(relation.as_ref(), true);
        w.query(with_clause.as_ref(), |w| {
            w.assigns(relation.as_ref(), target_list);
            let scope = w.scope(from_clause);
            let scope = w.scope_with(scope, relation.as_ref());
            w.within(scope, |w| {
                target_list.walk(w);
                w.returning(returning_clause.as_ref(), relation.as_ref());
                w.reading(Uses::BOTH, |w| from_clause.walk(w));
                w.reading(Uses::PREDICATE, |w| where_clause.walk(w));
            });
        });
    }
}

impl Walk for pb::DeleteStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Delete);
        let Self { relation, using_clause, where_clause, returning_clause, with_clause } = self;
        w.facts.unbounded |= where_clause.is_none();
        w.target(relation.as_ref(), true);
        w.query(with_clause.as_ref(), |w| {
            let scope = w.scope(using_clause);
            let scope = w.scope_with(scope, relation.as_ref());
            w.within(scope, |w| {
                w.returning(returning_clause.as_ref(), relation.as_ref());
                w.reading(Uses::BOTH, |w| using_clause.walk(w));
                w.reading(Uses::PREDICATE, |w| where_clause.walk(w));
            });
        });
    }
}

impl Walk for pb::MergeStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Merge);
        let Self {
            relation,
            source_relation,
            join_condition,
            merge_when_clauses,
            returning_clause,
            with_clause,
        } = self;
        w.target(relation.as_ref(), true);
        w.query(with_clause.as_ref(), |w| {
            let source: Vec<pb::Node> = source_relation.iter().map(|s| (**s).clone()).collect();
            let scope = w.scope(&source);
            let scope = w.scope_with(scope, relation.as_ref());
            w.within(scope, |w| {
                w.reading(Uses::BOTH, |w| source_relation.walk(w));
                w.reading(Uses::PREDICATE, |w| join_condition.walk(w));
                for clause in merge_when_clauses {
                    if let Some(N::MergeWhenClause(when)) = &clause.node {
                        w.assigns(relation.as_ref(), &when.target_list);
                        if when.target_list.is_empty() && !when.values.is_empty() {
                            w.assigns_all(relation.as_ref());
                        }
                    }
                }
                merge_when_clauses.walk(w);
                w.returning(returning_clause.as_ref(), relation.as_ref());
            });
        });
    }
}

impl Walk for pb::MergeWhenClause {
    fn walk(&self, w: &mut Walker) {
        let Self { match_kind: _, command_type: _, r#override: _, condition, target_list, values } = self;
        w.reading(Uses::PREDICATE, |w| condition.walk(w));
        target_list.walk(w);
        values.walk(w);
    }
}

impl Walk for pb::CopyStmt {
    fn walk(&self, w: &mut Walker) {
        let (verb, copy) = match (self.is_program, self.filename.is_empty(), self.is_from) {
            (true, _, _) => (Verb::CopyProgram, Copy::Program),
            (false, false, _) => (Verb::CopyFile, Copy::File),
            (false, true, true) => (Verb::CopyIn, Copy::FromStdin),
            (false, true, false) => (Verb::CopyOut, Copy::ToStdout),
        };
        w.verb(verb);
        w.facts.copy = Some(copy);
        if let Some(r) = &self.relation {
            let (access, how) =
                if self.is_from { (Access::Write, How::Write) } else { (Access::Read, How::Output) };
            w.relation(&r.schemaname, &r.relname, access);
            let written = (r.schemaname.clone(), r.relname.clone());
            for column in crate::walk::strings(&self.attlist) {
                w.touch(&written, Some(column), how);
            }
            if self.attlist.is_empty() {
                w.touch(&written, None, how);
            }
        }
        w.query(None, |w| {
            self.query.walk(w);
            self.options.walk(w);
            let scope = w.scope_with(Scope::default(), self.relation.as_ref());
            w.within(scope, |w| w.reading(Uses::PREDICATE, |w| self.where_clause.walk(w)));
        });
    }
}
