//! hoopctl's way in: an HTTP/1.1 Upgrade on the one TLS port, opened with a session token. After it, the bytes are
//! PostgreSQL's from the start-up packet on; who the client is was settled by the token.

use std::net::SocketAddr;
use std::sync::Arc;

use hoop_pgwire::startup::StartupRequest;
use hoop_policy::Via;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::Gateway;
use super::native::{cancel, startup_request};
use super::postgres::serve::{Arrived, serve};
use super::postgres::stream::Stream;
use crate::metrics::Handshake;
use crate::session::Session;

/// A tunnel that the control side granted.
#[derive(Debug)]
pub struct Granted {
    /// The session that the token belongs to.
    pub session: Arc<Session>,
    /// The connection, once the 101 has been sent.
    pub upgrade: hyper::upgrade::OnUpgrade,
}

/// Runs a granted tunnel to its end.
pub async fn run(gateway: &Arc<Gateway>, granted: Granted, address: SocketAddr) {
    let Some((mut stream, mut buf)) = taken(granted.upgrade, address).await else { return };
    let limit = gateway.limits.handshake;
    let hello = tokio::time::timeout(limit, hello(&mut stream, &mut buf)).await;
    let Ok(Ok(request)) = hello else {
        tracing::debug!(%address, "a tunnel without a start-up packet");
        gateway.metrics.handshake_failures(Handshake::Startup).inc();
        return;
    };
    match request {
        StartupRequest::Cancel { pid, key } => {
            cancel(gateway, pid, key.expose(), Some(granted.session.id)).await;
        }
        StartupRequest::Startup { version, parameters } => {
            let session = granted.session;
            let arrived =
                Arrived { stream, rest: buf, session, parameters, version, address, via: Via::Tunnel };
            serve(gateway, arrived).await;
        }
        // `hello` has answered these.
        StartupRequest::Ssl | StartupRequest::GssEnc => {}
    }
}

/// The transport, and what came behind the request. The buffers of HTTP are given back here.
async fn taken(upgrade: hyper::upgrade::OnUpgrade, address: SocketAddr) -> Option<(Stream, Vec<u8>)> {
    let Ok(upgraded) = upgrade.await else {
        tracing::debug!(%address, "a tunnel was granted and then not taken");
        return None;
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>() else {
        tracing::error!("a tunnel came by something other than the TLS port");
        return None;
    };
    Some((Stream::ServerTls(Box::new(parts.io.into_inner())), parts.read_buf.to_vec()))
}

/// The tunnel is encrypted already: a client that asks for more hears no and goes on.
async fn hello(stream: &mut Stream, buf: &mut Vec<u8>) -> std::io::Result<StartupRequest> {
    loop {
        match startup_request(stream, buf).await? {
            StartupRequest::Ssl | StartupRequest::GssEnc => {
                stream.write_all(b"N").await?;
                stream.flush().await?;
            }
            request @ (StartupRequest::Cancel { .. } | StartupRequest::Startup { .. }) => return Ok(request),
        }
    }
}
