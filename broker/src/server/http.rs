//! One connection on the TLS port: HTTP/1.1, and after a granted Upgrade the tunnel.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::IntoResponse as _;
use hoop_api::{Code, Problem};
use http::{HeaderValue, header};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::door::{Full, Refusal};
use super::handshakes::Place;
use crate::control::ApiProblem;
use crate::gateway::Gateway;
use crate::gateway::alive::ask_when_silent;
use crate::gateway::tunnel::{self, Granted};
use crate::metrics::{Denial, Handshake};

/// How long an HTTP connection lives before it is closed at its next pause. What no other deadline catches (a body that
/// comes byte by byte, an answer that nobody reads) is cut soon after. A tunnel is no HTTP connection any more.
const LIFE: Duration = Duration::from_secs(60);
/// Time for telling a client that there is no room.
pub const REFUSING: Duration = Duration::from_secs(2);
/// When a client that was told so should come again, seconds.
const RETRY_AFTER: &str = "5";

/// Where the tunnel route leaves what it granted, for the task of the connection to take up.
#[derive(Debug, Clone, Default)]
pub struct GrantSlot(Arc<Mutex<Option<(Granted, SocketAddr)>>>);

impl GrantSlot {
    /// Leaves a grant.
    pub fn put(&self, granted: Granted, address: SocketAddr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((granted, address));
    }

    fn take(&self) -> Option<(Granted, SocketAddr)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The HTTPS way in.
#[derive(Clone)]
pub struct Https {
    /// The gateway, for tunnels.
    pub gateway: Arc<Gateway>,
    /// The broker's certificate.
    pub tls: TlsAcceptor,
    /// All routes.
    pub router: Router,
    /// Becomes true when the broker stops.
    pub draining: watch::Receiver<bool>,
}

impl Https {
    /// Serves one accepted socket; `place` is held until it is a tunnel or closed.
    pub async fn serve(self, tcp: TcpStream, address: SocketAddr, place: Place) {
        // Boxed: what HTTP needs is given back before the tunnel, which may live for hours, begins.
        let granted = Box::pin(self.requests(tcp, address)).await;
        drop(place);
        if let Some((granted, address)) = granted {
            tunnel::run(&self.gateway, granted, address).await;
        }
    }

    /// Answers requests until the connection closes or becomes a tunnel.
    async fn requests(&self, tcp: TcpStream, address: SocketAddr) -> Option<(Granted, SocketAddr)> {
        let tls = self.handshake(tcp, address, self.gateway.limits.handshake).await?;
        let slot = GrantSlot::default();
        self.http(tls, address, slot.clone()).await;
        slot.take()
    }

    async fn handshake(
        &self,
        tcp: TcpStream,
        address: SocketAddr,
        limit: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        tcp.set_nodelay(true).and_then(|()| ask_when_silent(&tcp, self.gateway.limits.dead_peer)).ok()?;
        match tokio::time::timeout(limit, self.tls.accept(tcp)).await {
            Ok(Ok(tls)) => Some(tls),
            Ok(Err(e)) => {
                self.gateway.metrics.handshake_failures(Handshake::Tls).inc();
                tracing::debug!(%address, error = %e, "TLS handshake failed");
                None
            }
            Err(_) => {
                self.gateway.metrics.handshake_failures(Handshake::Timeout).inc();
                tracing::debug!(%address, "TLS handshake took too long");
                None
            }
        }
    }

    /// Tells a client that there is no room: the one request that it may send is answered by a problem, whatever it
    /// asks. An alert of TLS would come sooner, and no client could tell it from a broken server.
    pub async fn refuse(&self, tcp: TcpStream, address: SocketAddr, full: Full, _place: Refusal) {
        self.gateway.metrics.denials(Denial::Limit).inc();
        let Some(tls) = self.handshake(tcp, address, REFUSING).await else { return };
        let service = service_fn(move |_: http::Request<hyper::body::Incoming>| async move {
            let problem = Problem::new(Code::LimitReached, full.to_string()).with_hint(full.hint());
            let mut response = ApiProblem(problem).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            Ok::<_, Infallible>(response)
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(REFUSING).keep_alive(false);
        let told = tokio::time::timeout(REFUSING, builder.serve_connection(TokioIo::new(tls), service)).await;
        if !matches!(told, Ok(Ok(()))) {
            tracing::debug!(%address, "the client did not wait for its refusal");
        }
    }

    async fn http(&self, tls: TlsStream<TcpStream>, address: SocketAddr, slot: GrantSlot) {
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            request.extensions_mut().insert(slot.clone());
            router.call(request)
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.gateway.limits.handshake);
        let mut connection =
            std::pin::pin!(builder.serve_connection(TokioIo::new(tls), service).with_upgrades());
        let mut draining = self.draining.clone();
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = until(&mut draining) => None,
            () = tokio::time::sleep(LIFE) => None,
        };
        let ended = match ended {
            Some(ended) => Ok(ended),
            None => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(self.gateway.limits.handshake, connection).await
            }
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::debug!(%address, error = %e, "HTTP connection failed"),
            Err(_) => tracing::debug!(%address, "HTTP connection cut: its last request took too long"),
        }
    }
}

/// Completes when the broker stops; never, when it is gone.
async fn until(draining: &mut watch::Receiver<bool>) {
    if draining.wait_for(|d| *d).await.is_err() {
        std::future::pending::<()>().await;
    }
}
