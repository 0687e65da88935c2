//! The fields of every message of the raw parse tree.
//!
//! The lists are exhaustive by construction: each message is taken apart field by field, so a field that a later
//! grammar adds breaks the build here instead of hiding a relation from the judge (WALLS, rule 13).

use pg_query::protobuf as pb;

use crate::edit::{Edit, Parts, leaf};
use crate::tree::{Children, Walk};
use crate::walk::Walker;

/// `Name { fields that lead to nodes } [ fields that do not ]`, complete.
macro_rules! shape {
    ($($name:ident { $($child:ident)* } [ $($leaf:ident)* ])*) => {
        $(impl Children for pb::$name {
            #[allow(unused_variables, reason = "a leaf message visits nothing")]
            fn children(&self, w: &mut Walker) {
                let Self { $($child,)* $($leaf: _,)* } = self;
                $($child.walk(w);)*
            }
        }

        impl Parts for pb::$name {
            #[allow(unused_variables, reason = "a leaf message without a location visits nothing")]
            fn parts(&mut self, e: &mut dyn Edit) {
                let Self { $($child,)* $($leaf,)* } = self;
                $($child.parts(e);)*
                $(leaf!($leaf, $leaf, e);)*
            }
        })*
    };
}

shape! {
    Alias { colnames } [ aliasname ]
    RangeVar { alias } [ catalogname schemaname relname inh relpersistence location ]
    IntoClause { rel col_names options view_query } [ access_method on_commit table_space_name skip_data
        ]
    GroupingFunc { xpr args refs } [ agglevelsup location ]
    MergeSupportFunc { xpr } [ msftype msfcollid location ]
    NamedArgExpr { xpr arg } [ name argnumber location ]
    BoolExpr { xpr args } [ boolop location ]
    SubLink { xpr testexpr oper_name subselect } [ sub_link_type sub_link_id location ]
    CaseExpr { xpr arg args defresult } [ casetype casecollid location ]
    CaseWhen { xpr expr result } [ location ]
    RowExpr { xpr args colnames } [ row_typeid row_format location ]
    CoalesceExpr { xpr args } [ coalescetype coalescecollid location ]
    MinMaxExpr { xpr args } [ minmaxtype minmaxcollid inputcollid op location ]
    SqlValueFunction { xpr } [ op r#type typmod location ]
    XmlExpr { xpr named_args arg_names args } [ op name xmloption indent r#type typmod location ]
    JsonFormat {} [ format_type encoding location ]
    JsonReturning { format } [ typid typmod ]
    JsonValueExpr { raw_expr formatted_expr format } []
    JsonIsPredicate { expr format } [ item_type unique_keys location ]
    JsonBehavior { expr } [ btype coerce location ]
    NullTest { xpr arg } [ nulltesttype argisrow location ]
    BooleanTest { xpr arg } [ booltesttype location ]
    SetToDefault { xpr } [ type_id type_mod collation location ]
    CurrentOfExpr { xpr } [ cvarno cursor_name cursor_param ]
    JoinExpr { larg rarg using_clause join_using_alias quals alias } [ jointype is_natural rtindex ]
    TypeName { names typmods array_bounds } [ type_oid setof pct_type typemod location ]
    ColumnRef { fields } [ location ]
    ParamRef {} [ number location ]
    AExpr { name lexpr rexpr } [ kind rexpr_list_start rexpr_list_end location ]
    TypeCast { arg type_name } [ location ]
    CollateClause { arg collname } [ location ]
    RoleSpec {} [ roletype rolename location ]
    FuncCall { funcname args agg_order agg_filter over } [ agg_within_group agg_star agg_distinct
        func_variadic funcformat location ]
    AStar {} []
    AIndices { lidx uidx } [ is_slice ]
    AIndirection { arg indirection } []
    AArrayExpr { elements } [ list_start list_end location ]
    ResTarget { indirection val } [ name location ]
    MultiAssignRef { source } [ colno ncolumns ]
    SortBy { node use_op } [ sortby_dir sortby_nulls location ]
    WindowDef { partition_clause order_clause start_offset end_offset } [ name refname frame_options
        location ]
    RangeSubselect { subquery alias } [ lateral ]
    RangeFunction { functions alias coldeflist } [ lateral ordinality is_rowsfrom ]
    RangeTableFunc { docexpr rowexpr namespaces columns alias } [ lateral location ]
    RangeTableFuncCol { type_name colexpr coldefexpr } [ colname for_ordinality is_not_null location ]
    RangeTableSample { relation method args repeatable } [ location ]
    ColumnDef { type_name raw_default cooked_default identity_sequence coll_clause constraints
        fdwoptions } [ colname compression inhcount is_local is_not_null is_from_type storage
        storage_name identity generated coll_oid location ]
    TableLikeClause { relation } [ options relation_oid ]
    IndexElem { expr collation opclass opclassopts } [ name indexcolname ordering nulls_ordering ]
    DefElem { arg } [ defnamespace defname defaction location arg_location ]
    LockingClause { locked_rels } [ strength wait_policy ]
    XmlSerialize { expr type_name } [ xmloption indent location ]
    PartitionElem { expr collation opclass } [ name location ]
    PartitionSpec { part_params } [ strategy location ]
    PartitionBoundSpec { listdatums lowerdatums upperdatums } [ strategy is_default modulus remainder
        location ]
    PartitionRangeDatum { value } [ kind location ]
    PartitionCmd { name bound } [ concurrent ]
    GroupingSet { content } [ kind location ]
    WithClause { ctes } [ recursive location ]
    InferClause { index_elems where_clause } [ conname location ]
    OnConflictClause { infer target_list where_clause } [ action location ]
    CteSearchClause { search_col_list } [ search_breadth_first search_seq_column location ]
    CteCycleClause { cycle_col_list cycle_mark_value cycle_mark_default } [ cycle_mark_column
        cycle_path_column location cycle_mark_type cycle_mark_typmod cycle_mark_collation
        cycle_mark_neop ]
    CommonTableExpr { aliascolnames ctequery search_clause cycle_clause ctecolnames ctecoltypes
        ctecoltypmods ctecolcollations } [ ctename ctematerialized location cterecursive cterefcount ]
    MergeWhenClause { condition target_list values } [ match_kind command_type r#override ]
    ReturningOption {} [ option value location ]
    ReturningClause { options exprs } []
    TriggerTransition {} [ name is_new is_table ]
    JsonOutput { type_name returning } []
    JsonArgument { val } [ name ]
    JsonFuncExpr { context_item pathspec passing output on_empty on_error } [ op column_name wrapper
        quotes location ]
    JsonTablePathSpec { string } [ name name_location location ]
    JsonTable { context_item pathspec passing columns on_error alias } [ lateral location ]
    JsonTableColumn { type_name pathspec format columns on_empty on_error } [ coltype name wrapper
        quotes location ]
    JsonKeyValue { key value } []
    JsonParseExpr { expr output } [ unique_keys location ]
    JsonScalarExpr { expr output } [ location ]
    JsonSerializeExpr { expr output } [ location ]
    JsonObjectConstructor { exprs output } [ absent_on_null unique location ]
    JsonArrayConstructor { exprs output } [ absent_on_null location ]
    JsonArrayQueryConstructor { query output format } [ absent_on_null location ]
    JsonAggConstructor { output agg_filter agg_order over } [ location ]
    JsonObjectAgg { constructor arg } [ absent_on_null unique ]
    JsonArrayAgg { constructor arg } [ absent_on_null ]
    InsertStmt { relation cols select_stmt on_conflict_clause returning_clause with_clause } [
        r#override ]
    DeleteStmt { relation using_clause where_clause returning_clause with_clause } []
    UpdateStmt { relation target_list where_clause from_clause returning_clause with_clause } []
    MergeStmt { relation source_relation join_condition merge_when_clauses returning_clause with_clause
        } []
    SelectStmt { distinct_clause into_clause target_list from_clause where_clause group_clause
        having_clause window_clause values_lists sort_clause limit_offset limit_count locking_clause
        with_clause larg rarg } [ group_distinct limit_option op all ]
    ReturnStmt { returnval } []
    CreateSchemaStmt { authrole schema_elts } [ schemaname if_not_exists ]
    AlterTableStmt { relation cmds } [ objtype missing_ok ]
    AlterTableCmd { newowner def } [ subtype name num behavior missing_ok recurse ]
    AtAlterConstraint {} [ conname alter_enforceability is_enforced alter_deferrability deferrable
        initdeferred alter_inheritability noinherit ]
    ReplicaIdentityStmt {} [ identity_type name ]
    AlterCollationStmt { collname } []
    AlterDomainStmt { type_name def } [ subtype name behavior missing_ok ]
    GrantStmt { objects privileges grantees grantor } [ is_grant targtype objtype grant_option behavior
        ]
    ObjectWithArgs { objname objargs objfuncargs } [ args_unspecified ]
    AccessPriv { cols } [ priv_name ]
    GrantRoleStmt { granted_roles grantee_roles opt grantor } [ is_grant behavior ]
    AlterDefaultPrivilegesStmt { options action } []
    CopyStmt { relation query attlist options where_clause } [ is_from is_program filename ]
    VariableSetStmt { args } [ kind name jumble_args is_local location ]
    VariableShowStmt {} [ name ]
    CreateStmt { relation table_elts inh_relations partbound partspec of_typename constraints
        nnconstraints options } [ oncommit tablespacename access_method if_not_exists ]
    Constraint { raw_expr keys including exclusions options where_clause pktable fk_attrs pk_attrs
        fk_del_set_cols old_conpfeqop } [ contype conname deferrable initdeferred is_enforced
        skip_validation initially_valid is_no_inherit cooked_expr generated_when generated_kind
        nulls_not_distinct without_overlaps indexname indexspace reset_default_tblspc access_method
        fk_with_period pk_with_period fk_matchtype fk_upd_action fk_del_action old_pktable_oid location
        ]
    CreateTableSpaceStmt { owner options } [ tablespacename location ]
    DropTableSpaceStmt {} [ tablespacename missing_ok ]
    AlterTableSpaceOptionsStmt { options } [ tablespacename is_reset ]
    AlterTableMoveAllStmt { roles } [ orig_tablespacename objtype new_tablespacename nowait ]
    CreateExtensionStmt { options } [ extname if_not_exists ]
    AlterExtensionStmt { options } [ extname ]
    AlterExtensionContentsStmt { object } [ extname action objtype ]
    CreateFdwStmt { func_options options } [ fdwname ]
    AlterFdwStmt { func_options options } [ fdwname ]
    CreateForeignServerStmt { options } [ servername servertype version fdwname if_not_exists ]
    AlterForeignServerStmt { options } [ servername version has_version ]
    CreateForeignTableStmt { base_stmt options } [ servername ]
    CreateUserMappingStmt { user options } [ servername if_not_exists ]
    AlterUserMappingStmt { user options } [ servername ]
    DropUserMappingStmt { user } [ servername missing_ok ]
    ImportForeignSchemaStmt { table_list options } [ server_name remote_schema local_schema list_type ]
    CreatePolicyStmt { table roles qual with_check } [ policy_name cmd_name permissive ]
    AlterPolicyStmt { table roles qual with_check } [ policy_name ]
    CreateAmStmt { handler_name } [ amname amtype ]
    CreateTrigStmt { relation funcname args columns when_clause transition_rels constrrel } [ replace
        isconstraint trigname row timing events deferrable initdeferred ]
    CreateEventTrigStmt { whenclause funcname } [ trigname eventname ]
    AlterEventTrigStmt {} [ trigname tgenabled ]
    CreatePLangStmt { plhandler plinline plvalidator } [ replace plname pltrusted ]
    CreateRoleStmt { options } [ stmt_type role ]
    AlterRoleStmt { role options } [ action ]
    AlterRoleSetStmt { role setstmt } [ database ]
    DropRoleStmt { roles } [ missing_ok ]
    CreateSeqStmt { sequence options } [ owner_id for_identity if_not_exists ]
    AlterSeqStmt { sequence options } [ for_identity missing_ok ]
    DefineStmt { defnames args definition } [ kind oldstyle if_not_exists replace ]
    CreateDomainStmt { domainname type_name coll_clause constraints } []
    CreateOpClassStmt { opclassname opfamilyname datatype items } [ amname is_default ]
    CreateOpClassItem { name order_family class_args storedtype } [ itemtype number ]
    CreateOpFamilyStmt { opfamilyname } [ amname ]
    AlterOpFamilyStmt { opfamilyname items } [ amname is_drop ]
    DropStmt { objects } [ remove_type behavior missing_ok concurrent ]
    TruncateStmt { relations } [ restart_seqs behavior ]
    CommentStmt { object } [ objtype comment ]
    SecLabelStmt { object } [ objtype provider label ]
    DeclareCursorStmt { query } [ portalname options ]
    ClosePortalStmt {} [ portalname ]
    FetchStmt {} [ direction how_many portalname ismove ]
    IndexStmt { relation index_params index_including_params options where_clause exclude_op_names } [
        idxname access_method table_space idxcomment index_oid old_number old_create_subid
        old_first_relfilelocator_subid unique nulls_not_distinct primary isconstraint iswithoutoverlaps
        deferrable initdeferred transformed concurrent if_not_exists reset_default_tblspc ]
    CreateStatsStmt { defnames stat_types exprs relations } [ stxcomment transformed if_not_exists ]
    StatsElem { expr } [ name ]
    AlterStatsStmt { defnames stxstattarget } [ missing_ok ]
    CreateFunctionStmt { funcname parameters return_type options sql_body } [ is_procedure replace ]
    FunctionParameter { arg_type defexpr } [ name mode location ]
    AlterFunctionStmt { func actions } [ objtype ]
    DoStmt { args } []
    CallStmt { funccall funcexpr outargs } []
    RenameStmt { relation object } [ rename_type relation_type subname newname behavior missing_ok ]
    AlterObjectDependsStmt { relation object extname } [ object_type remove ]
    AlterObjectSchemaStmt { relation object } [ object_type newschema missing_ok ]
    AlterOwnerStmt { relation object newowner } [ object_type ]
    AlterOperatorStmt { opername options } []
    AlterTypeStmt { type_name options } []
    RuleStmt { relation where_clause actions } [ rulename event instead replace ]
    NotifyStmt {} [ conditionname payload payload_location ]
    ListenStmt {} [ conditionname ]
    UnlistenStmt {} [ conditionname ]
    TransactionStmt { options } [ kind savepoint_name gid chain location ]
    CompositeTypeStmt { typevar coldeflist } []
    CreateEnumStmt { type_name vals } []
    CreateRangeStmt { type_name params } []
    AlterEnumStmt { type_name } [ old_val new_val new_val_neighbor new_val_is_after
        skip_if_new_val_exists ]
    ViewStmt { view aliases query options } [ replace with_check_option ]
    LoadStmt {} [ filename ]
    CreatedbStmt { options } [ dbname ]
    AlterDatabaseStmt { options } [ dbname ]
    AlterDatabaseRefreshCollStmt {} [ dbname ]
    AlterDatabaseSetStmt { setstmt } [ dbname ]
    DropdbStmt { options } [ dbname missing_ok ]
    AlterSystemStmt { setstmt } []
    ClusterStmt { relation params } [ indexname ]
    VacuumStmt { options rels } [ is_vacuumcmd ]
    VacuumRelation { relation va_cols } [ oid ]
    ExplainStmt { query options } []
    CreateTableAsStmt { query into } [ objtype is_select_into if_not_exists ]
    RefreshMatViewStmt { relation } [ concurrent skip_data ]
    CheckPointStmt {} []
    DiscardStmt {} [ target ]
    LockStmt { relations } [ mode nowait ]
    ConstraintsSetStmt { constraints } [ deferred ]
    ReindexStmt { relation params } [ kind name ]
    CreateConversionStmt { conversion_name func_name } [ for_encoding_name to_encoding_name def ]
    CreateCastStmt { sourcetype targettype func } [ context inout ]
    CreateTransformStmt { type_name fromsql tosql } [ replace lang ]
    PrepareStmt { argtypes query } [ name ]
    ExecuteStmt { params } [ name ]
    DeallocateStmt {} [ name isall location ]
    DropOwnedStmt { roles } [ behavior ]
    ReassignOwnedStmt { roles newrole } []
    AlterTsDictionaryStmt { dictname options } []
    AlterTsConfigurationStmt { cfgname tokentype dicts } [ kind r#override replace missing_ok ]
    PublicationTable { relation where_clause columns } []
    PublicationObjSpec { pubtable } [ pubobjtype name location ]
    CreatePublicationStmt { options pubobjects } [ pubname for_all_tables ]
    AlterPublicationStmt { options pubobjects } [ pubname for_all_tables action ]
    CreateSubscriptionStmt { publication options } [ subname conninfo conninfo_location ]
    AlterSubscriptionStmt { publication options } [ kind subname conninfo conninfo_location ]
    DropSubscriptionStmt {} [ subname missing_ok behavior ]
    Integer {} [ ival ]
    Float {} [ fval ]
    Boolean {} [ boolval ]
    String {} [ sval ]
    BitString {} [ bsval ]
    List { items } []
    AConst {} [ isnull location val ]
}
