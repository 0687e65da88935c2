//! Policy and targets, at start and again at SIGHUP. A bad set never replaces a good one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hoop_ledger::entry::{Event, Outcome, RuleChange};
use hoop_policy::{LoadFault, PolicySet};
use sha2::{Digest as _, Sha256};

use crate::config::{self, Config};
use crate::gateway::postgres::catalogue;
use crate::gateway::{Gateway, InForce};
use crate::ledger::Poisoned;
use crate::scribe::Scribe;
use crate::signers::{self, PolicyFile, Signers, Unsigned};

/// What one entry holds of changed rules: of a rule, of all, and how many of them; an entry has 60 kB.
const RULE_TEXT: usize = 2000;
const CHANGED_TEXT: usize = 24_000;
const CHANGED_RULES: usize = 100;

/// Of a reload that was refused for what it says.
const NOT_SOUND: &str = "refused: not sound";

/// Why the policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file cannot be read.
    #[error("cannot read the policy `{file}`: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Faults in the text, each with file, line, caret and hint.
    #[error("the policy is not sound:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<config::Fault>),
    /// What it says of signers, or what lies there of signatures, cannot be used.
    #[error("the signatures of the policy cannot be checked:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Signatures(Vec<config::Fault>),
    /// Too few have signed it.
    #[error("{0}")]
    Unsigned(#[from] Unsigned),
}

impl PolicyError {
    /// As faults of the configuration, for `check`.
    #[must_use]
    pub fn faults(&self) -> Vec<config::Fault> {
        match self {
            Self::Read { .. } => vec![config::Fault::new(self.to_string())],
            Self::Faults(faults) | Self::Signatures(faults) => faults.clone(),
            Self::Unsigned(unsigned) => vec![config::Fault::new(unsigned.to_string()).hint(unsigned.hint())],
        }
    }

    /// For the ledger: why it was refused, without anything that its author chose.
    fn detail(&self) -> String {
        match self {
            Self::Read { .. } | Self::Faults(_) => NOT_SOUND.to_owned(),
            Self::Signatures(_) => "refused: its signatures cannot be checked".to_owned(),
            Self::Unsigned(unsigned) => format!("refused: not signed, {}", unsigned.count()),
        }
    }
}

/// Reads who must have signed the policy of `config`; `None` where nobody need have.
///
/// # Errors
/// [`PolicyError::Signatures`].
pub fn signers(config: &Config) -> Result<Option<Signers>, PolicyError> {
    signers::read(config).map_err(PolicyError::Signatures)
}

/// Reads the policy files of `config`, each once.
///
/// # Errors
/// [`PolicyError::Read`].
pub fn files(config: &Config) -> Result<Vec<PolicyFile>, PolicyError> {
    let read = |path: &PathBuf| match std::fs::read_to_string(path) {
        Ok(text) => Ok(PolicyFile { path: path.clone(), text }),
        Err(source) => Err(PolicyError::Read { file: path.display().to_string(), source }),
    };
    config.policy_files.iter().map(read).collect()
}

/// Loads the policy files of `config`, which enough of `signers` must have signed.
///
/// # Errors
/// [`PolicyError`].
pub fn policy(config: &Config, signers: Option<&Signers>, version: u64) -> Result<InForce, PolicyError> {
    let files = files(config)?;
    // What is parsed are the very bytes whose signatures were verified.
    let signed_by = signers.map_or_else(|| Ok(Vec::new()), |signers| signed_by(signers, &files))?;
    let set = parse(&files).map_err(PolicyError::Faults)?;
    let observed = config.targets.values().filter(|t| t.observe).map(|t| t.name.clone()).collect();
    Ok(InForce { version, set, observed, signed_by })
}

fn signed_by(signers: &Signers, files: &[PolicyFile]) -> Result<Vec<String>, PolicyError> {
    let cannot = |fault| PolicyError::Signatures(vec![fault]);
    let manifest = signers::manifest(files).map_err(cannot)?;
    let found = signers::signatures(signers).map_err(cannot)?;
    Ok(signers.verify(&manifest, &found)?)
}

/// Parses policy files.
///
/// # Errors
/// Every fault of them.
pub fn parse(files: &[PolicyFile]) -> Result<PolicySet, Vec<config::Fault>> {
    let files: Vec<_> = files.iter().map(|f| (f.path.display().to_string(), &f.text)).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let placed = |fault: LoadFault| {
        let text = files.iter().find(|(name, _)| *name == fault.file).map_or("", |(_, text)| *text);
        let at = fault.offset(text);
        let placed = config::Fault::new(fault.message).at(Path::new(&fault.file), text, at..at);
        match fault.hint {
            Some(hint) => placed.hint(hint),
            None => placed,
        }
    };
    PolicySet::load(&files).map_err(|faults| faults.into_iter().map(placed).collect())
}

/// Records which targets policy only observes from now on, and which it stops again (PCI DSS 10.7.2: from when to when
/// a control was off).
///
/// # Errors
/// [`Poisoned`] when the ledger has failed.
pub fn record_modes(
    scribe: &Scribe,
    before: &BTreeSet<String>,
    now: &BTreeSet<String>,
) -> Result<(), Poisoned> {
    for target in before.symmetric_difference(now) {
        let observed = now.contains(target);
        let (state, detail) = if observed {
            ("observed", "policy judges and records its statements, and stops none")
        } else {
            ("enforced", "policy stops again what it denies and holds")
        };
        let event =
            Event::Target { target: target.clone(), state: state.to_owned(), detail: detail.to_owned() };
        let outcome = if observed { Outcome::Failure } else { Outcome::Success };
        scribe.append(outcome, vec![target.clone()], event)?;
        tracing::warn!(target, "{state}: {detail}");
    }
    Ok(())
}

/// What of the new set is not as in the old one, for the ledger.
fn changes(new: &PolicySet, old: &PolicySet) -> Vec<RuleChange> {
    let mut left = CHANGED_TEXT;
    let one = |id: &str| {
        let (text, change) = match (new.text(id), old.text(id)) {
            (None, _) => ("", "removed"),
            (Some(text), None) => (text, "added"),
            (Some(text), Some(_)) => (text, "changed"),
        };
        let told = text.get(..text.floor_char_boundary(left.min(RULE_TEXT))).unwrap_or_default();
        left -= told.len();
        let sha256 = if text.is_empty() { String::new() } else { hoop_api::hex(&Sha256::digest(text)) };
        RuleChange { id: id.to_owned(), change: change.to_owned(), text: told.to_owned(), sha256 }
    };
    let mut changes: Vec<_> = new.changed_since(old).into_iter().map(one).collect();
    if changes.len() > CHANGED_RULES {
        let more = changes.len() - CHANGED_RULES;
        changes.truncate(CHANGED_RULES);
        changes.push(RuleChange {
            id: format!("and {more} more"),
            change: "changed".to_owned(),
            text: String::new(),
            sha256: String::new(),
        });
    }
    changes
}

/// Who may sign, and how many must, is for the whole run what it was at the start: whoever can change it with a reload
/// could sign for all.
fn told_of_other_signers(config: &Config, signers: Option<&Signers>) {
    if !signers::read(config).is_ok_and(|now| now.as_ref() == signers) {
        tracing::warn!(
            "`signers` and `signatures` stay as they were at the start; restart the broker to change them"
        );
    }
}

/// A configuration and its policy, sound and signed, not in force yet.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Arc<Config>,
    /// The policy.
    pub policy: InForce,
}

/// Reads configuration and policy again. What is not sound, or not signed by enough, is refused, logged and recorded.
pub fn load(gateway: &Gateway, scribe: &Scribe, path: &Path, signers: Option<&Signers>) -> Option<Loaded> {
    let version = gateway.policy.load().version + 1;
    let loaded = config::load(path).map_err(|faults| (NOT_SOUND.to_owned(), faults.to_string()));
    let loaded = loaded.and_then(|config| {
        told_of_other_signers(&config, signers);
        match policy(&config, signers, version) {
            Ok(policy) => Ok(Loaded { config: Arc::new(config), policy }),
            Err(error) => Err((error.detail(), error.faults().iter().map(ToString::to_string).collect())),
        }
    });
    match loaded {
        Ok(loaded) => Some(loaded),
        Err((detail, faults)) => {
            tracing::error!("reload refused, the old policy and targets stay in force:\n{faults}");
            refused(scribe, detail);
            None
        }
    }
}

/// Records that a reload was refused.
pub fn refused(scribe: &Scribe, detail: String) {
    let event = Event::ControlFailure { control: "reload".to_owned(), detail };
    if scribe.append(Outcome::Failure, vec!["policy".to_owned()], event).is_err() {
        tracing::error!("a refused reload could not be recorded");
    }
}

/// Puts targets and policy into force. Listeners, keys, `signers` and the rest of the configuration stay as they were.
///
/// # Errors
/// [`Poisoned`]: it could not be recorded, and what was in force stays.
pub async fn put_in_force(gateway: &Gateway, scribe: &Scribe, loaded: Loaded) -> Result<(), Poisoned> {
    let Loaded { config, policy } = loaded;
    let event = Event::Reload {
        policy_sha256: policy.set.hash().to_owned(),
        detail: format!("config {}", config.sha256),
        rules: changes(&policy.set, &gateway.policy.load().set),
        signers: policy.signed_by.clone(),
    };
    // Recorded first: a policy that is in force and not in the ledger would judge without proof.
    let recorded =
        scribe.record(Outcome::Success, vec!["policy".to_owned(), "targets".to_owned()], event).await;
    let recorded =
        recorded.and_then(|_| record_modes(scribe, &gateway.policy.load().observed, &policy.observed));
    if let Err(poisoned) = recorded {
        tracing::error!("reload refused: it could not be recorded");
        return Err(poisoned);
    }
    let version = policy.version;
    catalogue::carry_bindings(&gateway.targets.load(), &config.targets);
    gateway.targets.store(Arc::new(config.targets.clone()));
    gateway.policy.store(Arc::new(policy));
    for session in gateway.sessions.list() {
        if gateway.target(&session.target).is_none() {
            gateway.end_session(&session, crate::session::EndReason::Revoked);
        }
    }
    tracing::info!(version, "policy and targets are reloaded");
    Ok(())
}
