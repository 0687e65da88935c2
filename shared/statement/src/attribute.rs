//! Functions that are called as if they were columns: `(x).f` is `f(x)`, and so is `a.f` where `a` is a function in FROM
//! (PostgreSQL manual, Using Composite Types in Queries; `ParseFuncOrColumn`). The server takes a column where there is
//! one, but no catalogue is known here, so what need not be a column counts as a call: rather too many than too few.
//!
//! Where `a` is a relation, a subquery or a common table expression it is a row, and only a function of that row type, of
//! `record` or of anything could be meant. Those of `pg_catalog` are harmless; others are users' own, reached as the
//! functions behind a view or an operator are.

use std::collections::HashSet;
use std::sync::LazyLock;

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use crate::column::Source;
use crate::facts::Opaque;
use crate::tree::{Children, Walk};
use crate::walk::{Walker, strings};

/// Columns of the answers of harmless functions, from `pg_proc` of PostgreSQL 15: output parameters of all that are
/// listed. None of them is a function of one argument that is not listed.
static COLUMNS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("function_columns.txt").lines().collect());

/// Columns of `information_schema._pg_expandarray`, which drivers ask for keys by. No function of the server has these names.
const EXPANDED: [&str; 2] = ["n", "x"];

/// What the name of a function in FROM means.
pub(crate) fn source(range: &pb::RangeFunction) -> Source {
    let mut columns = vec!["ordinality".to_owned()];
    let mut named = |list: &[pb::Node]| {
        for node in list {
            match &node.node {
                Some(N::String(s)) => columns.push(s.sval.clone()),
                Some(N::ColumnDef(c)) => columns.push(c.colname.clone()),
                _ => {}
            }
        }
    };
    named(&range.coldeflist);
    if let Some(alias) = &range.alias {
        named(&alias.colnames);
    }
    // Each is a function with its own definitions of columns.
    for function in &range.functions {
        let Some(N::List(parts)) = &function.node else { continue };
        for part in &parts.items {
            if let Some(N::List(definitions)) = &part.node {
                named(&definitions.items);
            }
        }
    }
    let alias = range.alias.as_ref().map_or_else(|| default_name(range), |a| a.aliasname.clone());
    Source { alias, relations: Vec::new(), function: Some(columns) }
}

/// The name of a function in FROM without an alias is that of the first one; empty for those with a grammar of their own,
/// whose name is then any.
fn default_name(range: &pb::RangeFunction) -> String {
    let first = range.functions.first().and_then(|f| match &f.node {
        Some(N::List(parts)) => parts.items.first(),
        _ => None,
    });
    match first.and_then(|f| f.node.as_ref()) {
        Some(N::FuncCall(call)) => {
            strings(&call.funcname).last().map(|s| (*s).to_owned()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

impl Walker {
    /// A name after something that has no columns of known names.
    fn attribute(&mut self, name: &str) {
        // Takes three arguments; one of a single argument is not the server's.
        if name == "set_config" {
            self.opaque(Opaque::ComputedSetting);
        }
        self.function(None, name);
    }

    /// A name after the name of a source, which may be that of a function in FROM.
    pub(crate) fn attribute_of(&mut self, alias: &str, name: &str) {
        let sources = self.scopes.iter().flat_map(|scope| &scope.0);
        let may_call = sources
            .filter(|s| s.alias == alias || s.alias.is_empty())
            .filter_map(|s| s.function.as_ref())
            .any(|columns| !columns.iter().any(|c| c == name));
        // A column without a name of its own has that of the function or alias.
        if may_call && name != alias && !COLUMNS.contains(name) {
            self.attribute(name);
        }
    }
}

impl Walk for pb::AIndirection {
    fn walk(&self, w: &mut Walker) {
        for step in &self.indirection {
            if let Some(N::String(name)) = &step.node
                && !COLUMNS.contains(name.sval.as_str())
                && !EXPANDED.contains(&name.sval.as_str())
            {
                w.attribute(&name.sval);
            }
        }
        self.children(w);
    }
}
