//! GROUP BY the primary key lets every other column of its table stand in the answer. A subselect has no primary key, so
//! the others are written into GROUP BY as well: they follow from it, and the groups are the same.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::part::{Part, Source};
use crate::walk::strings;

/// Types that have no equality, so that they cannot stand in GROUP BY: json, xml, point, box, path, polygon…
const NOT_COMPARED: [u32; 9] = [114, 142, 600, 602, 603, 604, 628, 601, 718];

impl Part<'_> {
    pub(super) fn expand_groups(&self, select: &mut pb::SelectStmt) {
        let Some(scope) = self.scopes.last() else { return };
        let plain = |node: &pb::Node| !matches!(node.node, Some(N::GroupingSet(_)));
        if select.group_clause.is_empty() || !select.group_clause.iter().all(plain) {
            return;
        }
        let grouped: Vec<Vec<String>> =
            select.group_clause.iter().filter_map(|g| meant(g, &select.target_list)).collect();
        let mut more = Vec::new();
        for source in scope {
            let has = |name: &str| grouped.iter().any(|names| is_of(names, source, name));
            let key = &source.masked.primary_key;
            if key.is_empty() || !key.iter().all(|name| has(name)) {
                continue;
            }
            let columns = source.shown.iter().filter_map(|at| source.masked.columns.get(*at));
            for column in columns.filter(|c| !has(&c.name) && !NOT_COMPARED.contains(&c.type_oid)) {
                more.push(column_of(&source.alias, &column.name));
            }
        }
        select.group_clause.append(&mut more);
    }
}

/// The names of the column that an item of GROUP BY means, by itself or as a place in the list of the answer.
fn meant(group: &pb::Node, targets: &[pb::Node]) -> Option<Vec<String>> {
    let names = |column: &pb::ColumnRef| strings(&column.fields).into_iter().map(str::to_owned).collect();
    match group.node.as_ref()? {
        N::ColumnRef(column) => Some(names(column)),
        N::AConst(constant) => {
            let Some(pb::a_const::Val::Ival(at)) = &constant.val else { return None };
            let at = usize::try_from(at.ival).ok()?.checked_sub(1)?;
            let Some(N::ResTarget(target)) = &targets.get(at)?.node else { return None };
            match target.val.as_ref()?.node.as_ref()? {
                N::ColumnRef(column) => Some(names(column)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_of(names: &[String], source: &Source, column: &str) -> bool {
    match names {
        [name] => name == column,
        [.., alias, name] => *alias == source.alias && name == column,
        [] => false,
    }
}

fn column_of(alias: &str, column: &str) -> pb::Node {
    let name = |s: &str| pb::Node { node: Some(N::String(pb::String { sval: s.to_owned() })) };
    let fields = vec![name(alias), name(column)];
    pb::Node { node: Some(N::ColumnRef(pb::ColumnRef { fields, location: -1 })) }
}
