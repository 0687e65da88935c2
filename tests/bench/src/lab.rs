//! All that is compared, running side by side on one database.

use hoop_harness::Cluster;
use hoop_harness::cluster::GATEWAY_ROLE;

use crate::database;
use crate::gateway::Gateway;
use crate::machine::Machine;
use crate::pooler::Pooler;
use crate::system::{Durability, System, Way};
use crate::wire::Endpoint;

/// Connections beyond the idle ones that a server must take.
const SPARE: usize = 200;

/// Everything that runs.
#[derive(Debug)]
pub struct Lab {
    cluster: &'static Cluster,
    /// pgbouncer.
    pub pooler: Pooler,
    /// The gateway with a durable ledger.
    pub durable: Gateway,
    /// The gateway with `durability = "os"`, where the broker knows it.
    pub os: Option<Gateway>,
}

impl Lab {
    /// Starts it all; `idle` connections must fit in.
    ///
    /// # Panics
    /// When a part does not come up.
    #[must_use]
    pub fn start(idle: usize) -> Self {
        let connections = idle + SPARE;
        let cluster = database::cluster(connections);
        database::fill(cluster);
        let durable = Gateway::start(cluster, Durability::Durable, connections);
        Self {
            cluster,
            pooler: Pooler::start(cluster, connections),
            durable: durable.unwrap_or_else(|| panic!("the broker refuses its defaults")),
            os: Gateway::start(cluster, Durability::Os, connections),
        }
    }

    /// The four that are compared in every round; three when the broker does not know `durability = "os"`.
    #[must_use]
    pub fn first(&self) -> Vec<System> {
        let os = self.os.is_some().then_some(System::Ours(Durability::Os, Way::Plain));
        [System::Direct, System::POOLER].into_iter().chain(os).chain([System::GATEWAY]).collect()
    }

    /// The others: under TLS and through the tunnel.
    #[must_use]
    pub fn others(&self) -> Vec<System> {
        let mut others = vec![System::Pgbouncer(Way::Tls)];
        for way in [Way::Tls, Way::Tunnel] {
            others.extend(self.os.is_some().then_some(System::Ours(Durability::Os, way)));
            others.push(System::Ours(Durability::Durable, way));
        }
        others
    }

    fn gateway(&self, durability: Durability) -> &Gateway {
        match durability {
            Durability::Durable => &self.durable,
            Durability::Os => self.os.as_ref().unwrap_or_else(|| panic!("this broker knows no `durability`")),
        }
    }

    /// Where the bench's own client reaches a system, without TLS.
    ///
    /// # Panics
    /// When there is no such way.
    #[must_use]
    pub fn endpoint(&self, system: System) -> Endpoint {
        match system {
            System::Direct => Endpoint {
                port: self.cluster.port(),
                user: GATEWAY_ROLE.into(),
                database: database::NAME.into(),
                password: String::new(),
            },
            System::Pgbouncer(_) => self.pooler.endpoint(),
            System::Ours(durability, _) => self.gateway(durability).endpoint(),
            System::Disk => panic!("a disk speaks no PostgreSQL"),
        }
    }

    /// The variables that take a client of PostgreSQL to a system.
    ///
    /// # Panics
    /// When there is no such way.
    #[must_use]
    pub fn variables(&self, system: System) -> Vec<(String, String)> {
        let sslmode = match system {
            System::Ours(durability, Way::Tunnel) => return self.gateway(durability).tunnel(),
            System::Pgbouncer(Way::Tls) | System::Ours(_, Way::Tls) => "require",
            System::Direct
            | System::Pgbouncer(Way::Plain | Way::Tunnel)
            | System::Ours(_, Way::Plain)
            | System::Disk => "disable",
        };
        let Endpoint { port, user, database, password } = self.endpoint(system);
        [
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", port.to_string()),
            ("PGUSER", user),
            ("PGDATABASE", database),
            ("PGPASSWORD", password),
            ("PGSSLMODE", sslmode.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// What it all runs on.
    #[must_use]
    pub fn machine(&self) -> Machine {
        let version = self.cluster.superuser("postgres", "SHOW server_version");
        let version = version.split(' ').next().unwrap_or_default().to_owned();
        Machine::look(&self.durable.ledger(), version, Pooler::version())
    }
}
