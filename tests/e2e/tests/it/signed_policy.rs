//! A policy that k of n people must have signed, with the real ssh-keygen: without them there is no start, and a reload
//! changes nothing.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hoop_harness::program::until;
use hoop_harness::{Broker, program};
use serde_json::{Value, json};

use crate::support::{entries, events, ledger_key, verify};

/// What somebody with a text editor would like to be in force.
const WIDE: &str = r#"
@id("wide") @message("everything goes")
permit (principal, action, resource);
"#;
const UPDATE: &str = "UPDATE payments SET status = 'theirs' WHERE id = 1";

/// A broker whose policy some of `people` must sign, each with a key of that name.
struct Signed {
    broker: Broker,
}

impl Signed {
    fn prepare(people: &[&str], signatures: &str) -> Self {
        let signed = Self { broker: Broker::prepare() };
        fs::create_dir(signed.keys()).expect("the folder is ours");
        signed.allow(people);
        signed.broker.change("policy", "signers", "\"policy/allowed_signers\"");
        signed.broker.change("policy", "signatures", signatures);
        signed
    }

    fn keys(&self) -> PathBuf {
        self.broker.folder().join("people")
    }

    fn policy(&self, name: &str) -> PathBuf {
        self.broker.folder().join("policy").join(name)
    }

    /// The path of somebody's key, which is made when it is not there.
    fn key(&self, person: &str) -> PathBuf {
        let key = self.keys().join(person);
        if !key.exists() {
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", "ed25519", "-N", "", "-C", "somebody", "-f"]).arg(&key);
            program::run(&mut make, b"").expect(0);
        }
        key
    }

    fn allow(&self, people: &[&str]) {
        let line = |person: &&str| {
            let public = self.key(person).with_extension("pub");
            let public = fs::read_to_string(public).expect("ssh-keygen wrote it");
            format!("{person} namespaces=\"hoopctl-policy\" {public}")
        };
        let text: String = people.iter().map(line).collect();
        fs::write(self.policy("allowed_signers"), text).expect("the folder is ours");
    }

    /// Has somebody sign the policy as it lies there, into `file`.
    fn sign(&self, person: &str, namespace: &str, file: &str) {
        let manifest = self.keys().join("manifest");
        let printed = self.broker.admin(&["policy", "manifest"]);
        printed.expect(0);
        fs::write(&manifest, &printed.stdout).expect("the folder is ours");
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(self.key(person)).arg(&manifest);
        program::run(&mut sign, b"").expect(0);
        fs::rename(self.keys().join("manifest.sig"), self.policy(file)).expect("it was signed");
    }

    fn refused(&self, says: &[&str]) {
        self.broker.admin(&["serve"]).expect(2).says(says);
        assert!(fs::read_dir(self.broker.ledger()).expect("init made it").next().is_none(), "nothing began");
    }

    /// Refused reloads, as the ledger tells them.
    fn failures(&self) -> Vec<String> {
        let entries = entries(&self.broker.ledger());
        let of_reload = |e: &&Value| e["event"]["control"] == "reload" && e["outcome"] == "failure";
        let told = events(&entries, "control_failure").into_iter().filter(of_reload);
        told.map(|e| e["event"]["detail"].as_str().expect("it has one").to_owned()).collect()
    }

    fn reload_is_refused(&self, detail: &str) {
        let before = self.failures().len();
        self.broker.reload();
        until("the reload is refused", || (self.failures().len() > before).then_some(()));
        assert_eq!(self.failures().last().map(String::as_str), Some(detail));
        assert!(events(&entries(&self.broker.ledger()), "reload").is_empty(), "nothing was put into force");
    }
}

#[test]
fn a_broker_starts_when_enough_people_have_signed_its_policy() {
    let signed = Signed::prepare(&["alice", "bob"], "2");
    signed.refused(&[
        "the policy has 0 of 2 signatures",
        "ssh-keygen -Y sign",
        "hoop-broker policy manifest",
    ]);
    signed.sign("alice", "hoopctl-policy", "alice.sig");
    signed.refused(&["1 of 2 signatures; signed by alice"]);
    signed.sign("alice", "hoopctl-policy", "alice2.sig");
    signed.refused(&["1 of 2 signatures; signed by alice", "`alice2.sig` (alice is counted already)"]);
    signed.sign("bob", "file", "bob.sig");
    signed.refused(&["1 of 2", "`bob.sig` (made for `file`, not for `hoopctl-policy`)"]);
    signed.sign("mallory", "hoopctl-policy", "bob.sig");
    signed.refused(&["1 of 2", "`bob.sig` (made with a key that is not allowed, SHA256:"]);
    signed.sign("bob", "hoopctl-policy", "bob.sig");
    signed.broker.admin(&["check"]).expect(0).says(&["policy signed by alice, bob"]);

    // Signed, and then edited.
    let starter = fs::read(signed.policy("pci.cedar")).expect("init wrote it");
    signed.broker.add_rules(WIDE);
    signed.refused(&["0 of 2", "(alice signed another manifest)", "(bob signed another manifest)"]);
    fs::write(signed.policy("pci.cedar"), starter).expect("the folder is ours");

    signed.broker.start_again();
    let start = until("the start is recorded", || {
        events(&entries(&signed.broker.ledger()), "broker_start").first().map(|e| e["event"].clone())
    });
    assert_eq!(start["signers"], json!(["alice", "bob"]));
}

#[test]
fn a_policy_that_was_edited_is_not_reloaded_until_it_is_signed_again() {
    let signed = Signed::prepare(&["alice", "bob"], "2");
    let broker = &signed.broker;
    for person in ["alice", "bob"] {
        signed.sign(person, "hoopctl-policy", &format!("{person}.sig"));
    }
    broker.start_again();
    let eve = broker.person("eve", "developers");
    eve.exec(UPDATE).says(&["denied"]);

    broker.add_rules(WIDE);
    signed.reload_is_refused("refused: not signed, 0 of 2 signatures");
    eve.exec(UPDATE).says(&["denied"]);
    signed.sign("alice", "hoopctl-policy", "alice.sig");
    signed.reload_is_refused("refused: not signed, 1 of 2 signatures");
    // Who may sign is not for a reload to say.
    signed.allow(&["mallory"]);
    broker.change("policy", "signatures", "1");
    signed.sign("mallory", "hoopctl-policy", "mallory.sig");
    signed.reload_is_refused("refused: not signed, 1 of 2 signatures");
    assert!(broker.log().contains("stay as they were at the start"), "{}", broker.log());
    broker.change("policy", "signers", "\"people/none\"");
    fs::write(broker.folder().join("people/none"), "").expect("the folder is ours");
    signed.reload_is_refused("refused: not signed, 1 of 2 signatures");
    for key in ["signers", "signatures"] {
        let config = fs::read_to_string(broker.config()).expect("init wrote it");
        let line = config.lines().find(|l| l.starts_with(&format!("{key} = "))).expect("it is set");
        fs::write(broker.config(), config.replace(&format!("{line}\n"), "")).expect("the folder is ours");
    }
    signed.reload_is_refused("refused: not signed, 1 of 2 signatures");
    fs::write(signed.policy("x.sig"), vec![b'x'; 20_000]).expect("the folder is ours");
    signed.reload_is_refused("refused: its signatures cannot be checked");
    fs::remove_file(signed.policy("x.sig")).expect("the folder is ours");
    eve.exec(UPDATE).says(&["denied"]);

    signed.sign("bob", "hoopctl-policy", "bob-again.sig");
    broker.reload();
    until("it is reloaded", || (!events(&entries(&broker.ledger()), "reload").is_empty()).then_some(()));
    eve.exec(UPDATE).expect(0);
    let all = entries(&broker.ledger());
    let reload = &events(&all, "reload")[0]["event"];
    assert_eq!(reload["signers"], json!(["alice", "bob"]));
    assert_eq!(reload["rules"][0]["id"], "wide");
    broker.stop();
    let key = ledger_key(broker, &signed.keys());
    verify(&eve, &broker.ledger(), &key).expect(0);
}
