//! Who must have signed the policy, and whether they did: k of n people, by OpenSSH's signatures over a manifest of its
//! files. Only `folder` looks at the disk.

mod allowed;
mod folder;
mod manifest;

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use hoop_api::Untrusted;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, SshSig};

pub use allowed::{MAX_SIGNERS, Signer, parse};
pub use folder::{MAX_SIGNATURE_BYTES, MAX_SIGNATURES, read, signatures};
pub use manifest::{PolicyFile, manifest};

/// What a signature must be for, so that one made for something else never counts (`ssh-keygen -Y sign -n`).
pub const NAMESPACE: &str = "hoopctl-policy";

/// Longest piece of a signature's own text that is shown, characters.
const SHOWN: usize = 64;

/// Who may sign a policy, and how many of them must have. Made at the start and kept: a reload changes neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    /// The file that names them; their signatures lie beside it.
    pub file: PathBuf,
    /// How many must have signed.
    pub needed: NonZero<usize>,
    /// Names and keys, both distinct.
    pub people: Vec<Signer>,
}

/// A signature as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Name of its file.
    pub file: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// Why a signature is not counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// It cannot be read as one.
    #[error("no signature of `ssh-keygen -Y sign`")]
    NotOne,
    /// It was made for something else.
    #[error("made for `{0}`, not for `{NAMESPACE}`")]
    Namespace(String),
    /// Made with a key that is not Ed25519.
    #[error("made with a key that is not ssh-ed25519")]
    KeyType,
    /// Made with nobody's key.
    #[error("made with a key that is not allowed, {0}")]
    UnknownKey(String),
    /// It is not about these files as they are.
    #[error("{0} signed another manifest")]
    OtherManifest(String),
    /// Somebody who is counted already.
    #[error("{0} is counted already")]
    Again(String),
}

/// A policy without enough signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    needed: NonZero<usize>,
    signed_by: Vec<String>,
    not_counted: Vec<(String, NotCounted)>,
    folder: PathBuf,
}

impl Signers {
    /// Who of them signed `manifest`, by name.
    ///
    /// # Errors
    /// [`Unsigned`] when they are too few.
    pub fn verify(&self, manifest: &str, found: &[Found]) -> Result<Vec<String>, Unsigned> {
        let mut signed_by = BTreeSet::new();
        let mut not_counted = Vec::new();
        for Found { file, bytes } in found {
            match self.signer_of(manifest.as_bytes(), bytes) {
                Ok(signer) if signed_by.insert(signer.name.clone()) => {}
                Ok(signer) => not_counted.push((file.clone(), NotCounted::Again(signer.name.clone()))),
                Err(why) => not_counted.push((file.clone(), why)),
            }
        }
        let signed_by: Vec<String> = signed_by.into_iter().collect();
        if signed_by.len() >= self.needed.get() {
            return Ok(signed_by);
        }
        Err(Unsigned { needed: self.needed, signed_by, not_counted, folder: self.folder().to_owned() })
    }

    fn signer_of(&self, manifest: &[u8], bytes: &[u8]) -> Result<&Signer, NotCounted> {
        let signature = SshSig::from_pem(bytes).map_err(|_malformed| NotCounted::NotOne)?;
        if signature.version() != SshSig::VERSION || !signature.reserved().is_empty() {
            return Err(NotCounted::NotOne);
        }
        if signature.namespace() != NAMESPACE {
            return Err(NotCounted::Namespace(signature.namespace().chars().take(SHOWN).collect()));
        }
        let public = signature.public_key();
        let KeyData::Ed25519(key) = public else { return Err(NotCounted::KeyType) };
        if signature.algorithm() != Algorithm::Ed25519 {
            return Err(NotCounted::KeyType);
        }
        let unknown = || NotCounted::UnknownKey(public.fingerprint(HashAlg::Sha256).to_string());
        let signer = self.people.iter().find(|s| s.key.as_bytes() == key.as_ref()).ok_or_else(unknown)?;
        let other = || NotCounted::OtherManifest(signer.name.clone());
        let signed = SshSig::signed_data(NAMESPACE, signature.hash_alg(), manifest)
            .map_err(|_too_long| NotCounted::NotOne)?;
        let raw = ed25519_dalek::Signature::from_slice(signature.signature_bytes())
            .map_err(|_length| NotCounted::NotOne)?;
        signer.key.verify_strict(&signed, &raw).map_err(|_wrong| other())?;
        Ok(signer)
    }

    /// Where signatures lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }
}

impl Unsigned {
    /// What the reader can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        format!(
            "`hoop-broker policy manifest --config FILE > manifest`; who agrees with its files runs `ssh-keygen -Y sign -f KEY -n \
             {NAMESPACE} manifest` and puts `manifest.sig` as `NAME.sig` into {}",
            self.folder.display()
        )
    }

    /// How many of how many signatures there are.
    #[must_use]
    pub fn count(&self) -> String {
        format!("{} of {} signatures", self.signed_by.len(), self.needed)
    }
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy has {}", self.count())?;
        if !self.signed_by.is_empty() {
            write!(f, "; signed by {}", self.signed_by.join(", "))?;
        }
        for (i, (file, why)) in self.not_counted.iter().enumerate() {
            // Whoever can put a signature there chose its name and what it says that it is for.
            let (file, why) = (Untrusted::new(file.as_str()), Untrusted::new(why.to_string()));
            write!(f, "{} `{file}` ({why})", if i == 0 { "; not counted:" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for Unsigned {}
