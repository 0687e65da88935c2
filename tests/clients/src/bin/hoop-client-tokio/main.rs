//! What tokio-postgres can do, as a transcript. Where to connect comes from the `PG…` variables.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test program: a premise that does not hold is a failed test, and says where"
)]

mod asking;
mod moving;
mod speaking;

use std::fmt::Debug;

use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, Error, NoTls};

/// Bytes of a large value.
pub const LARGE: usize = 20 << 20;

/// A connection, and what it hears besides answers.
pub struct Connected {
    /// The connection.
    pub client: Client,
    /// Notices and notifications, as they come.
    pub heard: mpsc::UnboundedReceiver<AsyncMessage>,
}

/// Connects as the variables say.
pub async fn connect() -> Connected {
    let (client, mut driver) = settings().connect(NoTls).await.expect("a connection");
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|cx| driver.poll_message(cx)).await {
            // The gateway tells a session once what masks mean; where in a script is no matter here.
            let told = |m: &AsyncMessage| matches!(m, AsyncMessage::Notice(n) if n.message().contains("are masked here"));
            if !told(&message) {
                // Nobody may be listening any more.
                drop(tell.send(message));
            }
        }
    });
    Connected { client, heard }
}

fn settings() -> Config {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is set"));
    let mut config = Config::new();
    config.host(variable("PGHOST")).port(variable("PGPORT").parse().expect("a port is a number"));
    config.user(variable("PGUSER")).dbname(variable("PGDATABASE")).application_name("hoop-client-tokio");
    if let Ok(password) = std::env::var("PGPASSWORD") {
        config.password(password);
    }
    config
}

/// Begins a story.
pub fn title(text: &str) {
    println!("\n== {text}");
}

/// Prints a result: what came, or all that the error says but for where in the server's source it was raised.
pub fn show<T: Debug>(result: Result<T, Error>) {
    match result {
        Ok(value) => println!("{value:?}"),
        Err(e) => match e.as_db_error() {
            None => println!("error: {e}"),
            Some(d) => println!(
                "error: {} {} {} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                d.severity(),
                d.code().code(),
                d.message(),
                d.detail(),
                d.hint(),
                d.position(),
                d.where_(),
                d.table(),
                d.column(),
                d.constraint(),
            ),
        },
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut connected = connect().await;
    asking::all(&mut connected.client).await;
    moving::all(&mut connected.client).await;
    speaking::all(&mut connected).await;
}
