//! The smallest client that can read a long answer without being what is measured: it looks at the heads of messages
//! and at nothing else.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

/// What a stream is read with.
pub const BUFFER: usize = 256 << 10;

/// Where to connect.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// User name; a target's name for the gateway.
    pub user: String,
    /// Database.
    pub database: String,
    /// Password in clear, when asked for one.
    pub password: String,
}

/// What an answer held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// DataRow and CopyData messages.
    pub rows: u64,
    /// Bytes of all messages.
    pub bytes: u64,
    /// Body of the first row.
    pub first_row: Vec<u8>,
}

/// A connection without TLS.
#[derive(Debug)]
pub struct Client {
    socket: TcpStream,
    buffer: Vec<u8>,
    // What lies in the buffer and was not looked at.
    from: usize,
    to: usize,
}

impl Client {
    /// Connects and signs in. `buffer` is the size of its read buffer, in bytes.
    ///
    /// # Errors
    /// Not reached, or refused.
    pub fn connect(at: &Endpoint, buffer: usize) -> io::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", at.port))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(hoop_harness::PATIENCE))?;
        let mut client = Self { socket, buffer: vec![0; buffer], from: 0, to: 0 };
        let mut start = 196_608_u32.to_be_bytes().to_vec();
        for part in ["user", &at.user, "database", &at.database, ""] {
            start.extend_from_slice(part.as_bytes());
            start.push(0);
        }
        client.socket.write_all(&framed(None, &start)?)?;
        let mut asked = false;
        client.until_ready(|socket, tag, body| {
            // AuthenticationCleartextPassword, protocol chapter 55.7.
            if tag == b'R' && body == 3_u32.to_be_bytes() && !asked {
                asked = true;
                let password = [at.password.as_bytes(), b"\0"].concat();
                return socket.write_all(&framed(Some(b'p'), &password)?);
            }
            if tag == b'R' && body != 0_u32.to_be_bytes() {
                return Err(io::Error::other("the server asks for another kind of sign-in"));
            }
            Ok(())
        })?;
        Ok(client)
    }

    /// Runs one statement by the simple protocol and reads its answer to the end.
    ///
    /// # Errors
    /// The server's error, or a broken connection.
    pub fn run(&mut self, sql: &str) -> io::Result<Answer> {
        self.socket.write_all(&framed(Some(b'Q'), &[sql.as_bytes(), b"\0"].concat())?)?;
        self.until_ready(|_, _, _| Ok(()))
    }

    fn until_ready(
        &mut self,
        mut each: impl FnMut(&mut TcpStream, u8, &[u8]) -> io::Result<()>,
    ) -> io::Result<Answer> {
        let mut answer = Answer::default();
        let mut error = None;
        loop {
            let Some((tag, end)) = self.whole_frame()? else { continue };
            let body = &self.buffer[self.from + 5..end];
            answer.bytes += (end - self.from) as u64;
            match tag {
                b'D' | b'd' => {
                    if answer.rows == 0 {
                        answer.first_row = body.to_vec();
                    }
                    answer.rows += 1;
                }
                b'E' => error = Some(io::Error::other(readable(body))),
                b'Z' => {
                    self.from = end;
                    return error.map_or(Ok(answer), Err);
                }
                _ => each(&mut self.socket, tag, body)?,
            }
            self.from = end;
        }
    }

    // The next message, once all of it is in the buffer; otherwise reads once.
    fn whole_frame(&mut self) -> io::Result<Option<(u8, usize)>> {
        let waiting = &self.buffer[self.from..self.to];
        if let [tag, a, b, c, d, ..] = *waiting {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            if length < 4 || length >= self.buffer.len() {
                return Err(io::Error::other(format!("a message of {length} bytes")));
            }
            if waiting.len() > length {
                return Ok(Some((tag, self.from + 1 + length)));
            }
        }
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        let read = self.socket.read(&mut self.buffer[self.to..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.to += read;
        Ok(None)
    }
}

fn framed(tag: Option<u8>, body: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
    let mut out: Vec<u8> = tag.into_iter().collect();
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
    Ok(out)
}

fn readable(body: &[u8]) -> String {
    let fields: Vec<_> =
        body.split(|b| *b == 0).filter(|f| !f.is_empty()).map(String::from_utf8_lossy).collect();
    fields.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    // A server that answers what it is told to, in pieces of `piece` bytes.
    fn answering(answer: Vec<u8>, piece: usize) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = Endpoint {
            port: listener.local_addr().expect("it is bound").port(),
            user: "u".into(),
            database: "d".into(),
            password: "secret".into(),
        };
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            socket.set_nodelay(true).expect("a socket");
            let mut asked = [0; 4 + 4 + 19];
            socket.read_exact(&mut asked).expect("a start-up packet");
            socket.write_all(b"R\0\0\0\x08\0\0\0\x03").expect("the client is there");
            let mut password = [0; 12];
            socket.read_exact(&mut password).expect("a password");
            assert_eq!(&password, b"p\0\0\0\x0bsecret\0");
            for piece in answer.chunks(piece) {
                socket.write_all(piece).expect("the client is there");
            }
            drop(socket.read(&mut asked));
        });
        Client::connect(&at, 64).expect("it signs in")
    }

    #[test]
    fn rows_are_counted_however_they_are_cut() {
        let mut answer = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I".to_vec();
        answer.extend_from_slice(b"T\0\0\0\x06\0\0D\0\0\0\x07abcd\0\0\0\x05xZ\0\0\0\x05I");
        for piece in [1, 2, 3, 7, 1000] {
            let read = answering(answer.clone(), piece).run("SELECT 1").expect("an answer");
            assert_eq!(read, Answer { rows: 2, bytes: 27, first_row: b"abc".to_vec() });
        }
    }

    #[test]
    fn errors_are_told_and_the_connection_lives() {
        let mut answer = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I".to_vec();
        answer.extend_from_slice(b"E\0\0\0\x10SERROR\0Mno\0\0Z\0\0\0\x05ID\0\0\0\x05xZ\0\0\0\x05I");
        let mut client = answering(answer, 5);
        assert_eq!(client.run("SELECT 1").expect_err("an error").to_string(), "SERROR; Mno");
        assert_eq!(client.run("SELECT 2").expect("an answer").rows, 1);
    }
}
