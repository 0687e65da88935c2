//! Messages from the server: decoders of bodies that borrow from the read buffer, and encoders in [`encode`].
//!
//! What the server writes from data (values, column names, report texts, channel names) is given as bytes: on a
//! database of encoding SQL_ASCII the server does not convert, whatever client_encoding says.

mod auth;
mod copy;
mod describe;
pub mod encode;
mod report;
mod row;
mod status;

pub use auth::{Authentication, Mechanisms, NegotiateProtocolVersion, Options};
pub use copy::CopyResponse;
pub use describe::{Column, Columns, RowDescription};
pub use report::{Report, ReportField, Severity};
pub use row::{DataRow, Fields};
pub use status::{
    BackendKeyData, CommandComplete, Notification, ParameterStatus, TransactionStatus, decode_ready_for_query,
};

use crate::frontend::{CopyData, ParamOids};
use crate::read::{Reader, empty};
use crate::{BackendTag, WireError};

/// A decoded message of the server.
#[derive(Debug, Clone)]
pub enum BackendMessage<'a> {
    /// A step of sign-in.
    Authentication(Authentication<'a>),
    /// Process id and cancel key.
    BackendKeyData(BackendKeyData),
    /// Bind has succeeded.
    BindComplete,
    /// Close has succeeded.
    CloseComplete,
    /// A statement has ended well.
    CommandComplete(CommandComplete<'a>),
    /// A piece of COPY data.
    CopyData(CopyData<'a>),
    /// The server's COPY data is complete.
    CopyDone,
    /// The server waits for COPY data.
    CopyInResponse(CopyResponse<'a>),
    /// The server will send COPY data.
    CopyOutResponse(CopyResponse<'a>),
    /// COPY data both ways; only replication uses it.
    CopyBothResponse(CopyResponse<'a>),
    /// One row.
    DataRow(DataRow<'a>),
    /// The text held no statement.
    EmptyQueryResponse,
    /// A statement, or the connection, has failed.
    ErrorResponse(Report<'a>),
    /// Result of FunctionCall. Its body is not decoded, so it must not be forwarded.
    FunctionCallResponse,
    /// The server does not know the minor version or an option.
    NegotiateProtocolVersion(NegotiateProtocolVersion<'a>),
    /// The described statement returns no rows.
    NoData,
    /// A message to the user.
    NoticeResponse(Report<'a>),
    /// NOTIFY of a channel that the client listens to.
    NotificationResponse(Notification<'a>),
    /// Types of a prepared statement's parameters.
    ParameterDescription(ParamOids<'a>),
    /// A setting's value.
    ParameterStatus(ParameterStatus<'a>),
    /// Parse has succeeded.
    ParseComplete,
    /// Execute has reached its row limit.
    PortalSuspended,
    /// The server waits for the next query cycle.
    ReadyForQuery(TransactionStatus),
    /// The columns of the rows to come.
    RowDescription(RowDescription<'a>),
}

impl<'a> BackendMessage<'a> {
    /// Decodes the body of a whole frame.
    ///
    /// # Errors
    /// Any fault of the message; the body must hold the message exactly.
    pub fn decode(tag: BackendTag, body: &'a [u8]) -> Result<Self, WireError> {
        Ok(match tag {
            BackendTag::Authentication => Self::Authentication(Authentication::decode(body)?),
            BackendTag::BackendKeyData => Self::BackendKeyData(BackendKeyData::decode(body)?),
            BackendTag::BindComplete => empty(name(tag), body).map(|()| Self::BindComplete)?,
            BackendTag::CloseComplete => empty(name(tag), body).map(|()| Self::CloseComplete)?,
            BackendTag::CommandComplete => Self::CommandComplete(CommandComplete::decode(body)?),
            BackendTag::CopyData => Self::CopyData(CopyData { data: body }),
            BackendTag::CopyDone => empty(name(tag), body).map(|()| Self::CopyDone)?,
            BackendTag::CopyInResponse => Self::CopyInResponse(CopyResponse::decode(name(tag), body)?),
            BackendTag::CopyOutResponse => Self::CopyOutResponse(CopyResponse::decode(name(tag), body)?),
            BackendTag::CopyBothResponse => Self::CopyBothResponse(CopyResponse::decode(name(tag), body)?),
            BackendTag::DataRow => Self::DataRow(DataRow::decode(body)?),
            BackendTag::EmptyQueryResponse => empty(name(tag), body).map(|()| Self::EmptyQueryResponse)?,
            BackendTag::ErrorResponse => Self::ErrorResponse(Report::decode(name(tag), body)?),
            BackendTag::FunctionCallResponse => Self::FunctionCallResponse,
            BackendTag::NegotiateProtocolVersion => {
                Self::NegotiateProtocolVersion(NegotiateProtocolVersion::decode(body)?)
            }
            BackendTag::NoData => empty(name(tag), body).map(|()| Self::NoData)?,
            BackendTag::NoticeResponse => Self::NoticeResponse(Report::decode(name(tag), body)?),
            BackendTag::NotificationResponse => Self::NotificationResponse(Notification::decode(body)?),
            BackendTag::ParameterDescription => Self::ParameterDescription(decode_parameters(body)?),
            BackendTag::ParameterStatus => Self::ParameterStatus(ParameterStatus::decode(body)?),
            BackendTag::ParseComplete => empty(name(tag), body).map(|()| Self::ParseComplete)?,
            BackendTag::PortalSuspended => empty(name(tag), body).map(|()| Self::PortalSuspended)?,
            BackendTag::ReadyForQuery => Self::ReadyForQuery(decode_ready_for_query(body)?),
            BackendTag::RowDescription => Self::RowDescription(RowDescription::decode(body)?),
        })
    }
}

fn name(tag: BackendTag) -> &'static str {
    crate::Tag::name(tag)
}

/// Decodes the body of a ParameterDescription: the types of a prepared statement's parameters.
///
/// # Errors
/// Bytes too few or too many.
pub fn decode_parameters(body: &[u8]) -> Result<ParamOids<'_>, WireError> {
    let mut reader = Reader::new("ParameterDescription", body);
    let oids = ParamOids::read(&mut reader)?;
    reader.finish()?;
    Ok(oids)
}
