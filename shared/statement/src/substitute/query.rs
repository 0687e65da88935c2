//! Queries: what stands in FROM, level by level.

use std::sync::Arc;

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::fault::Unsubstitutable;
use super::part::{Part, Source};
use super::resolve::{Found, quoted};
use super::{masks, verify};
use crate::catalogue::Masked;
use crate::edit::{Edit as _, Parts as _};

/// Columns that every table has (PostgreSQL manual, 5.6). They are no part of `*`.
const SYSTEM: [&str; 6] = ["ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"];

impl Part<'_> {
    /// Runs `inside` with the names of `with` in scope.
    pub(super) fn with(&mut self, with: Option<&mut pb::WithClause>, inside: impl FnOnce(&mut Self)) {
        let outer = self.ctes.len();
        if let Some(with) = with {
            self.common_tables(with);
        }
        inside(self);
        self.ctes.truncate(outer);
    }

    // Without RECURSIVE a name is in scope only after its own definition (PostgreSQL manual, WITH Queries).
    fn common_tables(&mut self, with: &mut pb::WithClause) {
        let name = |node: &pb::Node| match &node.node {
            Some(N::CommonTableExpr(cte)) => Some(cte.ctename.clone()),
            _ => None,
        };
        if with.recursive {
            self.ctes.extend(with.ctes.iter().filter_map(name));
        }
        for cte in &mut with.ctes {
            // Nothing of the levels around is seen from inside but what is around the whole statement.
            cte.parts(self);
            if !with.recursive {
                self.ctes.extend(name(cte));
            }
        }
    }

    pub(super) fn select(&mut self, select: &mut pb::SelectStmt) {
        let answers = std::mem::take(&mut self.answers);
        let mut with = select.with_clause.take();
        self.with(with.as_mut(), |part| part.level(select, answers));
        select.with_clause = with;
    }

    fn level(&mut self, select: &mut pb::SelectStmt, answers: bool) {
        // What UNION and its like combine sees nothing of this level, and this level has no FROM of its own then.
        for (side, counts) in [(&mut select.larg, answers), (&mut select.rarg, false)] {
            if let Some(side) = side {
                self.answers = counts;
                self.select(side);
            }
        }
        let mut scope = Vec::new();
        for item in &select.from_clause {
            self.sources(item, &mut scope);
        }
        if answers {
            self.count_shown(&select.target_list, &scope);
        }
        self.scopes.push(scope);
        self.expand_groups(select);
        for item in &mut select.from_clause {
            self.from(item);
        }
        let pb::SelectStmt {
            distinct_clause,
            into_clause: _,
            target_list,
            from_clause: _,
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
            // Its names are aliases of the FROM list.
            locking_clause: _,
            with_clause: _,
            op: _,
            all: _,
            larg: _,
            rarg: _,
        } = select;
        distinct_clause.parts(self);
        target_list.parts(self);
        where_clause.parts(self);
        group_clause.parts(self);
        having_clause.parts(self);
        window_clause.parts(self);
        values_lists.parts(self);
        sort_clause.parts(self);
        limit_offset.parts(self);
        limit_count.parts(self);
        self.scopes.pop();
    }

    fn count_shown(&mut self, targets: &[pb::Node], scope: &[Source]) {
        for target in targets {
            let Some(N::ResTarget(target)) = &target.node else { continue };
            let Some(N::ColumnRef(column)) = target.val.as_ref().and_then(|v| v.node.as_ref()) else {
                continue;
            };
            let star = column.fields.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
            let names = crate::walk::strings(&column.fields);
            let (alias, name) = match (names.as_slice(), star) {
                ([.., alias], true) => (Some(*alias), None),
                ([], _) => (None, None),
                ([.., alias, name], false) => (Some(*alias), Some(*name)),
                ([name], false) => (None, Some(*name)),
            };
            for source in scope.iter().filter(|s| alias.is_none_or(|a| s.alias == a)) {
                for column in source.masked.columns.iter().filter(|c| name.is_none_or(|n| *c.name == *n)) {
                    if let Some(class) = &column.class {
                        self.in_answer.push((class.clone(), column.revealed));
                    }
                }
            }
        }
    }

    /// Substituted relations that `item` brings into scope.
    pub(super) fn sources(&mut self, item: &pb::Node, scope: &mut Vec<Source>) {
        match &item.node {
            Some(N::RangeVar(relation)) => {
                if let Some(source) = self.source(relation) {
                    scope.push(source);
                }
            }
            Some(N::RangeTableSample(sample)) => {
                if let Some(relation) = &sample.relation {
                    self.sources(relation, scope);
                }
            }
            Some(N::JoinExpr(join)) => {
                for side in [&join.larg, &join.rarg].into_iter().flatten() {
                    self.sources(side, scope);
                }
            }
            _ => {}
        }
    }

    fn is_cte(&self, relation: &pb::RangeVar) -> bool {
        relation.schemaname.is_empty() && self.ctes.contains(&relation.relname)
    }

    fn source(&mut self, relation: &pb::RangeVar) -> Option<Source> {
        if self.is_cte(relation) {
            return None;
        }
        let Found::Masked(schema, masked) = self.resolve(relation)? else { return None };
        let alias = relation.alias.as_ref().map_or(&relation.relname, |a| &a.aliasname).clone();
        let shown = self.shown(relation, &alias, &masked);
        Some(Source {
            alias,
            renamed: relation.alias.is_some(),
            schema,
            name: relation.relname.clone(),
            masked,
            shown,
        })
    }

    /// The columns that the subselect gives: those that are named anywhere in the statement, all where all can be meant.
    fn shown(&self, relation: &pb::RangeVar, alias: &str, masked: &Masked) -> Vec<usize> {
        let renamed = relation.alias.as_ref().is_some_and(|a| !a.colnames.is_empty());
        let all = renamed || self.mentions.whole(alias) || self.mentions.whole(&relation.relname);
        let meant = |(_, column): &(usize, &crate::catalogue::Column)| all || self.mentions.has(&column.name);
        masked.columns.iter().enumerate().filter(meant).map(|(at, _)| at).collect()
    }

    /// Rewrites an item of a FROM list.
    pub(super) fn from(&mut self, item: &mut pb::Node) {
        match item.node.as_mut() {
            Some(N::RangeVar(relation)) => {
                if self.is_cte(relation) {
                    return;
                }
                let relation = relation.clone();
                if let Some(instead) = self.relation(relation, None) {
                    *item = instead;
                }
            }
            Some(N::RangeTableSample(sample)) => {
                sample.args.parts(self);
                sample.repeatable.parts(self);
                let Some(N::RangeVar(relation)) = sample.relation.as_ref().and_then(|r| r.node.clone())
                else {
                    return self.fault(Unsubstitutable::unknown("TABLESAMPLE of this"));
                };
                let sample = (**sample).clone();
                if let Some(instead) = self.relation(relation, Some(sample)) {
                    *item = instead;
                }
            }
            Some(N::JoinExpr(join)) => {
                for side in [&mut join.larg, &mut join.rarg].into_iter().flatten() {
                    self.from(side);
                }
                join.quals.parts(self);
            }
            Some(N::RangeSubselect(sub)) => sub.subquery.parts(self),
            Some(N::RangeFunction(function)) => function.functions.parts(self),
            Some(N::RangeTableFunc(_) | N::JsonTable(_)) => self.inside(item),
            _ => self.fault(Unsubstitutable::unknown("an item of FROM")),
        }
    }

    /// What stands for a relation in FROM: itself with its schema, or its masked form under the same name.
    fn relation(
        &mut self,
        mut relation: pb::RangeVar,
        sample: Option<pb::RangeTableSample>,
    ) -> Option<pb::Node> {
        let found = self.resolve(&relation)?;
        let node = |node| Some(pb::Node { node: Some(node) });
        let (schema, masked) = match found {
            Found::Masked(schema, masked) => (schema, masked),
            Found::Shown(text) => {
                self.touches = true;
                let subquery = verify::ours(&text);
                let subquery = self.take(subquery)?;
                return node(N::RangeSubselect(Box::new(as_subselect(subquery, &relation))));
            }
            Found::Plain(schema) => {
                relation.catalogname.clear();
                relation.schemaname = schema.into();
                return node(sampled(relation, sample));
            }
            Found::Temporary => {
                relation.catalogname.clear();
                "pg_temp".clone_into(&mut relation.schemaname);
                return node(sampled(relation, sample));
            }
            Found::Unknown => return node(sampled(relation, sample)),
        };
        let alias = relation.alias.as_ref().map_or(&relation.relname, |a| &a.aliasname).clone();
        let shown = self.shown(&relation, &alias, &masked);
        let inner = self.masked_select(&schema, &relation, &masked, &shown, &alias)?;
        let subquery = match sample {
            None => inner,
            Some(sample) => self.with_sample(inner, sample)?,
        };
        node(N::RangeSubselect(Box::new(as_subselect(subquery, &relation))))
    }

    /// `SELECT columns, masked where they are classified, FROM relation`.
    fn masked_select(
        &mut self,
        schema: &str,
        relation: &pb::RangeVar,
        masked: &Arc<Masked>,
        shown: &[usize],
        alias: &str,
    ) -> Option<pb::Node> {
        self.note_read(masked, shown);
        let columns = shown.iter().filter_map(|at| masked.columns.get(*at)).map(|column| {
            let name = quoted(&column.name);
            if column.is_masked() { format!("{} AS {name}", masks::mask(column, &name)) } else { name }
        });
        let system: Vec<&str> = SYSTEM.into_iter().filter(|name| self.mentions.has(name)).collect();
        if let Some(name) = system.first().filter(|_| self.mentions.whole(alias)) {
            self.fault(Unsubstitutable::system_column(name));
        }
        let columns: Vec<String> = columns.chain(system.into_iter().map(str::to_owned)).collect();
        let only = if relation.inh { "" } else { "ONLY " };
        let from = format!("{}.{}", quoted(schema), quoted(&relation.relname));
        let select = verify::ours(&format!("SELECT {} FROM {only}{from}", columns.join(", ")));
        self.take(select)
    }

    fn with_sample(&mut self, select: pb::Node, mut sample: pb::RangeTableSample) -> Option<pb::Node> {
        let Some(N::SelectStmt(mut select)) = select.node else { return None };
        let inner = select.from_clause.pop()?;
        sample.relation = Some(Box::new(inner));
        select.from_clause.push(pb::Node { node: Some(N::RangeTableSample(Box::new(sample))) });
        Some(pb::Node { node: Some(N::SelectStmt(select)) })
    }

    /// Everything below a node.
    pub(super) fn inside(&mut self, node: &mut pb::Node) {
        if let Some(node) = node.node.as_mut() {
            crate::tree::parts(node, self);
        }
    }

    /// A query in a place of its own.
    pub(super) fn query(&mut self, query: Option<&mut Box<pb::Node>>) {
        if let Some(query) = query {
            self.node(query);
        }
    }
}

fn sampled(relation: pb::RangeVar, sample: Option<pb::RangeTableSample>) -> N {
    match sample {
        None => N::RangeVar(relation),
        Some(mut sample) => {
            sample.relation = Some(Box::new(pb::Node { node: Some(N::RangeVar(relation)) }));
            N::RangeTableSample(Box::new(sample))
        }
    }
}

/// `(subquery) AS` what the relation was called.
fn as_subselect(subquery: pb::Node, relation: &pb::RangeVar) -> pb::RangeSubselect {
    let alias = relation
        .alias
        .clone()
        .unwrap_or_else(|| pb::Alias { aliasname: relation.relname.clone(), colnames: Vec::new() });
    pb::RangeSubselect { lateral: false, subquery: Some(Box::new(subquery)), alias: Some(alias) }
}
