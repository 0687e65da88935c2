//! All facts of a statement as text, a line each, and all lines again as a few letters.

use std::fmt::Debug;

use hoop_statement::{Analysis, Facts, Refusal, SettingAct};
use sha2::{Digest, Sha256};

/// What is known of a text. Every fact is in it; the record stands for the text itself.
pub(crate) fn rendered(analysed: &Result<Analysis, Refusal>) -> String {
    match analysed {
        Ok(analysis) => {
            let all: String = analysis.statements.iter().map(facts).collect();
            format!("{}\n{all}", analysis.record)
        }
        Err(refusal) => format!("    refused {} {}\n", refusal.sqlstate(), refusal.record()),
    }
}

fn facts(f: &Facts) -> String {
    // Taken apart by name: a new fact breaks the build here until it is shown.
    let Facts {
        tag,
        span,
        verbs,
        relations,
        touches,
        functions,
        settings,
        changes,
        languages,
        transaction,
        copy,
        prepared,
        unbounded,
        nested_write,
        unfiltered,
        limited,
        opaque,
    } = f;
    let read_only = if f.is_read_only() { ", read only" } else { "" };
    let mut out = format!("    {tag} [{verbs}] {}{read_only}, {span:?}\n", f.class());
    let name = |schema: &Option<String>, name: &str| match schema {
        Some(schema) => format!("{schema:?}.{name:?}"),
        None => format!("{name:?}"),
    };
    each(&mut out, relations, |r| format!("{} {}", r.access, name(&r.schema, &r.name)));
    each(&mut out, touches, |t| {
        let qualified = if t.qualified { " qualified" } else { "" };
        format!("touch {} {} {:?}{qualified}", t.how, name(&t.schema, &t.relation), t.column)
    });
    each(&mut out, functions, |g| {
        format!("call {}{}", name(&g.schema, &g.name), if g.listed { "" } else { " not listed" })
    });
    each(&mut out, settings, |s| {
        let value = match &s.act {
            SettingAct::To(value) => format!("{:?}", value.raw()),
            SettingAct::Reset => "reset".to_owned(),
        };
        format!("setting {:?} {value}{}", s.name, if s.local { " local" } else { "" })
    });
    each(&mut out, changes, |c| format!("change {c}"));
    each(&mut out, languages, |l| format!("language {l:?}"));
    each(&mut out, transaction, shown);
    each(&mut out, copy, |c| format!("copy {c}"));
    each(&mut out, prepared, shown);
    let marks = [
        ("unbounded", unbounded),
        ("nested write", nested_write),
        ("unfiltered", unfiltered),
        ("limited", limited),
    ];
    each(&mut out, marks.into_iter().filter(|(_, is)| **is), |(mark, _)| mark.to_owned());
    each(&mut out, opaque, |o| format!("opaque {o}"));
    out
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?}")
}

fn each<T>(out: &mut String, values: impl IntoIterator<Item = T>, line: impl Fn(T) -> String) {
    for value in values {
        *out += &format!("        {}\n", line(value));
    }
}

/// The first of the hexadecimal digits of the SHA-256 of `bytes`.
pub(crate) fn hash(bytes: &[u8], digits: usize) -> String {
    let all: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    all.chars().take(digits).collect()
}
