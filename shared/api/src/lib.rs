//! What crosses the wire between hoopctl and the broker, and the small types both sides share.
//!
//! Nothing here opens a socket, reads a clock or an environment variable.

mod access;
pub mod approval;
pub mod description;
pub mod finding;
mod id;
mod problem;
pub mod routes;
mod untrusted;

pub use access::{AccessLevel, PrincipalKind};
pub use id::{ApprovalId, ConnectionId, FindingId, ID_LEN, RequestId, SessionId, StatementId};
pub use problem::{Code, Problem};
pub use untrusted::Untrusted;

/// Version of the HTTP API, exchanged in the `hoop-api-version` header; the broker serves this and the one before.
pub const API_VERSION: u16 = 1;
/// Header that carries [`API_VERSION`] both ways.
pub const API_VERSION_HEADER: &str = "hoop-api-version";
/// Protocol name of the tunnel's HTTP/1.1 Upgrade.
pub const TUNNEL_PROTOCOL: &str = "hoop-tunnel/1";
/// OAuth client id of hoopctl.
pub const CLIENT_ID: &str = "hoopctl";

/// Bytes as lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
