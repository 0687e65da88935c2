//! `[targets.NAME]`: the systems behind the broker and their classified columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::DeValue;

use super::files::Role;
use super::section::{Report, Section, closest};
use super::value::{self, Wrong};
use super::{ClassifiedColumn, RowBudget, Target, TargetShared, UpstreamAddress, UpstreamTls, WeakAuth};

pub(super) fn targets(
    report: &mut Report<'_>,
    section: &Section<'_, '_>,
    own_classes: &[String],
) -> BTreeMap<String, Arc<Target>> {
    let mut targets = BTreeMap::new();
    for (key, value) in section.entries() {
        let name = key.get_ref().as_ref();
        if let Err(wrong) = value::check_name(name) {
            report.wrong(
                key.span(),
                Wrong { message: format!("`targets`: {}", wrong.message), hint: wrong.hint },
            );
        }
        if let Some(section) = section.child(report, name, value)
            && let Some(target) = target(report, name, section, own_classes)
        {
            targets.insert(name.to_owned(), Arc::new(target));
        }
    }
    targets
}

fn target(
    report: &mut Report<'_>,
    name: &str,
    mut section: Section<'_, '_>,
    own: &[String],
) -> Option<Target> {
    let s = &mut section;
    s.required(report, "kind", "\"postgres\"", |value| match value::text(value)? {
        "postgres" => Ok(()),
        other => Err(Wrong::new(format!("`{other}` is not a kind of target")).hint("write \"postgres\"")),
    });
    let environment = s.optional(report, "environment", value::name);
    let observe = s.or(report, "mode", false, observes);
    let address = s.required(report, "address", "\"db.internal:5432\"", value::upstream);
    let tls = s.optional(report, "tls", upstream_tls);
    let ca_file = s.optional_path(report, "ca_file", Role::TargetRoots);
    let login = s.required(report, "login", "\"hoop\"", value::owned_text);
    let password = s.secret(report, "password");
    let databases = s.required_list(report, "databases", "[\"payments\"]", value::owned_text);
    let weak_auth = weak_auth(report, s);
    let classes = s.section(report, "classes").map(|c| classes(report, &c, own)).unwrap_or_default();
    let budgets = s.section(report, "budgets").map(|b| budgets(report, &b, &classes)).unwrap_or_default();
    // A Unix socket has no certificate to verify and does not leave the machine.
    let local = matches!(address, Some(UpstreamAddress::Unix(_)));
    let tls = match (tls, local) {
        (None, true) => UpstreamTls::Disable,
        (None, false) => UpstreamTls::VerifyFull,
        (Some(UpstreamTls::Disable), _) => UpstreamTls::Disable,
        (Some(tls @ (UpstreamTls::VerifyFull | UpstreamTls::VerifyCa)), local) => {
            if local {
                let wrong = Wrong::new("`tls`: a Unix socket has no TLS").hint("leave `tls` out");
                report.wrong(s.span_of("tls"), wrong);
            }
            tls
        }
    };
    if tls == UpstreamTls::Disable && ca_file.is_some() {
        let wrong = Wrong::new("`ca_file`: is of no use without TLS")
            .hint("remove it, or set `tls = \"verify-full\"`");
        report.wrong(s.span_of("ca_file"), wrong);
    }
    let mut names: Vec<String> = Vec::new();
    for (database, span) in databases {
        if names.contains(&database) {
            report.wrong(span, Wrong::new(format!("`databases`: `{database}` is listed twice")));
        } else {
            names.push(database);
        }
    }
    section.finish(report);
    Some(Target {
        name: name.to_owned(),
        environment,
        observe,
        address: address?,
        tls,
        ca_file,
        login: login?,
        password,
        databases: names,
        weak_auth,
        classes,
        budgets,
        shared: TargetShared::default(),
    })
}

/// `mode`: does policy only observe?
fn observes(value: &DeValue<'_>) -> Result<bool, Wrong> {
    match value::text(value)? {
        "enforce" => Ok(false),
        "observe" => Ok(true),
        other => Err(Wrong::new(format!("`{other}` is not a mode"))
            .hint("write \"enforce\", or \"observe\" to record what policy would stop without stopping it")),
    }
}

fn upstream_tls(value: &DeValue<'_>) -> Result<UpstreamTls, Wrong> {
    match value::text(value)? {
        "verify-full" => Ok(UpstreamTls::VerifyFull),
        "verify-ca" => Ok(UpstreamTls::VerifyCa),
        "disable" => Ok(UpstreamTls::Disable),
        weak @ ("allow" | "prefer" | "require") => {
            Err(Wrong::new(format!("`{weak}` does not verify who answers, so it is not offered"))
                .hint("write \"verify-full\" with `ca_file`, or \"disable\" where the network is trusted"))
        }
        other => Err(Wrong::new(format!("`{other}` is not a TLS mode"))
            .hint("write \"verify-full\", \"verify-ca\" or \"disable\"")),
    }
}

fn weak_auth(report: &mut Report<'_>, section: &mut Section<'_, '_>) -> WeakAuth {
    let mut weak = WeakAuth::default();
    let methods = section.list(report, "allow_weak_auth", |value| match value::text(value)? {
        "md5" => Ok(true),
        "cleartext" => Ok(false),
        other => Err(Wrong::new(format!("`{other}` is not a weak method"))
            .hint("SCRAM-SHA-256 needs no leave; write \"md5\" or \"cleartext\" for what does")),
    });
    for (md5, _) in methods.unwrap_or_default() {
        if md5 {
            weak.md5 = true;
        } else {
            weak.cleartext = true;
        }
    }
    weak
}

/// `"schema.relation.column" = "class"`.
fn classes(report: &mut Report<'_>, section: &Section<'_, '_>, own: &[String]) -> Vec<ClassifiedColumn> {
    let mut columns: Vec<ClassifiedColumn> = Vec::new();
    for (key, value) in section.entries() {
        let name = key.get_ref().as_ref();
        let class = value::text(value.get_ref()).and_then(|word| {
            value::class(word, own).ok_or_else(|| {
                let built_in = value::CLASSES.iter().copied();
                let known: Vec<&str> = built_in.chain(own.iter().map(String::as_str)).collect();
                let hint = closest(word, &known).map_or_else(
                    || format!("known: {}; add your own to `classes` at the top", known.join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                Wrong::new(format!("`{word}` is not a class")).hint(hint)
            })
        });
        let column = match class {
            Ok(class) => value::column(name, class),
            Err(wrong) => {
                report
                    .wrong(value.span(), Wrong { message: format!("`{name}`: {}", wrong.message), ..wrong });
                continue;
            }
        };
        match column {
            Ok(column) if columns.iter().any(|c| same_column(c, &column)) => {
                report.wrong(key.span(), Wrong::new(format!("`{name}` is classified twice")));
            }
            Ok(column) => columns.push(column),
            Err(wrong) if matches!(value.get_ref(), DeValue::String(_)) => report.wrong(key.span(), wrong),
            Err(_) => {}
        }
    }
    columns
}

fn same_column(a: &ClassifiedColumn, b: &ClassifiedColumn) -> bool {
    (&a.schema, &a.relation, &a.column) == (&b.schema, &b.relation, &b.column)
}

/// `class = "200/hour, 1000/day"`.
fn budgets(
    report: &mut Report<'_>,
    section: &Section<'_, '_>,
    classes: &[ClassifiedColumn],
) -> Vec<RowBudget> {
    let mut budgets = Vec::new();
    for (key, value) in section.entries() {
        let class = key.get_ref().as_ref();
        if !classes.iter().any(|c| c.class.as_str() == class) {
            let wrong = Wrong::new(format!("`{class}`: no column of this target has this class"))
                .hint("budgets are of the classes under `classes`");
            report.wrong(key.span(), wrong);
            continue;
        }
        match value::text(value.get_ref()).and_then(|text| budget(class, text)) {
            Ok(budget) => budgets.push(budget),
            Err(wrong) => {
                report
                    .wrong(value.span(), Wrong { message: format!("`{class}`: {}", wrong.message), ..wrong });
            }
        }
    }
    budgets
}

fn budget(class: &str, text: &str) -> Result<RowBudget, Wrong> {
    let mut budget = RowBudget { class: class.to_owned(), hour: None, day: None };
    let wrong = || {
        Wrong::new(format!("`{text}` is no budget of rows"))
            .hint("write \"200/hour\" or \"200/hour, 1000/day\"")
    };
    for part in text.split(',') {
        let (rows, within) = part.trim().split_once('/').ok_or_else(wrong)?;
        let rows: u64 = rows.trim().parse().map_err(|_| wrong())?;
        let window = match within.trim() {
            "hour" => &mut budget.hour,
            "day" => &mut budget.day,
            _ => return Err(wrong()),
        };
        if window.replace(rows).is_some() {
            return Err(wrong());
        }
    }
    Ok(budget)
}
