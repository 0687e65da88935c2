//! What has to happen from time to time: ends of sessions, changes made by commands on this machine, pruning.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use hoop_ledger::entry::{Event, User};

use super::audit::{Entry, Via};
use super::{GrantFault, Identity};
use crate::config::IdentityProvider;
use crate::session::EndReason;
use crate::store::{Store, StoreError};

impl Identity {
    /// Ends sessions that are due, writes administrative changes to the ledger, and ends the sessions of local users
    /// who were removed or disabled. Called every second or so, and cheap when nothing has changed.
    ///
    /// # Errors
    /// [`GrantFault`] when an end could not be recorded or the state not read; what was to end has ended.
    pub async fn sweep(&self) -> Result<(), GrantFault> {
        let mut recorded = Ok(());
        for (id, reason) in self.inner.sessions.due() {
            if let Some(session) = self.inner.sessions.end(id, reason) {
                recorded = self.record_end(&session, reason, None).await.and(recorded);
            }
        }
        recorded?;
        let version = self.inner.store.run(Store::written_elsewhere).await?;
        if self.inner.seen_version.load(Ordering::Acquire) == version {
            return Ok(());
        }
        self.record_changes().await?;
        self.end_sessions_of_removed_users().await?;
        let now_s = self.now_s();
        let window_s = i64::try_from(self.inner.config.limits.lockout.as_secs()).unwrap_or(i64::MAX);
        self.inner
            .store
            .run(move |store| {
                store.prune_failures(now_s, window_s)?;
                store.prune_families(now_s)
            })
            .await?;
        self.inner.seen_version.store(version, Ordering::Release);
        Ok(())
    }

    /// Writes administrative changes that commands on this machine made to the ledger, each once it is durable struck
    /// off the list.
    pub(crate) async fn record_changes(&self) -> Result<(), GrantFault> {
        let Ok(_turn) = self.inner.recording_changes.acquire().await else {
            return Err(StoreError::Closing.into());
        };
        let changes = self.inner.store.run(Store::pending_changes).await?;
        for change in changes {
            let user = User { id: change.actor, kind: "system".to_owned(), person_id: None };
            let subject = change.subject.clone();
            let event = Event::IdentityChange { subject: change.subject, change: change.change };
            let entry = Entry::new(user, format!("user {subject}"), event).via(Via::Console).at(change.at_us);
            self.inner.journal.record(entry).await?;
            self.inner.store.run(move |store| store.change_recorded(change.id)).await?;
        }
        Ok(())
    }

    async fn end_sessions_of_removed_users(&self) -> Result<(), GrantFault> {
        let here = match self.inner.config.identity {
            IdentityProvider::Local => true,
            // Of the provider's people only what they do by an enrolment hangs on an account of ours.
            IdentityProvider::Oidc(_) => false,
        };
        let users = self.inner.store.run(Store::users).await?;
        let held = self.inner.config.administration.is_some();
        let current: HashSet<_> = users
            .into_iter()
            .filter(|u| !(u.disabled || (held && u.held)))
            .map(|u| (u.principal_id().to_owned(), Some(u.person_id)))
            .collect();
        self.end_sessions(EndReason::Revoked, |session| {
            let principal = &session.principal;
            (here || session.glass.is_some_and(|glass| glass.enrolled))
                && !current.contains(&(principal.id.clone(), principal.person_id.clone()))
        })
        .await?;
        Ok(())
    }
}
