//! The broker, the database, the person and the journals of a run, and one round with them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use hoop_harness::program::until;
use hoop_harness::{Broker, Cluster, Person, TARGET, Tunnel, program};

use crate::book::Book;
use crate::check::{Found, Row};
use crate::client::{self, HABITS, Habit, Shared};
use crate::journal::Reader;
use crate::plan::{Moment, Round};

/// A round ends at the latest after so long, whatever was to be waited for.
const ROUND: Duration = Duration::from_secs(90);

/// All that a run needs.
#[derive(Debug)]
pub struct World {
    broker: Broker,
    bob: Person,
    book: Book,
    shared: Shared,
    folder: tempfile::TempDir,
    journals: Vec<Reader>,
    /// How long the last start took, up to its entry.
    start: Duration,
    /// What was found so far.
    pub found: Found,
}

impl World {
    /// Starts a broker on a database with a table for the clients, and signs a person in. Goes on with what was `found`.
    ///
    /// # Panics
    /// When any of it fails.
    #[must_use]
    pub fn new(found: Found) -> Self {
        let broker = Broker::start();
        let bob = broker.person("bob", "dba,leads");
        Cluster::shared().superuser(
            broker.database(),
            "CREATE TABLE crash_rows (round integer, key text, needs text);\n\
             CREATE INDEX ON crash_rows (key);\n\
             ALTER TABLE crash_rows OWNER TO hoop_gateway;",
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let journals = (0..=HABITS.len()).map(|n| Reader::new(folder.path().join(format!("client-{n}"))));
        let journals = journals.collect();
        let mut book = Book::new(broker.ledger());
        book.read().expect("the ledger is readable");
        let start = Duration::from_millis(300);
        Self { broker, bob, book, shared: Shared::default(), folder, journals, start, found }
    }

    /// Work, kill, recovery, check. Returns what the round was like.
    pub fn round(&mut self, round: &Round) -> String {
        self.shared.answered.store(0, Ordering::Relaxed);
        let began = Instant::now();
        let faults = self.work(round);
        let worked = began.elapsed();
        self.found.faults.extend(faults);
        let answered = self.shared.answered.load(Ordering::Relaxed);
        if answered == 0 && !matches!(round.moment, Moment::Opening(_)) {
            self.found.faults.push(format!("round {}: no client was answered", round.number));
        }
        let unknown = self.book.closed_unknown;
        self.recover(round);
        self.check(round);
        let unknown = self.book.closed_unknown - unknown;
        format!(
            "round {}: killed {}, {} recoveries killed; {answered} acknowledged, {unknown} closed as unknown \
             ({} + {} ms)",
            round.number,
            round.moment,
            round.starts.len(),
            worked.as_millis(),
            (began.elapsed() - worked).as_millis(),
        )
    }

    fn work(&self, round: &Round) -> Vec<String> {
        let segments = self.segments();
        thread::scope(|scope| {
            let early = match round.moment {
                Moment::Opening(time) => Some(scope.spawn(move || {
                    thread::sleep(time);
                    self.broker.kill();
                })),
                Moment::After(_) | Moment::Acknowledged(_) | Moment::Segment(_) => None,
            };
            let tunnel = Tunnel::try_open(&self.bob, &[]);
            let through = tunnel.as_ref().map(|t| t.settings().clone());
            let mut habits = HABITS.to_vec();
            if matches!(round.moment, Moment::Segment(_)) {
                habits.push(Habit::Long);
            }
            let clients: Vec<_> = habits
                .into_iter()
                .enumerate()
                .map(|(n, habit)| {
                    let (journal, through) = (self.journal(n), through.clone());
                    // Each habit takes both ways in turn.
                    let native = (n as u64 + round.number).is_multiple_of(2);
                    scope.spawn(move || {
                        let way = if native { self.native() } else { through };
                        way.and_then(|way| client::work(habit, &way, round.number, &journal, &self.shared))
                    })
                })
                .collect();
            match early {
                Some(early) => early.join().expect("the killer does not panic"),
                None => {
                    self.wait(round.moment, segments);
                    self.broker.kill();
                }
            }
            let faults = clients.into_iter().filter_map(|c| c.join().expect("clients do not panic"));
            let faults = faults.map(|fault| format!("round {}: {fault}", round.number)).collect();
            // Its session ended with the broker: there is nothing left for it to end in order.
            if let Some(tunnel) = tunnel {
                tunnel.kill();
            }
            faults
        })
    }

    fn journal(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("client-{n}"))
    }

    /// A single-use token for the native listener, as libpq's variables; `None` when the broker is gone.
    fn native(&self) -> Option<BTreeMap<String, String>> {
        let done = self.bob.run(&["token", TARGET]);
        (done.code == 0).then(|| {
            let (port, token) = (self.broker.native_port().to_string(), done.text());
            let variables = [
                ("PGHOST", "127.0.0.1"),
                ("PGPORT", &port),
                ("PGUSER", TARGET),
                ("PGDATABASE", self.broker.database()),
                ("PGPASSWORD", token.trim()),
            ];
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        })
    }

    fn segments(&self) -> usize {
        Book::segments(&self.broker.ledger()).expect("the ledger is readable").len()
    }

    fn wait(&self, moment: Moment, segments: usize) {
        let answered = || self.shared.answered.load(Ordering::Relaxed);
        let deadline = Instant::now() + ROUND;
        let wait_for = |done: &dyn Fn() -> bool| {
            while !done() && Instant::now() < deadline {
                thread::sleep(Duration::from_micros(200));
            }
        };
        match moment {
            Moment::After(time) => {
                wait_for(&|| answered() >= HABITS.len() as u64);
                thread::sleep(time);
            }
            Moment::Acknowledged(n) => wait_for(&|| answered() >= n),
            Moment::Segment(time) => {
                wait_for(&|| self.segments() > segments);
                thread::sleep(time);
            }
            Moment::Opening(_) => {}
        }
    }

    fn recover(&mut self, round: &Round) {
        for permille in &round.starts {
            self.broker.launch();
            let permille = u32::try_from(*permille).unwrap_or(1000);
            thread::sleep(self.start * permille / 1000);
            self.broker.kill();
        }
        // What a dead broker has forwarded may still run; its rows belong to this round.
        until("the target to be done with what was sent", || {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'hoop_gateway'";
            (Cluster::shared().superuser(self.broker.database(), sql) == "0").then_some(())
        });
        self.book.read().expect("the ledger is readable");
        let boots = self.book.boots.len();
        let began = Instant::now();
        self.broker.start_again();
        until("the broker to record its start", || {
            self.book.read().expect("the ledger is readable");
            (self.book.boots.len() > boots).then_some(())
        });
        self.start = began.elapsed();
    }

    fn check(&mut self, round: &Round) {
        let lines = self.journals.iter_mut().flat_map(|j| j.lines().expect("the journal is ours")).collect();
        let sql = format!("SELECT key, needs FROM crash_rows WHERE round = {}", round.number);
        let answer = Cluster::shared().superuser(self.broker.database(), &sql);
        let rows: Vec<_> = answer
            .lines()
            .filter_map(|line| {
                let (key, needs) = line.split_once('|')?;
                Some(Row { key: key.to_owned(), needs: needs.to_owned() })
            })
            .collect();
        self.found.round(lines, &rows, &mut self.book);
    }

    /// `hoopctl audit verify`, as an assessor would run it.
    pub fn verify(&mut self) {
        let key = self.folder.path().join("ledger.pub");
        let text = self.broker.admin(&["ledger-key"]).ok() + "\n";
        std::fs::write(&key, text).expect("the folder is ours");
        let mut command = self.bob.hoopctl(&["audit", "verify"]);
        let done = program::run(command.arg(self.broker.ledger()).arg("--key").arg(&key), b"");
        if done.code != 0 {
            self.found.faults.push(format!("the ledger does not verify: {}{}", done.text(), done.stderr));
        }
    }

    /// Stops the broker in order.
    pub fn stop(&mut self) {
        let code = self.broker.stop();
        if code != 0 {
            self.found.faults.push(format!("the broker stopped with exit code {code}"));
        }
    }

    /// Copies ledger, journals and the broker's log to where they outlive the run.
    #[must_use]
    pub fn keep(&self) -> PathBuf {
        let kept =
            tempfile::Builder::new().prefix("hoop-crash-").tempdir().expect("a temporary folder").keep();
        let mut cp = std::process::Command::new("cp");
        program::run(cp.arg("-R").arg(self.broker.ledger()).arg(self.folder.path()).arg(&kept), b"")
            .expect(0);
        std::fs::write(kept.join("broker.log"), self.broker.log()).expect("the folder is ours");
        kept
    }
}
