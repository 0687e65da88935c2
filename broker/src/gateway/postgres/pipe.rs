//! One direction of a conversation: a read buffer whose decoded prefix is written from where it lies.
//!
//! ```text
//!   buf:   [ sent | ready to write | read, not yet decoded | free ]
//!          0     sent            ready                    end
//! ```
//! Frames that need no change never move. A changed or locally made frame goes to `alt`, which is written before
//! the ready part of `buf`; the few bytes that stood before it are copied there first, so that order holds.
//!
//! INVARIANT: bytes past `ready` are never written. Only [`Pipe::pass`] lets bytes of the other side through, for a
//! [`Pass`] that the gate makes; [`Pipe::replace`] and [`Pipe::insert`] write bytes of our own.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::buffers;
use crate::gate::Pass;

/// A side buffer that grew beyond this is given back when it is empty.
const KEEP_ALT: usize = 4 << 10;

/// One direction of a conversation.
#[derive(Debug)]
pub struct Pipe {
    buf: Vec<u8>,
    base: usize,
    sent: usize,
    ready: usize,
    end: usize,
    /// Bytes of `buf` that may hold what was read.
    used: usize,
    alt: Vec<u8>,
    alt_sent: usize,
    /// Bytes were written that the transport may still hold: TLS takes more than its socket does.
    unflushed: bool,
    /// Bytes written so far, for the metrics.
    pub written: u64,
}

impl Pipe {
    /// An empty pipe that reads up to `base` bytes at a time. It holds a buffer only while bytes are in it.
    #[must_use]
    pub const fn new(base: usize) -> Self {
        Self {
            buf: Vec::new(),
            base,
            sent: 0,
            ready: 0,
            end: 0,
            used: 0,
            alt: Vec::new(),
            alt_sent: 0,
            unflushed: false,
            written: 0,
        }
    }

    /// Puts bytes that were read elsewhere (after a start-up packet) in front.
    pub fn preload(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.buf[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
        self.used = self.used.max(self.end);
    }

    /// What was read and is not decoded yet.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.buf[self.ready..self.end]
    }

    /// The same, for masking in place.
    pub fn pending_mut(&mut self) -> &mut [u8] {
        &mut self.buf[self.ready..self.end]
    }

    /// True when nothing waits to be written, here or in the transport.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.sent == self.ready && self.alt_sent == self.alt.len() && !self.unflushed
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        (self.ready - self.sent) + (self.alt.len() - self.alt_sent)
    }

    /// Lets the next `n` pending bytes be written as they lie.
    pub fn pass(&mut self, n: usize, _pass: Pass) {
        debug_assert!(self.ready + n <= self.end, "pass within what was read");
        self.ready += n;
    }

    /// Drops the next `n` pending bytes and writes `with` in their place.
    pub fn replace(&mut self, n: usize, with: &[u8]) {
        debug_assert!(self.ready + n <= self.end, "replace within what was read");
        self.alt.extend_from_slice(&self.buf[self.sent..self.ready]);
        self.alt.extend_from_slice(with);
        self.ready += n;
        self.sent = self.ready;
    }

    /// Writes `bytes` before what is pending.
    pub fn insert(&mut self, bytes: &[u8]) {
        self.replace(0, bytes);
    }

    fn make_room(&mut self, n: usize) {
        if self.sent == self.end {
            (self.sent, self.ready, self.end) = (0, 0, 0);
        }
        if self.buf.len() - self.end >= n {
            return;
        }
        if self.sent > 0 {
            self.buf.copy_within(self.sent..self.end, 0);
            self.ready -= self.sent;
            self.end -= self.sent;
            self.sent = 0;
        }
        let want = (self.end + n).max(self.base);
        if self.buf.is_empty() && want == self.base {
            self.buf = buffers::take(self.base);
        } else if self.buf.len() < want {
            self.buf.resize(want, 0);
        }
    }

    /// Reads once. `Ok(0)` means that the other side closed.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.buf.len() == self.end {
            // Doubles, so that a large frame is copied a logarithmic number of times; limits bound the frame.
            self.make_room((self.end - self.sent).max(self.base / 4));
        }
        let mut space = ReadBuf::new(&mut self.buf[self.end..]);
        let read = Pin::new(from).poll_read(cx, &mut space);
        let n = space.filled().len();
        self.end += n;
        self.used = self.used.max(self.end);
        if self.end == self.sent {
            self.recycle();
        }
        read.map_ok(|()| n)
    }

    /// Writes what may be written, then flushes the transport.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn poll_drain<W: AsyncWrite + Unpin>(
        &mut self,
        to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        if self.alt_sent < self.alt.len() && self.sent < self.ready {
            self.alt.extend_from_slice(&self.buf[self.sent..self.ready]);
            self.sent = self.ready;
        }
        while self.alt_sent < self.alt.len() {
            let n = ready!(Pin::new(&mut *to).poll_write(cx, &self.alt[self.alt_sent..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.alt_sent += n;
            self.written += n as u64;
        }
        self.alt.clear();
        self.alt_sent = 0;
        while self.sent < self.ready {
            let n = ready!(Pin::new(&mut *to).poll_write(cx, &self.buf[self.sent..self.ready]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.sent += n;
            self.written += n as u64;
        }
        self.recycle();
        ready!(Pin::new(to).poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Gives the buffers back once they are empty.
    fn recycle(&mut self) {
        if self.sent != self.end {
            return;
        }
        (self.sent, self.ready, self.end) = (0, 0, 0);
        // The next one to use it is another session: nothing of this one stays.
        buffers::give(std::mem::take(&mut self.buf), self.base, self.used);
        self.used = 0;
        if self.alt.capacity() > KEEP_ALT {
            self.alt = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pipe: &mut Pipe) -> Vec<u8> {
        let mut out = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(pipe.poll_drain(&mut out, &mut cx).is_ready());
        out
    }

    #[test]
    fn what_is_not_passed_is_never_written() {
        let mut pipe = Pipe::new(64);
        pipe.preload(b"abcdef");
        pipe.pass(2, Pass::control());
        assert_eq!(written(&mut pipe), b"ab");
        assert_eq!(pipe.pending(), b"cdef");
    }

    #[test]
    fn replaced_and_inserted_bytes_keep_their_place() {
        let mut pipe = Pipe::new(64);
        pipe.preload(b"aaabbbcccddd");
        pipe.pass(3, Pass::control());
        pipe.replace(3, b"XY");
        pipe.pass(3, Pass::control());
        pipe.insert(b"!");
        pipe.pass(3, Pass::control());
        assert_eq!(written(&mut pipe), b"aaaXYccc!ddd");
        assert!(pipe.is_flushed() && pipe.pending().is_empty());
    }

    /// Takes everything at once and hands it on later, as TLS does when its socket is full.
    struct Holding {
        flushes: u32,
    }

    impl AsyncWrite for Holding {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            if self.flushes < 3 { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_the_transport_still_holds_is_not_flushed() {
        let mut pipe = Pipe::new(8);
        pipe.preload(b"abc");
        pipe.pass(3, Pass::control());
        let (mut to, mut cx) = (Holding { flushes: 0 }, Context::from_waker(std::task::Waker::noop()));
        for _ in 0..2 {
            assert!(pipe.poll_drain(&mut to, &mut cx).is_pending());
            assert!(!pipe.is_flushed(), "nobody would call again");
        }
        assert!(pipe.poll_drain(&mut to, &mut cx).is_ready());
        assert!(pipe.is_flushed() && to.flushes == 3);
    }

    #[test]
    fn growing_keeps_what_is_there() {
        let mut pipe = Pipe::new(8);
        pipe.preload(b"12345678");
        pipe.pass(4, Pass::control());
        assert_eq!(written(&mut pipe), b"1234");
        pipe.preload(&[b'x'; 96]);
        assert_eq!(pipe.pending()[..5], *b"5678x");
    }
}
