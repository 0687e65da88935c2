//! One play: the relay in the middle, and who moves when.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use hoop_broker::config::Limits;
use hoop_broker::gateway::postgres::conversation::End;
use hoop_broker::gateway::postgres::pipe::Pipe;
use hoop_broker::gateway::postgres::relay::Relay;

use super::Evidence;
use super::answers::frames;
use super::evidence::is_write;
use super::line::Socket;
use super::said::{Move, Setting};
use super::server::Server;
use super::stage::Stage;

/// A window that never closes.
const WIDE: usize = usize::MAX / 2;

/// A relay that runs.
type Running<'a> = Pin<&'a mut dyn Future<Output = End>>;

pub struct Play {
    pub stage: Stage,
    pub setting: Setting,
    client: Socket,
    target: Socket,
    pub server: Server,
    unsent: VecDeque<u8>,
    /// All that the client wanted to say.
    pub said: Vec<u8>,
    /// All that it heard.
    pub heard: Vec<u8>,
    pub hostile: bool,
    /// The client has ended with a Sync behind whole messages.
    pub complete: bool,
    pub evidence: Evidence,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Play {
    pub fn new(stage: Stage, setting: Setting) -> Self {
        Self {
            stage,
            setting,
            client: Socket::default(),
            target: Socket::default(),
            server: Server::new(true),
            unsent: VecDeque::new(),
            said: Vec::new(),
            heard: Vec::new(),
            hostile: false,
            complete: false,
            evidence: Evidence::default(),
            woken: Arc::default(),
        }
    }

    fn limits(&self) -> Limits {
        let defaults = Limits::default();
        Limits {
            buffer_bytes: if self.setting.narrow { 64 } else { 16 << 10 },
            pipeline: if self.setting.short_pipeline { 2 } else { defaults.pipeline },
            prepared: if self.setting.few_names { 2 } else { defaults.prepared },
            ..defaults
        }
    }

    /// Plays all of it. Nothing when the connection is still open at the end.
    pub fn perform(&mut self, moves: Vec<Move>) -> Option<End> {
        let limits = self.limits();
        let session = Arc::clone(&self.stage.session);
        let mut talk = self.stage.conversation(&limits);
        let mut relay = Relay {
            down: self.client.clone(),
            up: self.target.clone(),
            inbound: Pipe::new(limits.buffer_bytes),
            answer: Pipe::new(limits.buffer_bytes),
            inbound_watch: self.stage.gateway.ledger.watcher(),
            answer_watch: self.stage.gateway.ledger.watcher(),
        };
        self.windows(WIDE, WIDE);
        let end = {
            let mut run = pin!(relay.run(&mut talk, &session));
            self.moves(moves, run.as_mut())
        };
        // What the gateway wrote before the end is on its way.
        self.server_takes(usize::MAX);
        self.hear();
        let whole = frames(self.server.unread()).1.is_empty();
        assert!(!self.complete || end.is_some() || whole, "half a message was forwarded");
        talk.finish();
        end
    }

    fn moves(&mut self, moves: Vec<Move>, mut run: Running<'_>) -> Option<End> {
        for next in moves {
            let settles =
                matches!(next, Move::Settle) || (self.setting.lockstep && matches!(next, Move::Say(_)));
            self.make(next);
            let ended = if settles { self.settle(run.as_mut()) } else { self.poll(run.as_mut()) };
            if ended.is_some() {
                return ended;
            }
        }
        if frames(&self.said).1.is_empty() {
            self.complete = true;
            self.say(b"f\0\0\0\x05\0S\0\0\0\x04");
        }
        self.settle(run)
    }

    fn make(&mut self, next: Move) {
        match next {
            Move::Say(bytes) => self.say(&bytes),
            Move::FromClient(n) => {
                self.client_sends(n);
            }
            Move::ToServer(n) => {
                self.server_takes(n);
            }
            Move::FromServer(n) => {
                self.server_sends(n);
            }
            Move::Windows(client, target) => self.windows(client.min(WIDE), target.min(WIDE)),
            Move::Durable => self.stage.settle(),
            Move::Settle => {}
            Move::Hostile(bytes) => {
                self.hostile = true;
                self.server.misled = true;
                self.target.0.borrow_mut().inbox.extend(bytes);
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.said.extend_from_slice(bytes);
        self.unsent.extend(bytes);
    }

    fn windows(&mut self, client: usize, target: usize) {
        self.client.0.borrow_mut().room = client;
        self.target.0.borrow_mut().room = target;
    }

    fn client_sends(&mut self, n: usize) -> bool {
        let n = n.min(self.unsent.len());
        self.client.0.borrow_mut().inbox.extend(self.unsent.drain(..n));
        n > 0
    }

    fn server_sends(&mut self, n: usize) -> bool {
        let sent = &mut self.server.answers.sent;
        let n = n.min(sent.len());
        let mut target = self.target.0.borrow_mut();
        target.inbox.extend(sent.drain(..n));
        target.closed = self.server.gone && sent.is_empty();
        n > 0
    }

    /// Bytes that the gateway forwarded reach the server. A write among them must be on disk by now.
    fn server_takes(&mut self, n: usize) -> bool {
        let bytes: Vec<u8> = {
            let mut target = self.target.0.borrow_mut();
            let n = n.min(target.outbox.len());
            target.outbox.drain(..n).collect()
        };
        let before = self.server.ran.len();
        self.server.take(&bytes);
        let written = self.server.ran[before..].iter().rposition(is_write);
        if let Some(last) = written.filter(|_| !self.hostile) {
            self.evidence.take(self.stage.entries());
            self.evidence.account(&self.server.ran[..=before + last]);
        }
        !bytes.is_empty()
    }

    fn hear(&mut self) -> bool {
        let mut client = self.client.0.borrow_mut();
        self.heard.extend_from_slice(&client.outbox);
        !std::mem::take(&mut client.outbox).is_empty()
    }

    fn poll(&mut self, mut run: Running<'_>) -> Option<End> {
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut cx = Context::from_waker(&waker);
        loop {
            self.woken.0.store(false, Ordering::Release);
            if let Poll::Ready(end) = run.as_mut().poll(&mut cx) {
                return Some(end);
            }
            // Its turn was over, or an entry became durable meanwhile.
            if !self.woken.0.load(Ordering::Acquire) {
                return None;
            }
        }
    }

    /// Until nothing moves, though all that was appended is durable.
    fn settle(&mut self, mut run: Running<'_>) -> Option<End> {
        self.windows(WIDE, WIDE);
        let mut waited = false;
        loop {
            let mut moved = self.client_sends(usize::MAX);
            if let Some(end) = self.poll(run.as_mut()) {
                return Some(end);
            }
            moved |= self.server_takes(usize::MAX);
            moved |= self.server_sends(usize::MAX);
            moved |= self.hear();
            if moved {
                waited = false;
            } else if waited {
                return None;
            } else {
                self.stage.settle();
                waited = true;
            }
        }
    }
}
