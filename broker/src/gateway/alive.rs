//! Telling a peer that is gone from one that has nothing to say.
//!
//! A machine that lost its power or its network closes nothing: without a question now and then the other side waits
//! for ever, and a target keeps locks for a client that is no more.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt;

/// Questions without an answer after which a peer is given up.
const QUESTIONS: u32 = 3;

/// Has the system ask a silent TCP peer whether its machine is still there, and close the connection when nothing has
/// answered for `limit` (RFC 9293, 3.8.4). That covers a line with nothing under way; what waits for an acknowledgement
/// is [`Stream::is_unanswered`](super::postgres::stream::Stream::is_unanswered)'s.
///
/// # Errors
/// The socket takes no such option.
pub fn ask_when_silent(tcp: impl AsFd, limit: Duration) -> io::Result<()> {
    let second = Duration::from_secs(1);
    let idle = (limit / 2).max(second);
    sockopt::set_socket_keepalive(&tcp, true)?;
    sockopt::set_tcp_keepidle(&tcp, idle)?;
    sockopt::set_tcp_keepintvl(&tcp, (limit.saturating_sub(idle) / QUESTIONS).max(second))?;
    sockopt::set_tcp_keepcnt(&tcp, QUESTIONS)?;
    Ok(())
}
