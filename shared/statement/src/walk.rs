//! The walk over one statement: what each node means for the facts. The shape of the tree lives in `tree`.

use pg_query::NodeEnum;
use pg_query::protobuf as pb;

use crate::facts::{Access, Copy, Facts, Function, Opaque, Prepared, Relation};
use crate::function;
use crate::object::{Act, Change, Kind};
use crate::setting;
use crate::tree::{Children, Walk};
use crate::verb::Verb;

/// Relations, functions and settings that are judged one by one; beyond it the statement is opaque.
pub const MAX_NAMES: usize = 500;

/// Collects the facts of one statement.
#[derive(Debug)]
pub(crate) struct Walker {
    pub(crate) facts: Facts,
    // Names of common table expressions in scope, innermost last.
    ctes: Vec<String>,
    // What naming a relation means here: definitions write, queries read.
    access: Access,
    /// The statement is of pg_dump's own shape, which sets this by a computed name.
    pub(crate) pg_dump_setting: Option<&'static str>,
}

impl Walker {
    pub(crate) fn new() -> Self {
        Self { facts: Facts::default(), ctes: Vec::new(), access: Access::Write, pg_dump_setting: None }
    }

    pub(crate) fn verb(&mut self, verb: Verb) {
        self.facts.verbs.insert(verb);
    }

    pub(crate) fn change(&mut self, act: Act, kind: Kind) {
        self.verb(match act {
            Act::Create => Verb::Create,
            Act::Alter => Verb::Alter,
            Act::Drop => Verb::Drop,
        });
        self.facts.changes.insert(Change { act, kind });
    }

    pub(crate) fn opaque(&mut self, why: Opaque) {
        self.facts.opaque.insert(why);
    }

    pub(crate) fn unknown_node(&mut self) {
        self.opaque(Opaque::UnknownNode);
    }

    pub(crate) fn relation(&mut self, schema: &str, name: &str, access: Access) {
        if self.facts.relations.len() >= MAX_NAMES {
            self.opaque(Opaque::TooManyNames);
            return;
        }
        // `UPDATE pg_settings` runs set_config by a rule of that view.
        if name == "pg_settings" && access == Access::Write {
            self.opaque(Opaque::ComputedSetting);
        }
        let schema = (!schema.is_empty()).then(|| schema.to_owned());
        self.facts.relations.insert(Relation { schema, name: name.to_owned(), access });
    }

    pub(crate) fn function(&mut self, schema: Option<&str>, name: &str) {
        if self.facts.functions.len() >= MAX_NAMES {
            self.opaque(Opaque::TooManyNames);
            return;
        }
        if function::runs_text(name) {
            self.opaque(Opaque::RunsText);
        }
        let listed = schema.is_none_or(|s| s == "pg_catalog") && function::is_listed(name);
        let schema = schema.map(str::to_owned);
        self.facts.functions.insert(Function { schema, name: name.to_owned(), listed });
    }

    fn target(&mut self, target: Option<&pb::RangeVar>, reads: bool) {
        if let Some(t) = target {
            self.relation(&t.schemaname, &t.relname, Access::Write);
            if reads {
                self.relation(&t.schemaname, &t.relname, Access::Read);
            }
        }
    }

    /// Runs `inside` as a query: relations are read, and the names of `with` are in scope within.
    fn query(&mut self, with: Option<&pb::WithClause>, inside: impl FnOnce(&mut Self)) {
        let outer = (self.ctes.len(), self.access);
        self.access = Access::Read;
        if let Some(with) = with {
            self.with(with);
        }
        inside(self);
        self.ctes.truncate(outer.0);
        self.access = outer.1;
    }

    // Without RECURSIVE a name is in scope only after its own definition (PostgreSQL manual, WITH Queries).
    fn with(&mut self, with: &pb::WithClause) {
        let name = |node: &pb::Node| match &node.node {
            Some(NodeEnum::CommonTableExpr(cte)) => Some(cte.ctename.clone()),
            _ => None,
        };
        if with.recursive {
            self.ctes.extend(with.ctes.iter().filter_map(name));
        }
        for cte in &with.ctes {
            cte.walk(self);
            if !with.recursive {
                self.ctes.extend(name(cte));
            }
        }
    }
}

impl Walk for pb::RangeVar {
    fn walk(&self, w: &mut Walker) {
        let is_cte = w.access == Access::Read && self.schemaname.is_empty() && w.ctes.contains(&self.relname);
        if !is_cte {
            w.relation(&self.schemaname, &self.relname, w.access);
        }
        self.children(w);
    }
}

impl Walk for pb::SelectStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Select);
        w.query(self.with_clause.as_ref(), |w| {
            if let Some(into) = &self.into_clause {
                w.verb(Verb::SelectInto);
                w.change(Act::Create, Kind::Table);
                w.target(into.rel.as_ref(), false);
            }
            self.clauses(w);
        });
    }
}

impl Walk for pb::LockingClause {
    // Its names are aliases of the FROM list, not relations.
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::LockRows);
    }
}

/// The clauses of a query but WITH and the target relation, which are walked first and apart.
trait Clauses {
    fn clauses(&self, w: &mut Walker);
}

macro_rules! clauses {
    ($($name:ident { $($child:ident)* } [ $($apart:ident)* ])*) => {
        $(impl Clauses for pb::$name {
            fn clauses(&self, w: &mut Walker) {
                let Self { $($child,)* $($apart: _,)* } = self;
                $($child.walk(w);)*
            }
        })*
    };
}

clauses! {
    SelectStmt { distinct_clause target_list from_clause where_clause group_clause having_clause window_clause
        values_lists sort_clause limit_offset limit_count locking_clause larg rarg }
        [ into_clause with_clause group_distinct limit_option op all ]
    InsertStmt { cols select_stmt on_conflict_clause returning_clause } [ relation with_clause r#override ]
    UpdateStmt { target_list where_clause from_clause returning_clause } [ relation with_clause ]
    DeleteStmt { using_clause where_clause returning_clause } [ relation with_clause ]
    MergeStmt { source_relation join_condition merge_when_clauses returning_clause } [ relation with_clause ]
}

impl Walk for pb::InsertStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Insert);
        let reads = self.returning_clause.is_some() || self.on_conflict_clause.is_some();
        w.target(self.relation.as_ref(), reads);
        w.query(self.with_clause.as_ref(), |w| self.clauses(w));
    }
}

impl Walk for pb::UpdateStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Update);
        w.facts.unbounded |= self.where_clause.is_none();
        w.target(self.relation.as_ref(), true);
        w.query(self.with_clause.as_ref(), |w| self.clauses(w));
    }
}

impl Walk for pb::DeleteStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Delete);
        w.facts.unbounded |= self.where_clause.is_none();
        w.target(self.relation.as_ref(), true);
        w.query(self.with_clause.as_ref(), |w| self.clauses(w));
    }
}

impl Walk for pb::MergeStmt {
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::Merge);
        w.target(self.relation.as_ref(), true);
        w.query(self.with_clause.as_ref(), |w| self.clauses(w));
    }
}

impl Walk for pb::FuncCall {
    fn walk(&self, w: &mut Walker) {
        let parts = strings(&self.funcname);
        match parts.as_slice() {
            [name] => w.function(None, name),
            [.., schema, name] => w.function(Some(schema), name),
            [] => w.unknown_node(),
        }
        if parts.last() == Some(&"set_config") {
            setting::from_call(self, w);
        }
        self.children(w);
    }
}

impl Walk for pb::RangeTableSample {
    // The method is a function; the two built-in ones only sample.
    fn walk(&self, w: &mut Walker) {
        match strings(&self.method).as_slice() {
            ["bernoulli" | "system"] | ["pg_catalog", "bernoulli" | "system"] => {}
            [name] => w.function(None, name),
            [.., schema, name] => w.function(Some(schema), name),
            [] => w.unknown_node(),
        }
        self.children(w);
    }
}

impl Walk for pb::TableLikeClause {
    fn walk(&self, w: &mut Walker) {
        if let Some(r) = &self.relation {
            w.relation(&r.schemaname, &r.relname, Access::Read);
        }
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
            let access = if self.is_from { Access::Write } else { Access::Read };
            w.relation(&r.schemaname, &r.relname, access);
        }
        w.query(None, |w| {
            self.query.walk(w);
            self.options.walk(w);
            self.where_clause.walk(w);
        });
    }
}

impl Walk for pb::LockStmt {
    fn walk(&self, w: &mut Walker) {
        // ACCESS SHARE is what any reader takes (PostgreSQL manual, Explicit Locking).
        let share = self.mode == pg_query::LockMode::AccessShareLock as i32;
        w.verb(if share { Verb::LockShare } else { Verb::Lock });
        let outer = std::mem::replace(&mut w.access, if share { Access::Read } else { Access::Write });
        self.relations.walk(w);
        w.access = outer;
    }
}

impl Walk for pb::VariableSetStmt {
    fn walk(&self, w: &mut Walker) {
        setting::from_set(self, w);
        self.children(w);
    }
}

impl Walk for pb::DropStmt {
    fn walk(&self, w: &mut Walker) {
        let kind = Kind::of(self.remove_type);
        w.change(Act::Drop, kind);
        // Triggers, rules and policies are named `relation.name`.
        let on_relation = matches!(kind, Kind::Trigger | Kind::Rule | Kind::Policy);
        for object in &self.objects {
            let Some(NodeEnum::List(list)) = &object.node else { continue };
            let mut parts = strings(&list.items);
            if on_relation {
                parts.pop();
            }
            match parts.as_slice() {
                [name] if on_relation || kind.is_relation() => w.relation("", name, Access::Write),
                [.., schema, name] if on_relation || kind.is_relation() => {
                    w.relation(schema, name, Access::Write);
                }
                _ => {}
            }
        }
        self.children(w);
    }
}

impl Walk for pb::ExecuteStmt {
    fn walk(&self, w: &mut Walker) {
        w.facts.prepared = Some(Prepared::Execute(self.name.clone()));
        self.children(w);
    }
}

/// The strings of a list of names.
pub(crate) fn strings(nodes: &[pb::Node]) -> Vec<&str> {
    nodes
        .iter()
        .filter_map(|n| match &n.node {
            Some(NodeEnum::String(s)) => Some(s.sval.as_str()),
            _ => None,
        })
        .collect()
}
