//! Which targets can be used: tried at start and from time to time, so that a login that must not be used is refused
//! before anybody connects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hoop_ledger::entry::{Event, Outcome};

use crate::config::{Limits, Target};
use crate::control::{Describing, TargetDirectory, TargetState};
use crate::gateway::Gateway;
use crate::gateway::postgres::{catalogue, upstream};
use crate::scribe::Scribe;

/// How often targets are tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// What is known of the targets.
#[derive(Debug)]
pub struct Health {
    gateway: Arc<Gateway>,
    // Read by the API and written by the sweep, never on the statement path.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    unavailable: HashMap<String, String>,
    looked: Option<Instant>,
}

impl Health {
    /// Nothing known yet: a target counts as usable until it was tried.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, known: Mutex::default() }
    }

    /// Tries all targets now, at most `limits.upstream_connect` each.
    pub async fn look(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).looked = Some(Instant::now());
        let targets = self.gateway.targets.load_full();
        let mut tries = tokio::task::JoinSet::new();
        for target in targets.values() {
            let (target, gateway) = (Arc::clone(target), Arc::clone(&self.gateway));
            tries.spawn(async move {
                let fault = attempt(&target, &gateway.limits).await;
                (target, fault)
            });
        }
        while let Some(done) = tries.join_next().await {
            if let Ok((target, fault)) = done {
                self.note(&target, fault);
            }
        }
    }

    /// Tries all targets in the background when the last time is long ago.
    pub fn look_again(self: &Arc<Self>) {
        let due = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.looked.is_none_or(|at| at.elapsed() >= AGAIN)
        };
        if due {
            let this = Arc::clone(self);
            // Bounded by `limits.upstream_connect`, and ended with the main runtime.
            tokio::spawn(async move { this.look().await });
        }
    }

    fn note(&self, target: &Target, fault: Option<String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match &fault {
            Some(fault) => known.unavailable.insert(target.name.clone(), fault.clone()),
            None => known.unavailable.remove(&target.name),
        };
        if before == fault {
            return;
        }
        let state = if fault.is_some() { "unavailable" } else { "available" };
        match &fault {
            Some(fault) => tracing::warn!(target = %target.name, "the target cannot be used: {fault}"),
            None => tracing::info!(target = %target.name, "the target can be used again"),
        }
        let scribe = Scribe::system(
            self.gateway.ledger.clone(),
            Arc::clone(&self.gateway.boot),
            "broker",
            None,
            "broker",
        );
        let event = Event::Target {
            target: target.name.clone(),
            state: state.to_owned(),
            detail: fault.unwrap_or_default(),
        };
        let outcome = if state == "available" { Outcome::Success } else { Outcome::Failure };
        if scribe.append(outcome, vec![target.name.clone()], event).is_err() {
            tracing::error!("a change of a target's state could not be recorded");
        }
    }
}

async fn attempt(target: &Target, limits: &Limits) -> Option<String> {
    let database = target.databases.first()?;
    upstream::connect(target, database, &[], limits).await.err().map(|e| e.to_string())
}

impl TargetDirectory for Health {
    fn all(&self) -> Vec<TargetState> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let targets = self.gateway.targets.load();
        targets
            .values()
            .map(|t| TargetState {
                target: Arc::clone(t),
                unavailable: known.unavailable.get(&t.name).cloned(),
            })
            .collect()
    }

    fn find(&self, name: &str) -> Option<TargetState> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let target = self.gateway.target(name)?;
        Some(TargetState { unavailable: known.unavailable.get(name).cloned(), target })
    }

    fn describe<'a>(&'a self, target: &'a Arc<Target>, database: &'a str) -> Describing<'a> {
        Box::pin(async move {
            let described = catalogue::describe(target, database, &self.gateway.limits).await;
            described.map_err(|e| {
                tracing::warn!(target = %target.name, error = %e, "the target cannot be described");
                e.for_client().1
            })
        })
    }
}
