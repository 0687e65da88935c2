//! Target → client: errors and notices. An error ends the question that it answers, and in the extended protocol all
//! behind it up to Sync.

use std::ops::Range;
use std::sync::Arc;

use hoop_pgwire::backend::{Report, Severity};

use super::answer::{MALFORMED, OUT_OF_STEP};
use super::conversation::{Client, Conversation, End};
use super::expected::{Denied, Expected};
use super::instead::with_position;
use super::pipe::Pipe;
use super::refusal;
use super::runs::RunKey;
use super::substituting::Ours;

impl Conversation {
    pub(super) fn notice(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let report =
            Report::decode("NoticeResponse", &pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let run = match self.queue.front() {
            // The planner runs functions, which may have something to say.
            Some(Expected::Bind { run, .. }) => Some(*run),
            _ => self.front_run(),
        };
        let ticket = run.and_then(|r| self.runs.open(r)).map(|r| r.ticket);
        if let Some(ticket) = ticket {
            self.need(ticket);
        }
        if run.is_some_and(|r| self.may_quote(r)) {
            let rebuilt = refusal::rebuilt("NoticeResponse", report, None);
            pipe.replace(body.end, &rebuilt);
        } else {
            self.scan_and_pass(body, pipe);
        }
        Ok(())
    }

    pub(super) fn error(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let end = body.end;
        let report = Report::decode("ErrorResponse", &pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let fatal = !matches!(report.severity(), Some(Severity::Error));
        let code = report.sqlstate().map(|s| refusal::known_sqlstate(s.as_str()));
        self.columns = None;
        self.copy_out = None;
        if fatal {
            self.scan_and_pass(body, pipe);
            return Ok(());
        }
        if !self.in_transaction {
            self.judge.transaction_ended(false);
        }
        let ours = self.ours_of_front();
        let mut rebuilt = None;
        let key = match self.queue.front() {
            Some(
                Expected::Execute { run, .. } | Expected::Bind { run, .. } | Expected::Unfolded { run, .. },
            ) => Some(*run),
            Some(Expected::Query { run, .. }) => *run,
            _ => None,
        };
        if let Some(run) = key.and_then(|k| self.runs.open(k)) {
            run.sqlstate = code;
            let ticket = run.ticket;
            if (run.timed_out || run.over) && code == Some(*b"57014") {
                let reason = if run.over {
                    run.sqlstate = Some(*b"53400");
                    run.over_reason(&self.session.target)
                } else {
                    refusal::ran_too_long(run.time)
                };
                rebuilt = Some(refusal::error_response(&reason, run.id, self.session.id));
            } else if key.is_some_and(|k| self.may_quote(k)) {
                rebuilt = Some(refusal::rebuilt("ErrorResponse", report, ours.as_deref()));
            }
            self.need(ticket);
        } else if self.touched_classified && matches!(self.queue.front(), Some(Expected::Sync)) {
            // A constraint that was checked at the end of the transaction.
            rebuilt = Some(refusal::rebuilt("ErrorResponse", report, None));
        }
        if let Some(ours) = self.error_taken(key)? {
            pipe.replace(end, &ours);
        } else if let Some(rebuilt) = rebuilt {
            pipe.replace(end, &rebuilt);
        } else if let Some(ours) = ours.filter(|ours| ours.sent().is_some()) {
            // The places in it are of the text that went out.
            let hits = hoop_mask::scan_text(&mut pipe.pending_mut()[body.clone()]);
            self.metrics.masked(&hoop_mask::Class::Pan).add(u64::from(hits.total()));
            let told = with_position(&pipe.pending()[body], &ours).ok_or(MALFORMED)?;
            pipe.replace(end, &told);
        } else {
            self.scan_and_pass(body, pipe);
        }
        Ok(())
    }

    /// What went out instead of the text that the target answers now.
    fn ours_of_front(&mut self) -> Option<Arc<Ours>> {
        let run = match self.queue.front() {
            Some(Expected::Parse { ours, .. }) => return ours.clone(),
            Some(Expected::Bind { run, .. }) => Some(*run),
            _ => self.front_run(),
        };
        run.and_then(|run| self.runs.open(run)).and_then(|run| run.ours.clone())
    }

    /// What the target says of this statement can quote classified columns: it names their relation, or it names none
    /// and its transaction touched one.
    ///
    /// INVARIANT: known only when the answer is here. In a pipeline, statements of later transactions are admitted
    /// before the earlier ones have ended.
    fn may_quote(&mut self, key: RunKey) -> bool {
        let Some(run) = self.runs.open(key) else { return false };
        self.touched_classified |= run.classified && run.write;
        run.classified || (run.bare && self.touched_classified)
    }

    /// Takes the failed question, and in the extended protocol all behind it up to Sync, off the queue. Returns our
    /// error where the server's stands for a denial.
    pub(super) fn error_taken(&mut self, key: Option<RunKey>) -> Result<Option<Vec<u8>>, End> {
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
        Ok(ours)
    }

    pub(super) fn our_error(&mut self, denied: Denied) -> Vec<u8> {
        self.need(denied.ticket);
        denied.error
    }

    /// The server skipped this question.
    pub(super) fn skipped(&mut self, skipped: Expected) -> Result<(), End> {
        match skipped {
            Expected::Parse { name, serial, ours: _ } => drop(self.statements.skip(&name, serial)),
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
            Expected::DescribePortal { name, serial, .. } => {
                if let Some(portal) = serial.and_then(|s| self.portals.version(&name, s)) {
                    portal.described = false;
                }
            }
            Expected::Unfolded { run, unnamed, .. } => {
                if let Some((statement, portal)) = unnamed {
                    self.statements.skip("", statement);
                    self.portals.skip("", portal);
                }
                self.not_run(run)?;
            }
            Expected::Query { run: None, .. }
            | Expected::Poison(_)
            | Expected::DescribeStatement { .. }
            | Expected::Sync => {}
        }
        Ok(())
    }

    /// An admitted statement that the server never ran: it stands behind an error.
    pub(super) fn not_run(&mut self, key: RunKey) -> Result<(), End> {
        if let Some(run) = self.runs.open(key) {
            run.sqlstate.get_or_insert(*b"25P02");
        }
        self.end_run(key, true)
    }
}
