//! Which functions of `pg_catalog` neither write, nor wait, nor run text, nor reach outside the database.

use std::collections::HashSet;
use std::sync::LazyLock;

/// From `pg_proc` of PostgreSQL 15: every name of which all overloads are immutable or stable, without those that
/// run text, read files or serve replication; plus volatile ones that only read (sizes, clocks, random numbers) and
/// their like of majors 16 to 18; and `pg_advisory_unlock_all`, which only gives up the session's own locks and which
/// asyncpg's pool calls for each connection that comes back. Allow-list, never deny-list (WALLS, rule 1).
static LISTED: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("harmless_functions.txt").lines().collect());

/// True if `name`, taken as a function of `pg_catalog`, is harmless. A function of the same name elsewhere on the
/// search path is not told apart here: names are all that the text has.
pub(crate) fn is_listed(name: &str) -> bool {
    LISTED.contains(name)
}

/// Functions that take SQL text and run it, or read what a text names, in core and in common extensions.
const RUNS_TEXT: &[&str] = &[
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
    "table_to_xml",
    "table_to_xmlschema",
    "table_to_xml_and_xmlschema",
    "schema_to_xml",
    "schema_to_xmlschema",
    "schema_to_xml_and_xmlschema",
    "database_to_xml",
    "database_to_xmlschema",
    "database_to_xml_and_xmlschema",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "ts_stat",
    "ts_rewrite",
    "crosstab",
    "crosstab2",
    "crosstab3",
    "crosstab4",
    "crosstabn",
    "connectby",
    "xpath_table",
    "pg_background_launch",
];

/// True if a function of this name, in whatever schema, runs text given to it.
pub(crate) fn runs_text(name: &str) -> bool {
    RUNS_TEXT.contains(&name) || name.starts_with("dblink")
}
