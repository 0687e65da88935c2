//! A digest of the definitions that a statement can reach, so that an approval is for what the statement did when it was
//! shown: tables with their columns, defaults, constraints, triggers and policies, views, functions, and what casts and
//! operators run (DESIGN, hold).
//!
//! Read anew each time, on a connection of its own: held statements are rare, and a copy could be old. What a statement
//! reaches is told apart only where the catalogue knows it: relations by name in any schema, then views, children and
//! foreign keys that act. Where code of the database's users could run (functions, triggers, operators of theirs), nobody
//! can say what it reaches, so every definition of the database counts.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hoop_policy::Estimate;
use hoop_statement::{Class, Facts};

use super::estimate::{self, Question};
use super::upstream::{self, UpstreamError};
use crate::config::{Limits, Target};

/// What statements name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    relations: BTreeSet<(Option<String>, String)>,
    functions: BTreeSet<String>,
    /// It changes definitions, or part of it cannot be judged: all definitions count.
    all: bool,
}

/// The digest, as text of 65 characters. Means something only beside another one of the same database.
pub type Digest = Box<str>;

/// A digest on its way.
pub struct Reading(Pin<Box<dyn Future<Output = Result<Digest, UpstreamError>> + Send>>);

impl Reading {
    /// A digest that `reading` comes to.
    pub fn new(reading: impl Future<Output = Result<Digest, UpstreamError>> + Send + 'static) -> Self {
        Self(Box::pin(reading))
    }

    /// Not to be called again once it is ready.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Digest, UpstreamError>> {
        self.0.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reading")
    }
}

/// An estimate on its way.
pub type Estimating = Pin<Box<dyn Future<Output = Option<Estimate>> + Send>>;

/// Reads digests of one database, and asks its planner.
#[derive(Clone)]
pub struct Reader {
    read: Arc<dyn Fn(Reached) -> Reading + Send + Sync>,
    estimate: Arc<dyn Fn(Question) -> Estimating + Send + Sync>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    /// A reader that asks `read` and `estimate`.
    pub fn new(
        read: impl Fn(Reached) -> Reading + Send + Sync + 'static,
        estimate: impl Fn(Question) -> Estimating + Send + Sync + 'static,
    ) -> Self {
        Self { read: Arc::new(read), estimate: Arc::new(estimate) }
    }

    /// A reader of `database` of `target`, within `limits.upstream_connect` for connecting and for reading. Estimates are
    /// made under `settings`, which the client's connection was opened with.
    #[must_use]
    pub fn of(
        target: &Arc<Target>,
        database: &str,
        settings: Vec<(String, String)>,
        limits: &Limits,
    ) -> Self {
        let place = Arc::new((Arc::clone(target), database.to_owned(), settings, limits.clone()));
        let also = Arc::clone(&place);
        Self::new(
            move |reached| {
                let place = Arc::clone(&place);
                Reading::new(async move {
                    let (target, database, _, limits) = &*place;
                    read(target, database, limits, &reached).await
                })
            },
            move |question| {
                let place = Arc::clone(&also);
                Box::pin(async move {
                    let (target, database, settings, limits) = &*place;
                    estimate::ask(target, database, settings, limits, &question).await
                })
            },
        )
    }

    /// Begins to ask the planner.
    #[must_use]
    pub fn estimate(&self, question: Question) -> Estimating {
        (self.estimate)(question)
    }

    /// Begins to read.
    #[must_use]
    pub fn read(&self, reached: Reached) -> Reading {
        (self.read)(reached)
    }
}

impl Reached {
    /// What these statements name.
    #[must_use]
    pub fn of(statements: &[Facts]) -> Self {
        let named = statements.iter().flat_map(|f| &f.relations);
        let called = statements.iter().flat_map(|f| &f.functions);
        Self {
            relations: named.map(|r| (r.schema.clone(), r.name.clone())).collect(),
            functions: called.map(|f| f.name.clone()).collect(),
            all: statements.iter().any(|f| f.class() > Class::Write || !f.opaque.is_empty()),
        }
    }
}

/// Code of the database's users can run where these definitions count.
#[must_use]
pub fn is_wide(digest: &str) -> bool {
    !digest.starts_with('n')
}

/// The digest of what is `reached` in `database` of `target`.
///
/// # Errors
/// [`UpstreamError`].
pub async fn read(
    target: &Target,
    database: &str,
    limits: &Limits,
    reached: &Reached,
) -> Result<Digest, UpstreamError> {
    // Only names of pg_catalog mean anything here, whatever else the database has.
    let settings = [("search_path".to_owned(), "pg_catalog".to_owned())];
    let mut upstream = upstream::connect(target, database, &settings, limits).await?;
    let query = query(reached);
    let rows = upstream::within(limits.upstream_connect, upstream.query(&query)).await?;
    match rows.as_slice() {
        [row] => match row.as_slice() {
            [Some(digest)] if digest.len() == 65 => Ok(digest.as_str().into()),
            _ => Err(UpstreamError::Protocol),
        },
        _ => Err(UpstreamError::Protocol),
    }
}

fn query(reached: &Reached) -> String {
    // `standard_conforming_strings` is on, so a quoted name needs only its quotes doubled.
    let literal = |s: &str| format!("'{}'", s.replace('\'', "''"));
    let relations = reached.relations.iter().map(|(schema, name)| {
        format!(", ({}, {})", schema.as_deref().map_or_else(|| "NULL".to_owned(), literal), literal(name))
    });
    let functions = reached.functions.iter().map(|name| format!(", ({})", literal(name)));
    QUERY
        .replace("/*relations*/", &relations.collect::<String>())
        .replace("/*functions*/", &functions.collect::<String>())
        .replace("/*all*/", if reached.all { "true" } else { "false" })
}

// Objects under 16384 are the server's own. In `part` stand the objects that belong to relations reached, by which the
// catalogue knows what they depend on. `wide`: code of users can run.
const QUERY: &str = r#"
WITH RECURSIVE
named(schema, name) AS (VALUES (NULL::text, NULL::text)/*relations*/),
called(name) AS (VALUES (NULL::text)/*functions*/),
reached(oid) AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN named ON named.name = c.relname AND (named.schema IS NULL OR named.schema = n.nspname)
        WHERE c.relpersistence <> 't'
    UNION
    SELECT next.oid FROM reached, LATERAL (
        SELECT d.refobjid FROM pg_rewrite w
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
            WHERE w.ev_class = reached.oid AND d.refclassid = 'pg_class'::regclass
        UNION ALL SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = reached.oid
        UNION ALL SELECT k.conrelid FROM pg_constraint k WHERE k.confrelid = reached.oid
    ) next(oid)
),
part(classid, objid) AS (
    SELECT 'pg_rewrite'::regclass::oid, oid FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM reached)
    UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM reached)
    UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid IN (SELECT oid FROM reached)
    UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid IN (SELECT oid FROM reached)
    UNION ALL SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid IN (SELECT oid FROM reached)
    UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM reached)
    UNION ALL SELECT 'pg_class'::regclass, oid FROM reached
    UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE contypid <> 0
    UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typtype = 'd' AND oid >= 16384
),
extended(classid, objid) AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
wide(yes) AS (SELECT /*all*/
    OR EXISTS (SELECT FROM pg_proc p JOIN called ON called.name = p.proname WHERE p.oid >= 16384)
    OR EXISTS (SELECT FROM part JOIN pg_depend d ON d.classid = part.classid AND d.objid = part.objid
        WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid >= 16384)
    OR EXISTS (SELECT FROM pg_operator o WHERE o.oid >= 16384
        AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_operator'::regclass AND e.objid = o.oid))
    OR EXISTS (SELECT FROM pg_cast c WHERE c.oid >= 16384
        AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_cast'::regclass AND e.objid = c.oid))
    OR EXISTS (SELECT FROM pg_event_trigger)
),
line(text) AS (
    SELECT ROW('class', c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.relrowsecurity,
            c.relforcerowsecurity, c.reloptions)::text
        FROM pg_class c, wide WHERE c.relpersistence <> 't' AND c.oid >= 16384 AND c.relkind <> 't'
        AND (wide.yes OR c.oid IN (SELECT oid FROM reached))
    UNION ALL SELECT ROW('column', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
            a.attidentity, a.attgenerated, a.atthasdef, a.attisdropped, a.attcollation)::text
        FROM pg_attribute a, wide WHERE a.attnum > 0 AND a.attrelid >= 16384
        AND (wide.yes AND EXISTS (SELECT FROM pg_class c
            WHERE c.oid = a.attrelid AND c.relpersistence <> 't' AND c.relkind <> 't')
            OR a.attrelid IN (SELECT oid FROM reached))
    UNION ALL SELECT ROW('rule', w.*)::text FROM pg_rewrite w, wide
        WHERE w.oid >= 16384 AND (wide.yes OR w.ev_class IN (SELECT oid FROM reached))
    UNION ALL SELECT ROW('trigger', t.*)::text FROM pg_trigger t, wide
        WHERE wide.yes OR t.tgrelid IN (SELECT oid FROM reached)
    UNION ALL SELECT ROW('default', d.*)::text FROM pg_attrdef d, wide
        WHERE wide.yes OR d.adrelid IN (SELECT oid FROM reached)
    UNION ALL SELECT ROW('constraint', k.*)::text FROM pg_constraint k, wide
        WHERE k.oid >= 16384 AND (wide.yes OR k.conrelid = 0 OR k.conrelid IN (SELECT oid FROM reached))
    UNION ALL SELECT ROW('policy', p.*)::text FROM pg_policy p, wide
        WHERE wide.yes OR p.polrelid IN (SELECT oid FROM reached)
    UNION ALL SELECT ROW('index', i.indexrelid, i.indrelid, i.indisunique, i.indkey, i.indclass, i.indcollation,
            i.indexprs, i.indpred)::text
        FROM pg_index i, wide WHERE i.indrelid >= 16384 AND (wide.yes OR i.indrelid IN (SELECT oid FROM reached))
    UNION ALL SELECT ROW('child', i.inhrelid, i.inhparent, i.inhseqno)::text FROM pg_inherits i, wide
        WHERE wide.yes OR i.inhparent IN (SELECT oid FROM reached)
    UNION ALL SELECT ROW('function', p.*)::text FROM pg_proc p, wide WHERE p.oid >= 16384 AND (wide.yes
        OR p.oid IN (SELECT oprcode FROM pg_operator) OR p.oid IN (SELECT castfunc FROM pg_cast))
    UNION ALL SELECT ROW('operator', o.*)::text FROM pg_operator o WHERE o.oid >= 16384
    UNION ALL SELECT ROW('cast', c.*)::text FROM pg_cast c WHERE c.oid >= 16384
    UNION ALL SELECT ROW('domain', t.oid, t.typname, t.typnamespace, t.typbasetype, t.typtypmod, t.typnotnull,
            t.typdefault)::text FROM pg_type t WHERE t.typtype = 'd' AND t.oid >= 16384
    UNION ALL SELECT ROW('enum', e.*)::text FROM pg_enum e, wide WHERE wide.yes
    UNION ALL SELECT ROW('schema', n.oid, n.nspname, n.nspowner)::text FROM pg_namespace n
        WHERE n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
    UNION ALL SELECT ROW('setting', s.*)::text FROM pg_db_role_setting s
    UNION ALL SELECT ROW('event', e.*)::text FROM pg_event_trigger e
)
SELECT CASE WHEN wide.yes THEN 'w' ELSE 'n' END || encode(sha256(convert_to(coalesce(
    (SELECT string_agg(text, E'\n' ORDER BY text COLLATE "C") FROM line), ''), 'UTF8')), 'hex')
FROM wide"#;
