//! What the data of a COPY TO STDOUT looks like, for masking it by column: it comes without a description of columns.

use pg_query::NodeEnum;
use pg_query::protobuf::{CopyStmt, DefElem, Node};

/// The form of a COPY TO STDOUT's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyShape {
    /// Schema (if written) and name of the relation; `None` for `COPY (query)`.
    pub relation: Option<(Option<String>, String)>,
    /// Columns in order; empty for all.
    pub columns: Vec<String>,
    /// Encoding of rows.
    pub format: CopyFormat,
    /// Between fields.
    pub delimiter: u8,
    /// Around fields, csv.
    pub quote: u8,
    /// Before a quote inside a field, csv.
    pub escape: u8,
    /// The first row holds names.
    pub header: bool,
}

/// Encoding of COPY rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFormat {
    /// The default.
    Text,
    /// Comma-separated.
    Csv,
    /// PGCOPY.
    Binary,
}

/// The shape of the one COPY TO STDOUT in `text`; `None` when there is none, several, or one whose options are not
/// understood: the data of such a COPY cannot be masked by column. Needs a stack of
/// [`STACK_BYTES`](crate::STACK_BYTES), and a text that [`analyse`](crate::analyse) took.
#[must_use]
pub fn copy_shape(text: &str) -> Option<CopyShape> {
    let tree = pg_query::parse(text, 0).ok()?.protobuf;
    let mut copies = tree.stmts.iter().filter_map(|raw| match raw.stmt.as_ref()?.node.as_ref()? {
        NodeEnum::CopyStmt(copy) if !copy.is_from => Some(copy),
        _ => None,
    });
    let copy = copies.next()?;
    copies.next().is_none().then(|| shape(copy))?
}

fn shape(copy: &CopyStmt) -> Option<CopyShape> {
    let mut shape = CopyShape {
        relation: copy.relation.as_ref().map(|r| {
            let schema = (!r.schemaname.is_empty()).then(|| r.schemaname.clone());
            (schema, r.relname.clone())
        }),
        columns: copy.attlist.iter().map(string).collect::<Option<_>>()?,
        format: CopyFormat::Text,
        delimiter: 0,
        quote: b'"',
        escape: 0,
        header: false,
    };
    for option in &copy.options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { return None };
        apply(&mut shape, option)?;
    }
    if shape.delimiter == 0 {
        shape.delimiter = if shape.format == CopyFormat::Csv { b',' } else { b'\t' };
    }
    if shape.escape == 0 {
        shape.escape = shape.quote;
    }
    Some(shape)
}

fn apply(shape: &mut CopyShape, option: &DefElem) -> Option<()> {
    match option.defname.as_str() {
        "format" => {
            shape.format = match word(option)?.as_str() {
                "text" => CopyFormat::Text,
                "csv" => CopyFormat::Csv,
                "binary" => CopyFormat::Binary,
                _ => return None,
            };
        }
        "delimiter" => shape.delimiter = byte(option)?,
        "quote" => shape.quote = byte(option)?,
        "escape" => shape.escape = byte(option)?,
        "header" => shape.header = truth(option)?,
        // These change what stands in a field, not where it ends.
        "null" | "force_quote" | "freeze" | "default" | "log_verbosity" => {}
        // `encoding` would change the bytes under the mask; what is new is not known.
        _ => return None,
    }
    Some(())
}

fn string(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::String(s) => Some(s.sval.clone()),
        _ => None,
    }
}

fn word(option: &DefElem) -> Option<String> {
    match option.arg.as_ref()?.node.as_ref()? {
        NodeEnum::String(s) => Some(s.sval.to_ascii_lowercase()),
        NodeEnum::TypeName(t) => t.names.last().and_then(string),
        _ => None,
    }
}

fn byte(option: &DefElem) -> Option<u8> {
    match option.arg.as_ref()?.node.as_ref()? {
        NodeEnum::String(s) if s.sval.len() == 1 => s.sval.bytes().next(),
        _ => None,
    }
}

/// HEADER alone, with a boolean, or MATCH (which is for COPY FROM).
fn truth(option: &DefElem) -> Option<bool> {
    let Some(arg) = &option.arg else { return Some(true) };
    match arg.node.as_ref()? {
        NodeEnum::Boolean(b) => Some(b.boolval),
        NodeEnum::Integer(i) => Some(i.ival != 0),
        NodeEnum::String(s) => match s.sval.to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Some(true),
            "false" | "off" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_from_both_syntaxes() {
        let new = copy_shape("COPY s.t (a, \"B\") TO STDOUT (FORMAT csv, HEADER, DELIMITER ';')").unwrap();
        assert_eq!(new.relation, Some((Some("s".into()), "t".into())));
        assert_eq!(
            (new.columns, new.format, new.delimiter, new.header),
            (vec!["a".into(), "B".into()], CopyFormat::Csv, b';', true)
        );
        let old = copy_shape("COPY t TO STDOUT CSV HEADER QUOTE ''''").unwrap();
        assert_eq!(
            (old.format, old.delimiter, old.quote, old.escape, old.header),
            (CopyFormat::Csv, b',', b'\'', b'\'', true)
        );
        assert_eq!(copy_shape("COPY t TO STDOUT").unwrap().delimiter, b'\t');
        assert_eq!(copy_shape("COPY BINARY t TO STDOUT").unwrap().format, CopyFormat::Binary);
        assert_eq!(copy_shape("COPY (SELECT 1) TO STDOUT").unwrap().relation, None);
    }

    #[test]
    fn what_is_not_understood_has_no_shape() {
        assert_eq!(copy_shape("COPY t TO STDOUT (ENCODING 'LATIN1')"), None);
        assert_eq!(copy_shape("COPY t TO STDOUT (DELIMITER 'ab')"), None);
        assert_eq!(copy_shape("COPY t FROM STDIN"), None);
        assert_eq!(copy_shape("COPY t TO STDOUT; COPY u TO STDOUT"), None);
    }
}
