//! Policy text to a validated set. All faults are told together, each with its place and a hint.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cedar_policy::{Entities, Policy, PolicyId, Schema, ValidationError, ValidationMode, Validator};
use hoop_statement::Facts;
use miette::Diagnostic;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::facts::Action;
use crate::judge;
use crate::rule::Rule;
use crate::shadow::{self, Form};
use crate::slice::Slices;
use crate::{approvals, estimates};

/// The schema that every policy is validated against.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// A fault of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct LoadFault {
    /// File name as given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A loaded, strictly validated policy set.
#[derive(Debug, Clone)]
pub struct PolicySet {
    pub(crate) slices: Slices,
    pub(crate) schema: Schema,
    // Which action is in which group: without these entities `action in …` matches nothing.
    pub(crate) actions: Entities,
    rules: BTreeMap<String, Rule>,
    texts: BTreeMap<String, String>,
    warnings: Vec<LoadFault>,
    /// Actions about which a rule asks for an estimate.
    estimated: BTreeSet<Action>,
    hash: String,
}

impl PolicySet {
    /// Loads policy files, given as name and text.
    ///
    /// # Errors
    /// Every fault found: text that does not parse, rules that do not fit the schema, annotations missing, unknown
    /// or malformed, ids used twice, `context.approvals` out of place, or no rule at all.
    pub fn load(files: &[(&str, &str)]) -> Result<Self, Vec<LoadFault>> {
        let schema = schema()?;
        let mut loader = Loader { cedar: cedar_policy::PolicySet::new(), ..Loader::default() };
        let mut places = BTreeMap::new();
        for file in files {
            loader.file(file, &mut places);
        }
        let Loader { cedar, rules, forms, texts, estimated, mut faults } = loader;
        let result = Validator::new(schema.clone()).validate(&cedar, ValidationMode::Strict);
        for e in result.validation_errors() {
            let id: &str = e.policy_id().as_ref();
            if let Some((file, at)) = places.get(id) {
                let mut found = diagnostic(file, e, *at);
                found.hint = vocabulary(e).or(found.hint);
                faults.push(found);
            }
        }
        let is_valid = result.validation_passed();
        if rules.is_empty() && faults.is_empty() {
            let name = files.first().map_or("policy", |f| f.0);
            let hint = "without a rule that permits, nothing is allowed: begin with the `pci` starter policy";
            faults.push(fault((name, ""), 0, "policy holds no rule".to_owned(), Some(hint.to_owned())));
        }
        if !faults.is_empty() || !is_valid {
            faults.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
            return Err(faults);
        }
        let actions = schema
            .action_entities()
            .map_err(|e| vec![fault(("schema.cedarschema", SCHEMA), 0, e.to_string(), None)])?;
        let mut warnings: Vec<LoadFault> = shadows(&rules, &forms, &places);
        for warning in result.validation_warnings() {
            if let Some((file, at)) = places.get::<str>(warning.policy_id().as_ref()) {
                warnings.push(diagnostic(file, warning, *at));
            }
        }
        warnings.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        let slices = Slices::new(&cedar, &rules, &forms)
            .map_err(|e| vec![fault(("policy", ""), 0, e.to_string(), None)])?;
        Ok(Self { slices, schema, actions, rules, texts, warnings, estimated, hash: hash(files) })
    }

    /// SHA-256 over names and texts, hexadecimal: what a statement was judged by.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The text of a rule, from its first annotation to its end, without the comments around it.
    #[must_use]
    pub fn text(&self, id: &str) -> Option<&str> {
        self.texts.get(id).map(String::as_str)
    }

    /// Ids of rules that are not the same in both sets, in order.
    #[must_use]
    pub fn changed_since<'a>(&'a self, old: &'a Self) -> Vec<&'a str> {
        let ids: BTreeSet<&String> = self.texts.keys().chain(old.texts.keys()).collect();
        ids.into_iter().map(String::as_str).filter(|id| self.text(id) != old.text(id)).collect()
    }

    /// True when the verdict on this statement can depend on what the target's planner expects of it.
    #[must_use]
    pub fn estimates(&self, facts: &Facts) -> bool {
        !self.estimated.is_empty() && judge::asked_about(facts).any(|action| self.estimated.contains(&action))
    }

    /// Rules that can never fire, or never change a verdict: sound, and probably not meant so.
    #[must_use]
    pub fn warnings(&self) -> &[LoadFault] {
        &self.warnings
    }

    /// The rules, in order of id.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// A rule by id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id)
    }
}

fn schema() -> Result<Schema, Vec<LoadFault>> {
    match Schema::from_cedarschema_str(SCHEMA) {
        Ok((schema, _)) => Ok(schema),
        Err(e) => Err(vec![fault(("schema.cedarschema", SCHEMA), 0, e.to_string(), None)]),
    }
}

// Lengths are hashed too, so that text cannot move from one file to the next unseen.
fn hash(files: &[(&str, &str)]) -> String {
    let mut sha = Sha256::new();
    for part in std::iter::once(SCHEMA).chain(files.iter().flat_map(|(name, text)| [*name, *text])) {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    hoop_api::hex(&sha.finalize())
}

#[derive(Default)]
struct Loader {
    cedar: cedar_policy::PolicySet,
    rules: BTreeMap<String, Rule>,
    /// Cedar's JSON form of each rule.
    forms: BTreeMap<String, Value>,
    texts: BTreeMap<String, String>,
    estimated: BTreeSet<Action>,
    faults: Vec<LoadFault>,
}

impl Loader {
    fn file<'a>(&mut self, file: &(&'a str, &'a str), places: &mut Places<'a>) {
        let set = match cedar_policy::PolicySet::from_str(file.1) {
            Ok(set) => set,
            Err(errors) => {
                self.faults.extend(errors.iter().map(|e| diagnostic(file, e, 0)));
                return;
            }
        };
        if let Some(template) = set.templates().next() {
            let at = file.1.find(&template.to_string()).unwrap_or(0);
            let message = "templates (`?principal`, `?resource`) are not used here".to_owned();
            self.faults.push(fault(*file, at, message, Some("name the principal or group".to_owned())));
        }
        // Cedar numbers the policies of a text in order; two of equal text are told apart by where the last was.
        let mut policies: Vec<&Policy> = set.policies().collect();
        policies.sort_by_key(|p| {
            let id: &str = p.id().as_ref();
            id.strip_prefix("policy").and_then(|n| n.parse::<usize>().ok()).unwrap_or(usize::MAX)
        });
        let mut from = 0;
        for policy in policies {
            let text = policy.to_string();
            let at = file.1.get(from..).and_then(|rest| rest.find(&text)).map_or(0, |i| from + i);
            from = at + text.len().min(file.1.len() - at);
            if let Some(id) = self.policy(file, at, policy) {
                places.insert(id, (*file, at));
            }
        }
    }

    fn policy(&mut self, file: &(&str, &str), at: usize, policy: &Policy) -> Option<String> {
        let rule = match Rule::parse(policy) {
            Ok(rule) => rule,
            Err(faults) => {
                for f in faults {
                    self.faults.push(fault(*file, at, f.to_string(), Some(f.hint().to_owned())));
                }
                return None;
            }
        };
        match policy.to_json() {
            Ok(json) => {
                if let Err(f) = approvals::check(&rule, &json) {
                    self.faults.push(fault(*file, at, f.to_string(), Some(f.hint(&rule.id))));
                }
                match estimates::check(&rule, &json) {
                    Ok(true) => self.estimated.extend(shadow::actions(&json)),
                    Ok(false) => {}
                    Err(f) => self.faults.push(fault(*file, at, f.to_string(), Some(f.hint().to_owned()))),
                }
                self.forms.entry(rule.id.clone()).or_insert(json);
            }
            Err(e) => self.faults.push(fault(*file, at, e.to_string(), None)),
        }
        if self.rules.contains_key(&rule.id) {
            let message = format!("`@id` `{}` is used twice", rule.id);
            self.faults.push(fault(*file, at, message, Some("give each rule its own".to_owned())));
            return None;
        }
        if let Err(e) = self.cedar.add(policy.new_id(PolicyId::new(&rule.id))) {
            self.faults.push(fault(*file, at, e.to_string(), None));
            return None;
        }
        let id = rule.id.clone();
        self.texts.insert(id.clone(), policy.to_string());
        self.rules.insert(id.clone(), rule);
        Some(id)
    }
}

/// The text of a file, and where in it a rule begins.
type Places<'a> = BTreeMap<String, ((&'a str, &'a str), usize)>;

/// A warning for each rule that another one leaves nothing to decide.
fn shadows(
    rules: &BTreeMap<String, Rule>,
    forms: &BTreeMap<String, Value>,
    places: &Places<'_>,
) -> Vec<LoadFault> {
    let all: Vec<Form<'_>> =
        rules.values().filter_map(|rule| Some(Form { rule, json: forms.get(&rule.id)? })).collect();
    let told = |one: &Form<'_>| {
        let others = all.iter().filter(|other| other.rule.id != one.rule.id);
        let why = others.into_iter().find_map(|other| shadow::shadowed(one, other))?;
        let (file, at) = places.get(&one.rule.id)?;
        Some(fault(*file, *at, why, Some("take it out, or say what it should decide".to_owned())))
    };
    all.iter().filter_map(told).collect()
}

fn fault(file: (&str, &str), at: usize, message: String, hint: Option<String>) -> LoadFault {
    let before = file.1.get(..at).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    LoadFault { file: file.0.to_owned(), line, column, message, hint }
}

/// For unknown words the words that there are: Cedar's own guess changes from run to run.
fn vocabulary(e: &ValidationError) -> Option<String> {
    match e {
        ValidationError::UnrecognizedActionId(_) => {
            let words: Vec<&str> = Action::ALL.into_iter().map(Action::as_str).collect();
            Some(format!("actions are {}, and the group `statement` of the first six", words.join(", ")))
        }
        ValidationError::UnrecognizedEntityType(_) => {
            let words = "Group, User, Workload, Agent, Broker, Target, Relation, Class, Column and Function";
            Some(format!("entity types are {words}"))
        }
        // Cedar adds variants; theirs come with a hint that is stable.
        _ => None,
    }
}

/// A fault of Cedar's own, at its first label, or at `at` if it has none.
fn diagnostic(file: &(&str, &str), e: &(impl Diagnostic + ?Sized), at: usize) -> LoadFault {
    let at = e.labels().and_then(|mut l| l.next()).map_or(at, |l| l.offset());
    let hint = e.help().map(|h| h.to_string());
    fault(*file, at, e.to_string(), hint)
}

/// Ids of a set of rules, for verdicts.
pub(crate) fn ids<'a>(rules: impl Iterator<Item = &'a PolicyId>) -> BTreeSet<String> {
    rules.map(|id| AsRef::<str>::as_ref(id).to_owned()).collect()
}
