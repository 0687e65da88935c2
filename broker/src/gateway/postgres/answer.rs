//! Target → client. Every frame is matched with what was asked, decoded, and masked where it lies.

use std::ops::Range;
use std::sync::Arc;

use hoop_mask::{Class, RowOutcome, scan_row};
use hoop_pgwire::backend::{
    CopyResponse, Fields, Notification, ParameterStatus, RowDescription, decode_parameters,
};
use hoop_pgwire::{BackendTag, Frame, HEADER_LEN, next_frame};

use super::columns::Columns;
use super::conversation::{Client, Conversation, End};
use super::expected::Expected;
use super::pipe::Pipe;
use super::runs::RunKey;
use crate::gate::Pass;

pub(super) const OUT_OF_STEP: End = End::TargetFault("the target answered what was not asked");
pub(super) const MALFORMED: End = End::TargetFault("the target sent a message that cannot be decoded");

/// The longest RowDescription that is kept, bytes.
const KEPT_DESCRIPTION: usize = 2 << 10;

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
            if !run.takes_row() {
                pipe.replace(end, &[]);
                self.cancel_bounded();
                return Ok(());
            }
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
            Some(Expected::Query { run: Some(_), .. } | Expected::Unfolded { .. }) => {}
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
            if !run.takes_row() {
                pipe.replace(end, &[]);
                self.cancel_bounded();
                return Ok(());
            }
            run.bytes += end as u64;
            run.masked.merge(masked);
        }
        pipe.pass(end, Pass::answer());
        Ok(())
    }

    pub(super) fn front_run(&self) -> Option<RunKey> {
        match self.queue.front() {
            Some(
                Expected::Execute { run, .. }
                | Expected::Query { run: Some(run), .. }
                | Expected::Unfolded { run, .. },
            ) => Some(*run),
            _ => None,
        }
    }

    fn message(&mut self, tag: BackendTag, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        // INVARIANT: nothing is passed on that was not decoded. These have no body, where anything could stand unscanned.
        if matches!(
            tag,
            BackendTag::ParseComplete
                | BackendTag::BindComplete
                | BackendTag::CloseComplete
                | BackendTag::NoData
                | BackendTag::EmptyQueryResponse
                | BackendTag::PortalSuspended
                | BackendTag::CopyDone
        ) && !body.is_empty()
        {
            return Err(MALFORMED);
        }
        match tag {
            BackendTag::ParseComplete => self.parse_complete(&body, pipe),
            BackendTag::BindComplete => self.bind_complete(&body, pipe),
            BackendTag::CloseComplete => self.close_complete(&body, pipe),
            BackendTag::ParameterDescription => match self.queue.front() {
                Some(Expected::DescribeStatement { typed }) => {
                    if let Some((name, serial)) = typed
                        && let Some(judged) = self.statements.version(name, *serial)
                    {
                        let types =
                            decode_parameters(&pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
                        *judged = Arc::new(judged.with_types(types.iter()));
                    }
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
                if self.copy_out.take().is_none() {
                    return Err(OUT_OF_STEP);
                }
                if self.front_run().and_then(|r| self.runs.open(r)).is_some_and(|run| run.over) {
                    // An error takes its place.
                    pipe.replace(body.end, &[]);
                } else {
                    pipe.pass(body.end, Pass::answer());
                }
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
    pub(super) fn scan_and_pass(&mut self, body: Range<usize>, pipe: &mut Pipe) {
        let end = body.end;
        let hits = hoop_mask::scan_text(&mut pipe.pending_mut()[body]);
        self.metrics.masked(&Class::Pan).add(u64::from(hits.total()));
        pipe.pass(end, Pass::answer());
    }

    fn row_description(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let end = body.end;
        let columns = self.described(&pipe.pending()[body])?;
        let mut swallow = false;
        match self.queue.front() {
            Some(Expected::DescribeStatement { .. }) => {
                self.queue.pop_front();
            }
            Some(Expected::DescribePortal { name, serial, ours }) => {
                swallow = *ours;
                if let Some(portal) = serial.and_then(|s| self.portals.version(name, s)) {
                    portal.columns = Some(columns);
                }
                self.queue.pop_front();
            }
            Some(Expected::Query { run: Some(run), .. } | Expected::Unfolded { run, .. }) => {
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

    /// What a RowDescription means, from the one before when it is the same.
    fn described(&mut self, body: &[u8]) -> Result<Arc<Columns>, End> {
        self.renew_classes();
        if let Some((bytes, columns)) = &self.described
            && **bytes == *body
        {
            return Ok(Arc::clone(columns));
        }
        let described = RowDescription::decode(body).map_err(|_| MALFORMED)?;
        let columns = Arc::new(Columns::read(described, &self.classes));
        if body.len() <= KEPT_DESCRIPTION {
            self.described = Some((body.into(), Arc::clone(&columns)));
        }
        Ok(columns)
    }

    pub(super) fn release_with(&mut self, key: RunKey) {
        if let Some(ticket) = self.runs.open(key).map(|r| r.ticket) {
            self.need(ticket);
        }
    }

    fn no_data(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        if let Some(Expected::Unfolded { .. }) = self.queue.front() {
            pipe.replace(body.end, &[]);
            return Ok(());
        }
        match self.queue.pop_front() {
            Some(Expected::DescribePortal { ours: true, .. }) => pipe.replace(body.end, &[]),
            Some(Expected::DescribePortal { .. } | Expected::DescribeStatement { .. }) => {
                pipe.pass(body.end, Pass::answer());
            }
            _ => return Err(OUT_OF_STEP),
        }
        Ok(())
    }

    fn copy_in(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        CopyResponse::decode("CopyInResponse", &pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let simple = match self.queue.front() {
            Some(Expected::Query { run: Some(_), .. }) => true,
            Some(Expected::Execute { .. }) => false,
            _ => return Err(OUT_OF_STEP),
        };
        // Only the last question can be the one that waits.
        if self.client != Client::CopyWait || self.queue.len() != 1 {
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
        let response =
            CopyResponse::decode("CopyOutResponse", &pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let (mask, run) = match self.queue.front() {
            Some(
                Expected::Query { run: Some(run), copy, .. }
                | Expected::Execute { run, copy, .. }
                | Expected::Unfolded { run, copy, .. },
            ) => (copy.clone(), *run),
            _ => return Err(OUT_OF_STEP),
        };
        let copy = super::copy::CopyOut::begin(response, mask);
        self.copy_out =
            Some(copy.ok_or(End::TargetFault("the COPY has another shape than the catalogue says"))?);
        self.release_with(run);
        pipe.pass(body.end, Pass::answer());
        Ok(())
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
