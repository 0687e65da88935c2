//! Which names of columns a statement has at all: what is not named need not come into the subselect, so that indexes,
//! rights on columns and plans stay as they were (WALLS, rule 11).

use std::collections::HashSet;

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use crate::edit::Edit;
use crate::tree;
use crate::walk::strings;

/// Names anywhere in a statement; rather too many than too few.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    names: HashSet<String>,
    /// `x.*`, by x.
    starred: HashSet<String>,
    /// A `*` without a name, a NATURAL join, or the columns of a join renamed.
    all: bool,
}

impl Mentions {
    /// Those of a statement.
    pub(super) fn of(statement: &mut pb::Node) -> Self {
        let mut mentions = Self::default();
        mentions.node(statement);
        mentions
    }

    /// Those of a query that may be missing.
    pub(super) fn of_query(query: Option<&mut Box<pb::Node>>) -> Self {
        query.map_or_else(Self::default, |query| Self::of(query))
    }

    /// All columns of what is called `alias` can be meant.
    pub(super) fn whole(&self, alias: &str) -> bool {
        self.all || self.starred.contains(alias) || self.names.contains(alias)
    }

    /// A column of this name can be meant.
    pub(super) fn has(&self, column: &str) -> bool {
        self.names.contains(column)
    }
}

impl Edit for Mentions {
    fn node(&mut self, node: &mut pb::Node) {
        let Some(node) = node.node.as_mut() else { return };
        match node {
            N::ColumnRef(column) => {
                let names = strings(&column.fields);
                let star = column.fields.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
                match (names.as_slice(), star) {
                    ([], _) => self.all = true,
                    ([.., alias], true) => drop(self.starred.insert((*alias).to_owned())),
                    ([.., last], false) => drop(self.names.insert((*last).to_owned())),
                }
            }
            // `(c).pan`, `pan(c)`.
            N::AIndirection(i) => {
                self.names.extend(strings(&i.indirection).into_iter().map(str::to_owned));
                self.all |= i.indirection.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
            }
            N::FuncCall(call) => self.names.extend(strings(&call.funcname).into_iter().map(str::to_owned)),
            N::JoinExpr(join) => {
                self.all |= join.is_natural || join.alias.is_some() || join.join_using_alias.is_some();
                self.names.extend(strings(&join.using_clause).into_iter().map(str::to_owned));
            }
            _ => {}
        }
        tree::parts(node, self);
    }
}

/// Whether part of a statement that changes `target` reads its classified columns: names alone tell, and rather too
/// often.
#[derive(Debug)]
pub(super) struct Reads<'a> {
    classified: &'a HashSet<&'a str>,
    /// What stands for the row: its alias or name, and `excluded`, `old`, `new`.
    rows: &'a [&'a str],
    pub(super) found: bool,
}

impl<'a> Reads<'a> {
    pub(super) fn new(classified: &'a HashSet<&'a str>, rows: &'a [&'a str]) -> Self {
        Self { classified, rows, found: false }
    }
}

impl Edit for Reads<'_> {
    fn node(&mut self, node: &mut pb::Node) {
        let Some(node) = node.node.as_mut() else { return };
        match node {
            N::ColumnRef(column) => {
                let names = strings(&column.fields);
                let star = column.fields.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
                self.found |= match (names.as_slice(), star) {
                    ([], _) => true,
                    ([.., row], true) => self.rows.contains(row),
                    ([name], false) => self.classified.contains(name) || self.rows.contains(name),
                    ([.., last], false) => self.classified.contains(last),
                };
            }
            N::AIndirection(i) => {
                self.found |= strings(&i.indirection).iter().any(|name| self.classified.contains(name));
            }
            N::FuncCall(call) => {
                self.found |=
                    strings(&call.funcname).last().is_some_and(|name| self.classified.contains(name));
            }
            N::JoinExpr(join) => {
                self.found |= strings(&join.using_clause).iter().any(|name| self.classified.contains(name));
            }
            _ => {}
        }
        tree::parts(node, self);
    }
}
