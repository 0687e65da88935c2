//! The pools: drivers as applications keep them, each a program that obeys orders line by line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use hoop_harness::program::{self, PATIENCE};

use crate::client::{compiled, found, script};

/// A driver with its pool, both as they are by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// HikariCP over PostgreSQL's JDBC driver.
    Hikari,
    /// asyncpg's own.
    Asyncpg,
    /// Django, which opens a connection for each request.
    Django,
    /// Django with `CONN_MAX_AGE`, which keeps it for the next one.
    DjangoKept,
}

/// All of them, in the order in which they run.
pub const ALL: [Pool; 4] = [Pool::Hikari, Pool::Asyncpg, Pool::Django, Pool::DjangoKept];

impl Pool {
    /// Its name on the command line and in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hikari => "hikari",
            Self::Asyncpg => "asyncpg-pool",
            Self::Django => "django",
            Self::DjangoKept => "django-kept",
        }
    }

    /// Whether a connection outlives what it was lent for.
    #[must_use]
    pub const fn keeps(self) -> bool {
        match self {
            Self::Hikari | Self::Asyncpg | Self::DjangoKept => true,
            Self::Django => false,
        }
    }

    /// The command line that runs its program; what is compiled for that goes to `folder`.
    ///
    /// # Errors
    /// What is missing on this machine.
    pub fn prepare(self, folder: &Path) -> Result<Vec<String>, String> {
        let django = |age: &str| {
            let python = found("HOOP_PYTHON_DJANGO")?;
            Ok(vec![python, script("hold_django.py"), age.to_owned()])
        };
        match self {
            Self::Hikari => compiled(&["Transcript", "HoldHikari"], &found("HOOP_HIKARI")?, folder),
            Self::Asyncpg => Ok(vec![found("HOOP_PYTHON_ASYNCPG")?, script("hold_asyncpg.py")]),
            Self::Django => django("0"),
            Self::DjangoKept => django("600"),
        }
    }
}

/// A pool's program while it runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Running {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (line, answers) = channel();
        thread::spawn(move || {
            for answer in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.send(answer).is_err() {
                    break;
                }
            }
        });
        Self { orders: child.stdin.take(), child, answers }
    }

    /// Gives an order; its answer comes by [`Running::answer`].
    ///
    /// # Panics
    /// When the program has ended.
    pub fn order(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("it is open until the end");
        writeln!(orders, "{order}").and_then(|()| orders.flush()).expect("the program takes orders");
    }

    /// The next answer.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn answer(&self) -> String {
        self.answers.recv_timeout(PATIENCE).expect("the program answers")
    }

    /// The next answer, if it comes within this time.
    #[must_use]
    pub fn answers_within(&self, time: Duration) -> Option<String> {
        self.answers.recv_timeout(time).ok()
    }

    /// An order and its answer.
    pub fn ask(&mut self, order: &str) -> String {
        self.order(order);
        self.answer()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The end of its orders ends it.
        drop(self.orders.take());
        if program::wait(&mut self.child, Duration::from_secs(10)).is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
