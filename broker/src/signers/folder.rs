//! The file of signers, and the signatures beside it.

use std::path::Path;

use super::{Found, Signers, parse};
use crate::config::{self, Config, Fault};

/// Largest file of signers, bytes.
const MAX_ALLOWED_BYTES: u64 = 64 << 10;
/// Most signatures that are looked at, old ones among them.
pub const MAX_SIGNATURES: usize = 64;
/// Largest signature, bytes; one with an Ed25519 key has about 300.
pub const MAX_SIGNATURE_BYTES: u64 = 16 << 10;

/// Reads who must have signed the policy of `config`; `None` where nobody need have.
///
/// # Errors
/// All faults of the file that names them.
pub fn read(config: &Config) -> Result<Option<Signers>, Vec<Fault>> {
    let Some(wanted) = &config.policy_signers else { return Ok(None) };
    let file = &wanted.file;
    let bytes = config::read_ours(file, MAX_ALLOWED_BYTES).map_err(|fault| vec![fault])?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        vec![Fault::new(format!("the signers are not UTF-8 from byte {at}")).of_file(file)]
    })?;
    let people = parse(&text, file)?;
    if wanted.signatures.get() > people.len() {
        let (needed, there) = (wanted.signatures, people.len());
        let message = format!("`signatures` is {needed}, and {there} can sign");
        let hint = "name more signers, a line each, or ask for fewer signatures under [policy]";
        return Err(vec![Fault::new(message).of_file(file).hint(hint)]);
    }
    Ok(Some(Signers { file: file.clone(), needed: wanted.signatures, people }))
}

/// The signatures that lie beside the file of `signers`, by name.
///
/// # Errors
/// A fault when there are too many, or one is too large or cannot be read: guessing which of them count would be worse.
pub fn signatures(signers: &Signers) -> Result<Vec<Found>, Fault> {
    let folder = signers.folder();
    let unreadable =
        |error: std::io::Error| Fault::new(format!("cannot read folder `{}`: {error}", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_none_or(|extension| extension != "sig") {
            continue;
        }
        if paths.len() == MAX_SIGNATURES {
            let message = format!("more than {MAX_SIGNATURES} signatures lie in `{}`", folder.display());
            return Err(Fault::new(message).hint("remove those of earlier policies"));
        }
        paths.push(path);
    }
    paths.sort();
    paths.iter().map(|path| found(path)).collect()
}

fn found(path: &Path) -> Result<Found, Fault> {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Found { file, bytes: config::read_regular(path, MAX_SIGNATURE_BYTES)? })
}
