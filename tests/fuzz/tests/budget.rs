//! What a statement and a row may cost, in counts: reads, writes and allocations of the real relay with the real judge,
//! gate and ledger, between two ends in memory. A program of its own, since its allocator counts for all threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]
#![allow(clippy::print_stdout, reason = "it tells the counts")]

use std::alloc::System;

use hoop_broker::config::Durability;
use hoop_fuzz::exchange::{Exchange, answer, bound, on_connection, prepare, prepared};
use hoop_pgwire::frontend::encode as ask;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Statements of one measurement; what happens once in a while (a checkpoint, a larger buffer) is spread over them.
const STATEMENTS: u64 = 1000;

/// Counts of one measurement, for one exchange each.
#[derive(Debug, Clone, Copy)]
struct Cost {
    reads: f64,
    writes_up: f64,
    writes_down: f64,
    allocations: f64,
}

/// The cost of an exchange, over many of them; `question` gives the n-th.
fn cost(bench: &mut Exchange<'_>, mut question: impl FnMut(u64, &mut Vec<u8>), answer: &[u8]) -> Cost {
    let mut asked = Vec::new();
    let mut once = |bench: &mut Exchange<'_>, n| {
        asked.clear();
        question(n, &mut asked);
        bench.exchange(&asked, answer);
    };
    (0..100).for_each(|n| once(bench, n));
    let counts = |bench: &Exchange<'_>| {
        let (client, target) = (bench.client.0.borrow(), bench.target.0.borrow());
        let allocated = ALLOCATOR.stats().allocations + ALLOCATOR.stats().reallocations;
        [client.reads + target.reads, target.writes, client.writes, allocated as u64]
    };
    let before = counts(bench);
    (100..100 + STATEMENTS).for_each(|n| once(bench, n));
    let after = counts(bench);
    let each = |i: usize| (after[i] - before[i]) as f64 / STATEMENTS as f64;
    Cost { reads: each(0), writes_up: each(1), writes_down: each(2), allocations: each(3) }
}

/// Allocations of other threads (the ledger's checkpoint, once a second), a statement: far from one of its own.
const OTHERS: f64 = 0.02;

/// One read and one write on each side of an exchange, and no more allocations than `allocations`.
fn within(what: &str, cost: Cost, allocations: f64) {
    println!("{what}: {cost:?}");
    assert!(cost.reads <= 2.0, "{what}: {cost:?}");
    assert!(cost.writes_up <= 1.0 && cost.writes_down <= 1.0, "{what}: {cost:?}");
    assert!(
        cost.allocations <= allocations + OTHERS,
        "{what}: {cost:?}, more than {allocations} allocations"
    );
}

#[test]
fn a_statement_and_a_row_stay_within_their_budget() {
    on_connection(Durability::Disk, |bench| {
        let same = |_, out: &mut Vec<u8>| ask::query(out, "SELECT a FROM plain").unwrap();
        let one = answer(false, 1, b"some text of a row");
        within("a statement seen before", cost(bench, same, &one), 2.0);

        let alike = |n, out: &mut Vec<u8>| {
            ask::query(out, &format!("SELECT a FROM plain WHERE id = {n}")).unwrap();
        };
        // One of them is the text that the test itself makes.
        within("a statement that differs in numbers", cost(bench, alike, &one), 3.0);

        let ten = |_, out: &mut Vec<u8>| {
            (0..10).for_each(|_| ask::query(out, "SELECT a FROM plain").unwrap());
        };
        within("ten statements in one read", cost(bench, ten, &one.repeat(10)), 12.0);
    });
    on_connection(Durability::Disk, |bench| {
        prepare(bench);
        let one = bound(&answer(false, 1, b"some text of a row"));
        within("a prepared statement", cost(bench, |_, out| prepared(out, "p"), &one), 3.0);
    });
    // Rows: the difference between many and one, in an answer of one read.
    for (what, classified, value) in [
        ("rows as they are", false, b"some text of a row".as_slice()),
        ("rows with a long number", false, b"order 8800112233445566 of today"),
        ("rows of a classified column", true, b"4111111111111111"),
    ] {
        on_connection(Durability::Disk, move |bench| {
            let text = if classified { "SELECT pan FROM cards" } else { "SELECT a FROM plain" };
            let same = |_, out: &mut Vec<u8>| ask::query(out, text).unwrap();
            let few = cost(bench, same, &answer(classified, 1, value));
            let many = cost(bench, same, &answer(classified, 1001, value));
            println!("{what}: {few:?} {many:?}");
            assert!(many.writes_down <= 1.0 && many.reads <= 2.0, "{what}: {many:?}");
            let each_row = (many.allocations - few.allocations) / 1000.0;
            assert!(each_row < 0.001, "{what}: {each_row} allocations a row");
        });
    }
}
