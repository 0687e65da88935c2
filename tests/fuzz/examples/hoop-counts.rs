//! `hoop-counts MODE N`: N statements of one of pgbench's kinds through the real relay, judge, gate and ledger, between two
//! ends in memory. It measures nothing: `./dev counts` runs it under callgrind twice and takes the difference.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a premise that does not hold ends the run")]

use hoop_broker::config::Durability;
use hoop_fuzz::exchange::{Exchange, answer, bound, message, on_connection, prepare, prepared};
use hoop_pgwire::frontend::encode as ask;

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(mode), Some(Ok(n))) = (args.next(), args.next().map(|n| n.parse::<u32>())) else {
        panic!("usage: hoop-counts simple|extended|prepared N");
    };
    on_connection(Durability::Os, move |exchange| run(exchange, &mode, n));
}

fn run(exchange: &mut Exchange<'_>, mode: &str, n: u32) {
    let row = answer(false, 1, b"some text of a row");
    let bound = bound(&row);
    let mut parsed = Vec::new();
    message(b'1', b"", &mut parsed);
    parsed.extend_from_slice(&bound);
    let mut asked = Vec::new();
    if mode == "prepared" {
        prepare(exchange);
    }
    for n in 0..n {
        asked.clear();
        let answer = match mode {
            "simple" => {
                // As pgbench does: another number each time, and never one with more digits.
                ask::query(&mut asked, &format!("SELECT a FROM plain WHERE id = {}", 100_000 + n)).unwrap();
                &row
            }
            "extended" => {
                ask::parse(&mut asked, "", "SELECT a FROM plain WHERE a = $1", []).unwrap();
                prepared(&mut asked, "");
                &parsed
            }
            "prepared" => {
                prepared(&mut asked, "p");
                &bound
            }
            other => panic!("unknown mode `{other}`"),
        };
        exchange.exchange(&asked, answer);
    }
}
