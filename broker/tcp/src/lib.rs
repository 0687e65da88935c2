//! Whether a TCP peer still answers, as the kernel knows it (`TCP_INFO`, tcp(7)).
//!
//! Keep-alive questions are asked on a line with nothing under way only. Data that was sent and never acknowledged is
//! sent again for `net.ipv4.tcp_retries2` rounds, about a quarter of an hour, and a closed window is asked for ever;
//! `TCP_USER_TIMEOUT` ends both, but also cuts everybody who reads slowly, since it counts a closed window as silence
//! though the peer answers each question about it.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

/// Questions about a closed window that are out at once only where one had no answer.
const UNANSWERED_PROBES: u8 = 2;

/// True where something was sent to the peer that it owes an acknowledgement for, and nothing has come from it, not
/// even that, for `limit`. A peer that reads slowly, or not at all, answers and is not meant. The socket should ask
/// when it is silent (`SO_KEEPALIVE`) sooner than `limit`: then an old last answer means that a newer one is owed.
///
/// # Errors
/// `tcp` is no TCP socket.
pub fn is_unanswered(tcp: impl AsFd, limit: Duration) -> io::Result<bool> {
    let info = info(tcp)?;
    let owed = info.tcpi_retransmits > 0 || info.tcpi_probes >= UNANSWERED_PROBES;
    Ok(owed && Duration::from_millis(u64::from(info.tcpi_last_ack_recv)) >= limit)
}

#[allow(unsafe_code)]
fn info(tcp: impl AsFd) -> io::Result<libc::tcp_info> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).map_err(io::Error::other)?;
    let fd = tcp.as_fd();
    // SAFETY: the descriptor is open while `fd` borrows it; the kernel writes at most `length` bytes to `info`, which
    // are there, and writes to `length` how many.
    let done = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: integers, for which every pattern of bits stands; what an older kernel did not write is zero.
    Ok(unsafe { info.assume_init() })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_peer_that_does_not_read_is_not_meant() -> io::Result<()> {
        use std::io::Write as _;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut sender = TcpStream::connect(listener.local_addr()?)?;
        let (_deaf, _) = listener.accept()?;
        sender.set_nonblocking(true)?;
        while sender.write(&[0; 1 << 16]).is_ok() {}
        // Its window is closed now, and its system answers.
        assert!(!is_unanswered(&sender, Duration::ZERO)?);
        Ok(())
    }

    #[test]
    fn what_is_no_tcp_socket_is_an_error() -> io::Result<()> {
        assert!(is_unanswered(std::os::unix::net::UnixDatagram::unbound()?, Duration::ZERO).is_err());
        Ok(())
    }
}
