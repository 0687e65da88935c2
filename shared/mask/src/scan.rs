//! The scanner: one pass over free bytes, from left to right, masking as it goes.
//!
//! A decision at a group of digits looks at the bytes from there on (a bounded number) and at a small state of what was
//! before; so a pass over chunks gives what a pass over the whole gives. A second pass changes nothing: mask
//! characters stay part of the structure that the first pass saw.

use crate::card::{
    Hit, MIN_DIGITS, find_in_run, hidden, is_card_number, is_card_number_in_context, zero_in_run,
};
use crate::class::Counts;
use crate::exempt::{LOOKAHEAD, View};
use crate::lex::{KINDS, Kind, Symbol, fill};
use crate::probe::find_suspect;
use crate::span::{Border, CAP, Gap, MAX_BOLD, MAX_GAP, Span};
pub(crate) use crate::state::{Options, State, Style};
use crate::track;

/// Masks every card number in `text` (UTF-8 or not), in place, at the same length; gives what was masked.
///
/// Found are numbers in any script, escaped for JSON, with separators, and beside letters. Not found are numbers with
/// other things between their digits, reversed, or encoded otherwise: that is the work of the walls before this one.
pub fn scan_text(text: &mut [u8]) -> Counts {
    scan_whole(text, Options::default())
}

/// One pass over the whole of a value.
pub(crate) fn scan_whole(text: &mut [u8], options: Options) -> Counts {
    if find_suspect(text).is_none() {
        return Counts::default();
    }
    let mut state = State::default();
    let mut counts = Counts::default();
    Pass { buf: text, state: &mut state, counts: &mut counts, options, last: true }.run();
    counts
}

/// One pass over the bytes at hand.
pub(crate) struct Pass<'a> {
    pub buf: &'a mut [u8],
    pub state: &'a mut State,
    pub counts: &'a mut Counts,
    pub options: Options,
    /// Nothing comes after `buf`.
    pub last: bool,
}

pub(crate) enum Step {
    /// Go on at this offset.
    Next(usize),
    /// Everything before this offset is settled; the rest needs more bytes.
    Hold(usize),
}

impl Pass<'_> {
    /// Gives how many bytes are settled; all of them when `last`. The caller adds them to `state.back`.
    pub(crate) fn run(mut self) -> usize {
        let mut at = 0;
        while at < self.buf.len() {
            if !self.state.open {
                at = skip(self.buf, at);
            }
            let lexed = self.options.breaks.lex(self.buf, at, self.last);
            let Some((symbol, len)) = lexed else { return at.min(self.buf.len()) };
            match symbol {
                Symbol::Break => self.state.restart(),
                Symbol::Separator(code) => self.separator(code),
                Symbol::Fill => {
                    let filled = self.state.filled.saturating_add(1);
                    self.state.after_group(filled);
                }
                Symbol::Digit(_) => {
                    if let Some(length_bytes) = self.length_at(at) {
                        at += length_bytes;
                        continue;
                    }
                    match self.group(at) {
                        Step::Next(next) => at = next,
                        Step::Hold(settled) => return settled,
                    }
                    continue;
                }
            }
            at += len;
        }
        self.buf.len()
    }

    fn separator(&mut self, code: u16) {
        if !self.state.open {
            return;
        }
        self.state.filled = 0;
        match self.state.gap.push(code) {
            Some(gap) => self.state.gap = gap,
            None => self.state.restart(),
        }
    }

    /// How many of the bytes from `at` on are the end of a big-endian length that fits the rest of the data.
    fn length_at(&self, at: usize) -> Option<usize> {
        if !self.options.framed || self.state.open {
            return None;
        }
        (1..=2).find(|tail| {
            let end = at + tail;
            let bytes = end.checked_sub(4).and_then(|start| self.buf.get(start..end));
            let length = bytes.and_then(|b| <[u8; 4]>::try_from(b).ok()).map(u32::from_be_bytes);
            length.is_some_and(|length| (1..=self.buf.len() - end).contains(&(length as usize)))
        })
    }

    fn view(&self) -> View<'_> {
        View { back: &self.state.back, buf: self.buf }
    }

    /// Whether what may follow a number has come.
    pub(crate) fn sees_past(&self, end: usize) -> bool {
        self.last || self.buf.len() >= end + LOOKAHEAD
    }

    /// Decides on the digits that begin at `at`.
    fn group(&mut self, at: usize) -> Step {
        if self.state.long {
            return self.long_run(at);
        }
        if let Some(end) = self.few_digits(at) {
            return self.past_group(end);
        }
        let Some(span) = Span::collect(self.buf, at, self.options.breaks, self.last) else {
            return Step::Hold(at);
        };
        let (n, right) = span.first_group();
        let group_end = span.place(n.saturating_sub(1)).end;
        let left = self.state.border();
        // `0.4111111111111111` and `4.539578763621486` are fractions: averages have 16 digits behind the point.
        let fraction = left == Border::Gap(Gap::DOT) && right != Border::Gap(Gap::DOT);
        let closed = matches!(right, Border::Fill(count) if count > MAX_BOLD);

        let alone = if fraction || closed { None } else { self.find_alone(&span, n, right, at) };
        let grouped = self.find_grouped(&span, left, at);
        if alone.is_none() && grouped.is_none() {
            return self.no_card(&span, at, n, right, group_end);
        }
        let end = span.place(grouped.unwrap_or(n).max(n) - 1).end;
        if !self.sees_past(end) {
            return Step::Hold(at);
        }
        if let Some(value) = self.chip_data(&span, n, at..group_end) {
            return Step::Next(value);
        }
        let mut resume = None;
        if let Some(hit) = alone.filter(|hit| !self.is_exempt(&span, *hit)) {
            resume = Some(self.mask(&span, hit, n));
        }
        if let Some(hit) = grouped.map(|end| Hit { start: 0, end, tail: false })
            && !self.is_exempt(&span, hit)
        {
            // `cvv 411 1111 1111 1111 11`: nobody can tell whether the first group is the number's.
            if self.is_named_cvv(n, right, at) {
                self.mask_cvv(&span, n);
            }
            let masked_to = self.mask(&span, hit, hit.end);
            resume = Some(resume.map_or(masked_to, |r: usize| r.max(masked_to)));
        }
        match resume {
            Some(resume) => Step::Next(resume),
            None => self.past_group(group_end),
        }
    }

    /// The end of the group at `at`, when too few plain digits are in reach of it to be anything: the common case, told
    /// without collecting them.
    fn few_digits(&self, at: usize) -> Option<usize> {
        let (mut group, mut digits, mut gap) = (None, 0, 0);
        for (offset, &byte) in self.buf.get(at..)?.iter().enumerate() {
            match KINDS[usize::from(byte)] {
                Kind::Digit => {
                    digits += 1;
                    gap = 0;
                    if digits >= MIN_DIGITS {
                        return None;
                    }
                }
                Kind::Separator => {
                    group = group.or(Some(offset));
                    gap += 1;
                }
                Kind::Break => {
                    group = group.or(Some(offset));
                    gap = usize::MAX;
                }
                Kind::Fill | Kind::Backslash | Kind::Lead | Kind::Continuation => return None,
            }
            if gap > MAX_GAP {
                let end = at + group?;
                let may_be_cvv = matches!(end - at, 3 | 4) && self.view().names_cvv(at);
                return (!may_be_cvv).then_some(end);
            }
        }
        None
    }

    fn past_group(&mut self, group_end: usize) -> Step {
        self.state.after_group(0);
        Step::Next(group_end)
    }

    fn is_exempt(&self, span: &Span, hit: Hit) -> bool {
        self.view().is_exempt(span.place(hit.start).start, span.place(hit.end - 1).end)
    }

    /// A card number in the first, unbroken run of digits.
    fn find_alone(&self, span: &Span, n: usize, right: Border, at: usize) -> Option<Hit> {
        let digits = span.digits(n);
        if right == Border::Digits {
            // The run goes on: only its beginning can be told yet.
            let end = [16, 15].into_iter().find(|&end| crate::card::starts_as_card(digits, end))?;
            return Some(Hit { start: 0, end, tail: true });
        }
        find_in_run(digits, || self.view().speaks_of_cards(at))
    }

    /// The end, in digits, of the longest card number written in several groups.
    fn find_grouped(&self, span: &Span, left: Border, at: usize) -> Option<usize> {
        span.windows(left)
            .filter(|&end| {
                let digits = span.digits(end);
                is_card_number(digits).is_some()
                    || is_card_number_in_context(digits).is_some() && self.view().speaks_of_cards(at)
            })
            .last()
    }

    /// The other things that digits may be: chip data, hex spelling, a card verification value, a long run.
    fn no_card(&mut self, span: &Span, at: usize, n: usize, right: Border, group_end: usize) -> Step {
        if right == Border::Digits {
            let chip = if self.sees_past(group_end) { self.chip_data(span, n, at..group_end) } else { None };
            return match chip {
                Some(end) => Step::Next(end),
                None if self.sees_past(group_end) => self.long_run(at),
                None => Step::Hold(at),
            };
        }
        if n >= MIN_DIGITS && span.is_plain(n) {
            if !self.sees_past(group_end) {
                return Step::Hold(at);
            }
            if let Some(end) = self.chip_data(span, n, at..group_end) {
                return Step::Next(end);
            }
            if let Some((_, count)) = track::hex_spelled(span.digits(n)) {
                return self.mask_hex(at, count);
            }
        }
        if self.is_named_cvv(n, right, at) {
            self.mask_cvv(span, n);
            self.state.after_group(n as u8);
            return Step::Next(group_end);
        }
        self.past_group(group_end)
    }

    /// Whether the group of `n` digits at `at` stands where a card verification value would.
    fn is_named_cvv(&self, n: usize, right: Border, at: usize) -> bool {
        let ends = right == Border::Break || matches!(right, Border::Gap(gap) if gap.is_blank());
        (3..=4).contains(&n) && ends && self.view().names_cvv(at)
    }

    fn mask_cvv(&mut self, span: &Span, n: usize) {
        for i in 0..n {
            self.cover(span.place(i));
        }
        self.counts.cvv = self.counts.cvv.saturating_add(1);
    }

    /// Redacts the EMV value that has a digit in the group; gives its end.
    fn chip_data(&mut self, span: &Span, n: usize, group: std::ops::Range<usize>) -> Option<usize> {
        let value = track::emv_value(self.view(), group).filter(|_| span.is_plain(n))?;
        self.counts.track = self.counts.track.saturating_add(1);
        Some(self.redact(value))
    }

    /// Hides one digit.
    pub(crate) fn cover(&mut self, place: std::ops::Range<usize>) {
        let style = self.options.style;
        if let Some(bytes) = self.buf.get_mut(place) {
            match (style, bytes.len()) {
                (Style::Zeros, 1) => bytes.fill(b'0'),
                (Style::Zeros | Style::Stars, _) => fill(bytes),
            }
        }
    }

    /// Masks a card number of which `n` digits are in the same run (`hit.tail`: those behind it too); gives where to
    /// go on.
    fn mask(&mut self, span: &Span, hit: Hit, n: usize) -> usize {
        let end = span.place(hit.end - 1).end;
        if let Some(track_end) = track::track_end(self.buf, end).filter(|_| !hit.tail) {
            self.counts.track = self.counts.track.saturating_add(1);
            return self.redact(span.place(hit.start).start..track_end);
        }
        self.counts.pan = self.counts.pan.saturating_add(1);
        let range = hidden(hit.end - hit.start);
        let tail = if hit.tail { hit.end..n } else { hit.end..hit.end };
        if self.options.style == Style::Zeros {
            self.zero(span, hit, n.max(hit.end));
            self.state.after_group(0);
            return span.place(n.max(hit.end) - 1).end;
        }
        let covered = (hit.start + range.start..hit.start + range.end).chain(tail.clone());
        covered.for_each(|i| self.cover(span.place(i)));
        let last = if tail.is_empty() { hit.start + range.end } else { n } - 1;
        let first = if tail.is_empty() { hit.start + range.start } else { hit.end };
        let touching =
            1 + (first..last).rev().take_while(|&i| span.place(i).end == span.place(i + 1).start).count();
        self.state.after_group(u8::try_from(touching).unwrap_or(u8::MAX));
        span.place(last).end
    }

    fn zero(&mut self, span: &Span, hit: Hit, n: usize) {
        let mut digits = [0; CAP];
        let Some(run) = digits.get_mut(..n) else { return };
        run.copy_from_slice(span.digits(n));
        zero_in_run(run, hit, n, |run| find_in_run(run, || false));
        for (i, digit) in run.iter().enumerate() {
            let is_changed = span.digits(n).get(i) != Some(digit);
            match self.buf.get_mut(span.place(i)) {
                Some([byte]) => *byte = *digit,
                Some(wide) if is_changed => fill(wide),
                Some(_) | None => {}
            }
        }
    }

    fn redact(&mut self, range: std::ops::Range<usize>) -> usize {
        let (end, len) = (range.end, range.len());
        if let Some(bytes) = self.buf.get_mut(range) {
            bytes.fill(b'*');
        }
        self.state.after_group(u8::try_from(len).unwrap_or(u8::MAX));
        end
    }

    /// `34313131…`: the hex of `*` in place of the hidden digits'.
    fn mask_hex(&mut self, at: usize, count: usize) -> Step {
        let range = hidden(count);
        let end = at + 2 * range.end;
        for pair in self.buf.get_mut(at + 2 * range.start..end).unwrap_or_default().chunks_exact_mut(2) {
            pair.copy_from_slice(b"2a");
        }
        self.counts.pan = self.counts.pan.saturating_add(1);
        self.state.restart();
        Step::Next(end)
    }
}

/// The next byte from which a digit may begin.
fn skip(buf: &[u8], from: usize) -> usize {
    let begins =
        |&b: &u8| matches!(KINDS[usize::from(b)], Kind::Digit | Kind::Backslash | Kind::Lead | Kind::Fill);
    buf.get(from..).and_then(|rest| rest.iter().position(begins)).map_or(buf.len(), |i| from + i)
}
