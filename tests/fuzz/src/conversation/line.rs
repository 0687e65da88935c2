//! One end of the relay, in memory: what it may read lies in `inbox`, what it wrote in `outbox`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What lies between the gateway and one of its peers.
#[derive(Default)]
pub struct Line {
    pub inbox: VecDeque<u8>,
    pub outbox: Vec<u8>,
    /// The peer sends no more.
    pub closed: bool,
    /// Bytes that the peer's window still takes.
    pub room: usize,
}

/// A handle of a [`Line`], as a socket.
#[derive(Clone, Default)]
pub struct Socket(pub Rc<RefCell<Line>>);

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut line = self.0.borrow_mut();
        let n = line.inbox.len().min(buf.remaining());
        if n == 0 && !line.closed {
            return Poll::Pending;
        }
        let bytes: Vec<u8> = line.inbox.drain(..n).collect();
        buf.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut line = self.0.borrow_mut();
        let n = line.room.min(buf.len());
        if n == 0 {
            return Poll::Pending;
        }
        line.room -= n;
        line.outbox.extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
