//! Encoders of the server's messages, for the answers that the gateway makes itself. Each appends one frame to `out`.
//!
//! Those that can fail return [`Fault::InnerNul`],
//! [`Fault::EmptyName`], [`Fault::TooManyItems`] or
//! [`Fault::LengthTooLarge`], and then leave `out` as it was.

mod report;

pub use report::{LocalReport, ReportText};

use super::{Authentication, BackendKeyData, Column, TransactionStatus};
use crate::startup::ProtocolVersion;
use crate::write::{Writer, bare, frame};
use crate::{BackendTag, Fault, Format, WireError};

fn authentication(
    out: &mut Vec<u8>,
    code: u32,
    fill: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    frame(out, BackendTag::Authentication, |w| {
        w.u32(code);
        fill(w)
    })
}

/// AuthenticationOk: sign-in has succeeded.
pub fn authentication_ok(out: &mut Vec<u8>) {
    request(out, Authentication::Ok);
}

/// AuthenticationCleartextPassword: asks for the password. Only ever over TLS or a local socket.
pub fn authentication_cleartext_password(out: &mut Vec<u8>) {
    request(out, Authentication::CleartextPassword);
}

fn request(out: &mut Vec<u8>, request: Authentication<'_>) {
    out.push(b'R');
    out.extend_from_slice(&8_u32.to_be_bytes());
    out.extend_from_slice(&request.code().to_be_bytes());
}

/// AuthenticationSASL: offers mechanisms, the preferred one first.
///
/// # Errors
/// See the [module](self); an empty list is [`Fault::EmptyName`].
pub fn authentication_sasl<'m>(
    out: &mut Vec<u8>,
    mechanisms: impl IntoIterator<Item = &'m str>,
) -> Result<(), WireError> {
    authentication(out, 10, |w| {
        let mut any = false;
        for mechanism in mechanisms {
            w.listed(mechanism)?;
            any = true;
        }
        if !any {
            return Err(w.fault(Fault::EmptyName));
        }
        w.u8(0);
        Ok(())
    })
}

/// AuthenticationSASLContinue: a further message of the mechanism.
///
/// # Errors
/// See the [module](self).
pub fn authentication_sasl_continue(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    sasl_data(out, 11, data)
}

/// AuthenticationSASLFinal: the last message of the mechanism.
///
/// # Errors
/// See the [module](self).
pub fn authentication_sasl_final(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    sasl_data(out, 12, data)
}

fn sasl_data(out: &mut Vec<u8>, code: u32, data: &[u8]) -> Result<(), WireError> {
    authentication(out, code, |w| {
        w.bytes(data);
        Ok(())
    })
}

/// NegotiateProtocolVersion: the newest version spoken here, and the client's protocol options that are unknown.
///
/// # Errors
/// See the [module](self).
pub fn negotiate_protocol_version<'n>(
    out: &mut Vec<u8>,
    newest: ProtocolVersion,
    unknown_options: impl IntoIterator<Item = &'n str>,
) -> Result<(), WireError> {
    frame(out, BackendTag::NegotiateProtocolVersion, |w| {
        w.u32(newest.code());
        w.counted_wide(unknown_options, Writer::listed)
    })
}

/// BackendKeyData: what the client needs in order to cancel.
///
/// # Errors
/// None in practice: a key is at most 256 bytes long.
pub fn backend_key_data(out: &mut Vec<u8>, data: &BackendKeyData) -> Result<(), WireError> {
    frame(out, BackendTag::BackendKeyData, |w| {
        w.u32(data.pid);
        w.bytes(data.key.expose());
        Ok(())
    })
}

/// ParameterStatus: a setting's value.
///
/// # Errors
/// See the [module](self).
pub fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) -> Result<(), WireError> {
    frame(out, BackendTag::ParameterStatus, |w| {
        w.cstr(name.as_bytes())?;
        w.cstr(value.as_bytes())
    })
}

/// ReadyForQuery: waits for the next query cycle.
pub fn ready_for_query(out: &mut Vec<u8>, status: TransactionStatus) {
    out.extend_from_slice(&[b'Z', 0, 0, 0, 5, status.byte()]);
}

/// CommandComplete: a statement has ended well, with this command tag.
///
/// # Errors
/// See the [module](self).
pub fn command_complete(out: &mut Vec<u8>, tag: &str) -> Result<(), WireError> {
    frame(out, BackendTag::CommandComplete, |w| w.cstr(tag.as_bytes()))
}

/// RowDescription: the columns of the rows to come.
///
/// # Errors
/// See the [module](self).
pub fn row_description<'c>(
    out: &mut Vec<u8>,
    columns: impl IntoIterator<Item = Column<'c>>,
) -> Result<(), WireError> {
    frame(out, BackendTag::RowDescription, |w| {
        w.counted(columns, |w, column| {
            w.cstr(column.name)?;
            w.u32(column.table_oid);
            w.i16(column.attnum);
            w.u32(column.type_oid);
            w.i16(column.typlen);
            w.i32(column.typmod);
            w.u16(column.format.code());
            Ok(())
        })?;
        Ok(())
    })
}

/// ParameterDescription: the types of a prepared statement's parameters.
///
/// # Errors
/// See the [module](self).
pub fn parameter_description(
    out: &mut Vec<u8>,
    oids: impl IntoIterator<Item = u32>,
) -> Result<(), WireError> {
    frame(out, BackendTag::ParameterDescription, |w| {
        w.counted(oids, |w, oid| {
            w.u32(oid);
            Ok(())
        })?;
        Ok(())
    })
}

/// DataRow: one row; `None` is NULL. Serves small local answers and rows whose masked form has another length.
///
/// # Errors
/// See the [module](self).
pub fn data_row<'v>(
    out: &mut Vec<u8>,
    values: impl IntoIterator<Item = Option<&'v [u8]>>,
) -> Result<(), WireError> {
    frame(out, BackendTag::DataRow, |w| {
        w.counted(values, |w, value| w.value(value))?;
        Ok(())
    })
}

/// CopyData: a piece of COPY data.
///
/// # Errors
/// See the [module](self).
pub fn copy_data(out: &mut Vec<u8>, data: &[u8]) -> Result<(), WireError> {
    frame(out, BackendTag::CopyData, |w| {
        w.bytes(data);
        Ok(())
    })
}

/// The three ways to open a COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyDirection {
    /// From the client to the server.
    In,
    /// From the server to the client.
    Out,
    /// Both at once.
    Both,
}

/// CopyInResponse, CopyOutResponse or CopyBothResponse.
///
/// # Errors
/// See the [module](self); also [`Fault::BadFormat`] for a binary column in a textual COPY.
pub fn copy_response(
    out: &mut Vec<u8>,
    direction: CopyDirection,
    overall: Format,
    columns: impl IntoIterator<Item = Format>,
) -> Result<(), WireError> {
    let tag = match direction {
        CopyDirection::In => BackendTag::CopyInResponse,
        CopyDirection::Out => BackendTag::CopyOutResponse,
        CopyDirection::Both => BackendTag::CopyBothResponse,
    };
    frame(out, tag, |w| {
        w.u8(u8::from(overall == Format::Binary));
        w.counted(columns, |w, format| {
            if overall == Format::Text && format == Format::Binary {
                return Err(w.fault(Fault::BadFormat));
            }
            w.u16(format.code());
            Ok(())
        })?;
        Ok(())
    })
}

/// NotificationResponse: a NOTIFY.
///
/// # Errors
/// See the [module](self).
pub fn notification(out: &mut Vec<u8>, pid: u32, channel: &[u8], payload: &[u8]) -> Result<(), WireError> {
    frame(out, BackendTag::NotificationResponse, |w| {
        w.u32(pid);
        w.cstr(channel)?;
        w.cstr(payload)
    })
}

/// ParseComplete: Parse has succeeded.
pub fn parse_complete(out: &mut Vec<u8>) {
    bare(out, BackendTag::ParseComplete);
}

/// BindComplete: Bind has succeeded.
pub fn bind_complete(out: &mut Vec<u8>) {
    bare(out, BackendTag::BindComplete);
}

/// CloseComplete: Close has succeeded.
pub fn close_complete(out: &mut Vec<u8>) {
    bare(out, BackendTag::CloseComplete);
}

/// NoData: the described statement returns no rows.
pub fn no_data(out: &mut Vec<u8>) {
    bare(out, BackendTag::NoData);
}

/// EmptyQueryResponse: the text held no statement.
pub fn empty_query_response(out: &mut Vec<u8>) {
    bare(out, BackendTag::EmptyQueryResponse);
}

/// PortalSuspended: Execute has reached its row limit.
pub fn portal_suspended(out: &mut Vec<u8>) {
    bare(out, BackendTag::PortalSuspended);
}

/// CopyDone: the COPY data is complete.
pub fn copy_done(out: &mut Vec<u8>) {
    bare(out, BackendTag::CopyDone);
}
