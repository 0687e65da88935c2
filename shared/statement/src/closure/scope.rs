//! What names of columns mean inside a view's query.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::query::Reading;
use super::{Attribute, ClassName, stricter};
use crate::walk::strings;

/// Columns that every table has (PostgreSQL manual, 5.6).
const SYSTEM: [&str; 6] = ["ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"];

/// A column of a query or of what stands in FROM.
#[derive(Debug, Clone, Default)]
pub(super) struct Output {
    pub(super) name: String,
    /// Its class, where it shows or depends on a classified column.
    pub(super) class: Option<ClassName>,
    /// It is made of one, and is not one.
    pub(super) computed: bool,
    /// The columns that it shows.
    pub(super) sources: Vec<Attribute>,
}

/// What stands in FROM.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) columns: Vec<Output>,
    /// It has other columns too, none of them classified.
    pub(super) open: bool,
}

impl Reading<'_> {
    /// What a name of a column means: the first level, from the inside, where it means anything.
    pub(super) fn resolve(&mut self, column: &pb::ColumnRef) -> Output {
        let names = strings(&column.fields);
        let star = column.fields.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
        let meant = match (names.as_slice(), star) {
            ([name], false) => self.bare(name),
            ([of, name], false) => self.qualified(of, name),
            ([of], true) => self.whole_row(of),
            _ => {
                self.not_understood();
                Output::default()
            }
        };
        self.used.extend(&meant.sources);
        meant
    }

    /// A name alone is written for the only item of FROM, and for what USING merges: then it can mean several.
    pub(super) fn bare(&mut self, name: &str) -> Output {
        let sources = self.scopes.iter().flatten();
        let meant: Vec<&Output> = sources.flat_map(|s| &s.columns).filter(|c| c.name == name).collect();
        if meant.is_empty() && self.scopes.iter().flatten().any(|s| s.name == name) {
            return self.whole_row(name);
        }
        let classified: Vec<Output> = meant.into_iter().filter(|c| c.class.is_some()).cloned().collect();
        let merged = classified.len() > 1;
        let mut all = classified.into_iter().reduce(both).unwrap_or_default();
        all.computed |= merged;
        all
    }

    fn qualified(&mut self, of: &str, name: &str) -> Output {
        let source = self.scopes.iter().rev().find_map(|level| level.iter().find(|s| s.name == of));
        match source {
            None => {
                self.not_understood();
                Output::default()
            }
            Some(source) => match source.columns.iter().find(|c| c.name == name) {
                Some(column) => column.clone(),
                None if source.open || SYSTEM.contains(&name) => Output::default(),
                None => {
                    self.not_understood();
                    Output::default()
                }
            },
        }
    }

    fn whole_row(&mut self, of: &str) -> Output {
        let source = self.scopes.iter().rev().find_map(|level| level.iter().find(|s| s.name == of));
        match source {
            None => self.not_understood(),
            Some(source) if source.columns.iter().any(|c| c.class.is_some()) => {
                self.too_much("it uses whole rows with classified columns");
            }
            Some(_) => {}
        }
        Output::default()
    }
}

/// One column of two: of both sides of UNION, or merged by USING.
pub(super) fn both(one: Output, other: Output) -> Output {
    let class = match (&one.class, &other.class) {
        (Some(a), Some(b)) => Some(stricter(a, b)),
        (a, b) => a.clone().or_else(|| b.clone()),
    };
    let mut sources = one.sources;
    sources.extend(other.sources);
    Output { name: one.name, class, computed: one.computed || other.computed, sources }
}

pub(super) fn rename(columns: &mut [Output], names: &[pb::Node]) {
    for (column, name) in columns.iter_mut().zip(strings(names)) {
        name.clone_into(&mut column.name);
    }
}

/// The column that an expression is, or that it only gives another text type without a length.
pub(super) fn plain(value: &pb::Node) -> Option<pb::ColumnRef> {
    match &value.node {
        Some(N::ColumnRef(column)) => Some(column.clone()),
        Some(N::TypeCast(cast)) => {
            let to = cast.type_name.as_ref()?;
            let names = strings(&to.names);
            let text = matches!(names.last(), Some(&("text" | "varchar")))
                && matches!(names.as_slice(), [_] | ["pg_catalog", _]);
            let whole = to.typmods.is_empty() && to.array_bounds.is_empty() && !to.setof;
            let column = plain(cast.arg.as_deref()?)?;
            // A cast of a whole row is none of a column.
            let star = column.fields.iter().any(|f| matches!(f.node, Some(N::AStar(_))));
            (text && whole && !star).then_some(column)
        }
        _ => None,
    }
}
