//! What an approval is bound to: everything that must not run on an approval of something else.

use hoop_harness::program::{self, until};
use hoop_harness::reaper::Folder;
use hoop_harness::{Cluster, Tunnel};

use crate::approvals::{UPDATE, approve, asked, during, nth, patient, refused, scene, status};
use crate::support::{entries, events};

#[test]
fn an_approval_given_for_later_is_for_that_statement_once() {
    let (broker, bob, ada) = scene();
    let tunnel = bob.connect();
    let pending = refused(&tunnel, UPDATE);
    let id = nth(&broker, 1);
    assert!(pending.contains("42501") && pending.contains(&format!("approval {id} is pending")), "{pending}");
    assert!(refused(&tunnel, UPDATE).contains(&id), "the same statement is the same request");
    assert_eq!(asked(&broker).len(), 1);
    assert!(pending.contains(&format!("hoopctl approve {id}")), "the next command is printed");
    approve(&ada, &id);
    for other in [
        "UPDATE payments SET status = 'refunded' WHERE id = 2",
        "UPDATE payments SET status = 'refunded'  WHERE id = 1",
        "UPDATE payments SET status = 'refunded' WHERE id = 1 OR true",
        "UPDATE payments SET status = 'refunded' WHERE /* x */ id = 1",
        "UPDATE payments SET status = 'refunded' WHERE id = 1\\; SELECT 1",
        "UPDATE payments SET status = U&'refunded' WHERE id = 1",
    ] {
        let before = asked(&broker).len();
        let said = refused(&tunnel, other);
        assert!(said.contains("is pending") && !said.contains(&id), "`{other}` went by: {said}");
        assert_eq!(asked(&broker).len(), before + 1);
    }
    let another = Tunnel::open(&bob, &["--level", "write"]);
    assert!(refused(&another, UPDATE).contains("is pending"), "another level, another approval");
    // As it was sent: psql sends the semicolon of its input along.
    let done = tunnel.psql(&format!("{UPDATE};\n"));
    assert_eq!(done.stderr, "", "it runs outside a transaction too");
    assert_eq!(status(&broker), "refunded");
    let again = refused(&tunnel, UPDATE);
    assert!(again.contains("is pending") && !again.contains(&id), "used twice: {again}");
}

#[test]
fn what_changes_the_meaning_of_names_voids_an_approval() {
    let (broker, bob, ada) = scene();
    let tunnel = bob.connect();
    refused(&tunnel, UPDATE);
    let id = nth(&broker, 1);
    approve(&ada, &id);
    for (before, why) in [
        ("SET search_path = pg_temp, public", "another search path"),
        ("SET DateStyle = 'ISO, DMY'", "other dates"),
    ] {
        let said = refused(&tunnel, &format!("ROLLBACK;\n{before};\nBEGIN;\n{UPDATE}"));
        assert!(said.contains("is pending") && !said.contains(&id), "{why}: {said}");
    }
    let said = refused(&tunnel, &format!("SET LOCAL search_path = public;\n{UPDATE}"));
    assert!(said.contains("open a new one") && !said.contains(&id), "in its own transaction: {said}");
    let other = program::run(
        tunnel
            .command("psql")
            .env("PGOPTIONS", "-c search_path=public")
            .args(["-X", "-c", "BEGIN", "-c", UPDATE]),
        b"",
    );
    assert!(!other.stderr.contains(&id), "a start-up setting: {}", other.stderr);
    // The policy, even by a comment.
    broker.add_rules("\n// reviewed\n");
    broker.reload();
    let reloads = || events(&entries(&broker.ledger()), "reload").len();
    until("the policy is reloaded", || (reloads() > 0).then_some(()));
    let said = refused(&tunnel, UPDATE);
    assert!(said.contains("is pending") && !said.contains(&id), "another policy: {said}");
    assert_ne!(status(&broker), "refunded");
}

#[test]
fn an_approval_is_void_when_what_the_statement_reaches_has_changed() {
    let (broker, bob, ada) = scene();
    let owner = |sql: &str| Cluster::shared().superuser(broker.database(), sql);
    owner("CREATE TABLE other (a int); CREATE VIEW standing AS SELECT 'a'::text AS s");
    owner("CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'");
    let tunnel = bob.connect();
    let by_view = "UPDATE payments SET status = (SELECT s FROM standing) WHERE id = 1";
    let path = format!("ALTER DATABASE {} SET search_path = public", broker.database());
    let by_function = "UPDATE payments SET status = lower('X') WHERE id = 1";
    for (sql, change) in [
        (UPDATE, "ALTER TABLE payments ALTER status SET DEFAULT 'x'"),
        (UPDATE, "ALTER TABLE payments ADD CONSTRAINT c CHECK (id <> 4711)"),
        (UPDATE, "CREATE TRIGGER t BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION quiet()"),
        // Now code of users runs, and nobody knows what it reaches.
        (
            UPDATE,
            "CREATE OR REPLACE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        ),
        (UPDATE, "ALTER TABLE other ADD b int"),
        (UPDATE, "DROP TRIGGER t ON payments"),
        (UPDATE, "CREATE RULE r AS ON UPDATE TO payments DO ALSO INSERT INTO other VALUES (1)"),
        (UPDATE, "DROP RULE r ON payments"),
        (UPDATE, &*path),
        (by_view, "CREATE OR REPLACE VIEW standing AS SELECT 'b'::text AS s"),
        (by_function, "CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS $$SELECT 'y'$$"),
        (
            by_function,
            "CREATE OR REPLACE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS $$SELECT 'z'$$",
        ),
    ] {
        refused(&tunnel, sql);
        let id = asked(&broker).pop().expect("it is asked for");
        approve(&ada, &id);
        owner(change);
        let said = refused(&tunnel, sql);
        assert!(said.contains("has changed since") && said.contains(&id), "`{change}` went by: {said}");
        assert!(!refused(&tunnel, sql).contains(&id), "it is asked for anew");
        bob.run(&["requests", "withdraw", &asked(&broker).pop().expect("it is")]).expect(0);
    }
    // What it does not reach may change.
    refused(&tunnel, by_view);
    let known = asked(&broker).len();
    owner("CREATE TABLE another (a int); ALTER TABLE other ADD c int");
    owner("INSERT INTO other VALUES (1)");
    owner("VACUUM FULL payments");
    refused(&tunnel, by_view);
    assert_eq!(asked(&broker).len(), known);
    // And while it waits.
    let waits = patient(&bob);
    let done = during(&waits, UPDATE, || {
        let id = nth(&broker, known + 1);
        owner("ALTER TABLE payments ADD extra int");
        approve(&ada, &id);
    });
    done.expect(1).says(&["42501", "has changed since"]);
    // Code that a domain runs is reached by no name at all.
    let fits = |when: &str| {
        format!("CREATE OR REPLACE FUNCTION fits(text) RETURNS bool LANGUAGE sql AS 'SELECT {when}'")
    };
    owner(&fits("true"));
    owner("CREATE DOMAIN mark AS text CHECK (fits(VALUE)); ALTER TABLE payments ADD mark mark");
    refused(&tunnel, UPDATE);
    approve(&ada, &asked(&broker).pop().expect("it is asked for"));
    owner(&fits("VALUE IS NULL").replace("VALUE", "$1"));
    assert!(refused(&tunnel, UPDATE).contains("has changed since"));
    assert_ne!(status(&broker), "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_shown_and_bound() {
    let (broker, bob, ada) = scene();
    let tunnel = bob.connect();
    let client = tunnel.client().await;
    let text = "UPDATE payments SET status = $1 WHERE id = $2";
    let statement = client.prepare(text).await.expect("Parse runs nothing");
    client.batch_execute("BEGIN").await.expect("BEGIN is not held");
    let held = client.execute(&statement, &[&"refunded", &1]).await.expect_err("it is held");
    assert!(
        held.as_db_error().is_some_and(|e| e.detail().is_some_and(|d| d.contains("is pending"))),
        "{held}"
    );
    client.batch_execute("ROLLBACK").await.expect("the transaction ends");
    let id = tokio::task::block_in_place(|| nth(&broker, 1));
    tokio::task::block_in_place(|| {
        let shown = ada.run(&["approve", &id, "--yes"]);
        let text_shown = shown.ok();
        assert!(text_shown.contains(text) && text_shown.contains("$1         'refunded'"), "{text_shown}");
    });
    client.batch_execute("BEGIN").await.expect("BEGIN is not held");
    let other = client.execute(&statement, &[&"refunded", &2]).await.expect_err("another row");
    assert!(other.as_db_error().is_some_and(|e| e.detail().is_some_and(|d| !d.contains(&id))), "{other}");
    client.batch_execute("ROLLBACK").await.expect("the transaction ends");
    assert_eq!(client.execute(&statement, &[&"refunded", &1]).await.expect("approved"), 1);
    assert_eq!(tokio::task::block_in_place(|| status(&broker)), "refunded");
}

#[test]
fn a_change_set_is_one_approval_and_one_transaction() {
    let (broker, bob, ada) = scene();
    let dir = Folder::new("change-set");
    let file = dir.path().join("m.sql");
    let path = file.to_str().expect("a plain path");
    let write = |text: &str| std::fs::write(&file, text).expect("it is written");
    let run = || bob.run(&["exec", "payments-db", "-f", path, "--request", "--reason", "INC-42"]);
    let both = || {
        Cluster::shared().superuser(
            broker.database(),
            "SELECT string_agg(status, ',' ORDER BY id) FROM payments WHERE id IN (1, 2)",
        )
    };
    let before = both();
    write(
        "UPDATE payments SET status = 'a' WHERE id = 1;\n-- and\nUPDATE payments SET status = 'b' WHERE id = 2;\n",
    );
    run().expect(5).says(&["payments-change", "hoopctl approve apr_"]);
    assert_eq!(asked(&broker).len(), 1, "one for all of it");
    assert_eq!(both(), before, "nothing of it ran");
    let id = nth(&broker, 1);
    let shown = ada.run(&["approve", &id, "--yes"]).ok();
    assert!(shown.contains("status = 'a'") && shown.contains("status = 'b'"), "{shown}");
    run().expect(0);
    assert_eq!(both(), "a,b");
    run().expect(5);
    assert_eq!(asked(&broker).len(), 2, "once");
    // Another order is another change set, and one that fails leaves nothing behind.
    write("UPDATE payments SET status = 'c' WHERE id = 2;\nUPDATE payments SET nothing = 1 WHERE id = 1;\n");
    run().expect(5);
    approve(&ada, &nth(&broker, 3));
    run().expect(1).says(&["42703"]);
    assert_eq!(both(), "a,b");
    for text in
        ["BEGIN; DELETE FROM payments WHERE id = 1; COMMIT", "UPDATE payments SET id = 1; /* x */ end"]
    {
        write(text);
        run().expect(2).says(&["one transaction"]);
    }
}
