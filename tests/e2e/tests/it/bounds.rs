//! Bounds of the policy: rows that may be returned, rows that may be changed, time that may be taken. What goes too far
//! ends in an error and is undone, by every protocol, and the connection lives on.

use hoop_harness::{Broker, Cluster, Person, Tunnel};

use crate::support::{entries, events};
use crate::wire::{Answer, Script, Wire};

/// Besides the starter, whose rules have no bounds: the strictest counts. `payments` has four rows.
const BOUNDS: &str = r#"
@id("few-payments")
@message("few payments at a time")
@max_rows("3")
@max_affected("2")
permit (principal, action in [Action::"read", Action::"write"], resource is Relation)
when { resource.name == "payments" };

@id("brief-cards")
@message("cards are read quickly")
@timeout("1s")
permit (principal, action == Action::"read", resource is Relation)
when { resource.name == "cards" };
"#;

fn scene() -> (Broker, Person) {
    let broker = Broker::prepare();
    broker.add_rules(BOUNDS);
    broker.start_again();
    let bob = broker.person("bob", "dba");
    (broker, bob)
}

fn statuses(broker: &Broker) -> String {
    let sql = "SELECT string_agg(status, ',' ORDER BY id) FROM payments";
    Cluster::shared().superuser(broker.database(), sql)
}

const BEFORE: &str = "captured,captured,declined,captured";

/// Tags; with SQLSTATE, command tag or transaction state where there is one. Rows are counted.
fn brief(answers: &[Answer]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rows = 0;
    for answer in answers.iter().filter(|a| a.tag != 'S' && a.tag != 'N') {
        if matches!(answer.tag, 'D' | 'd') {
            rows += 1;
            continue;
        }
        if rows > 0 {
            words.push(format!("{rows} rows"));
            rows = 0;
        }
        words.push(match answer.tag {
            'C' | 'E' | 'Z' => answer.shape(),
            tag => tag.to_string(),
        });
    }
    words.join(" ")
}

fn ask(tunnel: &Tunnel, script: &Script, n: usize) -> String {
    let answers = Wire::through(tunnel).ask(script, n);
    brief(&answers)
}

/// Each script, up to so many ReadyForQuery, is answered so, and changes nothing.
fn all_hold(scripts: &[(&str, Script, usize, &str)]) {
    let (broker, bob) = scene();
    let tunnel = bob.connect();
    for (name, script, syncs, answer) in scripts {
        assert_eq!(ask(&tunnel, script, *syncs), *answer, "{name}");
        assert_eq!(statuses(&broker), BEFORE, "{name}");
    }
}

#[test]
fn a_query_that_goes_too_far_is_undone() {
    let (broker, bob) = scene();
    let tunnel = bob.connect();
    for (sql, answer) in [
        ("SELECT id FROM payments", "T 3 rows E:53400 Z:I"),
        ("SELECT id FROM payments LIMIT 3", "T 3 rows C:SELECT 3 Z:I"),
        ("SELECT id FROM payments WHERE false", "T C:SELECT 0 Z:I"),
        ("SELECT id FROM orders", "T 4 rows C:SELECT 4 Z:I"),
        ("SELECT nothing FROM payments", "E:42703 Z:I"),
        ("SELECT 1/(id-3) FROM payments ORDER BY id", "T E:22012 Z:I"),
        ("COPY payments TO STDOUT", "H 3 rows E:53400 Z:I"),
        ("COPY (SELECT id FROM payments LIMIT 3) TO STDOUT", "H 3 rows c C:COPY 3 Z:I"),
        ("CREATE TEMP TABLE t AS SELECT * FROM payments", "E:42501 Z:I"),
        ("UPDATE payments SET status = 'x' WHERE id < 4", "E:53400 Z:I"),
        ("DELETE FROM payments WHERE id < 4", "E:53400 Z:I"),
        (
            "INSERT INTO payments SELECT id + 10, order_id, card_id, 1, 'USD', 'x' FROM payments",
            "E:53400 Z:I",
        ),
        ("UPDATE payments SET status = status WHERE id < 3", "C:UPDATE 2 Z:I"),
        ("UPDATE payments SET status = status WHERE id < 3 RETURNING id", "T 2 rows C:UPDATE 2 Z:I"),
        ("SELECT 1; SELECT id FROM payments", "E:0A000 Z:I"),
        ("WITH d AS (DELETE FROM payments WHERE id = 1 RETURNING 1) SELECT count(*) FROM d", "E:0A000 Z:I"),
        ("COPY payments FROM STDIN", "E:0A000 Z:I"),
        ("EXPLAIN ANALYZE UPDATE payments SET status = 'x' WHERE id = 1", "E:0A000 Z:I"),
        ("COPY (SELECT generate_series(1, 1000000000000) FROM payments) TO STDOUT", "H 3 rows E:53400 Z:I"),
        ("BEGIN", "C:BEGIN Z:T"),
    ] {
        assert_eq!(ask(&tunnel, &Script::default().query(sql), 1), answer, "{sql}");
        assert_eq!(statuses(&broker), BEFORE, "{sql}");
    }
    let script =
        ["BEGIN", "UPDATE payments SET status = 'y' WHERE id = 1", "SELECT id FROM payments", "SELECT 1"];
    let script = script.into_iter().fold(Script::default(), Script::query).query("COMMIT");
    assert_eq!(
        ask(&tunnel, &script, 5),
        "C:BEGIN Z:T C:UPDATE 1 Z:T T 3 rows E:53400 Z:E E:25P02 Z:E C:ROLLBACK Z:I"
    );
    let cursor = Script::default().query("BEGIN").query("DECLARE c CURSOR FOR SELECT id FROM payments");
    assert_eq!(ask(&tunnel, &cursor, 2), "C:BEGIN Z:T E:0A000 Z:E");
    let prepared =
        Script::default().query("PREPARE p AS SELECT id FROM payments").query("EXECUTE p").query("SELECT 1");
    assert_eq!(ask(&tunnel, &prepared, 3), "C:PREPARE Z:I T 3 rows E:53400 Z:I T 1 rows C:SELECT 1 Z:I");
    assert_eq!(statuses(&broker), BEFORE);
    drop(tunnel);
    broker.stop();
    let entries = entries(&broker.ledger());
    let over =
        events(&entries, "statement_end").into_iter().filter(|e| e["event"]["sqlstate"] == "53400").count();
    assert!(over >= 6, "the ledger tells how they ended: {over}");
}

#[test]
fn the_extended_protocol_is_bounded_in_any_pipeline() {
    let script = Script::default;
    all_hold(&[
        ("one", script().run("SELECT id FROM payments").sync(), 1, "1 2 3 rows E:53400 Z:I"),
        (
            "what stands behind it in its segment is skipped, what comes after is not",
            script().run("SELECT id FROM payments").run("SELECT 1").sync().run("SELECT 2").sync(),
            2,
            "1 2 3 rows E:53400 Z:I 1 2 1 rows C:SELECT 1 Z:I",
        ),
        (
            "what came before it in its segment is undone too",
            script()
                .run("UPDATE payments SET status = 'x' WHERE id = 1")
                .run("UPDATE payments SET status = 'x' WHERE id < 4")
                .sync(),
            1,
            "1 2 C:UPDATE 1 1 2 E:53400 Z:I",
        ),
        (
            "by and by",
            script()
                .parse("", "SELECT id FROM payments")
                .bind("", "")
                .execute("", 2)
                .execute("", 1)
                .execute("", 5)
                .sync(),
            1,
            "1 2 2 rows s 1 rows s E:53400 Z:I",
        ),
        (
            "described first, as drivers do",
            script()
                .parse("", "SELECT id FROM payments LIMIT 3")
                .bind("", "")
                .describe_portal("")
                .execute("", 0)
                .sync(),
            1,
            "1 2 T 3 rows C:SELECT 3 Z:I",
        ),
        (
            "the unnamed statement after a query in parts is gone, as after any query",
            script()
                .parse("", "SELECT 1")
                .sync()
                .query("SELECT id FROM payments LIMIT 1")
                .bind("", "")
                .execute("", 0)
                .sync(),
            3,
            "1 Z:I T 1 rows C:SELECT 1 Z:I E:26000 Z:I",
        ),
    ]);
}

#[test]
fn a_query_in_parts_keeps_step_with_what_is_around_it() {
    let script = Script::default;
    all_hold(&[
        (
            "after an error before it, it is skipped up to the client's own Sync",
            script()
                .describe_portal("nope")
                .query("SELECT id FROM payments LIMIT 1")
                .sync()
                .query("SELECT 1"),
            2,
            "E:34000 Z:I T 1 rows C:SELECT 1 Z:I",
        ),
        (
            "what came before it in the same segment is answered first",
            script().run("SELECT 5").query("SELECT id FROM payments LIMIT 1").sync(),
            2,
            "1 2 1 rows C:SELECT 1 T 1 rows C:SELECT 1 Z:I Z:I",
        ),
        (
            "queries behind a query wait for it",
            script()
                .query("SELECT id FROM payments")
                .query("SELECT 7")
                .query("SELECT id FROM payments LIMIT 1"),
            3,
            "T 3 rows E:53400 Z:I T 1 rows C:SELECT 1 Z:I T 1 rows C:SELECT 1 Z:I",
        ),
    ]);
}

#[test]
fn what_is_counted_is_not_read_or_changed_by_another_name() {
    let script = Script::default;
    all_hold(&[
        (
            "read by FETCH",
            script()
                .query("BEGIN")
                .parse("", "SELECT id FROM payments")
                .bind("c", "")
                .sync()
                .query("FETCH ALL FROM c")
                .query("ROLLBACK"),
            4,
            "C:BEGIN Z:T 1 2 Z:T E:0A000 Z:E C:ROLLBACK Z:I",
        ),
        (
            "a change in portions",
            script()
                .parse("", "UPDATE payments SET status = 'x' WHERE id > 0 RETURNING id")
                .bind("", "")
                .execute("", 1)
                .sync(),
            1,
            "1 2 E:0A000 Z:I",
        ),
        (
            "a bound FETCH whose portal becomes another",
            script()
                .query("BEGIN")
                .parse("", "SELECT 0")
                .bind("c", "")
                .parse("", "FETCH ALL FROM c")
                .bind("", "")
                .sync()
                .query("ROLLBACK"),
            3,
            "C:BEGIN Z:T 1 2 1 E:0A000 Z:E C:ROLLBACK Z:I",
        ),
        (
            "and the other way about",
            script()
                .query("BEGIN")
                .query("DECLARE c CURSOR FOR SELECT 0")
                .parse("", "FETCH ALL FROM c")
                .bind("", "")
                .parse("s", "SELECT 1")
                .bind("p", "s")
                .sync()
                .query("ROLLBACK"),
            4,
            "C:BEGIN Z:T C:DECLARE CURSOR Z:T 1 2 1 E:0A000 Z:E C:ROLLBACK Z:I",
        ),
    ]);
}

#[test]
fn rows_of_a_class_are_counted_over_all_connections_and_sessions() {
    let broker = Broker::prepare();
    broker.configure("\n[targets.payments-db.budgets]\npan = \"7/hour\"\ncvv = \"100/day\"\n");
    broker.start_again();
    let (bob, carol) = (broker.person("bob", "dba"), broker.person("carol", "developers"));
    let tunnel = bob.connect();
    let query = |tunnel: &Tunnel, sql: &str| ask(tunnel, &Script::default().query(sql), 1);
    for (sql, answer) in [
        ("SELECT id FROM cards", "T 6 rows C:SELECT 6 Z:I"),
        ("SELECT pan FROM cards WHERE id < 3", "T 2 rows C:SELECT 2 Z:I"),
        ("COPY cards (pan) TO STDOUT", "H 5 rows E:53400 Z:I"),
        ("SELECT pan FROM cards WHERE id = 1", "E:53400 Z:I"),
        ("SELECT * FROM cards WHERE id = 1", "E:53400 Z:I"),
        ("SELECT c FROM cards c WHERE id = 1", "E:53400 Z:I"),
        ("SELECT c.to_json FROM cards c WHERE id = 1", "E:53400 Z:I"),
        ("SELECT cvv FROM cards WHERE id = 1", "T 1 rows C:SELECT 1 Z:I"),
        ("SELECT 1; SELECT cvv FROM cards", "E:0A000 Z:I"),
        ("INSERT INTO notes SELECT id + 10, 1, pan FROM cards", "E:53400 Z:I"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT cvv FROM cards", "E:0A000 Z:I"),
        ("SELECT count(*) FROM payments", "T 1 rows C:SELECT 1 Z:I"),
    ] {
        assert_eq!(query(&tunnel, sql), answer, "{sql}");
    }
    let extended = Script::default().run("SELECT pan FROM cards").sync();
    assert_eq!(ask(&tunnel, &extended, 1), "1 E:53400 Z:I");
    let other = Tunnel::open(&bob, &["--level", "write"]);
    assert_eq!(
        query(&other, "SELECT pan FROM cards"),
        "E:53400 Z:I",
        "another session counts with the first"
    );
    let said = other.psql("SELECT pan FROM cards;");
    said.says(&["you have read 7 rows with pan of payments-db", "ask the broker's administrator"]);
    let theirs = carol.connect();
    assert_eq!(
        query(&theirs, "SELECT pan FROM cards"),
        "T 6 rows C:SELECT 6 Z:I",
        "somebody else has their own"
    );
    // One is left: the budget ends in the middle of an answer, by the extended protocol too, and what is behind it in the
    // segment does not happen.
    let script = Script::default().run("SELECT pan FROM cards").run("SELECT 1").sync();
    let script = script.query("SELECT pan FROM cards").query("SELECT 2");
    assert_eq!(ask(&theirs, &script, 3), "1 2 1 rows E:53400 Z:I E:53400 Z:I T 1 rows C:SELECT 1 Z:I");
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_and_psql_see_an_ordinary_error() {
    let (broker, bob) = scene();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    let code = |e: tokio_postgres::Error| e.code().map(|c| c.code().to_owned());
    let many = client.query("SELECT id FROM payments", &[]).await.expect_err("more than allowed");
    assert_eq!(code(many).as_deref(), Some("53400"));
    assert_eq!(client.query("SELECT id FROM payments LIMIT 3", &[]).await.expect("allowed").len(), 3);
    let change = "UPDATE payments SET status = 'x' WHERE id <= $1";
    let much = client.execute(change, &[&3]).await.expect_err("more than allowed");
    assert_eq!(code(much).as_deref(), Some("53400"));
    tokio::task::block_in_place(|| {
        assert_eq!(statuses(&broker), BEFORE);
        tunnel.psql("SELECT id FROM payments;").says(&["more than 3 rows", "LIMIT or WHERE"]);
        tunnel.psql("\\set VERBOSITY verbose\nUPDATE payments SET status = 'x' WHERE id < 4;").says(&[
            "53400",
            "would change 3 rows",
            "rolled back",
        ]);
        // A statement that runs too long is cancelled with the rule's word, and nothing after it.
        let slow = tunnel.psql("\\set VERBOSITY verbose\nSELECT pg_sleep(60) FROM cards;\nSELECT 'after';");
        slow.says(&["57014", "lets it run for 1s"]);
        assert!(String::from_utf8_lossy(&slow.stdout).contains("after"), "{slow:?}");
        assert_eq!(statuses(&broker), BEFORE);
    });
}

#[test]
fn a_silent_query_is_cancelled_in_time() {
    let (broker, bob) = scene();
    // Nothing else wakes the connection meanwhile.
    broker.change("limits", "dead_peer", "\"1h\"");
    broker.stop();
    broker.start_again();
    let said = bob.connect().psql("SELECT count(*) FROM cards, generate_series(1, 1000000000000);");
    said.says(&["lets it run for 1s"]);
}
