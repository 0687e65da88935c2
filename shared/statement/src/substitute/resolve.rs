//! What a name of a relation means: the schema that is written in front of it, always (WALLS, rule 2).

use std::sync::Arc;

use pg_query::protobuf as pb;

use super::fault::Unsubstitutable;
use super::part::Part;
use crate::catalogue::{Entry, Exposure, Masked};

/// What a relation's name means here.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing classified; of this schema.
    Plain(Box<str>),
    /// With classified columns.
    Masked(Box<str>, Arc<Masked>),
    /// Shown in another form, which this text gives.
    Shown(Box<str>),
    /// A temporary relation of the connection's own.
    Temporary,
    /// No relation of this name is known: the server will say so.
    Unknown,
}

impl Part<'_> {
    /// What `relation` means.
    pub(super) fn resolve(&mut self, relation: &pb::RangeVar) -> Option<Found> {
        let result = self.look_up(relation);
        self.take(result)
    }

    fn look_up(&self, relation: &pb::RangeVar) -> Result<Found, Unsubstitutable> {
        let catalogue = self.at.catalogue;
        if !relation.catalogname.is_empty() && relation.catalogname != *catalogue.database {
            // The server refuses other databases by itself.
            return Ok(Found::Unknown);
        }
        let (schema, name) = (relation.schemaname.as_str(), relation.relname.as_str());
        if !schema.is_empty() {
            return self.in_schema(schema, name);
        }
        // Where nothing else has its name, the server finds it by itself, or says so by the name that was written.
        if self.temporary().contains(name) && self.any_of(None, name).next().is_some() {
            return Ok(Found::Temporary);
        }
        // pg_catalog comes first unless the path says another place (PostgreSQL manual, 5.10.5).
        let explicit = self.at.path.iter().any(|s| **s == *"pg_catalog");
        let implicit = (!explicit).then_some("pg_catalog");
        for schema in implicit.into_iter().chain(self.at.path.iter().map(AsRef::as_ref)) {
            if let Some(entry) = catalogue.relation(schema, name) {
                return found(schema, name, entry);
            }
        }
        // The server could still find it by a path that it knows better: then it must be nothing that is masked.
        if let Some(schema) = self.elsewhere(name) {
            return Err(Unsubstitutable::ambiguous(name, schema));
        }
        Ok(Found::Unknown)
    }

    /// A schema with a relation of this name that may not be read as it is.
    fn elsewhere(&self, name: &str) -> Option<&str> {
        let hidden = self.any_of(None, name).find(|(_, entry)| !matches!(entry.exposure, Exposure::Plain));
        hidden.map(|(schema, _)| schema)
    }

    fn in_schema(&self, schema: &str, name: &str) -> Result<Found, Unsubstitutable> {
        if schema == "pg_temp" {
            return Ok(Found::Temporary);
        }
        // What lies in there belongs to others, or is a part of what is masked elsewhere.
        if schema.starts_with("pg_temp") || schema.starts_with("pg_toast") {
            return Err(Unsubstitutable::opaque(
                &format!("{schema}.{name}"),
                "it is no relation for clients",
            ));
        }
        self.at
            .catalogue
            .relation(schema, name)
            .map_or(Ok(Found::Unknown), |entry| found(schema, name, entry))
    }

    /// Every relation that a name could mean in whatever schema: for texts that are sent as they came.
    pub(super) fn any_of(&self, schema: Option<&str>, name: &str) -> impl Iterator<Item = (&str, &Entry)> {
        let relations = &self.at.catalogue.relations;
        let (name, schema) = (name.to_owned(), schema.map(str::to_owned));
        relations
            .iter()
            .filter(move |((s, n), _)| **n == *name && schema.as_ref().is_none_or(|schema| **s == **schema))
            .map(|((schema, _), entry)| (&**schema, entry))
    }
}

fn found(schema: &str, name: &str, entry: &Entry) -> Result<Found, Unsubstitutable> {
    Ok(match &entry.exposure {
        Exposure::Plain => Found::Plain(schema.into()),
        Exposure::Masked(masked) => Found::Masked(schema.into(), Arc::clone(masked)),
        Exposure::Shown(text) => Found::Shown(text.clone()),
        Exposure::Opaque(why) => return Err(Unsubstitutable::opaque(&format!("{schema}.{name}"), why)),
    })
}

/// A name as it is always read: quoted.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
