//! The twins, a broker in front of them, and the ways to both.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hoop_harness::{Broker, Cluster, Person, Tunnel, program};

use crate::options::Options;
use crate::seen::Way;

/// Databases and targets, with what differs: the hidden digits, the verification value and the expiry of one card.
const TWINS: [(&str, &str, [&str; 3]); 2] = [
    ("app_a", "app-a", ["4539578763621486", "737", "12/27"]),
    ("app_b", "app-b", ["4539571019441486", "192", "09/26"]),
];
/// The role of developers straight at the server, and the gateway's own login, which may do the same.
const DEV: &str = "dev";
const GATEWAY: &str = "gateway";

/// How a statement gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// Through the gateway.
    Gateway,
    /// Straight at the server.
    Direct,
}

/// Everything that runs.
#[derive(Debug)]
pub struct Stage {
    // Dropped in this order: a tunnel closes its session at the broker.
    _tunnels: [Tunnel; 2],
    sockets: [PathBuf; 2],
    direct: PathBuf,
    _person: Person,
    _broker: Broker,
}

impl Stage {
    /// Makes the twins and starts a broker with both as targets.
    pub fn open(options: &Options) -> Self {
        let cluster = Cluster::shared_with("", "local all all trust\n");
        let roles = format!(
            "CREATE ROLE {DEV} LOGIN PASSWORD '{DEV}';\nCREATE ROLE {GATEWAY} LOGIN PASSWORD '{GATEWAY}' IN ROLE {DEV};"
        );
        cluster.superuser("postgres", &roles);
        for (database, _, secret) in TWINS {
            make(cluster, database, secret, &options.setup);
        }
        let broker = Broker::prepare_on(cluster);
        let password = broker.folder().join("gateway.password");
        fs::write(&password, GATEWAY).expect("the folder is ours");
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).expect("the file is ours");
        let classes = classes(&options.classes);
        for (database, target, _) in TWINS {
            broker.configure(&format!(
                "\n[targets.{target}]\nkind = \"postgres\"\naddress = \"127.0.0.1:{}\"\ntls = \"verify-full\"\n\
                 ca_file = {:?}\nlogin = \"{GATEWAY}\"\npassword = \"file:{}\"\ndatabases = [{database:?}]\n\
                 \n[targets.{target}.classes]\n{classes}",
                cluster.port(),
                cluster.ca_file(),
                password.display(),
            ));
        }
        let policy = broker.folder().join("policy/pci.cedar");
        fs::write(policy, include_str!("../policy.cedar")).expect("the folder is ours");
        broker.start_again();
        let person = broker.person(DEV, "developers");
        let tunnels = TWINS.map(|(_, target, _)| Tunnel::to(&person, target, &["--level", &options.level]));
        let sockets = [0, 1].map(|twin: usize| socket_in(Path::new(&tunnels[twin].settings()["PGHOST"])));
        let stage = Self {
            sockets,
            direct: socket_in(cluster.folder()),
            _tunnels: tunnels,
            _person: person,
            _broker: broker,
        };
        stage.put_back();
        stage
    }

    /// The way to one of the twins.
    pub fn way(&self, road: Road, twin: usize) -> Way<'_> {
        let database = TWINS[twin].0;
        match road {
            Road::Gateway => Way { socket: &self.sockets[twin], user: GATEWAY, database },
            Road::Direct => Way { socket: &self.direct, user: DEV, database },
        }
    }

    /// Both databases as they were at first: rows of all tables, sequences, and the developers' own schema.
    pub fn put_back(&self) {
        for (database, _, _) in TWINS {
            let mut tries = 0;
            // A connection that is just ending can still hold a lock.
            loop {
                let done = program::run(
                    Cluster::shared().psql("postgres", database).arg("-f").arg("-"),
                    include_str!("put_back.sql").as_bytes(),
                );
                if done.code == 0 {
                    break;
                }
                tries += 1;
                assert!(tries < 10, "{database} cannot be put back: {}", done.stderr);
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

fn make(cluster: &Cluster, database: &str, secret: [&str; 3], setup: &[PathBuf]) {
    cluster.superuser("postgres", &format!("CREATE DATABASE {database}"));
    let [pan, cvv, exp] = secret;
    for file in setup {
        let mut psql = cluster.psql("postgres", database);
        for (name, value) in [("pan", pan), ("cvv", cvv), ("exp", exp)] {
            psql.arg("-v").arg(format!("{name}={value}"));
        }
        program::run(psql.arg("-f").arg(file), b"").expect(0);
    }
    program::run(cluster.psql("postgres", database).arg("-f").arg("-"), include_bytes!("keep.sql")).expect(0);
}

fn classes(files: &[PathBuf]) -> String {
    let mut out = String::new();
    for file in files {
        let text = fs::read_to_string(file).expect("the classes can be read");
        for line in text.lines() {
            if let Some((column, class)) = line.split_once('\t') {
                writeln!(out, "{column:?} = {:?}", class.trim()).expect("writing to a string");
            }
        }
    }
    out
}

/// The server's socket in a folder.
fn socket_in(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).expect("the folder of a socket").map(|f| f.expect("readable").path());
    let is_socket = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(".s.PGSQL.") && !name.ends_with(".lock")
    };
    files.into_iter().find(is_socket).expect("a socket is in it")
}
