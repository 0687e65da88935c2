//! The digits from one position on, with their groups and the separators between them: what one decision looks at.

use crate::card::{MAX_DIGITS, MIN_DIGITS};
use crate::lex::{Symbol, lex};

/// The most digits looked at from one position: a card number spelled in hex (`34313131…`) with its neighbours.
pub(crate) const CAP: usize = 40;
/// The most bytes that one card number may spread over.
const MAX_BYTES: usize = 320;
/// The most separators between two digits of one number.
pub(crate) const MAX_GAP: usize = 4;
/// More mask characters than this beside digits are a masked number's, fewer may be somebody's bold type.
pub(crate) const MAX_BOLD: u8 = 3;

/// The separators between two groups of digits, as one comparable value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Gap(u64);

impl Gap {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const DOT: Self = Self(b'.' as u64);

    /// With one more separator; `None` when there are too many for one number.
    pub(crate) fn push(self, separator: u16) -> Option<Self> {
        let full = self.0 >> (16 * (MAX_GAP - 1)) != 0;
        (!full).then_some(Self(self.0 << 16 | u64::from(separator)))
    }

    pub(crate) fn is_blank(self) -> bool {
        (0..MAX_GAP).all(|i| matches!((self.0 >> (16 * i)) & 0xFFFF, 0 | 0x20 | 9 | 10 | 13))
    }
}

/// What stands beside a digit, group or window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Border {
    /// No digit that could belong to the same number.
    Break,
    /// More digits (or masked ones) behind these separators.
    Gap(Gap),
    /// So many mask characters, touching.
    Fill(u8),
    /// The digits go on; too many for one number.
    Digits,
}

/// Which literal separators are breaks in this kind of data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Breaks {
    /// A tab parts two fields (COPY text).
    pub tab: bool,
    /// A line end parts two rows (COPY text, CSV).
    pub line: bool,
}

impl Breaks {
    pub(crate) fn lex(self, buf: &[u8], at: usize, last: bool) -> Option<(Symbol, usize)> {
        let (symbol, len) = lex(buf, at, last)?;
        let parts = len == 1
            && match symbol {
                Symbol::Separator(9) => self.tab,
                Symbol::Separator(10 | 13) => self.line,
                Symbol::Separator(_) | Symbol::Digit(_) | Symbol::Fill | Symbol::Break => false,
            };
        Some((if parts { Symbol::Break } else { symbol }, len))
    }
}

/// Up to [`CAP`] digits and their groups.
#[derive(Debug)]
pub(crate) struct Span {
    digits: [u8; CAP],
    places: [(usize, u8); CAP],
    len: usize,
    /// For each group of digits: how many digits there are up to its end, and what follows it.
    groups: [(usize, Border); CAP],
    group_count: usize,
}

impl Span {
    /// Collects from the digit at `from`; `None` when more bytes are needed to tell.
    pub(crate) fn collect(buf: &[u8], from: usize, breaks: Breaks, last: bool) -> Option<Self> {
        let mut span = Self {
            digits: [0; CAP],
            places: [(0, 0); CAP],
            len: 0,
            groups: [(0, Border::Break); CAP],
            group_count: 0,
        };
        let mut gap = Gap::NONE;
        let mut at = from;
        while at - from <= MAX_BYTES {
            let (symbol, len) = breaks.lex(buf, at, last)?;
            match symbol {
                Symbol::Digit(value) => {
                    if gap != Gap::NONE {
                        span.close(Border::Gap(gap));
                        gap = Gap::NONE;
                    }
                    let limit = if span.group_count == 0 { CAP } else { MAX_DIGITS };
                    if span.len >= limit {
                        span.close(Border::Digits);
                        return Some(span);
                    }
                    span.push(value, at, len);
                }
                Symbol::Separator(code) => match gap.push(code) {
                    Some(longer) => gap = longer,
                    None => {
                        span.close(Border::Break);
                        return Some(span);
                    }
                },
                Symbol::Fill if gap == Gap::NONE => {
                    let count = count_fill(buf, at, breaks, last)?;
                    span.close(Border::Fill(count));
                    return Some(span);
                }
                Symbol::Fill => {
                    span.close(Border::Gap(gap));
                    return Some(span);
                }
                Symbol::Break => {
                    span.close(Border::Break);
                    return Some(span);
                }
            }
            at += len;
        }
        span.close(if gap == Gap::NONE { Border::Digits } else { Border::Gap(gap) });
        Some(span)
    }

    fn push(&mut self, value: u8, at: usize, len: usize) {
        if let (Some(digit), Some(place)) = (self.digits.get_mut(self.len), self.places.get_mut(self.len)) {
            *digit = b'0' + value;
            *place = (at, len as u8);
            self.len += 1;
        }
    }

    fn close(&mut self, after: Border) {
        let end = self.len;
        let open = self.group(self.group_count.wrapping_sub(1)).is_none_or(|(closed, _)| closed < end);
        if let Some(group) = self.groups.get_mut(self.group_count).filter(|_| open) {
            *group = (end, after);
            self.group_count += 1;
        }
    }

    fn group(&self, index: usize) -> Option<(usize, Border)> {
        self.groups.get(..self.group_count)?.get(index).copied()
    }

    /// The digits, as ASCII.
    pub(crate) fn digits(&self, end: usize) -> &[u8] {
        self.digits.get(..end.min(self.len)).unwrap_or_default()
    }

    /// The bytes that digit `index` takes.
    pub(crate) fn place(&self, index: usize) -> std::ops::Range<usize> {
        let (at, len) = self.places.get(index).copied().unwrap_or_default();
        at..at + usize::from(len)
    }

    /// How many digits the first group has, and what follows it.
    pub(crate) fn first_group(&self) -> (usize, Border) {
        self.group(0).unwrap_or((self.len, Border::Break))
    }

    /// Whether the first `n` digits are plain ASCII bytes side by side.
    pub(crate) fn is_plain(&self, n: usize) -> bool {
        n > 0 && n <= self.len && self.place(n - 1).end - self.place(0).start == n
    }

    /// The ends, in digits, of the windows of several groups that are written as card numbers are:
    /// grouped as on a card, or standing alone, or with the same separator throughout and another beside them.
    pub(crate) fn windows(&self, left: Border) -> impl Iterator<Item = usize> {
        (1..self.group_count).filter_map(move |last| {
            let (end, right) = self.group(last)?;
            ((MIN_DIGITS..=MAX_DIGITS).contains(&end) && self.is_card_like(last, left, right)).then_some(end)
        })
    }

    fn is_card_like(&self, last: usize, left: Border, right: Border) -> bool {
        let (left, right) = match (left, right) {
            (_, Border::Digits) => return false,
            // Bold type: the same few asterisks on both sides.
            (Border::Fill(l), Border::Fill(r)) if l == r && l <= MAX_BOLD => (Border::Break, Border::Break),
            (Border::Fill(_), _) | (_, Border::Fill(_)) => return false,
            (Border::Break | Border::Gap(_) | Border::Digits, Border::Break | Border::Gap(_)) => {
                (left, right)
            }
        };
        if self.is_card_grouping(last) {
            return true;
        }
        if self.is_decimal_list(last) {
            return false;
        }
        let alone = left == Border::Break && right == Border::Break;
        let gap = self.gap(0);
        let uniform =
            (1..last).all(|i| self.gap(i) == gap) && left != Border::Gap(gap) && right != Border::Gap(gap);
        alone || uniform
    }

    fn gap(&self, index: usize) -> Gap {
        match self.group(index) {
            Some((_, Border::Gap(gap))) => gap,
            Some((_, Border::Break | Border::Fill(_) | Border::Digits)) | None => Gap::NONE,
        }
    }

    /// As embossed: 4-4-4-4 (and up to three digits more), 4-6-5, 4-6-4, 6-13.
    fn is_card_grouping(&self, last: usize) -> bool {
        let size = |i: usize| {
            let start = i.checked_sub(1).and_then(|before| self.group(before)).map_or(0, |(end, _)| end);
            self.group(i).map_or(0, |(end, _)| end - start)
        };
        match last {
            1 => size(0) == 6 && size(1) == 13,
            2 => size(0) == 4 && size(1) == 6 && matches!(size(2), 4 | 5),
            3 => (0..4).all(|i| size(i) == 4),
            4 => (0..4).all(|i| size(i) == 4) && size(4) <= 3,
            _ => false,
        }
    }

    /// Whether the gaps are those of decimal numbers with blanks between them (`4.53 957.87 6362.1486`).
    fn is_decimal_list(&self, last: usize) -> bool {
        let dot = |i| self.gap(i) == Gap::DOT;
        (0..last).any(dot)
            && (0..last).all(|i| dot(i) || self.gap(i).is_blank())
            && !(1..last).any(|i| dot(i - 1) && dot(i))
    }
}

fn count_fill(buf: &[u8], mut at: usize, breaks: Breaks, last: bool) -> Option<u8> {
    let mut count = 0;
    while count <= MAX_BOLD {
        let (symbol, len) = breaks.lex(buf, at, last)?;
        if symbol != Symbol::Fill {
            break;
        }
        count += 1;
        at += len;
    }
    Some(count)
}
