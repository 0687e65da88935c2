//! Errors that the gateway writes itself, and server errors that it writes anew.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hoop_api::{SessionId, StatementId, Untrusted};
use hoop_pgwire::SqlState;
use hoop_pgwire::backend::encode::LocalReport;
use hoop_pgwire::backend::{Report, Severity};

use super::substituting::Ours;
use crate::gate::{Asked, Reason};
use crate::gateway::budget::Spent;
use crate::session::EndReason;

/// What the gate records of a message whose text is not known to be harmless: nothing.
#[must_use]
pub fn unnamed() -> Asked<'static> {
    // What is refused has an entry of its own kind, so nothing is ever kept here.
    static NO_LINE: OnceLock<hoop_ledger::draft::Statement> = OnceLock::new();
    Asked { record: "", verbs: &[], affected: &[], write: false, line: &NO_LINE }
}

fn reason(sqlstate: &'static str, rule: &str, message: String, hint: &str, record: &str) -> Arc<Reason> {
    Arc::new(Reason {
        sqlstate,
        rules: vec![rule.to_owned()],
        message,
        hint: Some(hint.to_owned()),
        position: None,
        record: record.to_owned(),
        approval: None,
    })
}

/// A name that neither Parse nor PREPARE has defined.
#[must_use]
pub fn unknown_statement(name: &str) -> Arc<Reason> {
    let message = format!("prepared statement \"{}\" does not exist", Untrusted::new(name));
    reason(
        "26000",
        "gateway.names",
        message,
        "prepare it on this connection first",
        "unknown prepared statement",
    )
}

/// A portal that Bind has not made.
#[must_use]
pub fn unknown_portal(name: &str) -> Arc<Reason> {
    let message = format!("portal \"{}\" does not exist", Untrusted::new(name));
    reason(
        "34000",
        "gateway.names",
        message,
        "cursors that DECLARE made are read with FETCH",
        "unknown portal",
    )
}

/// A statement that would return more rows than a rule allows.
#[must_use]
pub fn too_many_rows(allowed: u64) -> Arc<Reason> {
    reason(
        "53400",
        "gateway.bounds",
        format!("the statement returns more than {allowed} rows, the most that the policy allows it"),
        "ask for less, with LIMIT or WHERE; `hoopctl policy explain` names the rule",
        "more rows than allowed",
    )
}

/// A statement that would change more rows than a rule allows.
#[must_use]
pub fn too_many_affected(allowed: u64, affected: u64) -> Arc<Reason> {
    let message = format!(
        "the statement would change {affected} rows, and the policy allows it {allowed}; it was rolled back"
    );
    reason(
        "53400",
        "gateway.bounds",
        message,
        "change less at once; `hoopctl policy explain` names the rule",
        "more rows changed than allowed",
    )
}

/// What a principal may read within an hour or a day is used up.
#[must_use]
pub fn budget_spent(spent: &Spent, target: &str) -> Arc<Reason> {
    let Spent { class, most, within } = spent;
    reason(
        "53400",
        "gateway.budgets",
        format!(
            "you have read {most} rows with {class} of {target} within this {within}, the most that you may"
        ),
        &format!("wait until the {within} is over, or ask the broker's administrator for a larger budget"),
        "budget of rows used up",
    )
}

/// A change under bounds whose rows are asked for in portions.
#[must_use]
pub fn portion_of_a_change() -> Arc<Reason> {
    reason(
        "0A000",
        "gateway.bounds",
        "what this statement changes is counted, so its rows come all at once".to_owned(),
        "set the driver's fetch size to 0 for it",
        "rows of a bounded change in portions",
    )
}

/// FETCH beside named portals: what it reads could change between its Bind and its Execute.
#[must_use]
pub fn fetch_beside_portals() -> Arc<Reason> {
    reason(
        "0A000",
        "gateway.names",
        "FETCH and named portals cannot be open at once".to_owned(),
        "close the portals first, or send FETCH as a query",
        "FETCH beside named portals",
    )
}

/// FETCH while a portal is open whose rows are counted.
#[must_use]
pub fn fetch_beside_bounds() -> Arc<Reason> {
    reason(
        "0A000",
        "gateway.bounds",
        "FETCH could read a portal whose rows are counted".to_owned(),
        "read it by the driver's own means, or close it first",
        "FETCH beside a bounded portal",
    )
}

/// A statement that ran longer than a rule allows.
#[must_use]
pub fn ran_too_long(allowed: Option<Duration>) -> Arc<Reason> {
    let allowed = humantime::format_duration(allowed.unwrap_or_default());
    reason(
        "57014",
        "gateway.bounds",
        format!("canceling statement: the policy lets it run for {allowed}"),
        "ask for less; `hoopctl policy explain` names the rule",
        "ran longer than allowed",
    )
}

/// A statement that cannot be kept within the bounds of its rule.
#[must_use]
pub fn unboundable(rules: &[String], why: &str) -> Arc<Reason> {
    let (what, next) = why.split_once("; ").unwrap_or((why, "send it by itself"));
    let rules_named = rules.join("`, rule `");
    Arc::new(Reason {
        sqlstate: "0A000",
        rules: rules.to_vec(),
        message: format!("rule `{rules_named}` allows it within bounds only, and {what}"),
        hint: Some(next.to_owned()),
        position: None,
        record: "cannot be kept within bounds".to_owned(),
        approval: None,
    })
}

/// DECLARE while named portals are open.
#[must_use]
pub fn cursor_beside_portals() -> Arc<Reason> {
    let message = "a cursor cannot be declared while named portals of the protocol are open".to_owned();
    let hint = "both share their names; close the portals, or read through cursors only";
    reason("0A000", "gateway.names", message, hint, "cursor beside named portals")
}

/// SQL EXECUTE of what SQL PREPARE would not take.
#[must_use]
pub fn not_preparable() -> Arc<Reason> {
    let message = "EXECUTE runs only SELECT, VALUES, INSERT, UPDATE, DELETE and MERGE here".to_owned();
    reason(
        "0A000",
        "gateway.names",
        message,
        "run the prepared statement by Bind and Execute",
        "EXECUTE of a command",
    )
}

/// The texts of all that EXECUTE runs are too long together.
#[must_use]
pub fn too_much_to_record() -> Arc<Reason> {
    let message = "the statements that EXECUTE runs are too long together".to_owned();
    reason("54001", "gateway.limits", message, "run them one by one", "EXECUTE of too much")
}

/// More prepared statements and portals than the limit.
#[must_use]
pub fn too_many_names(limit: usize) -> Arc<Reason> {
    let message = format!("more than {limit} prepared statements and portals on one connection");
    let hint = "close those that are not needed, or raise `limits.prepared`";
    reason("53400", "gateway.limits", message, hint, "too many prepared statements")
}

/// FunctionCall goes past the parser.
#[must_use]
pub fn function_call() -> Arc<Reason> {
    let message = "the FunctionCall message does not pass the gateway".to_owned();
    reason(
        "0A000",
        "gateway.function-call",
        message,
        "call the function in a statement: SELECT f(…)",
        "FunctionCall message",
    )
}

/// The parser thread is gone.
#[must_use]
pub fn parser_gone() -> Arc<Reason> {
    let message = "the statement could not be judged, so it was not run".to_owned();
    reason("58000", "gateway.parser", message, "the broker's operator sees why in its log", "parser gone")
}

fn report<'t>(severity: Severity, sqlstate: &str, message: impl Into<Cow<'t, str>>) -> LocalReport<'t> {
    // A code of ours that is not one would be a fault of ours; the client still gets an error.
    let code = SqlState::parse(sqlstate.as_bytes()).unwrap_or(SqlState::INSUFFICIENT_PRIVILEGE);
    LocalReport::new(severity, code, message)
}

fn encoded(report: &LocalReport<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    // Only a report over 1 GiB fails; ours are bounded by the text limit. An empty answer would close the connection.
    if report.encode_error(&mut out).is_err() {
        out.clear();
    }
    out
}

/// ErrorResponse for a refusal: rule and reason in the message, ids in the detail, what to do in the hint.
#[must_use]
pub fn error_response(reason: &Reason, id: StatementId, session: SessionId) -> Vec<u8> {
    let by_rule = reason.sqlstate == "42501";
    let message = if by_rule && reason.approval.is_none() {
        format!("denied by rule `{}`: {}", reason.rules.join("`, rule `"), reason.message)
    } else {
        reason.message.clone()
    };
    let mut report = report(Severity::Error, reason.sqlstate, message);
    if let Some((approval, state)) = reason.approval {
        report = report
            .detail(format!("approval {approval} is {}; statement {id}, session {session}", state.as_str()));
    } else if by_rule {
        report = report.detail(format!("statement {id}, session {session}"));
    }
    if let Some(hint) = &reason.hint {
        report = report.hint(hint.clone());
    }
    if let Some(position) = reason.position {
        report = report.position(position);
    }
    encoded(&report)
}

/// A FATAL ErrorResponse: the connection closes after it.
#[must_use]
pub fn fatal(sqlstate: &str, message: &str, hint: &str) -> Vec<u8> {
    encoded(&report(Severity::Fatal, sqlstate, message).hint(hint))
}

/// What the client hears when its session has ended.
#[must_use]
pub fn session_ended(reason: EndReason, target: &str) -> Vec<u8> {
    let why = match reason {
        EndReason::Expired => "the session's time is up",
        EndReason::Idle => "the session was idle for too long",
        EndReason::Closed => "the session was closed",
        EndReason::Revoked => "the session was revoked",
        EndReason::Shutdown => "the broker is stopping",
        EndReason::Disconnected => "the single-use token of this session is used up",
        EndReason::Violation => "the session was ended for a violation",
        EndReason::NotRecorded => return not_recorded(),
    };
    fatal("57P01", why, &format!("open a new one: hoopctl connect {target}"))
}

/// The ledger cannot take what would have to be recorded: nothing runs, and the session ends.
#[must_use]
pub fn not_recorded() -> Vec<u8> {
    fatal(
        "58030",
        "not recorded, so not run",
        "the ledger cannot write; the broker's operator sees why in its log",
    )
}

/// An error or notice of a statement that touched classified relations, made anew from its severity and SQLSTATE:
/// message, DETAIL, HINT and CONTEXT quote rows (`Failing row contains (…)`, `invalid input syntax for …: "…"`).
#[must_use]
pub fn rebuilt(message: &'static str, server: Report<'_>, ours: Option<&Ours>) -> Vec<u8> {
    let severity = server.severity().unwrap_or(Severity::Error);
    let code = server.sqlstate().map_or(*b"XX000", |s| known_sqlstate(s.as_str()));
    let code = SqlState::parse(&code).unwrap_or(SqlState::INSUFFICIENT_PRIVILEGE);
    // The server has no other words for this one.
    let aborted = "current transaction is aborted, commands ignored until end of transaction block";
    let withheld = format!(
        "{}; its text is withheld, since the statement touches classified columns",
        condition(code.as_str())
    );
    let text = if code.as_str() == "25P02" { aborted.to_owned() } else { withheld };
    let mut report = LocalReport::new(severity, code, text);
    if let Some(position) = server.field(b'P').and_then(|p| std::str::from_utf8(p).ok()?.parse().ok()) {
        report = report.position(ours.map_or(position, |ours| ours.position(position)));
    }
    let mut out = Vec::with_capacity(256);
    let done = if message == "NoticeResponse" {
        report.encode_notice(&mut out)
    } else {
        report.encode_error(&mut out)
    };
    if done.is_err() {
        out.clear();
    }
    out
}

/// The server's code if its class is one of PostgreSQL's; a user can raise any five letters and digits, and with them
/// four digits of a card number.
#[must_use]
pub fn known_sqlstate(code: &str) -> [u8; 5] {
    let known = condition(code) != OTHER || is_listed(code);
    match code.as_bytes().first_chunk::<5>() {
        Some(bytes) if known && code.len() == 5 => *bytes,
        _ => *b"XX000",
    }
}

const OTHER: &str = "error of the database";

/// Codes that ordinary work meets besides those of [`condition`] (PostgreSQL, appendix A).
const LISTED: [&str; 7] = [
    "00000 01000 01003 01007 01006 01004 01P01 02000 02001 08000 08003 08006 08P01 0A000 0B000 21000 22000",
    "22004 22005 22009 2200F 22010 22011 22013 22015 22019 2201B 2201W 2201X 22021 22023 22024 22025 22026",
    "22030 22032 22033 22P04 22P05 24000 25000 25001 25006 25P01 25P02 25P03 26000 28000 2BP01 34000 3B001",
    "3D000 3F000 40000 42000 42601 42602 42611 42622 42701 42702 42703 42704 42710 42712 42723 42725 42803",
    "42804 42809 42830 42846 42883 42939 42P01 42P02 42P03 42P04 42P05 42P06 42P07 42P08 42P09 42P10 42P13",
    "42P16 42P17 42P18 42P19 42P20 42P21 42P22 53000 53100 53200 53300 53400 54000 54001 54011 54023 55000",
    "55006 55P02 57000 57P01 57P02 57P03 58000 58030 P0001 P0002 P0003 P0004 XX000 XX001 XX002",
];

fn is_listed(code: &str) -> bool {
    LISTED.iter().any(|row| row.split(' ').any(|known| known == code))
}

/// The condition behind a code, in words, for the errors that statements on data meet most.
fn condition(code: &str) -> &'static str {
    match code {
        "22001" => "value too long for its type",
        "22003" => "numeric value out of range",
        "22007" => "invalid date or time",
        "22008" => "date or time out of range",
        "22012" => "division by zero",
        "22P02" => "invalid input syntax for the type",
        "22P03" => "invalid binary representation",
        "23502" => "not-null constraint violated",
        "23503" => "foreign key constraint violated",
        "23505" => "unique constraint violated",
        "23514" => "check constraint violated",
        "23P01" => "exclusion constraint violated",
        "40001" => "serialization failure",
        "40P01" => "deadlock detected",
        "42501" => "permission denied",
        "55P03" => "lock not available",
        "57014" => "statement canceled",
        _ => OTHER,
    }
}
