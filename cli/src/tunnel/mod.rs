//! Tunnels to the gateway, and the local socket or port whose connections each get one.

pub mod listener;
pub mod local;
pub mod startup;

use std::sync::Arc;
use std::time::Duration;

use hoop_api::routes::OpenedSession;
use hoop_api::{TUNNEL_PROTOCOL, routes};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::broker::{SignedIn, authorization, check, dial, header, no_broker};
use crate::error::{Exit, Failure};
use crate::profile::Settings;

/// A tunnel: raw PostgreSQL protocol over TLS, start-up packet first.
pub type Tunnel = TlsStream<TcpStream>;

/// How long the broker may take to switch protocols.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(20);
/// The largest refusal that is read, bytes.
const REFUSAL_MAX: usize = 64 << 10;

/// A session that is open: what makes tunnels, until it ends.
pub struct Session {
    signed_in: Arc<SignedIn>,
    /// The session and its limits; the token is taken out of it.
    pub opened: OpenedSession,
    token: SecretString,
    ends: Instant,
}

impl Session {
    /// Takes over what the broker opened.
    #[must_use]
    pub fn new(signed_in: Arc<SignedIn>, mut opened: OpenedSession) -> Self {
        let token = SecretString::from(std::mem::take(&mut opened.token));
        // By the broker's clock and then by the monotonic one: this machine's wall clock has no say.
        let left = u64::try_from(opened.session.ends_at.saturating_sub(opened.now)).unwrap_or(0);
        let ends = Instant::now() + Duration::from_secs(left.min(10 * 365 * 86_400));
        Self { signed_in, opened, token, ends }
    }

    /// How long it lasts yet.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// The command that opens one like it.
    #[must_use]
    pub fn renewal(&self) -> String {
        let session = &self.opened.session;
        match session.level {
            hoop_api::AccessLevel::Masked => format!("hoopctl connect {}", session.target),
            hoop_api::AccessLevel::Write | hoop_api::AccessLevel::Reveal => {
                format!("hoopctl connect {} --level {}", session.target, session.level)
            }
        }
    }

    /// Ends it at the broker. A session may last longer than the access token that opened it, so the profile's tokens
    /// are looked at again, and refreshed, where that one is about to end.
    ///
    /// # Errors
    /// The broker is not reached, or the sign-in has ended. A session that has ended already is no error.
    pub async fn end(&self, settings: &Settings) -> Result<(), Failure> {
        let path = format!("{}/{}", routes::SESSIONS, self.opened.session.id);
        let deleted = if self.signed_in.is_fresh() {
            self.signed_in.delete(&path).await
        } else {
            SignedIn::open(settings).await?.delete(&path).await
        };
        match deleted {
            Err(f)
                if f.code == Some(hoop_api::Code::SessionEnded)
                    || f.code == Some(hoop_api::Code::NotFound) =>
            {
                Ok(())
            }
            done => done,
        }
    }

    /// Opens a tunnel, once more where the broker asks for a nonce.
    ///
    /// # Errors
    /// The session has ended, or the broker is not reached, or refuses.
    pub async fn tunnel(&self) -> Result<Tunnel, Failure> {
        if self.left().is_zero() {
            return Err(self.ended());
        }
        match tokio::time::timeout(UPGRADE_TIMEOUT, self.upgrade_twice()).await {
            Ok(done) => done,
            Err(_) => Err(no_broker(self.signed_in.broker().url(), "the tunnel does not open in time")),
        }
    }

    /// The end, with the command to go on.
    #[must_use]
    pub fn ended(&self) -> Failure {
        Failure::new(Exit::NotSignedIn, format!("the session on `{}` has ended", self.opened.session.target))
            .hint(format!("open a new one: `{}`", self.renewal()))
    }

    async fn upgrade_twice(&self) -> Result<Tunnel, Failure> {
        match self.upgrade().await? {
            Upgrade::Open(tunnel) => Ok(*tunnel),
            Upgrade::WantsNonce => match self.upgrade().await? {
                Upgrade::Open(tunnel) => Ok(*tunnel),
                Upgrade::WantsNonce => Err(Failure::unreachable("the broker keeps asking for another nonce")),
            },
        }
    }

    async fn upgrade(&self) -> Result<Upgrade, Failure> {
        let broker = self.signed_in.broker();
        let broken = |e: &dyn std::fmt::Display| no_broker(broker.url(), &format!("the tunnel fails: {e}"));
        let stream = dial::tls(broker.url(), broker.tls()).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
        let request = self.request()?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
            broker.keep_nonce(response.headers());
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return hyper::upgrade::on(response).await.map(Ok).map_err(|e| broken(&e));
            }
            refusal(response).await.map(Err)
        };
        // The connection has to be driven for the exchange to go on; both end here, nothing is left running.
        let driven = connection.with_upgrades();
        tokio::pin!(exchange);
        tokio::pin!(driven);
        let done = tokio::select! {
            done = &mut exchange => done,
            ended = &mut driven => match ended {
                Ok(()) => exchange.await,
                Err(e) => Err(broken(&e)),
            },
        };
        match done? {
            Ok(upgraded) => {
                let parts = upgraded
                    .downcast::<TokioIo<Tunnel>>()
                    .map_err(|_| broken(&"the transport cannot be taken over"))?;
                // The client speaks first (PostgreSQL protocol, "Start-up"): early bytes are not this protocol.
                if !parts.read_buf.is_empty() {
                    return Err(broken(&"the broker spoke before it was spoken to"));
                }
                Ok(Upgrade::Open(Box::new(parts.io.into_inner())))
            }
            Err(answer) if crate::broker::asks_for_nonce(&answer) => Ok(Upgrade::WantsNonce),
            Err(answer) => match check(&answer) {
                Err(f) if f.exit == Exit::NotSignedIn => Err(self.ended()),
                Err(f) => Err(f),
                Ok(()) => Err(broken(&"the broker does not switch protocols")),
            },
        }
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, Failure> {
        let broker = self.signed_in.broker();
        let url = broker.url().at(routes::TUNNEL);
        let proof = self.signed_in.key().proof("GET", &url, broker.nonce().as_deref(), Some(&self.token))?;
        Request::get(routes::TUNNEL)
            .header(http::header::HOST, broker.url().authority())
            .header(http::header::CONNECTION, "Upgrade")
            .header(http::header::UPGRADE, TUNNEL_PROTOCOL)
            .header(http::header::AUTHORIZATION, authorization(&self.token)?)
            .header("dpop", header(&proof)?)
            .header(hoop_api::API_VERSION_HEADER, hoop_api::API_VERSION)
            .body(Empty::new())
            .map_err(|e| Failure::unreachable(format!("the request cannot be made: {e}")))
    }
}

enum Upgrade {
    Open(Box<Tunnel>),
    WantsNonce,
}

async fn refusal(response: Response<Incoming>) -> Result<Response<Vec<u8>>, Failure> {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, REFUSAL_MAX).collect().await.map_err(|e| {
        Failure::unreachable(format!("the broker's refusal of the tunnel cannot be read: {e}"))
    })?;
    Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
}
