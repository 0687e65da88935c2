//! The protocol's less travelled ways, through the gateway as straight.

use hoop_harness::{Cluster, PATIENCE, program};
use tokio_postgres::error::SqlState;

use crate::support::{administrator, developer, psycopg};

#[tokio::test]
async fn statements_are_prepared_once_and_run_often() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let client = tunnel.client().await;
    let statement = client.prepare("SELECT order_no FROM orders WHERE id = $1").await.expect("prepares");
    for (id, order) in [(1_i32, "8800112233445566"), (4, "8800112233445569")] {
        let row = client.query_one(&statement, &[&id]).await.expect("runs");
        assert_eq!(row.get::<_, &str>(0), order);
    }
}

#[tokio::test]
async fn portals_give_rows_in_portions() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let mut client = tunnel.client().await;
    let transaction = client.transaction().await.expect("begins");
    let portal = transaction.bind("SELECT n FROM generate_series(1, 7) n", &[]).await.expect("binds");
    let mut portions = Vec::new();
    loop {
        let rows = transaction.query_portal(&portal, 3).await.expect("runs");
        if rows.is_empty() {
            break;
        }
        portions.push(rows.len());
    }
    assert_eq!(portions, [3, 3, 1]);
}

#[tokio::test]
async fn cancel_reaches_the_right_statement() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let (long, other) = (tunnel.client().await, tunnel.client().await);
    let cancel = long.cancel_token();
    let running = tokio::spawn(async move {
        let first = long.simple_query("SELECT count(*) FROM generate_series(1, 20000000000)").await;
        (first, long.query_one("SELECT 2", &[]).await)
    });
    let stop = async {
        // The cancel may come before the statement: again, until it hits.
        while !running.is_finished() {
            cancel.cancel_query(tokio_postgres::NoTls).await.expect("a cancel is accepted");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        running.await.expect("the task does not panic")
    };
    let (first, second) = tokio::time::timeout(PATIENCE, stop).await.expect("the statement is cancelled");
    assert_eq!(first.expect_err("cancelled").code(), Some(&SqlState::QUERY_CANCELED));
    second.expect("the connection lives on");
    other.query_one("SELECT 3", &[]).await.expect("nobody else was hit");
}

#[test]
fn a_client_knows_its_own_process_by_the_servers_number() {
    let (_broker, alice) = developer();
    let script =
        "print(connection.info.backend_pid == connection.execute('SELECT pg_backend_pid()').fetchone()[0])";
    assert_eq!(psycopg(&alice.connect(), script).ok(), "True");
}

#[test]
fn notifications_arrive() {
    let (_broker, bob) = administrator();
    let done = bob.connect().psql("LISTEN news;\nNOTIFY news, 'hello there';\nSELECT 1;\n");
    assert!(done.ok().contains("\"news\" with payload \"hello there\""), "{}", done.text());
}

#[test]
fn copy_goes_both_ways() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    let rows: String = (100..5100).map(|n| format!("{n}\t1\torder-{n}\t2026-11-01 00:00:00+00\n")).collect();
    program::run(
        tunnel.command("psql").args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", "COPY orders FROM STDIN"]),
        rows.as_bytes(),
    )
    .expect(0);
    let sql = "COPY (SELECT * FROM orders ORDER BY id) TO STDOUT";
    assert_eq!(tunnel.psql(sql).ok(), Cluster::shared().superuser(broker.database(), sql));
    // A COPY that the client gives up leaves nothing and the connection alive.
    let script = "
try:
    with connection.cursor().copy('COPY orders FROM STDIN') as copy:
        copy.write('9001\\t1\\tx\\t2026-11-01\\n')
        raise ValueError('changed my mind')
except psycopg.errors.QueryCanceled:
    pass
print(connection.execute('SELECT count(*) FROM orders WHERE id = 9001').fetchone()[0])
";
    assert_eq!(psycopg(&tunnel, script).ok(), "0");
}

#[test]
fn a_value_of_64_mib_passes_whole() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let done = tunnel.psql("SELECT repeat('x', 64 * 1024 * 1024)");
    done.expect(0);
    assert_eq!(done.stdout.len(), (64 << 20) + 1);
    assert!(done.stdout[..64 << 20].iter().all(|b| *b == b'x'));
    let script = "print(connection.execute('SELECT length(%s::text)', ['y' * (16 << 20)]).fetchone()[0])";
    assert_eq!(psycopg(&tunnel, script).ok(), (16 << 20).to_string());
}

#[test]
fn a_long_chain_is_judged_and_a_huge_statement_refused_while_others_live_on() {
    let (_broker, alice) = developer();
    let (tunnel, other) = (alice.connect(), alice.connect());
    let chain = format!("SELECT 1{}", "+1".repeat(5000));
    assert_eq!(tunnel.psql(&chain).ok(), "5001");
    let huge = format!("SELECT 1{};\nSELECT 'still alive';\n", "+1".repeat(1 << 20));
    let done = program::run(
        tunnel.command("psql").args(["-X", "-At", "-v", "VERBOSITY=verbose", "-f", "-"]),
        huge.as_bytes(),
    );
    done.says(&["54001", "HINT"]);
    assert_eq!(done.text().trim(), "still alive");
    assert_eq!(other.psql("SELECT 7").ok(), "7");
    let deep = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    assert_ne!(tunnel.psql(&deep).stderr, "");
    assert_eq!(other.psql("SELECT 8").ok(), "8");
}

#[test]
fn another_user_or_database_is_refused_in_protocol() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    for (key, value) in [("PGDATABASE", "postgres"), ("PGUSER", "postgres")] {
        let done = program::run(tunnel.command("psql").args(["-X", "-c", "SELECT 1"]).env(key, value), b"");
        done.expect(2).says(&["FATAL"]);
    }
}

#[test]
fn replication_is_refused() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    let done = tunnel.run("psql", &["-X", "replication=database", "-c", "IDENTIFY_SYSTEM"]);
    done.expect(2).says(&["replication"]);
}

#[test]
fn function_calls_by_their_own_message_are_refused() {
    let (_broker, alice) = developer();
    let tunnel = alice.connect();
    // libpq's large object functions send FunctionCall.
    let done = tunnel.run("psql", &["-X", "-v", "VERBOSITY=verbose", "-c", "\\lo_import /etc/hostname"]);
    assert_ne!(done.code, 0);
}

#[test]
fn parameters_of_every_kind_come_back() {
    let (_broker, alice) = developer();
    let script = "
import datetime, decimal, uuid
values = [True, 7, 2**40, 1.5, decimal.Decimal('12.340'), 'Zoë', b'\\x00\\xff', None, datetime.date(2026, 11, 23),
          uuid.UUID(int=5), [1, None, 3], {'a': [1]}]
from psycopg.types.json import Jsonb
sent = [Jsonb(v) if isinstance(v, dict) else v for v in values]
for binary in (False, True):
    got = connection.cursor(binary=binary).execute('SELECT ' + ', '.join(['%s'] * len(sent)), sent).fetchone()
    print([g if not isinstance(g, memoryview) else bytes(g) for g in got] == values)
";
    assert_eq!(psycopg(&alice.connect(), script).ok(), "True\nTrue");
}
