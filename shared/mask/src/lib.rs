//! Card-number detection and masking. Written out by the module's builder; only the vocabulary is fixed here.

/// A kind of sensitive data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Primary account number.
    Pan,
    /// Card verification value.
    Cvv,
    /// Expiry date.
    Expiry,
    /// Track 1 or 2, EMV equivalents.
    Track,
    /// Cardholder name.
    Name,
    /// Free text that may hold any of these.
    Freetext,
    /// The user's own.
    Custom(std::sync::Arc<str>),
}
