//! Before anything is measured: that the gateway does its work. A gateway that masks and records nothing is fast too.

use crate::database::ROWS;
use crate::lab::Lab;
use crate::pgbench::{self, Length};
use crate::system::{Mode, Stream, System};
use crate::wire::{Answer, BUFFER, Client};

/// What one transaction of `pgbench -S` costs the ledger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entries {
    /// Entries a transaction, by mode, in the order of [`Mode::ALL`].
    pub per_transaction: [f64; 3],
    /// Bytes of an entry with its frame.
    pub bytes: usize,
}

impl Entries {
    /// Entries a transaction in `mode`.
    #[must_use]
    pub fn of(&self, mode: Mode) -> f64 {
        let [simple, extended, prepared] = self.per_transaction;
        match mode {
            Mode::Simple => simple,
            Mode::Extended => extended,
            Mode::Prepared => prepared,
        }
    }
}

/// Reads a long answer and checks that it is whole, and masked where it must be; in seconds.
///
/// # Panics
/// When it is neither.
pub fn stream(client: &mut Client, system: System, stream: Stream) -> f64 {
    let start = std::time::Instant::now();
    let answer = client.run(stream.sql()).unwrap_or_else(|e| panic!("{} on {system}: {e}", stream.sql()));
    let seconds = start.elapsed().as_secs_f64();
    assert!(answer.rows == ROWS, "{} on {system} gave {} rows instead of {ROWS}", stream.sql(), answer.rows);
    let masked = shows(&answer, "400000******");
    let expected = matches!(system, System::Ours(..));
    assert!(masked == expected, "{} on {system}: the first card number is masked: {masked}", stream.sql());
    seconds
}

fn shows(answer: &Answer, what: &str) -> bool {
    answer.first_row.windows(what.len()).any(|w| w == what.as_bytes())
}

/// Sixteen digits of which the last is the check digit (ISO/IEC 7812-1).
fn is_card_number(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |d: u32| if d > 4 { d * 2 - 9 } else { d * 2 };
    let sum: u32 = digits.iter().enumerate().map(|(at, d)| if at % 2 == 0 { doubled(*d) } else { *d }).sum();
    text.len() == 16 && digits.len() == 16 && sum.is_multiple_of(10)
}

/// Opens the bench's own client.
///
/// # Panics
/// When it is refused.
#[must_use]
pub fn client(lab: &Lab, system: System) -> Client {
    Client::connect(&lab.endpoint(system), BUFFER).unwrap_or_else(|e| panic!("connecting to {system}: {e}"))
}

/// Proves that statements are masked and recorded, and measures what is recorded.
///
/// # Panics
/// When they are not.
#[must_use]
pub fn check(lab: &Lab) -> Entries {
    let pan = |client: &mut Client, n: u64| {
        let sql = format!("SELECT pan FROM stream WHERE id = {n}");
        let answer = client.run(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        // A count of columns and a length come before the value.
        String::from_utf8_lossy(answer.first_row.get(6..).unwrap_or_default()).into_owned()
    };
    let (mut direct, mut ours) = (client(lab, System::Direct), client(lab, System::GATEWAY));
    for n in [1, 4711, ROWS] {
        let (plain, masked) = (pan(&mut direct, n), pan(&mut ours, n));
        assert!(is_card_number(&plain), "`{plain}` is no card number");
        let expected = format!("{}******{}", &plain[..6], &plain[12..]);
        assert!(masked == expected, "the gateway shows `{masked}` instead of `{expected}`");
    }
    for system in lab.first() {
        let mut client = client(lab, system);
        for long in Stream::ALL {
            stream(&mut client, system, long);
        }
    }
    let masked = lab.durable.settled().masked;
    assert!(masked >= 2 * ROWS, "two streams masked {masked} card numbers instead of {}", 2 * ROWS);

    let (mut entries, mut bytes) = (0, 0);
    let per_transaction = Mode::ALL.map(|mode| {
        let [few, many] = [10, 210].map(|count| recorded(lab, mode, count));
        let transactions = many.transactions - few.transactions;
        // What connecting costs is in both, and falls out.
        let [added, statements] = [many.entries - few.entries, many.statements - few.statements];
        assert!(statements == transactions, "{statements} statements judged in {transactions} transactions");
        assert!(added >= transactions, "{added} entries for {transactions} transactions");
        entries += many.entries;
        bytes += many.bytes;
        ratio(added, transactions)
    });
    Entries { per_transaction, bytes: usize::try_from(bytes / entries).expect("an entry fits into memory") }
}

/// What a run left in the ledger.
struct Recorded {
    transactions: u64,
    statements: u64,
    entries: u64,
    bytes: u64,
}

fn recorded(lab: &Lab, mode: Mode, each: usize) -> Recorded {
    let (before, bytes_before) = (lab.durable.settled(), lab.durable.ledger_bytes());
    let run = pgbench::run(&lab.variables(System::GATEWAY), mode, 16, Length::Transactions(each));
    let after = lab.durable.settled();
    Recorded {
        transactions: run.transactions,
        statements: after.allowed - before.allowed,
        entries: after.entries - before.entries,
        bytes: lab.durable.ledger_bytes() - bytes_before,
    }
}

fn ratio(a: u64, b: u64) -> f64 {
    let exact = |n: u64| f64::from(u32::try_from(n).expect("a count of some seconds"));
    exact(a) / exact(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_known_by_their_check_digit() {
        assert!(is_card_number("4111111111111111") && is_card_number("5555555555554444"));
        assert!(!is_card_number("4111111111111112") && !is_card_number("411111******1111"));
        assert!(!is_card_number("00000000000000000") && !is_card_number(""));
    }

    #[test]
    fn masks_are_seen() {
        let row = |text: &[u8]| Answer { rows: 1, bytes: 0, first_row: text.to_vec() };
        assert!(shows(&row(b"1\t400000******7917\t"), "400000******"));
        assert!(!shows(&row(b"1\t4000000000079190\t"), "400000******"));
    }
}
