//! Kinds of objects that definitions change.

use pg_query::protobuf::ObjectType as T;

use crate::verb::{Class, words};

words! {
    /// What happens to an object.
    Act {
        /// CREATE.
        Create = "create",
        /// ALTER, RENAME, OWNER TO, SET SCHEMA, COMMENT.
        Alter = "alter",
        /// DROP.
        Drop = "drop",
    }
}

/// One object kind created, altered or dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Change {
    /// What happens.
    pub act: Act,
    /// To what kind of object.
    pub kind: Kind,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.act, self.kind)
    }
}

words! {
    /// A kind of database object.
    Kind {
        /// An access method.
        AccessMethod = "access_method",
        /// An aggregate.
        Aggregate = "aggregate",
        /// A cast, which is code that runs without a name.
        Cast = "cast",
        /// A collation.
        Collation = "collation",
        /// A column of a relation.
        Column = "column",
        /// A constraint.
        Constraint = "constraint",
        /// A conversion between encodings.
        Conversion = "conversion",
        /// A database.
        Database = "database",
        /// Default privileges.
        DefaultPrivileges = "default_privileges",
        /// A domain.
        Domain = "domain",
        /// An event trigger.
        EventTrigger = "event_trigger",
        /// An extension.
        Extension = "extension",
        /// A foreign-data wrapper.
        ForeignDataWrapper = "foreign_data_wrapper",
        /// A foreign server.
        ForeignServer = "foreign_server",
        /// A foreign table.
        ForeignTable = "foreign_table",
        /// A function, procedure or routine.
        Function = "function",
        /// An index.
        Index = "index",
        /// A procedural language.
        Language = "language",
        /// A large object.
        LargeObject = "large_object",
        /// A materialised view.
        MaterializedView = "materialized_view",
        /// An operator, its class or family.
        Operator = "operator",
        /// Everything that a role owns.
        Owned = "owned",
        /// A privilege on a setting.
        Parameter = "parameter",
        /// A row security policy.
        Policy = "policy",
        /// A publication.
        Publication = "publication",
        /// A role, user or group.
        Role = "role",
        /// A row security switch of a table.
        RowSecurity = "row_security",
        /// A rewrite rule.
        Rule = "rule",
        /// A schema.
        Schema = "schema",
        /// A sequence.
        Sequence = "sequence",
        /// Extended statistics.
        Statistics = "statistics",
        /// A subscription.
        Subscription = "subscription",
        /// The server's own configuration.
        System = "system",
        /// A table.
        Table = "table",
        /// A tablespace.
        Tablespace = "tablespace",
        /// A part of text search.
        TextSearch = "text_search",
        /// A transform.
        Transform = "transform",
        /// A trigger.
        Trigger = "trigger",
        /// A type.
        Type = "type",
        /// A user mapping of a foreign server.
        UserMapping = "user_mapping",
        /// A view.
        View = "view",
        /// A kind that this version does not know.
        Unknown = "unknown",
    }
}

impl Kind {
    /// How far a change of this kind reaches. Whatever moves data or power across the database's border, or loads
    /// code into the server, is administration.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Aggregate | Self::Collation | Self::Column | Self::Constraint | Self::Conversion => {
                Class::Ddl
            }
            Self::Domain | Self::Function | Self::Index | Self::LargeObject => Class::Ddl,
            Self::MaterializedView | Self::Operator | Self::Rule | Self::Schema | Self::Sequence => {
                Class::Ddl
            }
            Self::Statistics | Self::Table | Self::TextSearch | Self::Trigger | Self::Type => Class::Ddl,
            Self::View | Self::Cast => Class::Ddl,
            Self::AccessMethod | Self::Database | Self::DefaultPrivileges | Self::EventTrigger => {
                Class::Administer
            }
            Self::Extension | Self::ForeignDataWrapper | Self::ForeignServer | Self::ForeignTable => {
                Class::Administer
            }
            Self::Owned | Self::Parameter | Self::Policy | Self::Publication | Self::Role => {
                Class::Administer
            }
            Self::RowSecurity | Self::Subscription | Self::System | Self::Tablespace | Self::Transform => {
                Class::Administer
            }
            Self::UserMapping | Self::Language | Self::Unknown => Class::Administer,
        }
    }

    /// The kind of PostgreSQL's own object type number.
    pub(crate) fn of(number: i32) -> Self {
        let Ok(object) = T::try_from(number) else { return Self::Unknown };
        match object {
            T::ObjectAccessMethod => Self::AccessMethod,
            T::ObjectAggregate => Self::Aggregate,
            T::ObjectCast => Self::Cast,
            T::ObjectColumn | T::ObjectAttribute | T::ObjectDefault => Self::Column,
            T::ObjectCollation => Self::Collation,
            T::ObjectConversion => Self::Conversion,
            T::ObjectDatabase => Self::Database,
            T::ObjectDefacl => Self::DefaultPrivileges,
            T::ObjectDomain | T::ObjectDomconstraint => Self::Domain,
            T::ObjectEventTrigger => Self::EventTrigger,
            T::ObjectExtension => Self::Extension,
            T::ObjectFdw => Self::ForeignDataWrapper,
            T::ObjectForeignServer => Self::ForeignServer,
            T::ObjectForeignTable => Self::ForeignTable,
            T::ObjectFunction | T::ObjectProcedure | T::ObjectRoutine => Self::Function,
            T::ObjectIndex => Self::Index,
            T::ObjectLanguage => Self::Language,
            T::ObjectLargeobject => Self::LargeObject,
            T::ObjectMatview => Self::MaterializedView,
            T::ObjectOpclass | T::ObjectOperator | T::ObjectOpfamily | T::ObjectAmop | T::ObjectAmproc => {
                Self::Operator
            }
            T::ObjectParameterAcl => Self::Parameter,
            T::ObjectPolicy => Self::Policy,
            T::ObjectPublication | T::ObjectPublicationNamespace | T::ObjectPublicationRel => {
                Self::Publication
            }
            T::ObjectRole => Self::Role,
            T::ObjectRule => Self::Rule,
            T::ObjectSchema => Self::Schema,
            T::ObjectSequence => Self::Sequence,
            T::ObjectSubscription => Self::Subscription,
            T::ObjectStatisticExt => Self::Statistics,
            T::ObjectTabconstraint => Self::Constraint,
            T::ObjectTable => Self::Table,
            T::ObjectTablespace => Self::Tablespace,
            T::ObjectTransform => Self::Transform,
            T::ObjectTrigger => Self::Trigger,
            T::ObjectTsconfiguration | T::ObjectTsdictionary | T::ObjectTsparser | T::ObjectTstemplate => {
                Self::TextSearch
            }
            T::ObjectType => Self::Type,
            T::ObjectUserMapping => Self::UserMapping,
            T::ObjectView => Self::View,
            T::Undefined => Self::Unknown,
        }
    }

    /// True for kinds whose names live with tables, so that DROP names a relation.
    pub(crate) const fn is_relation(self) -> bool {
        matches!(
            self,
            Self::Table
                | Self::View
                | Self::MaterializedView
                | Self::ForeignTable
                | Self::Sequence
                | Self::Index
        )
    }
}
