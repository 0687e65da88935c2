//! Definitions and all other statements that are sent as they came. A definition that names a relation in the closure of
//! classification passes only where it plainly computes nothing on its classified columns; one that would run code by
//! itself later, or reach the data by another way, never does.

use pg_query::NodeEnum as N;
use pg_query::protobuf as pb;

use super::fault::Unsubstitutable;
use super::mention::Mentions;
use super::part::Part;
use super::utility::into_is_temporary;
use super::write::Target;
use crate::catalogue::Exposure;
use crate::edit::Edit as _;
use crate::facts::Relation;

/// What may stand in a session whatever it names: it runs no expression and shows no row.
const fn is_session(node: &N) -> bool {
    matches!(
        node,
        N::TransactionStmt(_)
            | N::VariableSetStmt(_)
            | N::VariableShowStmt(_)
            | N::DeallocateStmt(_)
            | N::ExecuteStmt(_)
            | N::FetchStmt(_)
            | N::ClosePortalStmt(_)
            | N::DiscardStmt(_)
            | N::ListenStmt(_)
            | N::UnlistenStmt(_)
            | N::NotifyStmt(_)
            | N::ConstraintsSetStmt(_)
            | N::CheckPointStmt(_)
            | N::LockStmt(_)
            // A procedure of the owner's: calling it is for the policy.
            | N::CallStmt(_)
    )
}

/// Definitions that bring code which runs by itself later, or another way to the data; what they are called.
const fn brings_code(node: &N) -> Option<&'static str> {
    Some(match node {
        N::DoStmt(_) => "a block of code",
        N::CreateTrigStmt(_) => "a trigger",
        N::CreateEventTrigStmt(_) | N::AlterEventTrigStmt(_) => "an event trigger",
        N::RuleStmt(_) => "a rule",
        N::CreatePolicyStmt(_) | N::AlterPolicyStmt(_) => "a row security policy",
        N::CreateOpClassStmt(_) | N::CreateOpFamilyStmt(_) | N::AlterOpFamilyStmt(_) => "an operator class",
        N::AlterOperatorStmt(_) => "an operator",
        N::CreateCastStmt(_) => "a cast",
        N::CreateConversionStmt(_) => "a conversion",
        N::CreateTransformStmt(_) => "a transform",
        N::CreatePlangStmt(_) => "a language",
        N::CreateAmStmt(_) => "an access method",
        N::CreateFdwStmt(_) | N::AlterFdwStmt(_) => "a foreign-data wrapper",
        N::CreateForeignServerStmt(_) | N::AlterForeignServerStmt(_) => "a foreign server",
        N::CreateForeignTableStmt(_) | N::ImportForeignSchemaStmt(_) => "a foreign table",
        N::CreateUserMappingStmt(_) | N::AlterUserMappingStmt(_) => "a user mapping",
        N::CreatePublicationStmt(_) | N::AlterPublicationStmt(_) => "a publication",
        N::CreateSubscriptionStmt(_) | N::AlterSubscriptionStmt(_) => "a subscription",
        N::AlterExtensionContentsStmt(_) => "a change of what belongs to an extension",
        N::CreateRangeStmt(_) => "a range type",
        N::LoadStmt(_) => "a library",
        _ => return None,
    })
}

/// Checks a statement that is sent as it came.
pub(super) fn check(part: &mut Part<'_>, stmt: &mut pb::Node) {
    let Some(node) = stmt.node.as_mut() else { return };
    if is_session(node) {
        return;
    }
    part.defines = true;
    if let Some(what) = brings_code(node) {
        return part.fault(Unsubstitutable::definition(what));
    }
    match node {
        N::DefineStmt(define) if define.kind == pb::ObjectType::ObjectOperator as i32 => {
            part.fault(Unsubstitutable::definition("an operator"));
        }
        N::DefineStmt(define)
            if define.kind == pb::ObjectType::ObjectType as i32 && !define.definition.is_empty() =>
        {
            part.fault(Unsubstitutable::definition("a base type"));
        }
        N::CreateSchemaStmt(schema) if !schema.schema_elts.is_empty() => {
            part.fault(Unsubstitutable::definition("a schema with definitions in it"));
        }
        N::CreateStmt(create) => {
            // A foreign key tells which values are there; what inherits is read with its parent.
            if !create.inh_relations.is_empty() || create.table_elts.iter().any(refers) {
                reaches(part, "a table that refers to it");
            }
            if into_is_temporary(create.relation.as_ref()) {
                part.makes_temporary.extend(create.relation.iter().map(|r| Box::from(r.relname.as_str())));
            }
        }
        N::ViewStmt(view) => {
            if into_is_temporary(view.view.as_ref()) {
                part.makes_temporary.extend(view.view.iter().map(|r| Box::from(r.relname.as_str())));
            }
            // It is defined as it was written, which is safe where masks would not stand in it: no classified column is
            // named. What it shows is found out when the catalogue is read again.
            let mut query = view.query.clone();
            part.mentions = Mentions::of_query(query.as_mut());
            part.query(query.as_mut());
            if part.masked {
                part.fault(Unsubstitutable::definition("a view of classified columns"));
            }
        }
        N::IndexStmt(index) => {
            if !plain_index(index) {
                reaches(part, "an index on an expression or with a condition");
            }
            classified_index(part, index);
        }
        N::CreateStatsStmt(_) => reaches(part, "statistics"),
        N::AlterTableStmt(alter) if !alter.cmds.iter().all(plain_command) => {
            reaches(part, "this change of a table");
        }
        N::RenameStmt(_) | N::AlterObjectSchemaStmt(_) => reaches(part, "another name"),
        N::AlterOwnerStmt(_) => reaches(part, "another owner"),
        N::ClusterStmt(_) => reaches(part, "another order of rows"),
        // Rights, comments, maintenance, functions (which nobody may call by that alone), and dropping things: policy.
        _ => {}
    }
}

/// Refused where the statement names a relation that it must not, in whatever schema: it is sent as it came, so the
/// server decides which one a bare name means.
fn reaches(part: &mut Part<'_>, what: &str) {
    let named = |r: &Relation| {
        part.any_of(r.schema.as_deref(), &r.name).any(|(_, entry)| !matches!(entry.exposure, Exposure::Plain))
    };
    if part.facts.relations.iter().any(named) {
        part.touches = true;
        part.fault(Unsubstitutable::definition(what));
    }
}

/// A foreign key, of a column or of the table.
fn refers(element: &pb::Node) -> bool {
    match &element.node {
        Some(N::Constraint(constraint)) => constraint.pktable.is_some(),
        Some(N::ColumnDef(column)) => column.constraints.iter().any(refers),
        _ => false,
    }
}

fn plain_index(index: &pb::IndexStmt) -> bool {
    let plain =
        |e: &pb::Node| matches!(&e.node, Some(N::IndexElem(e)) if e.expr.is_none() && e.opclass.is_empty());
    index.where_clause.is_none() && index.exclude_op_names.is_empty() && index.index_params.iter().all(plain)
}

/// An index on a classified column orders rows by it, and a unique one tells which values are there.
fn classified_index(part: &mut Part<'_>, index: &pb::IndexStmt) {
    let named =
        index.index_params.iter().chain(&index.index_including_params).filter_map(|e| match &e.node {
            Some(N::IndexElem(e)) => Some(e.name.as_str()),
            _ => None,
        });
    let names: Vec<&str> = named.collect();
    let Some(relation) = &index.relation else { return };
    let schema = (!relation.schemaname.is_empty()).then_some(relation.schemaname.as_str());
    let hit = part.any_of(schema, &relation.relname).any(|(_, entry)| match &entry.exposure {
        Exposure::Masked(masked) => masked.columns.iter().any(|c| c.is_masked() && names.contains(&&*c.name)),
        Exposure::Plain | Exposure::Opaque(_) | Exposure::Shown(_) => false,
    });
    if hit {
        part.fault(Unsubstitutable::definition("an index on a classified column"));
    }
}

/// ADD COLUMN without an expression, and what changes nothing of what is stored.
fn plain_command(command: &pb::Node) -> bool {
    use pb::AlterTableType as A;
    let Some(N::AlterTableCmd(command)) = &command.node else { return false };
    match A::try_from(command.subtype) {
        Ok(A::AtAddColumn) => match command.def.as_ref().and_then(|d| d.node.as_ref()) {
            Some(N::ColumnDef(column)) => column.constraints.iter().all(plain_constraint),
            _ => false,
        },
        Ok(A::AtDropColumn | A::AtDropConstraint | A::AtDropNotNull | A::AtSetStatistics) => true,
        Ok(_) | Err(_) => false,
    }
}

fn plain_constraint(constraint: &pb::Node) -> bool {
    use pb::ConstrType as C;
    let Some(N::Constraint(constraint)) = &constraint.node else { return false };
    match C::try_from(constraint.contype) {
        Ok(C::ConstrNull | C::ConstrNotnull) => true,
        // A constant.
        Ok(C::ConstrDefault) => {
            matches!(constraint.raw_expr.as_ref().and_then(|e| e.node.as_ref()), Some(N::AConst(_)))
        }
        Ok(_) | Err(_) => false,
    }
}

impl Part<'_> {
    /// COPY FROM into classified columns brings data that nothing looks at, masked forms among them.
    pub(super) fn copied_in(&mut self, target: &Target, columns: &[String]) {
        let classified = target.classified_names();
        let hit = classified.iter().find(|name| columns.is_empty() || columns.iter().any(|c| c == *name));
        match hit {
            Some(name) if self.at.may_assign => self.fault(Unsubstitutable::copies_in(name)),
            Some(name) => self.fault(Unsubstitutable::assigns(name)),
            None => {}
        }
    }

    /// The condition of COPY FROM speaks of rows that come, not of those that are there.
    pub(super) fn reading_none(&mut self, _target: &Target, condition: Option<&mut Box<pb::Node>>) {
        if let Some(condition) = condition {
            self.node(condition);
        }
    }
}
