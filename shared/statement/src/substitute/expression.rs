//! Expressions: what may stand in one, which names mean something else once a relation is a subselect, and what would
//! run other code than PostgreSQL's own.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::fault::Unsubstitutable;
use super::part::Part;
use crate::edit::Edit;
use crate::function;
use crate::walk::strings;

/// Functions that tell of other people's statements.
const TELL_OF_OTHERS: [&str; 2] = ["pg_stat_get_activity", "pg_stat_get_backend_activity"];

impl Edit for Part<'_> {
    fn node(&mut self, node: &mut pb::Node) {
        match node.node.as_mut() {
            None => {}
            Some(N::SelectStmt(select)) => self.select(select),
            Some(N::InsertStmt(insert)) => self.insert(insert),
            Some(N::UpdateStmt(update)) => self.update(update),
            Some(N::DeleteStmt(delete)) => self.delete(delete),
            Some(N::MergeStmt(merge)) => self.merge(merge),
            Some(N::ColumnRef(column)) => self.column(column),
            Some(N::FuncCall(call)) => {
                self.function(call);
                self.inside(node);
            }
            Some(N::AExpr(expression)) => {
                self.operator(&expression.name);
                self.compared(expression);
                self.inside(node);
            }
            Some(N::AIndirection(row)) => {
                self.attributes(&row.indirection);
                self.inside(node);
            }
            Some(N::SubLink(link)) => {
                self.operator(&link.oper_name);
                self.inside(node);
            }
            Some(N::SortBy(sort)) => {
                self.operator(&sort.use_op);
                self.inside(node);
            }
            Some(known) if may_stand(known) || is_of_json(known) => self.inside(node),
            Some(_) => self.fault(Unsubstitutable::unknown("a part of the statement")),
        }
    }
}

/// Nodes that only hold others. What is on no list is refused (WALLS, rule 1).
const fn may_stand(node: &N) -> bool {
    matches!(
        node,
        N::String(_)
            | N::Integer(_)
            | N::Float(_)
            | N::Boolean(_)
            | N::BitString(_)
            | N::AConst(_)
            | N::AStar(_)
            | N::ParamRef(_)
            | N::List(_)
            | N::Alias(_)
            | N::BoolExpr(_)
            | N::NullTest(_)
            | N::BooleanTest(_)
            | N::CaseExpr(_)
            | N::CaseWhen(_)
            | N::CoalesceExpr(_)
            | N::MinMaxExpr(_)
            | N::RowExpr(_)
            | N::AArrayExpr(_)
            | N::AIndices(_)
            | N::TypeCast(_)
            | N::TypeName(_)
            | N::CollateClause(_)
            | N::NamedArgExpr(_)
            | N::GroupingFunc(_)
            | N::GroupingSet(_)
            | N::SqlvalueFunction(_)
            | N::SetToDefault(_)
            | N::CurrentOfExpr(_)
            | N::MultiAssignRef(_)
            | N::ResTarget(_)
            | N::WindowDef(_)
            | N::CommonTableExpr(_)
            | N::CtesearchClause(_)
            | N::CtecycleClause(_)
            | N::RangeFunction(_)
            | N::RangeTableFunc(_)
            | N::RangeTableFuncCol(_)
            | N::ColumnDef(_)
            | N::DefElem(_)
            | N::IndexElem(_)
            | N::InferClause(_)
            | N::MergeWhenClause(_)
            | N::MergeSupportFunc(_)
            | N::XmlExpr(_)
            | N::XmlSerialize(_)
    )
}

/// The same, of SQL/JSON.
const fn is_of_json(node: &N) -> bool {
    matches!(
        node,
        N::JsonFormat(_)
            | N::JsonReturning(_)
            | N::JsonValueExpr(_)
            | N::JsonIsPredicate(_)
            | N::JsonBehavior(_)
            | N::JsonOutput(_)
            | N::JsonArgument(_)
            | N::JsonFuncExpr(_)
            | N::JsonTablePathSpec(_)
            | N::JsonTable(_)
            | N::JsonTableColumn(_)
            | N::JsonKeyValue(_)
            | N::JsonParseExpr(_)
            | N::JsonScalarExpr(_)
            | N::JsonSerializeExpr(_)
            | N::JsonObjectConstructor(_)
            | N::JsonArrayConstructor(_)
            | N::JsonArrayQueryConstructor(_)
            | N::JsonAggConstructor(_)
            | N::JsonObjectAgg(_)
            | N::JsonArrayAgg(_)
    )
}

impl Part<'_> {
    /// `schema.table.column` means nothing where the table is a subselect: its name alone does.
    fn column(&mut self, column: &mut pb::ColumnRef) {
        let names: Vec<String> = strings(&column.fields).into_iter().map(str::to_owned).collect();
        let star = column.fields.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
        // The relation's own names in front, and how many of them there are before its name.
        let before = match (names.len(), star) {
            (3, false) | (2, true) => Some(0),
            (4, false) | (3, true) => Some(1),
            // `schema.table` alone is the whole row, unless the first is a name in FROM.
            (2, false) => Some(0),
            _ => None,
        };
        let Some(at) = before else { return };
        let (Some(schema), Some(table)) = (names.get(at), names.get(at + 1)) else { return };
        let mut sources = self.scopes.iter().rev().flatten();
        let whole_row = (names.len(), star) == (2, false);
        if whole_row && self.scopes.iter().flatten().any(|s| s.alias == *schema) {
            return;
        }
        if sources.any(|s| !s.renamed && *s.schema == **schema && s.name == *table) {
            column.fields.drain(..=at);
        }
    }

    /// A listed function is PostgreSQL's own, whatever stands before it in the search path.
    fn function(&mut self, call: &mut pb::FuncCall) {
        let names = strings(&call.funcname);
        let own = match names.as_slice() {
            [name] => Some(*name),
            ["pg_catalog", name] => Some(*name),
            _ => None,
        };
        if own.is_some_and(|name| TELL_OF_OTHERS.contains(&name)) {
            return self
                .fault(Unsubstitutable::unknown("a function that tells of other people's statements"));
        }
        let ([name], true) = (names.as_slice(), own.is_some_and(function::is_listed)) else { return };
        let elsewhere = self.at.catalogue.functions.get(*name);
        // Extensions overload some (citext its text functions): the server picks by the types of the arguments.
        if elsewhere.is_some_and(|origins| origins.iter().all(|o| o.extension.is_some())) {
            return;
        }
        // A column can be read as if it were a function of its row.
        let row = self.scopes.iter().flatten().any(|s| s.masked.columns.iter().any(|c| *c.name == **name));
        if row && call.args.len() == 1 {
            return;
        }
        // Only by its bare name does it take several arrays (PostgreSQL manual, 7.2.1.4).
        if *name == "unnest" && call.args.len() > 1 {
            if elsewhere.is_some() {
                self.fault(Unsubstitutable::unknown("unnest beside a function of that name"));
            }
            return;
        }
        let schema = pb::Node { node: Some(N::String(pb::String { sval: "pg_catalog".to_owned() })) };
        call.funcname.insert(0, schema);
    }

    /// `(x).f` is `f(x)` where `x` has no column `f`.
    fn attributes(&mut self, names: &[pb::Node]) {
        let of_users = |name: &&str| {
            let origins = self.at.catalogue.functions.get(*name);
            origins.is_some_and(|origins| origins.iter().any(|o| o.extension.is_none()))
        };
        // Columns of masked relations stand before functions of their names.
        let column = |name: &str| {
            self.scopes.iter().flatten().any(|s| s.masked.columns.iter().any(|c| *c.name == *name))
        };
        if strings(names).iter().filter(|name| !column(name)).any(of_users) {
            self.fault(Unsubstitutable::unknown("a function that is called as if it were a column"));
        }
    }

    /// An operator of the database's users runs their code.
    fn operator(&mut self, name: &[pb::Node]) {
        let names = strings(name);
        let Some(last) = names.last() else { return };
        let of_users =
            |origins: &Vec<crate::catalogue::Origin>| origins.iter().any(|o| o.extension.is_none());
        let own = matches!(names.as_slice(), ["pg_catalog", _]);
        if !own && self.at.catalogue.operators.get(*last).is_some_and(of_users) {
            self.fault(Unsubstitutable::unknown("an operator that is not PostgreSQL's own"));
        }
    }

    /// A whole value beside a masked column finds nothing, and silence would be taken for an answer.
    fn compared(&mut self, expression: &pb::AExpr) {
        use pb::AExprKind as K;
        let kind = K::try_from(expression.kind).unwrap_or(K::Undefined);
        let equal = strings(&expression.name).last() == Some(&"=");
        if !equal || !matches!(kind, K::AexprOp | K::AexprOpAny | K::AexprIn) {
            return;
        }
        let (Some(left), Some(right)) = (&expression.lexpr, &expression.rexpr) else { return };
        self.compared_sides(left, right);
        self.compared_sides(right, left);
    }

    fn compared_sides(&mut self, one: &pb::Node, other: &pb::Node) {
        match (&one.node, &other.node) {
            (Some(N::ColumnRef(column)), _) if is_whole_value(other) => {
                let names = strings(&column.fields);
                let (alias, name) = match names.as_slice() {
                    [name] => (None, *name),
                    [.., alias, name] => (Some(*alias), *name),
                    [] => return,
                };
                let mut sources = self.scopes.iter().flatten();
                let named = |alias: &str, of: &super::part::Source| of.alias == alias;
                if sources.any(|s| alias.is_none_or(|a| named(a, s)) && s.classified(name).is_some()) {
                    self.fault(Unsubstitutable::lookup(name));
                }
            }
            (Some(N::RowExpr(row)), Some(N::RowExpr(values))) => {
                for (one, other) in row.args.iter().zip(&values.args) {
                    self.compared_sides(one, other);
                }
            }
            _ => {}
        }
    }
}

/// A constant or parameter that is no masked form.
fn is_whole_value(node: &pb::Node) -> bool {
    match &node.node {
        Some(N::AConst(constant)) => match &constant.val {
            Some(pb::a_const::Val::Sval(s)) => !s.sval.contains('*'),
            Some(_) => true,
            None => false,
        },
        Some(N::ParamRef(_)) => true,
        Some(N::TypeCast(cast)) => cast.arg.as_deref().is_some_and(is_whole_value),
        Some(N::List(list)) => list.items.iter().any(is_whole_value),
        Some(N::AArrayExpr(array)) => array.elements.iter().any(is_whole_value),
        _ => false,
    }
}
