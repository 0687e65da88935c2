//! Load in small, counted and not timed: what must hold at two thousand holds at two hundred.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod slow;

use hoop_load::churn::{ACTS, Ground};
use hoop_load::load::{Size, measure};
use hoop_load::stage::{SESSIONS, Stage};
use hoop_load::usage::Usage;

/// Resident memory that an idle connection may hold by the native listener, KiB. It is about 30; connections that keep
/// their buffers of two times 64 KiB are beyond it.
const NATIVE_KIB: f64 = 100.0;

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_cheap_and_active_ones_answered() {
    let size = Size { idle: 200, active: 8, statements: 40 };
    for (way, tokens, tunnels) in [("native", SESSIONS, 0), ("tunnel", 1, 4)] {
        let stage = Stage::set(tokens, tunnels);
        let measured = measure(&stage, way, size).await;
        assert_eq!(measured.right, size.active * size.statements + size.idle);
        assert_eq!(measured.after.fds, measured.before.fds, "{way}: {measured:?}");
        assert_eq!((measured.idle.open, measured.after.open), (200, 0));
        let per_connection = measured.per_connection(size);
        assert!(way == "tunnel" || per_connection <= NATIVE_KIB, "{per_connection} KiB: {measured:?}");
    }
}

/// Every act of churn, again and again: afterwards the broker has exactly as much open as before, and works.
#[tokio::test(flavor = "multi_thread")]
async fn churn_leaves_nothing_open() {
    let stage = Stage::set(SESSIONS, 2);
    let ground = Ground::of(&stage);
    let round = async |first: usize| {
        let mut acts = tokio::task::JoinSet::new();
        for (n, act) in ACTS.into_iter().enumerate() {
            let ground = ground.clone();
            acts.spawn(async move { ground.run(act, first + n).await });
        }
        for done in acts.join_all().await {
            done.unwrap_or_else(|fault| panic!("{fault}"));
        }
    };
    round(0).await;
    let before = Usage::at_rest(&stage, 0).await;
    for n in 1..=12 {
        round(n * 100).await;
    }
    let after = Usage::at_rest(&stage, 0).await;
    assert_eq!((after.fds, after.open, after.sessions), (before.fds, 0, before.sessions));
}
