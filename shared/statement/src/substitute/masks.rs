//! What stands for a classified column: an expression over the column that never raises, keeps type and modifier, and
//! says no more than may be shown (WALLS, rule 10; PCI DSS 3.4.1).

use crate::catalogue::Column;

const INT8: u32 = 20;
const TEXT: u32 = 25;
const BPCHAR: u32 = 1042;
const VARCHAR: u32 = 1043;
const NUMERIC: u32 = 1700;

/// The masked form of `column`, where `column_ref` names it.
///
/// A card number as text keeps its first six and last four digits, up to 14 digits the last four only, and nothing where
/// anything but digits stands in it (a masked form stays as it is); as a number its middle is zeroed so that it passes as no card number. Other classes say nothing but that there is a value. A type that cannot
/// hold such a form gives NULL, and so does a number that is as long as no card number is.
pub(super) fn mask(column: &Column, column_ref: &str) -> String {
    let masked = match (column.class.as_deref(), column.type_oid) {
        (Some("pan"), TEXT | VARCHAR | BPCHAR) => Some(pan_text(column_ref)),
        (Some("pan"), INT8 | NUMERIC) => Some(pan_number(column_ref)),
        (Some("cvv"), TEXT | VARCHAR | BPCHAR) => Some(cvv(column_ref)),
        (Some("expiry"), TEXT | VARCHAR | BPCHAR) => Some(constant(column_ref, "*****")),
        (Some(_), TEXT | VARCHAR | BPCHAR) => Some(constant(column_ref, "***")),
        _ => None,
    };
    let masked = masked.as_deref().unwrap_or("NULL");
    format!("CAST({masked} AS {})", column.type_sql)
}

/// True if the mask of this column shows something of its value.
fn shows_part(column: &Column) -> bool {
    let digits = matches!(column.type_oid, TEXT | VARCHAR | BPCHAR | INT8 | NUMERIC);
    column.class.as_deref() == Some("pan") && digits
}

/// True if a reader may not see by the mask alone that something is withheld: a NULL, or a text that was any.
pub(super) fn withholds(column: &Column) -> bool {
    !says_something(column) || !matches!(column.class.as_deref(), Some("pan" | "cvv" | "expiry"))
}

/// True if the mask of this column is not NULL.
pub(super) fn says_something(column: &Column) -> bool {
    matches!(column.type_oid, TEXT | VARCHAR | BPCHAR) || shows_part(column)
}

/// Three stars or four: which of them follows from the brand, and so from the first digits.
fn cvv(column: &str) -> String {
    let four = format!("{LENGTH}({column}) {} 4", op("="));
    format!("CASE WHEN {column} IS NOT NULL THEN CASE WHEN {four} THEN '****' ELSE '***' END END")
}

fn constant(column: &str, stars: &str) -> String {
    format!("CASE WHEN {column} IS NOT NULL THEN '{stars}' END")
}

const LENGTH: &str = "pg_catalog.length";
const TRANSLATE: &str = "pg_catalog.translate";
const REPEAT: &str = "pg_catalog.repeat";

/// Operators are written with their schema: another one could stand before it in the search path.
fn op(name: &str) -> String {
    format!("OPERATOR(pg_catalog.{name})")
}

fn pan_text(column: &str) -> String {
    let (ge, le, eq, join, minus) = (op(">="), op("<="), op("="), op("||"), op("-"));
    let long = |least: u8, most: u8| {
        format!(
            "{LENGTH}({column}) {ge} {least} AND {LENGTH}({column}) {le} {most} \
             AND {TRANSLATE}({column}, '0123456789*', '') {eq} ''"
        )
    };
    let last = format!("pg_catalog.right({column}, 4)");
    format!(
        "CASE WHEN {} THEN pg_catalog.left({column}, 6) {join} {REPEAT}('*', {LENGTH}({column}) {minus} 10) {join} {last} \
         WHEN {} THEN {REPEAT}('*', {LENGTH}({column}) {minus} 4) {join} {last} \
         ELSE {REPEAT}('*', {LENGTH}({column})) END",
        long(15, 19),
        long(13, 14),
    )
}

/// Fifteen digits and more: first six, zeros, last four, and a one among the zeros where the number would pass as a card
/// number otherwise. Thirteen and fourteen: the last four.
fn pan_number(column: &str) -> String {
    let number = format!("CAST({column} AS pg_catalog.numeric)");
    let (ge, lt, eq, plus, times) = (op(">="), op("<"), op("="), op("+"), op("*"));
    let whole = format!("pg_catalog.trunc({number}) {eq} {number}");
    let between = |low: u8, high: u8| {
        format!("{number} {ge} 1{} AND {number} {lt} 1{}", "0".repeat(low.into()), "0".repeat(high.into()))
    };
    let last = format!("pg_catalog.mod({number}, 10000)");
    let mut cases = format!("WHEN {whole} AND {} THEN {last}", between(12, 14));
    for length in 15_u8..=19 {
        let unit = format!("1{}", "0".repeat(usize::from(length) - 6));
        let first = format!("pg_catalog.div({number}, {unit})");
        let valid = format!("pg_catalog.mod({}, 10) {eq} 0", luhn(&first, &last, length % 2 == 0));
        let one = format!("CASE WHEN {valid} THEN 10000 ELSE 0 END");
        cases += &format!(
            " WHEN {whole} AND {} THEN ({first} {times} {unit}) {plus} {last} {plus} {one}",
            between(length - 1, length)
        );
    }
    format!("CASE {cases} END")
}

/// Luhn's sum (ISO/IEC 7812-1, annex B) of the first six and last four digits, with zeros between them. Every second
/// digit from the right counts double, its digits summed: 2 d, less 9 from five on.
fn luhn(first: &str, last: &str, even: bool) -> String {
    let (plus, minus, times) = (op("+"), op("-"), op("*"));
    let digit =
        |of: &str, at: usize| format!("pg_catalog.mod(pg_catalog.div({of}, 1{}), 10)", "0".repeat(at));
    let term = |of: &str, at: usize, double: bool| {
        let d = digit(of, at);
        if double { format!("(({d} {times} 2) {minus} (pg_catalog.div({d}, 5) {times} 9))") } else { d }
    };
    let firsts = (0..6).map(|at| term(first, at, (at % 2 == 1) == even));
    let lasts = (0..4).map(|at| term(last, at, at % 2 == 1));
    firsts.chain(lasts).collect::<Vec<_>>().join(&format!(" {plus} "))
}
