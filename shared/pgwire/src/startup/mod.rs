//! The packets that open a connection (54.2.1, 54.7): they have a length but no type byte.

pub mod encode;
mod parameters;

pub use parameters::Parameters;

use crate::key::CancelKey;
use crate::read::{Reader, empty};
use crate::{Fault, WireError};

/// Longest start-up packet, in bytes (the server's `MAX_STARTUP_PACKET_LENGTH`).
pub const MAX_STARTUP_LEN: u32 = 10_000;

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;

/// A protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProtocolVersion {
    /// Always 3 in what this crate decodes.
    pub major: u16,
    /// 0 and 2 are in use; 3.1 was never published, and clients use high numbers to test negotiation.
    pub minor: u16,
}

impl ProtocolVersion {
    /// Protocol 3.0, of PostgreSQL 7.4 and later.
    pub const V3_0: Self = Self { major: 3, minor: 0 };
    /// Protocol 3.2, of PostgreSQL 18: cancel keys of up to 256 bytes.
    pub const V3_2: Self = Self { major: 3, minor: 2 };

    pub(crate) const fn code(self) -> u32 {
        ((self.major as u32) << 16) | self.minor as u32
    }

    /// Splits a version code; `None` unless the major version is 3.
    pub(crate) const fn from_code(code: u32) -> Option<Self> {
        let [a, b, c, d] = code.to_be_bytes();
        let version = Self { major: u16::from_be_bytes([a, b]), minor: u16::from_be_bytes([c, d]) };
        if version.major == 3 { Some(version) } else { None }
    }
}

/// What a client may send first, or again after the answer to an encryption request.
///
/// After `Ssl` and `GssEnc` nothing else may lie in the buffer yet: bytes that came before the encryption would
/// otherwise be taken for bytes that came under it (CVE-2021-23214). The caller checks `consumed` for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartupRequest {
    /// Asks for TLS; the answer is one byte, `S` or `N`.
    Ssl,
    /// Asks for GSSAPI encryption; the answer is one byte, `G` or `N`.
    GssEnc,
    /// Asks to cancel what another connection runs; there is no answer.
    Cancel {
        /// Process id, of BackendKeyData.
        pid: u32,
        /// Cancel key, of BackendKeyData.
        key: CancelKey,
    },
    /// Opens a session.
    Startup {
        /// The version that the client wants to speak.
        version: ProtocolVersion,
        /// User, database, settings and protocol options.
        parameters: Parameters,
    },
}

/// Reads the packet at the start of `buf`; `None` while it is not whole. The number is the packet's length: the
/// bytes after it belong to what follows.
///
/// # Errors
/// A length outside 8 to 10,000, a version other than 3, an unknown request, a cancel key that is not 4 to 256
/// bytes long, and the faults of [`Parameters`]. The length is checked as soon as it is there, so that a client
/// that speaks another protocol (TLS without asking, HTTP) is refused at its first four bytes.
pub fn decode_startup(buf: &[u8]) -> Result<Option<(StartupRequest, usize)>, WireError> {
    const MESSAGE: &str = "start-up packet";
    let Some(length) = buf.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length);
    if length < 8 {
        return Err(WireError::new(MESSAGE, Fault::LengthTooSmall));
    }
    if length > MAX_STARTUP_LEN {
        return Err(WireError::new(MESSAGE, Fault::LengthTooLarge { limit: MAX_STARTUP_LEN }));
    }
    let consumed = length as usize;
    let Some(packet) = buf.get(4..consumed) else {
        return Ok(None);
    };
    let mut reader = Reader::new(MESSAGE, packet);
    let code = reader.u32()?;
    let rest = reader.take_rest();
    let request = match code {
        SSL_REQUEST => empty("SSLRequest", rest).map(|()| StartupRequest::Ssl)?,
        GSSENC_REQUEST => empty("GSSENCRequest", rest).map(|()| StartupRequest::GssEnc)?,
        CANCEL_REQUEST => decode_cancel(rest)?,
        version => {
            let version = ProtocolVersion::from_code(version)
                .ok_or(WireError::new("StartupMessage", Fault::UnsupportedVersion))?;
            StartupRequest::Startup { version, parameters: Parameters::decode(rest)? }
        }
    };
    Ok(Some((request, consumed)))
}

fn decode_cancel(body: &[u8]) -> Result<StartupRequest, WireError> {
    let mut reader = Reader::new("CancelRequest", body);
    let pid = reader.u32()?;
    let key = CancelKey::decode("CancelRequest", reader.take_rest())?;
    Ok(StartupRequest::Cancel { pid, key })
}
