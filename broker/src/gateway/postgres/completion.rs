//! Target → client: answers that end something, and what they mean for names, runs and the ledger.

use std::ops::Range;

use hoop_pgwire::backend::{CommandComplete, TransactionStatus, decode_ready_for_query};

use super::answer::{MALFORMED, OUT_OF_STEP};
use super::conversation::{Client, Conversation, End};
use super::expected::{Defined, Expected};
use super::pipe::Pipe;
use super::runs::RunKey;
use crate::gate::Pass;
use crate::ledger::Poisoned;

impl Conversation {
    pub(super) fn parse_complete(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        if self.part_complete(false) {
            self.close_gone()?;
            pipe.replace(body.end, &[]);
            return Ok(());
        }
        let Some(Expected::Parse { name, serial, ours: _ }) = self.queue.pop_front() else {
            return Err(OUT_OF_STEP);
        };
        self.statements.confirm(&name, serial, drop);
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    pub(super) fn bind_complete(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        if self.part_complete(true) {
            pipe.replace(body.end, &[]);
            return Ok(());
        }
        let Some(Expected::Bind { name, serial, run }) = self.queue.pop_front() else {
            return Err(OUT_OF_STEP);
        };
        let gone = &mut self.gone;
        self.portals.confirm(&name, serial, |p| gone.push(p.run));
        self.close_gone()?;
        if let Some(run) = self.runs.open(run) {
            self.touched_classified |= run.classified && run.write;
            let ticket = run.ticket;
            self.need(ticket);
        }
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    pub(super) fn close_complete(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        match self.queue.pop_front() {
            Some(Expected::CloseStatement { name, serial }) => self.statements.confirm(&name, serial, drop),
            Some(Expected::ClosePortal { name, serial }) => {
                let gone = &mut self.gone;
                self.portals.confirm(&name, serial, |p| gone.push(p.run));
                self.close_gone()?;
            }
            _ => return Err(OUT_OF_STEP),
        }
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    /// Portals that are gone with rows still in them: what was read is what there is.
    fn close_gone(&mut self) -> Result<(), End> {
        let mut gone = std::mem::take(&mut self.gone);
        for key in gone.drain(..) {
            if let Some(run) = self.runs.take(key) {
                let write = run.write;
                let ticket = self.close_run(&run, true).map_err(|Poisoned| End::NotRecorded)?;
                if write {
                    self.need(ticket);
                }
            }
        }
        // Its memory serves for the next ones.
        self.gone = gone;
        Ok(())
    }

    pub(super) fn command_complete(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let complete = CommandComplete::decode(&pipe.pending()[body.clone()]).map_err(|_| MALFORMED)?;
        let rows = complete.rows().unwrap_or(0);
        // The tag is of the server's own words; COPY and the DISCARD that drops names matter here.
        let dropped = matches!(complete.tag, "DISCARD ALL" | "DEALLOCATE ALL");
        if dropped {
            self.statements.drop_confirmed(drop);
        }
        // ROLLBACK is also what a COMMIT of a failed transaction says, and ROLLBACK TO.
        if complete.tag == "ROLLBACK" {
            self.judge.transaction_ended(false);
        }
        if complete.tag == "PREPARE" {
            self.prepared();
        }
        let tag = complete.command().to_owned();
        self.statement_end(rows, &tag, &body, pipe)
    }

    /// One statement of a Query, or an Execute, has ended well.
    pub(super) fn statement_end(
        &mut self,
        rows: u64,
        tag: &str,
        body: &Range<usize>,
        pipe: &mut Pipe,
    ) -> Result<(), End> {
        self.columns = None;
        self.copy_out = None;
        let key = self.front_run().ok_or(OUT_OF_STEP)?;
        if self.went_too_far(key, tag, rows, body, pipe)? {
            return Ok(());
        }
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
        if matches!(self.queue.front(), Some(Expected::Execute { .. } | Expected::Unfolded { .. })) {
            self.queue.pop_front();
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
    pub(super) fn interim(&mut self, key: RunKey) -> Result<(), End> {
        let Some(run) = self.runs.open(key) else { return Ok(()) };
        if run.write {
            let (id, rows, bytes, since) = (run.id, run.rows, run.bytes, run.started.elapsed());
            let ticket = self.gate.interim(id, rows, bytes, since).map_err(|Poisoned| End::NotRecorded)?;
            self.need(ticket);
        }
        Ok(())
    }

    pub(super) fn end_run(&mut self, key: RunKey, known: bool) -> Result<(), End> {
        self.bounded_ended(key);
        let Some(run) = self.runs.take(key) else { return Ok(()) };
        self.touched_classified |= run.classified && run.write;
        let write = run.write;
        let ticket = self.close_run(&run, known).map_err(|Poisoned| End::NotRecorded)?;
        if write {
            self.need(ticket);
        }
        Ok(())
    }

    pub(super) fn portal_suspended(&mut self, body: &Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
        let (Some(Expected::Execute { .. } | Expected::Unfolded { .. }), Some(key)) =
            (self.queue.front(), self.front_run())
        else {
            return Err(OUT_OF_STEP);
        };
        if self.went_too_far(key, "", 0, body, pipe)? {
            return Ok(());
        }
        self.columns = None;
        self.queue.pop_front();
        self.bounded_ended(key);
        pipe.pass(body.end, Pass::answer());
        Ok(())
    }

    /// A PREPARE was carried out. It stays so when a later statement of its text fails, for prepared statements are
    /// not of the transaction; those that have not been confirmed at the end of the text were not reached.
    fn prepared(&mut self) {
        let Some(Expected::Query { defines, .. } | Expected::Execute { defines, .. }) =
            self.queue.front_mut()
        else {
            return;
        };
        if let Some((name, serial)) = defines.pop_front() {
            self.statements.confirm(&name, serial, drop);
        }
    }

    pub(super) fn skip_names(&mut self, defines: &Defined) {
        for (name, serial) in defines {
            self.statements.skip(name, *serial);
        }
    }

    pub(super) fn ready(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<(), End> {
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
                self.skip_names(&defines);
                if let Some(key) = run {
                    self.end_run(key, true)?;
                }
                self.copy_wait_over();
            }
            _ => return Err(OUT_OF_STEP),
        }
        if !self.in_transaction {
            self.judge.transaction_ended(true);
            self.touched_classified = false;
            // Portals end with their transaction.
            let gone = &mut self.gone;
            self.portals.drop_confirmed(|p| gone.push(p.run));
            self.close_gone()?;
        }
        pipe.pass(end, Pass::answer());
        Ok(())
    }

    /// COPY FROM STDIN was answered otherwise than by CopyInResponse, or is over.
    ///
    /// INVARIANT: while it is awaited or runs, nothing is asked behind it; what is answered while the queue is not
    /// empty is an earlier question, and the COPY is still to come.
    pub(super) fn copy_wait_over(&mut self) {
        if !self.queue.is_empty() {
            return;
        }
        match self.client {
            Client::CopyWait => self.client = Client::Ready,
            // The COPY failed while the client still sends; the server ignores the rest, and so do we.
            Client::Copying { .. } => self.client = Client::Ready,
            Client::Ready | Client::SkipToSync => {}
        }
    }
}
