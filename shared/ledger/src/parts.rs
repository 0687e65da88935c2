//! Envelopes too long for one entry, such as a statement of 1 MiB: their JSON is cut into pieces, each an entry of
//! its own ([`Event::Part`]) that keeps user, time, outcome and origin, so that nothing is lost and none is anonymous.
//!
//! The pieces of one envelope follow each other without a gap, in one batch.

use crate::entry::{Envelope, EnvelopeError, Event};

/// Bytes of a whole envelope's JSON at most, before it is cut into pieces.
pub const MAX_WHOLE: usize = 8 << 20;

/// Bytes of a piece as it lies in the entry, escaped; leaves room for the fields around it.
const PIECE: usize = 48_000;

/// Why pieces do not make an envelope.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// A piece is missing, repeated or out of order.
    #[error("piece {found} of {of} where piece {expected} was expected")]
    Order {
        /// The piece that was expected.
        expected: u32,
        /// The piece that was found, 0 for an entry that is no piece.
        found: u32,
        /// Pieces in all.
        of: u32,
    },
    /// The pieces are too long together.
    #[error("the pieces are longer than {MAX_WHOLE} bytes")]
    Long,
    /// They are no envelope, or one that is a piece itself.
    #[error("the pieces together are not an envelope: {0}")]
    Envelope(#[from] EnvelopeError),
    /// A piece within pieces.
    #[error("the pieces together are a piece again")]
    Nested,
}

/// Cuts `json`, the JSON of `whole`, into entries.
#[must_use]
pub fn split(whole: &Envelope, json: &str) -> Vec<Envelope> {
    let pieces = cut(json);
    let parts = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    let affected: Vec<String> =
        whole.affected.iter().take(16).map(|a| a.chars().take(256).collect()).collect();
    (1..)
        .zip(pieces)
        .map(|(part, piece)| Envelope {
            v: whole.v,
            time_us: whole.time_us,
            mono_us: whole.mono_us,
            boot: whole.boot.clone(),
            user: whole.user.clone(),
            origin: whole.origin.clone(),
            outcome: whole.outcome,
            affected: affected.clone(),
            event: Event::Part { part, parts, json: piece.to_owned() },
        })
        .collect()
}

fn cut(json: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut size) = (Vec::new(), 0, 0);
    for (at, c) in json.char_indices() {
        // JSON text holds no raw control characters: only quote and backslash grow when it is escaped again.
        let len = if matches!(c, '"' | '\\') { 2 } else { c.len_utf8() };
        if size + len > PIECE {
            pieces.push(&json[start..at]);
            (start, size) = (at, 0);
        }
        size += len;
    }
    pieces.push(&json[start..]);
    pieces
}

/// Puts envelopes together again, fed with every entry in order.
#[derive(Debug, Default)]
pub struct Joiner {
    json: String,
    next: u32,
    of: u32,
}

impl Joiner {
    /// Takes the next entry; returns the envelope that it completes, which is itself unless it is a piece.
    ///
    /// # Errors
    /// [`PartError`].
    pub fn push(&mut self, envelope: Envelope) -> Result<Option<Envelope>, PartError> {
        let Event::Part { part, parts, json } = envelope.event else {
            return if self.next == 0 {
                Ok(Some(envelope))
            } else {
                Err(PartError::Order { expected: self.next, found: 0, of: self.of })
            };
        };
        let (expected, of) = if self.next == 0 { (1, parts) } else { (self.next, self.of) };
        if part != expected || parts != of || part > parts {
            return Err(PartError::Order { expected, found: part, of });
        }
        if self.json.len() + json.len() > MAX_WHOLE {
            return Err(PartError::Long);
        }
        self.json.push_str(&json);
        (self.next, self.of) = (part + 1, parts);
        if part < parts {
            return Ok(None);
        }
        let whole = Envelope::parse(self.json.as_bytes())?;
        self.reset();
        if matches!(whole.event, Event::Part { .. }) { Err(PartError::Nested) } else { Ok(Some(whole)) }
    }

    /// Forgets pieces whose rest was lost in a crash, with the end of their batch.
    pub fn reset(&mut self) {
        self.json.clear();
        (self.next, self.of) = (0, 0);
    }
}
