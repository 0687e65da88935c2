//! The loop of one connection: two sockets, two pipes, one task. It moves bytes; what they mean is decided in
//! [`Conversation`].

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::conversation::{Conversation, End, Stalled};
use super::pipe::Pipe;
use super::stream::Stream;
use crate::ledger::{Poisoned, Ticket, Watcher};
use crate::session::{EndReason, Session};

/// Writes of one direction before the others get their turn.
const TURNS: u32 = 16;
/// Bytes that are read behind a statement that waits for its reviewers.
const AHEAD: usize = 256 << 10;

/// Both ends of a connection after start-up. Which transports they are is left open for the fuzz target, whose ends lie
/// in memory.
#[derive(Debug)]
pub struct Relay<D = Stream, U = Stream> {
    /// The client.
    pub down: D,
    /// The target.
    pub up: U,
    /// Client → target.
    pub inbound: Pipe,
    /// Target → client.
    pub answer: Pipe,
    /// For what waits to be forwarded.
    pub inbound_watch: Watcher,
    /// For what waits to be released.
    pub answer_watch: Watcher,
}

impl<D: AsyncRead + AsyncWrite + Unpin, U: AsyncRead + AsyncWrite + Unpin> Relay<D, U> {
    /// Runs until one side closes, the session ends, or a rule is broken.
    pub async fn run(&mut self, talk: &mut Conversation, session: &Arc<Session>) -> End {
        let mut ending = pin!(session.wait_end());
        let mut ended = None;
        let mut listening = false;
        poll_fn(|cx| {
            // Once it listens, polling again would take the lock that all connections of the session share, for each
            // message; its wake comes after the mark. The task's waker stays the same.
            if ended.is_none()
                && (!listening || session.is_marked_ended())
                && let Poll::Ready(reason) = ending.as_mut().poll(cx)
            {
                ended = Some(reason);
            }
            listening = true;
            match ended {
                // A stopping broker lets a statement finish; every other end cuts at once.
                Some(EndReason::Shutdown) if !talk.is_idle() => {}
                Some(reason) => return Poll::Ready(End::Session(reason)),
                None => {}
            }
            self.poll(talk, cx)
        })
        .await
    }

    fn poll(&mut self, talk: &mut Conversation, cx: &mut Context<'_>) -> Poll<End> {
        talk.poll_deadline(cx);
        for _ in 0..TURNS {
            let answered = self.poll_answer(talk, cx);
            let asked = match answered {
                Ok(_) => self.poll_inbound(talk, cx),
                Err(_) => Ok(false),
            };
            match (answered, asked) {
                (Err(end), _) | (_, Err(end)) => return Poll::Ready(end),
                (Ok(false), Ok(false)) => {
                    // Once more: a deadline that began just now is to wake this connection.
                    talk.poll_deadline(cx);
                    talk.note_activity();
                    return Poll::Pending;
                }
                (Ok(true), _) | (_, Ok(true)) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads from the target, decodes and masks, and releases what is recorded. True when something moved.
    fn poll_answer(&mut self, talk: &mut Conversation, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut moved = false;
        if self.answer.is_flushed() {
            match self.answer.poll_fill(&mut self.up, cx) {
                Poll::Ready(Ok(0)) => return Err(End::TargetGone),
                Poll::Ready(Ok(_)) => {
                    talk.on_target(&mut self.answer)?;
                    moved = true;
                }
                Poll::Ready(Err(e)) => return Err(target_fault(&e)),
                Poll::Pending => {}
            }
        }
        if !self.answer.is_flushed() && self.released(talk.release_after(), cx)? {
            match self.answer.poll_drain(&mut self.down, cx) {
                Poll::Ready(Ok(())) => moved = true,
                Poll::Ready(Err(_)) => return Err(End::ClientGone),
                Poll::Pending => {}
            }
        }
        Ok(moved)
    }

    fn released(&mut self, after: Option<Ticket>, cx: &mut Context<'_>) -> Result<bool, End> {
        let Some(ticket) = after else { return Ok(true) };
        match self.answer_watch.poll_durable(ticket, cx) {
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(Poisoned)) => Err(End::NotRecorded),
            Poll::Pending => Ok(false),
        }
    }

    /// Judges what the client sent, reads more when all of it is decided, and forwards. True when something moved.
    fn poll_inbound(&mut self, talk: &mut Conversation, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut moved = false;
        let stalled = self.decide(talk, cx)?;
        // The gateway speaks for itself here, so nothing of the target is on its way.
        if let Some(notice) = talk.take_notice() {
            self.answer.insert(&notice);
            moved = true;
        }
        let reads = match stalled {
            Stalled::NeedMore => true,
            // A client that leaves is noticed while its statement waits for reviewers; one that sends on waits.
            Stalled::Approval => self.inbound.pending().len() < AHEAD,
            Stalled::Recording(_) | Stalled::Parsing | Stalled::Answer => false,
        };
        if reads && self.inbound.is_flushed() {
            match self.inbound.poll_fill(&mut self.down, cx) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => return Err(End::ClientGone),
                Poll::Ready(Ok(_)) => {
                    self.decide(talk, cx)?;
                    moved = true;
                }
                Poll::Pending => {}
            }
        }
        if !self.inbound.is_flushed() {
            match self.inbound.poll_drain(&mut self.up, cx) {
                Poll::Ready(Ok(())) => moved = true,
                // The target's last words, if any, are still to be read.
                Poll::Ready(Err(e)) if self.answer.is_flushed() => return Err(target_fault(&e)),
                Poll::Ready(Err(_)) | Poll::Pending => {}
            }
        }
        Ok(moved)
    }

    /// Lets the conversation decide as far as it can; a write waits here for its entry.
    fn decide(&mut self, talk: &mut Conversation, cx: &mut Context<'_>) -> Result<Stalled, End> {
        loop {
            let stalled = talk.on_client(&mut self.inbound, cx)?;
            let Stalled::Recording(ticket) = stalled else { return Ok(stalled) };
            match self.inbound_watch.poll_durable(ticket, cx) {
                Poll::Ready(Ok(())) => talk.recorded(&mut self.inbound),
                Poll::Ready(Err(Poisoned)) => return Err(End::NotRecorded),
                Poll::Pending => return Ok(stalled),
            }
        }
    }

    /// Writes a last message to the client and closes both sides; bounded by the caller's timeout.
    pub async fn farewell(&mut self, message: &[u8], sync: bool) {
        use tokio::io::AsyncWriteExt as _;
        if sync && poll_fn(|cx| self.answer.poll_drain(&mut self.down, cx)).await.is_err() {
            return;
        }
        if !message.is_empty() && self.down.write_all(message).await.is_err() {
            return;
        }
        // Both sides are closed by drop in any case; a failed shutdown changes nothing.
        let _closed = self.down.shutdown().await;
    }

    /// Says goodbye to the target, so that it does not log a lost connection.
    pub async fn leave_target(&mut self) {
        use tokio::io::AsyncWriteExt as _;
        if self.inbound.is_flushed() && self.up.write_all(&[b'X', 0, 0, 0, 4]).await.is_ok() {
            let _closed = Pin::new(&mut self.up).shutdown().await;
        }
    }
}

fn target_fault(e: &io::Error) -> End {
    tracing::debug!(error = %e, "the target's socket failed");
    End::TargetGone
}
