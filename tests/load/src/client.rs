//! A client of PostgreSQL's protocol 3 that does only what load needs: it connects by each way, asks by Query, reads as
//! slowly as it is told to, cancels, and leaves in every way in which clients leave.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// What a connection is made of.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// By which way, and with what.
#[derive(Clone)]
pub enum Way {
    /// The native listener, in clear on loopback.
    Native(SocketAddr),
    /// The native listener, under TLS.
    Tls(SocketAddr, TlsConnector),
    /// The local socket of `hoopctl connect`.
    Tunnel(PathBuf),
}

/// Where to connect, as whom.
#[derive(Clone)]
pub struct Entrance {
    /// By which way.
    pub way: Way,
    /// User, which is the target.
    pub user: String,
    /// Database.
    pub database: String,
    /// A token, where the way asks for one.
    pub password: String,
}

impl std::fmt::Debug for Entrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entrance")
    }
}

/// An error that the server sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    /// SQLSTATE.
    pub code: String,
    /// Message.
    pub message: String,
    /// Hint.
    pub hint: String,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Refused {
    /// The server said so.
    Server(ServerError),
    /// The socket failed.
    Socket(io::Error),
}

impl From<io::Error> for Refused {
    fn from(e: io::Error) -> Self {
        Self::Socket(e)
    }
}

/// What came back for one Query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// First values of the rows, as far as they are UTF-8 and short; long answers are counted only.
    pub first: Vec<String>,
    /// Rows and messages of COPY data.
    pub rows: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// The error, if one came.
    pub error: Option<ServerError>,
}

/// Rows of an answer whose first value is kept.
const KEPT_ROWS: usize = 16;

/// A connection that has signed in.
pub struct Client {
    io: Box<dyn Transport>,
    buf: Vec<u8>,
    /// Process id and secret, for a cancellation.
    pub key: [u8; 8],
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

const SSL_REQUEST: u32 = 80_877_103;
const CANCEL_REQUEST: u32 = 80_877_102;

impl Entrance {
    /// The bare transport, encrypted where the way is.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn transport(&self) -> io::Result<Box<dyn Transport>> {
        match &self.way {
            Way::Native(address) => {
                let tcp = TcpStream::connect(address).await?;
                tcp.set_nodelay(true)?;
                Ok(Box::new(tcp))
            }
            Way::Tls(address, connector) => {
                let mut tcp = TcpStream::connect(address).await?;
                tcp.set_nodelay(true)?;
                tcp.write_all(&[8_u32.to_be_bytes(), SSL_REQUEST.to_be_bytes()].concat()).await?;
                if tcp.read_u8().await? != b'S' {
                    return Err(io::Error::other("no TLS is offered"));
                }
                let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
                Ok(Box::new(connector.connect(name, tcp).await?))
            }
            Way::Tunnel(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        }
    }

    /// The start-up packet.
    #[must_use]
    pub fn startup(&self) -> Vec<u8> {
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        let settings = [("user", &*self.user), ("database", &*self.database), ("application_name", "load")];
        for word in settings.into_iter().flat_map(|(key, value)| [key, value]) {
            body.extend_from_slice(word.as_bytes());
            body.push(0);
        }
        body.push(0);
        [&length(body.len())[..], &body].concat()
    }

    /// Connects and signs in.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn open(&self) -> Result<Client, Refused> {
        let io = self.transport().await?;
        let mut client = Client { io, buf: Vec::new(), key: [0; 8] };
        client.io.write_all(&self.startup()).await?;
        client.io.flush().await?;
        loop {
            let (tag, body) = client.message().await?;
            match tag {
                // AuthenticationCleartextPassword
                b'R' if body.starts_with(&3_u32.to_be_bytes()) => {
                    let word = [self.password.as_bytes(), &[0]].concat();
                    client.send(b'p', &word).await?;
                }
                b'K' if body.len() == 8 => client.key.copy_from_slice(&body),
                b'E' => return Err(Refused::Server(ServerError::read(&body))),
                b'Z' => return Ok(client),
                _ => {}
            }
        }
    }

    /// Asks for the statement of another connection to be stopped; returns when the other side has closed.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn cancel(&self, key: &[u8; 8]) -> io::Result<()> {
        let mut io = self.transport().await?;
        let packet = [&16_u32.to_be_bytes()[..], &CANCEL_REQUEST.to_be_bytes(), key].concat();
        io.write_all(&packet).await?;
        io.flush().await?;
        let mut nothing = [0; 1];
        // The server closes when it has acted; some sockets say so by a reset.
        let _closed = io.read(&mut nothing).await;
        Ok(())
    }
}

fn length(body: usize) -> [u8; 4] {
    u32::try_from(body + 4).expect("messages of the tests are short").to_be_bytes()
}

impl ServerError {
    fn read(body: &[u8]) -> Self {
        let field = |wanted: u8| {
            let mut fields = body.split(|b| *b == 0).filter(|f| !f.is_empty());
            let found = fields.find(|f| f[0] == wanted).map(|f| &f[1..]).unwrap_or_default();
            String::from_utf8_lossy(found).into_owned()
        };
        Self { code: field(b'C'), message: field(b'M'), hint: field(b'H') }
    }
}

impl Client {
    async fn send(&mut self, tag: u8, body: &[u8]) -> io::Result<()> {
        self.io.write_all(&[&[tag][..], &length(body.len()), body].concat()).await?;
        self.io.flush().await
    }

    async fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            if let Some(head) = self.buf.first_chunk::<5>() {
                let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
                if self.buf.len() > len {
                    let body = self.buf[5..=len].to_vec();
                    let tag = head[0];
                    self.buf.drain(..=len);
                    return Ok((tag, body));
                }
            }
            if self.io.read_buf(&mut self.buf).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends a Query and does not wait.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn ask(&mut self, sql: &str) -> io::Result<()> {
        self.send(b'Q', &[sql.as_bytes(), &[0]].concat()).await
    }

    /// Reads up to ReadyForQuery.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = Answer::default();
        loop {
            let (tag, body) = self.message().await?;
            match tag {
                b'D' | b'd' => {
                    answer.rows += 1;
                    answer.bytes += body.len();
                    if tag == b'D' && answer.first.len() < KEPT_ROWS {
                        answer.first.push(first_value(&body));
                    }
                }
                b'E' => answer.error = Some(ServerError::read(&body)),
                b'Z' => return Ok(answer),
                _ => {}
            }
        }
    }

    /// Sends a Query and reads its answer.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn query(&mut self, sql: &str) -> io::Result<Answer> {
        self.ask(sql).await?;
        self.answer().await
    }

    /// Reads one byte, past all buffers of ours.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn read_byte(&mut self) -> io::Result<u8> {
        self.io.read_u8().await
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// Leaves as the protocol wants it. A client that is dropped instead leaves as a killed one does.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn leave(mut self) -> io::Result<()> {
        self.send(b'X', &[]).await?;
        // A socket that the other side closed already is closed as well.
        let _closed = self.io.shutdown().await;
        Ok(())
    }
}

/// The first value of a DataRow, short ones only.
fn first_value(row: &[u8]) -> String {
    let Some(len) = row.get(2..6).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes) else {
        return String::new();
    };
    let value = row.get(6..6 + (len as usize).min(64)).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}
