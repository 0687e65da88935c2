//! PostgreSQL's own relations, and those of common extensions, that tell of stored values or of other people's
//! statements.

use super::{Known, RelationRow};

/// Relations that hold samples, passwords, connection strings or other people's statements, by schema and name; the
/// schema of an extension's is its user's choice.
const HIDDEN: [(Option<&str>, &str); 17] = [
    (Some("pg_catalog"), "pg_statistic"),
    (Some("pg_catalog"), "pg_statistic_ext_data"),
    (Some("pg_catalog"), "pg_largeobject"),
    (Some("pg_catalog"), "pg_hba_file_rules"),
    (Some("pg_catalog"), "pg_ident_file_mappings"),
    (Some("pg_catalog"), "pg_file_settings"),
    (Some("pg_catalog"), "pg_authid"),
    (Some("pg_catalog"), "pg_shadow"),
    (Some("pg_catalog"), "pg_user_mapping"),
    (Some("information_schema"), "_pg_user_mappings"),
    (Some("information_schema"), "user_mapping_options"),
    (None, "pg_stat_statements"),
    (None, "pg_stat_monitor"),
    (None, "pg_store_plans"),
    (None, "pg_qualstats"),
    (None, "pg_qualstats_all"),
    (None, "pg_qualstats_pretty"),
];

/// Relations with rows about columns, by schema and table.
const STATISTICS: [&str; 3] = ["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"];

/// Why nobody may read this relation, whatever is classified.
pub(super) fn hidden(row: &RelationRow) -> Option<&'static str> {
    if row.schema.starts_with("pg_toast") {
        return Some("it is a part of another relation");
    }
    let named = |(schema, name): &(Option<&str>, &str)| {
        *row.name == **name && schema.is_none_or(|schema| *row.schema == *schema)
    };
    HIDDEN.iter().any(named).then_some("it holds stored values, secrets or other people's statements")
}

/// Columns that are shown otherwise than they are, by relation: the expression for each.
const COLUMNS: [(&str, &str, &str); 2] = [
    (
        "pg_stat_activity",
        "query",
        "CASE WHEN own.\"pid\" OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() THEN own.\"query\" END",
    ),
    // A password can stand in it.
    ("pg_subscription", "subconninfo", "CAST(NULL AS pg_catalog.text)"),
];

/// It is shown in another form.
pub(super) fn is_shown(row: &RelationRow) -> bool {
    let listed = COLUMNS.iter().any(|(relation, _, _)| *row.name == **relation);
    *row.schema == *"pg_catalog" && (listed || STATISTICS.contains(&&*row.name))
}

/// The form in which a relation of [`is_shown`] is shown, while `closure` are the tables that nobody reads as they are;
/// `None` where its columns are not known.
pub(super) fn shown(known: &Known<'_>, row: &RelationRow, closure: &[u32]) -> Option<String> {
    let columns: Vec<&str> = known.columns(row.oid).iter().map(|a| &*a.name).collect();
    let statistics = STATISTICS.contains(&&*row.name);
    let special: Vec<_> = COLUMNS.iter().filter(|(relation, _, _)| *row.name == **relation).collect();
    let needed = special.iter().map(|(_, name, _)| *name);
    let mut needed = needed.chain(["schemaname", "tablename"].into_iter().filter(|_| statistics));
    if !needed.all(|name| columns.contains(&name)) {
        return None;
    }
    // Major 13 lets nobody but superusers read this oid, not even to count the rows.
    let unreadable = *row.name == *"pg_subscription" && !columns.contains(&"subbinary");
    let columns = columns.iter().map(|name| {
        if let Some((_, _, instead)) = special.iter().find(|(_, special, _)| special == name) {
            return format!("{instead} AS \"{name}\"");
        }
        if unreadable && *name == "oid" {
            return "CAST(NULL AS pg_catalog.oid) AS \"oid\"".to_owned();
        }
        format!("own.\"{}\"", name.replace('"', "\"\""))
    });
    let columns: Vec<String> = columns.collect();
    let mut text = format!("SELECT {} FROM pg_catalog.\"{}\" own", columns.join(", "), row.name);
    if statistics && !closure.is_empty() {
        text += &without(closure);
    }
    Some(text)
}

/// No row of these relations, nor of their indexes: statistics of an expression are kept under the index's name.
fn without(closure: &[u32]) -> String {
    let list: Vec<String> = closure.iter().map(u32::to_string).collect();
    let list = format!("ANY (CAST('{{{}}}' AS pg_catalog.oid[]))", list.join(","));
    format!(
        " WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE n.nspname OPERATOR(pg_catalog.=) own.schemaname \
         AND c.relname OPERATOR(pg_catalog.=) own.tablename \
         AND (c.oid OPERATOR(pg_catalog.=) {list} \
         OR EXISTS (SELECT 1 FROM pg_catalog.pg_index i \
         WHERE i.indexrelid OPERATOR(pg_catalog.=) c.oid AND i.indrelid OPERATOR(pg_catalog.=) {list})))"
    )
}
