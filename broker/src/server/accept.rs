//! Accepting: a thread of its own, one task a listener, that do nothing else. Whatever the ledger, the state, a target
//! or a reload waits for, new clients are let in, or told that there is no room.

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use super::door::{Admission, Door};
use super::lanes::{Arrival, Hands, Listener};

/// Clients that may wait to be accepted: as many as the broker lets in by default, so that all of them can come at
/// once, after a restart. The system may cap it (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;
/// Pause after the system refused to accept: out of file descriptors or memory. The next try would fail as well, and
/// without a pause at once and for ever.
const PAUSE: Duration = Duration::from_millis(100);
/// How often those who were turned away are told to the log at most: a flood must not fill the disk.
const TELL: Duration = Duration::from_secs(1);

/// Listens on `address`.
///
/// # Errors
/// When the address cannot be used.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The thread that accepts.
#[derive(Debug)]
pub struct Acceptor {
    thread: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Acceptor {
    /// Starts to accept on `listeners`, and hands what the door lets in to the lanes.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(listeners: Vec<(TcpListener, Listener)>, door: &Door, hands: &Hands) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut entrances = Vec::new();
        for (listener, kind) in listeners {
            let (door, hands) = (door.clone(), hands.clone());
            entrances
                .push((listener.into_std()?, Entrance { kind, door, hands, turned_away: 0, told: None }));
        }
        let thread = std::thread::Builder::new().name("accept".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let mut tasks = tokio::task::JoinSet::new();
                for (listener, entrance) in entrances {
                    match TcpListener::from_std(listener) {
                        Ok(listener) => drop(tasks.spawn(entrance.run(listener, stopped.clone()))),
                        Err(error) => tracing::error!(%error, "a listener cannot be used"),
                    }
                }
                while tasks.join_next().await.is_some() {}
            });
        })?;
        Ok(Self { thread, stop })
    }

    /// Accepts no more and closes the listeners.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("accepting ended by a panic");
        }
    }
}

/// One listener and what it needs.
struct Entrance {
    kind: Listener,
    door: Door,
    hands: Hands,
    /// Turned away since it was last told.
    turned_away: u64,
    told: Option<Instant>,
}

impl Entrance {
    async fn run(mut self, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
        let mut stuck = false;
        loop {
            let accepted = tokio::select! {
                _ = stopped.changed() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted.and_then(|(socket, address)| Ok((socket.into_std()?, address))) {
                Ok((socket, address)) => {
                    if stuck {
                        stuck = false;
                        tracing::info!(listener = ?self.kind, "accepting again");
                    }
                    self.admit(socket, address);
                }
                // The peer was gone again: of no consequence for the next.
                Err(e) if is_the_peers(&e) => {}
                Err(error) => {
                    if !stuck {
                        stuck = true;
                        tracing::error!(listener = ?self.kind, %error, "the system refuses to accept; clients wait");
                    }
                    tokio::select! {
                        _ = stopped.changed() => return,
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            }
        }
    }

    fn admit(&mut self, socket: std::net::TcpStream, address: SocketAddr) {
        let admission = self.door.admit(address.ip());
        if let Admission::Refuse(..) | Admission::Close = &admission {
            self.turned_away += 1;
            if self.told.is_none_or(|at| at.elapsed() >= TELL) {
                self.told = Some(Instant::now());
                let turned_away = std::mem::take(&mut self.turned_away);
                let limit = if let Admission::Refuse(full, _) = &admission {
                    full.to_string()
                } else {
                    String::new()
                };
                tracing::warn!(listener = ?self.kind, %address, turned_away, limit, "connections are turned away");
            }
        }
        match admission {
            Admission::Close => drop(socket),
            admission => self.hands.hand(Arrival { socket, address, listener: self.kind, admission }),
        }
    }
}

/// Errors of `accept(2)` that speak of the one connection, not of the system.
fn is_the_peers(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(e.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}
