//! The extended query protocol: Parse, Bind, Execute (54.2.3).

use crate::format::{Format, Formats};
use crate::hidden::{Hidden, hidden_debug};
use crate::read::Reader;
use crate::{Fault, WireError};

/// Prepares a statement.
#[derive(Clone, Copy)]
pub struct Parse<'a> {
    /// Name of the prepared statement; empty for the unnamed one.
    pub name: &'a str,
    /// The SQL text.
    pub query: &'a str,
    /// Types that the client gives for the first parameters; 0 leaves one to the server.
    pub param_oids: ParamOids<'a>,
}
hidden_debug!(Parse { param_oids; name, query });

impl<'a> Parse<'a> {
    /// Decodes the body of a Parse frame.
    ///
    /// # Errors
    /// A name that is too long, text that is not UTF-8, or bytes too few or too many.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Parse", body);
        let name = reader.name()?;
        let query = reader.text()?;
        let param_oids = ParamOids::read(&mut reader)?;
        reader.finish()?;
        Ok(Self { name, query, param_oids })
    }
}

/// A verified list of type oids, read in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ParamOids<'a> {
    oids: &'a [u8],
}

impl<'a> ParamOids<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        // Read unsigned, as the server does: drivers send up to 65535 parameters.
        let count = reader.u16()?;
        let oids = reader.bytes(usize::from(count) * 4)?;
        Ok(Self { oids })
    }

    /// Number of oids.
    #[must_use]
    pub fn len(self) -> usize {
        self.oids.len() / 4
    }

    /// Whether no type is given.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.oids.is_empty()
    }

    /// The oids in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = u32> + 'a {
        let (oids, _) = self.oids.as_chunks::<4>();
        oids.iter().map(|oid| u32::from_be_bytes(*oid))
    }
}

impl std::fmt::Debug for ParamOids<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Binds parameters to a prepared statement and names the portal.
#[derive(Clone, Copy)]
pub struct Bind<'a> {
    /// Name of the portal; empty for the unnamed one.
    pub portal: &'a str,
    /// Name of the prepared statement; empty for the unnamed one.
    pub statement: &'a str,
    /// Formats of the parameters: none, one for all, or one each.
    pub param_formats: Formats<'a>,
    /// The parameters' values.
    pub params: Params<'a>,
    /// Formats asked for the result columns: none, one for all, or one each.
    pub result_formats: Formats<'a>,
}

hidden_debug!(Bind { param_formats, params, result_formats; portal, statement });

impl<'a> Bind<'a> {
    /// Decodes the body of a Bind frame.
    ///
    /// # Errors
    /// A name that is too long, a format code other than 0 and 1, a number of formats that does not match, a value
    /// length below -1 or beyond the body, or bytes left over.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Bind", body);
        let portal = reader.name()?;
        let statement = reader.name()?;
        let param_formats = Formats::read(&mut reader)?;
        let params = Params::read(&mut reader)?;
        if param_formats.len() > 1 && param_formats.len() != params.len() {
            return Err(reader.fault(Fault::FormatCount));
        }
        let result_formats = Formats::read(&mut reader)?;
        reader.finish()?;
        Ok(Self { portal, statement, param_formats, params, result_formats })
    }

    /// Each parameter with its format; `None` is NULL.
    pub fn typed_params(&self) -> impl Iterator<Item = (Format, Option<&'a [u8]>)> + 'a {
        let formats = self.param_formats;
        self.params.iter().enumerate().map(move |(index, value)| {
            // INVARIANT: decode has checked that each parameter has a format.
            (formats.of(index).unwrap_or(Format::Binary), value)
        })
    }
}

/// A verified list of parameter values, read in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Params<'a> {
    count: u16,
    values: &'a [u8],
}

impl<'a> Params<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let count = reader.u16()?;
        let before = reader.rest();
        for _ in 0..count {
            reader.value()?;
        }
        let used = before.len() - reader.rest().len();
        Ok(Self { count, values: before.get(..used).unwrap_or_default() })
    }

    /// Number of parameters.
    #[must_use]
    pub fn len(self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are no parameters.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The values in order; `None` is NULL.
    pub fn iter(self) -> impl Iterator<Item = Option<&'a [u8]>> + 'a {
        let mut reader = Reader::new("Bind", self.values);
        (0..self.count).map_while(move |_| match reader.value() {
            Ok(Some(range)) => Some(self.values.get(range)),
            Ok(None) => Some(None),
            // INVARIANT: `read` has walked the same bytes.
            Err(_) => None,
        })
    }
}

impl std::fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|value| value.map(|bytes| Hidden(bytes.len())))).finish()
    }
}

/// Runs a portal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    /// Name of the portal; empty for the unnamed one.
    pub portal: &'a str,
    /// Most rows to answer with before the portal is suspended; 0 for all. The server takes a negative number for
    /// 0, and so it is here.
    pub max_rows: u32,
}

hidden_debug!(Execute { max_rows; portal });

impl<'a> Execute<'a> {
    /// Decodes the body of an Execute frame.
    ///
    /// # Errors
    /// A name that is too long, or bytes too few or too many.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Execute", body);
        let portal = reader.name()?;
        let max_rows = u32::try_from(reader.i32()?).unwrap_or(0);
        reader.finish()?;
        Ok(Self { portal, max_rows })
    }
}
