//! Runs of more digits than any card number has: only what they end in can be one.

use crate::card::{Hit, find_at_end, hidden, zero_in_run};
use crate::lex::Symbol;
use crate::scan::{Pass, Step, Style};
use crate::span::CAP;

impl Pass<'_> {
    /// A run of more than [`CAP`] digits: nothing at its beginning, so walk to its end and look at the last 16.
    pub(crate) fn long_run(&mut self, from: usize) -> Step {
        let mut tail = [(0usize, 0usize, 0u8); 16];
        let mut n = 0usize;
        let mut at = from;
        let ends_at = loop {
            match self.options.breaks.lex(self.buf, at, self.last) {
                Some((Symbol::Digit(value), len)) => {
                    tail.rotate_left(1);
                    if let Some(slot) = tail.last_mut() {
                        *slot = (at, len, b'0' + value);
                    }
                    n += 1;
                    at += len;
                }
                Some((symbol, _)) if self.sees_past(at) => break symbol,
                Some(_) | None => return self.hold_long(&tail, n, from),
            }
        };
        self.state.after_group(0);
        let digits = tail.map(|(_, _, digit)| digit);
        let masked = ends_at == Symbol::Fill;
        let Some(hit) = find_at_end(&digits).filter(|_| n >= 16 && !masked) else {
            return Step::Next(at);
        };
        self.counts.pan = self.counts.pan.saturating_add(1);
        if self.options.style == Style::Zeros {
            self.write_zeros(&tail, digits, hit);
            return Step::Next(at);
        }
        let range = hidden(hit.end - hit.start);
        let hidden_places = tail.iter().skip(hit.start + range.start).take(range.len());
        let mut resume = at;
        for &(place, len, _) in hidden_places {
            self.cover(place..place + len);
            resume = place + len;
        }
        self.state.after_group(u8::try_from(range.len()).unwrap_or(u8::MAX));
        Step::Next(resume)
    }

    /// What is left must not end in a card number of another length.
    fn write_zeros(&mut self, tail: &[(usize, usize, u8); 16], mut digits: [u8; 16], hit: Hit) {
        zero_in_run(&mut digits, hit, tail.len(), find_at_end);
        for (&(place, _, _), digit) in tail.iter().zip(digits) {
            // Numbers that must stay numbers have ASCII digits only.
            if let Some(byte) = self.buf.get_mut(place) {
                *byte = digit;
            }
        }
    }

    fn hold_long(&mut self, tail: &[(usize, usize, u8); 16], n: usize, from: usize) -> Step {
        match tail.first() {
            Some(&(oldest, _, _)) if n > CAP || self.state.long && n >= 16 => {
                self.state.long = true;
                Step::Hold(oldest)
            }
            Some(_) | None => Step::Hold(from),
        }
    }
}
