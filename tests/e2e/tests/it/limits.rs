//! Limits on who is let in: beyond each one the client hears so in its own protocol, with a hint; and every socket that
//! is let in has a deadline.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use hoop_harness::{Broker, Done, PATIENCE, Person, TARGET, program};

/// Silent sockets are closed after this: never while a test on a busy machine rests on them.
const LONG: (&str, &str, &str) = ("limits", "handshake", "\"1m\"");

/// A socket that says nothing.
fn silent(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time");
    socket
}

/// `psql` at the native listener.
fn psql(broker: &Broker, person: &Person, password: &str, sslmode: &str) -> Done {
    let mut psql = person.command("psql");
    psql.args(["-X", "-At", "-h", "127.0.0.1", "-p", &broker.native_port().to_string(), "-U", TARGET]);
    psql.args(["-d", broker.database(), "-c", "SELECT 7"]);
    psql.env("PGPASSWORD", password).env("PGSSLMODE", sslmode).env("PGGSSENCMODE", "disable");
    program::run(&mut psql, b"")
}

/// `GET /healthz`, with the headers of the answer.
fn healthz(broker: &Broker) -> Done {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-S", "-k", "-i", "--max-time", "60"]).arg(format!("{}/healthz", broker.url()));
    program::run(&mut curl, b"")
}

/// Waits until what `attempt` says is no refusal any more: a socket that was closed is noticed a moment later.
fn let_in(what: &str, attempt: impl Fn() -> bool) {
    program::until(what, || attempt().then_some(()));
}

#[test]
fn accepting_waits_for_no_target() {
    // It takes connections and never answers: whoever waits for it waits for a minute.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
    let broker = Broker::prepare();
    broker.change("limits", "upstream_connect", "\"2m\"");
    let address = format!("\"{}\"", hanging.local_addr().expect("it is bound"));
    broker.change(&format!("targets.{TARGET}"), "address", &address);
    broker.start_again();
    let alice = broker.person("alice", "developers");
    psql(&broker, &alice, "hpt_wrong", "prefer").expect(2).says(&["the token is not valid"]);
    assert!(!broker.log().contains("cannot be used"), "the target was given up before: this shows nothing");
}

/// Signing in takes two sockets at a time, and on a busy machine one more that is not closed yet.
const FOUR: (&str, &str, &str) = ("limits", "handshakes_per_address", "4");

#[test]
fn sockets_of_one_address_that_have_not_signed_in_are_limited_on_the_native_listener() {
    let broker = Broker::start_with(&[LONG, FOUR]);
    let alice = broker.person("alice", "developers");
    let token = alice.token();
    let held: Vec<_> = (0..4).map(|_| silent(broker.native_port())).collect();
    for sslmode in ["disable", "require"] {
        psql(&broker, &alice, &token, sslmode).expect(2).says(&[
            "FATAL:  4 connections of your address have not signed in yet, the limit",
            "HINT:  try again in some seconds",
            "limits.handshakes_per_address",
        ]);
    }
    drop(held);
    let_in("the sockets to be noticed as closed", || psql(&broker, &alice, &token, "require").code == 0);
    assert!(broker.log().contains("connections are turned away"));
}

#[test]
fn and_on_the_https_port() {
    let broker = Broker::start_with(&[LONG, FOUR]);
    let alice = broker.person("alice", "developers");
    let held: Vec<_> = (0..4).map(|_| silent(broker.port())).collect();
    let refused = healthz(&broker).ok();
    for part in
        ["HTTP/1.1 429", "retry-after: 5", "application/problem+json", "limit_reached", "have not signed in"]
    {
        assert!(refused.contains(part), "`{part}` is not in\n{refused}");
    }
    // What hoopctl makes of it: exit code 8, and the hint.
    alice.run(&["whoami"]).expect(8).says(&["limits.handshakes_per_address"]);
    drop(held);
    let_in("the sockets to be noticed as closed", || healthz(&broker).text().contains("HTTP/1.1 200"));
}

#[test]
fn a_client_that_has_signed_in_no_longer_counts_for_its_address() {
    let broker = Broker::start_with(&[LONG, ("limits", "handshakes_per_address", "4")]);
    let alice = broker.person("alice", "developers");
    let tunnel = alice.connect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build();
    let runtime = runtime.expect("a runtime");
    let open: Vec<_> = (0..8)
        .map(|_| {
            program::until("a place for one more connection", || {
                runtime.block_on(hoop_harness::tunnel::connect(&tunnel.config())).ok()
            })
        })
        .collect();
    assert!(open.iter().all(|client| !client.is_closed()), "eight at once, by one address");
}

#[test]
fn all_connections_of_the_broker_are_limited() {
    let broker = Broker::start_with(&[LONG, ("limits", "connections", "3")]);
    let alice = broker.person("alice", "developers");
    let token = alice.token();
    let held: Vec<_> = (0..3).map(|n| silent([broker.native_port(), broker.port()][n % 2])).collect();
    psql(&broker, &alice, &token, "require").expect(2).says(&[
        "FATAL:  the broker has 3 connections open, its limit",
        "HINT:",
        "limits.connections",
    ]);
    let refused = healthz(&broker).ok();
    assert!(refused.contains("HTTP/1.1 429") && refused.contains("3 connections open"), "{refused}");
    drop(held);
    let_in("the sockets to be noticed as closed", || psql(&broker, &alice, &token, "require").code == 0);
}

#[test]
fn more_connections_than_the_system_has_files_for_are_a_fault() {
    let broker = Broker::prepare();
    broker.change("limits", "connections", "1000000");
    let mut shell = Command::new("sh");
    let check = broker.command(&["check"]);
    shell.args(["-c", "ulimit -n 512; exec \"$@\"", "sh"]).arg(check.get_program()).args(check.get_args());
    program::run(&mut shell, b"").expect(2).says(&[
        "`connections` = 1000000 under [limits] needs 2000256 open files, and the system allows 512",
        "LimitNOFILE",
        "to 128 or less",
    ]);
}

#[test]
fn sessions_are_limited_in_all_and_by_principal() {
    for (limit, says) in [
        ("sessions", "the broker has 1 sessions open"),
        ("sessions_per_principal", "you have 1 sessions open"),
    ] {
        let broker = Broker::start_with(&[("limits", limit, "1")]);
        let alice = broker.person("alice", "developers");
        let token = alice.token();
        let open = alice.connect();
        alice.exec("SELECT 1").expect(8).says(&[says, "hoopctl sessions end"]);
        psql(&broker, &alice, &token, "require").expect(2).says(&[
            "FATAL",
            says,
            "HINT",
            "hoopctl sessions end",
        ]);
        drop(open);
        alice.exec("SELECT 1").expect(0);
    }
}

#[test]
fn connections_of_a_session_are_limited() {
    let broker = Broker::start_with(&[("limits", "connections_per_session", "1")]);
    let alice = broker.person("alice", "developers");
    let tunnel = alice.connect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build();
    let first = runtime.as_ref().expect("a runtime").block_on(tunnel.client());
    tunnel.psql("SELECT 1").expect(2).says(&[
        "FATAL:  the session has too many connections open",
        "HINT",
        "limits.connections_per_session",
    ]);
    drop(first);
    let_in("the first connection to be closed", || tunnel.psql("SELECT 1").code == 0);
}

/// Reads until the broker closes; what came before.
fn until_closed(mut socket: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = [0; 1024];
    loop {
        match socket.read(&mut buf) {
            Ok(0) => return all,
            Ok(n) => all.extend_from_slice(&buf[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(e) => panic!("not closed: {e}"),
        }
    }
}

#[test]
fn whoever_says_nothing_is_closed_at_every_step_of_signing_in() {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let broker = Broker::start_with(&[("limits", "handshake", "\"1s\"")]);
    let user = [&b"\0\x03\0\0user\0"[..], TARGET.as_bytes(), b"\0\0"].concat();
    let startup = [&u32::try_from(user.len() + 4).expect("short").to_be_bytes()[..], &user].concat();
    let native: [(&str, &[u8]); 5] = [
        ("nothing", b""),
        ("half of a start-up packet", &startup[..9]),
        ("a request for TLS", &SSL_REQUEST),
        ("the beginning of a TLS record", &[0x16, 3, 1, 0, 80, 1]),
        ("no password", &startup),
    ];
    for (what, bytes) in native {
        let mut socket = silent(broker.native_port());
        socket.write_all(bytes).expect("it is open");
        let answer = until_closed(socket);
        // Up to the password it is asked for one; TLS is offered where it is asked for.
        let expected = match what {
            "no password" => Some(b'R'),
            "a request for TLS" => Some(b'S'),
            _ => None,
        };
        assert_eq!(answer.first().copied(), expected, "{what}");
    }
    let mut https = silent(broker.port());
    https.write_all(&[0x16, 3, 1, 0, 80, 1]).expect("it is open");
    until_closed(https);
    until_closed(silent(broker.port()));
}

/// `openssl s_client` at the HTTPS port, which sends what it is given and stays.
fn openssl(broker: &Broker) -> Child {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-quiet", "-no_ign_eof", "-connect", &format!("127.0.0.1:{}", broker.port())]);
    let client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    client.expect("openssl starts")
}

#[test]
fn under_tls_a_slow_request_and_an_idle_connection_are_closed() {
    let broker = Broker::start_with(&[("limits", "handshake", "\"1s\"")]);
    let requests = [
        ("no request", "", ""),
        ("half of a request", "GET /healthz HTTP/1.1\r\nHost: lo", ""),
        ("a second request that does not come", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "ok"),
        (
            "a body that does not come",
            "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 100\r\n\r\ngrant",
            "",
        ),
    ];
    // All at once: a body has ten seconds.
    let mut clients: Vec<_> = requests
        .iter()
        .map(|(_, request, _)| {
            let mut client = openssl(&broker);
            let mut stdin = client.stdin.take().expect("it is piped");
            stdin.write_all(request.as_bytes()).expect("openssl reads");
            (client, stdin)
        })
        .collect();
    for ((what, _, answer), (client, stdin)) in requests.iter().zip(&mut clients) {
        let ended = program::wait(client, PATIENCE);
        if ended.is_none() {
            drop(client.kill());
        }
        let mut said = String::new();
        client.stdout.take().expect("it is piped").read_to_string(&mut said).expect("text");
        assert!(ended.is_some(), "{what}: still open\n{said}");
        assert!(said.contains(answer), "{what}:\n{said}");
        let _kept_open_until_here = stdin;
    }
}

#[test]
fn a_flood_of_silent_sockets_does_not_keep_others_out_for_longer_than_the_handshake_limit() {
    let broker = Broker::start_with(&[("limits", "handshake", "\"1s\""), ("limits", "connections", "64")]);
    let alice = broker.person("alice", "developers");
    let token = alice.token();
    let flood: Vec<_> = (0..300).map(|_| silent(broker.native_port())).collect();
    let_in("the flood to be closed", || psql(&broker, &alice, &token, "require").code == 0);
    drop(flood);
    assert!(healthz(&broker).text().contains("HTTP/1.1 200"));
}

#[test]
fn out_of_file_descriptors_it_waits_and_says_so_once() {
    let broker = Broker::start();
    let alice = broker.person("alice", "developers");
    let token = alice.token();
    let files = |soft: &str| {
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &broker.pid().to_string(), &format!("--nofile={soft}:")]);
        program::run(&mut prlimit, b"").expect(0);
    };
    files("16");
    let waiting = silent(broker.native_port());
    program::until("accept to fail", || broker.log().contains("the system refuses to accept").then_some(()));
    files("512");
    psql(&broker, &alice, &token, "require").expect(0);
    drop(waiting);
    let log = broker.log();
    assert_eq!(log.matches("the system refuses to accept").count(), 1, "{log}");
    assert!(log.contains("accepting again"), "{log}");
}
