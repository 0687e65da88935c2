//! Framing: one type byte, one 32-bit length that counts itself, a body.

use std::marker::PhantomData;
use std::ops::Range;

use crate::tag::{BackendTag, FrontendTag, Tag};
use crate::{Fault, WireError};

/// Bytes of a frame's header: type and length.
pub const HEADER_LEN: usize = 5;

/// Longest frame of any kind that a server can build, in bytes, type byte included: its buffers end at 1 GiB
/// (`MaxAllocSize`), to which the header is added.
pub const MAX_FRAME_LEN: u32 = (1 << 30) + 5;

/// Limit for messages that are short by nature, the same as the server's (`PQ_SMALL_MESSAGE_LIMIT`).
const SMALL: u32 = 10_000;
/// What libpq accepts of a server for messages that are short by nature (`VALID_LONG_MESSAGE_TYPE`).
const SMALL_BACKEND: u32 = 30_000;
/// The server's limit for sign-in tokens (`PG_MAX_AUTH_TOKEN_LENGTH`).
const AUTHENTICATION: u32 = 65_535;
/// Limit for messages that are held whole in memory.
const HELD: u32 = 16 << 20;

/// The longest frame allowed for each message type of one direction, in bytes, type byte and length included.
///
/// The defaults are the server's or libpq's own where those are small. `Query`, `Parse`, `Bind`, `RowDescription`
/// and reports, which must be held whole to be judged or masked, get 16 MiB; `DataRow` and `CopyData` may be
/// streamed and get the server's 1 GiB.
#[derive(Debug, Clone)]
pub struct Limits<T> {
    by_byte: [u32; 128],
    direction: PhantomData<T>,
}

impl<T: Tag> Limits<T> {
    fn each(limit: impl Fn(T) -> u32) -> Self {
        let mut limits = Self { by_byte: [0; 128], direction: PhantomData };
        for tag in T::ALL {
            limits = limits.with(*tag, limit(*tag));
        }
        limits
    }

    /// The same table with another limit for `tag`, in bytes; never above [`MAX_FRAME_LEN`].
    #[must_use]
    pub fn with(mut self, tag: T, max_frame_len: u32) -> Self {
        if let Some(slot) = self.by_byte.get_mut(usize::from(tag.byte())) {
            *slot = max_frame_len.min(MAX_FRAME_LEN);
        }
        self
    }

    /// The longest frame allowed for `tag`, in bytes.
    #[must_use]
    #[inline]
    pub fn limit(&self, tag: T) -> u32 {
        self.by_byte[usize::from(tag.byte() & 0x7f)]
    }
}

impl Default for Limits<FrontendTag> {
    fn default() -> Self {
        Self::each(|tag| match tag {
            FrontendTag::Query | FrontendTag::Parse | FrontendTag::Bind => HELD,
            FrontendTag::CopyData => MAX_FRAME_LEN,
            FrontendTag::Authentication => AUTHENTICATION,
            FrontendTag::FunctionCall
            | FrontendTag::Close
            | FrontendTag::CopyDone
            | FrontendTag::CopyFail
            | FrontendTag::Describe
            | FrontendTag::Execute
            | FrontendTag::Flush
            | FrontendTag::Sync
            | FrontendTag::Terminate => SMALL,
        })
    }
}

impl Default for Limits<BackendTag> {
    fn default() -> Self {
        Self::each(|tag| match tag {
            BackendTag::DataRow | BackendTag::CopyData => MAX_FRAME_LEN,
            BackendTag::RowDescription
            | BackendTag::ParameterDescription
            | BackendTag::ErrorResponse
            | BackendTag::NoticeResponse
            | BackendTag::NotificationResponse => HELD,
            BackendTag::Authentication => AUTHENTICATION,
            BackendTag::BackendKeyData
            | BackendTag::BindComplete
            | BackendTag::CloseComplete
            | BackendTag::CommandComplete
            | BackendTag::CopyDone
            | BackendTag::CopyInResponse
            | BackendTag::CopyOutResponse
            | BackendTag::CopyBothResponse
            | BackendTag::EmptyQueryResponse
            | BackendTag::FunctionCallResponse
            | BackendTag::NegotiateProtocolVersion
            | BackendTag::NoData
            | BackendTag::ParameterStatus
            | BackendTag::ParseComplete
            | BackendTag::PortalSuspended
            | BackendTag::ReadyForQuery => SMALL_BACKEND,
        })
    }
}

/// What lies at the start of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<T> {
    /// Not even a header yet.
    Incomplete {
        /// Bytes still to be read before the header is whole.
        need: usize,
    },
    /// A sound header whose body is not all here. Wait for `len - have` more bytes, or pass the body on in pieces
    /// (see [`stream`](crate::stream)), or discard it.
    Head {
        /// The message type.
        tag: T,
        /// Bytes of the whole frame, header included.
        len: usize,
        /// Bytes of the frame that are in the buffer, header included.
        have: usize,
    },
    /// A whole frame.
    Whole {
        /// The message type.
        tag: T,
        /// Where the body lies in the buffer; the frame is `..body.end`, and the next one starts there.
        body: Range<usize>,
    },
}

/// Reads the header at the start of `buf` and says how much of its frame is there. Nothing of the body is looked at.
///
/// # Errors
/// [`Fault::UnknownTag`], [`Fault::LengthTooSmall`] or [`Fault::LengthTooLarge`]; the stream cannot be followed any
/// further then. The length is compared with the limit before any arithmetic (compare CVE-2024-27304: a length that
/// wraps around turns the inside of one message into messages of their own).
#[inline]
pub fn next_frame<T: Tag>(buf: &[u8], limits: &Limits<T>) -> Result<Frame<T>, WireError> {
    let Some(&first) = buf.first() else {
        return Ok(Frame::Incomplete { need: HEADER_LEN });
    };
    let tag = T::from_byte(first).ok_or(WireError::new("frame", Fault::UnknownTag))?;
    let Some(&[_, a, b, c, d]) = buf.first_chunk::<HEADER_LEN>() else {
        return Ok(Frame::Incomplete { need: HEADER_LEN - buf.len() });
    };
    let claimed = u32::from_be_bytes([a, b, c, d]);
    if claimed < 4 {
        return Err(WireError::new(tag.name(), Fault::LengthTooSmall));
    }
    let limit = limits.limit(tag);
    if claimed >= limit {
        return Err(WireError::new(tag.name(), Fault::LengthTooLarge { limit }));
    }
    let len = claimed as usize + 1;
    if buf.len() < len {
        return Ok(Frame::Head { tag, len, have: buf.len() });
    }
    Ok(Frame::Whole { tag, body: HEADER_LEN..len })
}
