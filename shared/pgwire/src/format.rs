//! Small vocabulary that messages of both directions share.

use crate::read::Reader;
use crate::{Fault, WireError};

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// As the type's text form (code 0).
    Text,
    /// As the type's binary form (code 1).
    Binary,
}

impl Format {
    /// The format code of the protocol.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }

    pub(crate) const fn from_code(code: u16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            2.. => None,
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let code = reader.u16()?;
        Self::from_code(code).ok_or(reader.fault(Fault::BadFormat))
    }
}

/// A verified list of format codes, read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats<'a> {
    codes: &'a [u8],
}

impl<'a> Formats<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let count = reader.u16()?;
        let codes = reader.bytes(usize::from(count) * 2)?;
        let list = Self { codes };
        if list.iter().count() != usize::from(count) {
            return Err(reader.fault(Fault::BadFormat));
        }
        Ok(list)
    }

    /// Number of codes.
    #[must_use]
    pub fn len(self) -> usize {
        self.codes.len() / 2
    }

    /// Whether there is no code, which stands for text throughout.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.codes.is_empty()
    }

    /// The codes in order.
    pub fn iter(self) -> impl Iterator<Item = Format> + 'a {
        let (pairs, _) = self.codes.as_chunks::<2>();
        pairs.iter().map_while(|code| Format::from_code(u16::from_be_bytes(*code)))
    }

    fn at(self, index: usize) -> Option<Format> {
        let (pairs, _) = self.codes.as_chunks::<2>();
        Format::from_code(u16::from_be_bytes(*pairs.get(index)?))
    }

    /// The format of item `index` by the rule of Bind (54.7): no code means text for all, one code holds for all,
    /// else one each. `None` when there are several codes and none for `index`.
    #[must_use]
    pub fn of(self, index: usize) -> Option<Format> {
        match self.len() {
            0 => Some(Format::Text),
            1 => self.at(0),
            2.. => self.at(index),
        }
    }
}

/// What Describe and Close act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedObject {
    /// A prepared statement (`S`).
    Statement,
    /// A portal (`P`).
    Portal,
}

impl NamedObject {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8()? {
            b'S' => Ok(Self::Statement),
            b'P' => Ok(Self::Portal),
            _ => Err(reader.fault(Fault::BadCode)),
        }
    }
}
