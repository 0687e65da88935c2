//! Sign-in requests of the server, and its answer to a version that it does not know.

use crate::hidden::Hidden;
use crate::read::Reader;
use crate::startup::ProtocolVersion;
use crate::{Fault, WireError};

/// What the server asks for at sign-in. Kerberos V4 and crypt, long gone, are refused as unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// Sign-in has succeeded (0).
    Ok,
    /// Kerberos V5 (2).
    KerberosV5,
    /// The password itself (3).
    CleartextPassword,
    /// The password under md5 and this salt (5).
    Md5Password {
        /// The salt.
        salt: [u8; 4],
    },
    /// GSSAPI (7).
    Gss,
    /// A further GSSAPI or SSPI message (8).
    GssContinue {
        /// The message.
        data: &'a [u8],
    },
    /// SSPI (9).
    Sspi,
    /// SASL, by one of these mechanisms (10).
    Sasl(Mechanisms<'a>),
    /// A further SASL message (11).
    SaslContinue {
        /// The message.
        data: &'a [u8],
    },
    /// The last SASL message (12).
    SaslFinal {
        /// The message.
        data: &'a [u8],
    },
}

impl<'a> Authentication<'a> {
    /// Decodes the body of an Authentication frame.
    ///
    /// # Errors
    /// A request that is unknown, or bytes too few or too many.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Authentication", body);
        let request = match reader.u32()? {
            0 => Self::Ok,
            2 => Self::KerberosV5,
            3 => Self::CleartextPassword,
            5 => Self::Md5Password { salt: reader.u32()?.to_be_bytes() },
            7 => Self::Gss,
            8 => Self::GssContinue { data: reader.take_rest() },
            9 => Self::Sspi,
            10 => Self::Sasl(Mechanisms::read(&mut reader)?),
            11 => Self::SaslContinue { data: reader.take_rest() },
            12 => Self::SaslFinal { data: reader.take_rest() },
            _ => return Err(reader.fault(Fault::BadCode)),
        };
        reader.finish()?;
        Ok(request)
    }

    /// The request's code in the protocol.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Ok => 0,
            Self::KerberosV5 => 2,
            Self::CleartextPassword => 3,
            Self::Md5Password { .. } => 5,
            Self::Gss => 7,
            Self::GssContinue { .. } => 8,
            Self::Sspi => 9,
            Self::Sasl(_) => 10,
            Self::SaslContinue { .. } => 11,
            Self::SaslFinal { .. } => 12,
        }
    }
}

impl std::fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ok => f.write_str("Ok"),
            Self::KerberosV5 => f.write_str("KerberosV5"),
            Self::CleartextPassword => f.write_str("CleartextPassword"),
            Self::Md5Password { .. } => f.write_str("Md5Password"),
            Self::Gss => f.write_str("Gss"),
            Self::GssContinue { data } => write!(f, "GssContinue({:?})", Hidden(data.len())),
            Self::Sspi => f.write_str("Sspi"),
            Self::Sasl(mechanisms) => write!(f, "Sasl({mechanisms:?})"),
            Self::SaslContinue { data } => write!(f, "SaslContinue({:?})", Hidden(data.len())),
            Self::SaslFinal { data } => write!(f, "SaslFinal({:?})", Hidden(data.len())),
        }
    }
}

/// A verified list of SASL mechanisms in the server's order of preference; never empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mechanisms<'a> {
    list: &'a [u8],
}

impl<'a> Mechanisms<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let list = reader.rest();
        if reader.text()?.is_empty() {
            return Err(reader.fault(Fault::EmptyName));
        }
        while !reader.text()?.is_empty() {}
        Ok(Self { list })
    }

    /// The mechanisms' names.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let mut reader = Reader::new("Authentication", self.list);
        // INVARIANT: `read` has read the same bytes without a fault.
        std::iter::from_fn(move || reader.text().ok().filter(|name| !name.is_empty()))
    }
}

impl std::fmt::Debug for Mechanisms<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The server's newest version, and which protocol options it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiateProtocolVersion<'a> {
    /// The newest version that the server speaks; the connection goes on with it.
    pub newest: ProtocolVersion,
    /// The options (`_pq_.…`) that it does not know.
    pub unknown_options: Options<'a>,
}

impl<'a> NegotiateProtocolVersion<'a> {
    /// Decodes the body of a NegotiateProtocolVersion frame.
    ///
    /// # Errors
    /// A major version other than 3 (the chapter says "minor version" here, servers send both halves), a count that
    /// does not fit, or bytes left over.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("NegotiateProtocolVersion", body);
        let newest =
            ProtocolVersion::from_code(reader.u32()?).ok_or(reader.fault(Fault::UnsupportedVersion))?;
        let count = reader.u32()?;
        let list = reader.rest();
        // The count is not trusted: each turn takes at least one byte, so the body bounds the loop.
        for _ in 0..count {
            reader.text()?;
        }
        reader.finish()?;
        Ok(Self { newest, unknown_options: Options { count, list } })
    }
}

/// A verified list of protocol options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Options<'a> {
    count: u32,
    list: &'a [u8],
}

impl<'a> Options<'a> {
    /// The options' names.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let mut reader = Reader::new("NegotiateProtocolVersion", self.list);
        (0..self.count).map_while(move |_| reader.text().ok())
    }
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
