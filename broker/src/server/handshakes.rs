//! How many sockets of one address may be open without having signed in. Bounds what a stranger can hold.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::identity::address::network_of;

/// Counts unauthenticated sockets by address, an IPv6 one by its network. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handshakes {
    // Taken once at accept and once at sign-in of a connection, never on the statement path.
    open: Arc<Mutex<HashMap<String, usize>>>,
    max: usize,
}

/// A place among the unauthenticated sockets of an address; given back when dropped.
#[derive(Debug)]
pub struct Place {
    open: Arc<Mutex<HashMap<String, usize>>>,
    address: String,
}

impl Handshakes {
    /// At most `max` an address.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { open: Arc::default(), max }
    }

    /// Takes a place, or `None` at the limit.
    #[must_use]
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network_of(address);
        let count = open.entry(address.clone()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Place { open: Arc::clone(&self.open), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back() {
        let table = Handshakes::new(1);
        let address = IpAddr::from([127, 0, 0, 1]);
        let place = table.enter(address);
        assert!(place.is_some());
        assert!(table.enter(address).is_none());
        drop(place);
        assert!(table.enter(address).is_some());
    }
}
