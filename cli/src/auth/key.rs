//! The key that tokens are bound to, and its proofs of possession (RFC 9449).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{CommonParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Serialize;
use sha2::Digest as _;
use zeroize::Zeroizing;

use crate::error::Failure;

/// An ES256 key pair, made at sign-in and kept with the tokens.
pub struct DpopKey {
    pkcs8: SecretSlice<u8>,
    signing: EncodingKey,
    public: Jwk,
}

/// Claims of a proof (RFC 9449, 4.2).
#[derive(Serialize)]
struct Claims<'a> {
    jti: String,
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
}

impl DpopKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> Result<Self, Failure> {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| unusable("cannot be made"))?;
        Self::from_pkcs8(der.as_ref())
    }

    /// Reads what [`to_base64`](Self::to_base64) wrote.
    ///
    /// # Errors
    /// It is not a P-256 key in PKCS#8 form.
    pub fn from_base64(text: &str) -> Result<Self, Failure> {
        let der = Zeroizing::new(STANDARD.decode(text).map_err(|_| unusable("cannot be read"))?);
        Self::from_pkcs8(&der)
    }

    /// The private key for the token store.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.pkcs8.expose_secret()))
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, Failure> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| unusable("is not a P-256 key"))?;
        let signing = EncodingKey::from_ec_der(der);
        let mut public =
            Jwk::from_encoding_key(&signing, Algorithm::ES256).map_err(|_| unusable("has no public part"))?;
        // Only what identifies the key: the thumbprint is over these members (RFC 7638, 3.2).
        public.common = CommonParameters::default();
        Ok(Self { pkcs8: SecretSlice::from(der.to_vec()), signing, public })
    }

    /// A proof for one request. `url` may have a query; the proof does not (RFC 9449, 4.2). `token` is the access
    /// token that goes with it, at a resource.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn proof(
        &self,
        method: &str,
        url: &str,
        nonce: Option<&str>,
        token: Option<&SecretString>,
    ) -> Result<String, Failure> {
        let htu = url.split(['?', '#']).next().unwrap_or(url);
        let header = Header {
            typ: Some("dpop+jwt".to_owned()),
            jwk: Some(self.public.clone()),
            ..Header::new(Algorithm::ES256)
        };
        let claims = Claims {
            jti: random_id(),
            htm: method,
            htu,
            iat: crate::broker::now_s(),
            nonce,
            ath: token.map(|t| URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(t.expose_secret().as_bytes()))),
        };
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(|_| unusable("does not sign"))
    }
}

impl DpopKey {
    /// What a reviewer says, signed: a compact JWS of `typ` that brings the public key.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn signed(&self, typ: &str, claims: &impl Serialize) -> Result<String, Failure> {
        let header = Header {
            typ: Some(typ.to_owned()),
            jwk: Some(self.public.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(|_| unusable("does not sign"))
    }
}

fn random_id() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

fn unusable(what: &str) -> Failure {
    Failure::unreachable(format!("the key of this sign-in {what}")).hint("sign in with `hoopctl login`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(jws: &str, index: usize) -> serde_json::Value {
        let part = jws.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn a_proof_is_bound_to_request_nonce_and_token() {
        let key = DpopKey::generate().unwrap();
        let token = SecretString::from("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let proof = key.proof("GET", "https://b/v1/whoami?x=1#y", Some("n1"), Some(&token)).unwrap();
        let (header, claims) = (part(&proof, 0), part(&proof, 1));
        assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("dpop+jwt"), Some("ES256")));
        let mut members: Vec<_> = header["jwk"].as_object().unwrap().keys().cloned().collect();
        members.sort();
        assert_eq!(members, ["crv", "kty", "x", "y"], "public members only");
        assert_eq!(claims["htm"], "GET");
        assert_eq!(claims["htu"], "https://b/v1/whoami");
        assert_eq!(claims["nonce"], "n1");
        // The example of RFC 9449, 7.1.
        assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        let again = key.proof("GET", "https://b/v1/whoami", None, None).unwrap();
        let other = part(&again, 1);
        assert_ne!(other["jti"], claims["jti"]);
        assert!(other.get("nonce").is_none() && other.get("ath").is_none());
    }

    #[test]
    fn the_signature_verifies_with_the_key_in_the_header() {
        let key = DpopKey::from_base64(&DpopKey::generate().unwrap().to_base64()).unwrap();
        let proof = key.proof("POST", "https://b/oauth/token", None, None).unwrap();
        let jwk: Jwk = serde_json::from_value(part(&proof, 0)["jwk"].clone()).unwrap();
        let mut rules = jsonwebtoken::Validation::new(Algorithm::ES256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let verifying = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        jsonwebtoken::decode::<serde_json::Value>(&proof, &verifying, &rules).unwrap();
    }
}
