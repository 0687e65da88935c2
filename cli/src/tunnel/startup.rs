//! The start of a PostgreSQL connection, as hoopctl answers it itself (PostgreSQL protocol, "Start-up"). No sockets.

use subtle::ConstantTimeEq as _;

/// PostgreSQL's own limit of a start-up packet, bytes (`MAX_STARTUP_PACKET_LENGTH`).
pub const PACKET_MAX: usize = 10_000;
/// The longest password message that is read, bytes.
pub const PASSWORD_MAX: usize = 1_000;

const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// What a client opens with.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening {
    /// It asks for TLS or GSSAPI encryption: `N`, and it may go on in plain.
    Encryption,
    /// It wants to cancel what another connection runs; the packet goes up as it is.
    Cancel,
    /// It starts up.
    Startup(Startup),
}

/// A start-up packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Startup {
    version: u32,
    parameters: Vec<(String, String)>,
}

/// The bytes are no opening of protocol 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnOpening {
    /// The length is impossible.
    #[error("the first packet is not of PostgreSQL's protocol")]
    Length,
    /// Another protocol version.
    #[error("only protocol version 3 is spoken here")]
    Version,
    /// Names and values do not end as they should, or are not UTF-8.
    #[error("the start-up packet is malformed")]
    Malformed,
}

/// Reads the length that a packet begins with, itself included.
///
/// # Errors
/// It is too short or too long.
pub fn packet_len(head: [u8; 4]) -> Result<usize, NotAnOpening> {
    let len = usize::try_from(u32::from_be_bytes(head)).map_err(|_| NotAnOpening::Length)?;
    if (8..=PACKET_MAX).contains(&len) { Ok(len) } else { Err(NotAnOpening::Length) }
}

impl Opening {
    /// Reads what follows the length.
    ///
    /// # Errors
    /// It is no opening of protocol 3.
    pub fn parse(body: &[u8]) -> Result<Self, NotAnOpening> {
        let (code, rest) = body.split_first_chunk::<4>().ok_or(NotAnOpening::Length)?;
        match u32::from_be_bytes(*code) {
            SSL_REQUEST | GSSENC_REQUEST => Ok(Self::Encryption),
            CANCEL_REQUEST => Ok(Self::Cancel),
            version if version >> 16 == 3 => {
                Ok(Self::Startup(Startup { version, parameters: parameters(rest)? }))
            }
            _ => Err(NotAnOpening::Version),
        }
    }
}

fn parameters(mut rest: &[u8]) -> Result<Vec<(String, String)>, NotAnOpening> {
    let mut found = Vec::new();
    loop {
        let name = take_text(&mut rest)?;
        if name.is_empty() {
            return if rest.is_empty() { Ok(found) } else { Err(NotAnOpening::Malformed) };
        }
        found.push((name, take_text(&mut rest)?));
    }
}

fn take_text(rest: &mut &[u8]) -> Result<String, NotAnOpening> {
    let end = rest.iter().position(|b| *b == 0).ok_or(NotAnOpening::Malformed)?;
    let text = std::str::from_utf8(&rest[..end]).map_err(|_| NotAnOpening::Malformed)?.to_owned();
    *rest = &rest[end + 1..];
    Ok(text)
}

impl Startup {
    fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// The packet for the broker: all as the client said, but for a user and a database that it did not really
    /// choose. libpq fills in the user's name for a missing database.
    #[must_use]
    pub fn packet(&self, user: &str, default_database: &str, databases: &[String]) -> Vec<u8> {
        let said_user = self.value("user").unwrap_or(user);
        let database = match self.value("database") {
            Some(named) if named == said_user && !databases.iter().any(|d| d == named) => default_database,
            Some(named) => named,
            None => default_database,
        };
        let mut body = self.version.to_be_bytes().to_vec();
        let own = [("user", said_user), ("database", database)];
        let others = self.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, value) in own.into_iter().chain(others.filter(|(n, _)| *n != "user" && *n != "database")) {
            for text in [name, value] {
                body.extend_from_slice(text.as_bytes());
                body.push(0);
            }
        }
        body.push(0);
        framed(None, &body)
    }
}

/// AuthenticationCleartextPassword: over loopback only, and the password opens nothing but this port.
pub const PASSWORD_REQUEST: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 3];

/// True if a password message's body carries `password`. The time does not tell how much of it was right.
#[must_use]
pub fn password_matches(body: &[u8], password: &str) -> bool {
    body.strip_suffix(&[0]).is_some_and(|said| bool::from(said.ct_eq(password.as_bytes())))
}

/// An ErrorResponse of severity FATAL, after which the connection is closed.
#[must_use]
pub fn fatal(sqlstate: &str, message: &str, hint: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    let fields = [
        (b'S', Some("FATAL")),
        (b'V', Some("FATAL")),
        (b'C', Some(sqlstate)),
        (b'M', Some(message)),
        (b'H', hint),
    ];
    for (kind, text) in fields {
        if let Some(text) = text {
            body.push(kind);
            body.extend(text.bytes().filter(|b| *b != 0));
            body.push(0);
        }
    }
    body.push(0);
    framed(Some(b'E'), &body)
}

fn framed(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    // Bodies made here are bounded by the packets that they are made of, far below the limit of the length.
    let len = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    kind.into_iter().chain(len.to_be_bytes()).chain(body.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(version: u32, parameters: &[u8]) -> Vec<u8> {
        [&version.to_be_bytes()[..], parameters].concat()
    }

    #[test]
    fn openings_are_told_apart() {
        assert_eq!(Opening::parse(&body(SSL_REQUEST, b"")), Ok(Opening::Encryption));
        assert_eq!(Opening::parse(&body(GSSENC_REQUEST, b"")), Ok(Opening::Encryption));
        assert_eq!(Opening::parse(&body(CANCEL_REQUEST, &[0; 8])), Ok(Opening::Cancel));
        assert!(matches!(Opening::parse(&body(196_608, b"user\0me\0\0")), Ok(Opening::Startup(_))));
        assert!(matches!(Opening::parse(&body(196_610, b"\0")), Ok(Opening::Startup(_))));
        assert_eq!(Opening::parse(&body(131_072, b"")), Err(NotAnOpening::Version));
        for bad in [&b""[..], b"user", b"user\0me\0", b"user\0\xff\0\0", b"\0rest"] {
            assert_eq!(Opening::parse(&body(196_608, bad)), Err(NotAnOpening::Malformed));
        }
        assert_eq!(packet_len([0, 0, 0, 7]), Err(NotAnOpening::Length));
        assert_eq!(packet_len(*b"GET "), Err(NotAnOpening::Length));
        assert_eq!(packet_len([0x16, 3, 1, 2]), Err(NotAnOpening::Length));
        assert_eq!(packet_len([0, 0, 0, 8]), Ok(8));
    }

    fn sent(parameters: &[u8]) -> String {
        let Ok(Opening::Startup(startup)) = Opening::parse(&body(196_608, parameters)) else {
            panic!("no start-up")
        };
        let packet = startup.packet("pay", "main", &["main".into(), "audit".into()]);
        let len = u32::from_be_bytes(packet[..4].try_into().unwrap());
        assert_eq!(len as usize, packet.len());
        assert_eq!(packet[4..8], 196_608_u32.to_be_bytes());
        String::from_utf8(packet[8..].to_vec()).unwrap().replace('\0', "|")
    }

    #[test]
    fn user_and_database_are_filled_in_where_the_client_chose_none() {
        assert_eq!(sent(b"\0"), "user|pay|database|main||");
        assert_eq!(sent(b"user\0me\0database\0me\0\0"), "user|me|database|main||");
        assert_eq!(sent(b"database\0audit\0options\0-c x=1\0\0"), "user|pay|database|audit|options|-c x=1||");
        assert_eq!(sent(b"user\0audit\0database\0audit\0\0"), "user|audit|database|audit||");
        assert_eq!(sent(b"user\0me\0database\0other\0\0"), "user|me|database|other||");
    }

    #[test]
    fn only_the_whole_password_opens() {
        assert!(password_matches(b"secret\0", "secret"));
        for bad in [&b"secret"[..], b"secre\0", b"secrets\0", b"\0", b"", b"secret\0\0"] {
            assert!(!password_matches(bad, "secret"));
        }
    }

    #[test]
    fn an_error_is_framed_and_no_text_breaks_out_of_its_field() {
        let bytes = fatal("57P01", "a\0b", Some("c"));
        assert_eq!(bytes, b"E\0\0\0\x21SFATAL\0VFATAL\0C57P01\0Mab\0Hc\0\0");
    }
}
