//! Messages to and from the far side, one statement at a time.

use std::io::{Read, Write};

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{DataRowBody, Header, Message, RowDescriptionBody};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::fault::{Ended, ServerFault};
use crate::error::{Failure, plain};
use crate::output::{Column, Rows};

/// The largest message that is read, bytes: PostgreSQL's own limit of a field.
const MESSAGE_MAX: i32 = 1 << 30;
/// Room for one read, bytes.
const READ_SIZE: usize = 64 << 10;

/// The bytes that cancel what the connection runs.
pub type Cancel = [u8; 16];

/// A connection that has started up.
pub struct Client<S> {
    stream: S,
    incoming: BytesMut,
    outgoing: BytesMut,
    cancel: Option<Cancel>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Starts up with these parameters.
    ///
    /// # Errors
    /// Refused, or the connection is lost.
    pub async fn start(stream: S, parameters: &[(&str, &str)]) -> Result<Self, Ended> {
        let mut client = Self {
            stream,
            incoming: BytesMut::with_capacity(READ_SIZE),
            outgoing: BytesMut::new(),
            cancel: None,
        };
        frontend::startup_message(parameters.iter().copied(), &mut client.outgoing)
            .map_err(|e| unsendable(&e))?;
        client.flush().await?;
        loop {
            match client.next().await? {
                Message::AuthenticationOk | Message::ParameterStatus(_) => {}
                Message::BackendKeyData(body) => {
                    let mut packet = BytesMut::with_capacity(16);
                    frontend::cancel_request(body.process_id(), body.secret_key(), &mut packet);
                    client.cancel = Cancel::try_from(&packet[..]).ok();
                }
                Message::NoticeResponse(body) => fault(body.fields())?.report_notice(),
                Message::ErrorResponse(body) => return Err(Ended::Fault(Box::new(fault(body.fields())?))),
                Message::ReadyForQuery(_) => return Ok(client),
                // The session token has spoken for us already: the broker has no reason to ask for a password.
                _ => return Err(unexpected()),
            }
        }
    }

    /// What cancels the running statement, where the far side gave a key.
    #[must_use]
    pub fn cancel(&self) -> Option<Cancel> {
        self.cancel
    }

    /// Runs a text without parameters; it may hold several statements, which then are one transaction.
    /// `COPY … FROM STDIN` reads `input`.
    ///
    /// # Errors
    /// The far side's error, or a lost connection.
    pub async fn simple<W: Write>(
        &mut self,
        sql: &str,
        input: Option<&mut (dyn Read + Send)>,
        out: &mut Rows<W>,
    ) -> Result<(), Ended> {
        frontend::query(sql, &mut self.outgoing).map_err(|e| unsendable(&e))?;
        self.flush().await?;
        self.answers(input, out).await
    }

    /// Runs one statement with parameters `$1`…: texts, whose types the target infers.
    ///
    /// # Errors
    /// The far side's error, or a lost connection.
    pub async fn extended<W: Write>(
        &mut self,
        sql: &str,
        parameters: &[String],
        out: &mut Rows<W>,
    ) -> Result<(), Ended> {
        let buffer = &mut self.outgoing;
        frontend::parse("", sql, [], buffer).map_err(|e| unsendable(&e))?;
        let bound = frontend::bind(
            "",
            "",
            // No format codes: all parameters and all results are texts.
            [],
            parameters,
            |parameter, buffer| {
                buffer.extend_from_slice(parameter.as_bytes());
                Ok(IsNull::No)
            },
            [],
            buffer,
        );
        bound.map_err(|_| Failure::usage("there are too many parameters, or one is too long"))?;
        frontend::describe(b'P', "", buffer).map_err(|e| unsendable(&e))?;
        frontend::execute("", 0, buffer).map_err(|e| unsendable(&e))?;
        frontend::sync(buffer);
        self.flush().await?;
        self.answers(None, out).await
    }

    /// Says goodbye. What goes wrong then concerns nobody.
    pub async fn finish(mut self) {
        frontend::terminate(&mut self.outgoing);
        if self.flush().await.is_ok() {
            drop(self.stream.shutdown().await);
        }
    }

    /// Reads up to ReadyForQuery; the first error wins.
    async fn answers<W: Write>(
        &mut self,
        mut input: Option<&mut (dyn Read + Send)>,
        out: &mut Rows<W>,
    ) -> Result<(), Ended> {
        let mut failed = None;
        let mut open = false;
        loop {
            match self.next().await? {
                Message::RowDescription(body) => {
                    out.begin(columns(&body)?)?;
                    open = true;
                }
                Message::DataRow(body) => row(&body, out)?,
                Message::CommandComplete(body) => {
                    if std::mem::take(&mut open) {
                        out.end()?;
                    } else {
                        eprintln!("{}", crate::output::safe(body.tag().map_err(|_| unexpected())?));
                    }
                }
                Message::CopyOutResponse(_) => {}
                Message::CopyData(body) => out.raw(body.data())?,
                Message::CopyInResponse(_) => self.copy_in(input.take()).await?,
                Message::NoticeResponse(body) => fault(body.fields())?.report_notice(),
                Message::ErrorResponse(body) => {
                    let fault = Box::new(fault(body.fields())?);
                    // After a fatal one the far side closes, without ReadyForQuery.
                    if fault.is_fatal() {
                        return Err(Ended::Fault(failed.unwrap_or(fault)));
                    }
                    failed.get_or_insert(fault);
                }
                Message::ReadyForQuery(_) => return failed.map_or(Ok(()), |f| Err(Ended::Fault(f))),
                Message::ParseComplete
                | Message::BindComplete
                | Message::NoData
                | Message::EmptyQueryResponse
                | Message::CopyDone
                | Message::PortalSuspended
                | Message::ParameterStatus(_)
                | Message::NotificationResponse(_) => {}
                _ => return Err(unexpected()),
            }
        }
    }

    async fn copy_in(&mut self, input: Option<&mut (dyn Read + Send)>) -> Result<(), Ended> {
        let Some(input) = input else {
            frontend::copy_fail("no data: give it on stdin with `-c`", &mut self.outgoing)
                .map_err(|e| unsendable(&e))?;
            return Ok(self.flush().await?);
        };
        let mut chunk = vec![0; READ_SIZE];
        loop {
            let len = input
                .read(&mut chunk)
                .map_err(|e| Failure::usage(format!("cannot read stdin: {}", plain(&e))))?;
            if len == 0 {
                break;
            }
            frontend::CopyData::new(&chunk[..len]).map_err(|e| unsendable(&e))?.write(&mut self.outgoing);
            self.flush().await?;
        }
        frontend::copy_done(&mut self.outgoing);
        Ok(self.flush().await?)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let sent = self.stream.write_all(&self.outgoing).await;
        self.outgoing.clear();
        match sent {
            Ok(()) => self.stream.flush().await.map_err(|e| lost(&e)),
            Err(e) => Err(lost(&e)),
        }
    }

    async fn fill(&mut self) -> Result<usize, Failure> {
        self.incoming.reserve(READ_SIZE);
        match self.stream.read_buf(&mut self.incoming).await {
            Ok(len) => Ok(len),
            // A cut without TLS's own goodbye is an end too; whoever waits for more says that it is missing.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(0),
            Err(e) => Err(lost(&e)),
        }
    }

    async fn next(&mut self) -> Result<Message, Failure> {
        loop {
            if let Some(header) = Header::parse(&self.incoming).map_err(|e| malformed(&e))?
                && header.len() > MESSAGE_MAX
            {
                return Err(Failure::unreachable("a message is longer than 1 GiB"));
            }
            if let Some(message) = Message::parse(&mut self.incoming).map_err(|e| malformed(&e))? {
                return Ok(message);
            }
            if self.fill().await? == 0 {
                return Err(Failure::unreachable("the connection was closed in the middle of an answer")
                    .hint("whether the statement took effect is not known: the broker's ledger has it"));
            }
        }
    }
}

fn columns(body: &RowDescriptionBody) -> Result<Vec<Column>, Failure> {
    body.fields().map(|f| Ok(Column::new(f.name(), f.type_oid()))).collect().map_err(|e| malformed(&e))
}

fn row<W: Write>(body: &DataRowBody, out: &mut Rows<W>) -> Result<(), Failure> {
    let ranges: Vec<_> = body.ranges().collect().map_err(|e| malformed(&e))?;
    let cells: Result<Vec<Option<&str>>, std::str::Utf8Error> = ranges
        .into_iter()
        .map(|range| range.map(|r| std::str::from_utf8(&body.buffer()[r])).transpose())
        .collect();
    let cells = cells.map_err(|_| Failure::unreachable("a value is not UTF-8, though that was agreed"))?;
    out.row(cells.into_iter())
}

fn fault(fields: postgres_protocol::message::backend::ErrorFields<'_>) -> Result<ServerFault, Failure> {
    ServerFault::read(fields).map_err(|e| malformed(&e))
}

fn unsendable(error: &std::io::Error) -> Failure {
    Failure::usage(format!("the statement cannot be sent: {}", plain(error)))
}

fn malformed(error: &std::io::Error) -> Failure {
    Failure::unreachable(format!("the answer is not PostgreSQL's protocol: {}", plain(error)))
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::unreachable(format!("the connection is lost: {}", plain(error)))
}

fn unexpected() -> Ended {
    Ended::Lost(Failure::unreachable("the far side sent a message that has no place here"))
}
