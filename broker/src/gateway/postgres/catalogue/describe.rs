//! The catalogue as people are told of it.

use std::sync::Arc;

use hoop_api::Untrusted;
use hoop_api::description::{
    DescribedColumn, DescribedRelation, DescribedTrigger, MissingColumn, TargetDescription, Walls,
};
use hoop_statement::closure::Note;
use hoop_statement::{Entry, Exposure, QualifiedName};

use super::{Known, Watched};
use crate::config::{Limits, Target};
use crate::gateway::postgres::upstream::{self, UpstreamError};

/// Describes what of `database` of `target` is classified, confirmed after the call.
///
/// # Errors
/// [`UpstreamError`]: it could not be looked at.
pub async fn describe(
    target: &Arc<Target>,
    database: &str,
    limits: &Limits,
) -> Result<TargetDescription, UpstreamError> {
    if target.classes.is_empty() {
        return Ok(of(target, database, &Known::default()));
    }
    let watched = Watched::join(target, database, limits);
    upstream::within(limits.upstream_connect, watched.refresh()).await?;
    let known = watched.in_force().ok_or(UpstreamError::Timeout(limits.upstream_connect))?;
    Ok(of(target, database, &known))
}

fn of(target: &Target, database: &str, known: &Known) -> TargetDescription {
    let mut relations: Vec<DescribedRelation> =
        known.catalogue.relations.iter().filter_map(relation).collect();
    relations.sort_by(|a, b| a.name.raw().cmp(b.name.raw()));
    let mut told = TargetDescription {
        target: target.name.clone(),
        database: database.to_owned(),
        walls: Walls { substitution: !target.classes.is_empty(), roles: false, scan: true },
        relations,
        missing: Vec::new(),
        triggers: Vec::new(),
        definers: Vec::new(),
        telling_indexes: Vec::new(),
    };
    let dotted = |(schema, name): &QualifiedName| format!("{schema}.{name}");
    for note in known.notes.iter() {
        match note {
            Note::Missing { column, relation } => told.missing.push(MissingColumn {
                column: format!("{}.{}.{}", column.schema, column.relation, column.column),
                relation_exists: *relation,
            }),
            Note::Trigger { relation, trigger, function } => told.triggers.push(DescribedTrigger {
                relation: Untrusted::new(dotted(relation)),
                name: Untrusted::new(trigger.to_string()),
                function: Untrusted::new(function.to_string()),
            }),
            Note::Definer { function } => told.definers.push(Untrusted::new(dotted(function))),
            Note::TellingIndex { relation, index } => {
                told.telling_indexes.push(Untrusted::new(format!("{} on {}", index, dotted(relation))));
            }
        }
    }
    told
}

/// What there is to say about a relation; PostgreSQL's own, which nobody reads on any target, are left out.
fn relation((name, entry): (&QualifiedName, &Entry)) -> Option<DescribedRelation> {
    let (schema, relation) = name;
    if matches!(&**schema, "pg_catalog" | "information_schema") {
        return None;
    }
    let (columns, opaque) = match &entry.exposure {
        Exposure::Masked(masked) => {
            let classified = masked.columns.iter().filter_map(|c| {
                let class = c.class.as_ref()?.to_string();
                Some(DescribedColumn { name: Untrusted::new(c.name.to_string()), class })
            });
            (classified.collect(), None)
        }
        Exposure::Opaque(why) => (Vec::new(), Some(Untrusted::new(why.to_string()))),
        Exposure::Plain | Exposure::Shown(_) if entry.unwritable.is_none() => return None,
        Exposure::Plain | Exposure::Shown(_) => (Vec::new(), None),
    };
    let unwritable = entry.unwritable.as_ref().map(|why| Untrusted::new(why.to_string()));
    Some(DescribedRelation {
        name: Untrusted::new(format!("{schema}.{relation}")),
        columns,
        opaque,
        unwritable,
    })
}
