//! The real relay with the real judge, gate and ledger between two ends in memory: one question and its answer at a time,
//! for what is counted.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hoop_broker::config::{Durability, Limits};
use hoop_broker::gateway::postgres::conversation::End;
use hoop_broker::gateway::postgres::pipe::Pipe;
use hoop_broker::gateway::postgres::relay::Relay;
use hoop_pgwire::frontend::encode as ask;
use hoop_pgwire::{Format, NamedObject};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::conversation::Stage;

/// One end: what may be read, and how often it was read and written.
#[derive(Debug, Default)]
pub struct Line {
    inbox: Vec<u8>,
    at: usize,
    /// Reads that gave something.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    written: usize,
}

/// One end of a connection.
#[derive(Debug, Clone, Default)]
pub struct Socket(pub Rc<RefCell<Line>>);

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

/// A connection whose both ends are ours.
pub struct Exchange<'a> {
    /// The client's end.
    pub client: Socket,
    /// The target's end.
    pub target: Socket,
    run: Pin<&'a mut dyn Future<Output = End>>,
}

impl Exchange<'_> {
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
    ///
    /// # Panics
    /// When the relay ends.
    pub fn exchange(&mut self, question: &[u8], answer: &[u8]) {
        let (client, target) = (self.client.clone(), self.target.clone());
        self.move_on(&client, question, &target, question.len());
        self.move_on(&target, answer, &client, answer.len());
    }
}

/// Appends a message.
///
/// # Panics
/// When it is longer than a message may be.
pub fn message(tag: u8, body: &[u8], out: &mut Vec<u8>) {
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

/// An answer of rows with one text column, the classified one when `classified`.
#[must_use]
pub fn answer(classified: bool, count: usize, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    description(classified, &mut out);
    rows(count, value, &mut out);
    message(b'C', b"SELECT 1\0", &mut out);
    message(b'Z', b"I", &mut out);
    out
}

/// Runs `measure` on a fresh connection, on a stack that the parser can use.
///
/// # Panics
/// When `measure` does.
pub fn on_connection(durability: Durability, measure: impl FnOnce(&mut Exchange<'_>) + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(hoop_statement::STACK_BYTES);
    let thread = thread.spawn(move || {
        let stage = Stage::with(durability);
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
        measure(&mut Exchange { client, target, run });
    });
    thread.unwrap().join().unwrap();
}

/// Bind of the statement `name` to one parameter, and its run.
///
/// # Panics
/// Never.
pub fn prepared(out: &mut Vec<u8>, name: &str) {
    ask::bind(out, "", name, [Format::Text], [Some(b"1".as_slice())], [Format::Text]).unwrap();
    ask::describe(out, NamedObject::Portal, "").unwrap();
    ask::execute(out, "", 0).unwrap();
    ask::sync(out);
}

/// Parses the statement `p`, with the answer that the target gives.
///
/// # Panics
/// When the relay ends.
pub fn prepare(exchange: &mut Exchange<'_>) {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    ask::parse(&mut asked, "p", "SELECT a FROM plain WHERE a = $1", []).unwrap();
    ask::sync(&mut asked);
    message(b'1', b"", &mut answered);
    message(b'Z', b"I", &mut answered);
    exchange.exchange(&asked, &answered);
}

/// The answer to [`prepared`].
#[must_use]
pub fn bound(answer: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    message(b'2', b"", &mut out);
    out.extend_from_slice(answer);
    out
}
