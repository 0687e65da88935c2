//! What the server has been asked and has not answered yet, in order. The server answers in the order of the questions
//! (protocol chapter 54.2.3), skips to Sync after an error, and says ReadyForQuery once for each Sync and each Query;
//! so each answer belongs to the front of this queue.

use std::collections::VecDeque;
use std::sync::Arc;

use super::copy::CopyMask;
use super::names::Serial;
use super::runs::RunKey;
use super::substituting::Ours;
use crate::ledger::Ticket;

/// An error of ours that takes the place of the server's.
#[derive(Debug)]
pub struct Denied {
    /// The whole ErrorResponse message.
    pub error: Vec<u8>,
    /// The denial's entry; the error is released when it is durable.
    pub ticket: Ticket,
}

/// Statement names that a Query or an Execute defines, one a PREPARE, in order.
pub type Defined = VecDeque<(Box<str>, Serial)>;

/// One question.
#[derive(Debug)]
pub enum Expected {
    /// ParseComplete.
    Parse {
        /// Name that it defines.
        name: Box<str>,
        /// Version of it.
        serial: Serial,
        /// What went out instead of the client's text.
        ours: Option<Arc<Ours>>,
    },
    /// A statement that was replaced by a text that cannot parse: ErrorResponse.
    Poison(Denied),
    /// BindComplete.
    Bind {
        /// Portal that it defines.
        name: Box<str>,
        /// Version of it.
        serial: Serial,
        /// The run that it began.
        run: RunKey,
    },
    /// CloseComplete of a statement.
    CloseStatement {
        /// Name that it closes.
        name: Box<str>,
        /// Version of it.
        serial: Serial,
    },
    /// CloseComplete of a portal.
    ClosePortal {
        /// Name that it closes.
        name: Box<str>,
        /// Version of it.
        serial: Serial,
    },
    /// ParameterDescription, then RowDescription or NoData.
    DescribeStatement {
        /// The statement whose types are of use: a held one, which reviewers are shown the values of.
        typed: Option<(Box<str>, Serial)>,
    },
    /// RowDescription or NoData.
    DescribePortal {
        /// The portal.
        name: Box<str>,
        /// Version of it, where it is known.
        serial: Option<Serial>,
        /// We asked, not the client: the answer is swallowed.
        ours: bool,
    },
    /// Rows, then CommandComplete, EmptyQueryResponse or PortalSuspended; or COPY.
    Execute {
        /// The portal.
        name: Box<str>,
        /// Version of it.
        serial: Serial,
        /// The run.
        run: RunKey,
        /// How COPY data of it is masked.
        copy: Option<Arc<CopyMask>>,
        /// Names that it defines.
        defines: Defined,
    },
    /// A Query that went out in parts: ParseComplete, BindComplete, RowDescription or NoData, then as Execute. The first
    /// two and NoData are swallowed.
    Unfolded {
        /// The run.
        run: RunKey,
        /// How COPY data of it is masked.
        copy: Option<Arc<CopyMask>>,
        /// The unnamed statement and portal, which are gone when its Parse is carried out.
        unnamed: Option<(Serial, Serial)>,
    },
    /// ReadyForQuery.
    Sync,
    /// Anything, up to ReadyForQuery.
    Query {
        /// The run; `None` for a text that was denied.
        run: Option<RunKey>,
        /// Statements of the text that have not ended yet.
        left: usize,
        /// Our error instead of the server's.
        denied: Option<Denied>,
        /// How COPY data of it is masked.
        copy: Option<Arc<CopyMask>>,
        /// Names that it defines.
        defines: Defined,
    },
}

/// The questions in order.
pub type Queue = VecDeque<Expected>;
