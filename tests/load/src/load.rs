//! Many idle connections and some active ones: what an idle one costs, and that all of them are answered rightly.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Client, Entrance};
use crate::stage::Stage;
use crate::usage::Usage;

/// Connections that are being opened at once.
const OPENING: usize = 32;
/// A statement on classified columns, and its one right answer.
const CARD: (&str, &str) = ("SELECT pan FROM cards WHERE id = 1", "411111******1111");

/// How much.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Connections that are idle.
    pub idle: usize,
    /// Connections that run statements beside them.
    pub active: usize,
    /// Statements of each.
    pub statements: usize,
}

/// What was measured by one way.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Before the idle connections came, with some others gone already.
    pub before: Usage,
    /// With the idle connections and nothing else.
    pub idle: Usage,
    /// Right after the active ones were done.
    pub busy: Usage,
    /// With all connections gone.
    pub after: Usage,
    /// Statements that were answered rightly; each other one is a panic.
    pub right: usize,
}

impl Measured {
    /// Resident memory for an idle connection, KiB with one decimal.
    #[must_use]
    pub fn per_connection(&self, size: Size) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "kibibytes of one process")]
        let (kib, connections) = (self.idle.rss.saturating_sub(self.before.rss) as f64, size.idle as f64);
        kib / connections
    }
}

/// Opens, asks, waits and closes by one way.
///
/// # Panics
/// When a connection is refused or an answer is wrong.
pub async fn measure(stage: &Stage, way: &str, size: Size) -> Measured {
    let entrances: Vec<_> = (0..crate::stage::SESSIONS).map(|n| stage.entrance(way, n)).collect();
    // What is made at first use (caches, threads, the policy's own) is no cost of a connection.
    let warm = open_all(&entrances, OPENING).await;
    leave_all(warm).await;
    let before = Usage::at_rest(stage, 0).await;

    let mut idle = open_all(&entrances, size.idle).await;
    let at_rest = Usage::at_rest(stage, size.idle as u64).await;
    let mut active = JoinSet::new();
    for n in 0..size.active {
        let entrance = entrances[n % entrances.len()].clone();
        active.spawn(async move { work(&entrance, n, size.statements).await });
    }
    let mut right: usize = active.join_all().await.iter().sum();
    let busy = Usage::now(&stage.broker).await;
    // None of them was lost or mixed up meanwhile.
    for (n, client) in idle.iter_mut().enumerate() {
        right += usize::from(ask(client, n).await);
    }
    leave_all(idle).await;
    let after = Usage::at_rest(stage, 0).await;
    Measured { before, idle: at_rest, busy, after, right }
}

/// Fills the buffers of a connection both ways: those of an idle one must not be what its busiest moment needed.
async fn fill_buffers(client: &mut Client) {
    let long = format!("SELECT n FROM generate_series(1, 4000) n /* {} */", "x".repeat(60_000));
    let answer = client.query(&long).await.expect("an answer");
    assert_eq!((answer.rows, answer.error), (4000, None));
}

/// Opens `count` connections, spread over `entrances`; each has run some statements, long ones as well.
async fn open_all(entrances: &[Entrance], count: usize) -> Vec<Client> {
    let turns = Arc::new(Semaphore::new(OPENING));
    let mut opening = JoinSet::new();
    for n in 0..count {
        let (entrance, turns) = (entrances[n % entrances.len()].clone(), Arc::clone(&turns));
        opening.spawn(async move {
            let _turn = turns.acquire().await.expect("nobody closes it");
            let mut client = entrance.open().await.unwrap_or_else(|e| panic!("connection {n}: {e:?}"));
            fill_buffers(&mut client).await;
            ask(&mut client, n).await;
            let answer = client.query(CARD.0).await.expect("an answer");
            assert_eq!((answer.first.as_slice(), &answer.error), (&[CARD.1.to_owned()][..], &None));
            client
        });
    }
    opening.join_all().await
}

/// Asks something that nobody else asks. True when the answer is right; another one is a panic.
async fn ask(client: &mut Client, n: usize) -> bool {
    let answer = client.query(&format!("SELECT {n} + 1")).await.expect("an answer");
    assert_eq!((answer.first, answer.error), (vec![(n + 1).to_string()], None));
    true
}

async fn work(entrance: &Entrance, n: usize, statements: usize) -> usize {
    let mut client = entrance.open().await.unwrap_or_else(|e| panic!("active connection {n}: {e:?}"));
    for done in 0..statements {
        match done % 4 {
            0 => {
                let answer = client.query(CARD.0).await.expect("an answer");
                assert_eq!(answer.first, [CARD.1]);
            }
            1 => {
                let answer =
                    client.query("SELECT n FROM generate_series(1, 500) n").await.expect("an answer");
                assert_eq!((answer.rows, answer.first[15].as_str()), (500, "16"));
            }
            _ => assert!(ask(&mut client, n * statements + done).await),
        }
    }
    client.leave().await.expect("the connection lives");
    statements
}

async fn leave_all(clients: Vec<Client>) {
    for client in clients {
        client.leave().await.expect("the connection lives");
    }
}
