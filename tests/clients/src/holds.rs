//! What a pool's application meets where its statements are held: whether they wait, and that its connections live on.

use std::process::Command;
use std::time::{Duration, Instant};

use hoop_harness::broker::PAYMENTS_HELD;
use hoop_harness::program::until;
use hoop_harness::{Broker, Cluster, Person, TARGET, Tunnel};
use serde_json::Value;

use crate::pool::{Pool, Running};

/// More often than drivers send a statement before they prepare it on the server (pgjdbc: five times).
const AGAIN: usize = 6;
/// Connections of a pool, by default, of HikariCP and asyncpg alike.
const POOL_SIZE: usize = 10;
/// The only limit that HikariCP has by default for who waits for a connection.
const HIKARI_LENDS_WITHIN: Duration = Duration::from_secs(30);
/// Longer than the `statement_timeout` of `hold_django.py`.
const BEYOND_STATEMENT_TIMEOUT: Duration = Duration::from_secs(3);

/// A broker that holds changes of payments: bob asks, ada decides.
#[derive(Debug)]
pub struct Scene {
    // Dropped in this order: a tunnel closes its session at the broker.
    waiting: Tunnel,
    plain: Tunnel,
    masked: Tunnel,
    token: String,
    bob: Person,
    ada: Person,
    _eve: Person,
    broker: Broker,
}

/// How statements reach the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// `hoopctl connect --wait-approval`.
    Waiting,
    /// `hoopctl connect`, where nobody sits at a terminal.
    Plain,
    /// The native listener.
    Native,
    /// `hoopctl connect` of somebody who may only read.
    Masked,
}

impl Road {
    /// Its name in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Plain => "connect",
            Self::Native => "native",
            Self::Masked => "masked",
        }
    }
}

impl Scene {
    /// Starts everything.
    ///
    /// # Panics
    /// When a part does not start.
    #[must_use]
    pub fn open() -> Self {
        let broker = Broker::prepare();
        broker.add_rules(PAYMENTS_HELD);
        broker.add_rules(include_str!("../policy.cedar"));
        broker.start_again();
        let [bob, ada, eve] =
            [("bob", "dba"), ("ada", "leads"), ("eve", "developers")].map(|(n, g)| broker.person(n, g));
        // By TCP: one driver cannot use a socket.
        let connect = |more: &[&str]| bob.connect_with(&[&["--level", "write", "--tcp"], more].concat());
        let (waiting, plain) = (connect(&["--wait-approval", "10m"]), connect(&[]));
        let token = bob.run(&["token", TARGET, "--session"]).ok();
        let masked = eve.connect_with(&["--tcp"]);
        Self { waiting, plain, masked, token, bob, ada, _eve: eve, broker }
    }

    /// A pool's program that connects by this road.
    fn start(&self, words: &[String], road: Road) -> Running {
        let (program, arguments) = words.split_first().expect("a command line has a program");
        let mut command: Command = self.bob.command(program);
        command.args(arguments);
        match road {
            Road::Waiting => command.envs(self.waiting.settings()),
            Road::Plain => command.envs(self.plain.settings()),
            Road::Masked => command.envs(self.masked.settings()),
            Road::Native => command
                .env("PGHOST", "127.0.0.1")
                .env("PGPORT", self.broker.native_port().to_string())
                .env("PGUSER", TARGET)
                .env("PGPASSWORD", &self.token)
                .env("PGSSLMODE", "require")
                .env("PGDATABASE", self.broker.database()),
        };
        Running::start(command)
    }

    /// What bob has asked for, as `hoopctl requests` tells it.
    fn requests(&self, more: &[&str]) -> Vec<Value> {
        let told = self.bob.run(&[&["requests", "--mine", "--format", "json"], more].concat()).ok();
        let told: Value = serde_json::from_str(&told).expect("it prints JSON");
        told["approvals"].as_array().expect("it prints a list").clone()
    }

    /// The approvals that are pending now.
    fn pending(&self) -> Vec<String> {
        let pending = self.requests(&[]).into_iter().filter(|r| r["state"] == "pending");
        pending.map(|r| r["id"].as_str().expect("it has an id").to_owned()).collect()
    }

    /// The approval that this order of the program waits for.
    fn held(&self, program: &mut Running, order: &str) -> String {
        program.order(order);
        until("an approval is asked for", || {
            if let Some(early) = program.answers_within(Duration::ZERO) {
                panic!("`{order}` did not wait: {early}");
            }
            self.pending().pop()
        })
    }

    fn approve(&self, id: &str) {
        self.ada.run(&["approve", id, "--yes"]).expect(0);
    }

    fn ends_as(&self, id: &str, state: &str) {
        until(&format!("{id} is {state}"), || {
            self.requests(&["--all"]).iter().any(|r| r["id"] == id && r["state"] == state).then_some(())
        });
    }

    fn status(&self, row: u32) -> String {
        let sql = format!("SELECT status FROM payments WHERE id = {row}");
        Cluster::shared().superuser(self.broker.database(), &sql)
    }
}

/// One pool on one road.
struct Story<'a> {
    scene: &'a Scene,
    pool: Pool,
    program: Running,
    /// The backends of its connections.
    before: String,
}

impl<'a> Story<'a> {
    fn begin(scene: &'a Scene, pool: Pool, words: &[String], road: Road) -> Self {
        // What a failed story left undecided is not this one's.
        for id in scene.pending() {
            scene.bob.run(&["requests", "withdraw", &id]);
        }
        let mut program = scene.start(words, road);
        let before = program.ask("pool");
        assert!(before.starts_with("ok "), "{before}");
        Self { scene, pool, program, before }
    }

    /// The pool has the connections that it had at first: none was thrown away.
    fn kept(&mut self, after: &str) {
        let now = self.program.ask("pool");
        assert!(now.starts_with("ok "), "after {after}: {now}");
        if self.pool.keeps() {
            assert_eq!(now, self.before, "after {after} the pool has other connections");
        }
    }

    /// What the order asked for before its driver gave it up, and what it said then.
    fn given_up(&mut self, order: &str) -> (String, String) {
        let ids = |scene: &Scene| -> Vec<_> {
            scene
                .requests(&["--all"])
                .iter()
                .map(|r| r["id"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let old = ids(self.scene);
        // A machine that stands still for so long gives up what the gateway never saw.
        until("it waits before it is given up", || {
            let answer = self.program.ask(order);
            let new = ids(self.scene).into_iter().find(|id| !old.contains(id))?;
            Some((new, answer))
        })
    }

    /// The order is refused at once with the id of an approval, and runs once after it is given.
    fn refused_then_runs(&mut self, order: &str, row: u32) {
        let refused = self.program.ask(order);
        let id = named(&refused);
        assert_eq!(self.scene.pending(), [id.as_str()]);
        for part in ["error 42501 ", "held by rule `payments-change`", "1 of leads", &id, "is pending"] {
            assert!(refused.contains(part), "`{part}` is not in `{refused}`");
        }
        self.kept("a refusal");
        // Asked again before anybody has decided, it is the same request, also where the driver prepares it by then.
        for _ in 0..AGAIN {
            let again = self.program.ask(order);
            assert!(again.contains(&id), "`{id}` is not in `{again}`");
        }
        self.scene.approve(&id);
        changed(&self.program.ask(order));
        assert_eq!(self.scene.status(row), order.split(' ').nth(1).expect("an order names a status"));
        self.scene.ends_as(&id, "consumed");
        let next = self.program.ask(order);
        assert!(next.starts_with("error 42501 ") && !next.contains(&id), "it ran twice: {next}");
        self.scene.bob.run(&["requests", "withdraw", &named(&next)]).expect(0);
        self.kept("the retry");
    }
}

impl Story<'_> {
    /// All connections of the pool wait, and a reader comes later: how that went.
    fn crowd(&mut self, hold: Duration) -> String {
        let began = Instant::now();
        self.program.order("crowd crowded 4");
        let ids = until("all of them wait", || {
            let ids = self.scene.pending();
            (ids.len() == POOL_SIZE).then_some(ids)
        });
        assert_eq!(self.program.answers_within(hold), None, "nobody has decided");
        for id in &ids {
            self.scene.approve(id);
        }
        let answer = self.program.answer();
        let too_long = self.pool == Pool::Hikari && hold > HIKARI_LENDS_WITHIN;
        let late = answer.strip_suffix(&format!("; {POOL_SIZE} of {POOL_SIZE} ran"));
        match late.unwrap_or_else(|| panic!("not all of them ran: {answer}")) {
            "ok read" => assert!(!too_long, "it got a connection that is not free"),
            late => {
                let gave_up = late.contains("Connection is not available, request timed out after 30");
                let slow = self.pool == Pool::Hikari && began.elapsed() > HIKARI_LENDS_WITHIN;
                assert!(gave_up && slow, "{late}");
            }
        }
        self.kept("a crowd");
        let one_more = if too_long { "gave up after 30 s" } else { "waited" };
        format!("with all {POOL_SIZE} connections held, one more {one_more}")
    }
}

/// The approval that a refusal names.
fn named(refused: &str) -> String {
    let id = |word: &&str| word.starts_with("apr_");
    let words = refused.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.into_iter().find(id).unwrap_or_else(|| panic!("no approval in `{refused}`")).to_owned()
}

fn changed(answer: &str) {
    assert!(["ok 1", "ok UPDATE 1"].contains(&answer), "the statement did not change its row: {answer}");
}

/// All stories of a pool on a road; `hold` is how long reviewers take. What is told of them is printed by the caller.
///
/// # Panics
/// When something is not as documented.
#[must_use]
pub fn tell(scene: &Scene, pool: Pool, words: &[String], road: Road, hold: Duration) -> String {
    match road {
        Road::Waiting => waiting(scene, pool, words, hold),
        Road::Plain | Road::Native => {
            let name = road.name();
            Story::begin(scene, pool, words, road)
                .refused_then_runs(&format!("run {name}-{} 1", pool.name()), 1);
            "refused at once, ran once when approved".to_owned()
        }
        Road::Masked => {
            Story::begin(scene, pool, words, road).kept("reading");
            "lends and takes back".to_owned()
        }
    }
}

fn waiting(scene: &Scene, pool: Pool, words: &[String], hold: Duration) -> String {
    let mut story = Story::begin(scene, pool, words, Road::Waiting);
    let began = Instant::now();
    let id = scene.held(&mut story.program, &format!("run approved-{} 1", pool.name()));
    if let Some(early) = story.program.answers_within(hold) {
        panic!("it did not wait: {early}");
    }
    scene.approve(&id);
    changed(&story.program.answer());
    let waited = began.elapsed();
    assert_eq!(scene.status(1), format!("approved-{}", pool.name()));
    story.kept("a hold");

    let id = scene.held(&mut story.program, "run rejected 2");
    scene.ada.run(&["deny", &id, "--reason", "not in the freeze"]).expect(0);
    let rejected = story.program.answer();
    for part in ["error 42501 ", "ada says: not in the freeze", "is rejected"] {
        assert!(rejected.contains(part), "`{part}` is not in `{rejected}`");
    }
    story.kept("a rejection");

    let (id, cancelled) = story.given_up("short late 2");
    let expected =
        if pool == Pool::Asyncpg { "error TimeoutError" } else { "error 57014 canceling statement" };
    assert!(cancelled.starts_with(expected), "{cancelled}");
    scene.ends_as(&id, "withdrawn");
    scene.ada.run(&["approve", &id, "--yes"]).expect(6);
    story.kept("a time-out");

    story.refused_then_runs(&format!("transaction approved-in-transaction-{} 3", pool.name()), 3);
    assert_eq!(scene.status(2), "captured", "what was rejected or given up ran");
    let crowd = match pool {
        Pool::Hikari | Pool::Asyncpg => story.crowd(hold),
        Pool::Django | Pool::DjangoKept => {
            statement_timeout(scene, pool, words);
            "statement_timeout does not count".to_owned()
        }
    };
    format!("waited {:.1} s and ran; {crowd}", waited.as_secs_f64())
}

/// A `statement_timeout` is the server's, and does not count while the gateway holds.
fn statement_timeout(scene: &Scene, pool: Pool, words: &[String]) {
    let words = [words, &["statement_timeout".to_owned()]].concat();
    let mut story = Story::begin(scene, pool, &words, Road::Waiting);
    let id = scene.held(&mut story.program, "run late-but-approved 4");
    let early = story.program.answers_within(BEYOND_STATEMENT_TIMEOUT);
    assert_eq!(early, None, "it waits on");
    scene.approve(&id);
    changed(&story.program.answer());
    story.kept("a statement_timeout that did not count");
}
