//! The public key in a proof's header: P-256 or Ed25519, public members only, in canonical form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType,
    Jwk, OctetKeyPairParameters, OctetKeyPairType, ThumbprintHash,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::ProofFault;

/// A client's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientKey {
    /// ECDSA on P-256 (`ES256`).
    P256 {
        /// Coordinate, base64url.
        x: String,
        /// Coordinate, base64url.
        y: String,
    },
    /// `EdDSA` on Ed25519.
    Ed25519 {
        /// Public key, base64url.
        x: String,
    },
}

/// Why the key in a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// `none`, symmetric, RSA or unknown.
    #[error("the DPoP proof must be signed with ES256 or EdDSA")]
    Algorithm,
    /// Has a private or unknown member, or is not of the form that its type asks for.
    #[error("the key in the DPoP proof is not a public P-256 or Ed25519 key")]
    Form,
}

#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
    alg: String,
    jwk: serde_json::Value,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

/// Only what RFC 7517 allows for a public signing key: `d`, `k`, `p` and the like are unknown here, and so refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    kty: String,
    crv: String,
    x: String,
    #[serde(default)]
    y: Option<String>,
    #[serde(default, rename = "kid")]
    _kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default, rename = "key_ops")]
    _key_ops: Option<Vec<String>>,
}

impl ClientKey {
    /// Reads the key out of a proof's header. The header is not authenticated yet; the signature must verify with it.
    pub(super) fn of_proof(jws: &str) -> Result<Self, ProofFault> {
        Self::of_jws(jws, "dpop+jwt")
    }

    /// The same of any JWS of the type `typ` that brings its key.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn of_jws(jws: &str, typ: &str) -> Result<Self, ProofFault> {
        let header = jws.split('.').next().unwrap_or_default();
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| ProofFault::Malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| ProofFault::Malformed)?;
        if header.typ.as_deref() != Some(typ) {
            return Err(ProofFault::Type);
        }
        if header.crit.is_some() {
            return Err(ProofFault::Malformed);
        }
        let members: Members = serde_json::from_value(header.jwk).map_err(|_| KeyFault::Form)?;
        if members.usage.as_deref().is_some_and(|usage| usage != "sig")
            || members.alg.as_ref().is_some_and(|alg| *alg != header.alg)
        {
            return Err(KeyFault::Form.into());
        }
        match header.alg.as_str() {
            "ES256" => Self::p256(members),
            "EdDSA" => Self::ed25519(members),
            _ => Err(KeyFault::Algorithm),
        }
        .map_err(ProofFault::from)
    }

    fn p256(members: Members) -> Result<Self, KeyFault> {
        let Members { kty, crv, x, y: Some(y), .. } = members else {
            return Err(KeyFault::Form);
        };
        if kty != "EC" || crv != "P-256" || !is_32_bytes(&x) || !is_32_bytes(&y) {
            return Err(KeyFault::Form);
        }
        Ok(Self::P256 { x, y })
    }

    fn ed25519(members: Members) -> Result<Self, KeyFault> {
        if members.kty != "OKP" || members.crv != "Ed25519" || members.y.is_some() || !is_32_bytes(&members.x)
        {
            return Err(KeyFault::Form);
        }
        Ok(Self::Ed25519 { x: members.x })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256 { .. } => Algorithm::ES256,
            Self::Ed25519 { .. } => Algorithm::EdDSA,
        }
    }

    pub(super) fn verifying_key(&self) -> Result<DecodingKey, KeyFault> {
        match self {
            Self::P256 { x, y } => DecodingKey::from_ec_components(x, y),
            Self::Ed25519 { x } => DecodingKey::from_ed_components(x),
        }
        .map_err(|_| KeyFault::Form)
    }

    /// RFC 7638 thumbprint, base64url SHA-256.
    ///
    /// # Errors
    /// [`KeyFault::Form`] when the key cannot be hashed.
    pub fn thumbprint(&self) -> Result<String, KeyFault> {
        let algorithm = match self {
            Self::P256 { x, y } => AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
                key_type: EllipticCurveKeyType::EC,
                curve: EllipticCurve::P256,
                x: x.clone(),
                y: y.clone(),
            }),
            Self::Ed25519 { x } => AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: x.clone(),
            }),
        };
        let jwk = Jwk { common: CommonParameters::default(), algorithm };
        jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyFault::Form)
    }
}

/// Canonical base64url of 32 bytes. The decoder refuses padding and stray bits, so one key has one spelling, and so one
/// thumbprint.
fn is_32_bytes(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_of_the_key_in_rfc_9449() {
        // RFC 9449, figures 2 and 13: this key has this `jkt`.
        let key = ClientKey::P256 {
            x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs".to_owned(),
            y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA".to_owned(),
        };
        assert_eq!(key.thumbprint().unwrap(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    fn header(json: &serde_json::Value) -> String {
        format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(json.to_string()))
    }

    #[test]
    fn private_members_foreign_curves_and_loose_spellings_are_refused() {
        let x = URL_SAFE_NO_PAD.encode([7u8; 32]);
        let good = serde_json::json!({"kty": "EC", "crv": "P-256", "x": x, "y": x});
        let with = |key: &str, value: serde_json::Value| {
            let mut jwk = good.clone();
            jwk[key] = value;
            header(&serde_json::json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}))
        };
        let typed = |typ: &str, alg: &str| header(&serde_json::json!({"typ": typ, "alg": alg, "jwk": good}));
        assert!(ClientKey::of_proof(&typed("dpop+jwt", "ES256")).is_ok());
        let form = ProofFault::Key(KeyFault::Form);
        assert_eq!(ClientKey::of_proof(&with("d", "AA".into())), Err(form));
        assert_eq!(ClientKey::of_proof(&with("crv", "P-384".into())), Err(form));
        assert_eq!(ClientKey::of_proof(&with("x", format!("{x}=").into())), Err(form));
        assert_eq!(ClientKey::of_proof(&with("kty", "oct".into())), Err(form));
        assert_eq!(ClientKey::of_proof(&with("use", "enc".into())), Err(form));
        assert_eq!(
            ClientKey::of_proof(&typed("dpop+jwt", "none")),
            Err(ProofFault::Key(KeyFault::Algorithm))
        );
        assert_eq!(
            ClientKey::of_proof(&typed("dpop+jwt", "HS256")),
            Err(ProofFault::Key(KeyFault::Algorithm))
        );
        assert_eq!(
            ClientKey::of_proof(&typed("dpop+jwt", "RS256")),
            Err(ProofFault::Key(KeyFault::Algorithm))
        );
        assert_eq!(ClientKey::of_proof(&typed("JWT", "ES256")), Err(ProofFault::Type));
        assert_eq!(ClientKey::of_proof("no jws at all"), Err(ProofFault::Malformed));
    }
}
