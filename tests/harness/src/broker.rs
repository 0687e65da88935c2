//! The real `hoop-broker`, started as an administrator would: `init`, a target in the config, `user add`, `serve`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use crate::cluster::{Cluster, GATEWAY_PASSWORD, GATEWAY_ROLE};
use crate::login::Login;
use crate::person::Person;
use crate::program::{self, Done, PATIENCE, free_port, ours, until};
use crate::reaper::{Folder, Reaper};
use crate::settings;
use crate::small_disk::SmallDisk;

/// The target that every broker of the tests has: this test's own copy of the demo's database.
pub const TARGET: &str = "payments-db";

/// Classified columns of the demo's schema.
const CLASSES: [(&str, &str); 3] =
    [("public.cards.pan", "pan"), ("public.cards.cvv", "cvv"), ("public.cards.expiry", "expiry")];

/// A rule that holds every change of payments until one of the leads approves it.
pub const PAYMENTS_HELD: &str = r#"
@id("payments-change")
@message("payments change with a second person")
@hold("1 of leads")
forbid (principal, action == Action::"write", resource is Relation)
when { resource.name == "payments" }
unless { context.approvals.contains("payments-change") };
"#;

/// One broker with its folder, database and process.
#[derive(Debug)]
pub struct Broker {
    dir: Folder,
    port: u16,
    native_port: u16,
    database: String,
    // `None` between `kill` or `stop` and `start_again`.
    running: Mutex<Option<(Child, Reaper)>>,
}

impl Broker {
    /// Starts a broker with defaults, on the demo's target.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a broker with settings changed: `(table, key, TOML value)`, such as
    /// `("limits", "login_attempts", "3")`.
    ///
    /// # Panics
    /// When the broker does not come up; the message has its log.
    #[must_use]
    pub fn start_with(changes: &[(&str, &str, &str)]) -> Self {
        let broker = Self::prepare();
        for (section, key, value) in changes {
            broker.change(section, key, value);
        }
        broker.start_again();
        broker
    }

    /// A broker's folder with its configuration, and no process.
    ///
    /// # Panics
    /// When `init` fails.
    #[must_use]
    pub fn prepare() -> Self {
        Self::prepare_on(Cluster::shared())
    }

    /// The same, with a database in a cluster of the test's own.
    ///
    /// # Panics
    /// When `init` fails.
    #[must_use]
    pub fn prepare_on(cluster: &Cluster) -> Self {
        let broker = Self {
            dir: Folder::new("hoop-br-"),
            port: free_port(),
            native_port: free_port(),
            database: cluster.database(),
            running: Mutex::new(None),
        };
        let listen = format!("127.0.0.1:{}", broker.port);
        let init = ["--name", "test", "--listen", &listen, "--public-url", &broker.url()];
        program::run(program(&["init"]).arg(broker.path("b")).args(init), b"").expect(0);
        let password = broker.path("gateway.password");
        fs::write(&password, GATEWAY_PASSWORD).expect("the folder is ours");
        fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("the file is ours");
        broker.change("", "postgres_listen", &format!("\"127.0.0.1:{}\"", broker.native_port));
        broker.add_target(TARGET, &[&broker.database], cluster);
        broker
    }

    fn add_target(&self, name: &str, databases: &[&str], cluster: &Cluster) {
        let mut target = format!(
            "\n[targets.{name}]\nkind = \"postgres\"\nenvironment = \"test\"\naddress = \"127.0.0.1:{}\"\ntls = \"verify-full\"\n\
             ca_file = {:?}\nlogin = \"{GATEWAY_ROLE}\"\npassword = \"file:{}\"\ndatabases = {databases:?}\n\
             \n[targets.{name}.classes]\n",
            cluster.port(),
            cluster.ca_file(),
            self.path("gateway.password").display(),
        );
        for (column, class) in CLASSES {
            writeln!(target, "{column:?} = {class:?}").expect("writing to a string");
        }
        self.configure(&target);
    }

    /// Adds `text` to the end of the configuration; in force at the next start or reload.
    ///
    /// # Panics
    /// When `init` wrote none.
    pub fn configure(&self, text: &str) {
        let config = fs::read_to_string(self.config()).expect("init wrote it") + text;
        fs::write(self.config(), config).expect("the folder is ours");
    }

    /// Adds a target that reaches the same database, before the broker starts or reloads.
    pub fn add_second_target(&self, name: &str) {
        self.add_target(name, &[&self.database], Cluster::shared());
    }

    /// Changes one setting in the configuration; the broker sees it when it starts, or at [`Broker::reload`].
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn change(&self, section: &str, key: &str, value: &str) {
        let config = fs::read_to_string(self.config()).expect("init wrote it");
        fs::write(self.config(), settings::set(&config, section, key, value)).expect("the folder is ours");
    }

    /// Adds `rules` to the starter policy; in force at the next start or reload.
    ///
    /// # Panics
    /// When `init` wrote none.
    pub fn add_rules(&self, rules: &str) {
        let policy = self.folder().join("policy/pci.cedar");
        let starter = fs::read_to_string(&policy).expect("init wrote it");
        fs::write(policy, starter + rules).expect("the folder is ours");
    }

    /// Starts the process (again), and waits until it listens.
    ///
    /// # Panics
    /// When it runs already, or ends instead of listening.
    pub fn start_again(&self) {
        self.launch();
        let mut running = self.running.lock().expect("no test panics in here");
        let (child, _) = running.as_mut().expect("it was launched");
        until("the broker's port", || {
            if let Some(status) = child.try_wait().expect("our child can be waited for") {
                panic!("hoop-broker ended with {status}:\n{}", self.log());
            }
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }

    /// Starts the process (again) and does not wait for anything.
    ///
    /// # Panics
    /// When it runs already.
    pub fn launch(&self) {
        let mut running = self.running.lock().expect("no test panics in here");
        assert!(running.is_none(), "the broker runs already");
        let log =
            File::options().create(true).append(true).open(self.log_file()).expect("the folder is ours");
        let child = self
            .command(&["serve"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle can be cloned"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("hoop-broker starts");
        let pid = child.id().to_string();
        // Should this process die first: nobody else must find a broker still there.
        let reaper = Reaper::new(r#"kill -9 "$1""#, &[&pid]);
        *running = Some((child, reaper));
    }

    /// Kills it as a power cut would: no signal that it could handle.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self) {
        let (mut child, _reaper) = self.take();
        child.kill().expect("our child can be killed");
        child.wait().expect("our child can be waited for");
    }

    /// Asks it to drain and stop (SIGTERM) and waits; its exit code.
    ///
    /// # Panics
    /// When it does not run, or does not stop.
    pub fn stop(&self) -> i32 {
        let (mut child, _reaper) = self.take();
        signal(child.id(), "TERM");
        program::wait(&mut child, PATIENCE).expect("the broker stops when it is asked to")
    }

    /// Has it read policy and targets again (SIGHUP). Returns at once.
    ///
    /// # Panics
    /// When it does not run.
    pub fn reload(&self) {
        let running = self.running.lock().expect("no test panics in here");
        signal(running.as_ref().expect("the broker runs").0.id(), "HUP");
    }

    fn take(&self) -> (Child, Reaper) {
        self.running.lock().expect("no test panics in here").take().expect("the broker runs")
    }

    /// The process that runs now.
    ///
    /// # Panics
    /// When none does.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let running = self.running.lock().expect("no test panics in here");
        running.as_ref().expect("the broker runs").0.id()
    }

    /// `hoop-broker ARGS --config F`.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.arg("--config").arg(self.config());
        command
    }

    /// Runs `hoop-broker ARGS --config F`.
    #[must_use]
    pub fn admin(&self, args: &[&str]) -> Done {
        program::run(&mut self.command(args), b"")
    }

    /// Makes a local user with a one-time code generator.
    ///
    /// # Panics
    /// When `user add` fails or does not show the secret of the generator.
    #[must_use]
    pub fn add_user(&self, name: &str, groups: &str) -> Login {
        let password = format!("correct-horse-{name}-42");
        let args = ["user", "add", name, "--groups", groups, "--password-stdin"];
        let done = program::run(&mut self.command(&args), format!("{password}\n").as_bytes());
        done.expect(0);
        let said = done.text() + &done.stderr;
        let secret = said.split("secret=").nth(1).expect("`user add` shows an otpauth URL with the secret");
        let end = secret.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(secret.len());
        Login::known(name, &password, &secret[..end])
    }

    /// A person with a user of this broker, an empty HOME, and not signed in yet.
    #[must_use]
    pub fn stranger(&self, name: &str, groups: &str) -> Person {
        Person::new(self, self.add_user(name, groups))
    }

    /// A person who has signed in through the device flow.
    #[must_use]
    pub fn person(&self, name: &str, groups: &str) -> Person {
        let person = self.stranger(name, groups);
        person.sign_in();
        person
    }

    /// SHA-256 of the certificate, as `hoop-broker fingerprint` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.admin(&["fingerprint"]).ok()
    }

    /// `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The one TLS port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Port of the native PostgreSQL listener on 127.0.0.1.
    #[must_use]
    pub fn native_port(&self) -> u16 {
        self.native_port
    }

    /// The database behind [`TARGET`].
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("b").join("broker.toml")
    }

    /// The folder that `init` made: configuration, keys, policy, state, ledger.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.path("b")
    }

    /// The folder of the ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.folder().join("ledger")
    }

    /// Puts the ledger on a file system of its own of this size (`4m`), before the start; `None` where that is refused.
    #[must_use]
    pub fn small_ledger(&self, size: &str) -> Option<SmallDisk> {
        SmallDisk::mount(&self.ledger(), self.dir.path(), size)
    }

    fn log_file(&self) -> PathBuf {
        self.path("log")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// All that the broker wrote on its standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.log_file()).map_or_else(|_| String::new(), |b| String::from_utf8_lossy(&b).into_owned())
    }

    /// Every file of the broker with its bytes: configuration, state, ledger, log. The password file of the target,
    /// which is the administrator's, is not among them.
    #[must_use]
    pub fn all_files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        collect(&self.folder(), &mut all);
        all.insert(self.log_file(), self.log().into_bytes());
        all
    }
}

fn collect(folder: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("the folder is ours") {
        let path = entry.expect("the folder is ours").path();
        if path.is_dir() {
            collect(&path, all);
        } else if let Ok(bytes) = fs::read(&path) {
            // A database's journal may be gone between listing and reading: then there is nothing to find in it.
            all.insert(path, bytes);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the broker's log\n{}", self.log());
        }
        let running = self.running.get_mut().map_or(None, Option::take);
        if let Some((mut child, _reaper)) = running {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(ours("hoop-broker"));
    command.args(args).env_remove("HOOP_LOG");
    command
}

fn signal(pid: u32, name: &str) {
    // `kill` is a program too: this workspace forbids the unsafe call.
    program::run(Command::new("sh").args(["-c", "kill -\"$1\" \"$2\"", "kill", name, &pid.to_string()]), b"")
        .expect(0);
}
