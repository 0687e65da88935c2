//! Cancel keys of our own (protocol chapter 54.2.8): a client never learns the target's, so a key that leaks can stop
//! one of our statements and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hoop_api::SessionId;
use subtle::ConstantTimeEq as _;

use crate::config::Target;

/// What a key stops: a backend of a target.
#[derive(Debug, Clone)]
pub struct Backend {
    /// The target.
    pub target: Arc<Target>,
    /// Its process id there.
    pub pid: u32,
    /// Its secret there.
    pub secret: Vec<u8>,
    /// The session that it serves.
    pub session: SessionId,
}

/// All keys in use.
#[derive(Debug, Clone, Default)]
pub struct CancelKeys {
    // Taken when a connection opens or closes and when somebody cancels.
    keys: Arc<Mutex<HashMap<i32, (Secret, Backend)>>>,
}

/// Length of our secrets: what protocol 3.0 fixes.
type Secret = [u8; 4];

/// A key in use; it dies with its connection.
#[derive(Debug)]
pub struct IssuedKey {
    keys: CancelKeys,
    /// Process id that the client sees.
    pub pid: i32,
    /// Secret that the client sees.
    pub secret: Secret,
}

impl CancelKeys {
    /// Makes a key for a backend.
    #[must_use]
    pub fn issue(&self, backend: Backend) -> IssuedKey {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = rand::random::<Secret>();
        loop {
            let pid = rand::random::<i32>() & i32::MAX;
            if pid != 0 && !keys.contains_key(&pid) {
                keys.insert(pid, (secret, backend));
                return IssuedKey { keys: self.clone(), pid, secret };
            }
        }
    }

    /// The backend that `pid` and `secret` stop. On the tunnel, only one of the same session.
    #[must_use]
    pub fn find(&self, pid: i32, secret: &[u8], session: Option<SessionId>) -> Option<Backend> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, backend) = keys.get(&pid)?;
        let right = known.len() == secret.len() && bool::from(known.ct_eq(secret));
        (right && session.is_none_or(|s| s == backend.session)).then(|| backend.clone())
    }
}

impl Drop for IssuedKey {
    fn drop(&mut self) {
        self.keys.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.pid);
    }
}
