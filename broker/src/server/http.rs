//! One connection on the TLS port: HTTP/1.1, and after a granted Upgrade the tunnel.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::handshakes::Place;
use crate::gateway::Gateway;
use crate::gateway::alive::ask_when_silent;
use crate::gateway::tunnel::{self, Granted};
use crate::metrics::Handshake;

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
        let limit = self.gateway.limits.handshake;
        if tcp.set_nodelay(true).and_then(|()| ask_when_silent(&tcp, self.gateway.limits.dead_peer)).is_err()
        {
            return;
        }
        let tls = match tokio::time::timeout(limit, self.tls.accept(tcp)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(e)) => {
                self.gateway.metrics.handshake_failures(Handshake::Tls).inc();
                return tracing::debug!(%address, error = %e, "TLS handshake failed");
            }
            Err(_) => {
                self.gateway.metrics.handshake_failures(Handshake::Timeout).inc();
                return tracing::debug!(%address, "TLS handshake took too long");
            }
        };
        let slot = GrantSlot::default();
        self.http(tls, address, slot.clone()).await;
        drop(place);
        if let Some((granted, address)) = slot.take() {
            tunnel::run(&self.gateway, granted, address).await;
        }
    }

    async fn http(
        &self,
        tls: tokio_rustls::server::TlsStream<TcpStream>,
        address: SocketAddr,
        slot: GrantSlot,
    ) {
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
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(e) = ended {
            tracing::debug!(%address, error = %e, "HTTP connection failed");
        }
    }
}

/// Completes when the broker stops; never, when it is gone.
async fn until(draining: &mut watch::Receiver<bool>) {
    if draining.wait_for(|d| *d).await.is_err() {
        std::future::pending::<()>().await;
    }
}
