//! The name-value list of a StartupMessage.

use crate::read::Reader;
use crate::{Fault, WireError};

/// Prefix of names that are options of the protocol rather than settings of the server (54.2.1).
const PROTOCOL_OPTION: &str = "_pq_.";

/// Parameters of a StartupMessage, in the order sent, each name once.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes what follows the version.
    ///
    /// # Errors
    /// Text that is not UTF-8 or not closed, a list that does not end with the packet, and a name given twice, ASCII
    /// case aside: settings are the same name in either case, and two parties might take different ones.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("StartupMessage", body);
        let mut list = Vec::new();
        loop {
            let name = reader.text()?;
            if name.is_empty() {
                break;
            }
            let value = reader.text()?;
            if list.iter().any(|(known, _): &(String, String)| known.eq_ignore_ascii_case(name)) {
                return Err(reader.fault(Fault::DuplicateParameter));
            }
            list.push((name.to_owned(), value.to_owned()));
        }
        reader.finish()?;
        Ok(Self(list))
    }

    /// The value of `name`, written exactly so.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The role that the client asks for; the server requires one.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.value("user")
    }

    /// The database that the client asks for; without one the server takes the user's name.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.value("database")
    }

    /// All parameters in the order sent, protocol options among them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Names of the protocol options (`_pq_.…`) that the client asks for. None exists yet, so each belongs into the
    /// answer NegotiateProtocolVersion.
    pub fn protocol_options(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name).filter(|name| name.starts_with(PROTOCOL_OPTION))
    }
}

impl std::fmt::Debug for Parameters {
    /// Shows their number only: names and values are the client's, and clients have been seen to send a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} parameters]", self.0.len())
    }
}
