//! Target → client. Every frame is matched with what was asked, decoded, and masked where it lies.

use std::ops::Range;
use std::sync::Arc;

use hoop_mask::{Class, RowOutcome, scan_row};
use hoop_pgwire::backend::{
    CommandComplete, Fields, CopyResponse, Notification, ParameterStatus, Report, RowDescription, Severity, TransactionStatus,
    decode_ready_for_query,
};
use hoop_pgwire::{BackendTag, Frame, HEADER_LEN, next_frame};

use super::columns::Columns;
use super::conversation::{Client, Conversation, End};
use super::expected::{Defined, Denied, Expected};
use super::pipe::Pipe;
use super::runs::RunKey;
use crate::gate::Pass;
use crate::ledger::Poisoned;

const OUT_OF_STEP: End = End::TargetFault("the target answered what was not asked");
const MALFORMED: End = End::TargetFault("the target sent a message that cannot be decoded");

impl Conversation {
    /// Decodes and masks what the target sent; what is done may be written.
    ///
    /// # Errors
    /// [`End`] when the target broke the protocol or the ledger failed.
    pub fn on_target(&mut self, pipe: &mut Pipe) -> Result<(), End> {
        // One probe over the whole read: most reads hold nothing that could be a card number.
        let suspicious = hoop_mask::may_hold_card(pipe.pending());
        loop {
            if self.streaming.is_some() {
                if !self.stream_on(pipe)? {
                    return Ok(());
                }
                continue;
            }
            match next_frame::<BackendTag>(pipe.pending(), &self.back_limits).map_err(|_| MALFORMED)? {
                Frame::Incomplete { .. } => return Ok(()),
                Frame::Head { tag, len, .. } => {
                    if len <= self.stream_above || !self.stream_begin(tag, len, pipe)? {
                        return Ok(());
                    }
                }
                Frame::Whole { tag: BackendTag::DataRow, body } => self.row(body, suspicious, pipe)?,
                Frame::Whole { tag: BackendTag::CopyData, body } => self.copy_out_row(body, pipe)?,
                Frame::Whole { tag, body } => self.message(tag, body, pipe)?,
            }
        }
    }

    fn row(&mut self, body: Range<usize>, suspicious: bool, pipe: &mut Pipe) -> Result<(), End> {
        let columns = self.row_columns()?;
        let end = body.end;
        let bytes = &mut pipe.pending_mut()[body.clone()];
        Fields::verify(bytes).map_err(|_| MALFORMED)?;
        let mut outcome = RowOutcome::default();
        if suspicious || columns.masks.needs_fields() {
            outcome = scan_row(bytes, &columns.masks, &mut self.spill).map_err(|_| MALFORMED)?;
        }
        if let Some(run) = self.front_run().and_then(|r| self.runs.open(r)) {
            run.rows += 1;
            run.bytes += end as u64;
            run.masked.merge(outcome.classified);
            run.masked.merge(outcome.found);
        }
        if outcome.reframed {
            let mut row = Vec::with_capacity(self.spill.len() + HEADER_LEN);
            encode_row(&mut row, &self.spill).ok_or(MALFORMED)?;
            pipe.replace(end, &row);
        } else {
            pipe.pass(end, Pass::answer());
        }
        Ok(())
    }

    /// Columns of the rows that come now: by the last RowDescription of a Query, or by the portal of an Execute.
    pub(super) fn row_columns(&mut self) -> Result<Arc<Columns>, End> {
        match self.queue.front() {
            Some(Expected::Execute { name, serial, .. }) => {
                if self.columns.is_none() {
                    self.columns = self.portals.version(name, *serial).and_then(|p| p.columns.clone());
                }
            }
            Some(Expected::Query { run: Some(_), .. }) => {}
            _ => return Err(OUT_OF_STEP),
        }
        self.columns.clone().ok_or(OUT_OF_STEP)
    }

    fn copy_out_row(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let Some(copy) = self.copy_out.as_mut() else { return Err(OUT_OF_STEP) };
        let end = body.end;
        let masked = copy.mask_row(&mut pipe.pending_mut()[body])?;
        let run = self.front_run();
        if let Some(run) = run.and_then(|r| self.runs.open(r)) {
            run.rows += 1;
            run.bytes += end as u64;
            run.masked.merge(masked);
        }
        pipe.pass(end, Pass::answer());
        Ok(())
    }

    pub(super) fn front_run(&self) -> Option<RunKey> {
        match self.queue.front() {
            Some(Expected::Execute { run, .. } | Expected::Query { run: Some(run), .. }) => Some(*run),
            _ => None,
        }
    }

    fn message(&mut self, tag: BackendTag, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        match tag {
            BackendTag::ParseComplete => self.parse_complete(&body, pipe),
            BackendTag::BindComplete => self.bind_complete(&body, pipe),
            BackendTag::CloseComplete => self.close_complete(&body, pipe),
            BackendTag::ParameterDescription => match self.queue.front() {
                Some(Expected::DescribeStatement) => {
                    pipe.pass(body.end, Pass::answer());
                    Ok(())
                }
                _ => Err(OUT_OF_STEP),
            },
            BackendTag::RowDescription => self.row_description(body, pipe),
            BackendTag::NoData => self.no_data(&body, pipe),
            BackendTag::CommandComplete => self.command_complete(body, pipe),
            BackendTag::EmptyQueryResponse => self.statement_end(0, "", &body, pipe),
            BackendTag::PortalSuspended => self.portal_suspended(&body, pipe),
            BackendTag::ReadyForQuery => self.ready(body, pipe),
            BackendTag::ErrorResponse => self.error(body, pipe),
            BackendTag::NoticeResponse => self.notice(body, pipe),
            BackendTag::NotificationResponse => {
                Notification::decode(&pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
                self.scan_and_pass(body, pipe);
                Ok(())
            }
            BackendTag::ParameterStatus => self.parameter_status(body, pipe),
            BackendTag::CopyInResponse => self.copy_in(body, pipe),
            BackendTag::CopyOutResponse => self.copy_out(body, pipe),
            BackendTag::CopyDone => {
                self.copy_out = None;
                pipe.pass(body.end, Pass::answer());
                Ok(())
            }
            BackendTag::DataRow
            | BackendTag::CopyData
            | BackendTag::Authentication
            | BackendTag::BackendKeyData
            | BackendTag::CopyBothResponse
            | BackendTag::FunctionCallResponse
            | BackendTag::NegotiateProtocolVersion => Err(OUT_OF_STEP),
        }
    }

    /// Masks free text where it lies and lets it through.
    fn scan_and_pass(&mut self, body: Range<usize>, pipe: &mut Pipe) {
        let end = body.end;
        let hits = hoop_mask::scan_text(&mut pipe.pending_mut()[body]);
        self.metrics.masked(&Class::Pan).add(u64::from(hits.total()));
        pipe.pass(end, Pass::answer());
    }

    fn parse_complete(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let Some(Expected::Parse { name, serial }) = self.queue.pop_front() else { return Err(OUT_OF_STEP) };
        self.statements.confirm(&name, serial, drop);
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    fn bind_complete(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let Some(Expected::Bind { name, serial, run }) = self.queue.pop_front() else { return Err(OUT_OF_STEP) };
        let mut replaced = Vec::new();
        self.portals.confirm(&name, serial, |p| replaced.push(p.run));
        self.close_portals(replaced)?;
        if let Some(run) = self.runs.open(run) {
            let ticket = run.ticket;
            self.need(ticket);
        }
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    fn close_complete(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        match self.queue.pop_front() {
            Some(Expected::CloseStatement { name, serial }) => self.statements.confirm(&name, serial, drop),
            Some(Expected::ClosePortal { name, serial }) => {
                let mut closed = Vec::new();
                self.portals.confirm(&name, serial, |p| closed.push(p.run));
                self.close_portals(closed)?;
            }
            _ => return Err(OUT_OF_STEP),
        }
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    /// Portals that are gone with rows still in them: what was read is what there is.
    fn close_portals(&mut self, runs: Vec<RunKey>) -> Result<(), End> {
        for key in runs {
            if let Some(run) = self.runs.take(key) {
                let write = run.write;
                let ticket = self.close_run(run, true).map_err(|Poisoned| End::NotRecorded)?;
                if write {
                    self.need(ticket);
                }
            }
        }
        Ok(())
    }

    fn row_description(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let end = body.end;
        let described = RowDescription::decode(&pipe.pending()[body]).map_err(|_| MALFORMED)?;
        let columns = Arc::new(Columns::read(described, &self.classes));
        let mut swallow = false;
        match self.queue.front() {
            Some(Expected::DescribeStatement) => {
                self.queue.pop_front();
            }
            Some(Expected::DescribePortal { name, serial, ours }) => {
                swallow = *ours;
                if let Some(portal) = serial.and_then(|s| self.portals.version(name, s)) {
                    portal.columns = Some(columns);
                }
                self.queue.pop_front();
            }
            Some(Expected::Query { run: Some(run), .. }) => {
                let run = *run;
                self.columns = Some(columns);
                self.release_with(run);
            }
            _ => return Err(OUT_OF_STEP),
        }
        if swallow {
            pipe.replace(end, &[]);
        } else {
            pipe.pass(end, Pass::answer());
        }
        Ok(())
    }

    fn release_with(&mut self, key: RunKey) {
        if let Some(ticket) = self.runs.open(key).map(|r| r.ticket) {
            self.need(ticket);
        }
    }

    fn no_data(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        match self.queue.pop_front() {
            Some(Expected::DescribePortal { ours: true, .. }) => pipe.replace(body.end, &[]),
            Some(Expected::DescribePortal { .. } | Expected::DescribeStatement) => pipe.pass(body.end, Pass::answer()),
            _ => return Err(OUT_OF_STEP),
        }
        Ok(())
    }

    fn command_complete(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let complete = CommandComplete::decode(&pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let rows = complete.rows().unwrap_or(0);
        // The tag is of the server's own words; COPY and the DISCARD that drops names matter here.
        let dropped = matches!(complete.tag, "DISCARD ALL" | "DEALLOCATE ALL");
        if dropped {
            self.statements.drop_confirmed(drop);
        }
        let tag = complete.command().to_owned();
        self.statement_end(rows, &tag, &body, pipe)
    }

    /// One statement of a Query, or an Execute, has ended well.
    fn statement_end(&mut self, rows: u64, tag: &str, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        self.columns = None;
        self.copy_out = None;
        let key = self.front_run().ok_or(OUT_OF_STEP)?;
        if let Some(run) = self.runs.open(key) {
            // Rows that were seen are counted as they pass; a write's are only in the tag.
            if run.write && tag != "SELECT" {
                run.rows = run.rows.max(rows);
            }
        }
        self.release_with(key);
        let last = match self.queue.front_mut() {
            Some(Expected::Query { left, .. }) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            _ => true,
        };
        if matches!(self.queue.front(), Some(Expected::Execute { .. })) {
            if let Some(Expected::Execute { defines, .. }) = self.queue.pop_front() {
                self.confirm(&defines);
            }
            self.end_run(key, true)?;
            self.copy_wait_over();
        } else if last {
            self.end_run(key, true)?;
        } else {
            self.interim(key)?;
        }
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    /// The outcome of a writing text is recorded before each of its CommandCompletes is released: an interim entry
    /// here, the last one at ReadyForQuery.
    fn interim(&mut self, key: RunKey) -> Result<(), End> {
        let Some(run) = self.runs.open(key) else { return Ok(()) };
        if run.write {
            let (id, rows, bytes, since) = (run.id, run.rows, run.bytes, run.started.elapsed());
            let ticket = self.gate.interim(id, rows, bytes, since).map_err(|Poisoned| End::NotRecorded)?;
            self.need(ticket);
        }
        Ok(())
    }

    fn end_run(&mut self, key: RunKey, known: bool) -> Result<(), End> {
        let Some(run) = self.runs.take(key) else { return Ok(()) };
        let write = run.write;
        let ticket = self.close_run(run, known).map_err(|Poisoned| End::NotRecorded)?;
        if write {
            self.need(ticket);
        }
        Ok(())
    }

    fn portal_suspended(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let Some(Expected::Execute { .. }) = self.queue.front() else { return Err(OUT_OF_STEP) };
        self.columns = None;
        self.queue.pop_front();
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    fn confirm(&mut self, defines: &Defined) {
        for (name, serial) in defines {
            self.statements.confirm(name, *serial, drop);
        }
    }

    fn skip_names(&mut self, defines: &Defined) {
        for (name, serial) in defines {
            self.statements.skip(name, *serial);
        }
    }

    fn ready(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let end = body.end;
        let status = decode_ready_for_query(&pipe.pending()[body]).map_err(|_| MALFORMED)?;
        self.in_transaction = !matches!(status, TransactionStatus::Idle);
        self.columns = None;
        match self.queue.pop_front() {
            Some(Expected::Sync) => {}
            Some(Expected::Query { run, denied, defines, .. }) => {
                if denied.is_some() {
                    return Err(OUT_OF_STEP);
                }
                if let Some(key) = run {
                    let failed = self.runs.open(key).is_some_and(|r| r.sqlstate.is_some());
                    if failed { self.skip_names(&defines) } else { self.confirm(&defines) }
                    self.end_run(key, true)?;
                }
                self.copy_wait_over();
            }
            _ => return Err(OUT_OF_STEP),
        }
        if !self.in_transaction {
            // Portals end with their transaction.
            let mut ended = Vec::new();
            self.portals.drop_confirmed(|p| ended.push(p.run));
            self.close_portals(ended)?;
        }
        pipe.pass(end, Pass::answer());
        Ok(())
    }

    /// COPY FROM STDIN was answered otherwise than by CopyInResponse, or is over.
    fn copy_wait_over(&mut self) {
        match self.client {
            Client::CopyWait => self.client = Client::Ready,
            // The COPY failed while the client still sends; the server ignores the rest, and so do we.
            Client::Copying { .. } => self.client = Client::Ready,
            Client::Ready | Client::SkipToSync => {}
        }
    }

    fn copy_in(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        CopyResponse::decode("CopyInResponse", &pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let simple = match self.queue.front() {
            Some(Expected::Query { run: Some(_), .. }) => true,
            Some(Expected::Execute { .. }) => false,
            _ => return Err(OUT_OF_STEP),
        };
        if self.client != Client::CopyWait {
            return Err(End::TargetFault("the target asked for COPY data that nobody offered"));
        }
        if let Some(key) = self.front_run() {
            self.release_with(key);
        }
        self.client = Client::Copying { simple };
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    fn copy_out(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let response = CopyResponse::decode("CopyOutResponse", &pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let (mask, run) = match self.queue.front() {
            Some(Expected::Query { run: Some(run), copy, .. } | Expected::Execute { run, copy, .. }) => {
                (copy.clone(), *run)
            }
            _ => return Err(OUT_OF_STEP),
        };
        let copy = super::copy::CopyOut::begin(response, mask);
        self.copy_out = Some(copy.ok_or(End::TargetFault("the COPY has another shape than the catalogue says"))?);
        self.release_with(run);
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    fn notice(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let report = Report::decode("NoticeResponse", &pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let classified = self.front_run().and_then(|r| self.runs.open(r)).is_some_and(|r| r.classified);
        if classified {
            let rebuilt = super::refusal::rebuilt("NoticeResponse", report);
            pipe.replace(body.end, &rebuilt);
        } else {
            self.scan_and_pass(body, pipe);
        }
        Ok(())
    }

    fn error(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let end = body.end;
        let report = Report::decode("ErrorResponse", &pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let fatal = !matches!(report.severity(), Some(Severity::Error));
        let code = report.sqlstate().map(|s| super::refusal::known_sqlstate(s.as_str()));
        self.columns = None;
        self.copy_out = None;
        if fatal {
            self.scan_and_pass(body, pipe);
            return Ok(());
        }
        let mut rebuilt = None;
        let key = match self.queue.front() {
            Some(Expected::Execute { run, .. } | Expected::Bind { run, .. }) => Some(*run),
            Some(Expected::Query { run, .. }) => *run,
            _ => None,
        };
        if let Some(run) = key.and_then(|k| self.runs.open(k)) {
            run.sqlstate = code;
            let ticket = run.ticket;
            if run.classified {
                rebuilt = Some(super::refusal::rebuilt("ErrorResponse", report));
            }
            self.need(ticket);
        }
        if let Some(ours) = self.error_taken(key)? {
            pipe.replace(end, &ours);
        } else if let Some(rebuilt) = rebuilt {
            pipe.replace(end, &rebuilt);
        } else {
            self.scan_and_pass(body, pipe);
        }
        Ok(())
    }

    /// Takes the failed question, and in the extended protocol all behind it up to Sync, off the queue. Returns our
    /// error where the server's stands for a denial.
    fn error_taken(&mut self, key: Option<RunKey>) -> Result<Option<Vec<u8>>, End> {
        if let Some(Expected::Query { denied, run, .. }) = self.queue.front_mut() {
            let ours = denied.take();
            if ours.is_none() && run.is_none() {
                return Err(OUT_OF_STEP);
            }
            return Ok(ours.map(|d| self.our_error(d)));
        }
        let mut ours = None;
        if let Some(Expected::Poison(_)) = self.queue.front()
            && let Some(Expected::Poison(denied)) = self.queue.pop_front()
        {
            ours = Some(self.our_error(denied));
        }
        loop {
            match self.queue.front() {
                Some(Expected::Sync) => break,
                None => {
                    // The client has not sent its Sync yet: what comes before it is skipped by the server.
                    self.client = Client::SkipToSync;
                    break;
                }
                Some(_) => {}
            }
            if let Some(skipped) = self.queue.pop_front() {
                self.skipped(skipped)?;
            }
        }
        if let Some(key) = key {
            self.end_run(key, true)?;
        }
        if matches!(self.client, Client::CopyWait | Client::Copying { .. }) {
            self.client = if self.queue.is_empty() { Client::SkipToSync } else { Client::Ready };
        }
        Ok(ours)
    }

    fn our_error(&mut self, denied: Denied) -> Vec<u8> {
        self.need(denied.ticket);
        denied.error
    }

    /// The server skipped this question.
    fn skipped(&mut self, skipped: Expected) -> Result<(), End> {
        match skipped {
            Expected::Parse { name, serial } => drop(self.statements.skip(&name, serial)),
            Expected::CloseStatement { name, serial } => drop(self.statements.skip(&name, serial)),
            Expected::ClosePortal { name, serial } => drop(self.portals.skip(&name, serial)),
            Expected::Bind { name, serial, run } => {
                self.portals.skip(&name, serial);
                self.not_run(run)?;
            }
            Expected::Execute { run, defines, .. } => {
                self.skip_names(&defines);
                self.not_run(run)?;
            }
            Expected::Query { run: Some(run), defines, .. } => {
                self.skip_names(&defines);
                self.not_run(run)?;
            }
            Expected::Query { run: None, .. }
            | Expected::Poison(_)
            | Expected::DescribeStatement
            | Expected::DescribePortal { .. }
            | Expected::Sync => {}
        }
        Ok(())
    }

    /// An admitted statement that the server never ran: it stands behind an error.
    fn not_run(&mut self, key: RunKey) -> Result<(), End> {
        if let Some(run) = self.runs.open(key) {
            run.sqlstate.get_or_insert(*b"25P02");
        }
        self.end_run(key, true)
    }

    fn parameter_status(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let status = ParameterStatus::decode(&pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        if let Some(setting) = super::pins::broken(status.name, status.value) {
            return Err(End::Unpinned(setting));
        }
        self.scan_and_pass(body, pipe);
        Ok(())
    }
}

/// A DataRow frame around `body`.
fn encode_row(out: &mut Vec<u8>, body: &[u8]) -> Option<()> {
    out.push(b'D');
    out.extend_from_slice(&u32::try_from(body.len() + 4).ok()?.to_be_bytes());
    out.extend_from_slice(body);
    Some(())
}
