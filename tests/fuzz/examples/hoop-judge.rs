//! `hoop-judge [--profile]`: what it costs to judge a small statement under the `pci` starter, in microseconds: the
//! least of many rounds, for on a shared machine only the least is the program's own. `./dev judge` runs it, optimised.
//!
//! The lines `cached` are of a connection's own judge, asked again for what it has judged: by the same text, and by one
//! that differs in a number only. A thousand calls are timed at once, for a clock costs as much as one.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a premise that does not hold ends the run")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use hoop_broker::gateway::postgres::judge::{Judge, Looked};
use hoop_fuzz::{Stage, principal, target};
use hoop_policy::{AccessLevel, Estimate, PolicySet, SessionFacts, Via, judge_all};
use hoop_statement::{TextLimits, analyse};

const TEXTS: [(&str, &str); 3] = [
    ("one table", "SELECT id, amount FROM payments WHERE id = 4711"),
    ("a function", "SELECT count(*) FROM payments WHERE id = 4711"),
    (
        "a join",
        "SELECT p.id, c.name FROM payments p JOIN cards c ON c.id = p.card_id WHERE p.amount > 10 ORDER BY 1",
    ),
];

fn main() {
    let profile = std::env::args().any(|a| a == "--profile");
    let policy = PolicySet::load(&[("pci.cedar", include_str!("../../../broker/policy/pci.cedar"))]).unwrap();
    let (principal, target) = (principal(), target());
    let session = SessionFacts {
        level: AccessLevel::Masked,
        via: Via::Tunnel,
        bearer: false,
        break_glass: false,
        statement_count: 1,
        estimate: Estimate::INFINITE,
        approvals: BTreeSet::new(),
    };
    let limits = TextLimits::default();
    let rounds = if profile { 100_000 } else { 2_000 };
    for (name, text) in TEXTS {
        let facts = analyse(text, &limits).unwrap().statements;
        let parse = least(rounds, || drop(black_box(analyse(black_box(text), &limits))));
        let judge = least(rounds, || {
            drop(black_box(judge_all(&policy, &principal, &session, &target, black_box(&facts))));
        });
        println!("judge {name}: facts {parse:.1} us, policy {judge:.1} us, together {:.1} us", parse + judge);
    }
    cached(rounds / 20);
}

/// What a connection's judge needs for what it knows.
fn cached(rounds: usize) {
    const AT_ONCE: usize = 1000;
    let stage = Stage::new();
    let mut judge = stage.judge();
    for (name, text) in TEXTS {
        let other: Vec<String> = (0..AT_ONCE).map(|n| text.replace("4711", &n.to_string())).collect();
        let same = least(rounds, || (0..AT_ONCE).for_each(|_| look(&mut judge, text)));
        let alike = least(rounds, || other.iter().for_each(|text| look(&mut judge, text)));
        let [same, alike] = [same, alike].map(|us| us / 1000.0);
        println!("judge {name}: cached {same:.2} us, by its form {alike:.2} us");
    }
}

fn look(judge: &mut Judge, text: &str) {
    let looked = judge.look(black_box(text), &mut Context::from_waker(Waker::noop()));
    assert!(matches!(black_box(looked), Poll::Ready(Looked::Judged(_))));
}

/// Microseconds of the quickest of many calls.
fn least(rounds: usize, mut call: impl FnMut()) -> f64 {
    let timed = (0..rounds).map(|_| {
        let started = Instant::now();
        call();
        started.elapsed()
    });
    timed.min().unwrap_or_default().as_secs_f64() * 1e6
}
