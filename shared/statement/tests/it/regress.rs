//! Facts of every statement in PostgreSQL's own regression suite, of which nothing lies here: `./dev regress` fetches it.
//!
//! A snapshot holds a line of counts for each file, and a hash over all facts of its statements. It counts for the very
//! files that `regress.pin` names by version and hash; of others only what must always hold is checked. When a hash
//! changes, `HOOP_FACTS_OUT=DIR ./dev regress` before and after the change tells what did, by `diff -r`.

mod always;
mod render;
mod script;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hoop_statement::{Analysis, Class, Refusal, TextLimits, analyse};

/// Versions with a snapshot, and the SHA-256 of their files one behind the other.
const PINS: &str = include_str!("regress.pin");

/// What is told of one file.
#[derive(Debug, Default)]
struct Told {
    statements: usize,
    by_class: BTreeMap<Class, usize>,
    opaque: usize,
    /// Those that call a function which is not on the list of harmless ones.
    unlisted: usize,
    refused: BTreeMap<&'static str, usize>,
    facts: String,
}

impl Told {
    fn add(&mut self, analysed: &Result<Analysis, Refusal>) {
        self.facts += &render::rendered(analysed);
        let Ok(analysis) = analysed.as_ref().map_err(|refusal| {
            *self.refused.entry(refusal.sqlstate()).or_default() += 1;
        }) else {
            return;
        };
        for facts in &analysis.statements {
            self.statements += 1;
            *self.by_class.entry(facts.class()).or_default() += 1;
            self.opaque += usize::from(!facts.opaque.is_empty());
            self.unlisted += usize::from(!facts.functions.iter().all(|f| f.listed));
        }
    }

    fn line(&self) -> String {
        let classes: Vec<String> = self.by_class.iter().map(|(class, n)| format!("{class} {n}")).collect();
        let refused: String = self.refused.iter().map(|(code, n)| format!("; refused {code} {n}")).collect();
        format!(
            "{}: {}; unlisted {}; opaque {}{refused}; facts {}",
            self.statements,
            classes.join(" "),
            self.unlisted,
            self.opaque,
            render::hash(self.facts.as_bytes(), 16)
        )
    }
}

/// Files of the suite by name, in order.
type Suite = BTreeMap<String, Vec<u8>>;

#[test]
fn facts_of_postgresqls_regression_suite() {
    let Some(dir) = fetched() else {
        let why = "PostgreSQL's regression suite is not in .cache/regress; `./dev regress` fetches it";
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
        return say(&format!("skipped: {why}"));
    };
    let suite = read(&dir);
    let told = judged(&suite);
    if let Some(out) = std::env::var_os("HOOP_FACTS_OUT").map(PathBuf::from) {
        std::fs::create_dir_all(&out).unwrap();
        for (file, told) in &told {
            std::fs::write(out.join(format!("{file}.facts")), &told.facts).unwrap();
        }
        say(&format!("facts of {} files are in {}", told.len(), out.display()));
    }
    let whole: Vec<u8> = suite.values().flatten().copied().collect();
    let hash = render::hash(&whole, 64);
    let pinned = PINS.lines().find_map(|l| l.split_once(' ').filter(|(_, of)| *of == hash));
    let Some((version, _)) = pinned else {
        return say(&format!(
            "checked by invariants only: the files of {} are of no version with a snapshot; their hash is {hash}",
            dir.file_name().unwrap_or_default().display()
        ));
    };
    let lines: Vec<String> = told.iter().map(|(file, told)| format!("{file} {}", told.line())).collect();
    insta::with_settings!({
        snapshot_suffix => version,
        omit_expression => true,
        description => "statements: how far they reach; those that call functions not listed; opaque; refused; hash",
    }, {
        insta::assert_snapshot!("regress", lines.join("\n"));
    });
}

/// Past the harness, which would keep it to itself.
#[allow(clippy::explicit_write, reason = "eprintln! is kept by the harness")]
fn say(what: &str) {
    writeln!(std::io::stderr(), "regress: {what}").unwrap();
}

/// The newest version that was fetched whole.
fn fetched() -> Option<PathBuf> {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/regress");
    let whole = std::fs::read_dir(cache).ok()?.filter_map(|e| Some(e.ok()?.path()));
    whole.filter(|dir| dir.join(".complete").exists()).max()
}

fn read(dir: &Path) -> Suite {
    let paths = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let sql = paths.filter(|p| p.extension().is_some_and(|e| e == "sql"));
    let suite: Suite = sql
        .map(|p| (p.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(&p).unwrap()))
        .collect();
    assert!(suite.len() >= 100, "only {} files in {}", suite.len(), dir.display());
    suite
}

/// Judges all files, on as many threads as there are cores.
fn judged(suite: &Suite) -> BTreeMap<&str, Told> {
    let (left, told) = (Mutex::new(suite.iter()), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let Some((name, bytes)) = left.lock().unwrap().next() else { break };
            let of = file(name, &String::from_utf8_lossy(bytes));
            told.lock().unwrap().insert(name.as_str(), of);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..std::thread::available_parallelism().map_or(1, usize::from))
            .map(|_| {
                std::thread::Builder::new().stack_size(hoop_statement::STACK_BYTES).spawn_scoped(scope, work)
            })
            .collect();
        threads.into_iter().for_each(|t| t.unwrap().join().expect("the judge does not panic"));
    });
    let told: BTreeMap<&str, Told> = told.into_inner().unwrap();
    let statements: usize = told.values().map(|t| t.statements).sum();
    let refused: usize = told.values().flat_map(|t| t.refused.values()).sum();
    // Far fewer, or far more refused, would say that the scripts are no longer read rightly.
    assert!(statements > 20_000 && refused * 20 < statements, "{statements} judged, {refused} refused");
    told
}

fn file(name: &str, script: &str) -> Told {
    let mut told = Told::default();
    for text in script::statements(script) {
        let analysed = analyse(&text, &TextLimits::default());
        assert_eq!(analysed, analyse(&text, &TextLimits::default()), "{name}: judged again\n{text}");
        always::holds(name, &text, &analysed);
        told.add(&analysed);
    }
    told
}
