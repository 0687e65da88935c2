//! What each kind of statement node does. A statement that ends up without a verb is opaque, so a kind that is
//! forgotten here is refused or held, never waved through.

use pb::TransactionStmtKind as X;
use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use crate::facts::{Opaque, Prepared, Transaction};
use crate::object::{Act, Kind};
use crate::verb::Verb;
use crate::walk::Walker;

impl Walker {
    /// Notes what the node by itself does. Query and COPY nodes note theirs while they are walked.
    pub(crate) fn note(&mut self, node: &N) {
        self.note_run(node);
        self.note_create(node);
        self.note_alter(node);
        self.note_administer(node);
    }

    // Statements that run something or steer the session.
    fn note_run(&mut self, node: &N) {
        match node {
            N::TransactionStmt(t) => self.transaction(t),
            N::PrepareStmt(p) => {
                self.verb(Verb::Prepare);
                self.facts.prepared = Some(Prepared::Prepare(p.name.clone()));
            }
            N::ExecuteStmt(_) => self.verb(Verb::Execute),
            N::DeallocateStmt(d) => {
                self.verb(Verb::Deallocate);
                self.facts.prepared = Some(if d.isall || d.name.is_empty() {
                    Prepared::DeallocateAll
                } else {
                    Prepared::Deallocate(d.name.clone())
                });
            }
            N::DiscardStmt(d) => {
                self.verb(Verb::Discard);
                if d.target == pb::DiscardMode::DiscardAll as i32 {
                    self.facts.prepared = Some(Prepared::DeallocateAll);
                }
            }
            N::DeclareCursorStmt(_) => self.verb(Verb::Declare),
            N::FetchStmt(_) => self.verb(Verb::Fetch),
            N::ClosePortalStmt(_) => self.verb(Verb::Close),
            N::VariableShowStmt(_) => self.verb(Verb::Show),
            N::ConstraintsSetStmt(_) => self.verb(Verb::SetConstraints),
            N::ListenStmt(_) => self.verb(Verb::Listen),
            N::UnlistenStmt(_) => self.verb(Verb::Unlisten),
            N::NotifyStmt(_) => self.verb(Verb::Notify),
            N::ExplainStmt(e) => self.explain(e),
            N::CallStmt(_) => self.verb(Verb::Call),
            N::DoStmt(d) => {
                self.verb(Verb::Do);
                self.opaque(Opaque::Block);
                self.languages(&d.args, Some("plpgsql"));
            }
            N::TruncateStmt(_) => self.verb(Verb::Truncate),
            N::RefreshMatViewStmt(_) => self.verb(Verb::Refresh),
            N::VacuumStmt(v) => self.verb(if v.is_vacuumcmd { Verb::Vacuum } else { Verb::Analyze }),
            N::ClusterStmt(_) => self.verb(Verb::Cluster),
            N::ReindexStmt(_) => self.verb(Verb::Reindex),
            N::CommentStmt(_) => self.verb(Verb::Comment),
            _ => {}
        }
    }

    fn note_create(&mut self, node: &N) {
        let kind = match node {
            N::CreateStmt(_) => Kind::Table,
            N::CreateForeignTableStmt(_) | N::ImportForeignSchemaStmt(_) => Kind::ForeignTable,
            N::CreateTableAsStmt(c) => {
                self.verb(Verb::SelectInto);
                Kind::of(c.objtype)
            }
            N::ViewStmt(_) => Kind::View,
            N::IndexStmt(_) => Kind::Index,
            N::CreateSeqStmt(_) => Kind::Sequence,
            N::CreateSchemaStmt(_) => Kind::Schema,
            N::CreateFunctionStmt(f) => {
                let sql_body = f.sql_body.is_some().then_some("sql");
                self.languages(&f.options, sql_body);
                Kind::Function
            }
            N::CreateTrigStmt(_) => Kind::Trigger,
            N::CreateEventTrigStmt(_) => Kind::EventTrigger,
            N::CreatePlangStmt(_) => Kind::Language,
            N::CreateRoleStmt(_) => Kind::Role,
            N::CreateDomainStmt(_) => Kind::Domain,
            N::DefineStmt(d) => Kind::of(d.kind),
            N::CreateOpClassStmt(_) | N::CreateOpFamilyStmt(_) => Kind::Operator,
            N::CompositeTypeStmt(_) | N::CreateEnumStmt(_) | N::CreateRangeStmt(_) => Kind::Type,
            N::CreateConversionStmt(_) => Kind::Conversion,
            N::CreateCastStmt(_) => Kind::Cast,
            N::CreateTransformStmt(_) => Kind::Transform,
            N::CreateAmStmt(_) => Kind::AccessMethod,
            N::CreateExtensionStmt(_) => Kind::Extension,
            N::CreateFdwStmt(_) => Kind::ForeignDataWrapper,
            N::CreateForeignServerStmt(_) => Kind::ForeignServer,
            N::CreateUserMappingStmt(_) => Kind::UserMapping,
            N::CreatePolicyStmt(_) => Kind::Policy,
            N::CreatePublicationStmt(_) => Kind::Publication,
            N::CreateSubscriptionStmt(_) => Kind::Subscription,
            N::CreateTableSpaceStmt(_) => Kind::Tablespace,
            N::CreatedbStmt(_) => Kind::Database,
            N::CreateStatsStmt(_) => Kind::Statistics,
            N::RuleStmt(_) => Kind::Rule,
            _ => return,
        };
        self.change(Act::Create, kind);
    }

    fn note_alter(&mut self, node: &N) {
        let kind = match node {
            N::AlterTableStmt(a) => Kind::of(a.objtype),
            N::AlterTableCmd(c) => return self.table_command(c),
            N::AlterDomainStmt(_) => Kind::Domain,
            N::AlterTypeStmt(_) | N::AlterEnumStmt(_) => Kind::Type,
            N::AlterFunctionStmt(_) => Kind::Function,
            N::AlterSeqStmt(_) => Kind::Sequence,
            N::AlterStatsStmt(_) => Kind::Statistics,
            N::AlterOperatorStmt(_) | N::AlterOpFamilyStmt(_) => Kind::Operator,
            N::AlterCollationStmt(_) => Kind::Collation,
            N::AlterTsdictionaryStmt(_) | N::AlterTsconfigurationStmt(_) => Kind::TextSearch,
            N::AlterPolicyStmt(_) => Kind::Policy,
            N::AlterEventTrigStmt(_) => Kind::EventTrigger,
            N::AlterExtensionStmt(_) | N::AlterExtensionContentsStmt(_) => Kind::Extension,
            N::AlterFdwStmt(_) => Kind::ForeignDataWrapper,
            N::AlterForeignServerStmt(_) => Kind::ForeignServer,
            N::AlterUserMappingStmt(_) => Kind::UserMapping,
            N::AlterPublicationStmt(_) => Kind::Publication,
            N::AlterSubscriptionStmt(_) => Kind::Subscription,
            N::AlterRoleStmt(_) | N::AlterRoleSetStmt(_) => Kind::Role,
            N::AlterDatabaseStmt(_) | N::AlterDatabaseSetStmt(_) | N::AlterDatabaseRefreshCollStmt(_) => {
                Kind::Database
            }
            N::AlterSystemStmt(_) => Kind::System,
            N::AlterTableSpaceOptionsStmt(_) | N::AlterTableMoveAllStmt(_) => Kind::Tablespace,
            N::AlterDefaultPrivilegesStmt(_) => Kind::DefaultPrivileges,
            N::RenameStmt(r) => Kind::of(r.rename_type),
            N::AlterObjectSchemaStmt(a) => Kind::of(a.object_type),
            N::AlterObjectDependsStmt(a) => Kind::of(a.object_type),
            N::AlterOwnerStmt(a) => {
                // Who owns an object decides who may read it.
                self.change(Act::Alter, Kind::Owned);
                Kind::of(a.object_type)
            }
            _ => return,
        };
        self.change(Act::Alter, kind);
    }

    fn note_administer(&mut self, node: &N) {
        match node {
            N::GrantStmt(g) => self.verb(if g.is_grant { Verb::Grant } else { Verb::Revoke }),
            N::GrantRoleStmt(g) => {
                self.verb(if g.is_grant { Verb::Grant } else { Verb::Revoke });
                self.change(Act::Alter, Kind::Role);
            }
            N::DropRoleStmt(_) => self.change(Act::Drop, Kind::Role),
            N::DropOwnedStmt(_) => self.change(Act::Drop, Kind::Owned),
            N::ReassignOwnedStmt(_) => {
                self.verb(Verb::Reassign);
                self.change(Act::Alter, Kind::Owned);
            }
            N::DropdbStmt(_) => self.change(Act::Drop, Kind::Database),
            N::DropTableSpaceStmt(_) => self.change(Act::Drop, Kind::Tablespace),
            N::DropSubscriptionStmt(_) => self.change(Act::Drop, Kind::Subscription),
            N::DropUserMappingStmt(_) => self.change(Act::Drop, Kind::UserMapping),
            N::LoadStmt(_) => self.verb(Verb::Load),
            N::SecLabelStmt(_) => self.verb(Verb::SecurityLabel),
            N::CheckPointStmt(_) => self.verb(Verb::Checkpoint),
            _ => {}
        }
    }

    fn table_command(&mut self, command: &pb::AlterTableCmd) {
        use pb::AlterTableType as A;
        match A::try_from(command.subtype) {
            Ok(A::AtDropColumn) => self.change(Act::Drop, Kind::Column),
            Ok(A::AtDropConstraint) => self.change(Act::Drop, Kind::Constraint),
            Ok(A::AtChangeOwner) => self.change(Act::Alter, Kind::Owned),
            Ok(A::AtEnableTrig | A::AtEnableAlwaysTrig | A::AtEnableReplicaTrig | A::AtDisableTrig) => {
                self.change(Act::Alter, Kind::Trigger);
            }
            Ok(A::AtEnableTrigAll | A::AtDisableTrigAll | A::AtEnableTrigUser | A::AtDisableTrigUser) => {
                self.change(Act::Alter, Kind::Trigger);
            }
            Ok(A::AtEnableRule | A::AtEnableAlwaysRule | A::AtEnableReplicaRule | A::AtDisableRule) => {
                self.change(Act::Alter, Kind::Rule);
            }
            Ok(
                A::AtEnableRowSecurity
                | A::AtDisableRowSecurity
                | A::AtForceRowSecurity
                | A::AtNoForceRowSecurity,
            ) => self.change(Act::Alter, Kind::RowSecurity),
            Ok(_) => {}
            Err(_) => self.opaque(Opaque::UnknownNode),
        }
    }

    fn transaction(&mut self, t: &pb::TransactionStmt) {
        let name = || t.savepoint_name.clone();
        let (verb, effect) = match X::try_from(t.kind).unwrap_or(X::Undefined) {
            X::TransStmtBegin | X::TransStmtStart => (Verb::Begin, Transaction::Begin),
            X::TransStmtCommit => (Verb::Commit, Transaction::Commit { chain: t.chain }),
            X::TransStmtRollback => (Verb::Rollback, Transaction::Rollback { chain: t.chain }),
            X::TransStmtSavepoint => (Verb::Savepoint, Transaction::Savepoint(name())),
            X::TransStmtRelease => (Verb::Savepoint, Transaction::Release(name())),
            X::TransStmtRollbackTo => (Verb::Rollback, Transaction::RollbackTo(name())),
            X::TransStmtPrepare => (Verb::TwoPhase, Transaction::Prepare),
            X::TransStmtCommitPrepared => (Verb::TwoPhase, Transaction::CommitPrepared),
            X::TransStmtRollbackPrepared => (Verb::TwoPhase, Transaction::RollbackPrepared),
            X::Undefined => return self.opaque(Opaque::UnknownStatement),
        };
        self.verb(verb);
        self.facts.transaction = Some(effect);
    }

    // An ANALYZE option that is not plainly off runs the statement.
    fn explain(&mut self, explain: &pb::ExplainStmt) {
        let runs = explain.options.iter().any(|o| match &o.node {
            Some(N::DefElem(d)) if d.defname == "analyze" => {
                !matches!(word(d.arg.as_deref()).as_deref(), Some("off" | "false" | "0"))
            }
            _ => false,
        });
        self.verb(if runs { Verb::ExplainAnalyze } else { Verb::Explain });
    }

    fn languages(&mut self, options: &[pb::Node], default: Option<&str>) {
        let mut found = false;
        for option in options {
            if let Some(N::DefElem(d)) = &option.node
                && d.defname == "language"
            {
                found = true;
                self.facts.languages.insert(word(d.arg.as_deref()).unwrap_or_else(|| "unknown".to_owned()));
            }
        }
        if let (false, Some(language)) = (found, default) {
            self.facts.languages.insert(language.to_owned());
        }
    }
}

/// An option's argument as a lower-case word.
fn word(node: Option<&pb::Node>) -> Option<String> {
    match node?.node.as_ref()? {
        N::String(s) => Some(s.sval.to_ascii_lowercase()),
        N::Integer(i) => Some(i.ival.to_string()),
        N::Boolean(b) => Some(b.boolval.to_string()),
        _ => None,
    }
}
