//! Bearer tokens for the native PostgreSQL listener, where a protocol leaves no room for a key: short, bound to target
//! and source address, single use unless policy allows a whole session, marked `bearer` in the ledger.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use hoop_api::routes::{MintToken, MintedToken};
use hoop_api::{AccessLevel, Code, Problem, SessionId, Untrusted};
use hoop_ledger::entry::Event;
use hoop_policy::Principal;
use http::StatusCode;
use secrecy::ExposeSecret as _;

use super::answer::Body;
use super::sessions::Wish;
use super::{Action, ApiProblem, Control, SessionVerdict};
use crate::identity::Caller;
use crate::identity::audit::{Entry, Via, user_of};
use crate::identity::token;
use crate::session::{EndReason, Session};

/// Life of a single-use token.
const SINGLE_USE_LIFE: Duration = Duration::from_secs(300);
/// Tokens at once; of one principal, a hundredth.
const MAX_TOKENS: usize = 10_000;
/// Lets scanners of leaked secrets know one of ours.
const PREFIX: &str = "hpt_";

/// Why a token opens nothing. The client is told the same for all but a full ledger.
#[derive(Debug, thiserror::Error)]
pub enum RedeemFault {
    /// Unknown, used, expired, for another target or from another address.
    #[error("the token is not valid here")]
    Refused,
    /// Policy, limits, target or ledger, as when opening a session.
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// What a token opened.
#[derive(Debug)]
pub struct Redeemed {
    /// The session.
    pub session: Arc<Session>,
    /// It ends with the connection that the token opened.
    pub single_use: bool,
}

#[derive(Clone)]
struct Minted {
    principal: Arc<Principal>,
    target: String,
    source: IpAddr,
    reason: Untrusted,
    expires: Duration,
    use_for: Use,
    /// The sign-in that it was minted by; when that ends, so does the token.
    family: String,
}

#[derive(Clone, Copy)]
enum Use {
    Once,
    Session(SessionId),
}

/// Tokens by the hash of their text; a restart forgets them.
#[derive(Default)]
pub(super) struct NativeTokens {
    // Short-held, never over an await.
    tokens: Mutex<HashMap<[u8; 32], Minted>>,
}

impl NativeTokens {
    fn live(&self, mono: Duration) -> MutexGuard<'_, HashMap<[u8; 32], Minted>> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, token| token.expires > mono);
        tokens
    }

    fn insert(&self, hash: [u8; 32], minted: Minted, mono: Duration) -> Result<(), Problem> {
        let mut tokens = self.live(mono);
        let own = tokens.values().filter(|t| t.principal.id == minted.principal.id).count();
        if tokens.len() >= MAX_TOKENS || own >= MAX_TOKENS / 100 {
            return Err(Problem::new(Code::LimitReached, "too many unused tokens")
                .with_hint("unused ones expire within five minutes"));
        }
        tokens.insert(hash, minted);
        Ok(())
    }

    /// Takes a single-use token out, or looks at a session's, when everything fits. A misfit does not use it up: the
    /// address is bound, so that a stranger cannot spend somebody's token.
    fn take(&self, text: &str, target: &str, source: IpAddr, mono: Duration) -> Result<Minted, &'static str> {
        let hash = token::hash(text);
        let mut tokens = self.live(mono);
        let minted = tokens.get(&hash).ok_or("token_invalid")?;
        if minted.target != target {
            return Err("token_target");
        }
        if minted.source != source.to_canonical() {
            return Err("token_address");
        }
        match minted.use_for {
            Use::Once => tokens.remove(&hash).ok_or("token_invalid"),
            Use::Session(_) => Ok(minted.clone()),
        }
    }
}

impl Control {
    /// The session that a password of the native listener opens: `user` is the target, `source` the client's address.
    ///
    /// # Errors
    /// [`RedeemFault`]; refusals are in the ledger.
    pub async fn redeem_native(
        &self,
        password: &str,
        target: &str,
        source: SocketAddr,
    ) -> Result<Redeemed, RedeemFault> {
        let identity = self.identity();
        let taken = self.inner.native.take(password, target, source.ip(), identity.mono());
        let minted = match taken {
            Ok(minted) => minted,
            Err(reason) => {
                identity.note_refusal(None, source, "native_token", reason).await;
                return Err(RedeemFault::Refused);
            }
        };
        if !identity.family_lives(&minted.family).await? {
            identity.note_refusal(Some(&minted.principal), source, "native_token", "revoked").await;
            return Err(RedeemFault::Refused);
        }
        match minted.use_for {
            Use::Session(id) => {
                let session = identity.sessions().find(id).filter(|session| session.ended().is_none());
                let session = session.ok_or(RedeemFault::Refused)?;
                Ok(Redeemed { session, single_use: false })
            }
            Use::Once => {
                let ttl = identity.config().sessions.default_ttl;
                let session = self.open_session(self.bearer_wish(&minted, source, Via::Native, ttl)).await?;
                Ok(Redeemed { session, single_use: true })
            }
        }
    }

    fn bearer_wish<'a>(&self, minted: &'a Minted, origin: SocketAddr, via: Via, ttl: Duration) -> Wish<'a> {
        Wish {
            principal: &minted.principal,
            target: &minted.target,
            // Bearer secrets never open more than masked answers.
            level: AccessLevel::Masked,
            reason: minted.reason.clone(),
            origin,
            jkt: None,
            family: &minted.family,
            via,
            ttl,
            // Nobody sees a notice there: tools would take the wait for a hung server.
            hold: Duration::ZERO,
        }
    }

    async fn may_mint(&self, caller: &Caller, target: &str, session_bound: bool) -> Result<(), Problem> {
        let (problem, reason, rules) =
            match self.authorizer().action(&caller.principal, Action::MintToken { target, session_bound }) {
                SessionVerdict::Allow { .. } => return Ok(()),
                SessionVerdict::Hold(held) => {
                    (Code::ApprovalPending, held.reason, held.rules.into_iter().collect())
                }
                SessionVerdict::Deny { rules, reason } => (Code::Denied, reason, rules),
            };
        let shown = self.recorded_target(target);
        let event = Event::SessionRefused {
            target: shown.clone(),
            level: AccessLevel::Masked.as_str().to_owned(),
            reason: reason.clone(),
            rules: rules.clone(),
        };
        let entry = Entry::new(user_of(&caller.principal), shown, event).from(caller.origin).failed();
        self.identity().journal().record(entry).await.map_err(crate::identity::not_recorded)?;
        Err(Problem::new(problem, reason).with_rules(rules))
    }
}

pub(super) async fn mint(
    State(control): State<Control>,
    caller: Caller,
    Body(asked): Body<MintToken>,
) -> Result<(StatusCode, Json<MintedToken>), ApiProblem> {
    let identity = control.identity();
    let config = identity.config();
    let Some(listener) = config.postgres_listen else {
        return Err(Problem::new(Code::NotFound, "the native listener is off")
            .with_hint("use `hoopctl connect`, or ask for `postgres_listen` in the broker's config")
            .into());
    };
    let reason = control.reason(&asked.reason)?;
    control.may_mint(&caller, &asked.target, asked.session).await?;
    let target = control.target(&asked.target)?.target;
    let mono = identity.mono();
    let mut minted = Minted {
        principal: Arc::clone(&caller.principal),
        target: target.name.clone(),
        source: caller.origin.ip().to_canonical(),
        reason,
        expires: mono + SINGLE_USE_LIFE,
        use_for: Use::Once,
        family: caller.family.clone(),
    };
    let mut life = SINGLE_USE_LIFE;
    if asked.session {
        life = config.sessions.default_ttl;
        let wish = control.bearer_wish(&minted, caller.origin, Via::Http, life);
        let session = control.open_session(wish).await?;
        minted.use_for = Use::Session(session.id);
        minted.expires = mono + life;
    }
    let expires_at = identity.now_s().saturating_add_unsigned(life.as_secs());
    let text = secrecy::SecretString::from(format!("{PREFIX}{}", token::random_secret().expose_secret()));
    match publish(&control, &caller, minted, text.expose_secret(), expires_at).await {
        Ok(()) => {}
        Err((problem, session)) => {
            if let Some(session) = session.and_then(|id| identity.sessions().end(id, EndReason::Closed)) {
                identity.record_end(&session, EndReason::Closed, None).await?;
            }
            return Err(problem.into());
        }
    }
    Ok((
        StatusCode::CREATED,
        Json(MintedToken {
            token: text.expose_secret().to_owned(),
            user: target.name.clone(),
            host: host_of(&config.public_url, listener),
            port: listener.port(),
            sslmode: if listener.ip().is_loopback() { "prefer" } else { "verify-full" }.to_owned(),
            database: target.databases.first().cloned().unwrap_or_default(),
            expires_at,
        }),
    ))
}

/// Records the token, then makes it good.
async fn publish(
    control: &Control,
    caller: &Caller,
    minted: Minted,
    text: &str,
    expires_at: i64,
) -> Result<(), (Problem, Option<SessionId>)> {
    let identity = control.identity();
    let session = match minted.use_for {
        Use::Once => None,
        Use::Session(id) => Some(id),
    };
    let event = Event::TokenMinted {
        target: minted.target.clone(),
        session_bound: session.is_some(),
        expires_us: expires_at.saturating_mul(1_000_000),
    };
    let entry = Entry::new(user_of(&caller.principal), minted.target.clone(), event).from(caller.origin);
    let recorded = identity.journal().record(entry).await.map_err(crate::identity::not_recorded);
    recorded
        .and_then(|()| control.inner.native.insert(token::hash(text), minted, identity.mono()))
        .map_err(|problem| (problem, session))
}

/// Where clients reach the listener: its own address, or the broker's public host when it listens on all.
fn host_of(public_url: &str, listener: SocketAddr) -> String {
    if !listener.ip().is_unspecified() {
        return listener.ip().to_string();
    }
    let host =
        openidconnect::url::Url::parse(public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| listener.ip().to_string())
}
