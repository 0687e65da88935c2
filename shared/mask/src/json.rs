//! JSON text: strings are masked with `*`, numbers stay numbers (RFC 8259).

use crate::class::Counts;
use crate::exempt::View;
use crate::number::{find_anywhere, mask_written};
use crate::scan::{Options, Pass, State};

/// The most bytes of a number that are looked at together.
const MAX_NUMBER: usize = 256;

/// Where a scan of JSON stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct JsonState {
    in_string: bool,
    text: State,
}

/// Masks card numbers in the whole of a JSON text.
pub(crate) fn scan_json(json: &mut [u8]) -> Counts {
    let mut counts = Counts::default();
    JsonState::default().run(json, &mut counts, true);
    counts
}

impl JsonState {
    /// Gives how many bytes are settled. The words before them are remembered here.
    pub(crate) fn run(&mut self, json: &mut [u8], counts: &mut Counts, last: bool) -> usize {
        let mut at = 0;
        while at < json.len() {
            let next = if self.in_string {
                self.string(json, at, counts, last)
            } else {
                self.outside(json, at, counts, last)
            };
            match next {
                Ok(next) => at = next,
                Err(settled) => return settled,
            }
        }
        at
    }

    /// The rest of a string, with its closing quote; `Err` is where to hold.
    fn string(
        &mut self,
        json: &mut [u8],
        at: usize,
        counts: &mut Counts,
        last: bool,
    ) -> Result<usize, usize> {
        let end = string_end(json, at);
        let until = end.unwrap_or(json.len());
        let text = json.get_mut(at..until).unwrap_or_default();
        let complete = last || end.is_some();
        let pass =
            Pass { buf: text, state: &mut self.text, counts, options: Options::default(), last: complete };
        let settled = at + pass.run();
        self.text.back.push(json.get(at..settled).unwrap_or_default());
        if settled < until || end.is_none() {
            return Err(settled);
        }
        self.in_string = false;
        self.text.restart();
        self.text.back.push(b"\"");
        Ok(until + 1)
    }

    /// What lies between strings, up to the next string or number and over it.
    fn outside(
        &mut self,
        json: &mut [u8],
        at: usize,
        counts: &mut Counts,
        last: bool,
    ) -> Result<usize, usize> {
        let rest = json.get(at..).unwrap_or_default();
        let Some(skipped) = rest.iter().position(|&b| b == b'"' || b == b'-' || b.is_ascii_digit()) else {
            self.text.back.push(rest);
            return Ok(json.len());
        };
        self.text.back.push(rest.get(..skipped).unwrap_or_default());
        let start = at + skipped;
        if json.get(start) == Some(&b'"') {
            self.in_string = true;
            self.text.back.push(b"\"");
            return Ok(start + 1);
        }
        let in_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b'e' | b'E');
        let rest = json.get(start..).unwrap_or_default();
        let len = rest.iter().take(MAX_NUMBER).take_while(|b| in_number(b)).count();
        if start + len == json.len() && len < MAX_NUMBER && !last {
            return Err(start);
        }
        self.number(json.get_mut(start..start + len).unwrap_or_default(), counts);
        self.text.back.push(json.get(start..start + len).unwrap_or_default());
        Ok(start + len)
    }

    fn number(&mut self, number: &mut [u8], counts: &mut Counts) {
        if mask_written(number, find_anywhere) {
            counts.pan = counts.pan.saturating_add(1);
            return;
        }
        let short = (3..=4).contains(&number.len()) && number.iter().all(u8::is_ascii_digit);
        let view = View { back: &self.text.back, buf: &[] };
        if short && view.names_cvv(0) {
            number.fill(b'0');
            if let Some(first) = number.first_mut() {
                *first = b'1';
            }
            counts.cvv = counts.cvv.saturating_add(1);
        }
    }
}

/// The offset of the quote that ends the string which `from` is in.
fn string_end(json: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', json.get(at..)?)?;
        if json.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}
