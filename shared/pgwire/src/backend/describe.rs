//! RowDescription: the columns of the rows to come.

use crate::WireError;
use crate::format::Format;
use crate::hidden::hidden_debug;
use crate::read::Reader;

/// One column of a result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name, in the server's bytes; a statement's author may choose it freely.
    pub name: &'a [u8],
    /// Oid of the table that it is a plain column of; 0 for anything computed.
    pub table_oid: u32,
    /// Its number in that table; 0 for anything computed, negative for system columns.
    pub attnum: i16,
    /// Oid of its type.
    pub type_oid: u32,
    /// Size of the type in bytes; negative for types of varying size (`pg_type.typlen`).
    pub typlen: i16,
    /// The type's modifier (`pg_attribute.atttypmod`); -1 for none.
    pub typmod: i32,
    /// Format of the values; the description of a statement not yet bound always says text.
    pub format: Format,
}
hidden_debug!(Column { table_oid, attnum, type_oid, typlen, typmod, format; name });

impl<'a> Column<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self {
            name: reader.cstr()?,
            table_oid: reader.u32()?,
            attnum: reader.i16()?,
            type_oid: reader.u32()?,
            typlen: reader.i16()?,
            typmod: reader.i32()?,
            format: Format::read(reader)?,
        })
    }
}

/// A verified RowDescription body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowDescription<'a> {
    count: u16,
    body: &'a [u8],
}

impl<'a> RowDescription<'a> {
    /// Verifies the body of a RowDescription frame.
    ///
    /// # Errors
    /// A name that is not closed, a format other than text and binary, or bytes too few or too many.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("RowDescription", body);
        let count = reader.u16()?;
        let body = reader.rest();
        for _ in 0..count {
            Column::read(&mut reader)?;
        }
        reader.finish()?;
        Ok(Self { count, body })
    }

    /// Number of columns.
    #[must_use]
    pub const fn len(self) -> u16 {
        self.count
    }

    /// Whether the rows have no columns.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The columns in order.
    #[must_use]
    pub fn columns(self) -> Columns<'a> {
        Columns { left: self.count, reader: Reader::new("RowDescription", self.body) }
    }
}

impl std::fmt::Debug for RowDescription<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.columns()).finish()
    }
}

/// Iterator over the columns of a [`RowDescription`].
pub struct Columns<'a> {
    left: u16,
    reader: Reader<'a>,
}

impl<'a> Iterator for Columns<'a> {
    type Item = Column<'a>;

    fn next(&mut self) -> Option<Column<'a>> {
        self.left = self.left.checked_sub(1)?;
        // INVARIANT: `decode` has read the same bytes without a fault.
        Column::read(&mut self.reader).ok()
    }
}
