//! Cases beside a policy: who does what on which target, and what the verdict must be. TOML, read strictly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hoop_api::{AccessLevel, PrincipalKind};
use hoop_statement::{TextLimits, analyse};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    Action, Classified, Column, Estimate, OpeningFacts, PolicySet, Principal, SessionFacts, TargetFacts,
    Verdict, Via, judge_action, judge_all, judge_session,
};

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Cases {
    /// Policy files that they are about, relative to this one.
    pub policy: Vec<String>,
    /// The cases in order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// Line in its file, from 1.
    pub line: usize,
    /// What is expected.
    pub expect: Expect,
    /// Rules that must be among those of the verdict.
    pub rules: Vec<String>,
    principal: Principal,
    target: TargetFacts,
    level: AccessLevel,
    via: Via,
    bearer: bool,
    break_glass: bool,
    durable: bool,
    approvals: BTreeSet<String>,
    estimate: Estimate,
    does: Does,
}

#[derive(Debug, Clone)]
enum Does {
    Statement(String),
    Opens,
    Acts(Action),
}

/// A verdict in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// It may happen.
    Allow,
    /// It may happen after approvals.
    Hold,
    /// It may not.
    Deny,
    /// The text is refused before any policy is asked: it does not parse, or is too long.
    Refused,
}

impl Expect {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
            Self::Refused => "refused",
        }
    }
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// The verdict in one word.
    pub verdict: Expect,
    /// Its rules.
    pub rules: BTreeSet<String>,
    /// Its reason, where it is no yes.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: Vec<String>,
    #[serde(default)]
    principals: BTreeMap<String, Who>,
    #[serde(default)]
    targets: BTreeMap<String, Where>,
    #[serde(default, rename = "case")]
    cases: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    #[serde(default = "user")]
    kind: PrincipalKind,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Where {
    #[serde(default)]
    environment: Option<String>,
    /// As in `broker.toml`: `"schema.relation.column" = "class"`.
    #[serde(default)]
    classes: BTreeMap<String, String>,
}

impl Where {
    fn classified(&self) -> Result<Arc<[Classified]>, String> {
        let column = |(name, class): (&String, &String)| {
            let parts: Vec<&str> = name.split('.').collect();
            let [schema, relation, column] = parts.as_slice() else {
                return Err(format!("`{name}` is no column; write \"schema.relation.column\""));
            };
            Ok(Column {
                schema: (*schema).to_owned(),
                relation: (*relation).to_owned(),
                name: (*column).to_owned(),
                class: class.clone(),
            })
        };
        let columns: Vec<Column> = self.classes.iter().map(column).collect::<Result<_, _>>()?;
        Ok(Classified::of(columns))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: Option<String>,
    #[serde(rename = "as")]
    who: String,
    target: String,
    #[serde(default)]
    level: AccessLevel,
    #[serde(default)]
    native: bool,
    #[serde(default)]
    bearer: bool,
    #[serde(default)]
    break_glass: bool,
    #[serde(default = "yes")]
    durable: bool,
    #[serde(default)]
    approvals: BTreeSet<String>,
    /// What the target's planner expects; without end when absent.
    estimated_rows: Option<u64>,
    estimated_cost: Option<u64>,
    statement: Option<String>,
    action: Option<String>,
    expect: Expect,
    #[serde(default)]
    rules: Vec<String>,
}

const fn user() -> PrincipalKind {
    PrincipalKind::User
}

const fn yes() -> bool {
    true
}

/// What is wrong with a file of cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct CaseFault {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, and what there is instead.
    pub message: String,
}

impl Cases {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// The first fault: TOML, an unknown key, an unknown principal, target or action.
    pub fn parse(text: &str) -> Result<Self, CaseFault> {
        let line_of = |at: usize| text.get(..at).unwrap_or("").matches('\n').count() + 1;
        let file: File = toml::from_str(text).map_err(|e| CaseFault {
            line: e.span().map_or(1, |span| line_of(span.start)),
            message: e.message().to_owned(),
        })?;
        let mut cases = Vec::with_capacity(file.cases.len());
        for row in &file.cases {
            let line = line_of(row.span().start);
            let case = case(&file, row.get_ref(), line).map_err(|message| CaseFault { line, message })?;
            cases.push(case);
        }
        Ok(Self { policy: file.policy, cases })
    }
}

fn case(file: &File, row: &Row, line: usize) -> Result<Case, String> {
    let known = |names: Vec<&String>| {
        let names: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
        if names.is_empty() { "none is".to_owned() } else { names.join(", ") }
    };
    let who = file.principals.get(&row.who).ok_or_else(|| {
        format!("no `[principals.{}]`; there are: {}", row.who, known(file.principals.keys().collect()))
    })?;
    let place = file.targets.get(&row.target).ok_or_else(|| {
        format!("no `[targets.{}]`; there are: {}", row.target, known(file.targets.keys().collect()))
    })?;
    let does = match (&row.statement, row.action.as_deref()) {
        (Some(text), None) => Does::Statement(text.clone()),
        (None, Some("session" | "break_glass")) => Does::Opens,
        (None, Some(word)) => Does::Acts(outside(word)?),
        (Some(_), Some(_)) | (None, None) => {
            return Err("a case has either `statement` or `action`".to_owned());
        }
    };
    let what = match &does {
        Does::Statement(text) => text.clone(),
        Does::Opens => format!("opens at level {}", row.level),
        Does::Acts(action) => action.as_str().to_owned(),
    };
    Ok(Case {
        name: row.name.clone().unwrap_or_else(|| format!("{}: {what}", row.who)),
        line,
        expect: row.expect,
        rules: row.rules.clone(),
        principal: Principal {
            id: row.who.clone(),
            name: row.who.clone(),
            kind: who.kind,
            person_id: None,
            groups: who.groups.clone(),
        },
        target: TargetFacts {
            name: row.target.clone(),
            environment: place.environment.clone(),
            classified: place.classified()?,
        },
        level: row.level,
        via: if row.native { Via::Native } else { Via::Tunnel },
        bearer: row.bearer,
        break_glass: row.break_glass || row.action.as_deref() == Some(Action::BreakGlass.as_str()),
        durable: row.durable,
        approvals: row.approvals.clone(),
        estimate: Estimate {
            rows: row.estimated_rows.unwrap_or(Estimate::INFINITE.rows),
            cost: row.estimated_cost.unwrap_or(Estimate::INFINITE.cost),
        },
        does,
    })
}

/// The actions outside statements.
fn outside(word: &str) -> Result<Action, String> {
    let outside = || Action::ALL.into_iter().filter(|a| !a.is_of_statement());
    outside().find(|a| a.as_str() == word).ok_or_else(|| {
        let words: Vec<&str> = outside().map(Action::as_str).collect();
        format!("no action `{word}`; there are: {}", words.join(", "))
    })
}

impl Case {
    /// Judges it. Needs a stack of [`hoop_statement::STACK_BYTES`].
    #[must_use]
    pub fn judge(&self, policy: &PolicySet) -> Came {
        let opening = OpeningFacts {
            level: self.level,
            via: self.via,
            bearer: self.bearer,
            break_glass: self.break_glass,
            durable: self.durable,
            approvals: self.approvals.clone(),
        };
        let verdict = match &self.does {
            Does::Opens => judge_session(policy, &self.principal, &opening, &self.target),
            Does::Acts(action) => {
                judge_action(policy, &self.principal, &opening, *action, Some(&self.target))
            }
            Does::Statement(text) => match analyse(text, &TextLimits::default()) {
                Ok(analysis) => {
                    let session = SessionFacts {
                        level: self.level,
                        via: self.via,
                        bearer: self.bearer,
                        break_glass: self.break_glass,
                        statement_count: analysis.statements.len(),
                        estimate: self.estimate,
                        approvals: self.approvals.clone(),
                    };
                    judge_all(policy, &self.principal, &session, &self.target, &analysis.statements)
                }
                Err(refusal) => {
                    let (rules, reason) = (BTreeSet::new(), refusal.to_string());
                    return Came { verdict: Expect::Refused, rules, reason };
                }
            },
        };
        Came::of(verdict)
    }

    /// True when it came as expected.
    #[must_use]
    pub fn holds(&self, came: &Came) -> bool {
        came.verdict == self.expect && self.rules.iter().all(|rule| came.rules.contains(rule))
    }
}

impl Came {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow(allowed) => {
                Self { verdict: Expect::Allow, rules: allowed.rules, reason: String::new() }
            }
            Verdict::Hold(held) => Self { verdict: Expect::Hold, rules: held.rules, reason: held.reason },
            Verdict::Deny(denial) => {
                Self { verdict: Expect::Deny, rules: denial.rules, reason: denial.reason }
            }
        }
    }
}

impl std::fmt::Display for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rules: Vec<&str> = self.rules.iter().map(String::as_str).collect();
        write!(f, "{} [{}]", self.verdict.as_str(), rules.join(", "))?;
        if self.reason.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", hoop_api::Untrusted::new(self.reason.as_str()))
        }
    }
}
