//! Cancel keys of our own (protocol chapter 54.2.8): a client never learns the target's secret, so a key that leaks can
//! stop one of our statements and nothing else. The process id is the target's, which is no secret (`pg_backend_pid()`):
//! clients compare it with the one in notifications to tell their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hoop_api::{ConnectionId, SessionId};
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
    /// The connection that it serves.
    pub connection: ConnectionId,
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
    /// Makes a key for a backend. Its process id is the backend's own, or another where two targets have the same.
    #[must_use]
    pub fn issue(&self, backend: Backend) -> IssuedKey {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = rand::random::<Secret>();
        let mut pid = i32::try_from(backend.pid).unwrap_or(0);
        while pid == 0 || keys.contains_key(&pid) {
            pid = rand::random::<i32>() & i32::MAX;
        }
        keys.insert(pid, (secret, backend));
        IssuedKey { keys: self.clone(), pid, secret }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{UpstreamAddress, UpstreamTls, WeakAuth};

    fn backend(name: &str, pid: u32) -> Backend {
        let target = Target {
            name: name.to_owned(),
            environment: None,
            observe: false,
            address: UpstreamAddress::Unix("/nowhere".into()),
            tls: UpstreamTls::Disable,
            ca_file: None,
            login: "login".to_owned(),
            password: None,
            databases: vec!["db".to_owned()],
            weak_auth: WeakAuth::default(),
            classes: Vec::new(),
            budgets: Vec::new(),
            shared: crate::config::TargetShared::default(),
        };
        let session = SessionId::from_parts(1, 1);
        let connection = ConnectionId::from_parts(1, 1);
        Backend { target: Arc::new(target), pid, secret: b"theirs".to_vec(), session, connection }
    }

    #[test]
    fn a_key_shows_the_backends_own_process_and_our_secret() {
        let keys = CancelKeys::default();
        let key = keys.issue(backend("a", 4711));
        assert_eq!(key.pid, 4711);
        assert!(keys.find(4711, b"theirs", None).is_none());
        assert_eq!(keys.find(4711, &key.secret, None).map(|b| b.pid), Some(4711));
        drop(key);
        assert_eq!(keys.issue(backend("a", 4711)).pid, 4711, "a key that is gone leaves its number");
    }

    #[test]
    fn two_targets_with_the_same_process_id_are_told_apart() {
        let keys = CancelKeys::default();
        let (a, b) = (keys.issue(backend("a", 4711)), keys.issue(backend("b", 4711)));
        assert_ne!(a.pid, b.pid);
        for (key, name) in [(&a, "a"), (&b, "b")] {
            let found = keys.find(key.pid, &key.secret, None).map(|b| b.target.name.clone());
            assert_eq!(found.as_deref(), Some(name));
        }
    }

    #[test]
    fn a_target_that_gave_no_key_still_gets_a_number() {
        assert_ne!(CancelKeys::default().issue(backend("a", 0)).pid, 0);
    }
}
