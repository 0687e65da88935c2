//! Encoders of the opening packets, for the gateway's own part as a client.

use super::{CANCEL_REQUEST, GSSENC_REQUEST, MAX_STARTUP_LEN, ProtocolVersion, SSL_REQUEST};
use crate::write::frame_of;
use crate::{CancelKey, WireError};

/// SSLRequest: asks for TLS.
pub fn ssl_request(out: &mut Vec<u8>) {
    request(out, SSL_REQUEST);
}

/// GSSENCRequest: asks for GSSAPI encryption.
pub fn gssenc_request(out: &mut Vec<u8>) {
    request(out, GSSENC_REQUEST);
}

fn request(out: &mut Vec<u8>, code: u32) {
    out.extend_from_slice(&8_u32.to_be_bytes());
    out.extend_from_slice(&code.to_be_bytes());
}

/// CancelRequest for the connection that was given `pid` and `key`.
///
/// # Errors
/// None in practice: a key is at most 256 bytes long.
pub fn cancel(out: &mut Vec<u8>, pid: u32, key: &CancelKey) -> Result<(), WireError> {
    frame_of(out, None, "CancelRequest", MAX_STARTUP_LEN, |w| {
        w.u32(CANCEL_REQUEST);
        w.u32(pid);
        w.bytes(key.expose());
        Ok(())
    })
}

/// StartupMessage with these parameters, `user` among them.
///
/// # Errors
/// A zero byte in a name or value, an empty name, or a packet over 10,000 bytes; `out` is then left as it was.
pub fn startup<'p>(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> Result<(), WireError> {
    frame_of(out, None, "StartupMessage", MAX_STARTUP_LEN, |w| {
        w.u32(version.code());
        for (name, value) in parameters {
            w.listed(name)?;
            w.cstr(value.as_bytes())?;
        }
        w.u8(0);
        Ok(())
    })
}
