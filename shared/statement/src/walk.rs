//! The walk over one statement: what each node means for the facts. The shape of the tree lives in `tree`.

use pg_query::NodeEnum;
use pg_query::protobuf as pb;

use crate::column::{Scope, Uses};
use crate::facts::{Access, Facts, Function, Opaque, Prepared, Relation};
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
    /// What names before columns mean, outermost level first.
    pub(crate) scopes: Vec<Scope>,
    /// What is read here is read for this.
    pub(crate) uses: Uses,
    /// The statement is of pg_dump's own shape, which sets this by a computed name.
    pub(crate) pg_dump_setting: Option<&'static str>,
}

impl Walker {
    pub(crate) fn new() -> Self {
        Self {
            facts: Facts::default(),
            ctes: Vec::new(),
            access: Access::Write,
            scopes: Vec::new(),
            uses: Uses::OUTPUT,
            pg_dump_setting: None,
        }
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
        // What drivers ask for keys by; it only expands an array.
        let expands = schema == Some("information_schema") && name == "_pg_expandarray";
        let listed = expands || schema.is_none_or(|s| s == "pg_catalog") && function::is_listed(name);
        let schema = schema.map(str::to_owned);
        self.facts.functions.insert(Function { schema, name: name.to_owned(), listed });
    }

    pub(crate) fn target(&mut self, target: Option<&pb::RangeVar>, reads: bool) {
        if let Some(t) = target {
            self.relation(&t.schemaname, &t.relname, Access::Write);
            if reads {
                self.relation(&t.schemaname, &t.relname, Access::Read);
            }
        }
    }

    /// Runs `inside` as a query: relations are read, and the names of `with` are in scope within.
    pub(crate) fn query(&mut self, with: Option<&pb::WithClause>, inside: impl FnOnce(&mut Self)) {
        let outer = (self.ctes.len(), self.access);
        self.access = Access::Read;
        if let Some(with) = with {
            self.with(with);
        }
        inside(self);
        self.ctes.truncate(outer.0);
        self.access = outer.1;
    }

    /// True where the name means a common table expression.
    pub(crate) fn is_cte(&self, schema: &str, name: &str) -> bool {
        self.access == Access::Read && schema.is_empty() && self.ctes.iter().any(|cte| cte == name)
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
            if let Some(NodeEnum::CommonTableExpr(cte)) = &cte.node {
                let query = cte.ctequery.as_ref().and_then(|q| q.node.as_ref());
                self.facts.nested_write |= matches!(
                    query,
                    Some(
                        NodeEnum::InsertStmt(_)
                            | NodeEnum::UpdateStmt(_)
                            | NodeEnum::DeleteStmt(_)
                            | NodeEnum::MergeStmt(_)
                    )
                );
            }
            // It may be read from anywhere.
            self.reading(Uses::BOTH, |w| cte.walk(w));
            if !with.recursive {
                self.ctes.extend(name(cte));
            }
        }
    }
}

impl Walk for pb::RangeVar {
    fn walk(&self, w: &mut Walker) {
        if !w.is_cte(&self.schemaname, &self.relname) {
            w.relation(&self.schemaname, &self.relname, w.access);
        }
        self.children(w);
    }
}

impl Walk for pb::LockingClause {
    // Its names are aliases of the FROM list, not relations.
    fn walk(&self, w: &mut Walker) {
        w.verb(Verb::LockRows);
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
