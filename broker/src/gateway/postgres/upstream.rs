//! The gateway as a client of the target: connect, TLS, sign in, and check what it has connected to.

use std::time::Duration;

use hoop_pgwire::backend::{BackendKeyData, ParameterStatus, Report};
use hoop_pgwire::frontend::encode;
use hoop_pgwire::startup::{ProtocolVersion, encode as startup};
use hoop_pgwire::{BackendTag, CancelKey, Format, Frame, Limits, next_frame};
use postgres_protocol::authentication::sasl::ChannelBinding;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::sign_in::sign_in;
use super::stream::Stream;
use super::{fitness, tls};
use crate::config::{Target, UpstreamAddress};
use crate::gateway::alive::ask_when_silent;

/// A signed-in connection to a target.
#[derive(Debug)]
pub struct Upstream {
    talk: Talk,
    /// Settings as the server reported them.
    pub parameters: Vec<(String, String)>,
    /// Backend process id and cancel key.
    pub key: Option<(u32, Vec<u8>)>,
}

/// Why a target cannot be used. The text is for the operator's log; [`UpstreamError::for_client`] for the client.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection within the time limit.
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    /// The socket failed.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    /// TLS settings cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The server speaks no TLS.
    #[error("the server refuses TLS; `tls = \"disable\"` would send everything in clear")]
    NoTls,
    /// The host is no name that a certificate could carry.
    #[error("`{0}` is not a host name that a certificate can carry")]
    BadHostName(String),
    /// The configured password cannot be read.
    #[error("the password cannot be read: {0}")]
    Password(String),
    /// The server asks for a password and none is configured.
    #[error("the server asks for a password and `password` is not set")]
    NoPassword,
    /// The server asks for a method that is not allowed.
    #[error("the server asks for {method}; {hint}")]
    Method {
        /// The method.
        method: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// SCRAM failed: wrong password on our side, or the server could not prove that it knows it.
    #[error("SCRAM: {0}")]
    Scram(std::io::Error),
    /// The server refused us.
    #[error("the server refused the connection: SQLSTATE {0}")]
    Refused(String),
    /// The server does not speak the protocol.
    #[error("the server does not speak PostgreSQL's protocol 3")]
    Protocol,
    /// The login or the server is not fit to be gated.
    #[error("{0}")]
    Unfit(String),
    /// Its catalogue could not be read when several waited for it.
    #[error("its catalogue: {0}")]
    Unread(std::sync::Arc<UpstreamError>),
}

impl UpstreamError {
    /// What a client may know.
    #[must_use]
    pub fn for_client(&self) -> (&'static str, String) {
        match self {
            Self::Unfit(why) => ("08004", format!("the target is refused: {why}")),
            Self::Refused(code) => {
                ("08004", format!("the target refused the broker's login (SQLSTATE {code})"))
            }
            Self::Timeout(_) | Self::Io(_) => ("08001", "the target cannot be reached".to_owned()),
            Self::Tls(_) | Self::NoTls | Self::BadHostName(_) => {
                ("08001", "the way to the target cannot be secured".to_owned())
            }
            Self::Password(_) | Self::NoPassword | Self::Method { .. } | Self::Scram(_) => {
                ("08001", "the broker cannot sign in at the target".to_owned())
            }
            Self::Unread(why) => why.for_client(),
            Self::Protocol => ("08P01", "the target does not speak PostgreSQL's protocol".to_owned()),
        }
    }
}

/// Connects to `database` of `target` and signs in, within `limits.upstream_connect`.
///
/// # Errors
/// [`UpstreamError`].
pub async fn connect(
    target: &Target,
    database: &str,
    settings: &[(String, String)],
    limits: &crate::config::Limits,
) -> Result<Upstream, UpstreamError> {
    within(limits.upstream_connect, open(target, database, settings, limits.dead_peer)).await
}

/// Does `work` with the target, but not for longer than `limit`.
///
/// # Errors
/// Those of `work`, and [`UpstreamError::Timeout`].
pub async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    tokio::time::timeout(limit, work).await.map_err(|_| UpstreamError::Timeout(limit))?
}

async fn open(
    target: &Target,
    database: &str,
    settings: &[(String, String)],
    dead_peer: Duration,
) -> Result<Upstream, UpstreamError> {
    let (stream, binding) = transport(target, dead_peer).await?;
    let mut talk = Talk { stream, buf: Vec::with_capacity(4096) };
    let mut packet = Vec::with_capacity(256);
    let own = [
        ("user", target.login.as_str()),
        ("database", database),
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
    ];
    let all = own.into_iter().chain(settings.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    startup::startup(&mut packet, ProtocolVersion::V3_0, all).map_err(|_| UpstreamError::Protocol)?;
    talk.stream.write_all(&packet).await?;
    talk.stream.flush().await?;
    sign_in(&mut talk, target, binding).await?;
    let mut upstream = ready(talk).await?;
    fitness::check(&upstream)?;
    fitness::check_login(&mut upstream).await?;
    Ok(upstream)
}

/// TCP or Unix socket, with TLS where the owner did not disable it, and the channel binding that goes with it.
async fn transport(target: &Target, dead_peer: Duration) -> Result<(Stream, ChannelBinding), UpstreamError> {
    let (host, port) = match &target.address {
        UpstreamAddress::Unix(path) => {
            return Ok((Stream::Unix(UnixStream::connect(path).await?), ChannelBinding::unsupported()));
        }
        UpstreamAddress::Tcp { host, port } => (host, *port),
    };
    let mut tcp = TcpStream::connect((host.as_str(), port)).await?;
    tcp.set_nodelay(true)?;
    ask_when_silent(&tcp, dead_peer)?;
    let Some(config) = tls::client_config(target)? else {
        return Ok((Stream::Tcp(tcp), ChannelBinding::unsupported()));
    };
    let mut ask = Vec::with_capacity(8);
    startup::ssl_request(&mut ask);
    tcp.write_all(&ask).await?;
    // Exactly one byte is read: more in the buffer would have come before the encryption (CVE-2021-23222).
    if tcp.read_u8().await? != b'S' {
        return Err(UpstreamError::NoTls);
    }
    let name = rustls::pki_types::ServerName::try_from(host.clone())
        .map_err(|_| UpstreamError::BadHostName(host.clone()))?;
    let stream = tokio_rustls::TlsConnector::from(config).connect(name, tcp).await?;
    let end_point =
        stream.get_ref().1.peer_certificates().and_then(<[_]>::first).and_then(tls::server_end_point);
    let binding = end_point.map_or_else(ChannelBinding::unsupported, ChannelBinding::tls_server_end_point);
    Ok((Stream::ClientTls(Box::new(stream)), binding))
}

/// A conversation before the relay takes over: one message at a time.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) stream: Stream,
    buf: Vec<u8>,
}

impl Talk {
    pub(super) async fn message(&mut self) -> Result<(BackendTag, Vec<u8>), UpstreamError> {
        let limits = Limits::<BackendTag>::default().with(BackendTag::DataRow, 1 << 20);
        loop {
            match next_frame::<BackendTag>(&self.buf, &limits).map_err(|_| UpstreamError::Protocol)? {
                Frame::Whole { tag, body } => {
                    let message = self.buf[body.clone()].to_vec();
                    self.buf.drain(..body.end);
                    return Ok((tag, message));
                }
                Frame::Incomplete { .. } | Frame::Head { .. } => {
                    if self.stream.read_buf(&mut self.buf).await? == 0 {
                        return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
                    }
                }
            }
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), UpstreamError> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }
}

/// Reads up to the first ReadyForQuery.
async fn ready(mut talk: Talk) -> Result<Upstream, UpstreamError> {
    let (mut parameters, mut key) = (Vec::new(), None);
    loop {
        let (tag, body) = talk.message().await?;
        match tag {
            BackendTag::ParameterStatus => {
                let status = ParameterStatus::decode(&body).map_err(|_| UpstreamError::Protocol)?;
                parameters.push((status.name.to_owned(), String::from_utf8_lossy(status.value).into_owned()));
            }
            BackendTag::BackendKeyData => {
                let data = BackendKeyData::decode(&body).map_err(|_| UpstreamError::Protocol)?;
                key = Some((data.pid, data.key.expose().to_vec()));
            }
            BackendTag::ReadyForQuery => {
                return Ok(Upstream { talk, parameters, key });
            }
            BackendTag::NoticeResponse => {}
            BackendTag::ErrorResponse => return Err(refused(&body)),
            _ => return Err(UpstreamError::Protocol),
        }
    }
}

pub(super) fn refused(body: &[u8]) -> UpstreamError {
    let code = Report::decode("ErrorResponse", body).ok().and_then(Report::sqlstate);
    UpstreamError::Refused(code.map_or_else(|| "unknown".to_owned(), |c| c.to_string()))
}

/// A row of a query of our own, in text.
pub type Row = Vec<Option<String>>;

impl Upstream {
    /// The transport, and bytes that came after the last message (none in practice).
    #[must_use]
    pub fn into_stream(self) -> (Stream, Vec<u8>) {
        (self.talk.stream, self.talk.buf)
    }

    /// TLS of this leg, for the ledger.
    #[must_use]
    pub fn protection(&self) -> String {
        self.talk.stream.protection()
    }

    /// Runs a query of our own (catalogue look-ups); only between start-up and relay.
    ///
    /// # Errors
    /// [`UpstreamError`] when the server fails it or breaks the protocol.
    pub async fn query(&mut self, text: &str) -> Result<Vec<Row>, UpstreamError> {
        let mut out = Vec::with_capacity(text.len() + 8);
        encode::query(&mut out, text).map_err(|_| UpstreamError::Protocol)?;
        self.rows(&out).await
    }

    /// As [`Upstream::query`], with parameters of these types (0 leaves one to the server).
    ///
    /// # Errors
    /// [`UpstreamError`] when the server fails it or breaks the protocol.
    pub async fn query_with(
        &mut self,
        text: &str,
        types: &[u32],
        parameters: &[(Format, Option<Vec<u8>>)],
    ) -> Result<Vec<Row>, UpstreamError> {
        let mut out = Vec::with_capacity(text.len() + 64);
        let formats = parameters.iter().map(|(format, _)| *format);
        let values = parameters.iter().map(|(_, value)| value.as_deref());
        encode::parse(&mut out, "", text, types.iter().copied())
            .and_then(|()| encode::bind(&mut out, "", "", formats, values, []))
            .and_then(|()| encode::execute(&mut out, "", 0))
            .map_err(|_| UpstreamError::Protocol)?;
        encode::sync(&mut out);
        self.rows(&out).await
    }

    async fn rows(&mut self, asked: &[u8]) -> Result<Vec<Row>, UpstreamError> {
        self.talk.send(asked).await?;
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            let (tag, body) = self.talk.message().await?;
            match tag {
                BackendTag::DataRow => {
                    let row =
                        hoop_pgwire::backend::DataRow::decode(&body).map_err(|_| UpstreamError::Protocol)?;
                    rows.push(
                        row.values().map(|v| v.map(|v| String::from_utf8_lossy(v).into_owned())).collect(),
                    );
                }
                BackendTag::ErrorResponse => failed = Some(refused(&body)),
                BackendTag::ReadyForQuery => return failed.map_or(Ok(rows), Err),
                BackendTag::RowDescription
                | BackendTag::ParseComplete
                | BackendTag::BindComplete
                | BackendTag::CommandComplete
                | BackendTag::NoticeResponse
                | BackendTag::ParameterStatus => {}
                _ => return Err(UpstreamError::Protocol),
            }
        }
    }
}

/// Sends a CancelRequest on a connection of its own, over TLS where the target has it.
///
/// # Errors
/// [`UpstreamError`].
pub async fn cancel(target: &Target, pid: u32, key: &[u8], limit: Duration) -> Result<(), UpstreamError> {
    let send = async {
        let (mut stream, _) = transport(target, limit).await?;
        let key = CancelKey::new(key).map_err(|_| UpstreamError::Protocol)?;
        let mut out = Vec::with_capacity(32);
        startup::cancel(&mut out, pid, &key).map_err(|_| UpstreamError::Protocol)?;
        stream.write_all(&out).await?;
        stream.flush().await?;
        // The server closes when it has acted.
        let mut nothing = [0; 1];
        let _closed = stream.read(&mut nothing).await?;
        Ok(())
    };
    within(limit, send).await
}
