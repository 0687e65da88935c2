//! Statements around queries: COPY, EXPLAIN, cursors, PREPARE, CREATE TABLE AS; and which others pass as they came.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::fault::Unsubstitutable;
use super::mention::Mentions;
use super::part::Part;
use super::resolve::{Found, quoted};
use super::{define, verify};
use crate::catalogue::{Entry, Exposure, Masked};
use crate::edit::Edit as _;
use crate::facts::Opaque;
use crate::walk::strings;

/// Settings by which plans, and so the order of rows, are decided (PostgreSQL manual, 19.7 and 19.10), and those that
/// show plans.
const PLANNER: [&str; 24] = [
    "backend_flush_after",
    "constraint_exclusion",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "cpu_tuple_cost",
    "cursor_tuple_fraction",
    "default_statistics_target",
    "effective_cache_size",
    "effective_io_concurrency",
    "force_parallel_mode",
    "debug_parallel_query",
    "from_collapse_limit",
    "hash_mem_multiplier",
    "join_collapse_limit",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "min_parallel_index_scan_size",
    "min_parallel_table_scan_size",
    "parallel_leader_participation",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "plan_cache_mode",
    "random_page_cost",
    "seq_page_cost",
];

impl Part<'_> {
    /// Rewrites a whole statement; true if it has to be written anew.
    pub(super) fn statement(&mut self, stmt: &mut pb::Node) -> bool {
        self.settings();
        // A setting, a text or a name that only running it would tell: what it does to the order of rows or to the meaning
        // of names is not known. A definition's or a block's own words are looked at below.
        if self.facts.opaque.iter().any(|why| !matches!(why, Opaque::Block)) {
            self.fault(Unsubstitutable::unknown("what only running it would tell"));
        }
        match stmt.node.as_mut() {
            Some(
                N::SelectStmt(_)
                | N::InsertStmt(_)
                | N::UpdateStmt(_)
                | N::DeleteStmt(_)
                | N::MergeStmt(_)
                | N::DeclareCursorStmt(_)
                | N::PrepareStmt(_)
                | N::ExplainStmt(_)
                | N::CreateTableAsStmt(_),
            ) => {
                self.mentions = Mentions::of(stmt);
                self.outer(stmt)
            }
            Some(N::CopyStmt(_)) => {
                self.mentions = Mentions::of(stmt);
                self.copy(stmt)
            }
            Some(_) => {
                define::check(self, stmt);
                false
            }
            None => false,
        }
    }

    fn settings(&mut self) {
        for setting in &self.facts.settings {
            let name = setting.name.as_str();
            if name.starts_with("enable_") || name.starts_with("geqo") || PLANNER.contains(&name) {
                self.fault(Unsubstitutable::planner(name));
            }
        }
    }

    /// A query, or what holds one. The names of what is made are left as they are.
    fn outer(&mut self, stmt: &mut pb::Node) -> bool {
        match stmt.node.as_mut() {
            Some(N::SelectStmt(select)) => match select.into_clause.take() {
                None => {
                    self.answers = true;
                    self.select(select);
                }
                Some(into) => {
                    self.makes(into.rel.as_ref(), |part| part.select(select));
                    select.into_clause = Some(into);
                }
            },
            Some(N::DeclareCursorStmt(declare)) => self.query(declare.query.as_mut()),
            Some(N::PrepareStmt(prepare)) => {
                let Some(query) = prepare.query.as_mut() else { return true };
                return self.outer(query);
            }
            Some(N::ExplainStmt(explain)) => {
                let Some(query) = explain.query.as_mut() else { return true };
                let anew = self.outer(query);
                if self.touches {
                    no_costs(explain);
                }
                return anew;
            }
            Some(N::CreateTableAsStmt(create)) => {
                let Some(query) = create.query.as_mut() else { return true };
                if matches!(query.node, Some(N::ExecuteStmt(_))) {
                    // What it runs was rewritten when it was prepared; whether it is masked is not known here.
                    if !into_is_temporary(create.into.as_ref().and_then(|i| i.rel.as_ref())) {
                        self.fault(Unsubstitutable::stores_masks("a table"));
                    }
                    return false;
                }
                let relation = create.into.as_ref().and_then(|i| i.rel.clone());
                self.makes(relation.as_ref(), |part| part.query(Some(query)));
                self.defines = true;
            }
            Some(N::InsertStmt(_) | N::UpdateStmt(_) | N::DeleteStmt(_) | N::MergeStmt(_)) => self.node(stmt),
            // EXPLAIN EXECUTE, and EXPLAIN of a view's or a cursor's definition.
            Some(N::ExecuteStmt(_)) => return false,
            Some(_) | None => self.fault(Unsubstitutable::unknown("a statement inside another")),
        }
        true
    }

    /// A query whose rows are stored in a new table.
    fn makes(&mut self, relation: Option<&pb::RangeVar>, inside: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.masked, false);
        inside(self);
        let temporary = into_is_temporary(relation);
        if let Some(relation) = relation {
            if temporary {
                self.makes_temporary.push(relation.relname.as_str().into());
            } else if self.masked {
                self.fault(Unsubstitutable::stores_masks(&relation.relname));
            }
        }
        self.defines |= !temporary;
        self.masked |= before;
    }

    /// COPY of a relation with classified columns goes out as COPY of a query on it.
    fn copy(&mut self, stmt: &mut pb::Node) -> bool {
        let Some(N::CopyStmt(copy)) = stmt.node.as_mut() else { return false };
        if let Some(query) = copy.query.as_mut() {
            return self.outer(query);
        }
        let Some(relation) = copy.relation.as_mut() else { return false };
        if copy.is_from {
            let columns = strings(&copy.attlist).into_iter().map(str::to_owned).collect::<Vec<_>>();
            // Nothing is read by it. Where no relation of that name is masked, or runs code, it goes out as it came.
            let schema = (!relation.schemaname.is_empty()).then_some(relation.schemaname.as_str());
            let plain = |e: &Entry| matches!(e.exposure, Exposure::Plain) && e.unwritable.is_none();
            if copy.where_clause.is_none() && self.any_of(schema, &relation.relname).all(|(_, e)| plain(e)) {
                return false;
            }
            let mut written = relation.clone();
            let Some(target) = self.target(Some(&mut written)) else { return true };
            self.copied_in(&target, &columns);
            let mut condition = copy.where_clause.take();
            self.reading_none(&target, condition.as_mut());
            copy.where_clause = condition;
            copy.relation = Some(written);
            return true;
        }
        let found = self.resolve(relation);
        match found {
            Some(Found::Masked(schema, masked)) => {
                let name = relation.relname.clone();
                let columns = strings(&copy.attlist).into_iter().map(str::to_owned).collect::<Vec<_>>();
                let query = self.copied_out(&schema, &name, &masked, &columns);
                copy.relation = None;
                copy.attlist.clear();
                copy.query = query.map(Box::new);
            }
            Some(Found::Plain(schema)) => {
                relation.catalogname.clear();
                relation.schemaname = schema.into();
            }
            Some(Found::Temporary) => "pg_temp".clone_into(&mut relation.schemaname),
            // It cannot be copied without a query, and says so itself when it is a view.
            Some(Found::Shown(_)) => self.fault(Unsubstitutable::unknown("COPY of this relation")),
            Some(Found::Unknown) | None => {}
        }
        true
    }

    fn copied_out(
        &mut self,
        schema: &str,
        name: &str,
        masked: &Masked,
        columns: &[String],
    ) -> Option<pb::Node> {
        let place = |name: &String| masked.columns.iter().position(|c| *c.name == **name);
        let shown: Vec<usize> = if columns.is_empty() {
            // Generated columns are copied only by name.
            masked.columns.iter().enumerate().filter(|(_, c)| !c.generated).map(|(at, _)| at).collect()
        } else {
            match columns.iter().map(place).collect::<Option<Vec<_>>>() {
                Some(shown) => shown,
                // The server says which column it does not know.
                None => {
                    self.fault(Unsubstitutable::unknown("COPY of a column that is not there"));
                    return None;
                }
            }
        };
        self.note_read(masked, &shown);
        let columns = shown.iter().filter_map(|at| masked.columns.get(*at));
        self.in_answer.extend(columns.filter_map(|c| Some((c.class.clone()?, c.revealed))));
        let columns = shown.iter().filter_map(|at| masked.columns.get(*at)).map(|column| {
            let name = quoted(&column.name);
            let value = if column.is_masked() { super::masks::mask(column, &name) } else { name.clone() };
            format!("{value} AS {name}")
        });
        let columns: Vec<String> = columns.collect();
        // COPY of a table leaves out what inherits from it.
        let from = format!("ONLY {}.{}", quoted(schema), quoted(name));
        let query = verify::ours(&format!("SELECT {} FROM {from}", columns.join(", ")));
        self.take(query)
    }
}

/// `CREATE TEMPORARY TABLE`, or one in `pg_temp`.
pub(super) fn into_is_temporary(relation: Option<&pb::RangeVar>) -> bool {
    relation.is_some_and(|r| r.relpersistence == "t" || r.schemaname == "pg_temp")
}

/// Estimates come from statistics of the stored values (WALLS, rule 12).
fn no_costs(explain: &mut pb::ExplainStmt) {
    let is_costs = |o: &pb::Node| matches!(&o.node, Some(N::DefElem(d)) if d.defname == "costs");
    explain.options.retain(|o| !is_costs(o));
    let off = pb::Node { node: Some(N::String(pb::String { sval: "off".to_owned() })) };
    let costs = pb::DefElem {
        defnamespace: String::new(),
        defname: "costs".to_owned(),
        arg: Some(Box::new(off)),
        defaction: pb::DefElemAction::DefelemUnspec as i32,
        location: -1,
        ..Default::default()
    };
    explain.options.push(pb::Node { node: Some(N::DefElem(Box::new(costs))) });
}
