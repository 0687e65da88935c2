//! What is signed: the hashes and names of the policy's files, in their order.

use std::collections::BTreeSet;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::NAMESPACE;
use crate::config::Fault;

/// The first line: what this is, and the version of its form.
const TITLE: &str = "hoopctl policy 1";

/// A policy file as it was read, once: what is signed is what is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The text that signers sign: a title, then a line a file with the SHA-256 of its bytes and its name, in the order of
/// the configuration. Below the title it is what `sha256sum` prints.
///
/// # Errors
/// A fault when two files have one name, or a name does not fit on a line: then a line would not say which file it means.
pub fn manifest(files: &[PolicyFile]) -> Result<String, Fault> {
    let mut text = format!("{TITLE}\n");
    let mut names = BTreeSet::new();
    for PolicyFile { path, text: rules } in files {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(Fault::new(format!("`{}` has no name for a manifest", path.display()))
                .hint("give the file a plain name"));
        }
        if !names.insert(name) {
            return Err(Fault::new(format!("two policy files are called `{name}`"))
                .hint(format!("rename one: signatures for {NAMESPACE} tell files by name")));
        }
        text.push_str(&format!("{}  {name}\n", hoop_api::hex(&Sha256::digest(rules))));
    }
    Ok(text)
}
