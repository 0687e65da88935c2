//! Held statements: what waits, who lets it run, and everything that must not run on an approval of something else.

use std::thread;

use hoop_harness::broker::PAYMENTS_HELD;
use hoop_harness::program::{self, Done, until};
use hoop_harness::{Broker, Cluster, Person, Tunnel};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use crate::support::{entries, events};
use crate::wire::{Script, Wire};

pub(crate) const UPDATE: &str = "UPDATE payments SET status = 'refunded' WHERE id = 1";

/// A broker that holds changes of payments; bob may write, ada may approve.
pub(crate) fn scene() -> (Broker, Person, Person) {
    let broker = Broker::prepare();
    broker.add_rules(PAYMENTS_HELD);
    broker.start_again();
    let (bob, ada) = (broker.person("bob", "dba,leads"), broker.person("ada", "leads"));
    (broker, bob, ada)
}

/// A tunnel whose held statements wait.
pub(crate) fn patient(person: &Person) -> Tunnel {
    person.connect_with(&["--wait-approval", "10m"])
}

pub(crate) fn status(broker: &Broker) -> String {
    Cluster::shared().superuser(broker.database(), "SELECT status FROM payments WHERE id = 1")
}

/// Ids of the approvals asked for so far, oldest first.
pub(crate) fn asked(broker: &Broker) -> Vec<String> {
    let entries = entries(&broker.ledger());
    let id = |e: &&Value| e["event"]["approval"].as_str().expect("it has an id").to_owned();
    events(&entries, "approval_requested").iter().map(id).collect()
}

/// The `n`th approval that is asked for, from 1, once it is.
pub(crate) fn nth(broker: &Broker, n: usize) -> String {
    until("an approval is asked for", || asked(broker).get(n - 1).cloned())
}

pub(crate) fn approve(ada: &Person, id: &str) {
    ada.run(&["approve", id, "--yes"]).expect(0);
}

/// Runs `sql` in psql while `meanwhile` happens.
pub(crate) fn during(tunnel: &Tunnel, sql: &str, meanwhile: impl FnOnce()) -> Done {
    let mut command = tunnel.command("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "VERBOSITY=verbose", "-c", sql]);
    let running = thread::spawn(move || program::run(&mut command, b""));
    meanwhile();
    running.join().expect("psql ends")
}

/// What psql says of `sql` in a transaction, where nothing waits.
pub(crate) fn refused(tunnel: &Tunnel, sql: &str) -> String {
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

#[test]
fn what_nobody_decides_for_long_goes_to_others_too() {
    let broker = Broker::prepare();
    broker.add_rules(&PAYMENTS_HELD.replace("@hold", "@escalate(\"1s, oncall\")\n@hold"));
    broker.start_again();
    let (bob, eve) = (broker.person("bob", "dba,oncall"), broker.person("eve", "oncall"));
    let tunnel = patient(&bob);
    let done = during(&tunnel, UPDATE, || {
        let id = nth(&broker, 1);
        until("others may decide it", || {
            eve.run(&["requests"]).ok().contains("1 of leads or oncall").then_some(())
        });
        assert_eq!(events(&entries(&broker.ledger()), "approval_escalated").len(), 1);
        bob.run(&["approve", &id, "--yes"]).expect(3);
        approve(&eve, &id);
    });
    done.expect(0);
    assert_eq!(status(&broker), "refunded");
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
@fresh("24h")
forbid (principal, action == Action::"session", resource)
when { context.level == "write" }
unless { context.approvals.contains("write-sessions-held") };
"#;
    broker.add_rules(hold);
    broker.reload();
    until("the policy is reloaded", || {
        (!events(&entries(&broker.ledger()), "reload").is_empty()).then_some(())
    });
    let reloaded = entries(&broker.ledger());
    let changed = &events(&reloaded, "reload")[0]["event"]["rules"];
    assert_eq!((&changed[0]["id"], &changed[0]["change"]), (&json!("write-sessions-held"), &json!("added")));
    assert!(changed.to_string().contains("@hold"), "the ledger has the text of the new rule: {changed}");
    assert_eq!(changed.as_array().map(Vec::len), Some(1), "and of no other");
    let exec = ["exec", "payments-db", "--level", "write", "--reason", "INC-42", "-c", "SELECT 1"];
    bob.run(&exec).expect(5).says(&["write-sessions-held", "hoopctl approve apr_"]);
    let id = nth(&broker, 1);
    bob.run(&["approve", &id, "--yes"]).expect(3);
    let shown = ada.run(&["approve", &id, "--yes"]).ok();
    assert!(shown.contains("hoopctl login --fresh"), "{shown}");
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
    // For somebody else, only by those who may audit.
    let (as_bob, as_eve) = (["--as", "bob"], ["--as", "eve"]);
    let explain_as = |who: &Person, other: &[&str]| {
        who.run(&[&["policy", "explain", "payments-db", "-c", UPDATE], other].concat())
    };
    let cleo = broker.person("cleo", "admins");
    let told = explain_as(&cleo, &as_bob).ok();
    assert!(told.contains("hold") && told.contains("payments-change"), "{told}");
    assert!(explain_as(&cleo, &[]).code != 0, "she may open nothing there herself");
    explain_as(&cleo, &as_eve).expect(2).says(&["nobody knows"]);
    explain_as(&ada, &as_bob).expect(3).says(&["may audit"]);
    explain_as(&bob, &as_bob).expect(0);
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
