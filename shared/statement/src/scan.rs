//! PostgreSQL's own tokens.

use pg_query::protobuf::ScanToken;

/// The tokens of `text`, comments included, or `None` when the scanner does not take it. Spans are in bytes.
pub(crate) fn scan(text: &str) -> Option<Vec<ScanToken>> {
    // The binding makes a slice of a null pointer when there is no token: undefined behaviour, an abort when checked.
    if text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)) {
        return Some(Vec::new());
    }
    pg_query::scan_tokens(text).ok()
}
