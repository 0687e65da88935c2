//! Traversal of PostgreSQL's raw parse tree: dispatch over every node kind, none left out. The fields of each
//! message are in `shape`.

use pg_query::NodeEnum;
use pg_query::protobuf as pb;

use crate::edit::{Edit, Parts};
use crate::walk::Walker;

/// Walks the nodes below a message.
pub(crate) trait Children {
    /// Visits every field that leads to further nodes.
    fn children(&self, w: &mut Walker);
}

/// Visits a message: notes what it means for the facts, then its children.
pub(crate) trait Walk {
    /// Visits `self` and all below.
    fn walk(&self, w: &mut Walker);
}

impl<T: Walk> Walk for Option<T> {
    fn walk(&self, w: &mut Walker) {
        if let Some(inner) = self {
            inner.walk(w);
        }
    }
}

impl<T: Walk> Walk for Box<T> {
    fn walk(&self, w: &mut Walker) {
        (**self).walk(w);
    }
}

impl<T: Walk> Walk for Vec<T> {
    fn walk(&self, w: &mut Walker) {
        for item in self {
            item.walk(w);
        }
    }
}

/// Messages that carry no fact of their own.
macro_rules! plain {
    ($($name:ident),* $(,)?) => {
        $(impl Walk for pb::$name {
            fn walk(&self, w: &mut Walker) {
                self.children(w);
            }
        })*
    };
}

/// Dispatch over every variant of the node enum, without a wildcard.
macro_rules! dispatch {
    (raw { $($raw:ident)* } analysed { $($analysed:ident)* }) => {
        pub(crate) fn dispatch(node: &NodeEnum, w: &mut Walker) {
            match node {
                $(NodeEnum::$raw(inner) => inner.walk(w),)*
                // Only the planner or the executor makes these: the raw grammar has no business giving one.
                $(NodeEnum::$analysed(_) => w.unknown_node(),)*
            }
        }

        /// What lies directly below a node. Nothing lies below one that the raw grammar does not give.
        pub(crate) fn parts(node: &mut NodeEnum, e: &mut dyn Edit) {
            match node {
                $(NodeEnum::$raw(inner) => inner.parts(e),)*
                $(NodeEnum::$analysed(_) => {})*
            }
        }
    };
}

impl Walk for pb::Node {
    fn walk(&self, w: &mut Walker) {
        if let Some(node) = &self.node {
            w.note(node);
            dispatch(node, w);
        }
    }
}

impl Walk for pb::FuncExpr {
    fn walk(&self, w: &mut Walker) {
        w.unknown_node();
    }
}

impl Walk for pb::Query {
    fn walk(&self, w: &mut Walker) {
        w.unknown_node();
    }
}

dispatch! {
    raw {
        Alias RangeVar IntoClause GroupingFunc MergeSupportFunc NamedArgExpr BoolExpr SubLink CaseExpr
        CaseWhen RowExpr CoalesceExpr MinMaxExpr SqlvalueFunction XmlExpr JsonFormat JsonReturning
        JsonValueExpr JsonIsPredicate JsonBehavior NullTest BooleanTest SetToDefault CurrentOfExpr
        JoinExpr TypeName ColumnRef ParamRef AExpr TypeCast CollateClause RoleSpec FuncCall AStar
        AIndices AIndirection AArrayExpr ResTarget MultiAssignRef SortBy WindowDef RangeSubselect
        RangeFunction RangeTableFunc RangeTableFuncCol RangeTableSample ColumnDef TableLikeClause
        IndexElem DefElem LockingClause XmlSerialize PartitionElem PartitionSpec PartitionBoundSpec
        PartitionRangeDatum PartitionCmd GroupingSet WithClause InferClause OnConflictClause
        CtesearchClause CtecycleClause CommonTableExpr MergeWhenClause ReturningOption ReturningClause
        TriggerTransition JsonOutput JsonArgument JsonFuncExpr JsonTablePathSpec JsonTable
        JsonTableColumn JsonKeyValue JsonParseExpr JsonScalarExpr JsonSerializeExpr
        JsonObjectConstructor JsonArrayConstructor JsonArrayQueryConstructor JsonAggConstructor
        JsonObjectAgg JsonArrayAgg InsertStmt DeleteStmt UpdateStmt MergeStmt SelectStmt ReturnStmt
        CreateSchemaStmt AlterTableStmt AlterTableCmd AtalterConstraint ReplicaIdentityStmt
        AlterCollationStmt AlterDomainStmt GrantStmt ObjectWithArgs AccessPriv GrantRoleStmt
        AlterDefaultPrivilegesStmt CopyStmt VariableSetStmt VariableShowStmt CreateStmt Constraint
        CreateTableSpaceStmt DropTableSpaceStmt AlterTableSpaceOptionsStmt AlterTableMoveAllStmt
        CreateExtensionStmt AlterExtensionStmt AlterExtensionContentsStmt CreateFdwStmt AlterFdwStmt
        CreateForeignServerStmt AlterForeignServerStmt CreateForeignTableStmt CreateUserMappingStmt
        AlterUserMappingStmt DropUserMappingStmt ImportForeignSchemaStmt CreatePolicyStmt
        AlterPolicyStmt CreateAmStmt CreateTrigStmt CreateEventTrigStmt AlterEventTrigStmt
        CreatePlangStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt DropRoleStmt CreateSeqStmt
        AlterSeqStmt DefineStmt CreateDomainStmt CreateOpClassStmt CreateOpClassItem CreateOpFamilyStmt
        AlterOpFamilyStmt DropStmt TruncateStmt CommentStmt SecLabelStmt DeclareCursorStmt
        ClosePortalStmt FetchStmt IndexStmt CreateStatsStmt StatsElem AlterStatsStmt CreateFunctionStmt
        FunctionParameter AlterFunctionStmt DoStmt CallStmt RenameStmt AlterObjectDependsStmt
        AlterObjectSchemaStmt AlterOwnerStmt AlterOperatorStmt AlterTypeStmt RuleStmt NotifyStmt
        ListenStmt UnlistenStmt TransactionStmt CompositeTypeStmt CreateEnumStmt CreateRangeStmt
        AlterEnumStmt ViewStmt LoadStmt CreatedbStmt AlterDatabaseStmt AlterDatabaseRefreshCollStmt
        AlterDatabaseSetStmt DropdbStmt AlterSystemStmt ClusterStmt VacuumStmt VacuumRelation
        ExplainStmt CreateTableAsStmt RefreshMatViewStmt CheckPointStmt DiscardStmt LockStmt
        ConstraintsSetStmt ReindexStmt CreateConversionStmt CreateCastStmt CreateTransformStmt
        PrepareStmt ExecuteStmt DeallocateStmt DropOwnedStmt ReassignOwnedStmt AlterTsdictionaryStmt
        AlterTsconfigurationStmt PublicationTable PublicationObjSpec CreatePublicationStmt
        AlterPublicationStmt CreateSubscriptionStmt AlterSubscriptionStmt DropSubscriptionStmt Integer
        Float Boolean String BitString List AConst
    }
    analysed {
        TableFunc Var Param Aggref WindowFunc WindowFuncRunCondition SubscriptingRef FuncExpr OpExpr
        DistinctExpr NullIfExpr ScalarArrayOpExpr SubPlan AlternativeSubPlan FieldSelect FieldStore
        RelabelType CoerceViaIo ArrayCoerceExpr ConvertRowtypeExpr CollateExpr CaseTestExpr ArrayExpr
        RowCompareExpr JsonConstructorExpr JsonExpr JsonTablePath JsonTablePathScan JsonTableSiblingJoin
        MergeAction CoerceToDomain CoerceToDomainValue NextValueExpr InferenceElem ReturningExpr
        TargetEntry RangeTblRef FromExpr OnConflictExpr Query RangeTblEntry RtepermissionInfo
        RangeTblFunction TableSampleClause WithCheckOption SortGroupClause WindowClause RowMarkClause
        RawStmt SetOperationStmt PlassignStmt InlineCodeBlock CallContext IntList OidList
    }
}

plain! {
    Alias, IntoClause, GroupingFunc, MergeSupportFunc, NamedArgExpr, BoolExpr, SubLink, CaseExpr,
    CaseWhen, RowExpr, CoalesceExpr, MinMaxExpr, SqlValueFunction, XmlExpr, JsonFormat, JsonReturning,
    JsonValueExpr, JsonIsPredicate, JsonBehavior, NullTest, BooleanTest, SetToDefault, CurrentOfExpr,
    TypeName, ParamRef, AExpr, TypeCast, CollateClause, RoleSpec, AStar, AIndices,
    AArrayExpr, MultiAssignRef, SortBy, WindowDef, RangeSubselect,
    RangeFunction, RangeTableFunc, RangeTableFuncCol, ColumnDef, IndexElem, DefElem, XmlSerialize,
    PartitionElem, PartitionSpec, PartitionBoundSpec, PartitionRangeDatum, PartitionCmd, GroupingSet,
    WithClause, InferClause, CteSearchClause, CteCycleClause, CommonTableExpr,
    ReturningOption, ReturningClause, TriggerTransition, JsonOutput, JsonArgument,
    JsonFuncExpr, JsonTablePathSpec, JsonTable, JsonTableColumn, JsonKeyValue, JsonParseExpr,
    JsonScalarExpr, JsonSerializeExpr, JsonObjectConstructor, JsonArrayConstructor,
    JsonArrayQueryConstructor, JsonAggConstructor, JsonObjectAgg, JsonArrayAgg, ReturnStmt,
    CreateSchemaStmt, AlterTableStmt, AlterTableCmd, AtAlterConstraint, ReplicaIdentityStmt,
    AlterCollationStmt, AlterDomainStmt, GrantStmt, ObjectWithArgs, AccessPriv, GrantRoleStmt,
    AlterDefaultPrivilegesStmt, VariableShowStmt, CreateStmt, Constraint, CreateTableSpaceStmt,
    DropTableSpaceStmt, AlterTableSpaceOptionsStmt, AlterTableMoveAllStmt, CreateExtensionStmt,
    AlterExtensionStmt, AlterExtensionContentsStmt, CreateFdwStmt, AlterFdwStmt,
    CreateForeignServerStmt, AlterForeignServerStmt, CreateForeignTableStmt, CreateUserMappingStmt,
    AlterUserMappingStmt, DropUserMappingStmt, ImportForeignSchemaStmt, CreatePolicyStmt,
    AlterPolicyStmt, CreateAmStmt, CreateTrigStmt, CreateEventTrigStmt, AlterEventTrigStmt,
    CreatePLangStmt, CreateRoleStmt, AlterRoleStmt, AlterRoleSetStmt, DropRoleStmt, CreateSeqStmt,
    AlterSeqStmt, DefineStmt, CreateDomainStmt, CreateOpClassStmt, CreateOpClassItem,
    CreateOpFamilyStmt, AlterOpFamilyStmt, TruncateStmt, CommentStmt, SecLabelStmt, DeclareCursorStmt,
    ClosePortalStmt, FetchStmt, IndexStmt, CreateStatsStmt, StatsElem, AlterStatsStmt,
    CreateFunctionStmt, FunctionParameter, AlterFunctionStmt, DoStmt, CallStmt, RenameStmt,
    AlterObjectDependsStmt, AlterObjectSchemaStmt, AlterOwnerStmt, AlterOperatorStmt, AlterTypeStmt,
    RuleStmt, NotifyStmt, ListenStmt, UnlistenStmt, TransactionStmt, CompositeTypeStmt, CreateEnumStmt,
    CreateRangeStmt, AlterEnumStmt, ViewStmt, LoadStmt, CreatedbStmt, AlterDatabaseStmt,
    AlterDatabaseRefreshCollStmt, AlterDatabaseSetStmt, DropdbStmt, AlterSystemStmt, ClusterStmt,
    VacuumStmt, VacuumRelation, ExplainStmt, CreateTableAsStmt, RefreshMatViewStmt, CheckPointStmt,
    DiscardStmt, ConstraintsSetStmt, ReindexStmt, CreateConversionStmt, CreateCastStmt,
    CreateTransformStmt, PrepareStmt, DeallocateStmt, DropOwnedStmt, ReassignOwnedStmt,
    AlterTsDictionaryStmt, AlterTsConfigurationStmt, PublicationTable, PublicationObjSpec,
    CreatePublicationStmt, AlterPublicationStmt, CreateSubscriptionStmt, AlterSubscriptionStmt,
    DropSubscriptionStmt, Integer, Float, Boolean, String, BitString, List, AConst
}
