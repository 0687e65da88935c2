//! The key to trust.

use std::io::Read as _;
use std::path::Path;

use hoop_ledger::checkpoint::VerifierKey;

use crate::error::Failure;

/// Bytes that a key file may have.
const MAX_FILE: u64 = 16 << 10;

const HOW: &str = "the broker's administrator gets it by `hoop-broker ledger-key --config FILE`; keep it apart from the ledger";

/// Reads the public key in a file. Without one there is nothing to check against: a key that came with the ledger
/// proves no more than the ledger itself.
///
/// # Errors
/// No file was given, it cannot be read, or it holds no public key of the form `name+id+key`.
pub(super) fn read(path: Option<&Path>) -> Result<VerifierKey, Failure> {
    let Some(path) = path else {
        return Err(Failure::usage(
            "no key to check the ledger's signatures with, so nothing was checked: name one with `--key FILE`",
        )
        .hint(HOW));
    };
    let failed = |e: std::io::Error| Failure::file("read", path, &e);
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE).read_to_end(&mut content).map_err(failed)?;
    let text = String::from_utf8_lossy(&content);
    let shown = path.display();
    if text.contains("PRIVATE KEY-----") {
        return Err(
            Failure::usage(format!("`{shown}` holds a private key; a verifier must never have it")).hint(HOW)
        );
    }
    if text.contains("-----BEGIN ") {
        // A bare key would let a log of another name, signed by the same key, pass for this one.
        return Err(Failure::usage(format!(
            "`{shown}` holds PEM, which does not say which log the key is for"
        ))
        .hint(HOW));
    }
    VerifierKey::parse(text.trim())
        .map_err(|e| Failure::usage(format!("`{shown}` holds no key to verify with: {e}")).hint(HOW))
}
