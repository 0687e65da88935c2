//! The native PostgreSQL listener, for tools that cannot run hoopctl: `user` is the target, the password a token of
//! `hoopctl token`. TLS is required off loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use hoop_pgwire::backend::encode;
use hoop_pgwire::frontend::Password;
use hoop_pgwire::startup::{Parameters, ProtocolVersion, StartupRequest, decode_startup};
use hoop_pgwire::{Frame, FrontendTag, Limits, next_frame};
use hoop_policy::Via;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::Gateway;
use super::alive::ask_when_silent;
use super::postgres::refusal::fatal;
use super::postgres::serve::{Arrived, serve};
use super::postgres::stream::Stream;
use super::postgres::upstream;
use crate::control::{Control, RedeemFault};
use crate::metrics::{Denial, Handshake};
use crate::server::REFUSING;
use crate::server::door::{Full, Refusal};
use crate::server::handshakes::Place;

/// ALPN of PostgreSQL's direct TLS.
pub const ALPN: &[u8] = b"postgresql";

/// The native way in.
#[derive(Clone)]
pub struct Native {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The broker's certificate.
    pub tls: TlsAcceptor,
    /// Knows the tokens.
    pub control: Control,
}

enum Hello {
    Startup(Stream, Vec<u8>, Parameters, ProtocolVersion),
    Done,
}

impl Native {
    /// Serves one accepted socket; `place` is given back when the client has signed in.
    pub async fn serve(self, tcp: TcpStream, address: SocketAddr, place: Place) {
        // Boxed: what signing in needs is given back before the connection, which may live for hours, begins.
        let arrived = Box::pin(self.arrive(tcp, address)).await;
        drop(place);
        let Some((arrived, single_use)) = arrived else { return };
        let session = Arc::clone(&arrived.session);
        serve(&self.gateway, arrived).await;
        if single_use {
            self.gateway.end_session(&session, crate::session::EndReason::Disconnected);
        }
    }

    /// Signs in, within the limit of time.
    async fn arrive(&self, tcp: TcpStream, address: SocketAddr) -> Option<(Arrived, bool)> {
        let limit = self.gateway.limits.handshake;
        match tokio::time::timeout(limit, self.sign_in(tcp, address)).await {
            Ok(Ok(arrived)) => arrived,
            Ok(Err(e)) => {
                tracing::debug!(%address, error = %e, "native handshake failed");
                self.gateway.metrics.handshake_failures(Handshake::Startup).inc();
                None
            }
            Err(_) => {
                tracing::debug!(%address, "native handshake took too long");
                self.gateway.metrics.handshake_failures(Handshake::Timeout).inc();
                None
            }
        }
    }

    /// Tells a client that there is no room. It is let in up to its start-up packet, through TLS where it wants it, as
    /// PostgreSQL does: an error in place of the answer to SSLRequest is not shown by libpq, since anybody on the way
    /// could have written it (CVE-2024-10977). A cancellation is carried out: it makes room.
    pub async fn refuse(&self, tcp: TcpStream, address: SocketAddr, full: Full, _place: Refusal) {
        self.gateway.metrics.denials(Denial::Limit).inc();
        let told = tokio::time::timeout(REFUSING, async {
            if let Hello::Startup(mut stream, ..) = self.hello(tcp, address).await? {
                stream.write_all(&fatal("53300", &full.to_string(), full.hint())).await?;
                stream.shutdown().await?;
            }
            Ok::<_, std::io::Error>(())
        });
        if !matches!(told.await, Ok(Ok(()))) {
            tracing::debug!(%address, "the client did not wait for its refusal");
        }
    }

    async fn sign_in(&self, tcp: TcpStream, address: SocketAddr) -> std::io::Result<Option<(Arrived, bool)>> {
        tcp.set_nodelay(true)?;
        ask_when_silent(&tcp, self.gateway.limits.dead_peer)?;
        let (mut stream, mut rest, parameters, version) = match self.hello(tcp, address).await? {
            Hello::Startup(stream, rest, parameters, version) => (stream, rest, parameters, version),
            Hello::Done => return Ok(None),
        };
        let mut out = Vec::with_capacity(64);
        if version > ProtocolVersion::V3_0 {
            let unknown: Vec<_> = parameters.protocol_options().collect();
            encode::negotiate_protocol_version(&mut out, ProtocolVersion::V3_0, unknown).map_err(invalid)?;
        }
        encode::authentication_cleartext_password(&mut out);
        stream.write_all(&out).await?;
        stream.flush().await?;
        let token = password(&mut stream, &mut rest).await?;
        let target = parameters.user().unwrap_or_default().to_owned();
        let redeemed = match self.control.redeem_native(token.expose_secret(), &target, address).await {
            Ok(redeemed) => redeemed,
            Err(fault) => {
                stream.write_all(&refusal(&fault)).await?;
                stream.shutdown().await?;
                return Ok(None);
            }
        };
        let session = redeemed.session;
        let version = ProtocolVersion::V3_0;
        let arrived = Arrived { stream, rest, session, parameters, version, address, via: Via::Native };
        Ok(Some((arrived, redeemed.single_use)))
    }

    /// Up to the start-up packet: SSLRequest, GSSENCRequest, direct TLS, CancelRequest.
    async fn hello(&self, tcp: TcpStream, address: SocketAddr) -> std::io::Result<Hello> {
        let mut first = [0; 1];
        tcp.peek(&mut first).await?;
        // A TLS record of type handshake: direct TLS (PostgreSQL 17), which must name its protocol.
        let mut stream = if first[0] == 0x16 { self.direct_tls(tcp).await? } else { Stream::Tcp(tcp) };
        let mut buf = Vec::with_capacity(1024);
        loop {
            let request = startup_request(&mut stream, &mut buf).await?;
            match request {
                StartupRequest::GssEnc => {
                    refuse_early_bytes(&buf)?;
                    stream.write_all(b"N").await?;
                    stream.flush().await?;
                }
                StartupRequest::Ssl => {
                    refuse_early_bytes(&buf)?;
                    let Stream::Tcp(mut tcp) = stream else { return Err(invalid("SSLRequest under TLS")) };
                    tcp.write_all(b"S").await?;
                    stream = Stream::ServerTls(Box::new(self.tls.accept(tcp).await?));
                }
                StartupRequest::Cancel { pid, key } => {
                    self.cancel(pid, key.expose()).await;
                    return Ok(Hello::Done);
                }
                StartupRequest::Startup { version, parameters } => {
                    if matches!(stream, Stream::Tcp(_)) && !address.ip().is_loopback() {
                        let refusal = fatal("28000", "this listener requires TLS", "set sslmode=verify-full");
                        stream.write_all(&refusal).await?;
                        stream.shutdown().await?;
                        return Ok(Hello::Done);
                    }
                    return Ok(Hello::Startup(stream, buf, parameters, version));
                }
            }
        }
    }

    async fn direct_tls(&self, tcp: TcpStream) -> std::io::Result<Stream> {
        let tls = self.tls.accept(tcp).await?;
        if tls.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(invalid("direct TLS without the ALPN protocol `postgresql`"));
        }
        Ok(Stream::ServerTls(Box::new(tls)))
    }

    async fn cancel(&self, pid: u32, key: &[u8]) {
        cancel(&self.gateway, pid, key, None).await;
    }
}

fn refusal(fault: &RedeemFault) -> Vec<u8> {
    match fault {
        RedeemFault::Refused => fatal(
            "28P01",
            "the token is not valid for this target from this address",
            "get one with: hoopctl token TARGET (single use, five minutes), and connect with the target as user",
        ),
        RedeemFault::Problem(problem) => {
            let sqlstate = match problem.code {
                hoop_api::Code::LimitReached => "53300",
                hoop_api::Code::NotRecorded => "58030",
                hoop_api::Code::SessionEnded | hoop_api::Code::ShuttingDown => "57P01",
                _ => "28000",
            };
            fatal(sqlstate, &problem.detail, problem.hint.as_deref().unwrap_or("see: hoopctl targets"))
        }
    }
}

/// Passes a cancellation on, if the key is one of ours; silent otherwise, as the protocol wants.
pub async fn cancel(gateway: &Gateway, pid: u32, key: &[u8], session: Option<hoop_api::SessionId>) {
    let Some(backend) = i32::try_from(pid).ok().and_then(|pid| gateway.cancel.find(pid, key, session)) else {
        tracing::debug!("a cancel request with an unknown key");
        return;
    };
    let limit = gateway.limits.upstream_connect;
    // A statement that waits for reviewers is not at the target yet.
    if gateway.approvals.withdraw_waiting(backend.connection) {
        return;
    }
    if let Err(e) = upstream::cancel(&backend.target, backend.pid, &backend.secret, limit).await {
        tracing::warn!(target = %backend.target.name, error = %e, "a cancellation did not reach the target");
    }
}

/// Reads a start-up packet; `buf` keeps what came after it.
///
/// # Errors
/// When the socket fails or the packet does not decode.
pub async fn startup_request(stream: &mut Stream, buf: &mut Vec<u8>) -> std::io::Result<StartupRequest> {
    loop {
        if let Some((request, consumed)) = decode_startup(buf).map_err(invalid)? {
            buf.drain(..consumed);
            return Ok(request);
        }
        if stream.read_buf(buf).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Bytes that came before the encryption would be taken for bytes under it (CVE-2021-23214).
fn refuse_early_bytes(buf: &[u8]) -> std::io::Result<()> {
    if buf.is_empty() { Ok(()) } else { Err(invalid("bytes before the answer to an encryption request")) }
}

async fn password(stream: &mut Stream, buf: &mut Vec<u8>) -> std::io::Result<SecretString> {
    let limits = Limits::<FrontendTag>::default();
    loop {
        match next_frame::<FrontendTag>(buf, &limits).map_err(invalid)? {
            Frame::Whole { tag: FrontendTag::Authentication, body } => {
                let password = Password::decode(&buf[body.clone()]).map_err(invalid)?;
                let secret = SecretString::from(password.password.to_owned());
                buf[..body.end].fill(0);
                buf.drain(..body.end);
                return Ok(secret);
            }
            Frame::Whole { .. } => return Err(invalid("something other than a password")),
            Frame::Incomplete { .. } | Frame::Head { .. } => {
                if stream.read_buf(buf).await? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
}

fn invalid(e: impl std::fmt::Display) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, e.to_string())
}
