//! What is asked of a target's catalogue. All of it runs on a connection of the broker's own whose search path is
//! `pg_catalog` alone, so that no name can mean anything of the database's users. Objects under 16384 are the server's
//! own (PostgreSQL manual, 73.1; `FirstNormalObjectId`).

/// The greatest definition or function text that is read, in bytes; greater ones count as not understood.
macro_rules! most {
    () => {
        "400000"
    };
}

/// A digest of all that the closure is made of; `/*oids*/` are the relations whose columns count. Rows that are not
/// asked for by oid are summed: the sum is the same in any order, so nothing is sorted. Temporary tables with their keys
/// and defaults come and go by the second on busy servers and are left out.
pub(super) const FINGERPRINT: &str = r"
SELECT pg_catalog.concat_ws(' ',
    (SELECT concat_ws(',', count(*), sum(hashtextextended(c.relname::text, (c.oid::int8 << 32) | c.relnamespace::int8)
            # hashcharextended(c.relkind, c.relrowsecurity::int4)), sum(hashtextextended(c.reloptions::text, c.oid::int8)))
        FROM pg_class c WHERE c.relkind <> 't' AND c.relpersistence <> 't'),
    (SELECT concat_ws(',', count(*), sum(hashtextextended(n.nspname::text, n.oid::int8)))
        FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'),
    (SELECT concat_ws(',', count(*), sum(hashtextextended(concat(a.attname, a.attgenerated,
            a.attisdropped, a.atttypid, ' ', a.atttypmod), (a.attrelid::int8 << 16) | a.attnum::int8)))
        FROM pg_attribute a WHERE a.attnum > 0 AND a.attrelid = ANY ('{/*oids*/}'::oid[])),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(w.oid::int8, w.xmin::text::int8)))
        FROM pg_rewrite w WHERE w.oid >= 16384),
    (SELECT concat_ws(',', count(*), sum(hashint8extended((i.inhrelid::int8 << 32) | i.inhparent::int8,
            i.xmin::text::int8))) FROM pg_inherits i),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(k.oid::int8, k.xmin::text::int8)))
        FROM pg_constraint k WHERE k.oid >= 16384 AND k.contype IN ('f', 'c', 'x')),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(d.oid::int8, d.xmin::text::int8)))
        FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid WHERE c.relpersistence <> 't'),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(t.oid::int8, t.xmin::text::int8)))
        FROM pg_trigger t WHERE NOT t.tgisinternal),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(p.oid::int8, p.xmin::text::int8))) FROM pg_policy p),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(p.oid::int8, p.xmin::text::int8)))
        FROM pg_proc p WHERE p.oid >= 16384),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(o.oid::int8, o.xmin::text::int8)))
        FROM pg_operator o WHERE o.oid >= 16384),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(t.oid::int8, t.xmin::text::int8)))
        FROM pg_type t WHERE t.oid >= 16384 AND t.typtype <> 'c' AND t.typelem = 0),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(c.oid::int8, c.xmin::text::int8)))
        FROM pg_cast c WHERE c.oid >= 16384),
    (SELECT concat_ws(',', count(*), sum(hashint8extended(e.oid::int8, e.xmin::text::int8))) FROM pg_extension e))";

/// Relations that can be in the closure: those named in `/*names*/` and known by `/*oids*/`, and what hangs together
/// with them.
pub(super) const CANDIDATES: &str = r"
WITH RECURSIVE near(oid) AS (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE (n.nspname, c.relname) IN (VALUES /*names*/)
    UNION SELECT c.oid FROM pg_class c WHERE c.oid = ANY ('{/*oids*/}'::oid[])
    UNION SELECT next.oid FROM near, LATERAL (
        SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = near.oid
        UNION ALL SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = near.oid
        UNION ALL SELECT k.conrelid FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = near.oid
        UNION ALL SELECT w.ev_class FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
            WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = near.oid AND w.rulename = '_RETURN'
    ) next(oid)
)
SELECT oid FROM near";

pub(super) const RELATIONS: &str = r"
SELECT c.oid, n.nspname, c.relname, c.relkind, coalesce(c.reloptions::text LIKE '%security_barrier=%', false),
    c.relrowsecurity
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\_toast%'";

/// Columns of `/*oids*/` and of PostgreSQL's own relations that are shown in another form, with the type under a domain.
pub(super) const ATTRIBUTES: &str = r"
SELECT a.attrelid, a.attnum, a.attname, base.oid, format_type(base.oid, base.typmod), a.attgenerated <> ''
FROM pg_attribute a CROSS JOIN LATERAL (
    WITH RECURSIVE down(oid, typmod) AS (
        VALUES (a.atttypid, a.atttypmod)
        UNION ALL SELECT t.typbasetype, t.typtypmod FROM down JOIN pg_type t ON t.oid = down.oid WHERE t.typtype = 'd'
    )
    SELECT down.oid, down.typmod FROM down JOIN pg_type t ON t.oid = down.oid WHERE t.typtype <> 'd'
) base
WHERE a.attnum > 0 AND NOT a.attisdropped AND (a.attrelid = ANY ('{/*oids*/}'::oid[]) OR a.attrelid IN (
    SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace
    AND c.relname IN ('pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs', 'pg_stat_activity', 'pg_subscription')))";

pub(super) const INHERITS: &str = "SELECT inhrelid, inhparent FROM pg_inherits";

/// Up to major 14 the column depends on the others, later its expression does.
pub(super) const GENERATED: &str = r"
SELECT DISTINCT d.refobjid, g.attnum, d.refobjsubid
FROM pg_depend d LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
JOIN pg_attribute g ON g.attrelid = d.refobjid AND g.attgenerated <> ''
    AND g.attnum = CASE WHEN d.classid = 'pg_class'::regclass THEN d.objsubid::int2 ELSE e.adnum END
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.refobjid = ANY ('{/*oids*/}'::oid[])
    AND g.attnum <> d.refobjsubid
    AND (d.classid = 'pg_class'::regclass AND d.objid = d.refobjid OR e.adrelid = d.refobjid)";

/// Every rule of users with the relations and functions that stand in its tree: dependencies leave out the server's own.
pub(super) const RULES: &str = r"
SELECT w.ev_class, w.rulename, w.rulename = '_RETURN', used.relations, used.functions,
    (SELECT string_agg(DISTINCT p.proname, ' ') FROM pg_proc p
        WHERE p.oid < 16384 AND p.oid = ANY (string_to_array(used.functions, ' ')::oid[]))
FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class CROSS JOIN LATERAL (
    SELECT string_agg(DISTINCT m[2], ' ') FILTER (WHERE m[1] = 'relid') AS relations,
        string_agg(DISTINCT m[2], ' ') FILTER (WHERE m[1] <> 'relid') AS functions
    FROM regexp_matches(w.ev_action::text || w.ev_qual::text,
        ':(relid|funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') m
) used
WHERE w.oid >= 16384 AND c.relpersistence <> 't'";

/// Columns that the views among `/*oids*/` use.
pub(super) const READS: &str = r"
SELECT DISTINCT w.ev_class, d.refobjid, d.refobjsubid
FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    AND w.rulename = '_RETURN' AND d.refobjid <> w.ev_class AND w.ev_class = ANY ('{/*oids*/}'::oid[])";

/// Writing a definition locks the relations in it: this is the one query that can wait for others.
pub(super) const DEFINITIONS: &str = concat!(
    "SELECT c.oid, CASE WHEN octet_length(v.text) <= ",
    most!(),
    " THEN v.text END FROM pg_class c CROSS JOIN LATERAL (SELECT pg_get_viewdef(c.oid) OFFSET 0) v(text) \
     WHERE c.relkind IN ('v', 'm') AND c.oid = ANY ('{/*oids*/}'::oid[])"
);

pub(super) const FOREIGN_KEYS: &str = r"
SELECT conrelid, conkey, confrelid, confkey,
    confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd')
FROM pg_constraint WHERE contype = 'f'";

/// Indexes of `/*oids*/`: their keys, 0 for an expression, and all columns that they depend on.
pub(super) const INDEXES: &str = r"
SELECT c.relname, i.indrelid, i.indisprimary, i.indisunique OR i.indisexclusion, i.indkey,
    (SELECT string_agg(DISTINCT d.refobjsubid::text, ' ') FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid > 0)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY ('{/*oids*/}'::oid[])";

pub(super) const TRIGGERS: &str = "SELECT tgrelid, tgname, tgfoid FROM pg_trigger WHERE NOT tgisinternal";

/// Relations with functions of users that a write to them calls.
pub(super) const CALLS: &str = r"
SELECT DISTINCT coalesce(e.adrelid, nullif(k.conrelid, 0), p.polrelid, i.indrelid), coalesce(o.oprcode::oid, d.refobjid)
FROM pg_depend d
LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
LEFT JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND d.refobjid >= 16384
    AND coalesce(e.adrelid, nullif(k.conrelid, 0), p.polrelid, i.indrelid) IS NOT NULL";

/// `/*body*/` is the text of a function: see [`BODY`].
pub(super) const FUNCTIONS: &str = concat!(
    "SELECT p.oid, n.nspname, p.proname, x.extname, \
     CASE WHEN octet_length(body.text) > ",
    most!(),
    " THEN 'too many words' ELSE l.lanname END, \
     CASE WHEN l.lanname IN ('sql', 'plpgsql') AND octet_length(body.text) <= ",
    most!(),
    " THEN body.text ELSE '' END, p.prosecdef, \
     concat_ws(' ', g.aggtransfn::oid, g.aggfinalfn::oid, g.aggcombinefn::oid, g.aggserialfn::oid, \
         g.aggdeserialfn::oid, g.aggmtransfn::oid, g.aggminvtransfn::oid, g.aggmfinalfn::oid) \
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang \
     LEFT JOIN pg_aggregate g ON g.aggfnoid = p.oid \
     LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' \
     LEFT JOIN pg_extension x ON x.oid = d.refobjid \
     CROSS JOIN LATERAL (SELECT /*body*/ OFFSET 0) body(text) \
     WHERE p.oid >= 16384 OR n.nspname NOT IN ('pg_catalog', 'information_schema')"
);

/// The text of a function up to major 13.
pub(super) const BODY_13: &str = "p.prosrc";

/// A body in standard SQL is kept as a tree since major 14: the names in it stand for its text, since to write it out
/// would lock what it names.
pub(super) const BODY: &str = r#"CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE (
    SELECT string_agg(coalesce('"' || r.relname || '" ', '"' || f.proname || '"( '), '')
    FROM regexp_matches(p.prosqlbody::text, ':(relid|funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') m
    LEFT JOIN pg_class r ON m[1] = 'relid' AND r.oid = m[2]::oid
    LEFT JOIN pg_proc f ON m[1] <> 'relid' AND f.oid = m[2]::oid) END"#;

pub(super) const OPERATORS: &str = r"
SELECT n.nspname, o.oprname, x.extname, o.oprcode::oid
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid
WHERE o.oid >= 16384 OR n.nspname <> 'pg_catalog'";

/// Types that are no relation's row type nor an array of one.
pub(super) const TYPES: &str = r"
SELECT n.nspname, t.typname, x.extname
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_type e ON e.oid = t.typelem LEFT JOIN pg_class r ON r.oid = e.typrelid
LEFT JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid
WHERE (t.oid >= 16384 OR n.nspname <> 'pg_catalog') AND coalesce(c.relkind, 'c') = 'c'
    AND coalesce(r.relkind, 'c') = 'c' AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp\_%'";

/// What bare names mean on a new connection, which runs it itself: everything is qualified.
pub(super) const SITUATION: &str = "SELECT pg_catalog.array_to_string(pg_catalog.current_schemas(false), '\u{1}'), \
     CURRENT_USER";
