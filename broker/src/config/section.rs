//! Walking a TOML document: each key is asked for by name, what is wrong is noted and the walk goes on, and what
//! nobody asked for is an unknown key.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use super::value::{self, Wrong};
use super::{SecretRef, files};

/// What the walk has found besides values.
pub(super) struct Report<'a> {
    file: &'a Path,
    text: &'a str,
    base_dir: &'a Path,
    faults: Vec<(usize, Fault)>,
    /// What is not there; said only of a file that is TOML, for it may be in the part that is none.
    missing: Vec<(usize, Fault)>,
    /// Every path of the configuration, to be looked at on the disk later.
    pub(super) paths: Vec<PathUse>,
    /// Every reference to a secret.
    pub(super) secrets: Vec<SecretUse>,
}

/// A path, what it is for, and where it is written.
pub(super) struct PathUse {
    pub(super) path: PathBuf,
    pub(super) role: files::Role,
    pub(super) span: Range<usize>,
}

/// A secret's reference, and where it is written.
pub(super) struct SecretUse {
    pub(super) secret: SecretRef,
    pub(super) span: Range<usize>,
}

impl<'a> Report<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str, base_dir: &'a Path) -> Self {
        let (faults, missing) = (Vec::new(), Vec::new());
        Self { file, text, base_dir, faults, missing, paths: Vec::new(), secrets: Vec::new() }
    }

    /// Notes what is wrong at `span`.
    pub(super) fn wrong(&mut self, span: Range<usize>, wrong: Wrong) {
        let fault = self.fault(span, wrong);
        self.faults.push(fault);
    }

    /// Notes what is not in the table at `span`.
    pub(super) fn missing(&mut self, span: Range<usize>, wrong: Wrong) {
        let fault = self.fault(span, wrong);
        self.missing.push(fault);
    }

    fn fault(&self, span: Range<usize>, wrong: Wrong) -> (usize, Fault) {
        let start = span.start;
        let fault = Fault::new(wrong.message).at(self.file, self.text, span);
        (start, if let Some(hint) = wrong.hint { fault.hint(hint) } else { fault })
    }

    /// All faults in the order of the file. A line that is no TOML is said once: what else is wrong with it follows
    /// from that.
    pub(super) fn into_faults(self, syntax: &[toml::de::Error]) -> Vec<Fault> {
        let mut faults = self.faults;
        if syntax.is_empty() {
            faults.extend(self.missing);
        }
        let mut broken = Vec::new();
        for error in syntax {
            let span = error.span().unwrap_or_default();
            let fault = Fault::new(error.message()).at(self.file, self.text, span.clone());
            if !broken.contains(&fault.line()) {
                broken.push(fault.line());
                faults
                    .push((span.start, fault.hint("this file is TOML: `key = \"value\"` under `[section]`")));
            }
        }
        let is_syntax = |fault: &Fault| syntax.iter().any(|e| e.message() == fault.message());
        faults.retain(|(_, fault)| is_syntax(fault) || !broken.contains(&fault.line()));
        faults.sort_by_key(|(start, _)| *start);
        faults.into_iter().map(|(_, fault)| fault).collect()
    }

    /// A path of the configuration: relative to its folder, and remembered.
    pub(super) fn path(&mut self, text: &str, role: files::Role, span: Range<usize>) -> PathBuf {
        let path = self.base_dir.join(text);
        self.paths.push(PathUse { path: path.clone(), role, span });
        path
    }

    fn secret(&mut self, secret: SecretRef, span: Range<usize>) -> SecretRef {
        let secret = match secret {
            SecretRef::Env(name) => SecretRef::Env(name),
            SecretRef::File(path) => SecretRef::File(self.base_dir.join(path)),
        };
        self.secrets.push(SecretUse { secret: secret.clone(), span });
        secret
    }
}

/// One table of the document.
pub(super) struct Section<'t, 'i> {
    /// Its dotted name, empty at the top.
    name: String,
    table: &'t DeTable<'i>,
    span: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Section<'t, 'i> {
    pub(super) fn new(name: String, table: &'t DeTable<'i>, span: Range<usize>) -> Self {
        Self { name, table, span, asked: Vec::new() }
    }

    /// Where the section begins.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'t Spanned<toml::de::DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
        self.table.iter()
    }

    fn find(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// Where the value of `key` is written; the section's own place when it is not.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.span(), Spanned::span)
    }

    /// True when `key` is written, whatever its value is.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A value that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.find(key)?;
        match parse(value.get_ref()) {
            Ok(parsed) => Some(parsed),
            Err(wrong) => {
                report.wrong(value.span(), of_key(key, wrong));
                None
            }
        }
    }

    /// A value with a default.
    pub(super) fn or<T>(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        default: T,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> T {
        self.optional(report, key, parse).unwrap_or(default)
    }

    /// A value that must be there. INVARIANT: `None` means that a fault was noted.
    pub(super) fn required<T>(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        example: &str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.note_missing(report, key, example);
        self.optional(report, key, parse)
    }

    pub(super) fn note_missing(&self, report: &mut Report<'_>, key: &str, example: &str) {
        if self.table.contains_key(key) {
            return;
        }
        let place = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
        let wrong = Wrong::new(format!("`{key}` is missing{place}")).hint(format!("add `{key} = {example}`"));
        report.missing(self.span(), wrong);
    }

    /// A list; each element that is wrong is a fault of its own.
    pub(super) fn list<T>(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<Vec<(T, Range<usize>)>> {
        let value = self.find(key)?;
        let DeValue::Array(elements) = value.get_ref() else {
            let message =
                format!("must be a list in square brackets, not {}", value::kind_of(value.get_ref()));
            report.wrong(value.span(), of_key(key, Wrong::new(message)));
            return None;
        };
        let mut list = Vec::new();
        for element in elements {
            match parse(element.get_ref()) {
                Ok(parsed) => list.push((parsed, element.span())),
                Err(wrong) => report.wrong(element.span(), of_key(key, wrong)),
            }
        }
        Some(list)
    }

    /// As [`Self::list`], for a list that must be there and have an element.
    pub(super) fn required_list<T>(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        example: &str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Vec<(T, Range<usize>)> {
        self.note_missing(report, key, example);
        let list = self.list(report, key, parse).unwrap_or_default();
        if self.table.get(key).is_some_and(|v| v.get_ref().as_array().is_some_and(|a| a.is_empty())) {
            report.wrong(self.span_of(key), of_key(key, Wrong::new("must not be empty")));
        }
        list
    }

    /// A path that must be there.
    pub(super) fn path(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        example: &str,
        role: files::Role,
    ) -> Option<PathBuf> {
        let text = self.required(report, key, example, value::owned_text)?;
        Some(report.path(&text, role, self.span_of(key)))
    }

    /// A path that may be left out.
    pub(super) fn optional_path(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        role: files::Role,
    ) -> Option<PathBuf> {
        let text = self.optional(report, key, value::owned_text)?;
        Some(report.path(&text, role, self.span_of(key)))
    }

    /// A secret by reference that may be left out.
    pub(super) fn secret(&mut self, report: &mut Report<'_>, key: &'static str) -> Option<SecretRef> {
        let secret = self.optional(report, key, value::secret)?;
        Some(report.secret(secret, self.span_of(key)))
    }

    /// A table below this one; an empty one when it is left out.
    pub(super) fn section(&mut self, report: &mut Report<'_>, key: &'static str) -> Option<Section<'t, 'i>> {
        let value = self.find(key)?;
        self.child(report, key, value)
    }

    /// `value`, which is found under `key`, as a table.
    pub(super) fn child(
        &self,
        report: &mut Report<'_>,
        key: &str,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Option<Section<'t, 'i>> {
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Section::new(name, table, value.span()));
        }
        let message = format!("must be a table, not {}", value::kind_of(value.get_ref()));
        let wrong = Wrong::new(message).hint(format!("write `[{name}]` on a line of its own"));
        report.wrong(value.span(), of_key(key, wrong));
        None
    }

    /// Whatever was not asked for is unknown, and unknown keys are faults: a misspelt limit must not mean none.
    pub(super) fn finish(self, report: &mut Report<'_>) {
        for (key, _) in self.table {
            let word = key.get_ref().as_ref();
            if self.asked.contains(&word) {
                continue;
            }
            let place = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
            let mut wrong = Wrong::new(format!("unknown key `{word}`{place}"));
            wrong.hint = Some(match closest(word, &self.asked) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            });
            report.wrong(key.span(), wrong);
        }
    }
}

fn of_key(key: &str, wrong: Wrong) -> Wrong {
    Wrong { message: format!("`{key}`: {}", wrong.message), hint: wrong.hint }
}

/// The word that someone who wrote `word` most likely meant.
pub(super) fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = word.to_ascii_lowercase().replace('-', "_");
    known
        .iter()
        .map(|candidate| (strsim::osa_distance(&lower, candidate), *candidate))
        .filter(|(typos, candidate)| *typos <= 1.max(candidate.len() / 4))
        .min_by_key(|(typos, _)| *typos)
        .map(|(_, candidate)| candidate)
}
