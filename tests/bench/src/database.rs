//! The database that all connect to: pgbench's own tables, and two million rows with a card number each.

use std::fmt::Write as _;

use hoop_harness::cluster::GATEWAY_ROLE;
use hoop_harness::{Cluster, program};

/// Its name.
pub const NAME: &str = "bench";
/// pgbench's scale: a million accounts.
pub const SCALE: usize = 10;
/// Rows of the table `stream`.
pub const ROWS: u64 = 2_000_000;
/// The statements that fill it.
const PARTS: u64 = 8;
/// Its classified column.
pub const CLASSIFIED: &str = "public.stream.pan";

/// A cluster whose server is reached on loopback without TLS, as a pooler beside it does, and that keeps all in memory.
/// It takes `connections`.
#[must_use]
pub fn cluster(connections: usize) -> &'static Cluster {
    let conf = format!(
        "max_connections = {connections}\nshared_buffers = '1GB'\nmax_wal_size = '4GB'\nautovacuum = off\njit = off\n\
         max_parallel_workers_per_gather = 0"
    );
    // TLS connections have met the line before it.
    Cluster::shared_with(&conf, "host all all 127.0.0.1/32 trust")
}

/// Makes and fills it.
///
/// # Panics
/// When PostgreSQL refuses.
pub fn fill(cluster: &Cluster) {
    cluster.superuser("postgres", &format!("CREATE DATABASE {NAME} OWNER {GATEWAY_ROLE}"));
    let mut pgbench = cluster.direct(&crate::pgbench::program(), NAME);
    let scale = SCALE.to_string();
    program::run(pgbench.args(["-i", "-q", "-I", "dtgp", "-s", &scale]), b"").expect(0);
    cluster.superuser(
        NAME,
        &format!(
            "CREATE TABLE stream (id bigint, pan text, note text, amount numeric, created_at timestamp);\n\
             ALTER TABLE stream OWNER TO {GATEWAY_ROLE};"
        ),
    );
    // In parts, so that each is done in time on a slow machine too.
    for part in 0..PARTS {
        let (first, last) = (part * ROWS / PARTS + 1, (part + 1) * ROWS / PARTS);
        let sql = format!(
            "INSERT INTO stream SELECT n, {pan}, 'payment for order ' || n, (n * 7919 % 1000000)::numeric / 100, \
             timestamp '2026-01-01' + n * interval '7 seconds' \
             FROM (SELECT n, n * 7919 % 1000000000 AS d FROM generate_series({first}, {last}::bigint) AS n OFFSET 0) AS s",
            pan = pan("d"),
        );
        cluster.superuser(NAME, &sql);
    }
    cluster.superuser(NAME, "VACUUM (FREEZE, ANALYZE)");
    cluster.superuser(NAME, "CHECKPOINT");
}

// A card number of sixteen digits that ends in its check digit (ISO/IEC 7812-1, Luhn), as SQL: `400000`, nine digits
// of `n`, the check digit.
fn pan(n: &str) -> String {
    // Of the fixed digits only the 4 counts, doubled.
    let mut sum = "8".to_owned();
    for place in 0..9 {
        let digit = format!("{n} / {} % 10", 10_u64.pow(place));
        // Counted from the check digit, the first, third, … are doubled, and their own digits added.
        let added = if place % 2 == 0 {
            format!("({digit} * 2 - CASE WHEN {digit} > 4 THEN 9 ELSE 0 END)")
        } else {
            format!("({digit})")
        };
        write!(sum, " + {added}").expect("writing to a string");
    }
    format!("'400000' || lpad({n}::text, 9, '0') || ((10 - ({sum}) % 10) % 10)")
}
