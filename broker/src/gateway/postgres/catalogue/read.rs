//! Reading a target's catalogue, all of it as it was at one moment.

use std::collections::HashMap;
use std::str::FromStr;

use hoop_statement::closure::{
    AttributeRow, Bindings, Configured, ForeignKeyRow, FunctionRow, IndexRow, OperatorRow, RelationRow,
    RuleRow, Snapshot, TriggerRow, TypeRow, ViewRow,
};

use super::super::upstream::{Row, Upstream, UpstreamError};
use super::queries;

/// Readings in a row that a change ran through; then it is given up for now.
const TRIES: usize = 4;

/// SQLSTATE of a lock that was not given within `lock_timeout` (PostgreSQL manual, appendix A).
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The catalogue as it was at one moment.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) snapshot: Snapshot,
    /// Relations whose columns count for the fingerprint.
    pub(super) near: Vec<u32>,
    pub(super) fingerprint: String,
    /// Definitions of views are missing, since somebody locks what they name: it has to be read again.
    pub(super) partial: bool,
}

/// The fingerprint now.
pub(super) async fn fingerprint(upstream: &mut Upstream, near: &[u32]) -> Result<String, UpstreamError> {
    let rows = upstream.query(&of(queries::FINGERPRINT, near)).await?;
    match rows.as_slice() {
        [row] => Ok(Cells(row).text(0)?.to_owned()),
        _ => Err(shape()),
    }
}

/// Reads all that the closure of the `configured` columns needs, and of those that are known by `bindings`.
pub(super) async fn read(
    upstream: &mut Upstream,
    database: &str,
    configured: &[Configured],
    bindings: &Bindings,
) -> Result<Reading, UpstreamError> {
    for _ in 0..TRIES {
        let reading = match once(upstream, configured, bindings, true).await {
            Err(UpstreamError::Refused(state)) if state == LOCK_NOT_AVAILABLE => {
                upstream.query("ROLLBACK").await?;
                once(upstream, configured, bindings, false).await?
            }
            reading => reading?,
        };
        // Definitions are written from the catalogue as it is, not as it was at the moment of the rest.
        if fingerprint(upstream, &reading.near).await? == reading.fingerprint {
            let snapshot = Snapshot { database: database.into(), ..reading.snapshot };
            return Ok(Reading { snapshot, ..reading });
        }
    }
    Err(UpstreamError::Unfit("its definitions change faster than they can be read".to_owned()))
}

async fn once(
    upstream: &mut Upstream,
    configured: &[Configured],
    bindings: &Bindings,
    definitions: bool,
) -> Result<Reading, UpstreamError> {
    upstream.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let near = candidates(upstream, configured, bindings).await?;
    let fingerprint = fingerprint(upstream, &near).await?;
    let mut snapshot = Snapshot {
        relations: rows(upstream, queries::RELATIONS, relation).await?,
        attributes: rows(upstream, &of(queries::ATTRIBUTES, &near), attribute).await?,
        inherits: rows(upstream, queries::INHERITS, |c| Ok((c.number(0)?, c.number(1)?))).await?,
        generated: rows(upstream, &of(queries::GENERATED, &near), |c| {
            Ok(((c.number(0)?, c.number(1)?), c.number(2)?))
        })
        .await?,
        foreign_keys: rows(upstream, queries::FOREIGN_KEYS, foreign_key).await?,
        indexes: rows(upstream, &of(queries::INDEXES, &near), index).await?,
        triggers: rows(upstream, queries::TRIGGERS, |c| {
            Ok(TriggerRow { relation: c.number(0)?, name: c.text(1)?.into(), function: c.number(2)? })
        })
        .await?,
        calls: rows(upstream, queries::CALLS, |c| Ok((c.number(0)?, c.number(1)?))).await?,
        functions: rows(upstream, &functions(upstream), function).await?,
        operators: rows(upstream, queries::OPERATORS, operator).await?,
        types: rows(upstream, queries::TYPES, |c| {
            Ok(TypeRow { schema: c.text(0)?.into(), name: c.text(1)?.into(), extension: c.maybe(2) })
        })
        .await?,
        ..Snapshot::default()
    };
    rules(upstream, &mut snapshot).await?;
    uses(upstream, &mut snapshot, &near, definitions).await?;
    upstream.query("COMMIT").await?;
    Ok(Reading { snapshot, near, fingerprint, partial: !definitions })
}

/// Relations that can be in the closure.
async fn candidates(
    upstream: &mut Upstream,
    configured: &[Configured],
    bindings: &Bindings,
) -> Result<Vec<u32>, UpstreamError> {
    // `standard_conforming_strings` is on, so a quoted name needs only its quotes doubled.
    let literal = |s: &str| format!("'{}'", s.replace('\'', "''"));
    let mut names: Vec<String> =
        configured.iter().map(|c| format!("({}, {})", literal(&c.schema), literal(&c.relation))).collect();
    names.sort();
    names.dedup();
    let mut bound: Vec<u32> = bindings.keys().map(|(relation, _)| *relation).collect();
    bound.dedup();
    let query = of(queries::CANDIDATES, &bound).replace("/*names*/", &names.join(", "));
    let mut near = rows(upstream, &query, |c| c.number(0)).await?;
    near.sort_unstable();
    Ok(near)
}

fn of(query: &str, oids: &[u32]) -> String {
    let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
    query.replace("/*oids*/", &oids.join(","))
}

fn functions(upstream: &Upstream) -> String {
    let version = upstream.parameters.iter().find(|(name, _)| name == "server_version");
    let of_13 = version.is_some_and(|(_, v)| v.starts_with("13"));
    queries::FUNCTIONS.replace("/*body*/", if of_13 { queries::BODY_13 } else { queries::BODY })
}

/// Views and rules, with what stands in them.
async fn rules(upstream: &mut Upstream, snapshot: &mut Snapshot) -> Result<(), UpstreamError> {
    let found = rows(upstream, queries::RULES, |c| {
        let (relations, functions) = (c.list(3)?, c.list(4)?);
        let builtins: Vec<Box<str>> = c.cell(5).unwrap_or_default().split(' ').map(Into::into).collect();
        let view = ViewRow {
            oid: c.number(0)?,
            relations,
            calls: functions.into_iter().filter(|oid| *oid >= FIRST_OF_USERS).collect(),
            builtins: builtins.into_iter().filter(|name| !name.is_empty()).collect(),
            ..ViewRow::default()
        };
        Ok((view, c.text(1)?.to_owned(), c.flag(2)?))
    })
    .await?;
    for (view, name, returns) in found {
        if returns {
            snapshot.views.push(view);
        } else {
            let ViewRow { oid: relation, relations, calls, .. } = view;
            snapshot.rules.push(RuleRow { relation, name: name.into(), relations, calls });
        }
    }
    Ok(())
}

/// Oids below are the server's own.
const FIRST_OF_USERS: u32 = 16384;

/// What the views that can be in the closure use, and how they are written.
async fn uses(
    upstream: &mut Upstream,
    snapshot: &mut Snapshot,
    near: &[u32],
    definitions: bool,
) -> Result<(), UpstreamError> {
    let reads =
        rows(upstream, &of(queries::READS, near), |c| Ok((c.number(0)?, (c.number(1)?, c.number(2)?))))
            .await?;
    let mut written: HashMap<u32, Box<str>> = HashMap::new();
    if definitions {
        let found =
            rows(upstream, &of(queries::DEFINITIONS, near), |c| Ok((c.number(0)?, c.maybe(1)))).await?;
        written.extend(found.into_iter().filter_map(|(oid, text): (u32, _)| Some((oid, text?))));
    }
    let mut views: HashMap<u32, &mut ViewRow> = snapshot.views.iter_mut().map(|v| (v.oid, v)).collect();
    for (view, attribute) in reads {
        if let Some(view) = views.get_mut(&view) {
            view.reads.push(attribute);
        }
    }
    for (view, text) in written {
        if let Some(view) = views.get_mut(&view) {
            view.definition = Some(text);
        }
    }
    Ok(())
}

fn relation(c: &Cells<'_>) -> Result<RelationRow, UpstreamError> {
    Ok(RelationRow {
        oid: c.number(0)?,
        schema: c.text(1)?.into(),
        name: c.text(2)?.into(),
        kind: c.text(3)?.chars().next().ok_or_else(shape)?,
        barrier: c.flag(4)?,
        row_security: c.flag(5)?,
    })
}

fn attribute(c: &Cells<'_>) -> Result<AttributeRow, UpstreamError> {
    Ok(AttributeRow {
        relation: c.number(0)?,
        attnum: c.number(1)?,
        name: c.text(2)?.into(),
        type_oid: c.number(3)?,
        type_sql: c.text(4)?.into(),
        generated: c.flag(5)?,
    })
}

fn foreign_key(c: &Cells<'_>) -> Result<ForeignKeyRow, UpstreamError> {
    Ok(ForeignKeyRow {
        relation: c.number(0)?,
        columns: c.list(1)?,
        referenced: c.number(2)?,
        referenced_columns: c.list(3)?,
        acts: c.flag(4)?,
    })
}

fn index(c: &Cells<'_>) -> Result<IndexRow, UpstreamError> {
    let (keys, depends) = (c.list::<i16>(4)?, c.list::<i16>(5)?);
    // 0 is an expression, whose columns are among those that the index depends on.
    let leading = match keys.first() {
        Some(0) => depends.clone(),
        first => first.copied().into_iter().collect(),
    };
    let covers = keys.len() > 1;
    let mut columns: Vec<i16> = keys.into_iter().filter(|key| *key > 0).collect();
    for column in depends {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    Ok(IndexRow {
        name: c.text(0)?.into(),
        relation: c.number(1)?,
        primary: c.flag(2)?,
        unique: c.flag(3)?,
        columns,
        leading,
        covers,
    })
}

fn function(c: &Cells<'_>) -> Result<FunctionRow, UpstreamError> {
    Ok(FunctionRow {
        oid: c.number(0)?,
        schema: c.text(1)?.into(),
        name: c.text(2)?.into(),
        extension: c.maybe(3),
        language: c.text(4)?.into(),
        source: c.text(5)?.into(),
        definer: c.flag(6)?,
        parts: c.list(7)?.into_iter().filter(|oid| *oid > 0).collect(),
    })
}

fn operator(c: &Cells<'_>) -> Result<OperatorRow, UpstreamError> {
    Ok(OperatorRow {
        schema: c.text(0)?.into(),
        name: c.text(1)?.into(),
        extension: c.maybe(2),
        function: c.number(3)?,
    })
}

async fn rows<T>(
    upstream: &mut Upstream,
    query: &str,
    parse: impl Fn(&Cells<'_>) -> Result<T, UpstreamError>,
) -> Result<Vec<T>, UpstreamError> {
    upstream.query(query).await?.iter().map(|row| parse(&Cells(row))).collect()
}

/// A row as text.
pub(super) struct Cells<'a>(pub(super) &'a Row);

fn shape() -> UpstreamError {
    UpstreamError::Unfit("its catalogue answers in another shape than PostgreSQL's".to_owned())
}

impl Cells<'_> {
    fn cell(&self, at: usize) -> Option<&str> {
        self.0.get(at).and_then(Option::as_deref)
    }

    pub(super) fn text(&self, at: usize) -> Result<&str, UpstreamError> {
        self.cell(at).ok_or_else(shape)
    }

    fn maybe(&self, at: usize) -> Option<Box<str>> {
        self.cell(at).map(Into::into)
    }

    fn number<T: FromStr>(&self, at: usize) -> Result<T, UpstreamError> {
        self.text(at)?.parse().map_err(|_| shape())
    }

    fn flag(&self, at: usize) -> Result<bool, UpstreamError> {
        match self.text(at)? {
            "t" => Ok(true),
            "f" => Ok(false),
            _ => Err(shape()),
        }
    }

    /// An array of numbers, a vector of them, or a list with spaces; none where there is nothing.
    fn list<T: FromStr>(&self, at: usize) -> Result<Vec<T>, UpstreamError> {
        let list = self.cell(at).unwrap_or_default().trim_matches(['{', '}']);
        let parts = list.split([',', ' ']).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().map_err(|_| shape())).collect()
    }
}
