//! Changes of configuration, policy and accounts that two others must approve first (`[administration]`; PCI DSS 6.5.1,
//! 7.2.5, 8.2.4). Whoever makes one is known by the account on the broker's machine only, so one of the two may be them.
//!
//! A reload is held as it was read, and that is what is put into force when it is approved; nothing is read again. An
//! account that was made or changed cannot sign in until then. INVARIANT: what is in force, here and after a restart, is
//! what was approved last: its hashes are in the state, and another one does not start.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hoop_api::approval::{ApprovalKind, ApprovalState};
use hoop_api::{AccessLevel, ApprovalId, PrincipalKind, Untrusted};
use hoop_ledger::entry::{Event, Outcome};
use hoop_policy::{Principal, Requirement, Reviewers};
use similar::TextDiff;

use super::reload::{self, Loaded};
use crate::approval::{Asked, Bound, Held, masked};
use crate::config::Config;
use crate::gateway::Gateway;
use crate::identity::Identity;
use crate::ledger::Poisoned;
use crate::scribe::Scribe;
use crate::store::{Accepted, Store, StoreError, UserRow};

/// What holds them, where rules hold statements.
const RULE: &str = "administration";
/// Longest change that is shown, bytes; as of statements.
const SHOWN: usize = 64 << 10;

/// What waits.
#[derive(Debug, Default)]
struct Waiting {
    reload: Option<(ApprovalId, Loaded)>,
    /// By account name, with what it was when it was asked for.
    accounts: BTreeMap<String, (ApprovalId, [u8; 32])>,
    /// Accounts whose change was refused, as they were: they are not asked for again.
    refused: BTreeSet<[u8; 32]>,
}

/// Holds changes until enough others have approved them.
#[derive(Debug)]
pub struct Administration {
    reviewers: Reviewers,
    waiting: Mutex<Waiting>,
}

/// Why a change could not be held, or put into force.
#[derive(Debug, thiserror::Error)]
pub enum HoldFault {
    /// It cannot be shown.
    #[error("the change is longer than {} KiB, which nobody would read; make it in smaller steps", SHOWN >> 10)]
    Long,
    /// Too much waits.
    #[error(transparent)]
    TooMany(#[from] crate::approval::TooMany),
    /// The ledger failed.
    #[error(transparent)]
    NotRecorded(#[from] Poisoned),
    /// The state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the running broker lends for it.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// Policy, targets, approvals.
    pub gateway: &'a Arc<Gateway>,
    /// The state.
    pub identity: &'a Identity,
    /// Entries of the broker itself.
    pub scribe: &'a Scribe,
}

impl Administration {
    /// By what the configuration says at start; a reload changes nothing of it before it is approved itself.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        let reviewers = config.administration.clone()?;
        Some(Self { reviewers, waiting: Mutex::default() })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Every change is one assignment: it is sound after any panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a reload. One that waited before is given up, unless it is the same.
    ///
    /// # Errors
    /// [`HoldFault`]; nothing waits then that did not before.
    pub fn hold_reload(
        &self,
        desk: Desk<'_>,
        current: &Config,
        new: Loaded,
    ) -> Result<ApprovalId, HoldFault> {
        let text = change_of(desk.gateway, current, &new);
        let bound = reload_bound(desk.gateway, current, &new);
        let Held { standing, new: asked } = self.ask(desk, &text, &bound, "configuration or policy")?;
        if asked {
            let event = standing.requested(&format!(
                "reload of config {} and policy {}",
                new.config.sha256,
                new.policy.set.hash()
            ));
            self.recorded(desk, standing.id, event)?;
        }
        let before = self.waiting().reload.replace((standing.id, new));
        if let Some((id, _)) = before.filter(|(id, _)| *id != standing.id) {
            give_up(desk, id)?;
        }
        tracing::warn!(approval = %standing.id, "reload held until {} have approved it: hoopctl approve", self.reviewers);
        Ok(standing.id)
    }

    /// Looks what has been approved since, puts it into force, and asks for what is new. Called every second or so;
    /// `current` becomes what is in force.
    ///
    /// # Errors
    /// [`HoldFault`].
    pub async fn sweep(&self, desk: Desk<'_>, current: &mut Arc<Config>) -> Result<(), HoldFault> {
        self.settle_reload(desk, current).await?;
        let waiting: Vec<_> = self.waiting().accounts.clone().into_iter().collect();
        for (name, (id, digest)) in waiting {
            self.settle_account(desk, name, id, digest).await?;
        }
        let held = desk.identity.store().run(Store::held_users).await?;
        for user in &held {
            let digest = user.digest();
            let known = {
                let waiting = self.waiting();
                waiting.refused.contains(&digest)
                    || waiting.accounts.get(&user.name).is_some_and(|(_, d)| *d == digest)
            };
            if known {
                continue;
            }
            match self.hold_account(desk, user, digest) {
                // It is asked for once others are decided.
                Err(HoldFault::TooMany(_)) => break,
                Err(HoldFault::Long) => {
                    tracing::error!(name = user.name, "{}; the account stays held", HoldFault::Long);
                    self.waiting().refused.insert(digest);
                }
                held => held?,
            }
        }
        Ok(())
    }

    async fn settle_reload(&self, desk: Desk<'_>, current: &mut Arc<Config>) -> Result<(), HoldFault> {
        let Some((id, _)) = self.waiting().reload.as_ref().map(|(id, l)| (*id, l.config.sha256.clone()))
        else {
            return Ok(());
        };
        let state = desk.gateway.approvals.get(id).map_or(ApprovalState::Expired, |s| s.state);
        if state == ApprovalState::Pending {
            return Ok(());
        }
        let Some((_, new)) = self.waiting().reload.take() else { return Ok(()) };
        if state != ApprovalState::Approved {
            tracing::warn!(approval = %id, "the held reload is {}; what was in force stays", state.as_str());
            return Ok(());
        }
        let bound = reload_bound(desk.gateway, current, &new);
        if !use_up(desk, id, &bound, "reload").await? {
            return Ok(());
        }
        let accepted =
            Accepted { config: new.config.sha256.clone(), policy: new.policy.set.hash().to_owned() };
        let kept = new.config.administration.is_some().then_some(accepted);
        let config = Arc::clone(&new.config);
        // It is approved whether or not it comes into force now: a broker that dies in between starts with it.
        desk.identity.store().run(move |store| store.accept(kept.as_ref())).await?;
        if reload::put_in_force(desk.gateway, desk.scribe, new).await.is_ok() {
            *current = config;
        }
        Ok(())
    }

    fn hold_account(&self, desk: Desk<'_>, user: &UserRow, digest: [u8; 32]) -> Result<(), HoldFault> {
        // One line each, whatever is in it.
        let shown = |text: &str| Untrusted::new(text).to_string();
        let text = format!(
            "account {} ({})\ngroups: {}\ncan sign in: {}\nlast made or changed by: {}, who may know its password and codes\n",
            shown(&user.name),
            shown(&user.display),
            shown(&user.groups.join(", ")),
            if user.disabled { "no" } else { "yes" },
            shown(&user.makers.join(", "))
        );
        let bound = account_bound(&user.name, digest);
        let Held { standing, new } = self.ask(desk, &text, &bound, "an account")?;
        if new {
            self.recorded(desk, standing.id, standing.requested(&format!("account {}", user.name)))?;
        }
        let before = self.waiting().accounts.insert(user.name.clone(), (standing.id, digest));
        if let Some((id, _)) = before.filter(|(id, _)| *id != standing.id) {
            give_up(desk, id)?;
        }
        Ok(())
    }

    async fn settle_account(
        &self,
        desk: Desk<'_>,
        name: String,
        id: ApprovalId,
        digest: [u8; 32],
    ) -> Result<(), HoldFault> {
        let state = desk.gateway.approvals.get(id).map_or(ApprovalState::Expired, |s| s.state);
        match state {
            ApprovalState::Pending => return Ok(()),
            ApprovalState::Approved => {
                if use_up(desk, id, &account_bound(&name, digest), &format!("user {name}")).await? {
                    let account = name.clone();
                    let released =
                        desk.identity.store().run(move |store| store.release_user(&account, digest)).await?;
                    if !released {
                        tracing::warn!(name, "the account changed again meanwhile; it stays held");
                    }
                }
            }
            ApprovalState::Rejected => {
                self.waiting().refused.insert(digest);
                tracing::warn!(name, approval = %id, "the change of the account was refused; it cannot sign in");
            }
            // Asked for again at the next look.
            ApprovalState::Consumed | ApprovalState::Expired | ApprovalState::Withdrawn => {}
        }
        self.waiting().accounts.remove(&name);
        Ok(())
    }

    fn ask(&self, desk: Desk<'_>, text: &str, bound: &Bound, what: &str) -> Result<Held, HoldFault> {
        if text.len() > SHOWN {
            return Err(HoldFault::Long);
        }
        let asked = Asked {
            kind: ApprovalKind::Change,
            requester: Arc::new(console()),
            origin: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            session: None,
            connection: None,
            target: "broker".to_owned(),
            level: AccessLevel::Masked,
            reason: Untrusted::default(),
            requirement: Requirement {
                rules: BTreeSet::from([RULE.to_owned()]),
                reviewers: vec![self.reviewers.clone()],
                reason: format!("{what} was changed on the broker's machine"),
                ttl: None,
                fresh: None,
            },
            text: Untrusted::new(masked(text)),
            parameters: Vec::new(),
            definitions: Box::default(),
            context: Vec::new(),
            estimate: None,
            verbs: Vec::new(),
            relations: Vec::new(),
        };
        Ok(desk.gateway.approvals.hold(asked, bound, None)?)
    }

    /// What was asked for must be in the ledger; else it is not asked for.
    fn recorded(&self, desk: Desk<'_>, id: ApprovalId, event: Event) -> Result<(), HoldFault> {
        if let Err(poisoned) = desk.scribe.append(Outcome::Success, vec!["broker".to_owned()], event) {
            desk.gateway.approvals.withdraw(id);
            return Err(poisoned.into());
        }
        Ok(())
    }
}

/// Is this what was approved last? True as well where nothing was, yet.
///
/// # Errors
/// [`StoreError`].
pub fn is_accepted(store: &Store, config: &Config, policy: &str) -> Result<bool, StoreError> {
    let accepted = store.accepted()?;
    Ok(accepted.is_none_or(|a| a.config == config.sha256 && a.policy == policy))
}

/// Begins with `config` and the policy of that hash: from now on they are what was approved last, where that counts.
///
/// # Errors
/// [`StoreError`].
pub fn begin(store: &Store, config: &Config, policy: &str) -> Result<(), StoreError> {
    let now = Accepted { config: config.sha256.clone(), policy: policy.to_owned() };
    store.accept(config.administration.is_some().then_some(&now))
}

/// Whoever works on the broker's machine: not known as a person.
fn console() -> Principal {
    Principal {
        id: "console".to_owned(),
        name: "console".to_owned(),
        kind: PrincipalKind::Workload,
        person_id: None,
        groups: Vec::new(),
    }
}

fn give_up(desk: Desk<'_>, id: ApprovalId) -> Result<(), HoldFault> {
    if desk.gateway.approvals.withdraw(id)
        && let Some(standing) = desk.gateway.approvals.get(id)
    {
        desk.scribe.append(Outcome::Success, vec!["broker".to_owned()], standing.ended())?;
    }
    Ok(())
}

/// Uses an approval up, in the ledger first; false when it is not of this any more.
async fn use_up(desk: Desk<'_>, id: ApprovalId, bound: &Bound, by: &str) -> Result<bool, HoldFault> {
    match desk.gateway.approvals.consume(id, bound, &BTreeSet::from([RULE.to_owned()])) {
        Ok(used) => {
            let event = used.event(by.to_owned());
            desk.scribe.record(Outcome::Success, vec!["broker".to_owned()], event).await?;
            Ok(true)
        }
        Err(why) => {
            tracing::warn!(approval = %id, "a change was approved and is not put into force: {why}");
            Ok(false)
        }
    }
}

/// A reload is approved over what was in force when it was shown.
fn reload_bound(gateway: &Gateway, current: &Config, new: &Loaded) -> Bound {
    let mut bound = Bound::of("reload");
    let in_force = gateway.policy.load();
    for part in [&current.sha256, in_force.set.hash(), &new.config.sha256, new.policy.set.hash()] {
        bound.part(part.as_bytes());
    }
    bound
}

fn account_bound(name: &str, digest: [u8; 32]) -> Bound {
    let mut bound = Bound::of("account");
    bound.part(name.as_bytes());
    bound.part(&digest);
    bound
}

/// The difference, as reviewers read it: of the configuration, then of each rule.
fn change_of(gateway: &Gateway, current: &Config, new: &Loaded) -> String {
    let mut out = difference("broker.toml", &current.text, &new.config.text);
    let before = gateway.policy.load();
    let text =
        |set: &hoop_policy::PolicySet, id: &str| set.text(id).map(|t| format!("{t}\n")).unwrap_or_default();
    for id in new.policy.set.changed_since(&before.set) {
        out += &difference(&format!("rule {id}"), &text(&before.set, id), &text(&new.policy.set, id));
    }
    if out.is_empty() { "nothing that decides: comments or order\n".to_owned() } else { out }
}

fn difference(name: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    // A hard one may take the time of many: it is told less well then, and whole.
    let mut diff = TextDiff::configure();
    diff.timeout(Duration::from_secs(1))
        .diff_lines(before, after)
        .unified_diff()
        .context_radius(2)
        .header(name, name)
        .to_string()
}
