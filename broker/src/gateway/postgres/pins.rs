//! Settings that a session has from start to end, because judging and masking rest on them.

use std::sync::Arc;

use hoop_statement::{Facts, Setting, SettingAct};

use crate::gate::Reason;

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
    PINNED
        .iter()
        .find(|(n, right)| *n == name && !right.iter().any(|r| r.as_bytes() == value))
        .map(|(n, _)| *n)
}

/// Pinned settings that the target has not reported at start-up: without the report they cannot be watched.
pub fn unreported<'a>(reported: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'static str> + 'a {
    PINNED.iter().map(|(n, _)| *n).filter(move |n| !reported(n))
}

/// The refusal of a statement that would move a pinned setting, whatever the policy says. Setting it to the pinned
/// value again (pg_dump and drivers do) is fine.
#[must_use]
pub fn denied(facts: &Facts) -> Option<Arc<Reason>> {
    let moved = facts
        .settings
        .iter()
        .find(|s| PINNED.iter().any(|(name, _)| *name == s.name) && !moves_nothing(s))?;
    Some(Arc::new(Reason {
        sqlstate: "42501",
        rules: vec!["gateway.pinned-setting".to_owned()],
        message: format!("the setting `{}` is pinned for the session", moved.name),
        hint: Some("judging and masking rest on it; leave it as it is".to_owned()),
        position: None,
        record: format!("change of the pinned setting {}", moved.name),
        approval: None,
    }))
}

fn moves_nothing(setting: &Setting) -> bool {
    match setting.act {
        // Our start-up packet gave the session's default.
        SettingAct::Reset => true,
        SettingAct::To(_) => setting.keeps_pin(),
    }
}
