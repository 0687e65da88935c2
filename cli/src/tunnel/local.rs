//! One local connection: its start is answered here, the rest is copied through a tunnel of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::listener::{Accepted, Listener};
use super::startup::{self, Opening, PACKET_MAX, PASSWORD_MAX, Startup};
use super::{Session, Tunnel};
use crate::error::{Exit, Failure};

/// How long a client may take to start up.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a cancellation may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);
/// Room for one read in each direction, bytes: four TLS records.
const COPY_BUFFER: usize = 64 << 10;
/// Local connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1_000;

/// What every local connection needs.
pub struct Door {
    /// The session that it goes into.
    pub session: Session,
    /// The database for clients that name none.
    pub database: String,
    /// How many connections are open now.
    pub open: AtomicU32,
}

/// Serves local clients until the caller drops it; connections end with it.
pub async fn serve(door: Arc<Door>, listener: &Listener) -> Failure {
    let mut connections = JoinSet::new();
    let password = listener.password().map(|p| Arc::new(SecretString::from(p.expose_secret())));
    loop {
        tokio::select! {
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok(stream) => {
                    let (door, password) = (Arc::clone(&door), password.clone());
                    connections.spawn(async move { connection(&door, stream, password.as_deref()).await });
                }
                // Too many open files, mostly: it passes, and must not become a busy loop.
                Err(e) if connections.is_empty() => {
                    return Failure::usage(format!("no local connection can be accepted: {}", crate::error::plain(&e)));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

async fn connection(door: &Door, stream: Accepted, password: Option<&SecretString>) {
    door.open.fetch_add(1, Ordering::Relaxed);
    // A local client that goes away is its own affair, and nothing about it is worth a line in the terminal.
    let (Ok(()) | Err(_)) = match stream {
        Accepted::Unix(stream) => talk(door, stream, password).await,
        Accepted::Tcp(stream) => talk(door, stream, password).await,
    };
    door.open.fetch_sub(1, Ordering::Relaxed);
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    door: &Door,
    mut local: S,
    password: Option<&SecretString>,
) -> std::io::Result<()> {
    let Ok(opened) = tokio::time::timeout(STARTUP_TIMEOUT, open(&mut local, password)).await else {
        return Ok(());
    };
    match opened? {
        Opened::Refused(answer) => farewell(&mut local, &answer).await,
        Opened::Cancel(packet) => {
            if let Ok(tunnel) = door.session.tunnel().await {
                cancel(tunnel, &packet).await;
            }
            Ok(())
        }
        Opened::Startup(start) => match door.session.tunnel().await {
            Ok(mut tunnel) => {
                let opened = &door.session.opened;
                let packet = start.packet(&opened.user, &door.database, &opened.databases);
                tunnel.write_all(&packet).await?;
                tunnel.flush().await?;
                tokio::io::copy_bidirectional_with_sizes(&mut local, &mut tunnel, COPY_BUFFER, COPY_BUFFER)
                    .await
                    .map(|_| ())
            }
            Err(failure) => farewell(&mut local, &in_protocol(&failure)).await,
        },
    }
}

/// Sends the bytes of a CancelRequest; the far side answers by closing (PostgreSQL protocol, "Canceling Requests").
pub async fn cancel(mut tunnel: Tunnel, packet: &[u8]) {
    let done = async {
        tunnel.write_all(packet).await?;
        tunnel.flush().await?;
        tunnel.read(&mut [0; 1]).await
    };
    // Nobody learns whether a cancellation worked, here as in PostgreSQL.
    drop(tokio::time::timeout(CANCEL_TIMEOUT, done).await);
}

enum Opened {
    Startup(Startup),
    Cancel(Vec<u8>),
    Refused(Vec<u8>),
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    local: &mut S,
    password: Option<&SecretString>,
) -> std::io::Result<Opened> {
    // A client asks at most once for each kind of encryption.
    for _ in 0..3 {
        let mut packet = vec![0; 4];
        local.read_exact(&mut packet).await?;
        let head = [packet[0], packet[1], packet[2], packet[3]];
        let len = match startup::packet_len(head) {
            Ok(len) => len.min(PACKET_MAX),
            Err(e) => return Ok(Opened::Refused(startup::fatal("08P01", &e.to_string(), None))),
        };
        packet.resize(len, 0);
        local.read_exact(&mut packet[4..]).await?;
        match Opening::parse(&packet[4..]) {
            Ok(Opening::Encryption) => local.write_all(b"N").await?,
            // Anybody may cancel who knows the key, as with PostgreSQL itself.
            Ok(Opening::Cancel) => return Ok(Opened::Cancel(packet)),
            Ok(Opening::Startup(start)) => {
                return Ok(match password {
                    Some(password) if !asked(local, password).await? => Opened::Refused(startup::fatal(
                        "28P01",
                        "the password of this port is wrong",
                        Some("`hoopctl connect --tcp` says in which file it is"),
                    )),
                    Some(_) | None => Opened::Startup(start),
                });
            }
            Err(e) => return Ok(Opened::Refused(startup::fatal("08P01", &e.to_string(), None))),
        }
    }
    Ok(Opened::Refused(startup::fatal("08P01", "too many requests for encryption", None)))
}

/// Asks for the password; true if it was right.
async fn asked<S: AsyncRead + AsyncWrite + Unpin>(
    local: &mut S,
    password: &SecretString,
) -> std::io::Result<bool> {
    local.write_all(&startup::PASSWORD_REQUEST).await?;
    local.flush().await?;
    let mut head = [0; 5];
    local.read_exact(&mut head).await?;
    let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let body_len = usize::try_from(len).unwrap_or(0).saturating_sub(4);
    if head[0] != b'p' || !(1..=PASSWORD_MAX).contains(&body_len) {
        return Ok(false);
    }
    let mut body = zeroize::Zeroizing::new(vec![0; body_len]);
    local.read_exact(&mut body).await?;
    Ok(startup::password_matches(&body, password.expose_secret()))
}

/// A failure of ours as PostgreSQL's clients understand it.
fn in_protocol(failure: &Failure) -> Vec<u8> {
    let sqlstate = match failure.exit {
        Exit::NotSignedIn => "57P01",
        Exit::Denied | Exit::Pending | Exit::Rejected => "42501",
        Exit::Limit => "53300",
        Exit::Unreachable => "08006",
        Exit::Ok
        | Exit::Target
        | Exit::Usage
        | Exit::OwnFailure
        | Exit::Timeout
        | Exit::Interrupted
        | Exit::Child(_) => "08000",
    };
    let hint = failure.notes.iter().find(|(label, _)| *label == "hint").map(|(_, text)| text.as_str());
    startup::fatal(sqlstate, &failure.message, hint)
}

async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(local: &mut S, answer: &[u8]) -> std::io::Result<()> {
    local.write_all(answer).await?;
    local.shutdown().await
}
