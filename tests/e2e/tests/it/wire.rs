//! PostgreSQL's protocol by hand, for what no driver would send: messages are written byte by byte, and answers are
//! read as they come.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use hoop_harness::{Broker, Cluster, Tunnel};

/// A raw connection, after start-up.
#[derive(Debug)]
pub struct Wire(UnixStream);

/// One message of the server.
#[derive(Debug, Clone)]
pub struct Answer {
    pub tag: char,
    pub body: Vec<u8>,
}

/// Messages of a client, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Script(pub Vec<u8>);

impl Script {
    pub fn message(mut self, tag: u8, body: &[u8]) -> Self {
        self.0.push(tag);
        self.0.extend(u32::try_from(body.len() + 4).expect("short").to_be_bytes());
        self.0.extend(body);
        self
    }

    fn strings(self, tag: u8, strings: &[&str], tail: &[u8]) -> Self {
        let mut body = Vec::new();
        for s in strings {
            body.extend(s.as_bytes());
            body.push(0);
        }
        body.extend(tail);
        self.message(tag, &body)
    }

    pub fn query(self, text: &str) -> Self {
        self.strings(b'Q', &[text], &[])
    }

    pub fn parse(self, name: &str, text: &str) -> Self {
        self.strings(b'P', &[name, text], &[0, 0])
    }

    /// Without parameters; rows as text.
    pub fn bind(self, portal: &str, statement: &str) -> Self {
        self.strings(b'B', &[portal, statement], &[0, 0, 0, 0, 0, 0])
    }

    /// Without parameters; rows as binary.
    pub fn bind_binary(self, portal: &str, statement: &str) -> Self {
        self.strings(b'B', &[portal, statement], &[0, 0, 0, 0, 0, 1, 0, 1])
    }

    pub fn describe_portal(self, name: &str) -> Self {
        self.strings(b'D', &[&format!("P{name}")], &[])
    }

    pub fn close_statement(self, name: &str) -> Self {
        self.strings(b'C', &[&format!("S{name}")], &[])
    }

    pub fn execute(self, portal: &str, rows: u32) -> Self {
        self.strings(b'E', &[portal], &rows.to_be_bytes())
    }

    pub fn sync(self) -> Self {
        self.message(b'S', &[])
    }

    pub fn flush(self) -> Self {
        self.message(b'H', &[])
    }

    pub fn copy_data(self, data: &str) -> Self {
        self.message(b'd', data.as_bytes())
    }

    pub fn copy_done(self) -> Self {
        self.message(b'c', &[])
    }

    pub fn copy_fail(self) -> Self {
        self.strings(b'f', &["no more"], &[])
    }

    /// Parse, Bind and Execute of the unnamed statement.
    pub fn run(self, text: &str) -> Self {
        self.parse("", text).bind("", "").execute("", 0)
    }
}

impl Wire {
    /// Through a tunnel.
    pub fn through(tunnel: &Tunnel) -> Self {
        let s = |key: &str| tunnel.settings()[key].clone();
        Self::open(&s("PGHOST"), &s("PGPORT"), &s("PGUSER"), &s("PGDATABASE"))
    }

    /// Around the gateway.
    pub fn straight(broker: &Broker) -> Self {
        let command = Cluster::shared().direct("true", broker.database());
        let s = |key: &str| {
            let found = command.get_envs().find(|(k, _)| *k == key).and_then(|(_, v)| v?.to_str());
            found.expect("`direct` sets it").to_owned()
        };
        Self::open(&s("PGHOST"), &s("PGPORT"), &s("PGUSER"), &s("PGDATABASE"))
    }

    fn open(folder: &str, port: &str, user: &str, database: &str) -> Self {
        let socket =
            UnixStream::connect(Path::new(folder).join(format!(".s.PGSQL.{port}"))).expect("connects");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket has time limits");
        let mut wire = Self(socket);
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for s in ["user", user, "database", database, ""] {
            body.extend(s.as_bytes());
            body.push(0);
        }
        let mut packet = u32::try_from(body.len() + 4).expect("short").to_be_bytes().to_vec();
        packet.extend(body);
        wire.0.write_all(&packet).expect("sends");
        assert_eq!(wire.answers(1).last().map(|a| a.tag), Some('Z'), "start-up");
        wire
    }

    pub fn send(&mut self, script: &Script) {
        self.0.write_all(&script.0).expect("sends");
    }

    /// Sends and reads up to the `n`th ReadyForQuery.
    pub fn ask(&mut self, script: &Script, n: usize) -> Vec<Answer> {
        self.send(script);
        self.answers(n)
    }

    /// Reads up to the `n`th ReadyForQuery, or the end of the connection (tag `!`), or of patience (tag `?`).
    pub fn answers(&mut self, n: usize) -> Vec<Answer> {
        self.until(|all| all.iter().filter(|a| a.tag == 'Z').count() >= n)
    }

    /// Reads until `enough`.
    pub fn until(&mut self, enough: impl Fn(&[Answer]) -> bool) -> Vec<Answer> {
        let mut all = Vec::new();
        while !enough(&all) {
            match self.message() {
                Ok(answer) => all.push(answer),
                Err(e) => {
                    let tag = if e.kind() == std::io::ErrorKind::UnexpectedEof { '!' } else { '?' };
                    all.push(Answer { tag, body: Vec::new() });
                    break;
                }
            }
        }
        all
    }

    fn message(&mut self) -> std::io::Result<Answer> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head)?;
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; len - 4];
        self.0.read_exact(&mut body)?;
        Ok(Answer { tag: char::from(head[0]), body })
    }
}

impl Answer {
    fn field(&self, code: u8) -> String {
        let mut fields = self.body.split(|b| *b == 0);
        let found = fields.find(|f| f.first() == Some(&code));
        found.map_or_else(String::new, |f| String::from_utf8_lossy(&f[1..]).into_owned())
    }

    pub fn sqlstate(&self) -> String {
        self.field(b'C')
    }

    /// Tag, and what of the body must be the same through the gateway.
    pub fn shape(&self) -> String {
        match self.tag {
            'E' | 'N' => format!("{}:{}", self.tag, self.sqlstate()),
            'C' | 'D' | 'Z' | 'd' => {
                format!("{}:{}", self.tag, String::from_utf8_lossy(&self.body).replace('\0', ""))
            }
            tag => tag.to_string(),
        }
    }
}

/// Shapes of all answers that are not told on their own account (ParameterStatus).
pub fn shapes(answers: &[Answer]) -> Vec<String> {
    answers.iter().filter(|a| a.tag != 'S').map(Answer::shape).collect()
}

/// All bytes of all bodies.
pub fn bytes(answers: &[Answer]) -> Vec<u8> {
    answers.iter().flat_map(|a| a.body.clone()).collect()
}
