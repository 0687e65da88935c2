//! An approval as a reviewer reads it: the statement with its line breaks, everything else escaped, and what looks made
//! to mislead named.

use hoop_api::Untrusted;
use hoop_api::approval::{Approval, ApprovalKind, ApprovalState, HeldRule};

use super::{safe, span, time};

/// Runs of blanks that are longer than this can push text out of sight.
const LONG_BLANKS: usize = 40;

/// All of it, line by line.
#[must_use]
pub fn lines(approval: &Approval) -> Vec<String> {
    let mut out = vec![format!("{} ({}, {})", approval.id, approval.kind.as_str(), approval.state.as_str())];
    let mut say = |label: &str, text: &str| {
        if !text.is_empty() {
            out.push(format!("  {label:<10} {text}"));
        }
    };
    say("target", &format!("{} at level {}", safe(&approval.target), approval.level));
    let kind = approval.requester_kind.as_str();
    say("requester", &format!("{} ({kind}) from {}", approval.requester, safe(&approval.origin)));
    say("reason", &approval.reason.to_string());
    say("held since", &time(approval.asked_at));
    say("because", &approval.message.to_string());
    for rule in &approval.rules {
        say("rule", &format!("{}: {}", safe(&rule.id), needs(rule)));
    }
    if let Some(fresh) = approval.fresh_s {
        let fresh = span(fresh);
        say("reviewer", &format!("signed in within {fresh}, with a second factor: hoopctl login --fresh"));
    }
    say("does", &safe(&approval.verbs.join(", ")));
    let relations: Vec<String> = approval.relations.iter().map(ToString::to_string).collect();
    say("tables", &relations.join(", "));
    if let Some(estimate) = &approval.estimate {
        let numbers = estimate.expected.map(|e| format!(", about {} rows at cost {}", e.rows, e.cost));
        say("expected", &format!("{}{}", safe(&estimate.size), numbers.unwrap_or_default()));
    }
    for earlier in &approval.context {
        say("before", &earlier.to_string());
    }
    if approval.kind != ApprovalKind::Session {
        let what = if approval.kind == ApprovalKind::Change { "change" } else { "statement" };
        say(what, "as it was sent, card numbers masked");
        out.extend(gutter(&approval.text));
        for (at, parameter) in approval.parameters.iter().enumerate() {
            let value = parameter.as_ref().map_or_else(|| "NULL".to_owned(), |p| format!("'{p}'"));
            out.push(format!("  ${:<9} {value}", at + 1));
        }
        let texts = std::iter::once(&approval.text).chain(approval.parameters.iter().flatten());
        out.extend(warnings(texts).into_iter().map(|warning| format!("  WARNING    {warning}")));
    }
    for decision in &approval.decisions {
        let word = if decision.approve { "approved" } else { "rejected" };
        out.push(format!("  {word} by {} at {}: {}", decision.by, time(decision.at), decision.reason));
    }
    if approval.state.is_open() {
        let left = u64::try_from(approval.expires_at.saturating_sub(approval.now)).unwrap_or(0);
        let what = if approval.state == ApprovalState::Pending { "decide within" } else { "usable for" };
        out.push(format!("  {what} {}", span(left)));
    }
    out
}

/// "1 of leads, none has approved yet".
#[must_use]
pub fn needs(rule: &HeldRule) -> String {
    let so_far = match rule.approved {
        0 => "none has approved yet".to_owned(),
        n => format!("{n} approved"),
    };
    let others = match &rule.escalation {
        None => String::new(),
        Some(e) if e.now => format!(" or of {}, who may since {}", safe(&e.group), time(e.at)),
        Some(e) => format!(", from {} also of {}", time(e.at), safe(&e.group)),
    };
    format!("{} of {}{others}, {so_far}", rule.count, safe(&rule.group))
}

/// Text with its line breaks, each line behind a bar, so that nothing in it can pass for a line of ours.
fn gutter(text: &Untrusted) -> Vec<String> {
    // A lone CR is no line break here: it stays escaped.
    text.raw().split('\n').map(|line| format!("  | {}", safe(line.trim_end_matches('\r')))).collect()
}

/// What a reader could overlook.
fn warnings<'t>(texts: impl Iterator<Item = &'t Untrusted>) -> Vec<&'static str> {
    let (mut hidden, mut blanks, mut foreign) = (false, false, false);
    for text in texts {
        let raw = text.raw();
        hidden |= raw.chars().any(|c| Untrusted::is_hazardous(c) && !matches!(c, '\n' | '\r' | '\t'));
        blanks |= raw.split(|c: char| !c.is_whitespace()).any(|run| run.chars().count() > LONG_BLANKS);
        foreign |= raw.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
    }
    let mut found = Vec::new();
    if hidden {
        found.push("the text holds characters that hide or reorder text; they are shown as \\u{…}");
    }
    if blanks {
        found.push("the text holds long runs of blanks: look at the ends of its lines");
    }
    if foreign {
        found.push("the text holds letters outside ASCII, some of which look like others");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Vec<String>, usize) {
        let text = Untrusted::new(text);
        (gutter(&text), warnings(std::iter::once(&text)).len())
    }

    #[test]
    fn lines_stay_lines_and_nothing_passes_for_ours() {
        assert_eq!(
            told("a\n  rule x: 1 of y"),
            (vec!["  | a".to_owned(), "  |   rule x: 1 of y".to_owned()], 0)
        );
        assert_eq!(told("a\r\nb").0, ["  | a", "  | b"]);
        assert_eq!(told("a\rb").0, ["  | a\\rb"]);
        assert_eq!(told("a\u{1b}[2Kb"), (vec!["  | a\\u{1b}[2Kb".to_owned()], 1));
    }

    #[test]
    fn what_misleads_is_named() {
        assert_eq!(told("delete\u{202e}x").1, 1);
        assert_eq!(told("select\u{200b}1").1, 1);
        assert_eq!(told(&format!("select 1;{}drop", " ".repeat(41))).1, 1);
        assert_eq!(told(&format!("select 1;{}drop", " ".repeat(40))).1, 0);
        assert_eq!(told("select * from \u{440}ayments").1, 1);
        assert_eq!(told("select 1").1, 0);
    }
}
