//! Client → target. Every frame is decoded; what runs something needs the gate's permission.

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use hoop_pgwire::frontend::{FrontendMessage, Query, encode};
use hoop_pgwire::{Frame, FrontendTag, Tag as _, next_frame};
use hoop_policy::Bounds;

use super::bounds::Allowance;
use super::conversation::{Client, Conversation, End, Held, Stalled};
use super::expected::{Defined, Denied, Expected};
use super::hold::Lifted;
use super::instead::instead_of_query;
use super::judge::Looked;
use super::judged::Judged;
use super::message::Message;
use super::names::{Found, Meaning, Serial};
use super::pipe::Pipe;
use super::refusal;
use super::runs::{Run, RunKey};
use crate::gate::{Pass, Permitted, Reason, Refused};
use crate::metrics::Decision;

/// A text that no PostgreSQL parses. It stands in the place of a denied statement, so that the server itself aborts
/// the transaction and skips to Sync; its error is replaced by ours.
pub(super) const POISON: &str = "denied by hoop";

impl Conversation {
    pub(super) fn decide(&mut self, pipe: &mut Pipe, cx: &mut Context<'_>) -> Result<Stalled, End> {
        loop {
            if let Some(stalled) = self.after_bounded(pipe)? {
                return Ok(stalled);
            }
            if self.client == Client::CopyWait {
                return Ok(Stalled::Answer);
            }
            if self.pipeline_full(pipe) {
                return Ok(Stalled::Answer);
            }
            if self.copy_left > 0 {
                let n = self.copy_left.min(pipe.pending().len());
                if n == 0 {
                    return Ok(Stalled::NeedMore);
                }
                pipe.pass(n, Pass::copy_data());
                self.copy_left -= n;
                continue;
            }
            match next_frame::<FrontendTag>(pipe.pending(), &self.front_limits).map_err(End::ClientFault)? {
                Frame::Incomplete { .. } => return Ok(Stalled::NeedMore),
                Frame::Head { tag: FrontendTag::CopyData, len, have } => match self.client {
                    Client::Copying { .. } => {
                        self.copy_left = len - have;
                        pipe.pass(have, Pass::copy_data());
                    }
                    Client::Ready | Client::SkipToSync | Client::CopyWait => return Ok(Stalled::NeedMore),
                },
                Frame::Head { .. } => return Ok(Stalled::NeedMore),
                Frame::Whole { tag, body } => {
                    if let Some(stalled) = self.frame(tag, body, pipe, cx)? {
                        return Ok(stalled);
                    }
                }
            }
        }
    }

    /// True when so much is unanswered that the client must wait. The server keeps short answers to itself until it is
    /// told to flush, and the client's own Sync or Flush may stand behind what waits here; so it is told once.
    fn pipeline_full(&mut self, pipe: &mut Pipe) -> bool {
        let full = self.queue.len() >= self.max_pipeline && !matches!(self.client, Client::Copying { .. });
        if full && !self.told_to_flush {
            let mut flush = Vec::with_capacity(8);
            encode::flush(&mut flush);
            pipe.insert(&flush);
        }
        self.told_to_flush = full;
        full
    }

    fn frame(
        &mut self,
        tag: FrontendTag,
        body: Range<usize>,
        pipe: &mut Pipe,
        cx: &mut Context<'_>,
    ) -> Result<Option<Stalled>, End> {
        // INVARIANT: nothing is forwarded that was not decoded. These are passed on by their type, so a body that does not
        // belong to them, or a text without an end, would go to the server as it is.
        if matches!(
            tag,
            FrontendTag::Sync | FrontendTag::Flush | FrontendTag::CopyDone | FrontendTag::CopyFail
        ) {
            FrontendMessage::decode(tag, &pipe.pending()[body.clone()]).map_err(End::ClientFault)?;
        }
        match self.client {
            Client::Copying { simple } => return self.copy_frame(tag, body, simple, pipe),
            Client::SkipToSync if !matches!(tag, FrontendTag::Sync | FrontendTag::Terminate) => {
                // What waited for reviewers is skipped with the rest of a segment that has failed.
                self.stop_waiting();
                pipe.replace(body.end, &[]);
                return Ok(None);
            }
            Client::SkipToSync | Client::Ready | Client::CopyWait => {}
        }
        if !matches!(tag, FrontendTag::Describe | FrontendTag::Execute) {
            self.just_described = None;
        }
        match tag {
            FrontendTag::Query => self.query(body, pipe, cx),
            FrontendTag::Parse => self.parse(body, pipe, cx),
            FrontendTag::Bind => self.bind(body, pipe, cx),
            FrontendTag::Execute => self.execute(body, pipe),
            FrontendTag::Describe => self.describe(body, pipe),
            FrontendTag::Close => self.close(body, pipe),
            FrontendTag::Sync => self.sync(&body, pipe),
            FrontendTag::Flush => {
                pipe.pass(body.end, Pass::control());
                Ok(None)
            }
            FrontendTag::FunctionCall => Ok(self.function_call(&body, pipe)?),
            // The server ignores these outside COPY, so that a client may learn late that its COPY has failed.
            FrontendTag::CopyData | FrontendTag::CopyDone | FrontendTag::CopyFail => {
                pipe.replace(body.end, &[]);
                Ok(None)
            }
            FrontendTag::Terminate => Err(End::ClientGone),
            FrontendTag::Authentication => Err(End::OutOfPlace(tag.name())),
        }
    }

    /// While COPY FROM STDIN runs, the server takes nothing but COPY data and ignores Sync and Flush.
    fn copy_frame(
        &mut self,
        tag: FrontendTag,
        body: Range<usize>,
        simple: bool,
        pipe: &mut Pipe,
    ) -> Result<Option<Stalled>, End> {
        match tag {
            FrontendTag::CopyData => pipe.pass(body.end, Pass::copy_data()),
            FrontendTag::CopyDone | FrontendTag::CopyFail => {
                pipe.pass(body.end, Pass::copy_data());
                self.client = if simple { Client::CopyWait } else { Client::Ready };
            }
            FrontendTag::Sync | FrontendTag::Flush => pipe.replace(body.end, &[]),
            FrontendTag::Terminate => return Err(End::ClientGone),
            FrontendTag::Bind
            | FrontendTag::Close
            | FrontendTag::Describe
            | FrontendTag::Execute
            | FrontendTag::FunctionCall
            | FrontendTag::Parse
            | FrontendTag::Authentication
            | FrontendTag::Query => return Err(End::OutOfPlace(tag.name())),
        }
        Ok(None)
    }

    fn query(
        &mut self,
        body: Range<usize>,
        pipe: &mut Pipe,
        cx: &mut Context<'_>,
    ) -> Result<Option<Stalled>, End> {
        let len = body.end;
        let text = Query::decode(&pipe.pending()[body]).map_err(End::ClientFault)?.text;
        let judged = match self.judge.look(text, cx) {
            Poll::Pending => return Ok(Some(Stalled::Parsing)),
            Poll::Ready(Looked::Judged(judged)) => judged,
            Poll::Ready(Looked::Refused(refusal)) => {
                let refused = self.refuse(refusal);
                return self.replace_query(len, refused, pipe);
            }
        };
        let effective = match self.with_executed(&judged) {
            Resolved::As(effective, _) => effective,
            Resolved::Wait => return Ok(Some(Stalled::Answer)),
            Resolved::Unknown(name) => {
                let refused = self.refuse(refusal::unknown_statement(&name));
                return self.replace_query(len, refused, pipe);
            }
        };
        if let Some(refused) = self.query_refused(&judged, &effective) {
            return self.replace_query(len, refused, pipe);
        }
        let message =
            Message { by_query: true, text: Some(text), types: &[], told: &[], parameters: Vec::new() };
        if self.must_drain(&effective) {
            return Ok(self.drain(pipe));
        }
        let lifted = self.ruling(&effective, &message, cx)?;
        let (ruling, used) = match &lifted {
            Lifted::Not(stalled) => {
                let stalled = *stalled;
                return Ok(if stalled == Stalled::Answer { self.drain(pipe) } else { Some(stalled) });
            }
            Lifted::AsJudged => (&effective.ruling, None),
            Lifted::As(ruling, used) => (ruling, used.as_ref()),
        };
        match self.gate.admit(&effective.asked(), &[], ruling, used) {
            Err(refused) => self.replace_query(len, refused, pipe),
            Ok(permitted) => {
                self.note_past(effective.effect, Some(text));
                self.note_masks(&judged);
                let bounds = effective.bounds(ruling);
                let run = self.begin(&permitted, &effective, bounds);
                if !bounds.is_none() {
                    // Its text is read out of the pipe, which takes what goes out instead of it.
                    let text = judged.sent_instead().unwrap_or(text).to_owned();
                    return self.unfold(permitted, len, &text, &effective, run, pipe);
                }
                let instead = instead_of_query(&judged)?;
                // In the segment that ends here: whoever uses the names later waits for the server's word.
                let defines = self.define(&judged);
                self.segment += 1;
                self.push(Expected::Query {
                    run: Some(run),
                    left: judged.statements(),
                    denied: None,
                    copy: effective.copy_mask(),
                    defines,
                });
                let then = if effective.copies_in() { Client::CopyWait } else { Client::Ready };
                Ok(self.let_through(permitted, len, instead, then, pipe))
            }
        }
    }

    fn replace_query(
        &mut self,
        len: usize,
        refused: Refused,
        pipe: &mut Pipe,
    ) -> Result<Option<Stalled>, End> {
        self.stop_waiting();
        let denied = self.denial(refused)?;
        let mut poison = Vec::with_capacity(32);
        encode::query(&mut poison, POISON).map_err(End::ClientFault)?;
        pipe.replace(len, &poison);
        self.segment += 1;
        self.push(Expected::Query {
            run: None,
            left: 0,
            denied: Some(denied),
            copy: None,
            defines: Defined::new(),
        });
        Ok(None)
    }

    fn sync(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<Option<Stalled>, End> {
        pipe.pass(body.end, Pass::control());
        self.push(Expected::Sync);
        self.segment += 1;
        self.client = Client::Ready;
        Ok(None)
    }

    /// FunctionCall is answered like a Query that failed: ErrorResponse, then ReadyForQuery (54.2.5).
    fn function_call(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<Option<Stalled>, End> {
        let refused = self.refuse(refusal::function_call());
        self.replace_query(body.end, refused, pipe)
    }

    /// Starts the account of an admitted statement.
    pub(super) fn begin(&mut self, permitted: &Permitted, judged: &Judged, bounds: Bounds) -> RunKey {
        self.session.touch();
        self.session.count_statement();
        self.metrics.statements(Decision::Allow).inc();
        self.runs.add(Run {
            id: permitted.id(),
            ticket: permitted.ticket(),
            write: permitted.write(),
            classified: judged.touches_classified(),
            bare: !judged.names_relations(),
            started: Instant::now(),
            rows: 0,
            bytes: 0,
            masked: hoop_mask::Counts::default(),
            sqlstate: None,
            allowance: Allowance::of(bounds),
            time: bounds.time,
            budgets: if bounds.is_none() { Box::default() } else { judged.budgets.clone() },
            over: false,
            timed_out: false,
            ours: judged.ours.clone(),
        })
    }

    pub(super) fn let_through(
        &mut self,
        permitted: Permitted,
        len: usize,
        instead: Option<Vec<u8>>,
        then: Client,
        pipe: &mut Pipe,
    ) -> Option<Stalled> {
        let (ticket, write) = (permitted.ticket(), permitted.write());
        let pass = permitted.into_pass();
        if write && !self.gate.is_durable(ticket) {
            self.held = Some(Held { ticket, len, pass, then, instead });
            return Some(Stalled::Recording(ticket));
        }
        match instead {
            Some(instead) => pipe.replace(len, &instead),
            None => pipe.pass(len, pass),
        }
        self.client = then;
        None
    }

    /// Names that PREPARE in this text will define.
    pub(super) fn define(&mut self, judged: &Arc<Judged>) -> Defined {
        let segment = self.segment;
        let mut names = judged.prepares().peekable();
        if names.peek().is_none() {
            return Defined::new();
        }
        // Whoever binds the name runs what was prepared, not the PREPARE, nor what else stands in its text.
        let made = Arc::new(judged.of_prepare());
        names
            .map(|name| (name.into(), self.statements.put(name, Meaning::Is(Arc::clone(&made)), segment)))
            .collect()
    }

    /// SQL EXECUTE reaches names made by Parse and by PREPARE: what runs is judged as the worst of both.
    pub(super) fn with_executed(&mut self, judged: &Arc<Judged>) -> Resolved {
        let mut effective = Arc::clone(judged);
        let mut leans: Vec<Serial> = Vec::new();
        for name in judged.executes() {
            match self.statements.find(name, self.segment) {
                Found::Wait => return Resolved::Wait,
                Found::Unknown => return Resolved::Unknown(name.to_owned()),
                Found::Known(serial, _) if leans.contains(&serial) => {}
                Found::Known(serial, inner) => {
                    let inner = self.judge.again(inner);
                    effective = Arc::new(effective.worst_of(&inner));
                    leans.push(serial);
                }
            }
        }
        Resolved::As(effective, leans.into())
    }

    /// Why an Execute of a bound portal may not run any more: the names that its EXECUTE leans on mean something else
    /// than at Bind, or it would make a cursor that could take the name of a portal.
    pub(super) fn execute_refused(
        &mut self,
        portal: &str,
        judged: &Judged,
        leans: &[Serial],
    ) -> Result<Option<Arc<Reason>>, Stalled> {
        if judged.declares() && self.portals.names().any(|n| !n.is_empty() && n != portal) {
            return Ok(Some(refusal::cursor_beside_portals()));
        }
        for name in judged.executes() {
            match self.statements.find(name, self.segment) {
                Found::Wait => return Err(Stalled::Answer),
                Found::Known(serial, _) if leans.contains(&serial) => {}
                Found::Known(..) | Found::Unknown => return Ok(Some(refusal::unknown_statement(name))),
            }
        }
        Ok(None)
    }

    /// Why no more names can be defined.
    pub(super) fn names_refused(&self) -> Option<Arc<Reason>> {
        let full = self.statements.len() + self.portals.len() >= self.max_names;
        full.then(|| refusal::too_many_names(self.max_names))
    }

    /// Records a refusal that is not of a judged text: it does not parse, or a name is not known.
    pub(super) fn refuse(&self, reason: Arc<Reason>) -> Refused {
        self.gate.refuse(&refusal::unnamed(), reason)
    }

    pub(super) fn denial(&self, refused: Refused) -> Result<Denied, End> {
        match refused {
            Refused::NotRecorded => Err(End::NotRecorded),
            Refused::Denied { reason, id, ticket } => {
                self.metrics.statements(Decision::Deny).inc();
                Ok(Denied { error: refusal::error_response(&reason, id, self.session.id), ticket })
            }
        }
    }
}

pub(super) enum Resolved {
    /// The worst of both, and the versions of the names that it leans on.
    As(Arc<Judged>, Box<[Serial]>),
    Wait,
    Unknown(String),
}
