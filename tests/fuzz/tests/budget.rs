//! What a statement and a row may cost, in counts: reads, writes and allocations of the real relay with the real judge,
//! gate and ledger, between two ends in memory. A program of its own, since its allocator counts for all threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]
#![allow(clippy::print_stdout, reason = "it tells the counts")]

use std::alloc::System;
use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hoop_broker::config::Limits;
use hoop_broker::gateway::postgres::conversation::End;
use hoop_broker::gateway::postgres::pipe::Pipe;
use hoop_broker::gateway::postgres::relay::Relay;
use hoop_fuzz::Stage;
use hoop_pgwire::frontend::encode as ask;
use hoop_pgwire::{Format, NamedObject};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Statements of one measurement; what happens once in a while (a checkpoint, a larger buffer) is spread over them.
const STATEMENTS: u64 = 1000;

/// One end: what may be read, and how often it was read and written.
#[derive(Default)]
struct Line {
    inbox: Vec<u8>,
    at: usize,
    reads: u64,
    writes: u64,
    written: usize,
}

#[derive(Clone, Default)]
struct Socket(Rc<RefCell<Line>>);

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut line = self.0.borrow_mut();
        let n = (line.inbox.len() - line.at).min(buf.remaining());
        if n == 0 {
            return Poll::Pending;
        }
        buf.put_slice(&line.inbox[line.at..line.at + n]);
        line.at += n;
        line.reads += 1;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut line = self.0.borrow_mut();
        line.writes += 1;
        line.written += buf.len();
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Counts of one measurement, for one exchange each.
#[derive(Debug, Clone, Copy)]
struct Cost {
    reads: f64,
    writes_up: f64,
    writes_down: f64,
    allocations: f64,
}

/// A connection whose both ends are ours.
struct Bench<'a> {
    client: Socket,
    target: Socket,
    run: Pin<&'a mut dyn Future<Output = End>>,
}

impl Bench<'_> {
    /// Lets `from` say `bytes`, and drives the relay until `to` has got so many.
    fn move_on(&mut self, from: &Socket, bytes: &[u8], to: &Socket, expected: usize) {
        {
            let mut line = from.0.borrow_mut();
            line.inbox.clear();
            line.at = 0;
            line.inbox.extend_from_slice(bytes);
        }
        let goal = to.0.borrow().written + expected;
        while to.0.borrow().written < goal {
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(end) = self.run.as_mut().poll(&mut cx) {
                panic!("the relay ended: {end:?}");
            }
            // The ledger's thread has to come to its turn.
            std::thread::yield_now();
        }
    }

    /// One question and its answer. What passes has the same length on both sides.
    fn exchange(&mut self, question: &[u8], answer: &[u8]) {
        let (client, target) = (self.client.clone(), self.target.clone());
        self.move_on(&client, question, &target, question.len());
        self.move_on(&target, answer, &client, answer.len());
    }

    /// The cost of an exchange, over many of them; `question` gives the n-th.
    fn cost(&mut self, mut question: impl FnMut(u64, &mut Vec<u8>), answer: &[u8]) -> Cost {
        let mut asked = Vec::new();
        let mut once = |bench: &mut Self, n| {
            asked.clear();
            question(n, &mut asked);
            bench.exchange(&asked, answer);
        };
        (0..100).for_each(|n| once(self, n));
        let counts = |bench: &Self| {
            let (client, target) = (bench.client.0.borrow(), bench.target.0.borrow());
            let allocated = ALLOCATOR.stats().allocations + ALLOCATOR.stats().reallocations;
            [client.reads + target.reads, target.writes, client.writes, allocated as u64]
        };
        let before = counts(self);
        (100..100 + STATEMENTS).for_each(|n| once(self, n));
        let after = counts(self);
        let each = |i: usize| (after[i] - before[i]) as f64 / STATEMENTS as f64;
        Cost { reads: each(0), writes_up: each(1), writes_down: each(2), allocations: each(3) }
    }
}

fn message(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    out.extend_from_slice(body);
}

/// A description of one text column; of the classified one when `classified`.
fn description(classified: bool, out: &mut Vec<u8>) {
    let mut body = 1u16.to_be_bytes().to_vec();
    body.extend_from_slice(b"a\0");
    body.extend_from_slice(&(if classified { 16_400u32 } else { 16_500 }).to_be_bytes());
    body.extend_from_slice(&2u16.to_be_bytes());
    body.extend_from_slice(&25u32.to_be_bytes());
    body.extend_from_slice(&(-1i16).to_be_bytes());
    body.extend_from_slice(&(-1i32).to_be_bytes());
    body.extend_from_slice(&0u16.to_be_bytes());
    message(b'T', &body, out);
}

fn rows(count: usize, value: &[u8], out: &mut Vec<u8>) {
    let mut body = 1u16.to_be_bytes().to_vec();
    body.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
    body.extend_from_slice(value);
    (0..count).for_each(|_| message(b'D', &body, out));
}

fn answer(classified: bool, count: usize, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    description(classified, &mut out);
    rows(count, value, &mut out);
    message(b'C', b"SELECT 1\0", &mut out);
    message(b'Z', b"I", &mut out);
    out
}

/// Runs `measure` on a fresh connection, on a stack that the parser can use.
fn on_connection(measure: impl FnOnce(&mut Bench<'_>) + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(hoop_statement::STACK_BYTES);
    let thread = thread.spawn(move || {
        let stage = Stage::new();
        let limits = Limits::default();
        let session = Arc::clone(&stage.session);
        let mut talk = stage.conversation(&limits);
        let (client, target) = (Socket::default(), Socket::default());
        let mut relay = Relay {
            down: client.clone(),
            up: target.clone(),
            inbound: Pipe::new(limits.buffer_bytes),
            answer: Pipe::new(limits.buffer_bytes),
            inbound_watch: stage.gateway.ledger.watcher(),
            answer_watch: stage.gateway.ledger.watcher(),
        };
        let run = pin!(relay.run(&mut talk, &session));
        measure(&mut Bench { client, target, run });
    });
    thread.unwrap().join().unwrap();
}

/// One read and one write on each side of an exchange, and no more allocations than `allocations`.
fn within(what: &str, cost: Cost, allocations: f64) {
    println!("{what}: {cost:?}");
    assert!(cost.reads <= 2.0, "{what}: {cost:?}");
    assert!(cost.writes_up <= 1.0 && cost.writes_down <= 1.0, "{what}: {cost:?}");
    assert!(cost.allocations <= allocations, "{what}: {cost:?}, more than {allocations} allocations");
}

fn prepared(out: &mut Vec<u8>) {
    ask::bind(out, "", "p", [Format::Text], [Some(b"1".as_slice())], [Format::Text]).unwrap();
    ask::describe(out, NamedObject::Portal, "").unwrap();
    ask::execute(out, "", 0).unwrap();
    ask::sync(out);
}

#[test]
fn a_statement_and_a_row_stay_within_their_budget() {
    on_connection(|bench| {
        let same = |_, out: &mut Vec<u8>| ask::query(out, "SELECT a FROM plain").unwrap();
        let one = answer(false, 1, b"some text of a row");
        within("a statement seen before", bench.cost(same, &one), 2.0);

        let alike = |n, out: &mut Vec<u8>| {
            ask::query(out, &format!("SELECT a FROM plain WHERE id = {n}")).unwrap();
        };
        // One of them is the text that the test itself makes.
        within("a statement that differs in numbers", bench.cost(alike, &one), 3.0);

        let ten = |_, out: &mut Vec<u8>| {
            (0..10).for_each(|_| ask::query(out, "SELECT a FROM plain").unwrap());
        };
        within("ten statements in one read", bench.cost(ten, &one.repeat(10)), 12.0);
    });
    on_connection(|bench| {
        let mut parse = Vec::new();
        ask::parse(&mut parse, "p", "SELECT a FROM plain WHERE a = $1", []).unwrap();
        ask::sync(&mut parse);
        let mut parsed = Vec::new();
        message(b'1', b"", &mut parsed);
        message(b'Z', b"I", &mut parsed);
        bench.exchange(&parse, &parsed);
        let mut bound = Vec::new();
        message(b'2', b"", &mut bound);
        bound.extend_from_slice(&answer(false, 1, b"some text of a row"));
        within("a prepared statement", bench.cost(|_, out| prepared(out), &bound), 3.0);
    });
    // Rows: the difference between many and one, in an answer of one read.
    for (what, classified, value) in [
        ("rows as they are", false, b"some text of a row".as_slice()),
        ("rows with a long number", false, b"order 8800112233445566 of today"),
        ("rows of a classified column", true, b"4111111111111111"),
    ] {
        on_connection(move |bench| {
            let text = if classified { "SELECT pan FROM cards" } else { "SELECT a FROM plain" };
            let same = |_, out: &mut Vec<u8>| ask::query(out, text).unwrap();
            let few = bench.cost(same, &answer(classified, 1, value));
            let many = bench.cost(same, &answer(classified, 1001, value));
            println!("{what}: {few:?} {many:?}");
            assert!(many.writes_down <= 1.0 && many.reads <= 2.0, "{what}: {many:?}");
            let each_row = (many.allocations - few.allocations) / 1000.0;
            assert!(each_row < 0.001, "{what}: {each_row} allocations a row");
        });
    }
}
