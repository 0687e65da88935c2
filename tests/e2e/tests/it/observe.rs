//! A target that policy only observes: everything runs, its entry says what it would have been, masks stay, and what was
//! seen makes a policy.

use std::fs;

use hoop_harness::broker::PAYMENTS_HELD;
use hoop_harness::program::until;
use hoop_harness::{Broker, Cluster, Person};
use serde_json::Value;

use crate::support::{entries, events};

const TARGET: &str = "targets.payments-db";

fn scene(rules: &str) -> Broker {
    let broker = Broker::prepare();
    broker.change(TARGET, "mode", "\"observe\"");
    broker.add_rules(rules);
    broker.start_again();
    broker
}

fn reload(broker: &Broker) {
    let known = events(&entries(&broker.ledger()), "reload").len();
    broker.reload();
    until("it is reloaded", || (events(&entries(&broker.ledger()), "reload").len() > known).then_some(()));
}

fn states(broker: &Broker) -> Vec<String> {
    let entries = entries(&broker.ledger());
    let of = |e: &&Value| e["event"]["state"].as_str().expect("it has a state").to_owned();
    events(&entries, "target").iter().map(of).filter(|s| s == "observed" || s == "enforced").collect()
}

/// Rules of the entry of the last statement.
fn last_rules(broker: &Broker) -> String {
    let entries = entries(&broker.ledger());
    events(&entries, "statement").last().map(|e| e["event"]["rules"].to_string()).unwrap_or_default()
}

#[test]
fn what_policy_would_stop_runs_masked_and_recorded_until_it_is_enforced() {
    let broker = scene(PAYMENTS_HELD);
    let (bob, dan) = (broker.person("bob", "developers"), broker.person("dan", "dba"));
    assert_eq!(states(&broker), ["observed"]);
    let listed = bob.run(&["targets"]).ok();
    assert!(listed.contains("only observed"), "{listed}");
    let explained = bob.run(&["policy", "explain", "payments-db", "-c", "TRUNCATE payments"]).ok();
    assert!(explained.contains("deny") && explained.contains("only observed"), "{explained}");

    dan.exec("UPDATE payments SET status = 'held' WHERE id = 1").expect(0);
    assert_eq!(last_rules(&broker), r#"["would-hold:payments-change"]"#);
    bob.exec("UPDATE payments SET status = 'denied'").expect(0);
    assert!(last_rules(&broker).contains("would-deny:no-unbounded-delete"), "{}", last_rules(&broker));
    let seen = Cluster::shared().superuser(broker.database(), "SELECT DISTINCT status FROM payments");
    assert_eq!(seen, "denied");
    bob.exec("SELECT id FROM payments").expect(0);
    assert_eq!(last_rules(&broker), r#"["call-harmless","read"]"#.replace("\"call-harmless\",", ""));
    // What the gateway itself stands on is not observed but held.
    bob.exec("SET client_encoding = 'LATIN1'").says(&["pinned"]);
    let number = Cluster::shared().superuser(broker.database(), "SELECT pan FROM cards ORDER BY id LIMIT 1");
    let shown = bob.exec("SELECT pan FROM cards ORDER BY id LIMIT 1").ok();
    assert!(!shown.contains(&number), "masks stay: {shown}");

    let open = bob.connect();
    open.psql("UPDATE payments SET status = 'again'").expect(0);
    broker.change(TARGET, "mode", "\"enforce\"");
    reload(&broker);
    open.psql("UPDATE payments SET status = 'late'").says(&["denied by rule `no-unbounded-delete`"]);
    assert_eq!(states(&broker), ["observed", "enforced"]);
    let seen = Cluster::shared().superuser(broker.database(), "SELECT DISTINCT status FROM payments");
    assert_eq!(seen, "again");
}

/// Who opens sessions and who oversees is decided also where statements are observed.
const SESSIONS: &str = r#"
@id("sessions") @message("developers open sessions")
permit (principal in Group::"developers", action == Action::"session", resource);
@id("oversight") @message("admins oversee")
permit (principal in Group::"admins", action == Action::"audit", resource);
"#;

#[test]
fn what_was_seen_makes_a_policy_that_permits_it_and_no_more() {
    let broker = scene("");
    let (bob, dan, cleo) = (
        broker.person("bob", "developers"),
        broker.person("dan", "developers,refunds"),
        broker.person("cleo", "admins"),
    );
    let read = "SELECT count(*) FROM payments WHERE lower(status) = 'captured'";
    let number = "SELECT pan FROM cards WHERE id = 1";
    let write = "UPDATE payments SET status = 'refunded' WHERE id = 1";
    for (who, sql) in [(&bob, read), (&dan, read), (&dan, number), (&dan, write)] {
        who.exec(sql).expect(0);
    }
    bob.run(&["policy", "suggest", "payments-db"]).expect(3);
    let suggested = cleo.run(&["policy", "suggest", "payments-db"]).ok();
    let policy = broker.folder().join("policy/pci.cedar");
    fs::write(policy, format!("{SESSIONS}\n{suggested}\n")).expect("the policy can be written");
    broker.change(TARGET, "mode", "\"enforce\"");
    reload(&broker);
    let runs = |who: &Person, sql: &str| who.exec(sql).code == 0;
    assert!(runs(&bob, read) && runs(&dan, read), "{suggested}");
    assert!(runs(&dan, number) && runs(&dan, write), "{suggested}");
    assert!(!runs(&bob, number) && !runs(&bob, write), "by the group of those who did it: {suggested}");
    for sql in
        ["SELECT cvv FROM cards WHERE id = 1", "DELETE FROM cards WHERE id = 1", "SELECT * FROM customers"]
    {
        assert!(!runs(&dan, sql), "{sql} was not seen: {suggested}");
    }
}
