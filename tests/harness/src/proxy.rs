//! A TCP proxy that can do what a bad network does: fall silent in either direction, and reset connections.
//!
//! Silent means that nothing is passed and nothing is closed, for as long as the test wants. The proxy's own system
//! still acknowledges what it is sent: a peer that is gone altogether takes a network namespace, not a proxy.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

/// One direction of all connections.
#[derive(Debug, Default)]
struct Lane {
    passed: u64,
    // How many bytes may still pass; `None` is no limit.
    left: Option<u64>,
}

#[derive(Debug, Default)]
struct State {
    requests: Lane,
    answers: Lane,
    // Both sockets of each connection that was not reset.
    open: BTreeMap<u64, [TcpStream; 2]>,
    next: u64,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A running proxy; it ends with this value, and its connections with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Clone, Copy)]
enum Direction {
    Requests,
    Answers,
}

impl State {
    fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Requests => &mut self.requests,
            Direction::Answers => &mut self.answers,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics in here")
    }
}

impl Proxy {
    /// Listens on `listen` (port 0: a free one) and passes everything to `to` and back.
    ///
    /// # Panics
    /// When the address cannot be used.
    #[must_use]
    pub fn start(listen: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(listen).expect("the proxy's address is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared::default());
        let proxy = Self { address, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.state().stopped {
                    return;
                }
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(to)) else { continue };
                join(&shared, client, server);
            }
        });
        proxy
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of answers that have passed so far, over all connections.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.state().answers.passed
    }

    /// Passes so many more bytes of answers, and then no more.
    pub fn freeze_answers_after(&self, bytes: u64) {
        self.shared.state().answers.left = Some(bytes);
    }

    /// Passes nothing more in either direction.
    pub fn freeze(&self) {
        let mut state = self.shared.state();
        state.answers.left = Some(0);
        state.requests.left = Some(0);
    }

    /// Passes everything again, first what has waited.
    pub fn thaw(&self) {
        let mut state = self.shared.state();
        state.answers.left = None;
        state.requests.left = None;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Resets (RST) all connections on both sides. New ones are taken as before.
    pub fn reset(&self) {
        let open = std::mem::take(&mut self.shared.state().open);
        for socket in open.into_values().flatten() {
            // What is closed already has nothing left to reset. Closing the reading half sends nothing by itself: it
            // wakes the thread that holds the socket, and with the last of its handles the reset goes out.
            let (Ok(()) | Err(_)) = set_socket_linger(&socket, Some(Duration::ZERO));
            drop(socket.shutdown(Shutdown::Read));
        }
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.thaw();
        self.reset();
        // Wakes the listener, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

fn join(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) {
    let clone = |socket: &TcpStream| socket.try_clone().expect("a socket can be cloned");
    for socket in [&client, &server] {
        socket.set_nodelay(true).expect("a socket takes options");
    }
    let mut state = shared.state();
    let id = state.next;
    state.next += 1;
    state.open.insert(id, [clone(&client), clone(&server)]);
    drop(state);
    let (to_server, to_client) = (clone(&server), clone(&client));
    let (up, down) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || pump(&up, (id, Direction::Requests), client, to_server));
    thread::spawn(move || pump(&down, (id, Direction::Answers), server, to_client));
}

// Errors are ends: the other half sees its own.
fn pump(shared: &Shared, way: (u64, Direction), mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        let mut rest = &buffer[..read];
        loop {
            let Some(now) = wait(shared, way, rest.len()) else { return };
            if to.write_all(&rest[..now]).is_err() {
                drop(from.shutdown(Shutdown::Read));
                return;
            }
            rest = &rest[now..];
            if rest.is_empty() {
                break;
            }
        }
        if read == 0 {
            drop(to.shutdown(Shutdown::Write));
            return;
        }
    }
}

// How many of `wanted` bytes may pass now; waits while none may, also with the end of a stream. `None` when the
// connection was reset meanwhile.
fn wait(shared: &Shared, (id, direction): (u64, Direction), wanted: usize) -> Option<usize> {
    let mut state = shared.state();
    loop {
        if !state.open.contains_key(&id) {
            return None;
        }
        let lane = state.lane(direction);
        if lane.left != Some(0) {
            let now =
                lane.left.map_or(wanted, |left| wanted.min(usize::try_from(left).unwrap_or(usize::MAX)));
            lane.passed += now as u64;
            lane.left = lane.left.map(|left| left - now as u64);
            return Some(now);
        }
        state = shared.changed.wait(state).expect("no test panics in here");
    }
}
