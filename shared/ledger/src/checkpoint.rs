//! Checkpoints: signed tree heads as C2SP `tlog-checkpoint` inside C2SP `signed-note`, with Ed25519.
//!
//! ```text
//! <origin>
//! <tree size, decimal>
//! <root hash, base64>
//! <extension lines…>
//!
//! — <key name> <base64 of key id (4) and signature (64)>
//! ```
//! The signature is over the text up to and with the newline before the empty line.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::tree::Hash;

/// Bytes of one note at most.
pub const MAX_NOTE: usize = 16 << 10;

const ED25519: u8 = 1;
const SIGNATURE_MARK: &str = "\u{2014} ";

/// A tree head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `cluster/broker/epoch`.
    pub origin: Origin,
    /// Leaves in the tree.
    pub size: u64,
    /// Root hash over them.
    pub root: Hash,
    /// Further lines, such as `time_us 1764…` or `durability fdatasync`; never empty, never with a line break.
    pub extensions: Vec<String>,
}

/// Name of a log and of its key: not empty, no white space, no `+` (C2SP signed-note), at most 200 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// A public key by name, as it is given to whoever verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: Origin,
    key: VerifyingKey,
}

/// Why a note, a key or a name was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A name that signed-note does not allow.
    #[error("`{0}` is not a key name: it must not be empty or hold white space, control characters or `+`")]
    Name(String),
    /// Not a `name+id+key` verifier key.
    #[error("not an Ed25519 verifier key of the form `name+id+key`")]
    Key,
    /// The text is not a checkpoint.
    #[error("the checkpoint is malformed: {0}")]
    Malformed(&'static str),
    /// No signature is by a key that was given.
    #[error("the checkpoint is not signed by a key that is trusted")]
    Unsigned,
    /// A signature that claims to be by a trusted key does not hold.
    #[error("the checkpoint's signature by `{0}` does not hold")]
    Signature(String),
    /// It is about another log than its signer's.
    #[error("the checkpoint is of `{found}`, not of `{expected}`")]
    Origin {
        /// The log that the key stands for.
        expected: String,
        /// The log that the checkpoint names.
        found: String,
    },
}

impl Origin {
    /// Parses a name.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn parse(name: &str) -> Result<Self, NoteError> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > 200 || name.contains(bad) {
            return Err(NoteError::Name(name.chars().take(200).flat_map(char::escape_default).collect()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the name, which each segment's header carries.
    #[must_use]
    pub fn sha256(&self) -> Hash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl VerifierKey {
    /// The public half of `key`, under the log's name.
    #[must_use]
    pub fn of(origin: &Origin, key: &SigningKey) -> Self {
        Self { name: origin.clone(), key: key.verifying_key() }
    }

    /// Parses `name+id+key`, where id is 8 hexadecimal digits and key is base64 of 0x01 and the public key.
    ///
    /// # Errors
    /// [`NoteError::Key`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut fields = text.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(NoteError::Key);
        };
        let name = Origin::parse(name)?;
        let raw = BASE64.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519, public)) = raw.split_first() else { return Err(NoteError::Key) };
        let public: [u8; 32] = public.try_into().map_err(|_| NoteError::Key)?;
        let key = VerifyingKey::from_bytes(&public).map_err(|_| NoteError::Key)?;
        // A key of small order would let one signature fit many texts.
        if key.is_weak() {
            return Err(NoteError::Key);
        }
        let parsed = Self { name, key };
        if hex(&parsed.id()) == id { Ok(parsed) } else { Err(NoteError::Key) }
    }

    /// The log that it stands for.
    #[must_use]
    pub fn name(&self) -> &Origin {
        &self.name
    }

    /// Key id: the first four bytes of SHA-256 of name, newline, 0x01 and public key (C2SP signed-note).
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut sha = Sha256::new();
        sha.update(self.name.0.as_bytes());
        sha.update([b'\n', ED25519]);
        sha.update(self.key.as_bytes());
        let hash: Hash = sha.finalize().into();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut raw = vec![ED25519];
        raw.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(&self.id()), BASE64.encode(raw))
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, b| {
        let _infallible = write!(out, "{b:02x}");
        out
    })
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root));
        for line in &self.extensions {
            body.push_str(line);
            body.push('\n');
        }
        body
    }

    /// The signed note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when an extension line is empty or holds a line break: the note would read back as
    /// another.
    pub fn sign(&self, key: &SigningKey) -> Result<String, NoteError> {
        if self.extensions.iter().any(|l| l.is_empty() || l.contains(char::is_control)) {
            return Err(NoteError::Malformed("an extension line is empty or holds a control character"));
        }
        let body = self.body();
        let mut raw = VerifierKey::of(&self.origin, key).id().to_vec();
        raw.extend_from_slice(&key.sign(body.as_bytes()).to_bytes());
        Ok(format!("{body}\n{SIGNATURE_MARK}{} {}\n", self.origin, BASE64.encode(raw)))
    }

    /// Reads a signed note without checking its signature, for those who check only the last of many.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse_unverified(note: &str) -> Result<Self, NoteError> {
        let (body, _) = split(note)?;
        parse_body(body)
    }

    /// Reads a signed note and checks that one of `keys` signed it for its own log. Signatures of other keys
    /// (witnesses) are passed over; one that claims a key of `keys` must hold.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Self, NoteError> {
        let (body, signatures) = split(note)?;
        let checkpoint = parse_body(body)?;
        let mut by = None;
        for line in signatures.lines() {
            let (name, raw) = parse_signature(line)?;
            let (id, signature) = raw.split_at(4);
            let Some(key) = keys.iter().find(|k| k.name.0 == name && k.id() == id) else { continue };
            let signature = Signature::from_slice(signature)
                .map_err(|_| NoteError::Malformed("a signature of the wrong length"))?;
            if key.key.verify_strict(body.as_bytes(), &signature).is_err() {
                return Err(NoteError::Signature(name.to_owned()));
            }
            by = Some(key);
        }
        let Some(key) = by else { return Err(NoteError::Unsigned) };
        if key.name != checkpoint.origin {
            return Err(NoteError::Origin {
                expected: key.name.0.clone(),
                found: checkpoint.origin.as_str().to_owned(),
            });
        }
        Ok(checkpoint)
    }
}

/// Body (with its last newline) and signature block (with its last newline).
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > MAX_NOTE {
        return Err(NoteError::Malformed("it is too long"));
    }
    let at = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line before the signatures"))?;
    let (body, signatures) = (&note[..=at], &note[at + 2..]);
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(NoteError::Malformed("the signature block is cut off"));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(NoteError::Malformed("a control character"));
    }
    Ok((body, signatures))
}

fn parse_signature(line: &str) -> Result<(&str, Vec<u8>), NoteError> {
    let malformed = NoteError::Malformed("a signature line of the wrong form");
    let rest = line.strip_prefix(SIGNATURE_MARK).ok_or(malformed.clone())?;
    let (name, encoded) = rest.split_once(' ').ok_or(malformed.clone())?;
    Origin::parse(name)?;
    let raw = BASE64.decode(encoded).map_err(|_| malformed.clone())?;
    if raw.len() < 5 { Err(malformed) } else { Ok((name, raw)) }
}

fn parse_body(body: &str) -> Result<Checkpoint, NoteError> {
    let mut lines = body.strip_suffix('\n').unwrap_or(body).split('\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(NoteError::Malformed("fewer than three lines"));
    };
    let size_ok = size == "0" || (!size.starts_with('0') && size.bytes().all(|b| b.is_ascii_digit()));
    let parsed = size.parse::<u64>().map_err(|_| NoteError::Malformed("the tree size is not a number"))?;
    if !size_ok {
        return Err(NoteError::Malformed("the tree size is not plain decimal"));
    }
    let root = BASE64.decode(root).ok().and_then(|raw| Hash::try_from(raw).ok());
    let extensions: Vec<String> = lines.map(str::to_owned).collect();
    if extensions.iter().any(String::is_empty) {
        return Err(NoteError::Malformed("an empty line in the text"));
    }
    Ok(Checkpoint {
        origin: Origin::parse(origin)?,
        size: parsed,
        root: root.ok_or(NoteError::Malformed("the root hash is not 32 bytes of base64"))?,
        extensions,
    })
}

/// Splits a notes file: each note is followed by one empty line. Returns the notes with their offsets, and the offset
/// at which an unfinished rest begins (the file's length when there is none).
#[must_use]
pub fn split_notes(file: &[u8]) -> (Vec<(usize, &[u8])>, usize) {
    let mut notes = Vec::new();
    let mut start = 0;
    loop {
        let rest = &file[start..];
        let end = empty_line(rest, 0).and_then(|body| empty_line(rest, body + 2));
        let Some(end) = end else { return (notes, start) };
        notes.push((start, &rest[..=end]));
        start += end + 2;
    }
}

fn empty_line(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(2).position(|w| w == b"\n\n").map(|at| from + at)
}
