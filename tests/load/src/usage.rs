//! What the broker uses of the system. Its memory is read by its process id; its file descriptors are told by itself,
//! for it is undumpable and nobody else may look.

use std::fs;
use std::time::{Duration, Instant};

use hoop_harness::{Broker, program};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stage::{Stage, connector};

/// What the broker uses at one moment. Memory in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory.
    pub rss: u64,
    /// Resident memory that is its own alone; 0 where only root may know.
    pub private: u64,
    /// Open file descriptors, the one that asks not counted.
    pub fds: u64,
    /// Connections to targets that are open.
    pub open: u64,
    /// Live sessions.
    pub sessions: u64,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// As of now.
    ///
    /// # Panics
    /// When the broker does not run or does not tell.
    pub async fn now(broker: &Broker) -> Self {
        let pid = broker.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the broker runs");
        // Root may read it in spite of all; others get nothing.
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let told = metrics(broker).await;
        let metric = |name: &str| number(&told, name);
        Self {
            rss: number(&status, "VmRSS:"),
            private: number(&rollup, "Private_Clean:") + number(&rollup, "Private_Dirty:"),
            // The connection that asks is open while it asks.
            fds: metric("process_open_fds ").saturating_sub(1),
            open: metric("hoop_connections_open{way=\"native\"} ")
                + metric("hoop_connections_open{way=\"tunnel\"} "),
            sessions: metric("hoop_sessions_open "),
            threads: number(&status, "Threads:"),
        }
    }

    /// Waits until `open` connections to targets are open and nothing has been opened or closed for longer than an
    /// HTTP connection may be idle: what is left then stays. After [`program::PATIENCE`] it is told as it is.
    ///
    /// # Panics
    /// When the broker does not run or does not tell.
    pub async fn at_rest(stage: &Stage, open: u64) -> Self {
        const LOOK: Duration = Duration::from_millis(500);
        let start = Instant::now();
        let (mut usage, mut since) = (Self::now(&stage.broker).await, Instant::now());
        while start.elapsed() < program::PATIENCE {
            tokio::time::sleep(LOOK).await;
            let now = Self::now(&stage.broker).await;
            if now.fds != usage.fds || now.open != open {
                since = Instant::now();
            }
            usage = now;
            if since.elapsed() > stage.handshake + 2 * LOOK {
                break;
            }
        }
        usage
    }
}

fn number(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// `GET /metrics`; again when the machine was too busy to send the request in time.
///
/// # Panics
/// When the broker does not answer.
pub async fn metrics(broker: &Broker) -> String {
    let start = Instant::now();
    loop {
        match ask(broker).await {
            Ok(told) if told.contains("hoop_ledger_poisoned 0") => return told,
            other => assert!(start.elapsed() < program::PATIENCE, "no metrics, or no ledger: {other:?}"),
        }
    }
}

async fn ask(broker: &Broker) -> std::io::Result<String> {
    let tcp = TcpStream::connect(("127.0.0.1", broker.port())).await?;
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let mut tls = connector(broker, b"http/1.1").connect(name, tcp).await?;
    tls.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    // Some servers close without a goodbye of TLS: what came is whole all the same, its last line is looked for.
    let _end = tls.read_to_end(&mut answer).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
