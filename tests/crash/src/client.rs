//! Clients, each with its own way of talking to a database and its own journal. They work until their connection dies.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use hoop_harness::{PATIENCE, program};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error};

use crate::book::{self, MARK};
use crate::journal::{Journal, Kind, Sent};

/// How a client talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// One INSERT a Query message.
    Simple,
    /// INSERTs with parameters, each prepared anew.
    Extended,
    /// INSERTs by one prepared statement that runs many times.
    Prepared,
    /// SELECTs of masked columns, simple and extended.
    Reads,
    /// Several statements in one Query message.
    Texts,
    /// BEGIN, INSERT, UPDATE, COMMIT.
    Transactions,
    /// psql with COPY FROM STDIN.
    Copies,
    /// What policy denies and what the database fails.
    Refused,
    /// Statements with so many parameters that each entry takes about a megabyte, which fills segments.
    Long,
}

/// The eight that work in every round; [`Habit::Long`] comes in where a segment is to be filled.
pub const HABITS: [Habit; 8] = [
    Habit::Simple,
    Habit::Extended,
    Habit::Prepared,
    Habit::Reads,
    Habit::Texts,
    Habit::Transactions,
    Habit::Copies,
    Habit::Refused,
];

/// What the clients of a run share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Markers given out.
    pub names: AtomicU64,
    /// Statements answered in this round.
    pub answered: AtomicU64,
}

/// Runs of one prepared statement before the next is prepared.
const RUNS: u32 = 12;
/// Rows of one COPY, and statements of one text.
const ROWS: usize = 3;
/// Parameters of a long statement; the ledger keeps the shape of each.
const LONG: usize = 20_000;

enum Stop {
    // The broker is gone, or was gone before we came.
    Closed,
    Fault(String),
}

/// Works through `way` (libpq's variables) until the connection dies; the fault if it was told something wrong.
///
/// # Panics
/// When the journal cannot be written.
pub fn work(
    habit: Habit,
    way: &BTreeMap<String, String>,
    round: u64,
    journal: &Path,
    shared: &Shared,
) -> Option<String> {
    let journal = Journal::open(journal).expect("the journal is ours");
    let mut pen = Pen { journal, shared, round, last: String::new(), since: 0 };
    let stopped = if habit == Habit::Copies {
        copies(&mut pen, way)
    } else {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            // Whatever keeps it from connecting: a round without answers is noticed elsewhere.
            let Ok(client) = hoop_harness::tunnel::connect(&config(way)).await else { return Stop::Closed };
            loop {
                if let Err(stop) = step(habit, &client, &mut pen).await {
                    return stop;
                }
            }
        })
    };
    match stopped {
        Stop::Closed => None,
        Stop::Fault(fault) => Some(format!("{habit:?}: {fault}")),
    }
}

fn config(way: &BTreeMap<String, String>) -> Config {
    let mut config = Config::new();
    let setting = |key: &str| way.get(key).map_or("", String::as_str);
    config.host(setting("PGHOST")).port(setting("PGPORT").parse().expect("a port is a number"));
    config.user(setting("PGUSER")).dbname(setting("PGDATABASE")).connect_timeout(PATIENCE);
    if let Some(password) = way.get("PGPASSWORD") {
        config.password(password);
    }
    config
}

/// A client's journal and the names that it gives.
struct Pen<'a> {
    journal: Journal,
    shared: &'a Shared,
    round: u64,
    last: String,
    since: u32,
}

impl Pen<'_> {
    /// A marker that no statement had: letters only.
    fn fresh(&self) -> String {
        let mut n = self.shared.names.fetch_add(1, Ordering::Relaxed);
        let mut name = MARK.to_owned();
        loop {
            name.push(char::from(b'a' + u8::try_from(n % 26).unwrap_or(0)));
            n /= 26;
            if n == 0 {
                return name;
            }
        }
    }

    fn marked(&mut self, key: &str, kind: Kind, rows: usize) -> Sent {
        key.clone_into(&mut self.last);
        self.since = 0;
        let rows = (rows > 0).then(|| (key.to_owned(), rows));
        Sent { key: key.to_owned(), kind, rows }
    }

    fn unmarked(&mut self, kind: Kind) -> Sent {
        self.since += 1;
        Sent { key: book::after(&self.last, self.since), kind, rows: None }
    }

    fn send(&mut self, sent: &Sent) {
        self.journal.sent(sent).expect("the journal is ours");
    }

    fn answered(&mut self, key: &str) {
        // Counted first: a kill at an acknowledgement is to come while its entry could still be on the way.
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        self.journal.answered(key).expect("the journal is ours");
    }

    /// Writes down, sends, waits for the whole answer, writes that down.
    async fn run<T>(
        &mut self,
        sent: Sent,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<(), Stop> {
        self.send(&sent);
        let refused = match answer.await {
            Ok(_) => None,
            Err(e) => match e.code() {
                Some(code) => Some(code.clone()),
                None => return Err(Stop::Closed),
            },
        };
        let expected = match sent.kind {
            Kind::Write | Kind::Read | Kind::Control => None,
            Kind::Denied => Some(SqlState::INSUFFICIENT_PRIVILEGE),
            Kind::Failed => Some(SqlState::DIVISION_BY_ZERO),
        };
        if refused != expected {
            return Err(Stop::Fault(format!("`{}` was answered with {refused:?}", sent.key)));
        }
        self.answered(&sent.key);
        Ok(())
    }
}

/// `key` stands in the row, and so does what must be in the ledger when the row is there.
fn insert(marker: &str, round: u64, key: &str, needs: &str) -> String {
    format!("INSERT INTO crash_rows AS {marker} (round, key, needs) VALUES ({round}, '{key}', '{needs}')")
}

async fn step(habit: Habit, client: &Client, pen: &mut Pen<'_>) -> Result<(), Stop> {
    let mark = pen.fresh();
    match habit {
        Habit::Simple => {
            let sent = pen.marked(&mark, Kind::Write, 1);
            let sql = insert(&mark, pen.round, &mark, &mark);
            pen.run(sent, client.simple_query(&sql)).await
        }
        Habit::Extended => prepared(client, pen, &mark, 1).await,
        Habit::Prepared => prepared(client, pen, &mark, RUNS).await,
        Habit::Reads => {
            let sql = format!("SELECT id, pan AS {mark} FROM cards");
            let sent = pen.marked(&mark, Kind::Read, 0);
            pen.run(sent, client.simple_query(&sql)).await?;
            let (mark, id) = (pen.fresh(), 3);
            let sql = format!("SELECT pan AS {mark}, cvv FROM cards WHERE id > $1");
            let sent = pen.marked(&mark, Kind::Read, 0);
            pen.run(sent, client.query(&sql, &[&id])).await
        }
        Habit::Texts => {
            let sent = pen.marked(&mark, Kind::Write, ROWS);
            let sql = vec![insert(&mark, pen.round, &mark, &mark); ROWS].join("; ");
            pen.run(sent, client.simple_query(&sql)).await
        }
        Habit::Transactions => transaction(client, pen, &mark).await,
        Habit::Refused => {
            let sent = pen.marked(&mark, Kind::Denied, 0);
            pen.run(sent, client.simple_query(&format!("DROP TABLE {mark}"))).await?;
            let mark = pen.fresh();
            let sent = pen.marked(&mark, Kind::Failed, 0);
            pen.run(sent, client.simple_query(&format!("SELECT 1 / 0 AS {mark}"))).await
        }
        Habit::Long => long(client, pen, &mark).await,
        Habit::Copies => Err(Stop::Fault("COPY is psql's part".to_owned())),
    }
}

async fn prepared(client: &Client, pen: &mut Pen<'_>, mark: &str, runs: u32) -> Result<(), Stop> {
    let sql = format!("INSERT INTO crash_rows AS {mark} (round, key, needs) VALUES ($1, $2, $2)");
    // Parse alone runs nothing: it is recorded when it is bound.
    let Ok(statement) = client.prepare(&sql).await else { return Err(Stop::Closed) };
    let round = i32::try_from(pen.round).expect("few rounds");
    for run in 1..=runs {
        let key = book::again(mark, run);
        let sent = pen.marked(&key, Kind::Write, 1);
        pen.run(sent, client.execute(&statement, &[&round, &key])).await?;
    }
    Ok(())
}

async fn long(client: &Client, pen: &mut Pen<'_>, mark: &str) -> Result<(), Stop> {
    let list: Vec<_> = (1..=LONG).map(|n| format!("(${n})")).collect();
    let sql = format!("SELECT count(*) AS {mark} FROM (VALUES {}) AS v", list.join(","));
    let Ok(statement) = client.prepare(&sql).await else { return Err(Stop::Closed) };
    let parameters: Vec<&(dyn ToSql + Sync)> = vec![&""; LONG];
    for run in 1.. {
        let sent = pen.marked(&book::again(mark, run), Kind::Read, 0);
        pen.run(sent, client.query(&statement, &parameters)).await?;
    }
    Ok(())
}

/// The row of a transaction is there only when its COMMIT went out: then all four must be in the ledger.
async fn transaction(client: &Client, pen: &mut Pen<'_>, first: &str) -> Result<(), Stop> {
    let sent = pen.marked(first, Kind::Read, 0);
    pen.run(sent, client.simple_query(&format!("SELECT 1 AS {first}"))).await?;
    let begin = pen.unmarked(Kind::Control);
    let begin_key = begin.key.clone();
    pen.run(begin, client.simple_query("BEGIN")).await?;
    let (added, changed) = (pen.fresh(), pen.fresh());
    let needs = format!("{begin_key},{added},{changed},{}", book::after(&changed, 1));
    let sent = pen.marked(&added, Kind::Write, 0);
    pen.run(sent, client.simple_query(&insert(&added, pen.round, &added, &needs))).await?;
    let sql = format!("UPDATE crash_rows AS {changed} SET needs = needs WHERE key = '{added}'");
    let sent = pen.marked(&changed, Kind::Write, 0);
    pen.run(sent, client.simple_query(&sql)).await?;
    let commit = Sent { rows: Some((added, 1)), ..pen.unmarked(Kind::Control) };
    pen.run(commit, client.simple_query("COMMIT")).await
}

fn copies(pen: &mut Pen<'_>, way: &BTreeMap<String, String>) -> Stop {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1"]).envs(way).env("LANG", "C.UTF-8");
    psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = psql.spawn().expect("psql starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let mut answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let stop = loop {
        if let Err(stop) = copy(pen, &mut stdin, &mut answers) {
            break stop;
        }
    };
    drop(stdin);
    if program::wait(&mut child, PATIENCE).is_none() {
        drop(child.kill());
        return Stop::Fault("psql outlives its connection".to_owned());
    }
    stop
}

fn copy(pen: &mut Pen<'_>, stdin: &mut ChildStdin, answers: &mut BufReader<ChildStdout>) -> Result<(), Stop> {
    let mark = pen.fresh();
    let sent = pen.marked(&mark, Kind::Read, 0);
    pen.send(&sent);
    expect(stdin, answers, &format!("SELECT 1 AS {mark};\n"), "1\n")?;
    pen.answered(&sent.key);
    let mut sent = pen.unmarked(Kind::Write);
    sent.rows = Some((sent.key.clone(), ROWS));
    let row = format!("{}\t{}\t{}\n", pen.round, sent.key, sent.key);
    pen.send(&sent);
    let sql = format!("COPY crash_rows (round, key, needs) FROM STDIN;\n{}\\.\n", row.repeat(ROWS));
    expect(stdin, answers, &sql, &format!("COPY {ROWS}\n"))?;
    pen.answered(&sent.key);
    Ok(())
}

fn expect(
    stdin: &mut ChildStdin,
    answers: &mut BufReader<ChildStdout>,
    sql: &str,
    expected: &str,
) -> Result<(), Stop> {
    let mut line = String::new();
    let wrote = stdin.write_all(sql.as_bytes()).and_then(|()| stdin.flush());
    if wrote.is_err() || answers.read_line(&mut line).unwrap_or(0) == 0 {
        return Err(Stop::Closed);
    }
    if line == expected { Ok(()) } else { Err(Stop::Fault(format!("psql says `{}`", line.trim_end()))) }
}
