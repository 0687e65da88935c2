//! The kinds of sensitive data, and how many of each were masked.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A kind of sensitive data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Primary account number.
    Pan,
    /// Card verification value.
    Cvv,
    /// Expiry date.
    Expiry,
    /// Track 1 or 2, EMV equivalents.
    Track,
    /// Cardholder name.
    Name,
    /// Free text that may hold any of these.
    Freetext,
    /// The user's own.
    Custom(Arc<str>),
}

impl Class {
    /// The name as written in configuration, policy and ledger; a custom class's is the user's own.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pan => "pan",
            Self::Cvv => "cvv",
            Self::Expiry => "expiry",
            Self::Track => "track",
            Self::Name => "name",
            Self::Freetext => "freetext",
            Self::Custom(name) => name,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A class name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a class name: use a letter, then at most 31 of a-z, 0-9 and _")]
pub struct UnknownClass(String);

impl FromStr for Class {
    type Err = UnknownClass;

    /// A built-in name gives its variant; any other `[a-z][a-z0-9_]{0,31}` is the user's own class.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "pan" => Self::Pan,
            "cvv" => Self::Cvv,
            "expiry" => Self::Expiry,
            "track" => Self::Track,
            "name" => Self::Name,
            "freetext" => Self::Freetext,
            _ => {
                let tail_ok = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                let head_ok = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
                if !head_ok || !tail_ok || name.len() > 32 {
                    return Err(UnknownClass(name.to_owned()));
                }
                Self::Custom(name.into())
            }
        })
    }
}

/// How many values of each class were masked. Sums saturate: a count is evidence, never arithmetic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Primary account numbers.
    pub pan: u32,
    /// Card verification values.
    pub cvv: u32,
    /// Expiry dates.
    pub expiry: u32,
    /// Track data.
    pub track: u32,
    /// Cardholder names.
    pub name: u32,
    /// Free texts.
    pub freetext: u32,
    /// All of the user's own classes together.
    pub custom: u32,
}

impl Counts {
    /// Counts one more value of `class`.
    pub fn add(&mut self, class: &Class) {
        self.add_many(class, 1);
    }

    /// Counts `n` more values of `class`.
    pub fn add_many(&mut self, class: &Class, n: u32) {
        let slot = match class {
            Class::Pan => &mut self.pan,
            Class::Cvv => &mut self.cvv,
            Class::Expiry => &mut self.expiry,
            Class::Track => &mut self.track,
            Class::Name => &mut self.name,
            Class::Freetext => &mut self.freetext,
            Class::Custom(_) => &mut self.custom,
        };
        *slot = slot.saturating_add(n);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in [
            (&mut self.pan, other.pan),
            (&mut self.cvv, other.cvv),
            (&mut self.expiry, other.expiry),
            (&mut self.track, other.track),
            (&mut self.name, other.name),
            (&mut self.freetext, other.freetext),
            (&mut self.custom, other.custom),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// The number of values masked, over all classes.
    pub fn total(&self) -> u32 {
        [self.pan, self.cvv, self.expiry, self.track, self.name, self.freetext, self.custom]
            .into_iter()
            .fold(0, u32::saturating_add)
    }
}
