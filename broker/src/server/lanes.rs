//! Lanes: one single-threaded runtime a core. A connection lives on one lane from accept to close, so that neither of
//! its sockets ever wakes another core and its state needs no lock.
//!
//! Lane threads have large stacks: short statements are parsed on them (libpg_query recurses), longer ones on the
//! parser thread, so that a megabyte of SQL delays nobody else.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::door::Admission;

/// Where a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// The one TLS port.
    Https,
    /// The native PostgreSQL listener.
    Native,
}

/// Threads of a lane for work that would hold it up: key derivation and the state. What comes beyond them queues.
const HELPERS: usize = 4;

/// A connection handed to a lane.
#[derive(Debug)]
pub struct Arrival {
    /// Its socket.
    pub socket: TcpStream,
    /// From where.
    pub address: SocketAddr,
    /// Where it came in.
    pub listener: Listener,
    /// What becomes of it, with its place.
    pub admission: Admission,
}

/// What a lane does with an arrival; runs on the lane's runtime.
pub type Serve = Arc<dyn Fn(Arrival) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// One lane as seen from outside. What waits in its inbox is bounded by the door, which gives each arrival a seat.
#[derive(Debug, Clone)]
struct Inbox {
    arrivals: mpsc::UnboundedSender<Arrival>,
    open: Arc<AtomicUsize>,
}

/// Hands connections to lanes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hands(Arc<[Inbox]>);

/// All lanes of the broker.
pub struct Lanes {
    hands: Hands,
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Hands {
    /// Hands a connection to the lane with the fewest.
    pub fn hand(&self, arrival: Arrival) {
        if let Some(lane) = self.0.iter().min_by_key(|l| l.open.load(Ordering::Relaxed)) {
            lane.open.fetch_add(1, Ordering::Relaxed);
            // A lane only goes away when the broker stops; what arrives then is closed by being dropped.
            if lane.arrivals.send(arrival).is_err() {
                lane.open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl std::fmt::Debug for Lanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lanes").field("count", &self.threads.len()).field("open", &self.open()).finish()
    }
}

impl Lanes {
    /// Starts `count` lanes with `stack` bytes of stack each.
    ///
    /// # Errors
    /// When a thread or a runtime cannot be made.
    pub fn start(count: usize, stack: usize, serve: &Serve) -> std::io::Result<Self> {
        let (stop, _) = watch::channel(false);
        let (mut inboxes, mut threads) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for index in 0..count {
            let (arrivals, inbox) = mpsc::unbounded_channel();
            let open = Arc::new(AtomicUsize::new(0));
            let (serve, counter, stopped) = (Arc::clone(serve), Arc::clone(&open), stop.subscribe());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(HELPERS)
                .build()?;
            let thread = std::thread::Builder::new()
                .name(format!("lane-{index}"))
                .stack_size(stack)
                .spawn(move || runtime.block_on(run(inbox, serve, counter, stopped)))?;
            inboxes.push(Inbox { arrivals, open });
            threads.push(thread);
        }
        Ok(Self { hands: Hands(inboxes.into()), threads, stop })
    }

    /// What hands connections to these lanes.
    #[must_use]
    pub fn hands(&self) -> Hands {
        self.hands.clone()
    }

    /// Open connections on all lanes.
    #[must_use]
    pub fn open(&self) -> usize {
        self.hands.0.iter().map(|l| l.open.load(Ordering::Relaxed)).sum()
    }

    /// Waits until no connection is open or `limit` has passed, then ends the lanes and with them all that is left.
    pub async fn drain(self, limit: Duration) {
        let deadline = tokio::time::Instant::now() + limit;
        while self.open() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.stop.send_replace(true);
        for thread in self.threads {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("a lane ended by a panic");
            }
        }
    }
}

async fn run(
    mut inbox: mpsc::UnboundedReceiver<Arrival>,
    serve: Serve,
    open: Arc<AtomicUsize>,
    mut stop: watch::Receiver<bool>,
) {
    // INVARIANT: every task of this lane is in `tasks`; dropping it at the end aborts what drain did not wait for.
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            arrival = inbox.recv() => match arrival {
                Some(arrival) => {
                    let (task, open) = (serve(arrival), OpenGuard(Arc::clone(&open)));
                    tasks.spawn(async move { task.await; drop(open); });
                }
                None => break,
            },
            Some(ended) = tasks.join_next() => {
                if let Err(e) = ended && e.is_panic() {
                    tracing::error!("a connection ended by a panic; it is closed and its session lives on");
                }
            }
            _ = stop.changed() => break,
        }
    }
}

struct OpenGuard(Arc<AtomicUsize>);

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
