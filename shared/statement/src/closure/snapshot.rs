//! Rows of a target's catalogue, as whoever reads it hands them over. Plain data: nothing here is checked, and
//! everything that is about relations goes by oid and attribute number.

/// A relation's oid and the number of one of its columns.
pub type Attribute = (u32, i16);

/// What the catalogue of one database says. Relations, functions, operators and types are all there; of columns, views
/// and constraints at least what can be in the closure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub database: Box<str>,
    /// Rows of `pg_class`.
    pub relations: Vec<RelationRow>,
    /// Columns that are there, by relation and number.
    pub attributes: Vec<AttributeRow>,
    /// Child and parent, of inheritance and of partitions.
    pub inherits: Vec<(u32, u32)>,
    /// Generated columns with each column that they are computed from.
    pub generated: Vec<(Attribute, i16)>,
    /// Views and materialised views.
    pub views: Vec<ViewRow>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKeyRow>,
    /// Indexes.
    pub indexes: Vec<IndexRow>,
    /// Triggers of users.
    pub triggers: Vec<TriggerRow>,
    /// Rules but for those that make a view.
    pub rules: Vec<RuleRow>,
    /// Relations with functions that a write to them calls: by defaults, constraints, indexes and row security.
    pub calls: Vec<(u32, u32)>,
    /// Functions that are not PostgreSQL's own.
    pub functions: Vec<FunctionRow>,
    /// Operators that are not PostgreSQL's own.
    pub operators: Vec<OperatorRow>,
    /// Types that are not PostgreSQL's own and no relation's row type.
    pub types: Vec<TypeRow>,
}

/// A row of `pg_class`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationRow {
    /// Its oid.
    pub oid: u32,
    /// Its schema.
    pub schema: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// `relkind`.
    pub kind: char,
    /// A view with `security_barrier`.
    pub barrier: bool,
    /// Row security is on.
    pub row_security: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeRow {
    /// Its relation.
    pub relation: u32,
    /// Its number.
    pub attnum: i16,
    /// Its name.
    pub name: Box<str>,
    /// Oid of its type, of the base type for a domain.
    pub type_oid: u32,
    /// The same type with modifier, as `format_type` writes it with an empty search path.
    pub type_sql: Box<str>,
    /// Computed from others.
    pub generated: bool,
}

/// A view or a materialised view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewRow {
    /// Its oid.
    pub oid: u32,
    /// As `pg_get_viewdef` writes it with an empty search path; `None` where it was not read.
    pub definition: Option<Box<str>>,
    /// Relations that stand anywhere in it.
    pub relations: Vec<u32>,
    /// Columns that it uses, by the catalogue's dependencies.
    pub reads: Vec<Attribute>,
    /// Functions that it calls and that are not PostgreSQL's own, those of operators and aggregates included.
    pub calls: Vec<u32>,
    /// Names of PostgreSQL's own functions that it calls.
    pub builtins: Vec<Box<str>>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKeyRow {
    /// Whose it is.
    pub relation: u32,
    /// Its columns.
    pub columns: Vec<i16>,
    /// What it points at.
    pub referenced: u32,
    /// Columns there, in the same order.
    pub referenced_columns: Vec<i16>,
    /// A change there changes rows here.
    pub acts: bool,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRow {
    /// Its name.
    pub name: Box<str>,
    /// Of this relation.
    pub relation: u32,
    /// It is the primary key's.
    pub primary: bool,
    /// It, or the exclusion constraint that it serves, refuses some rows beside others.
    pub unique: bool,
    /// All columns that it speaks of, those in expressions and in its predicate included; keys first, in order.
    pub columns: Vec<i16>,
    /// Columns by which its first key goes: more than one where that is an expression.
    pub leading: Vec<i16>,
    /// It holds more than its first key.
    pub covers: bool,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRow {
    /// Of this relation.
    pub relation: u32,
    /// Its name.
    pub name: Box<str>,
    /// What it runs.
    pub function: u32,
}

/// A rule that makes no view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Of this relation.
    pub relation: u32,
    /// Its name.
    pub name: Box<str>,
    /// Relations that stand anywhere in it.
    pub relations: Vec<u32>,
    /// Functions that it calls and that are not PostgreSQL's own.
    pub calls: Vec<u32>,
}

/// A function, procedure or aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionRow {
    /// Its oid.
    pub oid: u32,
    /// Its schema.
    pub schema: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The extension that brought it.
    pub extension: Option<Box<str>>,
    /// Its language.
    pub language: Box<str>,
    /// Its text.
    pub source: Box<str>,
    /// It runs with its owner's rights.
    pub definer: bool,
    /// Functions that it is made of: those of an aggregate.
    pub parts: Vec<u32>,
}

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// Its schema.
    pub schema: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The extension that brought it.
    pub extension: Option<Box<str>>,
    /// What it runs.
    pub function: u32,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeRow {
    /// Its schema.
    pub schema: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The extension that brought it.
    pub extension: Option<Box<str>>,
}
