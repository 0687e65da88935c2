//! Requests to the API: access token, DPoP proof, live token family. Tunnels: the same with a session token.

use std::net::SocketAddr;
use std::sync::Arc;

use hoop_api::{Code, Problem};
use hoop_policy::Principal;
use http::{HeaderMap, Method, Uri, header};
use subtle::ConstantTimeEq as _;

use super::dpop::{self, Expected, Proof, ProofFault, Replay};
use super::token::{AccessClaims, TokenFault};
use super::{Identity, state_failed};
use crate::session::Session;
use crate::store::FamilyState;

/// An authenticated caller of the API.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Arc<Principal>,
    /// Thumbprint of the caller's key.
    pub jkt: String,
    /// Token family: the sign-in.
    pub family: String,
    /// When the person proved who they are, Unix seconds.
    pub auth_s: i64,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// They signed in with the codes of their enrolment: for emergency sessions, and nothing else.
    pub emergency: bool,
    /// Where the request came from.
    pub origin: SocketAddr,
}

/// The one value of a header, `None` when absent; `Err` when it comes twice or is not ASCII.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

fn dpop_token(headers: &HeaderMap) -> Result<&str, Problem> {
    let not_signed_in =
        |detail| Problem::new(Code::NotSignedIn, detail).with_hint("sign in with `hoopctl login`");
    let value = single(headers, header::AUTHORIZATION.as_str())
        .map_err(|()| not_signed_in("the Authorization header is malformed"))?
        .ok_or_else(|| not_signed_in("the request has no token"))?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("dpop") => Ok(token.trim()),
        Some(_) | None => Err(not_signed_in("the token must come as `Authorization: DPoP …`")),
    }
}

fn proof_problem(fault: ProofFault) -> Problem {
    match fault {
        ProofFault::Nonce => Problem::new(Code::UseDpopNonce, fault.to_string())
            .with_hint("repeat the request with the nonce of the `DPoP-Nonce` header"),
        ProofFault::Age(_) => {
            Problem::new(Code::NotSignedIn, fault.to_string()).with_hint("set this machine's clock")
        }
        ProofFault::Replay(dpop::ReplayFault::Full) => Problem::new(Code::LimitReached, fault.to_string()),
        ProofFault::Missing
        | ProofFault::Several
        | ProofFault::Malformed
        | ProofFault::Type
        | ProofFault::Key(_)
        | ProofFault::Signature
        | ProofFault::Method
        | ProofFault::Address
        | ProofFault::Ath
        | ProofFault::Replay(dpop::ReplayFault::Seen) => Problem::new(Code::NotSignedIn, fault.to_string()),
    }
}

fn token_problem(fault: TokenFault) -> Problem {
    let problem = Problem::new(Code::NotSignedIn, fault.to_string());
    match fault {
        TokenFault::Expired => problem.with_hint("refresh the token, or sign in with `hoopctl login`"),
        TokenFault::Invalid => problem.with_hint("sign in with `hoopctl login`"),
    }
}

impl Identity {
    /// The request's proof, checked against its method and address, not yet spent.
    pub(crate) fn proof(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        token: Option<&str>,
    ) -> Result<Proof, ProofFault> {
        let jws = single(headers, "dpop").map_err(|()| ProofFault::Several)?.ok_or(ProofFault::Missing)?;
        let htu = format!("{}{}", self.inner.config.public_url, uri.path());
        let expected = Expected { htm: method.as_str(), htu: &htu, token, now_s: self.now_s() };
        let mono = self.mono();
        dpop::verify(jws, &expected, |nonce| self.inner.nonces.accepts(nonce, mono))
    }

    /// Spends a proof that came without a token. Apart from those with one, so that strangers cannot shut callers out.
    pub(crate) fn spend_strangers(&self, proof: &Proof) -> Result<(), ProofFault> {
        Ok(self.inner.replay_strangers.spend(proof, self.mono())?)
    }

    fn bound_proof(
        &self,
        request: (&Method, &Uri, &HeaderMap),
        token: &str,
        jkt: &str,
    ) -> Result<(), (Problem, Option<&'static str>)> {
        let (method, uri, headers) = request;
        let spend =
            |proof: &Proof, replay: &Replay| replay.spend(proof, self.mono()).map_err(ProofFault::from);
        let checked = self.proof(method, uri, headers, Some(token)).and_then(|proof| {
            let bound = bool::from(proof.thumbprint().as_bytes().ct_eq(jkt.as_bytes()));
            if bound { spend(&proof, &self.inner.replay_callers).map(|()| true) } else { Ok(false) }
        });
        match checked {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err((Problem::new(Code::NotSignedIn, "the token is bound to another key"), Some("wrong_key")))
            }
            // Part of the protocol, not an attempt at access.
            Err(ProofFault::Nonce) => Err((proof_problem(ProofFault::Nonce), None)),
            Err(fault) => Err((proof_problem(fault), Some(fault.reason()))),
        }
    }

    /// Who sent a request: a good access token, a fresh proof by its key for this method and address, and a sign-in
    /// that has not been revoked. `uri` is the request's; only its path counts, under `public_url`.
    ///
    /// # Errors
    /// A problem for the client: not signed in, a nonce is needed, or the broker cannot tell.
    pub async fn authenticate(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        origin: SocketAddr,
    ) -> Result<Caller, Problem> {
        let token = dpop_token(headers)?;
        let claims = match self.inner.signer.open_access(token, self.now_s()) {
            Ok(claims) => claims,
            Err(fault @ TokenFault::Expired) => return Err(token_problem(fault)),
            Err(fault @ TokenFault::Invalid) => {
                self.note_refusal(None, origin, "access_token", "token_invalid").await;
                return Err(token_problem(fault));
            }
        };
        let caller = caller_of(claims, origin);
        if let Err((problem, reason)) = self.bound_proof((method, uri, headers), token, &caller.jkt) {
            if let Some(reason) = reason {
                self.note_refusal(Some(&caller.principal), origin, "access_token", reason).await;
            }
            return Err(problem);
        }
        if !self.family_lives(&caller.family).await? {
            self.note_refusal(Some(&caller.principal), origin, "access_token", "revoked").await;
            return Err(Problem::new(Code::NotSignedIn, "the sign-in has ended")
                .with_hint("sign in with `hoopctl login`"));
        }
        Ok(caller)
    }

    /// True while the sign-in `family` has neither ended nor expired.
    pub(crate) async fn family_lives(&self, family: &str) -> Result<bool, Problem> {
        let (family, now_s) = (family.to_owned(), self.now_s());
        match self.inner.store.run(move |store| store.family_state(&family, now_s)).await {
            Ok(FamilyState::Live) => Ok(true),
            Ok(FamilyState::Ended) => Ok(false),
            Err(error) => Err(state_failed(&error)),
        }
    }

    /// A principal by id: a local user as it stands, anybody else as they last signed in. `None`: nobody knows
    /// them, or they are disabled.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn principal(&self, id: &str) -> Result<Option<Principal>, Problem> {
        let id = id.to_owned();
        let found = self.inner.store.run(move |store| match store.user_of(&id)? {
            Some(user) if user.disabled => Ok(None),
            Some(user) => Ok(Some(Principal {
                id: user.principal_id().to_owned(),
                name: user.display,
                kind: hoop_api::PrincipalKind::User,
                person_id: Some(user.person_id),
                groups: user.groups,
            })),
            None => store.last_seen(&id),
        });
        found.await.map_err(|error| state_failed(&error))
    }

    /// Was the account of `id` made or changed on this machine by somebody of the same name as `by`?
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn made_by(&self, id: &str, by: &str) -> Result<bool, Problem> {
        let id = id.to_owned();
        let found = self.inner.store.run(move |store| store.user_of(&id)).await;
        let user = found.map_err(|error| state_failed(&error))?;
        Ok(user.is_some_and(|u| u.makers.iter().any(|maker| maker.eq_ignore_ascii_case(by))))
    }

    /// The session that a tunnel request opens: a good session token, a fresh proof by its key, a live session.
    ///
    /// # Errors
    /// A problem for the client; an ended session is told from a token that never was good.
    pub async fn verify_session_token(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        origin: SocketAddr,
    ) -> Result<Arc<Session>, Problem> {
        let ended = || {
            Problem::new(Code::SessionEnded, "the session has ended")
                .with_hint("open a new one with `hoopctl connect`")
        };
        let token = dpop_token(headers)?;
        let claims = match self.inner.signer.open_session(token, self.now_s()) {
            Ok(claims) => claims,
            Err(TokenFault::Expired) => return Err(ended()),
            Err(fault @ TokenFault::Invalid) => {
                self.note_refusal(None, origin, "session_token", "token_invalid").await;
                return Err(token_problem(fault));
            }
        };
        let session = self.inner.sessions.find(claims.sid);
        if let Err((problem, reason)) = self.bound_proof((method, uri, headers), token, &claims.cnf.jkt) {
            if let Some(reason) = reason {
                let who = session.as_ref().map(|s| &*s.principal);
                self.note_refusal(who, origin, "session_token", reason).await;
            }
            return Err(problem);
        }
        let session = session.ok_or_else(ended)?;
        let same_key = session.client_key.as_deref() == Some(claims.cnf.jkt.as_str());
        if session.ended().is_some() || !same_key || session.principal.id != claims.sub {
            return Err(ended());
        }
        Ok(session)
    }
}

fn caller_of(claims: AccessClaims, origin: SocketAddr) -> Caller {
    Caller {
        principal: Arc::new(Principal {
            id: claims.sub,
            name: claims.name,
            kind: claims.kind,
            person_id: claims.person_id,
            groups: claims.groups,
        }),
        jkt: claims.cnf.jkt,
        family: claims.family,
        auth_s: claims.auth_time,
        amr: claims.amr,
        emergency: claims.emergency,
        origin,
    }
}
