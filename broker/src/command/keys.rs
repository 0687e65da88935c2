//! Public halves: the certificate's fingerprint and the ledger's verifying key, and the proof that they fit.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Args, ValueEnum};
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use super::{ConfigArg, failure, faults, print};
use crate::config::{self, Config, Fault, read_private};

/// `hoop-broker ledger-key`
#[derive(Debug, Args)]
pub(super) struct LedgerKeyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The form of the key
    #[arg(long, value_enum, default_value_t = KeyForm::Vkey)]
    format: KeyForm,
}

/// Forms of a public key.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyForm {
    /// Name, key id and key on a line (C2SP signed-note), as `hoopctl audit verify --key` reads it
    Vkey,
    /// PEM `SubjectPublicKeyInfo` (RFC 8410)
    Pem,
}

/// A key or certificate file that does not hold one.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("cannot read `{path}`: {source}")]
    Read { path: String, source: std::io::Error },
    #[error(transparent)]
    Private(#[from] config::PrivateFileError),
    #[error("`{0}` holds no PEM certificate")]
    NoCertificate(String),
    #[error("`{0}` holds no private key in PEM")]
    NoKey(String),
    #[error("`{0}` holds no Ed25519 key as PKCS #8 PEM")]
    NoLedgerKey(String),
    #[error("the key does not belong to the certificate `{0}`")]
    Mismatch(String),
}

pub(super) fn fingerprint(path: &Path) -> ExitCode {
    let config = match config::read(path) {
        Ok(config) => config,
        Err(found) => return faults(&found),
    };
    match leaf(&config.tls.certificate) {
        Ok(certificate) => print(&format!("{}\n", certificate_fingerprint(&certificate))),
        Err(error) => failure(&error, 1),
    }
}

pub(super) fn ledger_key(args: &LedgerKeyArgs) -> ExitCode {
    let config = match config::read(&args.config.config) {
        Ok(config) => config,
        Err(found) => return faults(&found),
    };
    let key = match signing_key(&config.ledger.key) {
        Ok(key) => key.verifying_key(),
        Err(error) => return failure(&error, 1),
    };
    match args.format {
        KeyForm::Vkey => print(&format!("{}\n", vkey(&config.ledger.origin, &key))),
        KeyForm::Pem => match key.to_public_key_der() {
            Ok(der) => print(&pem("PUBLIC KEY", der.as_bytes())),
            Err(error) => failure(&error, 1),
        },
    }
}

/// Keys and certificates that are there but do not hold what they should, found before anything is served.
pub(super) fn check(config: &Config) -> Vec<Fault> {
    let ledger = signing_key(&config.ledger.key).map(drop);
    let tls = leaf(&config.tls.certificate).and_then(|_| key_fits(&config.tls.certificate, &config.tls.key));
    [(ledger, "[ledger] key"), (tls, "[tls]")]
        .into_iter()
        .filter_map(|(found, place)| found.err().map(|error| (error, place)))
        .map(|(error, place)| Fault::new(format!("{place}: {error}")).of_file(&config.file))
        .collect()
}

fn leaf(path: &Path) -> Result<CertificateDer<'static>, KeyError> {
    let shown = || path.display().to_string();
    let pem = fs::read(path).map_err(|source| KeyError::Read { path: shown(), source })?;
    CertificateDer::from_pem_slice(&pem).map_err(|_no_section| KeyError::NoCertificate(shown()))
}

fn key_fits(certificate: &Path, key: &Path) -> Result<(), KeyError> {
    let shown = |path: &Path| path.display().to_string();
    let source =
        fs::read(certificate).map_err(|source| KeyError::Read { path: shown(certificate), source })?;
    let chain = CertificateDer::pem_slice_iter(&source)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_malformed| KeyError::NoCertificate(shown(certificate)))?;
    let no_key = || KeyError::NoKey(shown(key));
    let pem = read_private(key)?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_no_section| no_key())?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    match rustls::sign::CertifiedKey::from_der(chain, key, &provider) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(KeyError::Mismatch(shown(certificate))),
        Err(_) => Err(no_key()),
    }
}

fn signing_key(path: &Path) -> Result<SigningKey, KeyError> {
    let none = || KeyError::NoLedgerKey(path.display().to_string());
    let pem = read_private(path)?;
    let mut der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_no_section| none())?;
    let key = SigningKey::from_pkcs8_der(der.secret_pkcs8_der()).map_err(|_not_ed25519| none());
    der.zeroize();
    key
}

/// SHA-256 of a certificate, lower-case hexadecimal: what `hoopctl login --fingerprint` compares.
pub(super) fn certificate_fingerprint(der: &[u8]) -> String {
    hoop_api::hex(&Sha256::digest(der))
}

/// `name+id+key` of an Ed25519 key (C2SP signed-note, "Verifier keys").
fn vkey(name: &str, key: &VerifyingKey) -> String {
    const ED25519: u8 = 1;
    let mut raw = vec![ED25519];
    raw.extend_from_slice(key.as_bytes());
    let id = Sha256::new().chain_update(name).chain_update("\n").chain_update(&raw).finalize();
    format!("{name}+{}+{}", hoop_api::hex(&id[..4]), BASE64.encode(raw))
}

/// RFC 7468 text of `der`.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let mut body = BASE64.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for start in (0..body.len()).step_by(64) {
        text.push_str(&body[start..body.len().min(start + 64)]);
        text.push('\n');
    }
    body.zeroize();
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_key_is_the_one_of_the_go_implementation() {
        // golang.org/x/mod/sumdb/note, the key of sum.golang.org.
        let known = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        let raw = BASE64.decode("Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8").expect("base64");
        let key = VerifyingKey::from_bytes(raw[1..].try_into().expect("32 bytes")).expect("a point");
        assert_eq!(vkey("sum.golang.org", &key), known);
    }
}
