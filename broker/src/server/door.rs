//! Who is let in. Decided when a socket is accepted, without waiting for anything; whoever is not let in is told so in
//! the protocol of the listener, by a lane, as long as few are being told.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::handshakes::{Handshakes, Place};
use crate::config::Limits;

/// Sockets that are being told at once that there is no room. Telling costs a TLS handshake: beyond this they are
/// closed without a word, so that a flood of connections costs no more than its SYN packets.
pub const REFUSALS: usize = 64;
/// The same of one address, so that one that floods does not silence the broker for others.
const REFUSALS_PER_ADDRESS: usize = 16;

/// One place among all connections of the broker; given back when dropped.
pub type Seat = OwnedSemaphorePermit;

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// `limits.connections`.
    Broker(usize),
    /// `limits.handshakes_per_address`.
    Address(usize),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(max) => write!(f, "the broker has {max} connections open, its limit"),
            Self::Address(max) => {
                write!(f, "{max} connections of your address have not signed in yet, the limit")
            }
        }
    }
}

impl Full {
    /// What the client, or the operator whom it asks, can do.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Broker(_) => "try again when some have closed; the operator can raise `limits.connections`",
            Self::Address(_) => {
                "try again in some seconds; the operator can raise `limits.handshakes_per_address`"
            }
        }
    }
}

/// What becomes of an accepted socket.
#[derive(Debug)]
pub enum Admission {
    /// It is served. The seat is held to its end, the place until it has signed in.
    Serve(Seat, Place),
    /// It is told that there is no room, and closed.
    Refuse(Full, Refusal),
    /// It is closed: too many are being told already.
    Close,
}

/// A place among those who are told; given back when dropped.
#[derive(Debug)]
pub struct Refusal {
    _seat: OwnedSemaphorePermit,
    _place: Place,
}

/// Lets in and turns away. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Door {
    seats: Arc<Semaphore>,
    max_seats: usize,
    handshakes: Handshakes,
    max_handshakes: usize,
    refusals: Arc<Semaphore>,
    refused: Handshakes,
}

impl Door {
    /// A door with the limits of the configuration.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(limits.connections)),
            max_seats: limits.connections,
            handshakes: Handshakes::new(limits.handshakes_per_address),
            max_handshakes: limits.handshakes_per_address,
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            refused: Handshakes::new(REFUSALS_PER_ADDRESS),
        }
    }

    /// What becomes of a socket from `address`. Never waits.
    #[must_use]
    pub fn admit(&self, address: IpAddr) -> Admission {
        let full = match (Arc::clone(&self.seats).try_acquire_owned(), self.handshakes.enter(address)) {
            (Ok(seat), Some(place)) => return Admission::Serve(seat, place),
            (Err(_), _) => Full::Broker(self.max_seats),
            (Ok(_), None) => Full::Address(self.max_handshakes),
        };
        match (Arc::clone(&self.refusals).try_acquire_owned(), self.refused.enter(address)) {
            (Ok(seat), Some(place)) => Admission::Refuse(full, Refusal { _seat: seat, _place: place }),
            _ => Admission::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(connections: usize, handshakes_per_address: usize) -> Door {
        Door::new(&Limits { connections, handshakes_per_address, ..Limits::default() })
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn the_total_is_bounded_and_a_seat_given_back() {
        let door = door(2, 10);
        let held: Vec<_> = [1, 2].into_iter().map(|n| door.admit(ip(n))).collect();
        assert!(held.iter().all(|a| matches!(a, Admission::Serve(..))));
        assert!(matches!(door.admit(ip(3)), Admission::Refuse(Full::Broker(2), _)));
        drop(held);
        assert!(matches!(door.admit(ip(3)), Admission::Serve(..)));
    }

    #[test]
    fn an_address_that_has_signed_in_may_come_again() {
        let door = door(10, 1);
        let Admission::Serve(seat, place) = door.admit(ip(1)) else { panic!("there is room") };
        assert!(matches!(door.admit(ip(1)), Admission::Refuse(Full::Address(1), _)));
        assert!(matches!(door.admit(ip(2)), Admission::Serve(..)), "another address is not concerned");
        drop(place);
        assert!(matches!(door.admit(ip(1)), Admission::Serve(..)));
        drop(seat);
    }

    #[test]
    fn few_are_told_at_once_and_one_address_does_not_silence_the_others() {
        let door = door(1, 1);
        let _inside = door.admit(ip(1));
        let told: Vec<_> = (0..REFUSALS_PER_ADDRESS).map(|_| door.admit(ip(1))).collect();
        assert!(told.iter().all(|a| matches!(a, Admission::Refuse(..))));
        assert!(matches!(door.admit(ip(1)), Admission::Close));
        assert!(matches!(door.admit(ip(2)), Admission::Refuse(..)));
    }
}
