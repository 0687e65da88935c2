//! Clients that come and go in every way in which clients do: in order, in anger, half way, and wrongly.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, Entrance, Refused};
use crate::stage::Stage;

/// Statement that runs until it is cancelled.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 20000000000)";
/// Statement that takes a while, and ends by itself: a client that leaves lets its statement run on.
const LONG: &str = "SELECT count(*) FROM generate_series(1, 1000000)";
/// Answer of some megabytes, in rows as they are usual.
const LARGE: (&str, usize) = ("SELECT repeat('x', 1000) FROM generate_series(1, 4000)", 4000);

/// What a client does from coming to going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Connects, asks, says goodbye.
    Ordinary,
    /// Connects, asks, is gone without a word.
    Killed,
    /// Sends half of a start-up packet and is gone.
    HalfStartup,
    /// Opens a socket on the native listener, is silent for a while, and is gone.
    Silent,
    /// The same on the HTTPS port.
    SilentHttps,
    /// Asks for TLS and sends something else.
    BrokenTls,
    /// Sends to the HTTPS port what is no TLS.
    NoTls,
    /// Comes with a password that is none.
    Stranger,
    /// Cancels its statement and goes on.
    Cancels,
    /// Makes errors of every kind and goes on.
    Errs,
    /// Reads a large answer.
    Large,
    /// Is gone in the middle of a large answer.
    GoneMidAnswer,
    /// Is gone while its statement runs.
    GoneMidStatement,
    /// Reads a table by COPY.
    Copies,
}

/// All acts.
pub const ACTS: [Act; 14] = [
    Act::Ordinary,
    Act::Killed,
    Act::HalfStartup,
    Act::Silent,
    Act::SilentHttps,
    Act::BrokenTls,
    Act::NoTls,
    Act::Stranger,
    Act::Cancels,
    Act::Errs,
    Act::Large,
    Act::GoneMidAnswer,
    Act::GoneMidStatement,
    Act::Copies,
];

/// What acts need to know.
#[derive(Debug, Clone)]
pub struct Ground {
    entrances: Vec<Entrance>,
    native: u16,
    https: u16,
}

impl Ground {
    /// Over all ways of a stage.
    #[must_use]
    pub fn of(stage: &Stage) -> Self {
        let entrances = (0..crate::stage::SESSIONS)
            .flat_map(|n| crate::stage::WAYS.map(|way| stage.entrance(way, n)))
            .collect();
        Self { entrances, native: stage.broker.native_port(), https: stage.broker.port() }
    }

    /// Does one act as the `n`th client.
    ///
    /// # Errors
    /// What went otherwise than it must.
    pub async fn run(&self, act: Act, n: usize) -> Result<(), String> {
        let entrance = &self.entrances[n % self.entrances.len()];
        let done = match act {
            Act::Ordinary | Act::Killed => ordinary(entrance, n, act == Act::Ordinary).await,
            Act::HalfStartup => half_startup(entrance).await,
            Act::Silent => silent(self.native, &[]).await,
            Act::SilentHttps => silent(self.https, &[]).await,
            Act::BrokenTls => silent(self.native, &[0, 0, 0, 8, 4, 210, 22, 47, b'n', b'o']).await,
            Act::NoTls => silent(self.https, b"GET / HTTP/1.1\r\n\r\n").await,
            Act::Stranger => stranger(&self.entrances[0]).await,
            Act::Cancels => cancels(entrance).await,
            Act::Errs => errs(entrance).await,
            Act::Large => large(entrance).await,
            Act::GoneMidAnswer => gone(entrance, LARGE.0, 3000).await,
            Act::GoneMidStatement => gone(entrance, LONG, 0).await,
            Act::Copies => copies(entrance).await,
        };
        done.map_err(|e| format!("{act:?}: {e}"))
    }
}

/// An error as text; what is not needed in earnest is not kept.
fn text(e: impl std::fmt::Debug) -> String {
    format!("{e:?}")
}

async fn open(entrance: &Entrance) -> Result<Client, String> {
    entrance.open().await.map_err(text)
}

async fn ordinary(entrance: &Entrance, n: usize, politely: bool) -> Result<(), String> {
    let mut client = open(entrance).await?;
    for step in 0..5 {
        let answer = client.query(&format!("SELECT {}, 'of churn'", n + step)).await.map_err(text)?;
        if answer.first != [(n + step).to_string()] {
            return Err(text(answer));
        }
    }
    let answer = client.query("SELECT pan FROM cards WHERE id = 1").await.map_err(text)?;
    if answer.first != ["411111******1111"] {
        return Err(text(answer));
    }
    if politely { client.leave().await.map_err(text) } else { Ok(()) }
}

async fn half_startup(entrance: &Entrance) -> Result<(), String> {
    let mut io = entrance.transport().await.map_err(text)?;
    let packet = entrance.startup();
    io.write_all(&packet[..packet.len() / 2]).await.map_err(text)?;
    io.flush().await.map_err(text)
}

/// Sends `bytes` and reads what comes for a while; the broker may close or not.
async fn silent(port: u16, bytes: &[u8]) -> Result<(), String> {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.map_err(text)?;
    tcp.write_all(bytes).await.map_err(text)?;
    let mut answer = [0; 64];
    let _whatever = tokio::time::timeout(Duration::from_millis(500), tcp.read(&mut answer)).await;
    Ok(())
}

async fn stranger(entrance: &Entrance) -> Result<(), String> {
    let wrong = Entrance { password: "hpt_wrong".to_owned(), ..entrance.clone() };
    match wrong.open().await {
        Err(Refused::Server(e)) if e.code == "28P01" => Ok(()),
        other => Err(text(other)),
    }
}

async fn cancels(entrance: &Entrance) -> Result<(), String> {
    let mut client = open(entrance).await?;
    let key = client.key;
    client.ask(ENDLESS).await.map_err(text)?;
    let mut answer = Box::pin(client.answer());
    // A cancellation may come before the statement: again, until it hits.
    let stopped = loop {
        tokio::select! {
            stopped = &mut answer => break stopped.map_err(text)?,
            () = tokio::time::sleep(Duration::from_millis(100)) => entrance.cancel(&key).await.map_err(text)?,
        }
    };
    drop(answer);
    if stopped.error.as_ref().is_none_or(|e| e.code != "57014") {
        return Err(text(stopped));
    }
    let next = client.query("SELECT 'alive'").await.map_err(text)?;
    // A cancellation that was late may hit the next statement as well, as it may without a gateway.
    if next.first != ["alive"] && next.error.as_ref().is_none_or(|e| e.code != "57014") {
        return Err(text(next));
    }
    client.leave().await.map_err(text)
}

async fn errs(entrance: &Entrance) -> Result<(), String> {
    let mut client = open(entrance).await?;
    let wrong = [
        ("SELEC 1", "42601"),
        ("SELECT 1 / 0", "22012"),
        ("DROP TABLE cards", "42501"),
        ("SELECT * FROM no_such_table", "42P01"),
        ("SET enable_seqscan TO off", "42501"),
    ];
    for (sql, code) in wrong {
        let answer = client.query(sql).await.map_err(text)?;
        if answer.error.as_ref().is_none_or(|e| e.code != code) {
            return Err(format!("{sql}: {answer:?}"));
        }
    }
    client.leave().await.map_err(text)
}

async fn large(entrance: &Entrance) -> Result<(), String> {
    let mut client = open(entrance).await?;
    let answer = client.query(LARGE.0).await.map_err(text)?;
    if answer.rows != LARGE.1 {
        return Err(format!("{} rows of {}, {:?}", answer.rows, LARGE.1, answer.error));
    }
    client.leave().await.map_err(text)
}

async fn gone(entrance: &Entrance, sql: &str, read: usize) -> Result<(), String> {
    let mut client = open(entrance).await?;
    client.ask(sql).await.map_err(text)?;
    for _ in 0..read {
        client.read_byte().await.map_err(text)?;
    }
    Ok(())
}

async fn copies(entrance: &Entrance) -> Result<(), String> {
    let mut client = open(entrance).await?;
    let answer = client.query("COPY cards TO STDOUT").await.map_err(text)?;
    if answer.rows != 6 || answer.error.is_some() {
        return Err(text(answer));
    }
    client.leave().await.map_err(text)
}
