//! What the gateway reads of the target's catalogue when a connection opens: which oid and attribute number the
//! classified columns have, and the column order of the relations that hold them (COPY names no columns).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use hoop_mask::Class;
use hoop_policy::Classified;

use arc_swap::ArcSwap;

use super::columns::Classes;
use super::copy::Relations;
use super::substituting::Known;
use super::upstream::{Upstream, UpstreamError};
use crate::config::Target;

/// The catalogue as far as masking needs it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Classified columns by origin.
    pub classes: Arc<Classes>,
    /// Relations with classified columns, by (schema, relation): all their columns in order, with class.
    pub relations: Relations,
    /// The same for the judge.
    pub classified: Arc<[Classified]>,
    /// The same for substitution, where there is anything to substitute.
    pub known: Option<Arc<ArcSwap<Known>>>,
    /// Schemas of the search path of a new connection.
    pub path: Vec<Box<str>>,
}

/// Reads the catalogue of `database` for `target`. It is read by every connection, for it may have changed; the copy
/// that the connections hold is one as long as it has not.
///
/// # Errors
/// [`UpstreamError`]: without it nothing may be answered.
pub async fn read(
    upstream: &mut Upstream,
    target: &Target,
    database: &str,
) -> Result<Catalog, UpstreamError> {
    let fresh = fetch(upstream, target).await?;
    // Taken when a connection opens, never on the statement path.
    let mut known = target.shared.catalogs.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(database)
        && known.classes == fresh.classes
        && known.relations == fresh.relations
    {
        return Ok(known.clone());
    }
    known.insert(database.to_owned(), fresh.clone());
    Ok(fresh)
}

async fn fetch(upstream: &mut Upstream, target: &Target) -> Result<Catalog, UpstreamError> {
    if target.classes.is_empty() {
        return Ok(Catalog::default());
    }
    let rows = upstream.query(&query(target)).await?;
    let broken =
        || UpstreamError::Unfit("its catalogue answers in another shape than PostgreSQL's".to_owned());
    let (mut origins, mut relations) = (Vec::new(), HashMap::<_, Vec<_>>::new());
    for row in rows {
        let [Some(oid), Some(attnum), Some(schema), Some(relation), Some(column)] = row.as_slice() else {
            return Err(broken());
        };
        let oid: u32 = oid.parse().map_err(|_| broken())?;
        let attnum: i16 = attnum.parse().map_err(|_| broken())?;
        let class = target
            .classes
            .iter()
            .find(|c| c.schema == *schema && c.relation == *relation && c.column == *column)
            .map(|c| c.class.clone());
        if let Some(class) = &class {
            origins.push((oid, attnum, class.clone()));
        }
        relations.entry((schema.clone(), relation.clone())).or_default().push((column.clone(), class));
    }
    for missing in target.classes.iter().filter(|c| {
        !relations
            .get(&(c.schema.clone(), c.relation.clone()))
            .is_some_and(|r| r.iter().any(|(n, _)| *n == c.column))
    }) {
        tracing::warn!(
            target = %target.name, schema = %missing.schema, relation = %missing.relation, column = %missing.column,
            "a classified column is not in the target's catalogue"
        );
    }
    let relations = Arc::new(relations);
    let classified = classified(target, &relations);
    let known = Some(known_now(upstream, target, &relations).await?);
    Ok(Catalog {
        classes: Arc::new(Classes::new(origins)),
        relations,
        classified,
        known,
        path: vec!["public".into()],
    })
}

/// What the catalogue has, and what the config names besides: a column that is missing now may come.
fn classified(target: &Target, relations: &Relations) -> Arc<[Classified]> {
    let configured = crate::gateway::target_facts(target).classified;
    let known = |c: &Classified| {
        let columns = relations.get(&(c.schema.clone(), c.name.clone()))?;
        let word = |class: &Option<Class>| class.as_ref().map(|c| c.as_str().to_owned());
        let mut columns: Vec<_> = columns.iter().map(|(name, class)| (name.clone(), word(class))).collect();
        let has = |columns: &[(String, _)], name: &String| columns.iter().any(|(n, _)| n == name);
        for missing in &c.columns {
            if !has(&columns, &missing.0) {
                columns.push(missing.clone());
            }
        }
        Some(Classified { columns, complete: true, ..c.clone() })
    };
    configured.iter().map(|c| known(c).unwrap_or_else(|| c.clone())).collect()
}

/// All columns of the relations that hold classified ones, in order. `standard_conforming_strings` is on, so a quoted
/// name needs only its quotes doubled.
fn query(target: &Target) -> String {
    let mut wanted: Vec<_> = target.classes.iter().map(|c| (&c.schema, &c.relation)).collect();
    wanted.sort();
    wanted.dedup();
    let literal = |s: &str| format!("'{}'", s.replace('\'', "''"));
    let list: Vec<_> = wanted.iter().map(|(s, r)| format!("({}, {})", literal(s), literal(r))).collect();
    format!(
        "SELECT c.oid, a.attnum, n.nspname, c.relname, a.attname \
         FROM pg_catalog.pg_attribute a \
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
         AND (n.nspname, c.relname) IN ({}) ORDER BY c.oid, a.attnum",
        list.join(", ")
    )
}

/// `application_name` for the ledger: a short name of a program, or what is left of it. Digits are taken out, since
/// a client can put anything there.
#[must_use]
pub fn harmless_name(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphabetic() || " .-_/".contains(*c)).take(48).collect()
}

async fn known_now(
    upstream: &mut Upstream,
    target: &Target,
    relations: &Relations,
) -> Result<Arc<ArcSwap<Known>>, UpstreamError> {
    let rows = upstream.query("SELECT n.nspname, c.relname, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','v','m','f','S')").await?;
    let types = upstream.query("SELECT n.nspname, c.relname, a.attname, a.attnum, a.atttypid, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attgenerated FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum").await?;
    let mut catalogue = hoop_statement::Catalogue::default();
    let t = |r: &Vec<Option<String>>, i: usize| r.get(i).cloned().flatten().unwrap_or_default();
    for row in rows {
        let (schema, name) = (t(&row, 0), t(&row, 1));
        let exposure = match relations.get(&(schema.clone(), name.clone())) {
            None => hoop_statement::Exposure::Plain,
            Some(columns) => hoop_statement::Exposure::Masked(Arc::new(hoop_statement::Masked {
                columns: types
                    .iter()
                    .filter(|r| t(r, 0) == schema && t(r, 1) == name)
                    .map(|r| hoop_statement::Column {
                        name: t(r, 2).into(),
                        attnum: t(r, 3).parse().unwrap_or(0),
                        class: columns
                            .iter()
                            .find(|(n, _)| *n == t(r, 2))
                            .and_then(|(_, c)| c.as_ref().map(|c| c.as_str().into())),
                        revealed: false,
                        generated: !t(r, 6).is_empty(),
                        type_oid: t(r, 4).parse().unwrap_or(0),
                        type_sql: t(r, 5).into(),
                    })
                    .collect(),
                primary_key: vec!["id".into()],
                constrained: Vec::new(),
            })),
        };
        catalogue.relations.insert(
            (schema.into(), name.into()),
            hoop_statement::Entry { oid: t(&row, 2).parse().unwrap_or(0), exposure, unwritable: None },
        );
    }
    let _ = target;
    Ok(Arc::new(ArcSwap::from_pointee(Known { version: 1, catalogue: Arc::new(catalogue) })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_name_carries_no_digits() {
        assert_eq!(harmless_name("psql 4111111111111111 \u{202e}x"), "psql  x");
    }
}
