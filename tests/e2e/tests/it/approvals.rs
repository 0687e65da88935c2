//! Held statements: what waits, who lets it run, and everything that must not run on an approval of something else.

use std::thread;

use hoop_harness::broker::PAYMENTS_HELD;
use hoop_harness::program::{self, Done, until};
use hoop_harness::{Broker, Cluster, Person, Tunnel};
use serde_json::Value;
use tokio_postgres::error::SqlState;

use crate::support::{entries, events};
use crate::wire::{Script, Wire};

const UPDATE: &str = "UPDATE payments SET status = 'refunded' WHERE id = 1";

/// A broker that holds changes of payments; bob may write, ada may approve.
fn scene() -> (Broker, Person, Person) {
    let broker = Broker::prepare();
    broker.add_rules(PAYMENTS_HELD);
    broker.start_again();
    let (bob, ada) = (broker.person("bob", "dba,leads"), broker.person("ada", "leads"));
    (broker, bob, ada)
}

/// A tunnel whose held statements wait.
fn patient(person: &Person) -> Tunnel {
    person.connect_with(&["--wait-approval", "10m"])
}

fn status(broker: &Broker) -> String {
    Cluster::shared().superuser(broker.database(), "SELECT status FROM payments WHERE id = 1")
}

/// Ids of the approvals asked for so far, oldest first.
fn asked(broker: &Broker) -> Vec<String> {
    let entries = entries(&broker.ledger());
    let id = |e: &&Value| e["event"]["approval"].as_str().expect("it has an id").to_owned();
    events(&entries, "approval_requested").iter().map(id).collect()
}

/// The `n`th approval that is asked for, from 1, once it is.
fn nth(broker: &Broker, n: usize) -> String {
    until("an approval is asked for", || asked(broker).get(n - 1).cloned())
}

fn approve(ada: &Person, id: &str) {
    ada.run(&["approve", id, "--yes"]).expect(0);
}

/// Runs `sql` in psql while `meanwhile` happens.
fn during(tunnel: &Tunnel, sql: &str, meanwhile: impl FnOnce()) -> Done {
    let mut command = tunnel.command("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "VERBOSITY=verbose", "-c", sql]);
    let running = thread::spawn(move || program::run(&mut command, b""));
    meanwhile();
    running.join().expect("psql ends")
}

/// What psql says of `sql` in a transaction, where nothing waits.
fn refused(tunnel: &Tunnel, sql: &str) -> String {
    tunnel.psql(&format!("\\set VERBOSITY verbose\nBEGIN;\n{sql};\nROLLBACK;\n")).stderr
}

#[test]
fn a_held_statement_waits_and_runs_once_when_another_person_approves() {
    let (broker, bob, ada) = scene();
    let tunnel = patient(&bob);
    let done = during(&tunnel, &format!("{UPDATE} RETURNING status"), || approve(&ada, &nth(&broker, 1)));
    assert_eq!(done.ok().trim(), "refunded");
    done.says(&[
        "payments-change",
        "payments change with a second person",
        "1 of leads",
        "hoopctl approve apr_",
    ]);
    assert_eq!(status(&broker), "refunded");
    drop(tunnel);
    broker.stop();
    let entries = entries(&broker.ledger());
    let at = |kind: &str| {
        let is = |e: &Value| {
            e["event"]["type"] == kind
                && e["event"].to_string().contains("payments") | e["event"]["approval"].is_string()
        };
        entries.iter().position(is).unwrap_or_else(|| panic!("no {kind}"))
    };
    let order = ["approval_requested", "approval_decided", "approval_consumed"].map(at);
    assert!(order.is_sorted(), "{order:?}");
    let used = &entries[order[2]]["event"];
    let run = events(&entries, "statement").into_iter().find(|e| e["event"]["statement"] == used["by"]);
    assert!(
        run.is_some_and(|e| e["event"]["write"] == true),
        "the approval names the statement that it let run"
    );
    let text = serde_json::to_string(&entries).expect("JSON");
    assert!(!text.contains("refunded"), "a constant of the statement is in the ledger");
}

#[test]
fn nobody_approves_their_own_and_a_no_reaches_who_waits() {
    let (broker, bob, ada) = scene();
    let tunnel = patient(&bob);
    let done = during(&tunnel, UPDATE, || {
        let id = nth(&broker, 1);
        bob.run(&["approve", &id, "--yes"]).expect(3);
        ada.run(&["deny", &id, "--reason", "not in the freeze"]).expect(0);
    });
    done.expect(1).says(&["42501", "not in the freeze", "is rejected"]);
    assert_ne!(status(&broker), "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_or_leaves_gives_the_request_up() {
    let (broker, bob, ada) = scene();
    let tunnel = patient(&bob);
    let client = tunnel.client().await;
    let cancel = client.cancel_token();
    let waiting = tokio::spawn(async move { (client.execute(UPDATE, &[]).await, client) });
    let first = tokio::task::block_in_place(|| nth(&broker, 1));
    cancel.cancel_query(tokio_postgres::NoTls).await.expect("the request goes out");
    let (cancelled, client) = waiting.await.expect("it ends");
    assert_eq!(cancelled.expect_err("it is cancelled").code(), Some(&SqlState::QUERY_CANCELED));
    assert!(client.query_one("SELECT 1", &[]).await.is_ok(), "the connection lives on");
    let mut wire = Wire::through(&tunnel);
    wire.send(&Script::default().query(UPDATE));
    let second = tokio::task::block_in_place(|| nth(&broker, 2));
    drop(wire);
    for id in [first, second] {
        tokio::task::block_in_place(|| {
            until("its end is recorded", || {
                let entries = entries(&broker.ledger());
                let ended = events(&entries, "approval_ended");
                ended
                    .iter()
                    .any(|e| e["event"]["approval"] == id.as_str() && e["event"]["how"] == "withdrawn")
                    .then_some(())
            });
            ada.run(&["approve", &id, "--yes"]).expect(6);
        });
    }
    assert_ne!(status(&broker), "refunded");
}

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
fn what_a_reviewer_cannot_be_shown_is_not_held_but_refused() {
    let (broker, bob, _) = scene();
    let tunnel = bob.connect();
    for (sql, why) in [
        ("COPY payments FROM STDIN", "cannot be shown"),
        ("PREPARE p AS UPDATE payments SET status = 'x' WHERE id = 1", "sent by itself"),
        (&*format!("UPDATE payments SET status = '{}' WHERE id = 1", "x".repeat(70_000)), "too long"),
    ] {
        let said = tunnel.psql(&format!("{sql};\n")).stderr;
        assert!(said.contains(why) && said.contains("payments-change"), "`{}`: {said}", &sql[..30]);
    }
    // Prepared by the protocol, run by SQL.
    let mut wire = Wire::through(&tunnel);
    let script = Script::default().parse("p", UPDATE).sync().query("EXECUTE p");
    let answers = wire.ask(&script, 2);
    assert!(answers.iter().any(|a| a.tag == 'E' && a.sqlstate() == "42501"), "{answers:?}");
    assert!(asked(&broker).is_empty(), "nobody is asked");
    assert_ne!(status(&broker), "refunded");
}

#[test]
fn a_held_session_opens_after_an_approval() {
    let (broker, bob, ada) = scene();
    let hold = r#"
@id("write-sessions-held")
@message("write sessions are opened with a lead")
@hold("1 of leads")
forbid (principal, action == Action::"session", resource)
when { context.level == "write" }
unless { context.approvals.contains("write-sessions-held") };
"#;
    broker.add_rules(hold);
    broker.reload();
    until("the policy is reloaded", || {
        (!events(&entries(&broker.ledger()), "reload").is_empty()).then_some(())
    });
    let exec = ["exec", "payments-db", "--level", "write", "--reason", "INC-42", "-c", "SELECT 1"];
    bob.run(&exec).expect(5).says(&["write-sessions-held", "hoopctl approve apr_"]);
    let id = nth(&broker, 1);
    bob.run(&["approve", &id, "--yes"]).expect(3);
    approve(&ada, &id);
    bob.run(&exec).expect(0);
    bob.run(&exec).expect(5);
}

#[test]
fn explain_says_what_then_happens() {
    let (broker, bob, ada) = scene();
    let explain = |who: &Person, sql: &str| who.run(&["policy", "explain", "payments-db", "-c", sql]);
    let held = explain(&bob, UPDATE).ok();
    for part in ["hold", "payments-change", "1 of leads", "payments", "a write"] {
        assert!(held.contains(part), "`{part}` is not in\n{held}");
    }
    assert!(!held.contains("refunded"), "what is recorded has no constants");
    let denied = explain(&bob, "TRUNCATE payments").ok();
    assert!(denied.contains("deny") && denied.contains("no-truncate"), "{denied}");
    let read = explain(&bob, "SELECT pan FROM cards").ok();
    assert!(read.contains("allow") && read.contains("public.cards.pan (pan)"), "{read}");
    assert!(explain(&bob, "SELEC 1").ok().contains("refused"));
    // Who may open nothing there learns nothing of it.
    explain(&ada, "SELECT 1").expect(2);
    assert!(asked(&broker).is_empty(), "nobody is asked");
    assert_ne!(status(&broker), "refunded");
}

#[test]
fn requests_are_listed_withdrawn_and_refused_by_exit_code() {
    let (broker, bob, ada) = scene();
    let exec = ["exec", "payments-db", "-c", UPDATE];
    bob.run(&exec).expect(5).says(&["is pending", "hoopctl approve apr_"]);
    let id = nth(&broker, 1);
    for (who, args) in [
        (&bob, &["requests", "--mine"][..]),
        (&ada, &["requests", "--to-review"]),
        (&ada, &["requests", "--format", "json"]),
        // Without a terminal it lists what waits, with the next commands.
        (&ada, &["approve"]),
    ] {
        let told = who.run(args).ok();
        assert!(told.contains(&id), "{args:?}: {told}");
    }
    bob.run(&["approve"]).expect(0).says(&["nothing waits for you"]);
    ada.run(&["requests", "withdraw", &id]).expect(3);
    let with = |id: &str| bob.run(&["exec", "payments-db", "-c", UPDATE, "--approval", id]);
    with(&id).expect(5).says(&["is pending, so nothing was run"]);
    bob.run(&["requests", "withdraw", &id]).expect(0);
    with(&id).expect(6).says(&["is withdrawn, so nothing was run"]);
    bob.run(&["requests"]).expect(0).says(&["nothing waits"]);
    assert!(bob.run(&["requests", "--all"]).ok().contains(&id));
    // A no needs a reason, and who asks again learns of it.
    bob.run(&exec).expect(5);
    let second = nth(&broker, 2);
    ada.run(&["deny", &second]).expect(2);
    ada.run(&["deny", &second, "--reason", " "]).expect(2);
    ada.run(&["deny", &second, "--reason", "no"]).expect(0);
    with(&second).expect(6);
    assert_ne!(status(&broker), "refunded");
    assert_eq!(events(&entries(&broker.ledger()), "approval_ended").len(), 1);
}
