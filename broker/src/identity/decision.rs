//! Decisions of reviewers: signed by the key of their sign-in, so that one that the ledger holds cannot be changed, or
//! made up for a key that somebody else has.

use hoop_api::approval::{DECISION_TYPE, Decision};

use serde::de::DeserializeOwned;

use super::dpop::{ClientKey, ProofFault, signed_claims};

/// Longest decision that is looked at, bytes.
const MAX_BYTES: usize = 8192;
/// How far its `iat` may lie from the broker's clock, seconds, either way.
const WINDOW_S: i64 = 300;

/// Why a decision is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecisionFault {
    /// Not a JWS of this type, or its signature is wrong.
    #[error("the signed decision is not sound")]
    Unsound,
    /// Signed by another key than the caller's.
    #[error("the decision is signed by another key than that of your sign-in")]
    Key,
    /// Too old or from the future.
    #[error("the decision is {0} s off the broker's clock")]
    Age(i64),
}

impl From<ProofFault> for DecisionFault {
    fn from(_: ProofFault) -> Self {
        Self::Unsound
    }
}

/// The claims of a decision that was signed by the key with the thumbprint `jkt`, within minutes of `now_s`.
///
/// # Errors
/// [`DecisionFault`].
pub fn verify(jws: &str, jkt: &str, now_s: i64) -> Result<Decision, DecisionFault> {
    signed(jws, DECISION_TYPE, jkt, now_s, |decision: &Decision| decision.iat)
}

/// The claims of what somebody decided, as a JWS of `typ` that was signed by the key with the thumbprint `jkt`; `iat`
/// reads when, which must be within minutes of `now_s`.
///
/// # Errors
/// [`DecisionFault`].
pub fn signed<T: DeserializeOwned>(
    jws: &str,
    typ: &str,
    jkt: &str,
    now_s: i64,
    iat: impl Fn(&T) -> i64,
) -> Result<T, DecisionFault> {
    if jws.len() > MAX_BYTES {
        return Err(DecisionFault::Unsound);
    }
    let key = ClientKey::of_jws(jws, typ)?;
    let claims: T = signed_claims(jws, &key)?;
    if key.thumbprint().map_err(ProofFault::from)? != jkt {
        return Err(DecisionFault::Key);
    }
    let off = iat(&claims).saturating_sub(now_s);
    if off.unsigned_abs() > WINDOW_S.unsigned_abs() {
        return Err(DecisionFault::Age(off));
    }
    Ok(claims)
}
