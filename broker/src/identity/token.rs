//! The broker's own tokens: access and session tokens (JWT, ES256), and opaque random ones, kept only as hashes.

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hoop_api::{PrincipalKind, SessionId};
use hoop_policy::Principal;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// `typ` of an access token (RFC 9068, 2.1).
const ACCESS_TYP: &str = "at+jwt";
/// `typ` of a session token, so that neither can stand in for the other.
const SESSION_TYP: &str = "hoop-session+jwt";
/// Longest token that is looked at, bytes.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// Signs and checks the broker's JWTs.
pub struct Signer {
    signing: EncodingKey,
    verifying: DecodingKey,
    issuer: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("cannot use the token key `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("the token key `{path}` is open to other users; run `chmod 600` on it")]
    Permissions {
        /// The file.
        path: PathBuf,
    },
    /// It is not a P-256 key.
    #[error("the token key `{path}` is not a PKCS #8 P-256 key")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A key could not be made.
    #[error("cannot make a token key")]
    Generate,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not one of ours, or altered.
    #[error("the token is not valid")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

/// `cnf` (RFC 9449, 6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Thumbprint of the key that the token is bound to.
    pub jkt: String,
}

/// Claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    iss: String,
    aud: String,
    /// Principal id.
    pub sub: String,
    client_id: String,
    iat: i64,
    exp: i64,
    jti: String,
    /// When the person proved who they are, Unix seconds.
    pub auth_time: i64,
    /// How.
    pub amr: Vec<String>,
    /// Binding.
    pub cnf: Confirmation,
    /// Person, pipeline or agent.
    pub kind: PrincipalKind,
    /// Display name.
    pub name: String,
    /// Stable identity of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_id: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Token family: the sign-in that it came from.
    pub family: String,
    /// `device`: such sign-ins may not approve or reveal.
    pub flow: String,
    /// A sign-in of our own in an emergency, where an identity provider signs people in else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
}

/// What an access token says.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// Thumbprint of the client's key.
    pub jkt: &'a str,
    /// Token family.
    pub family: &'a str,
    /// How the person proved who they are.
    pub amr: &'a [String],
    /// When, Unix seconds.
    pub auth_s: i64,
    /// In an emergency.
    pub emergency: bool,
}

/// Claims of a session token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    iss: String,
    aud: String,
    /// Principal id.
    pub sub: String,
    iat: i64,
    exp: i64,
    /// The session.
    pub sid: SessionId,
    /// Binding.
    pub cnf: Confirmation,
}

impl Signer {
    /// Loads the key at `path` (PKCS #8 DER, mode 0600), making it when absent. `public_url` is issuer and audience.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load_or_make(path: &Path, public_url: &str) -> Result<Self, KeyError> {
        let pkcs8 = match std::fs::read(path) {
            Ok(bytes) => {
                check_private(path)?;
                Zeroizing::new(bytes)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => make_key(path)?,
            Err(source) => return Err(KeyError::File { path: path.to_owned(), source }),
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)
            .map_err(|_| KeyError::Damaged { path: path.to_owned() })?;
        Ok(Self {
            signing: EncodingKey::from_ec_der(&pkcs8),
            verifying: DecodingKey::from_ec_der(pair.public_key().as_ref()),
            issuer: public_url.to_owned(),
        })
    }

    fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<SecretString, TokenFault> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        let token = jsonwebtoken::encode(&header, claims, &self.signing).map_err(|_| TokenFault::Invalid)?;
        Ok(token.into())
    }

    fn open<C: DeserializeOwned>(&self, token: &str, typ: &str, audience: &str) -> Result<C, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::Invalid);
        }
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // Judged by the caller's clock, without the library's leeway of a minute.
        validation.validate_exp = false;
        let data = jsonwebtoken::decode::<C>(token, &self.verifying, &validation)
            .map_err(|_| TokenFault::Invalid)?;
        if data.header.typ.as_deref() != Some(typ) {
            return Err(TokenFault::Invalid);
        }
        Ok(data.claims)
    }

    /// An access token (RFC 9068) that lives from `now_s` for `ttl_s` seconds.
    ///
    /// # Errors
    /// [`TokenFault::Invalid`] when signing fails.
    pub fn access(&self, access: &Access<'_>, now_s: i64, ttl_s: i64) -> Result<SecretString, TokenFault> {
        let principal = access.principal;
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: principal.id.clone(),
            client_id: hoop_api::CLIENT_ID.to_owned(),
            iat: now_s,
            exp: now_s.saturating_add(ttl_s),
            jti: random_id(),
            auth_time: access.auth_s,
            amr: access.amr.to_vec(),
            cnf: Confirmation { jkt: access.jkt.to_owned() },
            kind: principal.kind,
            name: principal.name.clone(),
            person_id: principal.person_id.clone(),
            groups: principal.groups.clone(),
            family: access.family.to_owned(),
            flow: "device".to_owned(),
            emergency: access.emergency,
        };
        self.sign(ACCESS_TYP, &claims)
    }

    /// Checks an access token.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn open_access(&self, token: &str, now_s: i64) -> Result<AccessClaims, TokenFault> {
        let claims: AccessClaims = self.open(token, ACCESS_TYP, &self.issuer)?;
        if claims.exp <= now_s {
            return Err(TokenFault::Expired);
        }
        Ok(claims)
    }

    fn tunnel_audience(&self) -> String {
        format!("{}{}", self.issuer, hoop_api::routes::TUNNEL)
    }

    /// A session token: opens the tunnel of session `sid` until `exp_s`.
    ///
    /// # Errors
    /// [`TokenFault::Invalid`] when signing fails.
    pub fn session(
        &self,
        sid: SessionId,
        principal: &str,
        jkt: &str,
        now_s: i64,
        exp_s: i64,
    ) -> Result<SecretString, TokenFault> {
        let claims = SessionClaims {
            iss: self.issuer.clone(),
            aud: self.tunnel_audience(),
            sub: principal.to_owned(),
            iat: now_s,
            exp: exp_s,
            sid,
            cnf: Confirmation { jkt: jkt.to_owned() },
        };
        self.sign(SESSION_TYP, &claims)
    }

    /// Checks a session token.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn open_session(&self, token: &str, now_s: i64) -> Result<SessionClaims, TokenFault> {
        let claims: SessionClaims = self.open(token, SESSION_TYP, &self.tunnel_audience())?;
        if claims.exp <= now_s {
            return Err(TokenFault::Expired);
        }
        Ok(claims)
    }
}

fn check_private(path: &Path) -> Result<(), KeyError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata =
            std::fs::metadata(path).map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Permissions { path: path.to_owned() });
        }
    }
    Ok(())
}

fn make_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    use std::io::Write as _;
    let random = aws_lc_rs::rand::SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .map_err(|_| KeyError::Generate)?;
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    // Written aside and moved into place whole: a crash leaves no half key, which would refuse every later start.
    let aside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside).map_err(failed)?;
    file.write_all(document.as_ref()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&aside, path).map_err(failed)?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// 256 random bits, base64url.
#[must_use]
pub fn random_secret() -> SecretString {
    URL_SAFE_NO_PAD.encode(Zeroizing::new(rand::random::<[u8; 32]>())).into()
}

/// 128 random bits, base64url, for identifiers.
#[must_use]
pub fn random_id() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

/// SHA-256 of an opaque token. Unsalted is right here: the input is 256 random bits.
#[must_use]
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn signer(dir: &Path) -> Signer {
        Signer::load_or_make(&dir.join("token.key"), "https://b.example").unwrap()
    }

    fn alice() -> Principal {
        Principal {
            id: "alice".to_owned(),
            name: "Alice".to_owned(),
            kind: PrincipalKind::User,
            person_id: Some("p1".to_owned()),
            groups: vec!["dba".to_owned()],
        }
    }

    #[test]
    fn the_key_is_kept_private_and_read_again() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let principal = alice();
        let access =
            Access { principal: &principal, jkt: "k", family: "f", amr: &[], auth_s: 1, emergency: false };
        let token = signer(dir.path()).access(&access, 100, 60).unwrap();
        let again = signer(dir.path());
        assert_eq!(again.open_access(token.expose_secret(), 159).unwrap().sub, "alice");
        assert_eq!(again.open_access(token.expose_secret(), 160), Err(TokenFault::Expired));
        let path = dir.path().join("token.key");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            Signer::load_or_make(&path, "https://b.example"),
            Err(KeyError::Permissions { .. })
        ));
    }

    #[test]
    fn a_token_of_one_kind_or_broker_is_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let ours = signer(dir.path());
        let principal = alice();
        let access =
            Access { principal: &principal, jkt: "k", family: "f", amr: &[], auth_s: 1, emergency: false };
        let access = ours.access(&access, 100, 60).unwrap();
        let session = ours.session(SessionId::from_parts(1, 2), "alice", "k", 100, 160).unwrap();
        assert_eq!(ours.open_session(access.expose_secret(), 100), Err(TokenFault::Invalid));
        assert_eq!(ours.open_access(session.expose_secret(), 100), Err(TokenFault::Invalid));
        assert!(ours.open_session(session.expose_secret(), 100).is_ok());
        let elsewhere = Signer::load_or_make(&dir.path().join("token.key"), "https://c.example").unwrap();
        assert_eq!(elsewhere.open_access(access.expose_secret(), 100), Err(TokenFault::Invalid));
        let other = Signer::load_or_make(&dir.path().join("other.key"), "https://b.example").unwrap();
        assert_eq!(other.open_access(access.expose_secret(), 100), Err(TokenFault::Invalid));
    }
}
