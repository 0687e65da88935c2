//! What the bytes of a type look like, by the type's oid (PostgreSQL `pg_type.dat`; these never change).

/// How a value of a type is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Cannot hold a card number.
    Safe,
    Text,
    Int8,
    Numeric,
    Float8,
    Money,
    Json,
    Jsonb,
    Bytea,
    /// An array; its elements' type.
    Array(u32),
    /// A range; its bounds' type.
    Range(u32),
    /// A multirange; its bounds' type.
    Multirange(u32),
    Record,
    /// A type of an extension or the user's own.
    Unknown,
}

pub(crate) const TEXT: u32 = 25;
pub(crate) const INT8: u32 = 20;
pub(crate) const NUMERIC: u32 = 1700;
const FLOAT8: u32 = 701;
const MONEY: u32 = 790;
const JSON: u32 = 114;
const JSONB: u32 = 3802;
const BYTEA: u32 = 17;
const BOOL: u32 = 16;

/// A type whose values are never looked into: given as the type of a column that is shown as it is.
pub const LEFT_AS_IT_IS: u32 = BOOL;

/// The shape of a type. A type not listed is [`Shape::Unknown`] and is scanned as text or as framed bytes.
pub(crate) fn shape(oid: u32) -> Shape {
    match oid {
        // "char", name, text, xml, bpchar, varchar, unknown, cstring, refcursor, tsvector, tsquery, jsonpath
        18 | 19 | TEXT | 142 | 1042 | 1043 | 705 | 2275 | 1790 | 3614 | 3615 | 4072 => Shape::Text,
        INT8 => Shape::Int8,
        NUMERIC => Shape::Numeric,
        FLOAT8 => Shape::Float8,
        MONEY => Shape::Money,
        JSON => Shape::Json,
        JSONB => Shape::Jsonb,
        BYTEA => Shape::Bytea,
        2249 => Shape::Record,
        3906 => Shape::Range(NUMERIC),
        3926 => Shape::Range(INT8),
        4532 => Shape::Multirange(NUMERIC),
        4536 => Shape::Multirange(INT8),
        143 | 1002 | 1003 | 1009 | 1014 | 1015 | 1263 | 2201 | 3643 | 3645 | 4073 => Shape::Array(TEXT),
        1016 => Shape::Array(INT8),
        1231 => Shape::Array(NUMERIC),
        1022 => Shape::Array(FLOAT8),
        791 => Shape::Array(MONEY),
        199 => Shape::Array(JSON),
        3807 => Shape::Array(JSONB),
        1001 => Shape::Array(BYTEA),
        2287 => Shape::Array(2249),
        3907 => Shape::Array(3906),
        3927 => Shape::Array(3926),
        oid if is_safe(oid) => Shape::Safe,
        oid if is_safe_array(oid) => Shape::Array(BOOL),
        _ => Shape::Unknown,
    }
}

/// Types whose values are too short, or of too strict a form, to be a card number.
fn is_safe(oid: u32) -> bool {
    matches!(oid,
        BOOL | 21 | 23 | 26 | 27..=29 | 700 // bool, int2, int4, oid, tid, xid, cid, float4
        | 600..=604 | 628 | 718 // geometric
        | 650 | 774 | 829 | 869 // network
        | 1082 | 1083 | 1114 | 1184 | 1186 | 1266 // date and time
        | 1560 | 1562 | 2950 | 3220 | 2970 | 5038 | 5069 // bits, uuid, pg_lsn, snapshots, xid8
        | 2202..=2206 | 4089 | 4096 | 3734 | 3769 // reg*
        | 3904 | 3908 | 3910 | 3912 | 4451 | 4533..=4535) // ranges of int4, timestamps, date
}

fn is_safe_array(oid: u32) -> bool {
    matches!(
        oid,
        1000 | 1005 | 1007 | 1010..=1012 | 1017..=1021 | 1027 | 1028 | 629 | 719
        | 651 | 775 | 1040 | 1041 | 1115 | 1182 | 1183 | 1185 | 1187 | 1270 | 1561 | 1563
        | 2951 | 3221 | 2949 | 5039 | 271 | 2207..=2211 | 4090 | 4097 | 3735 | 3770
        | 3905 | 3909 | 3911 | 3913 | 6150 | 6152..=6155
    )
}
