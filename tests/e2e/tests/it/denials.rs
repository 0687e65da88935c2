//! What the starter policy forbids: the error names the rule, the connection lives on, the transaction is as it would
//! be after any error.

use hoop_harness::{Cluster, Tunnel, program};
use tokio_postgres::error::SqlState;

use crate::support::{administrator, developer, entries, events, psycopg};

/// Statements that nobody may run under the `pci` starter, with the rule that says so.
const FORBIDDEN: [(&str, &str); 13] = [
    ("DROP TABLE notes", "no-drop-table"),
    ("TRUNCATE payments", "no-truncate"),
    ("COPY orders TO PROGRAM 'cat'", "no-copy-program"),
    ("COPY orders FROM '/etc/passwd'", "no-copy-file"),
    ("CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw", "no-foreign-servers"),
    ("CREATE PUBLICATION p FOR TABLE cards", "no-replication"),
    ("CREATE SUBSCRIPTION s CONNECTION 'host=evil' PUBLICATION p", "no-replication"),
    ("SELECT lo_export(1, '/tmp/x')", "no-large-object-files"),
    ("SELECT * FROM dblink('host=evil', 'SELECT 1') AS t(a int)", "no-dblink"),
    ("SELECT aws_s3.query_export_to_s3('SELECT 1', 'b')", "no-cloud-export"),
    ("SELECT pg_read_file('/etc/passwd')", "no-server-files"),
    ("SET ROLE postgres", "no-role-change"),
    ("DO $$ BEGIN PERFORM 1; END $$", "no-do-blocks"),
];

fn verbose(tunnel: &Tunnel, sql: &str) -> program::Done {
    program::run(
        tunnel.command("psql").args(["-X", "-At", "-v", "VERBOSITY=verbose", "-f", "-"]),
        sql.as_bytes(),
    )
}

#[test]
fn each_forbidden_statement_names_its_rule_and_leaves_the_connection() {
    // The administrator: a developer would be refused for want of any permission, which proves nothing of the rule.
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    for (sql, rule) in FORBIDDEN {
        let done = verbose(&tunnel, &format!("{sql};\nSELECT 'still ' || 'alive';\n"));
        assert!(done.stderr.contains("42501"), "`{sql}`:\n{}", done.stderr);
        assert!(done.stderr.contains(rule), "`{sql}` is not refused by `{rule}`:\n{}", done.stderr);
        assert!(done.stderr.contains("HINT"), "`{sql}` has no hint:\n{}", done.stderr);
        assert_eq!(done.text().trim(), "still alive", "after `{sql}`");
    }
    drop(tunnel);
    broker.stop();
    assert_eq!(events(&entries(&broker.ledger()), "denial").len(), FORBIDDEN.len());
}

#[test]
fn nothing_of_a_refused_message_is_run() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    let sql = "DELETE FROM payments WHERE true; DROP TABLE notes";
    let done = program::run(tunnel.command("psql").args(["-X", "-c", sql]), b"");
    done.expect(1).says(&["drop-table"]);
    assert_eq!(Cluster::shared().superuser(broker.database(), "SELECT count(*) FROM payments"), "4");
}

#[test]
fn unload_is_named_as_what_it_is() {
    let (_broker, alice) = developer();
    let done = verbose(&alice.connect(), "UNLOAD ('SELECT 1') TO 's3://b';\nSELECT 'still alive';\n");
    done.says(&["UNLOAD"]);
    assert_eq!(done.text().trim(), "still alive");
}

#[test]
fn a_developer_reads_and_does_not_write() {
    let (broker, alice) = developer();
    for sql in [
        "INSERT INTO orders VALUES (9, 1, 'x', now())",
        "UPDATE payments SET status = 'x'",
        "DELETE FROM payments",
        "CREATE TABLE t (a int)",
        "WITH gone AS (DELETE FROM payments RETURNING 1) SELECT * FROM gone",
        "EXPLAIN ANALYZE DELETE FROM payments",
        // Judged by what it would do: its plan is of a write.
        "EXPLAIN DELETE FROM payments",
        "SELECT * INTO stolen FROM cards",
    ] {
        alice.exec(sql).expect(3);
    }
    assert_eq!(Cluster::shared().superuser(broker.database(), "SELECT count(*) FROM payments"), "4");
}

#[tokio::test]
async fn a_denial_in_a_transaction_aborts_it_as_an_error_would() {
    let (_broker, bob) = administrator();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    client.batch_execute("BEGIN; INSERT INTO orders VALUES (50, 1, 'x', now())").await.expect("allowed");
    let denied = client.batch_execute("DROP TABLE notes").await.expect_err("denied");
    assert_eq!(denied.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    let aborted = client.batch_execute("SELECT 1").await.expect_err("the transaction is aborted");
    assert_eq!(aborted.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    client.batch_execute("ROLLBACK").await.expect("rolling back is always possible");
    let rows = client.query("SELECT 1 FROM orders WHERE id = 50", &[]).await.expect("usable again");
    assert!(rows.is_empty(), "the insert was rolled back");
}

#[tokio::test]
async fn a_savepoint_brings_a_denied_transaction_back() {
    let (_broker, bob) = administrator();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    client.batch_execute("BEGIN; SAVEPOINT s").await.expect("allowed");
    client.batch_execute("TRUNCATE payments").await.expect_err("denied");
    client.batch_execute("ROLLBACK TO s").await.expect("as after any error");
    client.batch_execute("INSERT INTO orders VALUES (51, 1, 'y', now()); COMMIT").await.expect("goes on");
    assert_eq!(client.query("SELECT 1 FROM orders WHERE id = 51", &[]).await.expect("allowed").len(), 1);
}

#[tokio::test]
async fn statements_sent_at_once_each_have_their_own_answer() {
    let (_broker, bob) = administrator();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    // tokio-postgres sends these without waiting, each with its own Sync.
    let (a, b, c) = tokio::join!(
        client.query_one("SELECT 1", &[]),
        client.query("DROP TABLE notes", &[]),
        client.query_one("SELECT 3", &[]),
    );
    assert_eq!(a.expect("allowed").get::<_, i32>(0), 1);
    assert_eq!(b.expect_err("denied").code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    assert_eq!(c.expect("allowed").get::<_, i32>(0), 3);
}

#[test]
fn a_denial_in_a_pipeline_skips_the_rest_until_sync() {
    let (broker, bob) = administrator();
    let tunnel = bob.connect();
    let script = "
try:
    with connection.pipeline() as pipeline:
        connection.execute(\"INSERT INTO orders VALUES (60, 1, 'before', now())\")
        connection.execute('TRUNCATE payments')
        connection.execute(\"INSERT INTO orders VALUES (61, 1, 'after', now())\")
        pipeline.sync()
except psycopg.Error as e:
    print('refused', e.sqlstate)
print(connection.execute('SELECT count(*) FROM orders WHERE id = 61').fetchone()[0])
print(connection.info.transaction_status.name)
";
    let done = psycopg(&tunnel, script);
    assert_eq!(done.ok(), "refused 42501\n0\nIDLE");
    assert_eq!(Cluster::shared().superuser(broker.database(), "SELECT count(*) FROM payments"), "4");
}

#[tokio::test]
async fn a_refused_parse_leaves_no_statement_behind() {
    let (_broker, bob) = administrator();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    assert_eq!(
        client.prepare("DROP TABLE notes").await.expect_err("denied").code(),
        Some(&SqlState::INSUFFICIENT_PRIVILEGE)
    );
    client.prepare("SELECT 1").await.expect("the next one is fine");
}

#[test]
fn pinned_settings_stay_pinned() {
    let (_broker, bob) = administrator();
    let tunnel = bob.connect();
    for sql in [
        "SET client_encoding = 'LATIN1'",
        "SET standard_conforming_strings = off",
        "SELECT set_config('standard_conforming_strings', 'off', false)",
        "ALTER ROLE hoop_gateway SET standard_conforming_strings = off",
        "SET SESSION AUTHORIZATION postgres",
    ] {
        let done =
            verbose(&tunnel, &format!("{sql};\nSHOW standard_conforming_strings;\nSHOW client_encoding;\n"));
        assert_eq!(done.text().trim(), "on\nUTF8", "after `{sql}`:\n{}", done.stderr);
        done.says(&["42501"]);
    }
}

#[test]
fn what_does_not_parse_is_refused_with_postgresqls_own_error() {
    let (_broker, alice) = developer();
    let done = verbose(&alice.connect(), "SELEC 1;\nSELECT 'still alive';\n");
    done.says(&["42601", "SELEC"]);
    assert_eq!(done.text().trim(), "still alive");
}

/// PostgreSQL reads `(x).f` as `f(x)`, and `t.f` so where `t` is a function in FROM.
#[test]
fn a_function_that_is_called_as_a_column_is_a_call() {
    let (broker, alice) = developer();
    for sql in [
        "SELECT ('0.01'::float8).pg_sleep",
        "SELECT ('/etc/hostname'::text).pg_read_file",
        "SELECT t.pg_sleep FROM unnest(ARRAY[0.01::float8]) t",
    ] {
        let done = alice.exec(sql);
        done.expect(3).says(&["denied by rule", "42501"]);
    }
    alice.exec("SELECT t.n FROM unnest(ARRAY[1]) AS t(n)").expect(0);
    broker.stop();
    assert_eq!(events(&entries(&broker.ledger()), "denial").len(), 3);
}
