//! Which columns a statement touches, and how, by scope and written name: no catalogue is known here, so a name counts for
//! every relation in scope that could have it. What is counted too much can be written with its relation in front.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use crate::attribute;
use crate::facts::{Access, How, Opaque, Touch};
use crate::tree::{Children, Walk};
use crate::walk::{Walker, strings};

/// Columns that are judged one by one; beyond it the statement is opaque.
const MAX_TOUCHES: usize = 2000;

/// Where a value goes that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uses {
    output: bool,
    predicate: bool,
}

impl Uses {
    /// Into the answer, or into another table.
    pub(crate) const OUTPUT: Self = Self { output: true, predicate: false };
    /// Into a decision: which rows, in which order, which groups.
    pub(crate) const PREDICATE: Self = Self { output: false, predicate: true };
    /// Into a table of this statement's own, from where it can go anywhere.
    pub(crate) const BOTH: Self = Self { output: true, predicate: true };

    pub(crate) const fn and_compared(self) -> Self {
        Self { output: self.output, predicate: true }
    }
}

/// A relation as written: schema, or nothing, and name.
pub(crate) type Written = (String, String);

/// What a name before a column means.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) alias: String,
    /// The relations whose columns it has; none for subqueries and functions, whose columns were counted within.
    pub(crate) relations: Vec<Written>,
    /// For a function in FROM, the names that are given to its columns.
    pub(crate) function: Option<Vec<String>>,
}

/// The sources of one query level.
#[derive(Debug, Default)]
pub(crate) struct Scope(pub(crate) Vec<Source>);

impl Walker {
    /// The sources of a FROM list. Names of common table expressions must be in scope.
    pub(crate) fn scope(&mut self, from: &[pb::Node]) -> Scope {
        let mut scope = Scope::default();
        from.iter().for_each(|node| self.sources(node, &mut scope));
        scope
    }

    /// Adds the relation that a statement writes.
    pub(crate) fn scope_with(&mut self, mut scope: Scope, target: Option<&pb::RangeVar>) -> Scope {
        if let Some(target) = target {
            self.source(target, true, &mut scope);
        }
        scope
    }

    fn sources(&mut self, node: &pb::Node, scope: &mut Scope) {
        let derived = |scope: &mut Scope, alias: Option<&pb::Alias>| {
            let alias = alias.map(|a| a.aliasname.clone()).unwrap_or_default();
            scope.0.push(Source { alias, relations: Vec::new(), function: None });
        };
        match &node.node {
            Some(N::RangeVar(r)) => self.source(r, false, scope),
            Some(N::RangeTableSample(s)) => {
                if let Some(relation) = &s.relation {
                    self.sources(relation, scope);
                }
            }
            Some(N::JoinExpr(join)) => {
                let mut inner = Scope::default();
                for side in [&join.larg, &join.rarg].into_iter().flatten() {
                    self.sources(side, &mut inner);
                }
                let relations: Vec<Written> = inner.0.iter().flat_map(|s| s.relations.clone()).collect();
                for alias in [&join.alias, &join.join_using_alias].into_iter().flatten() {
                    if !alias.colnames.is_empty() {
                        relations.iter().for_each(|r| self.touch_as(r, None, Uses::BOTH));
                    }
                    let alias = alias.aliasname.clone();
                    scope.0.push(Source { alias, relations: relations.clone(), function: None });
                }
                scope.0.append(&mut inner.0);
            }
            Some(N::RangeSubselect(s)) => derived(scope, s.alias.as_ref()),
            Some(N::RangeFunction(f)) => scope.0.push(attribute::source(f)),
            Some(N::RangeTableFunc(f)) => derived(scope, f.alias.as_ref()),
            Some(N::JsonTable(t)) => derived(scope, t.alias.as_ref()),
            _ => {}
        }
    }

    fn source(&mut self, relation: &pb::RangeVar, is_target: bool, scope: &mut Scope) {
        let written = (relation.schemaname.clone(), relation.relname.clone());
        let is_cte = !is_target && self.is_cte(&relation.schemaname, &relation.relname);
        let alias = relation.alias.as_ref();
        if !is_cte && alias.is_some_and(|a| !a.colnames.is_empty()) {
            // Its columns have other names here.
            self.touch_as(&written, None, Uses::BOTH);
        }
        scope.0.push(Source {
            alias: alias.map_or_else(|| relation.relname.clone(), |a| a.aliasname.clone()),
            relations: if is_cte { Vec::new() } else { vec![written] },
            function: None,
        });
    }

    /// Walks a RETURNING clause, in which `old`, `new` or names of its own stand for the row that is written.
    pub(crate) fn returning(&mut self, clause: Option<&pb::ReturningClause>, target: Option<&pb::RangeVar>) {
        let (Some(clause), Some(target)) = (clause, target) else { return };
        let named = clause.options.iter().filter_map(|o| match &o.node {
            Some(N::ReturningOption(option)) => Some(option.value.clone()),
            _ => None,
        });
        let names = ["old".to_owned(), "new".to_owned()].into_iter().chain(named);
        let relations = vec![(target.schemaname.clone(), target.relname.clone())];
        let rows = names.map(|alias| Source { alias, relations: relations.clone(), function: None });
        // `*` is of the sources around it as well.
        let around = self.scopes.last().map(|s| s.0.clone()).unwrap_or_default();
        let scope = Scope(rows.chain(around).collect());
        self.within(scope, |w| clause.walk(w));
    }

    /// Columns by which ON CONFLICT finds the row that is there already.
    pub(crate) fn compares(&mut self, target: Option<&pb::RangeVar>, conflict: &pb::OnConflictClause) {
        let (Some(target), Some(infer)) = (target, &conflict.infer) else { return };
        let written = (target.schemaname.clone(), target.relname.clone());
        for element in &infer.index_elems {
            match &element.node {
                Some(N::IndexElem(e)) if !e.name.is_empty() => {
                    self.touch(&written, Some(&e.name), How::Predicate);
                }
                _ => {}
            }
        }
    }

    /// Walks what is within these sources; its reads are of kind `uses`.
    pub(crate) fn within(&mut self, scope: Scope, inside: impl FnOnce(&mut Self)) {
        self.scopes.push(scope);
        inside(self);
        self.scopes.pop();
    }

    /// Walks what is read for `uses`.
    pub(crate) fn reading(&mut self, uses: Uses, inside: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.uses, uses);
        inside(self);
        self.uses = outer;
    }

    /// Notes a column that is touched; `None`: all of them.
    pub(crate) fn touch(&mut self, relation: &Written, column: Option<&str>, how: How) {
        self.touch_named(relation, column, how, false);
    }

    fn touch_named(&mut self, relation: &Written, column: Option<&str>, how: How, qualified: bool) {
        if self.facts.touches.len() >= MAX_TOUCHES {
            self.opaque(Opaque::TooManyNames);
            return;
        }
        let (schema, relation) = relation;
        self.facts.touches.insert(Touch {
            schema: (!schema.is_empty()).then(|| schema.clone()),
            relation: relation.clone(),
            column: column.map(str::to_owned),
            qualified,
            how,
        });
    }

    fn touch_as(&mut self, relation: &Written, column: Option<&str>, uses: Uses) {
        self.touch_named_as(relation, column, uses, false);
    }

    fn touch_named_as(&mut self, relation: &Written, column: Option<&str>, uses: Uses, qualified: bool) {
        if uses.output {
            self.touch_named(relation, column, How::Output, qualified);
        }
        if uses.predicate {
            self.touch_named(relation, column, How::Predicate, qualified);
        }
    }

    /// Columns that an INSERT, UPDATE, MERGE or COPY assigns.
    pub(crate) fn assigns(&mut self, target: Option<&pb::RangeVar>, columns: &[pb::Node]) {
        let Some(target) = target else { return };
        let written = (target.schemaname.clone(), target.relname.clone());
        for column in columns {
            match &column.node {
                Some(N::ResTarget(t)) => self.touch(&written, Some(&t.name), How::Write),
                Some(N::String(s)) => self.touch(&written, Some(&s.sval), How::Write),
                _ => self.touch(&written, None, How::Write),
            }
        }
    }

    /// All columns of a relation are assigned.
    pub(crate) fn assigns_all(&mut self, target: Option<&pb::RangeVar>) {
        if let Some(t) = target {
            self.touch(&(t.schemaname.clone(), t.relname.clone()), None, How::Write);
        }
    }

    /// A definition that changes a relation can change all of its columns.
    pub(crate) fn redefined(&mut self) {
        let written = self.facts.relations.iter().filter(|r| r.access == Access::Write);
        let written: Vec<Written> =
            written.map(|r| (r.schema.clone().unwrap_or_default(), r.name.clone())).collect();
        written.iter().for_each(|r| self.touch(r, None, How::Write));
    }

    /// Every relation in scope, for a name that says no more; with those of the levels around where `outer`.
    fn in_scope(&self, outer: bool) -> Vec<Written> {
        let levels = self.scopes.iter().rev().take(if outer { usize::MAX } else { 1 });
        levels.flat_map(|scope| &scope.0).flat_map(|s| s.relations.clone()).collect()
    }

    fn column(&mut self, name: &str) {
        let sources: Vec<Source> = self.scopes.iter().flat_map(|s| s.0.clone()).collect();
        let uses = self.uses;
        for source in sources {
            for relation in &source.relations {
                self.touch_as(relation, Some(name), uses);
                // The name of a row by itself is the whole row.
                if source.alias == name {
                    self.touch_as(relation, None, uses);
                }
            }
        }
    }

    fn qualified(&mut self, alias: &str, column: Option<&str>) {
        let uses = self.uses;
        // On every level: what hides a name is more than what stands in a FROM list (joins with an alias, subqueries that
        // do not see what is beside them).
        let of: Vec<&Source> =
            self.scopes.iter().flat_map(|scope| &scope.0).filter(|s| s.alias == alias).collect();
        let relations = of.iter().flat_map(|s| s.relations.clone()).collect::<Vec<_>>();
        let found = (!of.is_empty()).then_some(relations);
        match (found, column) {
            (Some(relations), column) => {
                // The alias of a join has the columns of several.
                let one = relations.len() == 1;
                relations.iter().for_each(|r| self.touch_named_as(r, column, uses, one));
            }
            (None, Some(column)) => self.column(column),
            (None, None) => self.in_scope(true).iter().for_each(|r| self.touch_as(r, None, uses)),
        }
    }
}

impl Walk for pb::ColumnRef {
    fn walk(&self, w: &mut Walker) {
        let names = strings(&self.fields);
        let star = self.fields.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
        match (names.as_slice(), star) {
            ([], true) => {
                let uses = w.uses;
                w.in_scope(false).iter().for_each(|r| w.touch_as(r, None, uses));
            }
            ([.., alias], true) => w.qualified(alias, None),
            ([name], false) => w.column(name),
            ([.., alias, name], false) => {
                w.qualified(alias, Some(name));
                w.attribute_of(alias, name);
            }
            ([], false) => w.unknown_node(),
        }
        self.children(w);
    }
}

impl Walk for pb::JoinExpr {
    fn walk(&self, w: &mut Walker) {
        let Self {
            jointype: _,
            is_natural,
            larg,
            rarg,
            using_clause,
            join_using_alias,
            quals,
            alias,
            rtindex: _,
        } = self;
        let both = || [larg, rarg].into_iter().flatten();
        if *is_natural || !using_clause.is_empty() {
            let mut sides = Scope::default();
            both().for_each(|side| w.sources(side, &mut sides));
            let relations: Vec<Written> = sides.0.iter().flat_map(|s| s.relations.clone()).collect();
            for relation in &relations {
                if *is_natural {
                    w.touch_as(relation, None, Uses::PREDICATE);
                }
                for name in strings(using_clause) {
                    w.touch_as(relation, Some(name), Uses::PREDICATE);
                }
            }
        }
        both().for_each(|side| side.walk(w));
        w.reading(Uses::PREDICATE, |w| quals.walk(w));
        using_clause.walk(w);
        join_using_alias.walk(w);
        alias.walk(w);
    }
}
