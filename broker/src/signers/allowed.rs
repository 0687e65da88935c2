//! The signers' file: OpenSSH's ALLOWED SIGNERS (ssh-keygen(1)), a line a person, and of its many ways to say things
//! only those of which one meaning is possible. Pure.

use std::ops::Range;
use std::path::Path;

use ed25519_dalek::VerifyingKey;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use super::NAMESPACE;
use crate::config::Fault;

/// Most signers.
pub const MAX_SIGNERS: usize = 64;
/// Longest name of a signer, bytes.
const MAX_NAME: usize = 64;
/// What a line looks like.
const EXAMPLE: &str = "write `NAME ssh-ed25519 KEY`, as in the `.pub` file that ssh-keygen wrote";

/// Somebody who may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Name, as the ledger will have it.
    pub name: String,
    /// Key.
    pub key: VerifyingKey,
}

/// Why a line is not one, and where in the file.
struct Wrong {
    span: Range<usize>,
    message: String,
    hint: &'static str,
}

fn wrong(span: Range<usize>, message: impl Into<String>, hint: &'static str) -> Wrong {
    Wrong { span, message: message.into(), hint }
}

/// Reads `text`, the content of `file`. Names and keys of the answer are distinct: k of n must be k people.
///
/// # Errors
/// Every fault, in the order of the file.
pub fn parse(text: &str, file: &Path) -> Result<Vec<Signer>, Vec<Fault>> {
    let mut people: Vec<Signer> = Vec::new();
    let mut faults = Vec::new();
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let line = whole.strip_suffix('\n').map_or(whole, |l| l.strip_suffix('\r').unwrap_or(l));
        let span = start..start + line.len();
        start += whole.len();
        if matches!(line.trim_start_matches([' ', '\t']).chars().next(), None | Some('#')) {
            continue;
        }
        match signer(line, &span).and_then(|signer| distinct(signer, &people, &span)) {
            Ok(signer) => people.push(signer),
            Err(wrong) => {
                faults.push(Fault::new(wrong.message).at(file, text, wrong.span).hint(wrong.hint));
            }
        }
    }
    if faults.is_empty() { Ok(people) } else { Err(faults) }
}

fn distinct(signer: Signer, people: &[Signer], span: &Range<usize>) -> Result<Signer, Wrong> {
    if people.len() == MAX_SIGNERS {
        return Err(wrong(span.clone(), format!("there are more than {MAX_SIGNERS} signers"), "name fewer"));
    }
    if let Some(other) = people.iter().find(|p| p.name.eq_ignore_ascii_case(&signer.name)) {
        let message = format!("`{}` is a signer already", other.name);
        return Err(wrong(span.clone(), message, "one line a person: signatures count by person"));
    }
    if let Some(other) = people.iter().find(|p| p.key.as_bytes() == signer.key.as_bytes()) {
        let message = format!("the key of `{}` is that of `{}`", signer.name, other.name);
        return Err(wrong(span.clone(), message, "each signer has a key that nobody else has"));
    }
    Ok(signer)
}

fn signer(line: &str, span: &Range<usize>) -> Result<Signer, Wrong> {
    let mut words = Words { line, at: 0, start: span.start };
    let (name, at) = words.next().ok_or_else(|| wrong(span.clone(), "the line is empty", EXAMPLE))?;
    check_name(name).map_err(|hint| wrong(at, format!("`{name}` is not the name of one signer"), hint))?;
    let mut next = words.next();
    if let Some((word, at)) = next.clone()
        && !is_key_type(word)
    {
        options(word).map_err(|(message, hint)| wrong(at, message, hint))?;
        next = words.next();
    }
    let (kind, at) = next.ok_or_else(|| wrong(span.clone(), format!("`{name}` has no key"), EXAMPLE))?;
    if kind != "ssh-ed25519" {
        let hint = "keys are ssh-ed25519: `ssh-keygen -t ed25519` makes one";
        return Err(wrong(at, format!("`{kind}` is not a type of key that can sign here"), hint));
    }
    let (data, at) =
        words.next().ok_or_else(|| wrong(span.clone(), format!("`{name}` has no key"), EXAMPLE))?;
    let key = key(kind, data)
        .ok_or_else(|| wrong(at, format!("the key of `{name}` is no ssh-ed25519 key"), EXAMPLE))?;
    Ok(Signer { name: name.to_owned(), key })
}

fn key(kind: &str, data: &str) -> Option<VerifyingKey> {
    // The library passes over white space of any kind at the end.
    if !data.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
        return None;
    }
    let public = PublicKey::from_openssh(&format!("{kind} {data}")).ok()?;
    let KeyData::Ed25519(key) = public.key_data() else { return None };
    // With a key of small order anybody can sign.
    VerifyingKey::from_bytes(key.as_ref()).ok().filter(|key| !key.is_weak())
}

/// One plain name. OpenSSH takes lists and patterns here; who signed must be one person.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.contains([',', '*', '?', '!']) {
        return Err("one name a line, no lists and no patterns: signatures count by person");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b'+');
    if name.len() <= MAX_NAME && name.bytes().all(plain) && !name.starts_with('-') {
        return Ok(());
    }
    Err("use up to 64 letters, digits, `.`, `_`, `-`, `@` and `+`")
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start))
}

/// The one option that is taken is `namespaces`, and it must let its key sign policies. What would narrow a key and is
/// not understood must not be passed over.
fn options(word: &str) -> Result<(), (String, &'static str)> {
    let mut seen = false;
    let mut rest = word;
    loop {
        let end = outside_quotes(rest, |b| b == b',').unwrap_or(rest.len());
        let (option, after) = rest.split_at(end);
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.to_ascii_lowercase().as_str() {
            "namespaces" if !seen => namespaces(value)?,
            "namespaces" => return Err(("`namespaces` stands twice".to_owned(), "leave one of them out")),
            "valid-after" | "valid-before" => {
                let hint = "remove the line of a signer whose key counts no more, and restart the broker";
                return Err((format!("`{name}` is not used here"), hint));
            }
            "cert-authority" => {
                return Err(("certificates are not used here".to_owned(), "name each signer's own key"));
            }
            _ => return Err((format!("`{option}` is not an option or a type of key"), EXAMPLE)),
        }
        seen = true;
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(()),
        }
    }
}

fn namespaces(value: &str) -> Result<(), (String, &'static str)> {
    let hint = "write `namespaces=\"hoopctl-policy\"`, or leave it out";
    let list = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    if !list.split(',').all(|one| !one.is_empty() && one.bytes().all(plain)) {
        return Err((format!("`{value}` is not a list of namespaces"), hint));
    }
    if !list.split(',').any(|one| one == NAMESPACE) {
        return Err((format!("this key may not sign for `{NAMESPACE}`"), hint));
    }
    Ok(())
}

/// Where the first byte outside double quotes is that `is` says.
fn outside_quotes(text: &str, is: impl Fn(u8) -> bool) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|b| {
        quoted ^= b == b'"';
        !quoted && is(b)
    })
}

/// The words of a line with their places in the file: apart by blanks and tabs, but for those in double quotes.
struct Words<'l> {
    line: &'l str,
    at: usize,
    /// Where the line begins in the file.
    start: usize,
}

impl<'l> Iterator for Words<'l> {
    type Item = (&'l str, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let blank = |b: u8| b == b' ' || b == b'\t';
        let from = self.at + self.line.get(self.at..)?.bytes().position(|b| !blank(b))?;
        let rest = self.line.get(from..)?;
        let to = from + outside_quotes(rest, blank).unwrap_or(rest.len());
        self.at = to;
        Some((self.line.get(from..to)?, self.start + from..self.start + to))
    }
}
