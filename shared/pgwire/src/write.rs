//! Building frames at the end of a byte vector. A frame that cannot be built leaves the vector as it was.

use crate::tag::Tag;
use crate::{Fault, MAX_FRAME_LEN, MAX_NAME_LEN, WireError};

/// Appends the fields of one message.
pub(crate) struct Writer<'o> {
    message: &'static str,
    out: &'o mut Vec<u8>,
}

/// Appends one frame: type, length, and the fields that `fill` writes.
pub(crate) fn frame<T: Tag>(
    out: &mut Vec<u8>,
    tag: T,
    fill: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    frame_of(out, Some(tag.byte()), tag.name(), MAX_FRAME_LEN, fill)
}

/// Appends one frame of `message`, with or without a type byte, of at most `limit` bytes.
pub(crate) fn frame_of(
    out: &mut Vec<u8>,
    tag: Option<u8>,
    message: &'static str,
    limit: u32,
    fill: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let start = out.len();
    out.extend(tag);
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut writer = Writer { message, out: &mut *out };
    let sealed = fill(&mut writer).and_then(|()| {
        let fault = WireError::new(message, Fault::LengthTooLarge { limit });
        if out.len() - start > limit as usize {
            return Err(fault);
        }
        let len = u32::try_from(out.len() - length_at).map_err(|_| fault)?;
        patch(out, length_at, &len.to_be_bytes());
        Ok(())
    });
    if sealed.is_err() {
        out.truncate(start);
    }
    sealed
}

/// Appends a message without a body.
pub(crate) fn bare<T: Tag>(out: &mut Vec<u8>, tag: T) {
    out.extend_from_slice(&[tag.byte(), 0, 0, 0, 4]);
}

fn patch(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(slot) = out.get_mut(at..at + bytes.len()) {
        slot.copy_from_slice(bytes);
    }
}

impl Writer<'_> {
    pub(crate) fn fault(&self, fault: Fault) -> WireError {
        WireError::new(self.message, fault)
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A 32-bit length and the bytes, or -1 for NULL.
    pub(crate) fn value(&mut self, value: Option<&[u8]>) -> Result<(), WireError> {
        let Some(bytes) = value else {
            self.i32(-1);
            return Ok(());
        };
        let len = i32::try_from(bytes.len())
            .map_err(|_| self.fault(Fault::LengthTooLarge { limit: MAX_FRAME_LEN }))?;
        self.i32(len);
        self.bytes(bytes);
        Ok(())
    }

    /// A string and its terminator.
    pub(crate) fn cstr(&mut self, text: &[u8]) -> Result<(), WireError> {
        if text.contains(&0) {
            return Err(self.fault(Fault::InnerNul));
        }
        self.bytes(text);
        self.u8(0);
        Ok(())
    }

    /// A string whose empty form would end the list that it stands in.
    pub(crate) fn listed(&mut self, text: &str) -> Result<(), WireError> {
        if text.is_empty() {
            return Err(self.fault(Fault::EmptyName));
        }
        self.cstr(text.as_bytes())
    }

    /// The name of a prepared statement or portal.
    pub(crate) fn name(&mut self, name: &str) -> Result<(), WireError> {
        if name.len() > MAX_NAME_LEN {
            return Err(self.fault(Fault::NameTooLong));
        }
        self.cstr(name.as_bytes())
    }

    /// A 16-bit count of items, then the items; gives the count.
    pub(crate) fn counted<I>(
        &mut self,
        items: impl IntoIterator<Item = I>,
        mut write: impl FnMut(&mut Self, I) -> Result<(), WireError>,
    ) -> Result<u16, WireError> {
        let at = self.out.len();
        self.u16(0);
        let mut count: u16 = 0;
        for item in items {
            count = count.checked_add(1).ok_or(self.fault(Fault::TooManyItems))?;
            write(self, item)?;
        }
        patch(self.out, at, &count.to_be_bytes());
        Ok(count)
    }

    /// As [`Writer::counted`], with a 32-bit count.
    pub(crate) fn counted_wide<I>(
        &mut self,
        items: impl IntoIterator<Item = I>,
        mut write: impl FnMut(&mut Self, I) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let at = self.out.len();
        self.u32(0);
        let mut count: u32 = 0;
        for item in items {
            count = count.checked_add(1).ok_or(self.fault(Fault::TooManyItems))?;
            write(self, item)?;
        }
        patch(self.out, at, &count.to_be_bytes());
        Ok(())
    }
}
