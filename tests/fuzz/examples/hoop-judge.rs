//! `hoop-judge [--profile]`: what it costs to judge a small statement under the `pci` starter, in microseconds: the
//! least of many rounds, for on a shared machine only the least is the program's own. `./dev judge` runs it, optimised.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a premise that does not hold ends the run")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use hoop_fuzz::{principal, target};
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
