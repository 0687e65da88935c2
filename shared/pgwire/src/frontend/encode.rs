//! Encoders of the client's messages, for the gateway's own part as a client. Each appends one frame to `out`.
//!
//! Those that can fail return [`Fault::InnerNul`] for a string with a zero byte,
//! [`Fault::NameTooLong`], [`Fault::TooManyItems`] or
//! [`Fault::LengthTooLarge`], and then leave `out` as it was: nothing is cut short.

use crate::write::{bare, frame};
use crate::{Fault, Format, FrontendTag, NamedObject, WireError};

/// Query: a text to be run at once.
///
/// # Errors
/// See the [module](self).
pub fn query(out: &mut Vec<u8>, text: &str) -> Result<(), WireError> {
    frame(out, FrontendTag::Query, |w| w.cstr(text.as_bytes()))
}

/// Parse: prepares `text` under `name`, with types for its first parameters (0 leaves one to the server).
///
/// # Errors
/// See the [module](self).
pub fn parse(
    out: &mut Vec<u8>,
    name: &str,
    text: &str,
    param_oids: impl IntoIterator<Item = u32>,
) -> Result<(), WireError> {
    frame(out, FrontendTag::Parse, |w| {
        w.name(name)?;
        w.cstr(text.as_bytes())?;
        w.counted(param_oids, |w, oid| {
            w.u32(oid);
            Ok(())
        })?;
        Ok(())
    })
}

/// Bind: parameters for `statement`, whose run is to be called `portal`.
///
/// # Errors
/// See the [module](self); also [`Fault::FormatCount`] when there are several formats and not one a parameter.
pub fn bind<'v>(
    out: &mut Vec<u8>,
    portal: &str,
    statement: &str,
    param_formats: impl IntoIterator<Item = Format>,
    params: impl IntoIterator<Item = Option<&'v [u8]>>,
    result_formats: impl IntoIterator<Item = Format>,
) -> Result<(), WireError> {
    frame(out, FrontendTag::Bind, |w| {
        w.name(portal)?;
        w.name(statement)?;
        let formats = w.counted(param_formats, |w, format| {
            w.u16(format.code());
            Ok(())
        })?;
        let values = w.counted(params, |w, value| w.value(value))?;
        if formats > 1 && formats != values {
            return Err(w.fault(Fault::FormatCount));
        }
        w.counted(result_formats, |w, format| {
            w.u16(format.code());
            Ok(())
        })?;
        Ok(())
    })
}

fn named(out: &mut Vec<u8>, tag: FrontendTag, object: NamedObject, name: &str) -> Result<(), WireError> {
    frame(out, tag, |w| {
        w.u8(object.byte());
        w.name(name)
    })
}

/// Describe: asks what a prepared statement or portal takes and gives.
///
/// # Errors
/// See the [module](self).
pub fn describe(out: &mut Vec<u8>, object: NamedObject, name: &str) -> Result<(), WireError> {
    named(out, FrontendTag::Describe, object, name)
}

/// Close: forgets a prepared statement or portal.
///
/// # Errors
/// See the [module](self).
pub fn close(out: &mut Vec<u8>, object: NamedObject, name: &str) -> Result<(), WireError> {
    named(out, FrontendTag::Close, object, name)
}

/// Execute: runs a portal for at most `max_rows` rows, 0 for all. More than 2³¹−1 cannot be said and asks for
/// 2³¹−1, after which the portal is merely suspended.
///
/// # Errors
/// See the [module](self).
pub fn execute(out: &mut Vec<u8>, portal: &str, max_rows: u32) -> Result<(), WireError> {
    frame(out, FrontendTag::Execute, |w| {
        w.name(portal)?;
        w.i32(i32::try_from(max_rows).unwrap_or(i32::MAX));
        Ok(())
    })
}

/// CopyData: a piece of COPY data.
///
/// # Errors
/// See the [module](self).
pub fn copy_data(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    frame(out, FrontendTag::CopyData, |w| {
        w.bytes(data);
        Ok(())
    })
}

/// CopyFail: gives a COPY up, with the reason that the server will quote.
///
/// # Errors
/// See the [module](self).
pub fn copy_fail(out: &mut Vec<u8>, reason: &str) -> Result<(), WireError> {
    frame(out, FrontendTag::CopyFail, |w| w.cstr(reason.as_bytes()))
}

/// CopyDone: the COPY data is complete.
pub fn copy_done(out: &mut Vec<u8>) {
    bare(out, FrontendTag::CopyDone);
}

/// Flush: asks for pending answers.
pub fn flush(out: &mut Vec<u8>) {
    bare(out, FrontendTag::Flush);
}

/// Sync: ends a pipeline.
pub fn sync(out: &mut Vec<u8>) {
    bare(out, FrontendTag::Sync);
}

/// Terminate: leaves.
pub fn terminate(out: &mut Vec<u8>) {
    bare(out, FrontendTag::Terminate);
}

/// PasswordMessage: a cleartext password, or an md5 answer. `out` then holds the secret; wipe it once sent.
///
/// # Errors
/// See the [module](self).
pub fn password(out: &mut Vec<u8>, secret: &str) -> Result<(), WireError> {
    frame(out, FrontendTag::Authentication, |w| w.cstr(secret.as_bytes()))
}

/// SASLInitialResponse: the chosen mechanism and its first message, if it has one.
///
/// # Errors
/// See the [module](self).
pub fn sasl_initial_response(
    out: &mut Vec<u8>,
    mechanism: &str,
    data: Option<&[u8]>,
) -> Result<(), WireError> {
    frame(out, FrontendTag::Authentication, |w| {
        w.listed(mechanism)?;
        w.value(data)
    })
}

/// SASLResponse: a further message of the mechanism.
///
/// # Errors
/// See the [module](self).
pub fn sasl_response(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    frame(out, FrontendTag::Authentication, |w| {
        w.bytes(data);
        Ok(())
    })
}
