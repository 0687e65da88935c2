//! Changes of configuration, policy and accounts, where two others must approve them first.

use std::net::TcpStream;
use std::process::Stdio;

use hoop_harness::broker::PAYMENTS_HELD;
use hoop_harness::browser::{Typed, sign_in};
use hoop_harness::program::{self, until};
use hoop_harness::{Broker, Person};

use crate::approvals::{UPDATE, nth};
use crate::support::{entries, events, ledger_key, verify};

const NO_READS: &str = r#"
@id("no-reads")
forbid (principal, action == Action::"read", resource);
"#;

/// A broker whose changes two of the admins approve, and three who were there before.
fn scene() -> (Broker, Person, Person, Person) {
    let broker = Broker::prepare();
    broker.configure("\n[administration]\napprovals = \"2 of admins\"\n");
    let [ada, abe] = ["ada", "abe"].map(|id| broker.stranger(id, "admins"));
    let alice = broker.stranger("alice", "developers");
    broker.start_again();
    [&ada, &abe, &alice].iter().for_each(|who| who.sign_in());
    (broker, ada, abe, alice)
}

fn reads(who: &Person) -> i32 {
    let done = who.exec("SELECT 1");
    if done.stderr.contains("no-reads") { 3 } else { i32::from(done.expect(0).stderr.contains("error")) }
}

/// Can they sign in now?
fn signs_in(who: &Person) -> bool {
    let (_, page) = who.sign_in_by(|shown| {
        let typed = Typed {
            user_code: shown.user_code.clone(),
            name: who.login.name.clone(),
            password: who.login.password.clone(),
            otp: who.login.code(),
            ..Typed::default()
        };
        sign_in(&shown.url, &typed)
    });
    page.is_ok()
}

#[test]
fn a_policy_is_in_force_once_two_have_approved_the_change_and_is_what_starts_again() {
    let (broker, ada, abe, alice) = scene();
    let policy = broker.folder().join("policy/pci.cedar");
    let approved = std::fs::read_to_string(&policy).expect("it is ours");
    assert_eq!(reads(&alice), 0);
    broker.add_rules(NO_READS);
    broker.reload();
    let id = nth(&broker, 1);
    assert_eq!(reads(&alice), 0, "what is held is not in force");
    alice.run(&["approve", &id, "--yes"]).expect(2).says(&["no such approval for you"]);
    let shown = ada.run(&["approve", &id, "--yes"]);
    let text = shown.ok();
    assert!(text.contains("+@id(\"no-reads\")") && text.contains("(change, pending)"), "{text}");
    ada.run(&["approve", &id, "--yes"]).expect(6);
    assert_eq!(reads(&alice), 0, "one is not two");
    // The very files that were read are approved, whatever lies there now.
    std::fs::write(&policy, approved.clone() + NO_READS + "// and a permit that nobody saw\n")
        .expect("it is ours");
    abe.run(&["approve", &id, "--yes"]).expect(0);
    until("the new policy is in force", || (reads(&alice) == 3).then_some(()));

    // Another one than that does not start.
    broker.stop();
    let refused = broker.admin(&["serve"]);
    refused.expect(1).says(&["not what was approved last", "--accept-unapproved"]);
    std::fs::write(&policy, approved.clone() + NO_READS).expect("it is ours");
    broker.start_again();
    assert_eq!(reads(&alice), 3);

    // What is refused stays away, and what replaces it is asked for anew.
    std::fs::write(&policy, &approved).expect("it is ours");
    broker.reload();
    let second = nth(&broker, 2);
    ada.run(&["deny", &second, "--reason", "not during the freeze"]).expect(0);
    broker.reload();
    let third = nth(&broker, 3);
    std::fs::write(&policy, approved + "// a comment\n").expect("it is ours");
    broker.reload();
    nth(&broker, 4);
    until("the older one is given up", || {
        let entries = entries(&broker.ledger());
        let ended = events(&entries, "approval_ended");
        ended.iter().any(|e| e["event"]["approval"] == third.as_str()).then_some(())
    });
    assert_eq!(reads(&alice), 3);
    broker.stop();
    let entries = entries(&broker.ledger());
    let at = |kind: &str| entries.iter().position(|e| e["event"]["type"] == kind);
    assert!(at("approval_consumed") < at("reload") && at("reload").is_some(), "recorded before it counts");
    assert_eq!(events(&entries, "reload").len(), 1);
    let key = ledger_key(&broker, broker.folder().as_path());
    verify(&ada, &broker.ledger(), &key).expect(0);
}

#[test]
fn a_broker_starts_with_what_nobody_approved_only_when_told_to_and_the_ledger_tells() {
    let (broker, ..) = scene();
    broker.stop();
    broker.add_rules(NO_READS);
    let mut command = broker.command(&["serve", "--accept-unapproved"]);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    until("the broker's port", || TcpStream::connect(("127.0.0.1", broker.port())).ok());
    until("it is told", || {
        let entries = entries(&broker.ledger());
        let failures = events(&entries, "control_failure");
        failures.iter().any(|e| e["event"]["control"] == "administration").then_some(())
    });
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    // It is what counts now.
    broker.start_again();
}

#[test]
fn an_account_that_was_made_or_changed_signs_in_once_two_have_approved_that() {
    let (broker, ada, abe, alice) = scene();
    let eve = broker.stranger("eve", "admins");
    assert!(broker.admin(&["user", "list"]).ok().contains("held until others approve"));
    let id = nth(&broker, 1);
    assert!(!signs_in(&eve), "nobody has approved the account");
    ada.run(&["approve", &id, "--yes"]).expect(0);
    assert!(!signs_in(&eve), "one is not two");
    let shown = abe.run(&["approve", &id, "--yes"]);
    let text = shown.ok();
    assert!(text.contains("account eve") && text.contains("groups: admins"), "{text}");
    until("eve is let in", || signs_in(&eve).then_some(()));

    // A change of groups ends what lives, and waits.
    broker.admin(&["user", "groups", "alice", "dba,admins"]).expect(0);
    alice.run(&["whoami"]).expect(4);
    let id = nth(&broker, 2);
    ada.run(&["deny", &id, "--reason", "alice is no dba"]).expect(0);
    assert!(!signs_in(&alice));
    // Taking access away waits for nobody.
    broker.admin(&["user", "disable", "eve"]).expect(0);
    until("eve is out", || (eve.run(&["whoami"]).code == 4).then_some(()));
    let entries = entries(&broker.ledger());
    assert!(events(&entries, "sign_in_failed").iter().any(|e| e["event"]["reason"] == "account_held"));
}

#[test]
fn whoever_makes_an_account_is_not_let_through_by_it() {
    let broker = Broker::prepare();
    broker.add_rules(PAYMENTS_HELD);
    broker.start_again();
    let bob = broker.person("bob", "dba,leads");
    let (ada, ann) = (broker.person("ada", "leads"), broker.person("ann", "leads"));
    // Bob, at the broker's machine, changes ada's account.
    let mut changes = broker.command(&["user", "groups", "ada", "leads"]);
    program::run(changes.env("SUDO_USER", "Bob"), b"").expect(0);
    bob.run(&["exec", "payments-db", "-c", UPDATE]).expect(5);
    let id = nth(&broker, 1);
    ada.run(&["approve", &id, "--yes"]).expect(3).says(&["made or changed by whoever asks"]);
    ann.run(&["approve", &id, "--yes"]).expect(0);
}
