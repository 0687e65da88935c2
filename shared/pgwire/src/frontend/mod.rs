//! Messages from the client: decoders of bodies that borrow from the read buffer, and encoders in [`encode`].

pub mod encode;
mod extended;
mod sasl;

pub use extended::{Bind, Execute, ParamOids, Params, Parse};
pub use sasl::{Password, SaslInitialResponse, SaslResponse};

use crate::hidden::{Hidden, hidden_debug};
use crate::read::{Reader, empty};
use crate::{FrontendTag, NamedObject, WireError};

/// A decoded message of the client.
#[derive(Debug, Clone)]
pub enum FrontendMessage<'a> {
    /// Binds parameters to a prepared statement.
    Bind(Bind<'a>),
    /// Closes a prepared statement or portal.
    Close(Named<'a>),
    /// A piece of COPY data.
    CopyData(CopyData<'a>),
    /// The client's COPY data is complete.
    CopyDone,
    /// The client gives its COPY up.
    CopyFail(CopyFail<'a>),
    /// Asks for the description of a prepared statement or portal.
    Describe(Named<'a>),
    /// Runs a portal.
    Execute(Execute<'a>),
    /// Asks for pending answers.
    Flush,
    /// Calls a function by oid. Its body is not decoded, so it must not be forwarded.
    FunctionCall,
    /// Prepares a statement.
    Parse(Parse<'a>),
    /// A sign-in answer, to be decoded by [`Password`], [`SaslInitialResponse`] or [`SaslResponse`] as the state
    /// of the sign-in says; outside sign-in it is a violation of the protocol.
    Authentication(Undecoded<'a>),
    /// Runs a text.
    Query(Query<'a>),
    /// Ends a pipeline.
    Sync,
    /// The client leaves.
    Terminate,
}

impl<'a> FrontendMessage<'a> {
    /// Decodes the body of a whole frame.
    ///
    /// # Errors
    /// Any fault of the message; the body must hold the message exactly.
    pub fn decode(tag: FrontendTag, body: &'a [u8]) -> Result<Self, WireError> {
        Ok(match tag {
            FrontendTag::Bind => Self::Bind(Bind::decode(body)?),
            FrontendTag::Close => Self::Close(Named::decode("Close", body)?),
            FrontendTag::CopyData => Self::CopyData(CopyData { data: body }),
            FrontendTag::CopyDone => empty("CopyDone", body).map(|()| Self::CopyDone)?,
            FrontendTag::CopyFail => Self::CopyFail(CopyFail::decode(body)?),
            FrontendTag::Describe => Self::Describe(Named::decode("Describe", body)?),
            FrontendTag::Execute => Self::Execute(Execute::decode(body)?),
            FrontendTag::Flush => empty("Flush", body).map(|()| Self::Flush)?,
            FrontendTag::FunctionCall => Self::FunctionCall,
            FrontendTag::Parse => Self::Parse(Parse::decode(body)?),
            FrontendTag::Authentication => Self::Authentication(Undecoded { body }),
            FrontendTag::Query => Self::Query(Query::decode(body)?),
            FrontendTag::Sync => empty("Sync", body).map(|()| Self::Sync)?,
            FrontendTag::Terminate => empty("Terminate", body).map(|()| Self::Terminate)?,
        })
    }
}

/// A text of one or more statements, to be run at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The SQL text.
    pub text: &'a str,
}
hidden_debug!(Query { ; text });

impl<'a> Query<'a> {
    /// Decodes the body of a Query frame.
    ///
    /// # Errors
    /// No closing zero byte, a zero byte inside, or text that is not UTF-8.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Query", body);
        let text = reader.text()?;
        reader.finish()?;
        Ok(Self { text })
    }
}

/// Body of Describe and of Close.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// Prepared statement or portal.
    pub object: NamedObject,
    /// Its name; empty for the unnamed one.
    pub name: &'a str,
}

hidden_debug!(Named { object; name });

impl<'a> Named<'a> {
    fn decode(message: &'static str, body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message, body);
        let object = NamedObject::read(&mut reader)?;
        let name = reader.name()?;
        reader.finish()?;
        Ok(Self { object, name })
    }

    /// Decodes the body of a Describe frame.
    ///
    /// # Errors
    /// A kind other than `S` and `P`, a name that is too long, or bytes too few or too many.
    pub fn decode_describe(body: &'a [u8]) -> Result<Self, WireError> {
        Self::decode("Describe", body)
    }

    /// Decodes the body of a Close frame.
    ///
    /// # Errors
    /// As for Describe.
    pub fn decode_close(body: &'a [u8]) -> Result<Self, WireError> {
        Self::decode("Close", body)
    }
}

/// A piece of COPY data; where rows begin and end in it is the format's matter, not the protocol's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CopyData<'a> {
    /// The bytes.
    pub data: &'a [u8],
}
hidden_debug!(CopyData { ; data });

/// The client gives its COPY up and says why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CopyFail<'a> {
    /// The client's reason, which the server quotes in its error.
    pub reason: &'a str,
}
hidden_debug!(CopyFail { ; reason });

impl<'a> CopyFail<'a> {
    /// Decodes the body of a CopyFail frame.
    ///
    /// # Errors
    /// As for [`Query::decode`].
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("CopyFail", body);
        let reason = reader.text()?;
        reader.finish()?;
        Ok(Self { reason })
    }
}

/// A body whose meaning depends on the state of the sign-in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Undecoded<'a> {
    /// The body, which may hold a password.
    pub body: &'a [u8],
}

impl std::fmt::Debug for Undecoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Hidden(self.body.len()).fmt(f)
    }
}
