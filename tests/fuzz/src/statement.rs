//! The judge of SQL: it never panics, and what it would have the ledger keep holds no constant.

use hoop_statement::{Copy, CopyFormat, CopyShape, Refusal, TextLimits};

use crate::on_big_stack;

/// `~` in an input becomes this, so that a mutation need not find a card number.
const CANARY: &str = "4111111111111111";
/// Functions of `pg_catalog` whose names keep their digits (PostgreSQL, binary string functions).
const KEPT: [&str; 4] = ["sha224", "sha256", "sha384", "sha512"];

/// Any text as a statement.
pub fn statement(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let text = text.replace('~', CANARY);
    on_big_stack(|| match hoop_statement::analyse(&text, &TextLimits::default()) {
        Ok(analysis) => {
            assert_no_constant(&analysis.record);
            let mut end = 0;
            for facts in &analysis.statements {
                assert!(
                    facts.span.start >= end && text.get(facts.span.clone()).is_some(),
                    "{:?}",
                    facts.span
                );
                end = facts.span.end;
                assert!(!facts.verbs.is_empty() || !facts.opaque.is_empty(), "neither judged nor opaque");
            }
        }
        Err(Refusal::Failed) => panic!("the judge failed"),
        Err(refusal) => {
            // Its numbers are places and limits, none longer than the text's own length.
            assert!(refusal.record().split(|c: char| !c.is_numeric()).all(|digits| digits.len() < 12));
        }
    });
}

/// Any text as a COPY: its shape, written out as COPY again, is the same shape.
pub fn copy_shape(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    on_big_stack(|| {
        let Ok(analysis) = hoop_statement::analyse(text, &TextLimits::default()) else { return };
        let Some(shape) = hoop_statement::copy_shape(text) else { return };
        let comes = |copy: &Copy| matches!(copy, Copy::ToStdout | Copy::File | Copy::Program);
        assert_eq!(
            analysis.statements.iter().filter_map(|s| s.copy.as_ref()).filter(|c| comes(c)).count(),
            1
        );
        let again = written(&shape);
        assert_eq!(hoop_statement::copy_shape(&again), Some(shape), "{again}");
    });
}

/// At most two digits of any script in a row, but for known names: a security code has three (PCI DSS 3.3.1.2).
fn assert_no_constant(record: &str) {
    let mut plain = record.to_lowercase();
    for name in KEPT {
        plain = plain.replace(name, " ");
    }
    let longest = plain.split(|c: char| !c.is_numeric()).map(|run| run.chars().count()).max();
    assert!(longest.unwrap_or_default() <= 2, "{record}");
}

fn written(shape: &CopyShape) -> String {
    let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
    let literal = |byte: u8| format!("E'\\x{byte:02x}'");
    let source = match &shape.relation {
        Some((schema, name)) => {
            let schema = schema.as_ref().map(|s| quoted(s) + ".").unwrap_or_default();
            let columns: Vec<String> = shape.columns.iter().map(quoted).collect();
            let columns =
                if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
            format!("{schema}{}{columns}", quoted(name))
        }
        None => "(SELECT 1)".to_owned(),
    };
    let format = match shape.format {
        CopyFormat::Text => "text",
        CopyFormat::Csv => "csv",
        CopyFormat::Binary => "binary",
    };
    let (delimiter, quote, escape) = (literal(shape.delimiter), literal(shape.quote), literal(shape.escape));
    format!(
        "COPY {source} TO STDOUT (FORMAT {format}, DELIMITER {delimiter}, QUOTE {quote}, ESCAPE {escape}, HEADER {})",
        shape.header
    )
}
