//! The transports under a PostgreSQL conversation, as one type that is read and written without boxing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A downstream or upstream transport.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP: loopback native listener, or a target that the owner configured so.
    Tcp(TcpStream),
    /// A target's Unix socket.
    Unix(UnixStream),
    /// TLS that we terminate: the native listener and the tunnel on the one TLS port.
    ServerTls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// TLS towards a target.
    ClientTls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Stream {
    /// True where the peer's machine has not answered for `limit` though it owes an answer. Local sockets have no such
    /// peer.
    #[must_use]
    pub fn is_unanswered(&self, limit: Duration) -> bool {
        let tcp = match self {
            Self::Tcp(s) => s,
            Self::ServerTls(s) => s.get_ref().0,
            Self::ClientTls(s) => s.get_ref().0,
            Self::Unix(_) => return false,
        };
        hoop_tcp::is_unanswered(tcp, limit).unwrap_or_else(|e| {
            tracing::warn!(error = %e, "whether a peer still answers cannot be told");
            false
        })
    }

    /// TLS version and cipher of this leg, for the ledger (PCI DSS 4.2.1, 2.2.7), or `none`/`unix`.
    #[must_use]
    pub fn protection(&self) -> String {
        match self {
            Self::Tcp(_) => "none".to_owned(),
            Self::Unix(_) => "unix".to_owned(),
            Self::ServerTls(s) => {
                describe(s.get_ref().1.protocol_version(), s.get_ref().1.negotiated_cipher_suite())
            }
            Self::ClientTls(s) => {
                describe(s.get_ref().1.protocol_version(), s.get_ref().1.negotiated_cipher_suite())
            }
        }
    }
}

fn describe(version: Option<rustls::ProtocolVersion>, suite: Option<rustls::SupportedCipherSuite>) -> String {
    let version = match version {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "unknown",
    };
    let suite = suite.and_then(|s| s.suite().as_str()).unwrap_or("unknown");
    format!("{version} {suite}")
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_read(cx, buf),
            Self::Unix(s) => Pin::new(s).poll_read(cx, buf),
            Self::ServerTls(s) => Pin::new(s).poll_read(cx, buf),
            Self::ClientTls(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_write(cx, buf),
            Self::Unix(s) => Pin::new(s).poll_write(cx, buf),
            Self::ServerTls(s) => Pin::new(s).poll_write(cx, buf),
            Self::ClientTls(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_flush(cx),
            Self::Unix(s) => Pin::new(s).poll_flush(cx),
            Self::ServerTls(s) => Pin::new(s).poll_flush(cx),
            Self::ClientTls(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Self::Unix(s) => Pin::new(s).poll_shutdown(cx),
            Self::ServerTls(s) => Pin::new(s).poll_shutdown(cx),
            Self::ClientTls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
