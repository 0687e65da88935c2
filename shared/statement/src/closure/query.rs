//! A view's query, as `pg_get_viewdef` writes it: which of its columns show which classified columns, and whether
//! anything else in it depends on one.

use std::collections::HashSet;

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::scope::{Output, Source, both, plain, rename};
use super::spread::Spread;
use super::{Attribute, ClassName, Known, ViewRow, stricter};
use crate::edit::{Edit, Parts as _};
use crate::walk::strings;

/// A view's definition while it is read.
pub(super) struct Reading<'k> {
    known: &'k Known<'k>,
    spread: &'k Spread,
    row: &'k ViewRow,
    ctes: Vec<(String, Vec<Output>)>,
    /// Outermost level first.
    pub(super) scopes: Vec<Vec<Source>>,
    /// Classified columns of relations that were accounted for.
    pub(super) used: HashSet<Attribute>,
    /// The class of what the expression at hand reads.
    found: Option<ClassName>,
    fault: Option<String>,
}

impl<'k> Reading<'k> {
    pub(super) fn new(known: &'k Known<'k>, spread: &'k Spread, row: &'k ViewRow) -> Self {
        Self {
            known,
            spread,
            row,
            ctes: Vec::new(),
            scopes: Vec::new(),
            used: HashSet::new(),
            found: None,
            fault: None,
        }
    }

    /// Why it shows too much. A column that the catalogue says it uses, and that was not met, was not understood.
    pub(super) fn fault(&mut self) -> Option<String> {
        let mut classified = self.row.reads.iter().filter(|at| self.spread.classes.contains_key(at));
        if classified.any(|at| !self.used.contains(at)) {
            self.not_understood();
        }
        self.fault.take()
    }

    pub(super) fn too_much(&mut self, why: &str) {
        self.fault.get_or_insert_with(|| why.to_owned());
    }

    pub(super) fn not_understood(&mut self) {
        self.too_much("its definition was not understood");
    }

    /// The columns of a query.
    pub(super) fn query(&mut self, select: &mut pb::SelectStmt) -> Vec<Output> {
        let outer = self.ctes.len();
        if let Some(with) = &mut select.with_clause {
            self.with(with);
        }
        let outputs = if select.larg.is_some() { self.combined(select) } else { self.level(select) };
        self.ctes.truncate(outer);
        outputs
    }

    fn with(&mut self, with: &mut pb::WithClause) {
        if with.recursive {
            self.too_much("it is recursive");
        }
        for cte in &mut with.ctes {
            let Some(N::CommonTableExpr(cte)) = cte.node.as_mut() else { return self.not_understood() };
            let Some(N::SelectStmt(query)) = cte.ctequery.as_mut().and_then(|q| q.node.as_mut()) else {
                return self.not_understood();
            };
            let mut columns = self.query(query);
            rename(&mut columns, &cte.aliascolnames);
            self.ctes.push((cte.ctename.clone(), columns));
        }
    }

    /// `UNION` and its like.
    fn combined(&mut self, select: &mut pb::SelectStmt) -> Vec<Output> {
        let (Some(left), Some(right)) = (select.larg.as_mut(), select.rarg.as_mut()) else {
            self.not_understood();
            return Vec::new();
        };
        let (left, right) = (self.query(left), self.query(right));
        let union = select.op == pb::SetOperation::SetopUnion as i32;
        if !union && left.iter().chain(&right).any(|o| o.class.is_some()) {
            self.too_much("it compares classified columns");
        }
        if left.len() != right.len() {
            self.not_understood();
        }
        let outputs: Vec<Output> = left.into_iter().zip(right).map(|(l, r)| both(l, r)).collect();
        self.sorted(&mut select.sort_clause, &outputs);
        self.counted(select);
        outputs
    }

    fn level(&mut self, select: &mut pb::SelectStmt) -> Vec<Output> {
        self.scopes.push(Vec::new());
        for item in &mut select.from_clause {
            self.from(item);
        }
        let outputs: Vec<Output> = select.target_list.iter_mut().map(|item| self.output(item)).collect();
        let pb::SelectStmt { distinct_clause, where_clause, group_clause, having_clause, .. } = select;
        // DISTINCT alone is a list of nothing.
        if distinct_clause.iter().any(|d| d.node.is_none()) && outputs.iter().any(|o| o.class.is_some()) {
            self.too_much("it is DISTINCT by a classified column");
        }
        self.decides("DISTINCT ON", |r| distinct_clause.parts(r));
        self.decides("WHERE", |r| where_clause.parts(r));
        self.decides("HAVING", |r| having_clause.parts(r));
        self.decides("a window", |r| select.window_clause.parts(r));
        self.decides("VALUES", |r| select.values_lists.parts(r));
        self.sorted(group_clause, &outputs);
        self.sorted(&mut select.sort_clause, &outputs);
        self.counted(select);
        self.scopes.pop();
        outputs
    }

    /// Nothing classified is read in what `reads` goes through.
    fn decides(&mut self, place: &str, reads: impl FnOnce(&mut Self)) {
        if self.reads(reads).is_some() {
            self.too_much(&format!("{place} in it depends on a classified column"));
        }
    }

    fn counted(&mut self, select: &mut pb::SelectStmt) {
        self.decides("LIMIT", |r| {
            select.limit_count.parts(r);
            select.limit_offset.parts(r);
        });
    }

    /// ORDER BY or GROUP BY: expressions, and columns of the answer by their place or name.
    fn sorted(&mut self, items: &mut [pb::Node], outputs: &[Output]) {
        for item in items {
            let by = match &item.node {
                Some(N::SortBy(sort)) => sort.node.as_ref().and_then(|n| n.node.as_ref()),
                other => other.as_ref(),
            };
            let output = match by {
                Some(N::AConst(constant)) => match &constant.val {
                    Some(pb::a_const::Val::Ival(place)) => {
                        usize::try_from(place.ival - 1).ok().and_then(|at| outputs.get(at))
                    }
                    _ => None,
                },
                Some(N::ColumnRef(column)) => match strings(&column.fields).as_slice() {
                    [name] => outputs.iter().find(|o| o.name == *name),
                    _ => None,
                },
                _ => None,
            };
            if output.is_some_and(|o| o.class.is_some()) {
                self.too_much("it is in the order of a classified column");
            }
            // GROUP BY looks for a name in FROM first.
            self.decides("ORDER BY or GROUP BY", |r| item.parts(r));
        }
    }

    fn output(&mut self, item: &mut pb::Node) -> Output {
        let Some(N::ResTarget(target)) = item.node.as_mut() else {
            self.not_understood();
            return Output::default();
        };
        let name = target.name.clone();
        let Some(value) = target.val.as_mut() else { return Output { name, ..Output::default() } };
        if let Some(column) = plain(value) {
            let last = strings(&column.fields).last().map(|n| (*n).to_owned()).unwrap_or_default();
            let shown = self.resolve(&column);
            return Output { name: if name.is_empty() { last } else { name }, ..shown };
        }
        let class = self.reads(|r| r.node(value));
        Output { name, computed: class.is_some(), class, sources: Vec::new() }
    }

    /// The class of what is read in what `inside` goes through.
    fn reads(&mut self, inside: impl FnOnce(&mut Self)) -> Option<ClassName> {
        let outer = self.found.take();
        inside(self);
        std::mem::replace(&mut self.found, outer)
    }

    fn note(&mut self, class: Option<&ClassName>) {
        if let Some(class) = class {
            self.found = Some(self.found.as_ref().map_or_else(|| class.clone(), |f| stricter(f, class)));
        }
    }

    fn scope(&mut self, source: Source) {
        if let Some(level) = self.scopes.last_mut() {
            level.push(source);
        }
    }

    /// What an item of FROM brings into scope.
    fn from(&mut self, item: &mut pb::Node) {
        match item.node.as_mut() {
            Some(N::RangeVar(relation)) => self.relation(relation),
            Some(N::RangeTableSample(sample)) => {
                self.decides("TABLESAMPLE", |r| sample.args.parts(r));
                match sample.relation.as_mut() {
                    Some(relation) => self.from(relation),
                    None => self.not_understood(),
                }
            }
            Some(N::RangeSubselect(sub)) => {
                let Some(N::SelectStmt(query)) = sub.subquery.as_mut().and_then(|q| q.node.as_mut()) else {
                    return self.not_understood();
                };
                let mut columns = self.query(query);
                let Some(alias) = &sub.alias else { return self.not_understood() };
                rename(&mut columns, &alias.colnames);
                let name = alias.aliasname.clone();
                self.scope(Source { name, columns, open: false });
            }
            Some(N::JoinExpr(join)) => self.join(join),
            Some(N::RangeFunction(call)) => {
                self.decides("a function in FROM", |r| call.functions.parts(r));
                self.made(call.alias.as_ref());
            }
            Some(N::RangeTableFunc(table)) => {
                let alias = table.alias.clone();
                self.decides("XMLTABLE", |r| crate::tree::parts(&mut N::RangeTableFunc(table.clone()), r));
                self.made(alias.as_ref());
            }
            Some(N::JsonTable(table)) => {
                let alias = table.alias.clone();
                self.decides("JSON_TABLE", |r| crate::tree::parts(&mut N::JsonTable(table.clone()), r));
                self.made(alias.as_ref());
            }
            _ => self.not_understood(),
        }
    }

    /// Something of FROM that holds nothing classified.
    fn made(&mut self, alias: Option<&pb::Alias>) {
        let name = alias.map(|a| a.aliasname.clone()).unwrap_or_default();
        self.scope(Source { name, columns: Vec::new(), open: true });
    }

    fn join(&mut self, join: &mut pb::JoinExpr) {
        if join.alias.is_some() || join.join_using_alias.is_some() || join.is_natural {
            self.not_understood();
        }
        for side in [&mut join.larg, &mut join.rarg].into_iter().flatten() {
            self.from(side);
        }
        self.decides("JOIN", |r| join.quals.parts(r));
        for name in strings(&join.using_clause) {
            let merged = self.bare(name);
            self.used.extend(&merged.sources);
            if merged.class.is_some() {
                self.too_much("JOIN in it depends on a classified column");
            }
        }
    }

    fn relation(&mut self, relation: &pb::RangeVar) {
        let alias = relation.alias.as_ref();
        let name = alias.map_or(&relation.relname, |a| &a.aliasname).clone();
        let renamed = alias.map_or(&[][..], |a| &a.colnames);
        let cte =
            self.ctes.iter().rev().find(|(n, _)| relation.schemaname.is_empty() && *n == relation.relname);
        if let Some((_, columns)) = cte {
            let mut columns = columns.clone();
            rename(&mut columns, renamed);
            return self.scope(Source { name, columns, open: false });
        }
        // Only what is in pg_catalog is seen without a schema.
        let schema = if relation.schemaname.is_empty() { "pg_catalog" } else { &relation.schemaname };
        let found = self.known.names.get(&(schema, relation.relname.as_str())).copied();
        // The definition was read by name: it must be of what the catalogue says that it depends on.
        let Some(oid) = found.filter(|oid| schema == "pg_catalog" || self.row.relations.contains(oid)) else {
            return self.not_understood();
        };
        let columns = self.known.columns(oid);
        let open = columns.is_empty();
        if open && self.spread.classified.contains(&oid) {
            return self.not_understood();
        }
        let mut columns: Vec<Output> = columns
            .iter()
            .map(|column| {
                let at = (oid, column.attnum);
                let class = self.spread.classes.get(&at).cloned();
                let sources = if class.is_some() { vec![at] } else { Vec::new() };
                Output { name: column.name.to_string(), class, computed: false, sources }
            })
            .collect();
        rename(&mut columns, renamed);
        self.scope(Source { name, columns, open });
    }
}

impl Edit for Reading<'_> {
    fn node(&mut self, node: &mut pb::Node) {
        match node.node.as_mut() {
            None => {}
            Some(N::ColumnRef(column)) => {
                let column = column.clone();
                let read = self.resolve(&column);
                self.note(read.class.as_ref());
            }
            Some(N::SubLink(link)) => {
                link.testexpr.parts(self);
                let Some(N::SelectStmt(query)) = link.subselect.as_mut().and_then(|q| q.node.as_mut()) else {
                    return self.not_understood();
                };
                let outputs = self.query(query);
                // EXISTS does not look at the columns.
                if link.sub_link_type != pb::SubLinkType::ExistsSublink as i32 {
                    outputs.iter().for_each(|o| self.note(o.class.as_ref()));
                }
            }
            Some(N::SelectStmt(_)) => self.not_understood(),
            Some(other) => crate::tree::parts(other, self),
        }
    }
}
