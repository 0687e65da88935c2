//! The ways to the database: straight at the server, through `hoopctl connect`, through the native listener.

use std::fs;
use std::process::Command;

use hoop_harness::cluster::{GATEWAY_PASSWORD, GATEWAY_ROLE};
use hoop_harness::{Broker, Cluster, Person, TARGET, Tunnel};

/// An empty database beside the shop's, for dumps to be restored into.
const SPARE: &str = "payments_spare";

/// Rules of the starter policy that what is tested here would meet, and which other tests hold: `pgbench -i` truncates,
/// every script drops what it made.
const LEFT_OUT: [&str; 2] = ["no-drop-table", "no-truncate"];

/// A way to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Straight at the server, as the role that the gateway signs in with.
    Direct,
    /// By `hoopctl connect` and its local socket, or its port for clients that cannot use one.
    Connect,
    /// By the native listener, with a password of `hoopctl token --session`.
    Native,
}

impl Way {
    /// Its name in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Connect => "connect",
            Self::Native => "native",
        }
    }
}

/// What of TLS and sockets a client can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// All that libpq can.
    Libpq,
    /// Unix sockets, and TCP without TLS.
    Plain,
    /// Unix sockets, and over TCP a TLS that must be told not to ask who signed the certificate.
    Node,
    /// TCP only.
    TcpOnly,
}

/// A broker with a person who has signed in, and the ways open.
#[derive(Debug)]
pub struct Ways {
    // Dropped in this order: a tunnel closes its session at the broker.
    socket: Tunnel,
    port: Tunnel,
    token: String,
    person: Person,
    broker: Broker,
}

impl Ways {
    /// Starts everything.
    ///
    /// # Panics
    /// When a part does not start.
    #[must_use]
    pub fn open() -> Self {
        let broker = Broker::prepare();
        let policy = broker.folder().join("policy/pci.cedar");
        let starter = fs::read_to_string(&policy).expect("init wrote it");
        fs::write(&policy, without(&starter, &LEFT_OUT)).expect("the folder is ours");
        fs::write(broker.folder().join("policy/clients.cedar"), include_str!("../policy.cedar"))
            .expect("the folder is ours");
        broker.change("policy", "files", r#"["policy/pci.cedar", "policy/clients.cedar"]"#);
        broker.start_again();
        let person = broker.person("bob", "dba");
        let socket = person.connect_with(&["--level", "write"]);
        let port = person.connect_with(&["--level", "write", "--tcp"]);
        let token = person.run(&["token", TARGET, "--session"]).ok();
        Self { socket, port, token, person, broker }
    }

    /// The shop's database as it was at first, under the same name, and the spare one, empty.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn fresh(&self) {
        let shop = self.broker.database();
        Cluster::shared().superuser(
            "postgres",
            &format!(
                "SET client_min_messages = error;\n\
                 DROP DATABASE IF EXISTS {shop} WITH (FORCE);\nDROP DATABASE IF EXISTS {SPARE} WITH (FORCE);\n\
                 CREATE DATABASE {shop} TEMPLATE payments_template OWNER {GATEWAY_ROLE};\n\
                 CREATE DATABASE {SPARE} OWNER {GATEWAY_ROLE};"
            ),
        );
    }

    /// `program` in the person's environment, with the `PG…` variables that lead it along `way`.
    #[must_use]
    pub fn command(&self, program: &str, way: Way, transport: Transport) -> Command {
        let mut command = self.person.command(program);
        // What a gateway's answers are restored into is reached straight: masked forms are not written back through it.
        let cluster = Cluster::shared();
        let (host, port) = (cluster.folder().display(), cluster.port());
        let spare = format!("host={host} port={port} user={GATEWAY_ROLE} dbname={SPARE} sslmode=disable");
        command.env("TZ", "UTC").env("HOOP_SPARE", spare);
        command.env("HOOP_WAY", if way == Way::Direct { "direct" } else { "gateway" });
        let tls = match transport {
            Transport::Libpq | Transport::TcpOnly => "prefer",
            Transport::Plain => "disable",
            Transport::Node => "no-verify",
        };
        match (way, transport) {
            (Way::Direct, Transport::TcpOnly) => {
                command.env("PGHOST", "127.0.0.1").env("PGPORT", Cluster::shared().port().to_string());
                command.env("PGUSER", GATEWAY_ROLE).env("PGPASSWORD", GATEWAY_PASSWORD).env("PGSSLMODE", tls);
                command.env("PGDATABASE", self.broker.database());
            }
            (Way::Direct, Transport::Libpq | Transport::Plain | Transport::Node) => {
                let direct = Cluster::shared().direct(program, self.broker.database());
                command.envs(direct.get_envs().filter_map(|(key, value)| Some((key, value?))));
            }
            (Way::Connect, Transport::TcpOnly) => {
                command.envs(self.port.settings());
            }
            (Way::Connect, Transport::Libpq | Transport::Plain | Transport::Node) => {
                command.envs(self.socket.settings());
            }
            (Way::Native, _) => {
                command.env("PGHOST", "127.0.0.1").env("PGPORT", self.broker.native_port().to_string());
                command.env("PGUSER", TARGET).env("PGPASSWORD", &self.token).env("PGSSLMODE", tls);
                command.env("PGDATABASE", self.broker.database());
            }
        }
        command
    }
}

/// A Cedar text without the rules of these ids. A rule begins with its `@id` and ends with the line that ends in `;`.
fn without(policy: &str, ids: &[&str]) -> String {
    let mut kept = String::new();
    let mut inside = false;
    let mut left = 0;
    for line in policy.lines() {
        if ids.iter().any(|id| line == format!("@id({id:?})")) {
            inside = true;
            left += 1;
        }
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !line.ends_with(';');
    }
    assert_eq!(left, ids.len(), "the starter policy has each of {ids:?} once");
    kept
}

#[cfg(test)]
mod tests {
    #[test]
    fn whole_rules_are_left_out() {
        let policy = "// x\n@id(\"a\")\nforbid (\n);\n\n@id(\"b\")\npermit (\n)\nwhen { true };\n@id(\"c\")\npermit ();\n";
        assert_eq!(
            super::without(policy, &["b"]),
            "// x\n@id(\"a\")\nforbid (\n);\n\n@id(\"c\")\npermit ();\n"
        );
    }
}
