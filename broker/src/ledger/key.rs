//! The ledger's signing key on disk: Ed25519 as PKCS#8 PEM (RFC 8410), readable by its owner only.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::{Zeroize as _, Zeroizing};

const MAX_FILE: u64 = 16 << 10;

/// Why a key file was not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or written.
    #[error("the ledger key `{path}` cannot be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner can read or change it.
    #[error("the ledger key `{0}` is open to others than its owner; run `chmod 600` on it")]
    Open(PathBuf),
    /// It holds no Ed25519 key.
    #[error("`{0}` holds no Ed25519 private key in PKCS#8 PEM")]
    Format(PathBuf),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers for the ledger key")]
    Random,
}

/// Reads the signing key.
///
/// # Errors
/// [`KeyError`]; a file that group or others can read or write is refused.
pub fn load_signing_key(path: &Path) -> Result<SigningKey, KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let format = || KeyError::Format(path.to_owned());
    let file = OpenOptions::new().read(true).open(path).map_err(io)?;
    // Asked of the open file, so that it cannot be exchanged between question and reading.
    let meta = file.metadata().map_err(io)?;
    if !meta.is_file() {
        return Err(format());
    }
    if meta.mode() & 0o077 != 0 {
        return Err(KeyError::Open(path.to_owned()));
    }
    let mut pem = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize));
    file.take(MAX_FILE).read_to_end(&mut pem).map_err(io)?;
    let mut der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| format())?;
    let key = SigningKey::from_pkcs8_der(der.secret_pkcs8_der()).map_err(|_| format());
    der.zeroize();
    key
}

/// Makes a new signing key and writes it to a file that is not there yet, mode 0600.
///
/// # Errors
/// [`KeyError`]; an existing file is never overwritten.
pub fn create_signing_key(path: &Path) -> Result<SigningKey, KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let mut seed = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(&mut *seed).map_err(|_| KeyError::Random)?;
    let key = SigningKey::from_bytes(&seed);
    let der = key.to_pkcs8_der().map_err(|_| KeyError::Format(path.to_owned()))?;
    let mut pem = Zeroizing::new(String::with_capacity(512));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let body = Zeroizing::new(BASE64.encode(der.as_bytes()));
    for line in body.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_reads_back_and_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.key");
        let key = create_signing_key(&path).unwrap();
        assert_eq!(load_signing_key(&path).unwrap().to_bytes(), key.to_bytes());
        assert!(matches!(create_signing_key(&path), Err(KeyError::Io { .. })), "overwritten");
        for mode in [0o640, 0o604, 0o620, 0o666] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert!(matches!(load_signing_key(&path), Err(KeyError::Open(_))), "{mode:o}");
        }
    }

    #[test]
    fn a_key_of_openssl_is_read() {
        // RFC 8410, section 10.3.
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, pem).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let public = load_signing_key(&path).unwrap().verifying_key();
        assert_eq!(BASE64.encode(public.as_bytes()), "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
        for bad in ["", "no key", "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n"] {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(load_signing_key(&path), Err(KeyError::Format(_))), "{bad}");
        }
    }
}
