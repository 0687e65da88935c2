//! Rules of the source tree that no compiler holds: which way imports run, how long files and functions are, what
//! production code never does. Part of the end-to-end tests' binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hoop_harness::program::{ours, run, workspace};

/// Longest source file, lines.
const FILE_LINES: usize = 400;
/// Longest function, lines from its `fn` to its closing brace.
const FUNCTION_LINES: usize = 70;

/// Files that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];
/// Functions that may be longer, as `file: function`, each with its reason.
const LONG_FUNCTIONS: [(&str, &str); 1] =
    [("shared/pgwire/tests/it/naive.rs: backend", "one arm a message, written plainly to be compared with")];

/// Crates of ours that each crate may use. What is not listed here may use none.
const IMPORTS: [(&str, &[&str]); 17] = [
    ("shared/api", &[]),
    ("shared/ledger", &[]),
    ("shared/mask", &[]),
    ("shared/pgwire", &[]),
    ("shared/statement", &["hoop-mask"]),
    ("shared/policy", &["hoop-api", "hoop-mask", "hoop-statement"]),
    ("broker/tcp", &[]),
    ("broker", OURS),
    ("cli", &["hoop-api", "hoop-ledger", "hoop-policy", "hoop-statement"]),
    // Tests go through the public surface only.
    ("tests/harness", &[]),
    ("tests/crash", &["hoop-harness"]),
    ("tests/clients", &["hoop-harness"]),
    ("tests/bench", &["hoop-harness"]),
    ("tests/e2e", &["hoop-harness"]),
    ("tests/leak", &["hoop-harness"]),
    ("tests/load", &["hoop-harness"]),
    // Bodies drive what the broker's sockets would: its conversation, its recovery, its configuration.
    ("tests/fuzz", OURS),
];

const OURS: &[&str] = &[
    "hoop-api",
    "hoop-broker",
    "hoop-ledger",
    "hoop-mask",
    "hoop-pgwire",
    "hoop-policy",
    "hoop-statement",
    "hoop-tcp",
];

/// What pure crates never name: a runtime, sockets, files, a clock, the environment, randomness.
const IMPURE: [&str; 10] = [
    "tokio",
    "std::net",
    "std::fs",
    "std::env::",
    "std::process",
    "SystemTime",
    "Instant::now",
    "thread_rng",
    "rand::random",
    "std::io::std",
];

/// What production code never calls. Clippy says it too; this holds where somebody allows clippy to be silent.
const PANICS: [&str; 6] = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "dbg!("];

/// The one crate that may hold `unsafe`, for the reason that its manifest gives. It is one file.
const UNSAFE: &str = "broker/tcp";

fn manifest(folder: &str) -> toml::Table {
    let path = workspace().join(folder).join("Cargo.toml");
    fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .parse()
        .expect("a manifest is TOML")
}

/// All Rust files under `folder`, relative to the workspace.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("our own tree is readable").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path.strip_prefix(workspace()).expect("it is under the workspace").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(workspace().join(file)).expect("our own tree is readable")
}

/// Code that is shipped: not tests, not examples.
fn production() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for folder in ["cli/src", "broker/src", "broker/tcp", "shared"] {
        for file in sources(folder) {
            let of_tests = ["tests", "examples", "benches"]
                .iter()
                .any(|d| file.components().any(|c| c.as_os_str() == *d));
            let tests = |s: &std::ffi::OsStr| s == "tests" || s.to_string_lossy().ends_with("_tests");
            if !of_tests && !file.file_stem().is_some_and(tests) {
                let code = without_tests(&code_only(&read(&file)));
                all.push((file, code));
            }
        }
    }
    all
}

/// `source` with the insides of comments, strings and character literals blanked; lines stay where they are.
fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source[at..];
        let end = at + literal_length(rest, at.checked_sub(1).map(|i| bytes[i]));
        if end > at {
            out.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        } else {
            out.push(bytes[at]);
            at += 1;
            // The rest of a character of several bytes.
            while at < bytes.len() && !source.is_char_boundary(at) {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).expect("only whole characters were blanked")
}

/// Length of the comment, string or character literal at the start of `rest`; 0 when there is none.
fn literal_length(rest: &str, before: Option<u8>) -> usize {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |n| from + n + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    let in_word = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !in_word || before == Some(b'b') {
        let hashes = rest.strip_prefix('r').map_or(0, |r| r.len() - r.trim_start_matches('#').len());
        if rest.starts_with('r') && rest[1 + hashes..].starts_with('"') {
            return until(&format!("\"{}", "#".repeat(hashes)), 2 + hashes);
        }
    }
    let quoted = |quote: char| {
        let mut escaped = false;
        for (n, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => return n + 1,
                _ => {}
            }
        }
        rest.len()
    };
    if rest.starts_with('"') {
        return quoted('"');
    }
    if let Some(after) = rest.strip_prefix('\'') {
        // `'a'` and `'\n'` are characters, `'a` is a lifetime.
        let mut chars = after.chars();
        let first = chars.next();
        if first == Some('\\') || chars.next() == Some('\'') {
            return quoted('\'');
        }
    }
    0
}

/// `code` (blanked by [`code_only`]) without the items marked `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = match (item.find('{'), item.find(';')) {
            (Some(open), semicolon) if semicolon.is_none_or(|s| open < s) => {
                open + block_length(&item[open..])
            }
            (_, Some(semicolon)) => semicolon + 1,
            (_, None) => item.len(),
        };
        kept.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    kept + rest
}

/// Length of the block that begins with `{` at the start of `code`.
fn block_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Functions of `code` with a body: name, first line, number of lines.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let starts_word = code[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if !starts_word || name.is_empty() {
            continue;
        }
        let signature = &code[at..];
        // A semicolon in brackets belongs to an array type.
        let mut brackets = 0_i32;
        let end = signature.char_indices().find(|(_, c)| {
            brackets += i32::from(*c == '[') - i32::from(*c == ']');
            *c == '{' || (*c == ';' && brackets == 0)
        });
        if let Some((open, '{')) = end {
            let body_end = open + block_length(&signature[open..]);
            let lines = signature[..body_end].matches('\n').count() + 1;
            found.push((name, code[..at].matches('\n').count() + 1, lines));
        }
    }
    found
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn imports_run_one_way() {
    let mut faults = Vec::new();
    let members = manifest("")["workspace"]["members"].as_array().expect("a list").clone();
    for member in members.iter().filter_map(|m| m.as_str()) {
        let allowed: BTreeMap<_, _> = IMPORTS.into_iter().collect();
        let manifest = manifest(member);
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(table).and_then(toml::Value::as_table) else { continue };
            for name in dependencies.keys().filter(|n| n.starts_with("hoop")) {
                if !allowed.get(member).is_some_and(|names| names.contains(&name.as_str())) {
                    faults.push(format!("{member} must not depend on {name} ({table})"));
                }
            }
        }
    }
    none(&faults);
}

#[test]
fn shared_crates_are_pure() {
    let mut faults = Vec::new();
    for (file, code) in production().iter().filter(|(file, _)| file.starts_with("shared")) {
        for (number, line) in code.lines().enumerate() {
            for word in IMPURE.iter().filter(|w| line.contains(**w)) {
                faults.push(format!("{}:{}: `{word}` in a pure crate", file.display(), number + 1));
            }
        }
    }
    none(&faults);
}

#[test]
fn every_crate_inherits_the_lints_of_the_workspace() {
    let mut faults = Vec::new();
    for member in
        manifest("")["workspace"]["members"].as_array().expect("a list").iter().filter_map(|m| m.as_str())
    {
        let lints = manifest(member).get("lints").and_then(|l| l.get("workspace")).cloned();
        if member != UNSAFE && lints.and_then(|l| l.as_bool()) != Some(true) {
            faults.push(format!("{member}: `[lints] workspace = true` is missing"));
        }
    }
    none(&faults);
}

#[test]
fn files_are_short() {
    let mut faults = Vec::new();
    for file in ["cli", "broker", "shared", "tests"].into_iter().flat_map(sources) {
        let lines = read(&file).lines().count();
        let allowed = LONG_FILES.iter().any(|(name, _)| file == Path::new(name));
        if lines > FILE_LINES && !allowed {
            faults.push(format!("{}: {lines} lines, more than {FILE_LINES}", file.display()));
        }
        if lines <= FILE_LINES && allowed {
            faults.push(format!("{}: is short enough, take it off the list", file.display()));
        }
    }
    none(&faults);
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for file in ["cli", "broker", "shared", "tests"].into_iter().flat_map(sources) {
        for (name, line, lines) in functions(&code_only(&read(&file))) {
            let allowed =
                LONG_FUNCTIONS.iter().any(|(known, _)| *known == format!("{}: {name}", file.display()));
            if lines > FUNCTION_LINES && !allowed {
                faults.push(format!(
                    "{}:{line}: `{name}` has {lines} lines, more than {FUNCTION_LINES}",
                    file.display()
                ));
            }
        }
    }
    none(&faults);
}

#[test]
fn production_code_does_not_panic() {
    let mut faults = Vec::new();
    for (file, code) in production() {
        for (number, line) in code.lines().enumerate() {
            for call in PANICS.iter().filter(|c| line.contains(**c)) {
                faults.push(format!("{}:{}: `{call}`", file.display(), number + 1));
            }
        }
    }
    none(&faults);
}

#[test]
fn no_test_is_switched_off() {
    let mut faults = Vec::new();
    for file in ["cli", "broker", "shared", "tests"].into_iter().flat_map(sources) {
        if code_only(&read(&file)).contains("#[ignore") {
            faults.push(format!("{}: a test is ignored", file.display()));
        }
    }
    none(&faults);
}

/// The table in the README is what the broker writes into a new configuration: `# key = default` under `[limits]`.
#[test]
fn the_readmes_limits_are_the_brokers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().join("b");
    run(std::process::Command::new(ours("hoop-broker")).arg("init").arg(&place), b"").expect(0);
    let config = fs::read_to_string(place.join("broker.toml")).expect("init wrote it");
    let section = config.split("[limits]").nth(1).expect("the configuration has limits");
    let section = section.split("\n[").next().unwrap_or(section);
    let readme = fs::read_to_string(workspace().join("README.md")).expect("there is a README");
    let mut limits = 0;
    let mut faults = Vec::new();
    for line in section.lines() {
        let Some((key, value)) = line.trim_start_matches(['#', ' ']).split_once(" = ") else { continue };
        if key.contains(' ') {
            continue;
        }
        limits += 1;
        let value = value.split(" #").next().unwrap_or(value).trim().trim_matches('"');
        let row = format!("| `{key}` | {value} |");
        if !readme.contains(&row) {
            faults.push(format!("README.md lacks the row `{row} …`"));
        }
    }
    none(&faults);
    assert!(limits > 10, "only {limits} limits found");
}

#[test]
fn the_rules_see_what_they_look_for() {
    let source = "fn a<'x>(s: &'x str) -> [u8; 2] {\n  let _ = \"} .unwrap() \\\" {\"; // panic!(\n  let c = '}';\n  \
                  r#\"{\"#; b'\\'';\n}\n#[cfg(test)]\nmod t { fn b() { x.unwrap() } }\ntrait T { fn c(); }\n";
    let code = code_only(source);
    assert!(!code.contains("panic!") && code.matches(".unwrap()").count() == 1, "{code}");
    assert_eq!(functions(&code), [("a".to_owned(), 1, 5), ("b".to_owned(), 7, 1)]);
    assert!(!without_tests(&code).contains(".unwrap()"));
    assert_eq!(code.lines().count(), source.lines().count());
    assert!(sources("tests").len() > 10 && production().len() > 5);
}
