//! A broker that answers as a script says: enough to see what hoopctl does on its side, no more.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use sha2::Digest as _;

pub const SESSION: &str = "ses_01KAV3Z7M0000000000000000A";
const NONCE: &str = "nonce-1";

/// A request as hoopctl sent it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What the fake does differently from a broker in good health.
#[derive(Debug, Clone)]
pub struct Script {
    /// Seconds until the session's end.
    pub session_s: i64,
    /// Answer of `POST /v1/sessions` instead of a session: status and problem code.
    pub refuse_session: Option<(u16, &'static str)>,
    /// Answer of the tunnel instead of 101.
    pub refuse_tunnel: Option<(u16, &'static str)>,
    /// The `Date` header.
    pub date: Option<&'static str>,
    /// Years of the certificate's validity.
    pub years: (i32, i32),
    /// The `token_type` of tokens.
    pub token_type: &'static str,
    /// Seconds that access tokens live.
    pub token_s: u64,
    /// What the device page's user does: a token error, or none for a confirmation.
    pub device_error: Option<&'static str>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            session_s: 3600,
            refuse_session: None,
            refuse_tunnel: None,
            date: None,
            years: (2020, 2090),
            token_type: "DPoP",
            token_s: 600,
            device_error: None,
        }
    }
}

pub struct Fake {
    pub port: u16,
    pub fingerprint: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    startups: Arc<Mutex<Vec<String>>>,
    tls: Arc<Mutex<Arc<ServerConfig>>>,
    script: Arc<Mutex<Script>>,
}

fn certificate(years: (i32, i32)) -> (Arc<ServerConfig>, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    let digest = sha2::Sha256::digest(cert.der());
    let fingerprint = digest.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    (Arc::new(config), fingerprint)
}

impl Fake {
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tls, fingerprint) = certificate(script.years);
        let fake = Self {
            port,
            fingerprint,
            seen: Arc::default(),
            startups: Arc::default(),
            tls: Arc::new(Mutex::new(tls)),
            script: Arc::new(Mutex::new(script)),
        };
        let (seen, startups) = (Arc::clone(&fake.seen), Arc::clone(&fake.startups));
        let (tls, script) = (Arc::clone(&fake.tls), Arc::clone(&fake.script));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let tls = Arc::clone(&tls.lock().unwrap());
                let (seen, startups, script) =
                    (Arc::clone(&seen), Arc::clone(&startups), Arc::clone(&script));
                thread::spawn(move || {
                    let connection = ServerConnection::new(tls).unwrap();
                    // A client that hangs up is no concern of the fake.
                    drop(serve(StreamOwned::new(connection, stream), port, &seen, &startups, &script));
                });
            }
        });
        fake
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Lines of all requests so far.
    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|s| s.line).collect()
    }

    /// Start-up packets and cancellations that came through tunnels, printable.
    pub fn startups(&self) -> Vec<String> {
        self.startups.lock().unwrap().clone()
    }

    pub fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// Another certificate from now on.
    pub fn change_certificate(&self) {
        *self.tls.lock().unwrap() = certificate((2020, 2090)).0;
    }
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

fn serve(
    stream: Stream,
    port: u16,
    seen: &Mutex<Vec<Seen>>,
    startups: &Mutex<Vec<String>>,
    script: &Mutex<Script>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let request = read_request(&mut reader)?;
        seen.lock().unwrap().push(request.clone());
        let script = script.lock().unwrap().clone();
        if request.line.starts_with("GET /v1/tunnel") && script.refuse_tunnel.is_none() {
            reader.get_mut().write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: hoop-tunnel/1\r\n\r\n",
            )?;
            return postgres(reader, startups);
        }
        let (status, body) = answer(&request, port, &script);
        let body = body.to_string();
        let date = script.date.map(|d| format!("Date: {d}\r\n")).unwrap_or_default();
        write!(
            reader.get_mut(),
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nDPoP-Nonce: {NONCE}\r\n{date}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        reader.get_mut().flush()?;
    }
}

fn read_request(reader: &mut BufReader<Stream>) -> std::io::Result<Seen> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut seen = Seen { line: line.trim_end().to_owned(), headers, body: String::new() };
    let len = seen.header("content-length").map_or(0, |v| v.parse().unwrap());
    let mut body = vec![0; len];
    reader.read_exact(&mut body)?;
    seen.body = String::from_utf8(body).unwrap();
    Ok(seen)
}

/// The claims of the proof that came with a request.
pub fn proof(seen: &Seen) -> Value {
    use base64::Engine as _;
    let jws = seen.header("dpop").unwrap();
    let part = jws.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn problem(status: u16, code: &str) -> (u16, Value) {
    (
        status,
        json!({"status": status, "code": code, "title": "no", "detail": "the fake says so", "rules": []}),
    )
}

fn answer(request: &Seen, port: u16, script: &Script) -> (u16, Value) {
    let url = format!("https://localhost:{port}");
    let mut words = request.line.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    if path != "/.well-known/oauth-authorization-server" && proof(request)["nonce"] != NONCE {
        return (400, json!({"error": "use_dpop_nonce"}));
    }
    match (method, path) {
        ("GET", "/.well-known/oauth-authorization-server") => (
            200,
            json!({"issuer": url, "device_authorization_endpoint": format!("{url}/oauth/device_authorization"),
                   "token_endpoint": format!("{url}/oauth/token"), "revocation_endpoint": format!("{url}/oauth/revoke")}),
        ),
        ("POST", "/oauth/device_authorization") => (
            200,
            json!({"device_code": "device-secret", "user_code": "ABCD-EFGH", "verification_uri": format!("{url}/device"),
                   "verification_uri_complete": format!("{url}/device?user_code=ABCD-EFGH"), "expires_in": 600, "interval": 0}),
        ),
        ("POST", "/oauth/token") => match script.device_error {
            Some(error) => (400, json!({"error": error})),
            None => (
                200,
                json!({"access_token": "access-secret", "token_type": script.token_type, "expires_in": script.token_s,
                       "refresh_token": "refresh-secret"}),
            ),
        },
        ("POST", "/oauth/revoke") => (200, json!({})),
        ("GET", "/v1/whoami") => (
            200,
            json!({"id": "alice", "kind": "user", "name": "Alice \u{1b}[31mRed", "groups": ["dev", "leads"], "person_id": null,
                   "auth_time": 784111777, "amr": ["pwd", "otp"], "broker": "fake"}),
        ),
        ("GET", "/v1/targets") => (
            200,
            json!({"targets": [
                {"name": "payments-db", "kind": "postgres", "environment": "production", "levels": ["masked", "write"],
                 "databases": ["pay", "audit"], "available": true, "detail": null},
                {"name": "old-db", "kind": "postgres", "environment": null, "levels": [], "databases": ["old"],
                 "available": false, "detail": "its login is a superuser"}]}),
        ),
        ("GET", "/v1/sessions") => (200, json!({"sessions": []})),
        ("POST", "/v1/sessions") => match script.refuse_session {
            Some((status, code)) => problem(status, code),
            None if !request.body.contains("\"payments-db\"") => problem(404, "not_found"),
            None => (200, session(script)),
        },
        ("DELETE", path) if path == format!("/v1/sessions/{SESSION}") => (200, json!({})),
        ("POST", "/v1/tokens") => (
            200,
            json!({"token": "native-secret", "user": "payments-db", "host": "broker", "port": 5433, "sslmode": "verify-full",
                   "database": "pay", "expires_at": 0}),
        ),
        ("GET", "/v1/tunnel") => {
            script.refuse_tunnel.map_or_else(|| problem(500, "internal"), |(s, c)| problem(s, c))
        }
        _ => problem(404, "not_found"),
    }
}

fn session(script: &Script) -> Value {
    json!({"id": SESSION, "principal": "alice", "target": "payments-db", "level": "masked", "reason": "",
           "opened_at": 1000, "ends_at": 1000 + script.session_s, "idle_s": 900, "connections": 0, "statements": 0,
           "token": "session-secret", "user": "payments-db", "databases": ["pay", "audit"], "now": 1000})
}

/// Enough of PostgreSQL: starts up, answers each Query by its text.
fn postgres(mut reader: BufReader<Stream>, startups: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = [0; 4];
    reader.read_exact(&mut head)?;
    let mut body = vec![0; u32::from_be_bytes(head) as usize - 4];
    reader.read_exact(&mut body)?;
    startups
        .lock()
        .unwrap()
        .push(body[4..].iter().map(|b| if *b == 0 { '|' } else { char::from(*b) }).collect());
    if body[..4] == 80_877_102_u32.to_be_bytes() {
        return Ok(());
    }
    let mut key = Vec::from(7_u32.to_be_bytes());
    key.extend(9_u32.to_be_bytes());
    send(&mut reader, &[(b'R', &[0; 4]), (b'K', &key), (b'Z', b"I")])?;
    let mut parsed = String::new();
    loop {
        let mut head = [0; 5];
        reader.read_exact(&mut head)?;
        let mut body = vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
        reader.read_exact(&mut body)?;
        let text = String::from_utf8_lossy(&body).replace('\0', "|");
        match head[0] {
            b'Q' => query(&mut reader, text.trim_end_matches('|'))?,
            b'P' => parsed = text,
            b'B' => startups.lock().unwrap().push(format!("{parsed} <- {}", text.escape_default())),
            b'S' => send(
                &mut reader,
                &[(b'1', b""), (b'2', b""), (b'n', b""), (b'C', b"INSERT 0 1\0"), (b'Z', b"I")],
            )?,
            b'X' => return Ok(()),
            _ => {}
        }
    }
}

fn query(reader: &mut BufReader<Stream>, sql: &str) -> std::io::Result<()> {
    let error = |code: &str, message: &str, detail: &str| {
        let severity = if code == "57P01" { "FATAL" } else { "ERROR" };
        format!("S{severity}\0V{severity}\0C{code}\0M{message}\0D{detail}\0Hfind another way\0\0")
            .into_bytes()
    };
    match sql {
        "SELECT deny" => {
            let body = error("42501", "denied by policy", "rule `no-deny`: for the test");
            send(reader, &[(b'E', &body), (b'Z', b"I")])
        }
        "SELECT fail" => {
            send(reader, &[(b'E', &error("22012", "division by zero", "x\u{1b}[2Jy")), (b'Z', b"I")])
        }
        "SELECT end" => {
            send(reader, &[(b'E', &error("57P01", "the session has ended", "by an administrator"))])
        }
        "SELECT hang" => {
            reader.read_exact(&mut [0; 1])?;
            Ok(())
        }
        _ => {
            let mut columns = vec![0, 2];
            for (name, oid) in [("id", 23_u32), ("note", 25)] {
                columns.extend(name.bytes().chain([0; 7]).chain(oid.to_be_bytes()).chain([0; 8]));
            }
            let row = [&[0, 2, 0, 0, 0, 1, b'1'][..], &[255; 4]].concat();
            let other = [&[0, 2, 0, 0, 0, 2, b'2', b'2'][..], &[0; 4]].concat();
            let notice = b"SNOTICE\0VNOTICE\0C00000\0Mone masked column\0\0";
            let rows: [(u8, &[u8]); 6] = [
                (b'N', notice),
                (b'T', &columns),
                (b'D', &row),
                (b'D', &other),
                (b'C', b"SELECT 2\0"),
                (b'Z', b"I"),
            ];
            send(reader, &rows)
        }
    }
}

fn send(reader: &mut BufReader<Stream>, messages: &[(u8, &[u8])]) -> std::io::Result<()> {
    for (kind, body) in messages {
        let len = u32::try_from(body.len() + 4).unwrap();
        let out = [&[*kind][..], &len.to_be_bytes(), body].concat();
        reader.get_mut().write_all(&out)?;
    }
    reader.get_mut().flush()
}
