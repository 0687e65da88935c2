//! What a target holds that is classified, and what stands in front of it.

use serde::{Deserialize, Serialize};

use crate::Untrusted;

/// Answer of `GET /v1/targets/{target}`. Names are the database's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetDescription {
    /// Target name.
    pub target: String,
    /// The database that was looked at.
    pub database: String,
    /// What stands between a statement and classified values.
    pub walls: Walls,
    /// Relations through which classified values could be read, in order of name.
    pub relations: Vec<DescribedRelation>,
    /// Configured columns that the database does not have.
    pub missing: Vec<MissingColumn>,
    /// Triggers on these relations: what they copy is not classified by itself.
    pub triggers: Vec<DescribedTrigger>,
    /// Functions that run with their owner's rights and can read classified columns: schema and name.
    pub definers: Vec<Untrusted>,
    /// Indexes whose order tells of classified values: relation and index.
    pub telling_indexes: Vec<Untrusted>,
}

/// Which walls stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// Statements compute on masked columns.
    pub substitution: bool,
    /// The login has no right on classified columns.
    pub roles: bool,
    /// Every answer is scanned for card numbers.
    pub scan: bool,
}

/// A relation with classified values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedRelation {
    /// `schema.name`.
    pub name: Untrusted,
    /// Its classified columns.
    pub columns: Vec<DescribedColumn>,
    /// Why nothing of it is shown, where that is so.
    pub opaque: Option<Untrusted>,
    /// Why its rows cannot be changed, where that is so.
    pub unwritable: Option<Untrusted>,
}

/// A classified column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedColumn {
    /// Its name.
    pub name: Untrusted,
    /// Its class.
    pub class: String,
}

/// A configured column that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingColumn {
    /// `schema.relation.column`, as it is configured.
    pub column: String,
    /// Its relation is there.
    pub relation_exists: bool,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedTrigger {
    /// `schema.name` of its relation.
    pub relation: Untrusted,
    /// Its name.
    pub name: Untrusted,
    /// The function that it runs.
    pub function: Untrusted,
}
