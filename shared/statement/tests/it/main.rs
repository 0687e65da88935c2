//! Statements in, facts and records out.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod canary;
mod closure;
mod columns;
mod corpus;
mod limits;
mod refusals;
mod regress;
mod substitute;

use hoop_statement::{Analysis, Facts, Refusal, SettingAct, TextLimits};

/// Judges on a stack of the documented size.
pub(crate) fn analyse(text: &str) -> Result<Analysis, Refusal> {
    let text = text.to_owned();
    std::thread::Builder::new()
        .stack_size(hoop_statement::STACK_BYTES)
        .spawn(move || hoop_statement::analyse(&text, &TextLimits::default()))
        .unwrap()
        .join()
        .expect("the judge does not panic")
}

/// The facts of a single statement.
pub(crate) fn facts(text: &str) -> Facts {
    let analysis = analyse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(analysis.statements.len(), 1, "{text}");
    analysis.statements.into_iter().next().unwrap()
}

/// One line of facts, for snapshots.
pub(crate) fn line(f: &Facts) -> String {
    let mut out = format!("{} [{}] {}", f.tag, f.verbs, f.class());
    if f.is_read_only() {
        out.push_str(" ro");
    }
    for r in &f.relations {
        let schema = r.schema.as_deref().map(|s| format!("{s}.")).unwrap_or_default();
        out += &format!(" {}:{schema}{}", r.access, r.name);
    }
    for g in &f.functions {
        let schema = g.schema.as_deref().map(|s| format!("{s}.")).unwrap_or_default();
        out += &format!(" {schema}{}(){}", g.name, if g.listed { "" } else { "!" });
    }
    for s in &f.settings {
        let value = match &s.act {
            SettingAct::To(v) => format!("={}", v.raw()),
            SettingAct::Reset => "=<reset>".to_owned(),
        };
        out += &format!(" {}{}{value}", if s.local { "local " } else { "" }, s.name);
    }
    for c in &f.changes {
        out += &format!(" {c}");
    }
    for l in &f.languages {
        out += &format!(" lang:{l}");
    }
    if let Some(t) = &f.transaction {
        out += &format!(" {t:?}");
    }
    if let Some(c) = &f.copy {
        out += &format!(" copy:{c}");
    }
    if let Some(p) = &f.prepared {
        out += &format!(" {p:?}");
    }
    if f.unbounded {
        out.push_str(" unbounded");
    }
    for o in &f.opaque {
        out += &format!(" opaque:{o}");
    }
    out
}
