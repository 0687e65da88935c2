//! Tokens for a sign-in: issued, rotated, revoked.
//!
//! Refresh tokens rotate on every use, and a used one ends the family at once, without a grace period for a client that
//! repeats itself: hoopctl holds a lock while it refreshes, so only a copy, or an answer lost on the way, comes twice.
//! The second costs a new sign-in; a grace would cost the first its alarm.

use std::net::SocketAddr;

use hoop_ledger::entry::Event;
use hoop_policy::Principal;
use secrecy::{ExposeSecret as _, SecretString};

use super::audit::{Entry, user_of};
use super::device::Authenticated;
use super::token::{self, Access};
use super::{Identity, StoreError};
use crate::ledger::Poisoned;
use crate::session::{EndReason, Session};
use crate::store::{Family, FamilyState, NewFamily, Rotation, UserRow};

/// What the token endpoint answers.
#[derive(Debug)]
pub struct TokenSet {
    /// For the API.
    pub access_token: SecretString,
    /// For the next token set; good once.
    pub refresh_token: SecretString,
    /// Life of the access token, seconds.
    pub expires_in: i64,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum GrantFault {
    /// The grant is unknown, used, expired, revoked, or another key's. Which one, the ledger knows.
    #[error("the refresh token is not valid any more")]
    Invalid,
    /// A used refresh token came back; the whole sign-in has been ended.
    #[error("the refresh token was used before, so this sign-in has been ended")]
    Reuse,
    /// The account was removed or disabled.
    #[error("the account may not sign in any more")]
    Account,
    /// The ledger failed.
    #[error(transparent)]
    NotRecorded(#[from] Poisoned),
    /// The state database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signing failed.
    #[error(transparent)]
    Token(#[from] token::TokenFault),
}

impl Identity {
    fn token_set(&self, family: &Family, refresh_token: SecretString) -> Result<TokenSet, GrantFault> {
        let times = &self.inner.config.sessions;
        let now_s = self.now_s();
        let left_s = family.expires_s.saturating_sub(now_s);
        let expires_in = i64::try_from(times.access_token.as_secs()).unwrap_or(i64::MAX).min(left_s);
        let access = Access {
            principal: &family.principal,
            jkt: &family.jkt,
            family: &family.id,
            amr: &family.amr,
            auth_s: family.auth_s,
            // Accounts of our own are for emergencies where a provider signs people in.
            emergency: self.inner.oidc.is_some() && family.provider == "local",
        };
        let access_token = self.inner.signer.access(&access, now_s, expires_in)?;
        Ok(TokenSet { access_token, refresh_token, expires_in })
    }

    /// Starts a token family for somebody who has signed in (and whose sign-in is recorded), bound to the key `jkt`.
    ///
    /// # Errors
    /// [`GrantFault`].
    pub async fn issue(&self, who: Authenticated, jkt: &str) -> Result<TokenSet, GrantFault> {
        let life_s = i64::try_from(self.inner.config.sessions.refresh_token.as_secs()).unwrap_or(i64::MAX);
        let family = Family {
            id: token::random_id(),
            principal: who.principal,
            provider: who.provider.to_owned(),
            jkt: jkt.to_owned(),
            amr: who.amr,
            auth_s: who.auth_s,
            expires_s: self.now_s().saturating_add(life_s),
        };
        self.unchanged(&family, who.credential).await?;
        let refresh_token = token::random_secret();
        let refresh_hash = token::hash(refresh_token.expose_secret());
        let stored = family.clone();
        self.inner
            .store
            .run(move |store| store.insert_family(&NewFamily { family: &stored, refresh_hash }))
            .await?;
        self.token_set(&family, refresh_token)
    }

    /// The account is as it was when the person signed in: an approved device code waits some minutes for its client,
    /// and must not outlive a reset, a disabling or a removal.
    async fn unchanged(&self, family: &Family, credential: Option<[u8; 32]>) -> Result<(), GrantFault> {
        if family.provider != "local" {
            return Ok(());
        }
        let name = family.principal.id.clone();
        let user = self.inner.store.run(move |store| store.user_of(&name)).await?;
        let same = user.is_some_and(|u| {
            !u.disabled
                && !self.is_held(&u)
                && Some(&u.person_id) == family.principal.person_id.as_ref()
                && Some(u.credential()) == credential
        });
        if same { Ok(()) } else { Err(GrantFault::Account) }
    }

    /// Spends a refresh token of the client with key `jkt`. The account is looked at again: removed or disabled ends
    /// its tokens and sessions, and its groups are read anew (local users; an OIDC provider is asked at sign-in only).
    ///
    /// # Errors
    /// [`GrantFault`].
    pub async fn refresh(
        &self,
        presented: &str,
        jkt: &str,
        origin: SocketAddr,
    ) -> Result<TokenSet, GrantFault> {
        let next = token::random_secret();
        let (old, new) = (token::hash(presented), token::hash(next.expose_secret()));
        let (key, now_s) = (jkt.to_owned(), self.now_s());
        match self.inner.store.run(move |store| store.rotate(old, new, &key, now_s)).await? {
            Rotation::Rotate(family) => {
                let family = self.recheck(family, origin).await?;
                self.token_set(&family, next)
            }
            Rotation::Reuse(family) => {
                self.family_ended(&family, "reuse", origin).await?;
                Err(GrantFault::Reuse)
            }
            Rotation::WrongKey(family) => {
                self.note_refusal(Some(&family.principal), origin, "refresh_token", "wrong_key").await;
                Err(GrantFault::Invalid)
            }
            Rotation::Refuse => {
                self.note_refusal(None, origin, "refresh_token", "token_invalid").await;
                Err(GrantFault::Invalid)
            }
        }
    }

    async fn recheck(&self, mut family: Family, origin: SocketAddr) -> Result<Family, GrantFault> {
        if family.provider != "local" {
            return Ok(family);
        }
        self.record_changes().await?;
        let name = family.principal.id.clone();
        let user = self.inner.store.run(move |store| store.user_of(&name)).await?;
        // The same name with another identity is another person.
        let current = user.filter(|u| {
            !u.disabled
                && !self.is_held(u)
                && u.principal.is_some() == self.inner.oidc.is_some()
                && Some(&u.person_id) == family.principal.person_id.as_ref()
        });
        let Some(user) = current else {
            let id = family.id.clone();
            self.inner.store.run(move |store| store.end_family(&id, "admin")).await?;
            self.family_ended(&family, "admin", origin).await?;
            let id = family.principal.id;
            self.end_sessions(EndReason::Revoked, move |s| s.principal.id == id).await?;
            return Err(GrantFault::Account);
        };
        if user.groups != family.principal.groups || user.display != family.principal.name {
            family.principal.groups = user.groups;
            family.principal.name = user.display;
            let (id, principal) = (family.id.clone(), family.principal.clone());
            self.inner.store.run(move |store| store.update_family_principal(&id, &principal)).await?;
        }
        Ok(family)
    }

    /// A change of the account waits for others to approve it.
    fn is_held(&self, user: &UserRow) -> bool {
        self.inner.config.administration.is_some() && user.held
    }

    /// Records that a family's tokens are void and ends the sessions opened with its key. The tokens are void already.
    async fn family_ended(
        &self,
        family: &Family,
        reason: &str,
        origin: SocketAddr,
    ) -> Result<(), GrantFault> {
        let (id, jkt) = (family.principal.id.clone(), family.jkt.clone());
        let sessions = self
            .end_sessions(EndReason::Revoked, move |s| {
                // A bearer session does not say which sign-in minted its token: all of the person's end.
                s.principal.id == id && s.client_key.as_deref().is_none_or(|key| key == jkt)
            })
            .await;
        let event = Event::TokensRevoked { reason: reason.to_owned() };
        let entry =
            Entry::new(user_of(&family.principal), format!("sign-in {}", family.id), event).from(origin);
        self.inner.journal.record(entry).await?;
        Ok(sessions?)
    }

    /// Revokes the sign-in of a refresh token (RFC 7009): its tokens, and the sessions opened with its key. A token
    /// that we do not know, or of another key, is no error there (2.2), and changes nothing.
    ///
    /// # Errors
    /// [`GrantFault`] when it could not be done or recorded.
    pub async fn revoke(&self, presented: &str, jkt: &str, origin: SocketAddr) -> Result<(), GrantFault> {
        let hash = token::hash(presented);
        let Some((family, state)) = self.inner.store.run(move |store| store.family_of_token(hash)).await?
        else {
            return Ok(());
        };
        match state {
            FamilyState::Live if family.jkt == jkt => {}
            FamilyState::Live => {
                self.note_refusal(Some(&family.principal), origin, "revoke", "wrong_key").await;
                return Ok(());
            }
            FamilyState::Ended => return Ok(()),
        }
        let id = family.id.clone();
        if self.inner.store.run(move |store| store.end_family(&id, "logout")).await? {
            self.family_ended(&family, "logout", origin).await?;
        }
        Ok(())
    }

    /// Ends the live sessions that `which` picks and records each end. All are ended, recorded or not: an end that
    /// cannot be recorded is still safer than a session that lives on.
    pub(crate) async fn end_sessions(
        &self,
        reason: EndReason,
        which: impl Fn(&Session) -> bool,
    ) -> Result<(), Poisoned> {
        let ended: Vec<_> = self
            .inner
            .sessions
            .list()
            .into_iter()
            .filter(|session| which(session))
            .filter_map(|session| self.inner.sessions.end(session.id, reason))
            .collect();
        let mut recorded = Ok(());
        for session in ended {
            recorded = self.record_end(&session, reason, None).await.and(recorded);
        }
        recorded
    }

    /// Writes the end of a session that was just taken out of the table; `by` ended it, or the broker itself.
    pub(crate) async fn record_end(
        &self,
        session: &Session,
        reason: EndReason,
        by: Option<(&Principal, SocketAddr)>,
    ) -> Result<(), Poisoned> {
        let event = Event::SessionEnd {
            session: session.id.to_string(),
            reason: reason.as_str().to_owned(),
            statements: session.statements(),
        };
        let user = user_of(by.map_or(&*session.principal, |(principal, _)| principal));
        let origin = by.map_or(session.origin, |(_, origin)| origin);
        self.inner.journal.record(Entry::new(user, session.target.clone(), event).from(origin)).await
    }
}
