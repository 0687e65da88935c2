//! What substitution knows of a database: every relation by schema and name, what of it is classified, and which
//! functions, operators and types are not PostgreSQL's own. A snapshot: it is built by `closure` from what the target's
//! catalogue says, and never changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Schema and name.
pub type QualifiedName = (Box<str>, Box<str>);

/// One database, as far as statements can name it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// Its name: `db.schema.relation` may say it.
    pub database: Box<str>,
    /// All tables, partitioned and foreign tables, views and materialised views, those of `pg_catalog` and
    /// `information_schema` included; temporary ones are not here.
    pub relations: HashMap<QualifiedName, Entry>,
    /// Functions and aggregates outside `pg_catalog`, by name.
    pub functions: HashMap<Box<str>, Vec<Origin>>,
    /// Operators outside `pg_catalog`, by name.
    pub operators: HashMap<Box<str>, Vec<Origin>>,
    /// Types outside `pg_catalog` that are no relation's row type, by name.
    pub types: HashMap<Box<str>, Vec<Origin>>,
    /// Index-only scans could show rows in the order of values that are masked: some index is led by a classified
    /// column and covers others (WALLS, rule 12).
    pub telling_indexes: bool,
}

/// Where an object comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its schema.
    pub schema: Box<str>,
    /// An extension brought it, and PostgreSQL's `contrib` is that extension's source.
    pub extension: Option<Box<str>>,
}

/// One relation.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its oid.
    pub oid: u32,
    /// What reading it gives.
    pub exposure: Exposure,
    /// Why changing its rows cannot be let through: code of the database's users that reaches classified columns would
    /// run, such as a trigger or a rule.
    pub unwritable: Option<Box<str>>,
}

/// What reading a relation gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Exposure {
    /// Nothing classified.
    Plain,
    /// Classified columns, which masks can stand for.
    Masked(Arc<Masked>),
    /// Something that no mask can stand for, such as a view that computes on classified columns: why, for people.
    Opaque(Box<str>),
    /// Rows about other relations or other people's statements, shown in this form instead (`pg_stats`,
    /// `pg_stat_activity`): the text of a SELECT over the relation itself.
    Shown(Box<str>),
}

/// A relation with classified columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Masked {
    /// All its columns, in order.
    pub columns: Vec<Column>,
    /// Names of its primary key's columns; empty where there is none.
    pub primary_key: Vec<Box<str>>,
    /// Columns of each unique, exclusion or foreign-key constraint, or unique index, that speaks of a classified one.
    pub constrained: Vec<HashSet<Box<str>>>,
}

/// A column of a relation with classified columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Box<str>,
    /// Its attribute number.
    pub attnum: i16,
    /// Its class, where it is classified.
    pub class: Option<Box<str>>,
    /// This session sees it as it is, though it is classified.
    pub revealed: bool,
    /// It is computed from others (GENERATED ALWAYS AS): COPY leaves it out unless it is named.
    pub generated: bool,
    /// Oid of its type, of the base type for a domain.
    pub type_oid: u32,
    /// The same type with modifier as `format_type` writes it with an empty search path, such as `character varying(19)`:
    /// a cast to a domain could raise.
    pub type_sql: Box<str>,
}

impl Column {
    /// Nothing but its mask is shown.
    #[must_use]
    pub const fn is_masked(&self) -> bool {
        self.class.is_some() && !self.revealed
    }
}

impl Catalogue {
    /// A relation by schema and name.
    #[must_use]
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Entry> {
        // A tuple of borrowed parts is no key of the map: both parts are short.
        self.relations.get(&(Box::from(schema), Box::from(name)))
    }
}
