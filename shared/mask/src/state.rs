//! What a scan carries from one decision to the next, and how it goes about it.

use crate::exempt::Back;
use crate::span::{Border, Breaks, Gap};

/// What is put in a hidden digit's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Style {
    /// `*`, or its like of the same length.
    #[default]
    Stars,
    /// `0`, where a number must stay one.
    Zeros,
}

/// How a kind of data is scanned.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    pub style: Style,
    pub breaks: Breaks,
    /// Binary data with lengths in front of values: a length byte may look like a digit.
    pub framed: bool,
}

/// What a pass knows of the bytes before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct State {
    /// A group of digits, masked or not, stands before, with only `gap` between.
    pub open: bool,
    pub gap: Gap,
    /// Mask characters just before.
    pub filled: u8,
    /// In the middle of a run of more than [`CAP`](crate::span::CAP) digits.
    pub long: bool,
    pub back: Back,
}

impl State {
    /// Forgets the number that may be open, not the words before it.
    pub(crate) fn restart(&mut self) {
        *self = Self { back: self.back, ..Self::default() };
    }

    pub(crate) fn border(&self) -> Border {
        match (self.filled, self.gap) {
            (0, Gap::NONE) => Border::Break,
            (0, gap) => Border::Gap(gap),
            (filled, _) => Border::Fill(filled),
        }
    }

    pub(crate) fn after_group(&mut self, filled: u8) {
        *self = Self { open: true, filled, back: self.back, ..Self::default() };
    }
}
