//! Identifiers: a prefix that names the kind and a ULID, letters, digits and one underscore only.

use serde::{Deserialize, Serialize};

/// Bytes of every id as text: three letters, an underscore and a ULID.
pub const ID_LEN: usize = 4 + ulid::ULID_LEN;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(ulid::Ulid);

        impl $name {
            /// Builds an id from milliseconds since the Unix epoch and 80 bits of randomness (the rest is ignored).
            #[must_use]
            pub const fn from_parts(unix_ms: u64, random: u128) -> Self {
                Self(ulid::Ulid::from_parts(unix_ms, random))
            }

            /// Writes it as text into `buffer`, as its `Display` does, without the machinery of `fmt`.
            #[must_use]
            pub fn encode<'a>(&self, buffer: &'a mut [u8; ID_LEN]) -> &'a str {
                let mut ulid = [0; ulid::ULID_LEN];
                self.0.array_to_str(&mut ulid);
                let (before, after) = buffer.split_at_mut(ID_LEN - ulid::ULID_LEN);
                before.copy_from_slice(concat!($prefix, "_").as_bytes());
                after.copy_from_slice(&ulid);
                std::str::from_utf8(buffer).unwrap_or_default()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAnId;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                let rest = s.strip_prefix(concat!($prefix, "_")).ok_or(NotAnId { prefix: $prefix })?;
                let ulid: ulid::Ulid = rest.parse().map_err(|_| NotAnId { prefix: $prefix })?;
                // The crate drops the bits over 128: one id must have one spelling.
                let canonical = ulid.to_string().eq_ignore_ascii_case(rest);
                if canonical { Ok(Self(ulid)) } else { Err(NotAnId { prefix: $prefix }) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'_, str>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One principal on one target under one access level.
    SessionId,
    "ses"
);
id!(
    /// One judged statement.
    StatementId,
    "stm"
);
id!(
    /// One client connection within a session.
    ConnectionId,
    "con"
);
id!(
    /// The life of one held thing.
    ApprovalId,
    "apr"
);
id!(
    /// One finding: what must be reviewed.
    FindingId,
    "fnd"
);
id!(
    /// One HTTP request, shown in problems and logs.
    RequestId,
    "req"
);

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id, expected `{prefix}_` and 26 letters and digits")]
pub struct NotAnId {
    prefix: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_encoded_as_it_is_displayed() {
        let mut buffer = [0; ID_LEN];
        let id = StatementId::from_parts(1_764_000_000_000, 42);
        assert_eq!(id.encode(&mut buffer), id.to_string());
        let id = SessionId::from_parts(u64::MAX, u128::MAX);
        assert_eq!(id.encode(&mut buffer), id.to_string());
    }
}
