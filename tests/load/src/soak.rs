//! Churn for a long time, with a look at what the broker uses every few seconds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hoop_harness::{Person, program};
use tokio::task::JoinSet;

use crate::churn::{ACTS, Ground};
use crate::flat::{self, Finding};
use crate::stage::{SESSIONS, Stage};
use crate::usage::Usage;

/// Clients at once.
const CLIENTS: usize = 24;
/// Connections that stay open all the time.
const RESIDENT: usize = 32;
/// How often is looked.
const EVERY: Duration = Duration::from_secs(5);
/// How often somebody signs in and out again: a one-time code is good once in half a minute.
const SIGN_INS: Duration = Duration::from_secs(30);
/// Time for signing in: a soak may run beside other work.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Descriptors that may differ at the end from the beginning: the state's and the ledger's files come and go.
const FEW_FDS: u64 = 3;

/// How it went.
#[derive(Debug)]
pub struct Soaked {
    /// All looks.
    pub samples: Vec<Usage>,
    /// What they say.
    pub finding: Finding,
    /// Acts done, by name.
    pub acts: BTreeMap<String, u64>,
    /// What went otherwise than it must.
    pub faults: Vec<String>,
    /// Descriptors before and after, with all clients gone.
    pub fds: (u64, u64),
}

impl Soaked {
    /// Nothing grew and nothing went wrong.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.finding.flat && self.faults.is_empty() && self.fds.1 <= self.fds.0 + FEW_FDS
    }
}

/// Keeps clients coming and going for `length`; `tell` gets each sample.
///
/// # Panics
/// When the stage breaks down.
pub async fn soak(stage: &Stage, length: Duration, mut tell: impl FnMut(Duration, &Usage)) -> Soaked {
    let ground = Ground::of(stage);
    // All acts once: what is made at first use is made now.
    for (n, act) in ACTS.into_iter().enumerate() {
        if let Err(e) = ground.run(act, n).await {
            panic!("{e}");
        }
    }
    let before = Usage::at_rest(stage, 0).await;
    let mut resident = Vec::new();
    for n in 0..RESIDENT {
        let way = crate::stage::WAYS[n % 3];
        resident.push(stage.entrance(way, n).open().await.expect("there is room"));
    }
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        clients.spawn(client(ground.clone(), n, start + length));
    }
    let bob = stage.broker.stranger("bob", "developers");
    let signing = std::thread::spawn(move || sign_in_and_out(&bob, start + length));
    let mut samples = Vec::new();
    while start.elapsed() < length {
        tokio::time::sleep(EVERY.min(length / 8)).await;
        let usage = Usage::now(&stage.broker).await;
        tell(start.elapsed(), &usage);
        samples.push(usage);
    }
    let (mut acts, mut faults) = (BTreeMap::new(), Vec::new());
    for (done, wrong) in clients.join_all().await {
        for (act, count) in done {
            *acts.entry(act).or_default() += count;
        }
        faults.extend(wrong);
    }
    let signed_in = signing.join().expect("its panics are caught");
    acts.insert("SignIn".to_owned(), signed_in);
    if signed_in == 0 && length > 2 * SIGN_INS {
        faults.push("nobody could sign in".to_owned());
    }
    for (n, client) in resident.iter_mut().enumerate() {
        match client.query("SELECT 'alive'").await {
            Ok(answer) if answer.first == ["alive"] => {}
            other => faults.push(format!("resident {n}: {other:?}")),
        }
    }
    drop(resident);
    let after = Usage::at_rest(stage, 0).await;
    let finding = flat::judge(&samples);
    Soaked { samples, finding, acts, faults, fds: (before.fds, after.fds) }
}

/// One client after the other until `end`. Which act comes is shuffled, and the same in every run.
async fn client(ground: Ground, seed: usize, end: Instant) -> (BTreeMap<String, u64>, Vec<String>) {
    let (mut acts, mut faults) = (BTreeMap::new(), Vec::new());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    while Instant::now() < end {
        // Xorshift (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let pick = usize::try_from(state >> 33).expect("31 bits");
        let act = ACTS[pick % ACTS.len()];
        *acts.entry(format!("{act:?}")).or_default() += 1;
        match tokio::time::timeout(program::PATIENCE, ground.run(act, pick >> 8)).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => faults.push(fault),
            Err(_) => faults.push(format!("{act:?}: not done after {:?}", program::PATIENCE)),
        }
    }
    (acts, faults)
}

/// Signs in, opens a session with a connection, signs out with both open. How often it was done. A sign-in that takes
/// hoopctl too long, on a machine that is full of other work, is no fault of the broker: it comes again.
fn sign_in_and_out(bob: &Person, end: Instant) -> u64 {
    let mut times = 0;
    while Instant::now() + SIGN_INS < end {
        let once = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            bob.sign_in();
            let tunnel = bob.connect();
            assert_eq!(tunnel.psql("SELECT 'bob'").ok(), "bob");
            bob.run(&["logout"]).expect(0);
        }));
        times += u64::from(once.is_ok());
        std::thread::sleep(SIGN_INS);
    }
    times
}

/// A stage for [`soak`].
#[must_use]
pub fn stage() -> Stage {
    Stage::patient(SESSIONS, SESSIONS / 4, HANDSHAKE)
}
