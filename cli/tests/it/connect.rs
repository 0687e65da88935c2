//! The local door: who gets in, what it answers itself, what a command inherits.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout};

use crate::fake::{Fake, SESSION, Script};
use crate::login::signed_in;
use crate::run::Home;

/// A `connect` that stays until it is told to stop.
struct Standing<'a> {
    child: Child,
    stdout: BufReader<ChildStdout>,
    home: &'a Home,
}

impl<'a> Standing<'a> {
    fn start(home: &'a Home, arguments: &[&str]) -> Self {
        let mut child = home.command(arguments).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, home }
    }

    /// The first line on stdout: the door is open when it is there.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    fn stop(self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.home.told(&self.child.wait_with_output().unwrap())
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("run/hoopctl/default.payments-db/.s.PGSQL.5432")
    }
}

fn startup(parameters: &str) -> Vec<u8> {
    let body = [&196_608_u32.to_be_bytes()[..], parameters.replace('|', "\0").as_bytes()].concat();
    [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], &body].concat()
}

/// Everything up to the close, or to ReadyForQuery.
fn answer(mut stream: impl std::io::Read) -> String {
    let mut all = Vec::new();
    let mut byte = [0];
    while !all.ends_with(b"Z\0\0\0\x05I") && stream.read(&mut byte).unwrap_or(0) > 0 {
        all.push(byte[0]);
    }
    String::from_utf8_lossy(&all).replace('\0', "|")
}

#[test]
fn the_socket_is_ours_alone_and_answers_the_start_itself() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let mut standing = Standing::start(&home, &["connect", "payments-db"]);
    insta::assert_snapshot!("connect_paste", standing.line().replace(home.path().to_str().unwrap(), "HOME"));
    let dir = standing.socket().parent().unwrap().to_owned();
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);

    let mut stream = UnixStream::connect(standing.socket()).unwrap();
    for request in [80_877_103_u32, 80_877_104] {
        stream.write_all(&[8_u32.to_be_bytes(), request.to_be_bytes()].concat()).unwrap();
        let mut no = [0];
        stream.read_exact(&mut no).unwrap();
        assert_eq!(no, *b"N");
    }
    stream.write_all(&startup("user|me|database|me|application_name|psql||")).unwrap();
    assert!(answer(&stream).ends_with("Z|||\u{5}I"));
    assert_eq!(fake.startups().pop().unwrap(), "user|me|database|pay|application_name|psql||");

    let mut cancel = UnixStream::connect(standing.socket()).unwrap();
    cancel.write_all(&[16_u32, 80_877_102, 3, 4].map(u32::to_be_bytes).concat()).unwrap();
    assert_eq!(answer(&cancel), "");
    assert_eq!(fake.startups().pop().unwrap(), "|||\u{3}|||\u{4}");

    let mut stranger = UnixStream::connect(standing.socket()).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(answer(&stranger).contains("C08P01|"));

    let socket = standing.socket();
    insta::assert_snapshot!("connect_stopped", standing.stop());
    assert!(!socket.exists());
    assert!(fake.lines().last().unwrap().starts_with(&format!("DELETE /v1/sessions/{SESSION}")));
}

#[test]
fn an_ended_session_is_said_in_protocol() {
    let fake = Fake::start(Script { session_s: 0, ..Script::default() });
    let home = signed_in(&fake);
    let mut standing = Standing::start(&home, &["connect", "payments-db"]);
    standing.line();
    let mut stream = UnixStream::connect(standing.socket()).unwrap();
    stream.write_all(&startup("user|me||")).unwrap();
    insta::assert_snapshot!(answer(&stream));
    assert!(fake.startups().is_empty());
    standing.stop();
}

#[test]
fn a_session_that_the_broker_ended_is_said_in_protocol() {
    let fake = Fake::start(Script { refuse_tunnel: Some((410, "session_ended")), ..Script::default() });
    let home = signed_in(&fake);
    let mut standing = Standing::start(&home, &["connect", "payments-db"]);
    standing.line();
    let mut stream = UnixStream::connect(standing.socket()).unwrap();
    stream.write_all(&startup("user|me||")).unwrap();
    assert!(answer(&stream).contains("C57P01|"));
    standing.stop();
}

#[test]
fn the_port_asks_for_its_password() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let mut standing = Standing::start(&home, &["connect", "payments-db", "--tcp", "--for", "env"]);
    let lines: Vec<String> = (0..7).map(|_| standing.line()).collect();
    let value = |name: &str| {
        let line = lines.iter().find(|l| l.starts_with(&format!("export {name}="))).unwrap();
        line.trim_end().split_once('=').unwrap().1.to_owned()
    };
    let passfile = PathBuf::from(value("PGPASSFILE"));
    assert_eq!(std::fs::metadata(&passfile).unwrap().permissions().mode() & 0o777, 0o600);
    let password = std::fs::read_to_string(&passfile)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(password.len(), 43);
    for (said, lets_in) in [("wrong", false), ("", false), (password.as_str(), true)] {
        let mut stream = TcpStream::connect(("127.0.0.1", value("PGPORT").parse().unwrap())).unwrap();
        stream.write_all(&startup("user|me||")).unwrap();
        let mut request = [0; 9];
        stream.read_exact(&mut request).unwrap();
        assert_eq!(request, *b"R\0\0\0\x08\0\0\0\x03");
        let len = u32::try_from(said.len() + 5).unwrap().to_be_bytes();
        stream.write_all(&[b"p", &len[..], said.as_bytes(), b"\0"].concat()).unwrap();
        assert_eq!(answer(&stream).contains("C28P01|"), !lets_in);
    }
    assert_eq!(fake.startups().len(), 1, "only the right password reaches the broker");
    let told = standing.stop();
    assert!(!told.contains(&password), "{told}");
}

#[test]
fn a_command_inherits_the_way_and_its_exit_code_is_ours() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let script = "echo $PGHOST $PGPORT $PGUSER $PGDATABASE $PGSSLMODE $PGGSSENCMODE ${PGSERVICE-unset}; test -S $PGHOST/.s.PGSQL.$PGPORT && exit 7";
    let mut command =
        home.command(&["connect", "payments-db", "--database", "audit", "--", "sh", "-c", script]);
    command.env("PGSERVICE", "elsewhere").env("PGHOSTADDR", "10.0.0.1");
    insta::assert_snapshot!("connect_command", home.told(&command.output().unwrap()));
    assert!(fake.lines().last().unwrap().starts_with("DELETE"));
    insta::assert_snapshot!(
        "connect_command_killed",
        home.tell(&["connect", "payments-db", "--", "sh", "-c", "kill -9 $$"])
    );
    insta::assert_snapshot!(
        "connect_command_missing",
        home.tell(&["connect", "payments-db", "--", "no-such-program"])
    );
}

#[test]
fn a_taken_port_is_said_before_a_session_is_opened() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let told = home.tell(&["connect", "payments-db", "--tcp", "--port", &port]);
    insta::assert_snapshot!("port_taken", told.replace(&port, "N"));
    let mut standing = Standing::start(&home, &["connect", "payments-db"]);
    standing.line();
    let before = fake.lines().len();
    insta::assert_snapshot!("socket_taken", home.tell(&["connect", "payments-db", "--port", "5432"]));
    assert!(fake.lines()[before..].iter().all(|l| !l.starts_with("POST")));
    // Without a wish the next number is taken.
    let told = home.tell(&["connect", "payments-db", "--", "sh", "-c", "echo $PGPORT"]);
    assert!(told.contains("5433"), "{told}");
    standing.stop();
}

#[test]
fn a_path_too_long_for_a_socket_is_said() {
    let fake = Fake::start(Script::default());
    let home = signed_in(&fake);
    let long = home.path().join("x".repeat(90));
    std::fs::create_dir(&long).unwrap();
    let output = home.command(&["connect", "payments-db"]).env("XDG_RUNTIME_DIR", &long).output().unwrap();
    let told = home.told(&output);
    assert!(
        told.starts_with("exit 2\n") && told.contains("more than 100") && told.contains("use `--tcp`"),
        "{told}"
    );
}
