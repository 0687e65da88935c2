//! Data that comes in chunks: COPY, and fields larger than a buffer.

use crate::class::Counts;
use crate::json::JsonState;
use crate::scan::{Options, Pass, State};
use crate::span::Breaks;

/// The most bytes that a scanner holds back, in bytes: a card number spelled in escapes with separators between, and
/// what may follow it on a track.
pub const MAX_HELD: usize = 512;

/// What kind of data comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Free text, or any text field.
    Text,
    /// JSON text: numbers stay numbers.
    Json,
    /// Rows of COPY in text format: tabs and line ends part values.
    CopyText,
    /// Rows of COPY in CSV format: line ends part values.
    Csv,
}

/// Masks data that comes in chunks, with the same result as [`crate::scan_text`] (or [`crate::scan_field`] for JSON) on
/// the whole, wherever the borders fall.
///
/// The caller keeps one buffer: it appends what came, calls [`push`](Self::push), sends the bytes that are settled, and
/// keeps the rest (at most [`MAX_HELD`]) at the front of the buffer for the next call.
#[derive(Debug, Clone)]
pub struct StreamScanner {
    mode: Mode,
    text: State,
    json: JsonState,
    counts: Counts,
}

impl StreamScanner {
    /// A scanner at the start of a value or of a COPY.
    pub fn new(mode: Mode) -> Self {
        Self { mode, text: State::default(), json: JsonState::default(), counts: Counts::default() }
    }

    /// Masks in place; gives how many bytes from the start are settled and may be sent. The rest must be given again,
    /// unchanged, with what comes behind it.
    #[must_use]
    pub fn push(&mut self, held_and_new: &mut [u8]) -> usize {
        self.scan(held_and_new, false)
    }

    /// Masks the last bytes, all of which may then be sent, and is ready for another value. Gives what was masked since
    /// the last `finish`.
    pub fn finish(&mut self, held: &mut [u8]) -> Counts {
        self.scan(held, true);
        let counts = self.counts;
        *self = Self::new(self.mode);
        counts
    }

    /// What was masked since the last `finish`.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn scan(&mut self, buf: &mut [u8], last: bool) -> usize {
        let breaks = match self.mode {
            Mode::Json => return self.json.run(buf, &mut self.counts, last),
            Mode::Text => Breaks::default(),
            Mode::CopyText => Breaks { tab: true, line: true },
            Mode::Csv => Breaks { tab: false, line: true },
        };
        let options = Options { breaks, ..Options::default() };
        let (state, counts) = (&mut self.text, &mut self.counts);
        let settled = Pass { buf, state, counts, options, last }.run();
        self.text.back.push(buf.get(..settled).unwrap_or_default());
        settled
    }
}
