//! A broker with everything on: starter policy, masking, ledger; and a person who has signed in there.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::Command;

use hoop_harness::program::{self, until};
use hoop_harness::{Broker, Cluster, Person, TARGET, Tunnel};

use crate::database;
use crate::system::Durability;
use crate::wire::Endpoint;

/// The starter leaves session-long tokens out on purpose; pgbench opens 16 connections with one password.
const SESSION_TOKENS: &str = r#"
@id("bench-session-tokens")
@message("the bench opens many connections with one token")
permit (
    principal is User,
    action == Action::"token_session",
    resource
)
when { principal in Group::"developers" };
"#;

/// One broker and a person's ways through it.
#[derive(Debug)]
pub struct Gateway {
    // Ends before the broker does.
    tunnel: Tunnel,
    token: String,
    _person: Person,
    broker: Broker,
}

/// Figures of `/metrics` that the bench looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Entries in the ledger.
    pub entries: u64,
    /// Entries that are not durable yet.
    pub queue: u64,
    /// Statements that went to the target.
    pub allowed: u64,
    /// Card numbers that were masked.
    pub masked: u64,
}

impl Gateway {
    /// Starts it before `cluster`, for `connections` of one session; `None` when this broker does not know the
    /// durability.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(cluster: &Cluster, durability: Durability, connections: usize) -> Option<Self> {
        let broker = Broker::prepare();
        configure(&broker, cluster, connections);
        match durability {
            Durability::Durable => {}
            Durability::Os => {
                broker.change("ledger", "durability", "\"os\"");
                change_policy(&broker, |rules| without_rule(rules, "durable-ledger"));
            }
        }
        let check = broker.admin(&["check"]);
        if durability == Durability::Os && check.stderr.contains("unknown key `durability`") {
            return None;
        }
        check.expect(0);
        broker.start_again();
        let person = broker.person("bench", "developers");
        let token = person.run(&["token", TARGET, "--session"]).ok();
        let tunnel = person.connect();
        Some(Self { tunnel, token, _person: person, broker })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.broker.pid()
    }

    /// The native listener.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            port: self.broker.native_port(),
            user: TARGET.into(),
            database: database::NAME.into(),
            password: self.token.clone(),
        }
    }

    /// The variables that take a client through hoopctl's tunnel.
    #[must_use]
    pub fn tunnel(&self) -> Vec<(String, String)> {
        self.tunnel.settings().iter().map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// The ledger's folder.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.broker.ledger()
    }

    /// What it counted so far.
    ///
    /// # Panics
    /// When it does not tell.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut curl = Command::new("curl");
        // The certificate was made a moment ago; that hoopctl pins it is tested elsewhere.
        curl.args(["-sS", "--insecure", "--noproxy", "*", "--max-time", "60"]);
        let text = program::run(curl.arg(format!("{}/metrics", self.broker.url())), b"").ok();
        counts(&text).unwrap_or_else(|| panic!("figures are missing in\n{text}"))
    }

    /// What it counted, once all entries are durable.
    ///
    /// # Panics
    /// When that never happens.
    #[must_use]
    pub fn settled(&self) -> Counts {
        let mut before = self.counts();
        until("the ledger to be written", || {
            let now = self.counts();
            let settled = now.queue == 0 && now == before;
            before = now;
            settled.then_some(now)
        })
    }

    /// Bytes of all entries in the ledger; the zeros that it writes ahead are none.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn ledger_bytes(&self) -> u64 {
        let mut bytes = 0;
        for entry in fs::read_dir(self.ledger()).expect("the ledger is there") {
            let path = entry.expect("the ledger is there").path();
            if path.extension().is_some_and(|e| e.as_bytes() == b"seg") {
                let segment = fs::read(path).expect("the ledger is readable");
                bytes += segment.iter().rposition(|b| *b != 0).map_or(0, |last| last as u64 + 1);
            }
        }
        bytes
    }
}

// The server without TLS by TCP, as pgbouncer has it, and room for the idle connections.
fn configure(broker: &Broker, cluster: &Cluster, connections: usize) {
    let target = format!("targets.{TARGET}");
    broker.change(&target, "tls", "\"disable\"");
    broker.change(&target, "address", &format!("\"127.0.0.1:{}\"", cluster.port()));
    broker.change(&target, "databases", &format!("[\"{}\"]", database::NAME));
    broker.change(&format!("{target}.classes"), &format!("\"{}\"", database::CLASSIFIED), "\"pan\"");
    broker.change("limits", "connections_per_session", &connections.to_string());
    broker.change("sessions", "default_ttl", "\"2h\"");
    let config = fs::read_to_string(broker.config()).expect("init wrote it");
    let without_ca: Vec<&str> = config.lines().filter(|l| !l.starts_with("ca_file = ")).collect();
    fs::write(broker.config(), without_ca.join("\n") + "\n").expect("the folder is ours");
    change_policy(broker, |rules| format!("{rules}{SESSION_TOKENS}"));
}

fn change_policy(broker: &Broker, change: impl Fn(&str) -> String) {
    let policy = broker.folder().join("policy/pci.cedar");
    let rules = fs::read_to_string(&policy).expect("init wrote it");
    fs::write(policy, change(&rules)).expect("the folder is ours");
}

// The starter bars ledgers that a power cut may shorten: where one is measured, that rule is taken out, and no other.
fn without_rule(rules: &str, id: &str) -> String {
    let begin = format!("@id(\"{id}\")");
    let Some((before, rest)) = rules.split_once(&begin) else { return rules.to_owned() };
    let after = rest.split_once(";\n").map_or("", |(_, after)| after);
    format!("{before}{after}")
}

fn counts(text: &str) -> Option<Counts> {
    let figure = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    };
    Some(Counts {
        entries: figure("hoop_ledger_entries_total")?,
        queue: figure("hoop_ledger_queue_depth")?,
        allowed: figure("hoop_statements_total{verdict=\"allow\"}")?,
        masked: figure("hoop_masked_values_total{class=\"pan\"}")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule_is_taken_out() {
        let rules = "// a\n@id(\"a\")\npermit (x)\nwhen { y };\n\n@id(\"b\")\nforbid (x);\n\n@id(\"c\")\npermit (z);\n";
        let left = without_rule(rules, "b");
        assert_eq!(left, rules.replace("@id(\"b\")\nforbid (x);\n", ""));
        assert_eq!(without_rule(&left, "b"), left);
    }

    #[test]
    fn figures_are_read() {
        let text = "# HELP hoop_ledger_entries_total Entries in the ledger.\nhoop_ledger_entries_total 12\n\
                    hoop_ledger_queue_depth 3\nhoop_statements_total{verdict=\"allow\"} 7\n\
                    hoop_statements_total{verdict=\"deny\"} 1\nhoop_masked_values_total{class=\"pan\"} 9\n";
        assert_eq!(counts(text), Some(Counts { entries: 12, queue: 3, allowed: 7, masked: 9 }));
        assert_eq!(counts("hoop_ledger_entries_total 12\n"), None);
    }
}
