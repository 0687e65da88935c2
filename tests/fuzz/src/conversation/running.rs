//! What the model server's statements do, by Query and by Execute.

use super::server::{Code, Portal, Server, Tx};
use super::texts::Does;

impl Server {
    /// Runs the statements of the Query under way, up to its end or to COPY data that must come first.
    pub fn go_on(&mut self) {
        while let Some(query) = &self.query {
            let Some(does) = query.list.get(query.at).copied() else {
                if query.list.is_empty() {
                    self.answers.put(b'I', b"");
                }
                self.query = None;
                return self.ready();
            };
            match self.simple(does) {
                _ if self.gone => return,
                Err(code) => return self.query_failed(code),
                Ok(()) if self.copy.is_some() => return,
                Ok(()) => self.next_statement(),
            }
        }
    }

    pub fn next_statement(&mut self) {
        if let Some(query) = &mut self.query {
            query.at += 1;
        }
    }

    pub fn query_failed(&mut self, code: Code) {
        self.query = None;
        self.fail(code);
        self.ready();
    }

    fn is_last(&self) -> bool {
        self.query.as_ref().is_some_and(|q| q.at + 1 == q.list.len())
    }

    /// CommandComplete. The last statement of a Query commits before it says so.
    pub fn complete(&mut self, tag: &str) -> Result<(), Code> {
        if self.is_last() && self.tx == Tx::Idle && std::mem::take(&mut self.doomed) {
            return Err("23503");
        }
        self.answers.complete(tag);
        Ok(())
    }

    fn not_in_failed(&self, does: Does) -> Result<(), Code> {
        let exits = matches!(does, Does::Commit | Does::Rollback);
        if self.tx == Tx::Failed && !exits { Err("25P02") } else { Ok(()) }
    }

    fn simple(&mut self, does: Does) -> Result<(), Code> {
        self.not_in_failed(does)?;
        if let Some(classified) = self.columns(Some(does)) {
            self.answers.described(Some(classified));
        }
        let ran = self.query.as_ref().map_or(0, |q| q.ran);
        let mut portal =
            Portal { does: Some(does), left: None, done: false, ran, leans: None, cursor: false };
        self.run(does, &mut portal, None, 0)
    }

    pub fn execute(&mut self, name: &[u8], max: usize) -> Result<(), Code> {
        let mut portal = self.portals.remove(name).ok_or("34000")?;
        // The gateway knows no cursor as a portal.
        self.ambiguous |= portal.cursor;
        let done = self.execute_portal(name, &mut portal, max);
        // A statement that ends its transaction takes all portals with it.
        let ended =
            matches!(portal.does, Some(Does::Commit | Does::Rollback | Does::Discard)) && done.is_ok();
        if !ended {
            self.portals.entry(name.to_vec()).or_insert(portal);
        }
        done
    }

    fn execute_portal(&mut self, name: &[u8], portal: &mut Portal, max: usize) -> Result<(), Code> {
        let Some(does) = portal.does else {
            self.answers.put(b'I', b"");
            return Ok(());
        };
        self.still_leans(portal)?;
        self.not_in_failed(does)?;
        self.run(does, portal, Some(name), max)
    }

    fn run(&mut self, does: Does, portal: &mut Portal, name: Option<&[u8]>, max: usize) -> Result<(), Code> {
        match does {
            Does::Rows(rows, width, _) => return self.rows(portal, rows, width, max),
            Does::Execute(inner) => return self.run_prepared(inner, portal, name, max),
            _ if portal.done => return Err("55000"),
            Does::CopyIn => {
                self.answers.copy(b'G');
                self.answers.flush();
                self.copy = Some(name.map(<[u8]>::to_vec));
                return Ok(());
            }
            _ => {}
        }
        portal.done = true;
        match does {
            Does::Done(tag) => self.complete(tag),
            Does::Deferred(tag) => {
                self.doomed = true;
                self.complete(tag)
            }
            Does::CopyOut(rows, width) => {
                self.answers.copy(b'H');
                (0..rows).for_each(|_| self.answers.copy_row(width));
                self.answers.put(b'c', b"");
                self.complete(&format!("COPY {rows}"))
            }
            Does::Fails(rows, code) => {
                (0..rows).for_each(|_| self.answers.row(20));
                Err(code)
            }
            Does::Notice => {
                self.answers.notice();
                self.answers.row(20);
                self.complete("SELECT 1")
            }
            Does::Notify => {
                self.answers.notify = true;
                self.complete("NOTIFY")
            }
            Does::Reports => {
                self.answers.report = true;
                self.complete("SET")
            }
            Does::Dies => {
                self.answers.fatal();
                self.gone = true;
                Ok(())
            }
            Does::Rows(..) | Does::Execute(_) | Does::CopyIn => Ok(()),
            Does::Begin | Does::Commit | Does::Rollback => self.transaction(does),
            Does::Prepare(..)
            | Does::Deallocate(_)
            | Does::DeallocateAll
            | Does::Discard
            | Does::Declare(_)
            | Does::CloseCursor(_) => self.names(does, portal),
        }
    }

    fn rows(&mut self, portal: &mut Portal, rows: usize, width: usize, max: usize) -> Result<(), Code> {
        let left = portal.left.unwrap_or(rows);
        let now = if max > 0 { left.min(max) } else { left };
        (0..now).for_each(|_| self.answers.row(width));
        portal.left = Some(left - now);
        if max > 0 && now == max {
            self.answers.put(b's', b"");
            return Ok(());
        }
        self.complete(&format!("SELECT {now}"))
    }

    fn run_prepared(
        &mut self,
        name: &str,
        portal: &mut Portal,
        by: Option<&[u8]>,
        max: usize,
    ) -> Result<(), Code> {
        let known = self.statements.get(name.as_bytes()).cloned().ok_or("26000")?;
        self.ran[portal.ran].inner.push(known.text);
        match known.runs.first().copied() {
            // An EXECUTE inside would be refused before.
            Some(does) if !matches!(does, Does::Execute(_)) => self.run(does, portal, by, max),
            Some(_) | None => Err("42601"),
        }
    }

    fn transaction(&mut self, does: Does) -> Result<(), Code> {
        let tag = match (does, self.tx) {
            (Does::Begin, _) => {
                self.tx = Tx::Block;
                return self.complete("BEGIN");
            }
            (Does::Commit, Tx::Failed) | (Does::Rollback, _) => {
                self.doomed = false;
                "ROLLBACK"
            }
            _ => "COMMIT",
        };
        self.tx = Tx::Idle;
        self.portals.clear();
        if std::mem::take(&mut self.doomed) {
            return Err("23503");
        }
        self.complete(tag)
    }

    fn names(&mut self, does: Does, portal: &Portal) -> Result<(), Code> {
        match does {
            Does::Prepare(name, insert) => {
                if self.statements.contains_key(name.as_bytes()) {
                    return Err("42P05");
                }
                let text = self.ran[portal.ran].text.clone();
                let runs: &[Does] =
                    if insert { &[Does::Done("INSERT 0 1")] } else { &[Does::Rows(1, 8, false)] };
                self.define(name.as_bytes().to_vec(), &text, runs);
                self.complete("PREPARE")
            }
            Does::Deallocate(name) => {
                self.statements.remove(name.as_bytes()).ok_or("26000")?;
                self.complete("DEALLOCATE")
            }
            Does::DeallocateAll => {
                self.statements.clear();
                self.complete("DEALLOCATE ALL")
            }
            Does::Discard if self.tx != Tx::Idle => Err("25001"),
            Does::Discard => {
                self.statements.clear();
                self.portals.clear();
                self.complete("DISCARD ALL")
            }
            Does::Declare(_) if self.tx != Tx::Block => Err("25P01"),
            Does::Declare(name) => {
                if self.portals.contains_key(name.as_bytes()) {
                    return Err("42P03");
                }
                let (does, ran) = (Some(Does::Rows(1, 8, false)), portal.ran);
                let cursor = Portal { does, left: None, done: false, ran, leans: None, cursor: true };
                self.portals.insert(name.as_bytes().to_vec(), cursor);
                self.complete("DECLARE CURSOR")
            }
            Does::CloseCursor(name) => {
                self.portals.remove(name.as_bytes()).ok_or("34000")?;
                self.complete("CLOSE CURSOR")
            }
            _ => Ok(()),
        }
    }

    /// While COPY data is awaited.
    pub fn copy_message(&mut self, tag: u8, body: &[u8]) {
        let ended = match tag {
            b'H' | b'S' => return,
            b'd' if body.starts_with(b"bad") => {
                self.copy_failed = true;
                Err("22P04")
            }
            b'd' => return,
            b'c' => Ok(()),
            b'f' => Err("57014"),
            _ => Err("08P01"),
        };
        let portal = self.copy.take().flatten();
        let ended = ended.and_then(|()| self.complete("COPY 1"));
        match (ended, self.query.is_some()) {
            (Ok(()), true) => {
                self.next_statement();
                self.go_on();
            }
            (Ok(()), false) => {
                if let Some(portal) = portal.and_then(|name| self.portals.get_mut(&name)) {
                    portal.done = true;
                }
            }
            (Err(code), true) => self.query_failed(code),
            (Err(code), false) => {
                self.fail(code);
                self.skip = true;
            }
        }
    }
}
