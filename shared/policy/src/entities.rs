//! Facts to Cedar's entities and contexts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression as Expr,
};
use hoop_api::PrincipalKind;
use hoop_statement::{Class, Facts, Function, How, Relation, Verb};

use crate::column::{self, Column};
use crate::facts::{Estimate, OpeningFacts, SessionFacts, TargetFacts};
use crate::principal::Principal;

/// Classified columns that a statement touches, and how.
pub(crate) type Touched = BTreeMap<Column, BTreeSet<How>>;

/// Something of the facts could not be told to Cedar.
#[derive(Debug, thiserror::Error)]
#[error("facts do not fit the schema: {0}")]
pub(crate) struct Misfit(String);

impl Misfit {
    pub(crate) fn of(e: impl std::fmt::Display) -> Self {
        Self(e.to_string())
    }
}

/// Entity types of the schema; Cedar parses a type name as it parses a policy.
static TYPES: LazyLock<HashMap<&str, EntityTypeName>> = LazyLock::new(|| {
    let names = [
        "Action", "Agent", "Broker", "Class", "Column", "Function", "Group", "Relation", "Target", "User",
        "Workload",
    ];
    names.into_iter().filter_map(|name| Some((name, name.parse().ok()?))).collect()
});

/// An entity id. Type names are this crate's own constants.
pub(crate) fn uid(kind: &str, id: &str) -> Result<EntityUid, Misfit> {
    let kind = TYPES.get(kind).ok_or_else(|| Misfit::of(format_args!("no entity type `{kind}`")))?;
    Ok(EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id)))
}

pub(crate) fn principal_uid(principal: &Principal) -> Result<EntityUid, Misfit> {
    let kind = match principal.kind {
        PrincipalKind::User => "User",
        PrincipalKind::Workload => "Workload",
        PrincipalKind::Agent => "Agent",
    };
    uid(kind, &principal.id)
}

pub(crate) fn broker_uid() -> Result<EntityUid, Misfit> {
    uid("Broker", "broker")
}

/// A name that no two schema and name pairs share: the length says where the schema ends.
fn object_uid(
    kind: &str,
    target: &TargetFacts,
    schema: Option<&str>,
    name: &str,
) -> Result<EntityUid, Misfit> {
    let schema = schema.unwrap_or("");
    uid(kind, &format!("{}/{}:{schema}.{name}", target.name, schema.len()))
}

pub(crate) fn relation_uid(target: &TargetFacts, r: &Relation) -> Result<EntityUid, Misfit> {
    object_uid("Relation", target, r.schema.as_deref(), &r.name)
}

pub(crate) fn function_uid(target: &TargetFacts, f: &Function) -> Result<EntityUid, Misfit> {
    object_uid("Function", target, f.schema.as_deref(), &f.name)
}

pub(crate) fn column_uid(target: &TargetFacts, c: &Column) -> Result<EntityUid, Misfit> {
    let Column { schema, relation, name, class: _ } = c;
    uid("Column", &format!("{}/{}.{}:{schema}.{relation}.{name}", target.name, schema.len(), relation.len()))
}

fn class_uid(target: &TargetFacts, class: &str) -> Result<EntityUid, Misfit> {
    uid("Class", &format!("{}/{class}", target.name))
}

fn text(value: &str) -> Expr {
    Expr::new_string(value.to_owned())
}

fn set<'a>(values: impl Iterator<Item = &'a str>) -> Expr {
    let distinct: HashSet<&str> = values.collect();
    Expr::new_set(distinct.into_iter().map(text))
}

fn attrs(pairs: Vec<(&str, Expr)>) -> HashMap<String, Expr> {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

fn entity(uid: EntityUid, pairs: Vec<(&str, Expr)>, parents: HashSet<EntityUid>) -> Result<Entity, Misfit> {
    Entity::new(uid, attrs(pairs), parents).map_err(Misfit::of)
}

/// The principal with its groups, the broker and the target.
pub(crate) fn base(principal: &Principal, target: Option<&TargetFacts>) -> Result<Vec<Entity>, Misfit> {
    let groups: HashSet<EntityUid> =
        principal.groups.iter().map(|g| uid("Group", g)).collect::<Result<_, _>>()?;
    let mut all: Vec<Entity> = groups.iter().cloned().map(Entity::with_uid).collect();
    all.push(Entity::new_no_attrs(principal_uid(principal)?, groups));
    all.push(Entity::with_uid(broker_uid()?));
    if let Some(t) = target {
        let environment = text(t.environment.as_deref().unwrap_or(""));
        let pairs = vec![("name", text(&t.name)), ("environment", environment)];
        all.push(entity(uid("Target", &t.name)?, pairs, HashSet::from([broker_uid()?]))?);
    }
    Ok(all)
}

/// All entities of one classified column.
pub(crate) fn of_column(
    actions: &Entities,
    principal: &Principal,
    target: &TargetFacts,
    column: &Column,
) -> Result<Entities, Misfit> {
    let mut all = base(principal, Some(target))?;
    let class = class_uid(target, &column.class)?;
    let parent = HashSet::from([uid("Target", &target.name)?]);
    all.push(entity(class.clone(), vec![("name", text(&column.class))], parent)?);
    all.push(column_entity(target, column, HashSet::from([class]))?);
    actions.clone().add_entities(all, None).map_err(Misfit::of)
}

fn column_entity(
    target: &TargetFacts,
    column: &Column,
    parents: HashSet<EntityUid>,
) -> Result<Entity, Misfit> {
    let Column { schema, relation, name, class } = column;
    let pairs = [("schema", schema), ("relation", relation), ("name", name), ("class", class)];
    let pairs = pairs.map(|(key, value)| (key, text(value))).to_vec();
    entity(column_uid(target, column)?, pairs, parents)
}

/// All entities of one statement. `actions` are those of the schema.
pub(crate) fn of_statement(
    actions: &Entities,
    principal: &Principal,
    target: &TargetFacts,
    facts: &Facts,
    touched: &Touched,
) -> Result<Entities, Misfit> {
    let mut all = base(principal, Some(target))?;
    let parent = uid("Target", &target.name)?;
    let classes: BTreeSet<&str> = touched.keys().map(|c| c.class.as_str()).collect();
    for class in classes {
        let parents = HashSet::from([parent.clone()]);
        all.push(entity(class_uid(target, class)?, vec![("name", text(class))], parents)?);
    }
    for column in touched.keys() {
        let mut parents = HashSet::from([class_uid(target, &column.class)?]);
        for relation in facts.relations.iter().filter(|r| column::may_be_of(r, column)) {
            parents.insert(relation_uid(target, relation)?);
        }
        all.push(column_entity(target, column, parents)?);
    }
    let mut seen = HashSet::new();
    for r in &facts.relations {
        let id = relation_uid(target, r)?;
        // A relation that is read and written is one entity.
        if seen.insert(id.clone()) {
            let schema = text(r.schema.as_deref().unwrap_or(""));
            all.push(entity(
                id,
                vec![("schema", schema), ("name", text(&r.name))],
                HashSet::from([parent.clone()]),
            )?);
        }
    }
    for f in &facts.functions {
        let pairs = vec![
            ("schema", text(f.schema.as_deref().unwrap_or(""))),
            ("name", text(&f.name)),
            ("harmless", Expr::new_bool(is_harmless(f))),
        ];
        all.push(entity(function_uid(target, f)?, pairs, HashSet::from([parent.clone()]))?);
    }
    actions.clone().add_entities(all, None).map_err(Misfit::of)
}

/// `set_config` is judged by the settings that it changes.
pub(crate) fn is_harmless(f: &Function) -> bool {
    f.listed || f.is_set_config()
}

/// It neither returns nor changes rows by itself, as EXPLAIN does without ANALYZE. What EXECUTE runs is judged beside it, and what FETCH reads was
/// judged when its cursor was made.
fn expects_nothing(facts: &Facts) -> bool {
    let elsewhere = |v: Verb| matches!(v, Verb::Execute | Verb::Fetch);
    facts.class() == Class::Session
        || facts.verbs.contains(Verb::Explain)
        || !facts.verbs.is_empty() && facts.verbs.iter().all(elsewhere)
}

/// The context of a statement.
pub(crate) fn statement_context(
    session: &SessionFacts,
    facts: &Facts,
    touched: &Touched,
) -> Result<Context, Misfit> {
    let classes = |how: How| {
        let of = touched.iter().filter(move |(_, hows)| hows.contains(&how));
        set(of.map(|(column, _)| column.class.as_str()))
    };
    let changes: Vec<String> = facts.changes.iter().map(ToString::to_string).collect();
    let count = i64::try_from(session.statement_count).unwrap_or(i64::MAX);
    let estimate = if expects_nothing(facts) { Estimate::NOTHING } else { session.estimate };
    let [rows, cost] = [estimate.rows, estimate.cost].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let settings = facts.settings.iter().filter(|s| !s.keeps_pin()).map(|s| s.name.as_str());
    let pairs = [
        ("level", text(session.level.as_str())),
        ("via", text(session.via.as_str())),
        ("bearer", Expr::new_bool(session.bearer)),
        ("break_glass", Expr::new_bool(session.break_glass)),
        ("verbs", set(facts.verbs.iter().map(Verb::as_str))),
        ("changes", set(changes.iter().map(String::as_str))),
        ("settings", set(settings)),
        ("languages", set(facts.languages.iter().map(String::as_str))),
        ("functions", set(facts.functions.iter().map(|f| f.name.as_str()))),
        ("outputs", classes(How::Output)),
        ("predicates", classes(How::Predicate)),
        ("assigns", classes(How::Write)),
        ("opaque", set(facts.opaque.iter().map(|o| o.as_str()))),
        ("write", Expr::new_bool(!facts.is_read_only())),
        ("unbounded", Expr::new_bool(facts.unbounded)),
        ("unfiltered", Expr::new_bool(facts.unfiltered)),
        ("limited", Expr::new_bool(facts.limited)),
        ("estimated_rows", Expr::new_long(rows)),
        ("estimated_cost", Expr::new_long(cost)),
        ("statement_count", Expr::new_long(count)),
        ("approvals", set(session.approvals.iter().map(String::as_str))),
    ];
    context(pairs)
}

/// The context of a session or token being asked for.
pub(crate) fn opening_context(opening: &OpeningFacts) -> Result<Context, Misfit> {
    context([
        ("level", text(opening.level.as_str())),
        ("via", text(opening.via.as_str())),
        ("bearer", Expr::new_bool(opening.bearer)),
        ("break_glass", Expr::new_bool(opening.break_glass)),
        ("durable", Expr::new_bool(opening.durable)),
        ("approvals", set(opening.approvals.iter().map(String::as_str))),
    ])
}

fn context<const N: usize>(pairs: [(&str, Expr); N]) -> Result<Context, Misfit> {
    Context::from_pairs(pairs.into_iter().map(|(k, v)| (k.to_owned(), v))).map_err(Misfit::of)
}
