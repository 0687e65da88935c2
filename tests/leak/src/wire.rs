//! A PostgreSQL client that hides nothing: every message as it came.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// How a statement is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By Query.
    Simple,
    /// By Parse, Bind, Describe, Execute and Sync, results as text.
    Text,
    /// The same, results binary.
    Binary,
}

impl Mode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(word: &str) -> std::result::Result<Self, String> {
        [Self::Simple, Self::Text, Self::Binary]
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or_else(|| format!("`{word}` is no mode; there are: simple, text, binary"))
    }
}

/// A message: its type and its body.
pub type Message = (u8, Vec<u8>);

/// A signed-in connection.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(25);

impl Client {
    /// Connects to the socket `path`.
    pub fn connect(path: &Path, user: &str, database: &str) -> Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for word in ["user", user, "database", database, ""] {
            body.extend_from_slice(word.as_bytes());
            body.push(0);
        }
        let mut client = Self { stream };
        let len = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
        client.stream.write_all(&[&len[..], &body].concat())?;
        client.until_ready()?;
        Ok(client)
    }

    /// Runs one text; all that was answered.
    pub fn run(&mut self, sql: &str, mode: Mode) -> Result<Vec<Message>> {
        let text = [sql.as_bytes(), b"\0"].concat();
        let mut out = Vec::new();
        if mode == Mode::Simple {
            message(&mut out, b'Q', &text);
        } else {
            let format = u8::from(mode == Mode::Binary);
            message(&mut out, b'P', &[&b"\0"[..], &text, &[0, 0]].concat());
            message(&mut out, b'B', &[0, 0, 0, 0, 0, 0, 0, 1, 0, format]);
            message(&mut out, b'D', b"P\0");
            message(&mut out, b'E', &[0; 5]);
            message(&mut out, b'S', &[]);
        }
        self.stream.write_all(&out)?;
        self.until_ready()
    }

    fn until_ready(&mut self) -> Result<Vec<Message>> {
        let mut all = Vec::new();
        loop {
            let (kind, body) = self.message()?;
            let fatal = kind == b'E' && all.is_empty() && body.starts_with(b"SFATAL");
            all.push((kind, body));
            match kind {
                b'Z' => return Ok(all),
                b'G' => {
                    let mut out = Vec::new();
                    message(&mut out, b'f', b"no data\0");
                    self.stream.write_all(&out)?;
                }
                _ if fatal => return Err(Error::from(ErrorKind::ConnectionAborted)),
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<Message> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, len @ ..] = head;
        let len = usize::try_from(u32::from_be_bytes(len)).expect("fits").saturating_sub(4);
        let mut body = vec![0; len];
        self.stream.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

fn message(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&u32::try_from(body.len() + 4).expect("short").to_be_bytes());
    out.extend_from_slice(body);
}
