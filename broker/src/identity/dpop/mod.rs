//! DPoP (RFC 9449): proof that the sender of a request holds the key that its token is bound to.
//!
//! A proof goes through three gates, each its own type: [`verify`] makes a [`Proof`] (signature, method, address, age,
//! nonce), [`Replay::spend`] turns it into "seen for the first time", and the caller compares its thumbprint with the
//! binding. Nothing here reads a clock or the network.

mod key;
mod nonce;
mod replay;

use jsonwebtoken::Validation;
use openidconnect::url::Url;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub use key::{ClientKey, KeyFault};
pub use nonce::Nonces;
pub use replay::{Replay, ReplayFault};

/// Longest proof that is looked at, bytes. An ES256 proof has about 600.
pub const MAX_PROOF_BYTES: usize = 4096;
/// How far `iat` may lie from the broker's clock, seconds, either way. Freshness comes from the nonce; this bounds the
/// replay cache and tells a wrong clock.
pub const IAT_WINDOW_S: i64 = 120;
const MAX_JTI_BYTES: usize = 128;

/// What a proof has to fit.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// HTTP method of the request.
    pub htm: &'a str,
    /// The request's address, from `public_url` and the path; never from the `Host` header.
    pub htu: &'a str,
    /// The access token that came with it, `None` at the token endpoint.
    pub token: Option<&'a str>,
    /// Broker's wall clock, Unix seconds.
    pub now_s: i64,
}

/// A proof that is genuine but may have been seen before; [`Replay::spend`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    thumbprint: String,
    jti_hash: [u8; 32],
}

impl Proof {
    /// RFC 7638 thumbprint of the key, base64url SHA-256: the `jkt`.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// No `DPoP` header.
    #[error("the request has no DPoP proof")]
    Missing,
    /// More than one `DPoP` header.
    #[error("the request has more than one DPoP proof")]
    Several,
    /// Not a JWS with the header and claims of RFC 9449, 4.2.
    #[error("the DPoP proof is malformed")]
    Malformed,
    /// Its `typ` is not `dpop+jwt`.
    #[error("the DPoP proof is not of type `dpop+jwt`")]
    Type,
    /// Its key or algorithm.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The signature does not verify.
    #[error("the signature of the DPoP proof is wrong")]
    Signature,
    /// Made for another method.
    #[error("the DPoP proof is for another HTTP method")]
    Method,
    /// Made for another address.
    #[error("the DPoP proof is for another address")]
    Address,
    /// Too old or from the future, by so many seconds.
    #[error("the DPoP proof is {0} s off the broker's clock, {IAT_WINDOW_S} s are allowed")]
    Age(i64),
    /// Not bound to the access token that came with it.
    #[error("the DPoP proof is not bound to the access token")]
    Ath,
    /// No nonce, or one that is too old: ask again with the one that comes with the answer.
    #[error("the broker asks for a fresh nonce in the DPoP proof")]
    Nonce,
    /// Seen before, or the broker cannot tell.
    #[error(transparent)]
    Replay(#[from] ReplayFault),
}

impl ProofFault {
    /// The word in the ledger's `sign_in_failed`; from a fixed list.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "proof_missing",
            Self::Several | Self::Malformed | Self::Type => "proof_malformed",
            Self::Key(_) => "proof_key",
            Self::Signature => "proof_signature",
            Self::Method => "proof_method",
            Self::Address => "proof_address",
            Self::Age(_) => "proof_age",
            Self::Ath => "proof_ath",
            Self::Nonce => "proof_nonce",
            Self::Replay(ReplayFault::Seen) => "proof_replayed",
            Self::Replay(ReplayFault::Full) => "proof_cache_full",
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    #[serde(default)]
    ath: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

/// Checks a proof against the request it came with (RFC 9449, 4.3, but for the replay check).
///
/// # Errors
/// [`ProofFault`]; a wrong nonce is told last, so that only an otherwise good proof learns it.
pub fn verify(
    jws: &str,
    expected: &Expected<'_>,
    nonce_ok: impl Fn(&str) -> bool,
) -> Result<Proof, ProofFault> {
    if jws.len() > MAX_PROOF_BYTES {
        return Err(ProofFault::Malformed);
    }
    let key = ClientKey::of_proof(jws)?;
    let claims: Claims = signed_claims(jws, &key)?;
    if claims.jti.is_empty() || claims.jti.len() > MAX_JTI_BYTES {
        return Err(ProofFault::Malformed);
    }
    if claims.htm != expected.htm {
        return Err(ProofFault::Method);
    }
    if !same_address(&claims.htu, expected.htu) {
        return Err(ProofFault::Address);
    }
    let off = claims.iat.saturating_sub(expected.now_s);
    if off.unsigned_abs() > IAT_WINDOW_S.unsigned_abs() {
        return Err(ProofFault::Age(off));
    }
    check_ath(claims.ath.as_deref(), expected.token)?;
    if !claims.nonce.as_deref().is_some_and(nonce_ok) {
        return Err(ProofFault::Nonce);
    }
    let thumbprint = key.thumbprint()?;
    let jti_hash = Sha256::new().chain_update(&thumbprint).chain_update([0]).chain_update(&claims.jti);
    Ok(Proof { thumbprint, jti_hash: jti_hash.finalize().into() })
}

/// The claims of a JWS whose signature verifies with `key`.
pub(super) fn signed_claims<T: serde::de::DeserializeOwned>(
    jws: &str,
    key: &ClientKey,
) -> Result<T, ProofFault> {
    let mut validation = Validation::new(key.algorithm());
    // A proof has neither; `iat` is judged by the caller's clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    match jsonwebtoken::decode::<T>(jws, &key.verifying_key()?, &validation) {
        Ok(data) => Ok(data.claims),
        Err(e) if matches!(e.kind(), jsonwebtoken::errors::ErrorKind::InvalidSignature) => {
            Err(ProofFault::Signature)
        }
        Err(_) => Err(ProofFault::Malformed),
    }
}

/// RFC 9449, 4.3 (9): equal after normalisation, query and fragment aside.
fn same_address(htu: &str, expected: &str) -> bool {
    let normal = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    match (normal(htu), normal(expected)) {
        (Some(a), Some(b)) => a == b,
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}

fn check_ath(ath: Option<&str>, token: Option<&str>) -> Result<(), ProofFault> {
    match (ath, token) {
        (_, None) => Ok(()),
        (Some(ath), Some(token)) if bool::from(ath.as_bytes().ct_eq(hash_of(token).as_bytes())) => Ok(()),
        (Some(_) | None, Some(_)) => Err(ProofFault::Ath),
    }
}

/// base64url SHA-256 of an access token: its `ath`.
fn hash_of(token: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_after_normalisation() {
        let expected = "https://broker.example/oauth/token";
        assert!(same_address("HTTPS://Broker.Example:443/oauth/token?x=1#y", expected));
        for wrong in [
            "http://broker.example/oauth/token",
            "https://broker.example:8443/oauth/token",
            "https://broker.example/oauth/token/",
            "https://broker.example.evil/oauth/token",
            "https://user@broker.example/oauth/token",
            "/oauth/token",
            "",
        ] {
            assert!(!same_address(wrong, expected), "{wrong}");
        }
    }
}
