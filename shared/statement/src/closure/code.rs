//! Code of the database's users: which of it could reach classified columns.
//!
//! Code is text here, and a text is taken at its worst: a word that is the name of a relation that nobody reads as it
//! is counts as reading it, a call by name as calling every function of that name.

use std::collections::{HashMap, HashSet};

use super::spread::Spread;
use super::{FunctionRow, Known, RuleRow, TriggerRow, own};
use crate::function;

/// Extensions whose source is PostgreSQL's `contrib`, of majors 13 to 18, and those of its languages that are trusted.
const CONTRIB: [&str; 44] = [
    "adminpack",
    "amcheck",
    "autoinc",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dblink",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "file_fdw",
    "fuzzystrmatch",
    "hstore",
    "insert_username",
    "intagg",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "moddatetime",
    "pageinspect",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_logicalinspect",
    "pg_overexplain",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_surgery",
    "pg_trgm",
    "pg_visibility",
    "pg_walinspect",
    "pgcrypto",
    "pgrowlocks",
    "pgstattuple",
    "plpgsql",
    "postgres_fdw",
    "refint",
    "seg",
    "tcn",
    "unaccent",
    "uuid-ossp",
    "xml2",
];

/// Extensions of `contrib` that read what a text names, files or pages of relations.
const FAR: [&str; 10] = [
    "adminpack",
    "amcheck",
    "dblink",
    "file_fdw",
    "pageinspect",
    "pg_logicalinspect",
    "pg_stat_statements",
    "pg_walinspect",
    "pgstattuple",
    "xml2",
];

/// PostgreSQL's own functions that reach values by other ways than a relation's name.
const REACHING: [&str; 9] = [
    "lo_get",
    "lo_export",
    "loread",
    "pg_logical_slot_get_changes",
    "pg_logical_slot_peek_changes",
    "pg_read_binary_file",
    "pg_read_file",
    "pg_stat_get_activity",
    "pg_stat_get_backend_activity",
];

/// The extension that brought it, where it is of `contrib`.
pub(super) fn contrib(extension: Option<&str>) -> Option<Box<str>> {
    extension.filter(|name| CONTRIB.contains(name)).map(Into::into)
}

/// What could reach classified columns.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Functions, by oid.
    functions: HashMap<u32, String>,
    /// Relations to which writing runs such code, with the reason.
    pub(super) unwritable: HashMap<u32, String>,
}

/// A function's text, as words.
struct Text {
    words: HashSet<String>,
    calls: HashSet<String>,
    lower: String,
}

/// Names by which a text reaches what it must not.
#[derive(Default)]
struct Names {
    relations: HashSet<String>,
    functions: HashSet<String>,
    operators: HashSet<String>,
}

impl Reach {
    pub(super) fn of(known: &Known<'_>, spread: &Spread) -> Self {
        let mut reach = Self::default();
        // Where nothing is classified, nothing is reached.
        if spread.classes.is_empty() && !spread.opaque.keys().any(|oid| is_of_users(known, *oid)) {
            return reach;
        }
        let texts: HashMap<u32, Text> = known
            .snapshot
            .functions
            .iter()
            .filter(|f| is_text(f) && contrib(f.extension.as_deref()).is_none())
            .map(|f| (f.oid, Text::of(&f.source)))
            .collect();
        loop {
            let before = (reach.functions.len(), reach.unwritable.len());
            let names = reach.names(known, spread);
            for function in &known.snapshot.functions {
                if !reach.functions.contains_key(&function.oid)
                    && let Some(why) = reach.reaches(function, texts.get(&function.oid), &names)
                {
                    reach.functions.insert(function.oid, why);
                }
            }
            reach.writes(known, spread);
            if before == (reach.functions.len(), reach.unwritable.len()) {
                return reach;
            }
        }
    }

    /// Why this function could reach classified columns.
    pub(super) fn why(&self, function: u32) -> Option<&str> {
        self.functions.get(&function).map(String::as_str)
    }

    fn names(&self, known: &Known<'_>, spread: &Spread) -> Names {
        let relations = known.snapshot.relations.iter().filter(|r| {
            spread.classified.contains(&r.oid)
                || spread.opaque.contains_key(&r.oid)
                || self.unwritable.contains_key(&r.oid)
                || own::is_shown(r)
        });
        let functions = self.functions.keys().filter_map(|oid| known.functions.get(oid));
        let operators = known.snapshot.operators.iter().filter(|o| self.functions.contains_key(&o.function));
        Names {
            relations: relations.map(|r| r.name.to_lowercase()).collect(),
            functions: functions.map(|f| f.name.to_lowercase()).collect(),
            operators: operators.map(|o| o.name.to_lowercase()).collect(),
        }
    }

    fn reaches(&self, function: &FunctionRow, text: Option<&Text>, names: &Names) -> Option<String> {
        if let Some(part) = function.parts.iter().find_map(|part| self.why(*part)) {
            return Some(part.to_owned());
        }
        if contrib(function.extension.as_deref()).is_some() {
            let far = function.extension.as_deref().is_some_and(|e| FAR.contains(&e))
                || function::runs_text(&function.name);
            return far.then(|| format!("{} reads what its arguments name", function.name));
        }
        match text {
            Some(text) => text.reaches(names).map(|what| format!("{} {what}", function.name)),
            // An aggregate is what its parts are.
            None if !function.parts.is_empty() => None,
            None => Some(format!("{} is written in {}", function.name, function.language)),
        }
    }

    fn writes(&mut self, known: &Known<'_>, spread: &Spread) {
        for TriggerRow { relation, name, function } in &known.snapshot.triggers {
            // A function that is not listed is PostgreSQL's own: none of its trigger functions reads another relation.
            if let Some(why) = self.why(*function) {
                let why = format!("its trigger {name} could reach classified columns: {why}");
                self.unwritable.entry(*relation).or_insert(why);
            }
        }
        for TriggerRow { relation, name, function } in &known.snapshot.triggers {
            // It answers by raising or not: whoever changes another column would hear of the stored value.
            if let Some(column) = self.raises(known, spread, *relation, *function) {
                let why = format!("its trigger {name} may raise an error or a notice by `{column}`");
                self.unwritable.entry(*relation).or_insert(why);
            }
        }
        for (relation, function) in &known.snapshot.calls {
            if let Some(why) = self.why(*function) {
                let why = format!("writing to it calls what could reach classified columns: {why}");
                self.unwritable.entry(*relation).or_insert(why);
            }
        }
        for rule in &known.snapshot.rules {
            if let Some(why) = self.rule(known, spread, rule) {
                let why = format!("its rule {} {why}", rule.name);
                self.unwritable.entry(rule.relation).or_insert(why);
            }
        }
        self.carry(known);
    }

    /// The classified column of its own relation by which a trigger may raise something.
    fn raises<'k>(
        &self,
        known: &'k Known<'_>,
        spread: &Spread,
        relation: u32,
        function: u32,
    ) -> Option<&'k str> {
        let text = Text::of(&known.functions.get(&function)?.source);
        let classified = known.columns(relation).iter();
        let mut classified = classified.filter(|c| spread.classes.contains_key(&(relation, c.attnum)));
        let named = |name: &str| text.words.contains(&name.to_lowercase());
        text.words.contains("raise").then_some(())?;
        classified.find(|c| named(&c.name)).map(|c| &*c.name)
    }

    fn rule(&self, known: &Known<'_>, spread: &Spread, rule: &RuleRow) -> Option<String> {
        let hidden = |oid: &u32| {
            spread.classified.contains(oid)
                || spread.opaque.contains_key(oid)
                || self.unwritable.contains_key(oid)
                || known.relations.get(oid).is_some_and(|r| own::is_shown(r))
        };
        if spread.classified.contains(&rule.relation) || spread.opaque.contains_key(&rule.relation) {
            return Some("stands on classified columns".to_owned());
        }
        let others = rule.relations.iter().filter(|oid| **oid != rule.relation);
        if let Some(oid) = others.into_iter().find(|oid| hidden(oid)) {
            return Some(format!("goes to {}", known.title(*oid)));
        }
        rule.calls.iter().find_map(|call| self.why(*call)).map(|why| format!("reaches further: {why}"))
    }

    /// A write goes on to children, through views, and to what a foreign key changes.
    fn carry(&mut self, known: &Known<'_>) {
        let children = known.snapshot.inherits.iter().copied();
        let acting =
            known.snapshot.foreign_keys.iter().filter(|k| k.acts).map(|k| (k.relation, k.referenced));
        let views = known.snapshot.views.iter().flat_map(|v| v.relations.iter().map(|r| (*r, v.oid)));
        for (from, to) in children.chain(acting).chain(views) {
            if from != to
                && let Some(why) = self.unwritable.get(&from).cloned()
            {
                self.unwritable.entry(to).or_insert(why);
            }
        }
    }
}

fn is_of_users(known: &Known<'_>, oid: u32) -> bool {
    known.relations.get(&oid).is_some_and(|r| own::hidden(r).is_none())
}

fn is_text(function: &FunctionRow) -> bool {
    matches!(&*function.language, "sql" | "plpgsql")
}

impl Text {
    fn of(source: &str) -> Self {
        let lower = source.to_lowercase();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let (mut words, mut calls) = (HashSet::new(), HashSet::new());
        let mut rest = lower.as_str();
        while let Some(start) = rest.find(is_part) {
            rest = &rest[start..];
            let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            words.insert(word.to_owned());
            // A quoted name ends with its quote.
            let after_name = after.trim_start_matches('"').trim_start();
            if after_name.starts_with('(') || after_name.starts_with("/*") || after_name.starts_with("--") {
                calls.insert(word.to_owned());
            }
            rest = after;
        }
        Self { words, calls, lower }
    }

    /// What it does that could reach a classified column.
    fn reaches(&self, names: &Names) -> Option<String> {
        if self.words.contains("execute") {
            return Some("runs text that it makes".to_owned());
        }
        // A name written in code points is no word.
        if self.lower.contains("u&\"") {
            return Some("writes names in code points".to_owned());
        }
        let is_word = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
        let names_it = |name: &&String| {
            if is_word(name) {
                self.words.contains(*name)
            } else {
                self.lower.contains(&name.replace('"', "\"\""))
            }
        };
        if let Some(name) = names.relations.iter().filter(names_it).min() {
            return Some(format!("names {name}"));
        }
        let calls = |name: &&String| if is_word(name) { self.calls.contains(*name) } else { names_it(name) };
        if let Some(name) = names.functions.iter().filter(calls).min() {
            return Some(format!("calls {name}"));
        }
        // A function of one row is called like a column as well.
        if let Some(name) =
            self.calls.iter().filter(|n| function::runs_text(n) || REACHING.contains(&n.as_str())).min()
        {
            return Some(format!("calls {name}"));
        }
        let operator = names.operators.iter().filter(|o| self.lower.contains(o.as_str())).min();
        operator.map(|name| format!("uses the operator {name}"))
    }
}
