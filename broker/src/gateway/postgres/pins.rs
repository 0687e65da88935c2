//! Settings that a session has from start to end, because judging and masking rest on them.

/// Name and the values that are right.
const PINNED: &[(&str, &[&str])] = &[
    // Texts are judged as UTF-8: in GBK, `E'\xbf\x5c'; …` is two statements.
    ("client_encoding", &["UTF8"]),
    // With it off, a backslash moves the end of a string.
    ("standard_conforming_strings", &["on"]),
    // A superuser reads around every wall.
    ("is_superuser", &["off"]),
];

/// The pinned setting that this ParameterStatus breaks.
#[must_use]
pub fn broken(name: &str, value: &[u8]) -> Option<&'static str> {
    PINNED.iter().find(|(n, right)| *n == name && !right.iter().any(|r| r.as_bytes() == value)).map(|(n, _)| *n)
}

/// Pinned settings that the target has not reported at start-up: without the report they cannot be watched.
pub fn unreported<'a>(reported: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'static str> + 'a {
    PINNED.iter().map(|(n, _)| *n).filter(move |n| !reported(n))
}
