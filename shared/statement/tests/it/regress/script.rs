//! A script of psql to the statements in it. Line by line and modest: what it gets wrong does not parse, and counts as
//! refused.

use std::collections::BTreeSet;

#[allow(dead_code, reason = "hoopctl uses the rest")]
#[path = "../../../../../cli/src/sql/split.rs"]
mod split;

/// Commands that send what was typed before them (psql, meta-commands).
const SENDS: &[&str] =
    &["\\g", "\\gx", "\\gset", "\\gexec", "\\gdesc", "\\crosstabview", "\\bind", "\\parse", "\\watch"];

/// What may follow a COPY FROM STDIN that the suite means to fail, and is no data.
const STATEMENTS: &[&str] =
    &["copy ", "select ", "insert ", "create ", "drop ", "alter ", "truncate ", "set ", "begin", "--"];

/// The statements of a script, in order.
pub(crate) fn statements(script: &str) -> Vec<String> {
    let lines: Vec<&str> = script.lines().collect();
    let (mut sql, mut names) = (String::new(), BTreeSet::new());
    // Where in `sql` the statement at hand began.
    let (mut start, mut at) = (0, 0);
    while let Some(line) = lines.get(at) {
        at += 1;
        let (own, command) = command(line);
        sql += own;
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["\\set" | "\\getenv", name, ..] => drop(names.insert((*name).to_owned())),
            [first, ..] if SENDS.contains(first) => {
                names.extend(aliases(sql.get(start..).unwrap_or_default()));
                sql.push(';');
            }
            _ => {}
        }
        sql.push('\n');
        if sql.trim_end().ends_with(';') || command.starts_with("\\copy") {
            let said = format!("{}{command}", sql.get(start..).unwrap_or_default()).to_lowercase();
            start = sql.len();
            if is_copy_in(&said) {
                at = past_data(&lines, at);
            }
        }
    }
    let sql = names.iter().fold(sql, |sql, name| interpolated(&sql, name));
    split::statements(&sql.replace("\\;", ";")).into_iter().map(str::to_owned).collect()
}

/// A line up to the command in it, and the command.
fn command(line: &str) -> (&str, &str) {
    let word =
        |at: &usize| line.get(*at..).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    let first = line.len() - line.trim_start().len();
    if line.get(first..).is_some_and(|l| l.starts_with('\\') && !l.starts_with("\\;")) {
        return line.split_at(first);
    }
    let inside = line.match_indices('\\').map(|(at, _)| at).find(|at| SENDS.contains(&word(at)));
    line.split_at(inside.unwrap_or(line.len()))
}

/// What follows AS: `\gset` makes variables of these.
fn aliases(statement: &str) -> impl Iterator<Item = String> {
    let words: Vec<&str> = statement.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let named = |pair: &[&str]| pair[0].eq_ignore_ascii_case("as").then(|| pair[1].to_owned());
    words.windows(2).filter_map(named).filter(|name| !name.is_empty()).collect::<Vec<_>>().into_iter()
}

/// The script with the variable `name` written out as itself: what it stands for is not known.
fn interpolated(sql: &str, name: &str) -> String {
    let sql = sql.replace(&format!(":'{name}'"), &format!("'{name}'"));
    let sql = sql.replace(&format!(":\"{name}\""), &format!("\"{name}\""));
    let (mut out, mut rest) = (String::with_capacity(sql.len()), sql.as_str());
    let bare = format!(":{name}");
    while let Some(at) = rest.find(&bare) {
        let (before, after) = (&rest[..at], &rest[at + bare.len()..]);
        let ends = |c: char| !c.is_alphanumeric() && c != '_';
        let is_variable = !before.ends_with(':') && after.starts_with(ends);
        out += before;
        out += if is_variable { name } else { &bare };
        rest = after;
    }
    out + rest
}

fn is_copy_in(said: &str) -> bool {
    let uncommented: Vec<&str> = said.lines().filter(|l| !l.trim_start().starts_with("--")).collect();
    let said = uncommented.join(" ");
    let last = said.trim().trim_end_matches(';').rsplit(';').next().unwrap_or_default().trim();
    last.trim_start_matches('\\').starts_with("copy") && last.contains("from stdin")
}

/// The line after `\.`, or the one at hand where what follows is no data.
fn past_data(lines: &[&str], at: usize) -> usize {
    for (i, line) in lines.iter().enumerate().skip(at) {
        let lower = line.to_lowercase();
        if *line == "\\." {
            return i + 1;
        }
        if STATEMENTS.iter().any(|s| lower.starts_with(s)) {
            return at;
        }
    }
    at
}

#[test]
fn a_script_of_psql_is_read() {
    let script = r"
\pset null x
SELECT 1 AS one, 'a;b' \gset pre_
select :one, :'one', x::one, a[1:2] ;
COPY t (a)
  FROM stdin;
1;
\.
copy t from stdin;
SELECT 2 \; SELECT 3;
\copy t from stdin
4;
\.
SELECT $$
\d
$$;
SELECT E'\x41' \gx
";
    let expected = [
        "SELECT 1 AS one, 'a;b'",
        "select one, 'one', x::one, a[1:2]",
        "COPY t (a)\n  FROM stdin",
        "copy t from stdin",
        "SELECT 2",
        "SELECT 3",
        "SELECT $$\n\n$$",
        "SELECT E'\\x41'",
    ];
    assert_eq!(statements(script), expected);
}
