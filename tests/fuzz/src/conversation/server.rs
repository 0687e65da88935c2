//! A model of a PostgreSQL server, as plain as can be: it follows the protocol's rules of answering (54.2) and those of
//! `postgres.c` that a relay depends on: one ReadyForQuery for each Sync and Query, all skipped up to Sync after an
//! error in the extended protocol, answers kept back until a Flush, Sync or Query, portals that end with their
//! transaction, names that cannot be taken twice, Sync and Flush ignored while COPY data is awaited.
//!
//! It stands in two places. Behind the gateway it refuses nothing by policy, and panics when something arrives that
//! should not have. Alone it is the reference: what a client would hear from a server that refuses by itself.

use std::collections::HashMap;

use super::answers::{self, Answers};
use super::texts::{Does, REFUSED, does, is_preparable};
use crate::plain::Item::{self, Bytes, Num};

/// SQLSTATE of an error, or `*` for a refusal whose code is the gateway's.
pub type Code = &'static str;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tx {
    Idle,
    Block,
    Failed,
}

/// A prepared statement.
#[derive(Debug, Clone)]
pub struct Statement {
    pub text: String,
    pub runs: &'static [Does],
    serial: u64,
}

#[derive(Debug)]
pub struct Portal {
    pub does: Option<Does>,
    pub left: Option<usize>,
    pub done: bool,
    /// Its place in [`Server::ran`].
    pub ran: usize,
    /// The version of the statement that its EXECUTE named when it was bound.
    pub leans: Option<u64>,
    /// DECLARE made it.
    pub cursor: bool,
}

/// A text that was planned or run.
#[derive(Debug)]
pub struct Ran {
    pub text: String,
    /// Texts that its EXECUTE ran.
    pub inner: Vec<String>,
}

/// A Query under way.
#[derive(Debug)]
pub struct Query {
    pub list: &'static [Does],
    pub at: usize,
    pub ran: usize,
}

pub struct Server {
    /// Behind the gateway, or alone.
    pub behind: bool,
    /// The gateway has heard something that this server did not say: what it thinks of names need not be so.
    pub misled: bool,
    inbox: Vec<u8>,
    pub answers: Answers,
    pub statements: HashMap<Vec<u8>, Statement>,
    pub portals: HashMap<Vec<u8>, Portal>,
    serial: u64,
    pub tx: Tx,
    pub skip: bool,
    pub query: Option<Query>,
    /// COPY data is awaited; the portal whose Execute asked for it, if one did.
    pub copy: Option<Option<Vec<u8>>>,
    pub ran: Vec<Ran>,
    pub gone: bool,
    /// The transaction cannot be committed.
    pub doomed: bool,
    /// A COPY has failed while the client may still be sending.
    pub copy_failed: bool,
    /// Client and server may have seen things in another order than through the gateway.
    pub racy: bool,
    /// The gateway refuses what the server would not.
    pub ambiguous: bool,
    declared: bool,
    named_portal: bool,
}

impl Server {
    pub fn new(behind: bool) -> Self {
        Self {
            behind,
            misled: false,
            inbox: Vec::new(),
            answers: Answers::default(),
            statements: HashMap::new(),
            portals: HashMap::new(),
            serial: 0,
            tx: Tx::Idle,
            skip: false,
            query: None,
            copy: None,
            ran: Vec::new(),
            gone: false,
            doomed: false,
            copy_failed: false,
            racy: false,
            ambiguous: false,
            declared: false,
            named_portal: false,
        }
    }

    /// Takes bytes of the client, and answers the whole messages among all that it has.
    pub fn take(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        while !self.gone
            && let Some((tag, body)) = answers::frame(&mut self.inbox)
        {
            self.message(tag, &body);
        }
    }

    /// Bytes of a message that is not whole yet.
    pub fn unread(&self) -> &[u8] {
        &self.inbox
    }

    fn message(&mut self, tag: u8, body: &[u8]) {
        let items = crate::plain::frontend(tag, body);
        assert!(!self.behind || items.is_some(), "{:?} was forwarded undecoded: {body:?}", char::from(tag));
        assert!(!self.behind || !b"Fp".contains(&tag), "{:?} was forwarded", char::from(tag));
        if std::mem::take(&mut self.copy_failed) {
            self.copy_failed = tag == b'd';
            self.racy |= !b"dcf".contains(&tag);
        }
        if tag == b'X' {
            self.gone = true;
        } else if self.copy.is_some() {
            self.copy_message(tag, body);
        } else if tag == b'S' {
            self.skip = false;
            self.sync(items.is_none());
        } else if !self.skip && !b"dcf".contains(&tag) {
            match items {
                Some(items) => self.extended(tag, items),
                // The gateway closes the connection.
                None => self.gone = true,
            }
        }
    }

    fn extended(&mut self, tag: u8, items: Vec<Item>) {
        let mut items = items.into_iter();
        let mut bytes = || match items.next() {
            Some(Bytes(bytes)) => bytes,
            _ => Vec::new(),
        };
        let done = match tag {
            b'Q' => return self.query(&text(&bytes())),
            b'F' => return self.query("F"),
            b'H' => return self.answers.flush(),
            b'P' => {
                let name = bytes();
                self.parse(name, &text(&bytes()))
            }
            b'B' => {
                let (portal, statement) = (bytes(), bytes());
                self.bind(portal, &statement, parameters(items))
            }
            b'D' | b'C' => {
                let kind = items.next();
                let name = match items.next() {
                    Some(Bytes(name)) => name,
                    _ => Vec::new(),
                };
                let of_statement = kind == Some(Num(i64::from(b'S')));
                if tag == b'D' { self.describe(of_statement, &name) } else { self.close(of_statement, &name) }
            }
            b'E' => {
                let name = bytes();
                let max = match items.next() {
                    Some(Num(rows)) => usize::try_from(rows).unwrap_or(0),
                    _ => 0,
                };
                self.execute(&name, max)
            }
            _ => {
                self.gone = true;
                Ok(())
            }
        };
        if let Err(code) = done {
            self.fail(code);
            self.skip = true;
        }
    }

    /// An error outside what a simple Query does: the transaction is aborted.
    pub fn fail(&mut self, code: Code) {
        self.answers.error(code);
        self.doomed = false;
        match self.tx {
            Tx::Idle => self.portals.clear(),
            Tx::Block | Tx::Failed => self.tx = Tx::Failed,
        }
    }

    fn sync(&mut self, malformed: bool) {
        if malformed {
            self.gone = true;
            return;
        }
        if self.tx == Tx::Idle && std::mem::take(&mut self.doomed) {
            self.fail("23503");
        }
        self.ready();
    }

    pub fn ready(&mut self) {
        if self.tx == Tx::Idle {
            self.portals.clear();
        }
        self.answers.ready(self.tx);
    }

    /// What a text runs. Behind the gateway nothing that is refused may arrive; alone, the refusal is here.
    fn understood(&self, text: &str) -> Result<&'static [Does], Code> {
        if self.behind {
            assert!(!REFUSED.contains(&text), "`{text}` was forwarded");
        }
        does(text).ok_or(if self.behind { "42601" } else { "*" })
    }

    fn exits(list: &[Does]) -> bool {
        matches!(list.first(), Some(Does::Commit | Does::Rollback))
    }

    fn query(&mut self, text: &str) {
        // The simple protocol uses the unnamed statement and the unnamed portal itself.
        self.statements.remove(&b""[..]);
        let begun = self.understood(text).and_then(|list| {
            self.declared |= list.iter().any(|d| matches!(d, Does::Declare(_)));
            self.ambiguous |= self.declared && self.named_portal;
            self.leaning(list).map(|_| list)
        });
        match begun {
            Err(code) => {
                self.fail(code);
                self.ready();
            }
            Ok(list) => {
                self.portals.remove(&b""[..]);
                self.ran.push(Ran { text: text.to_owned(), inner: Vec::new() });
                self.query = Some(Query { list, at: 0, ran: self.ran.len() - 1 });
                self.go_on();
            }
        }
    }

    fn parse(&mut self, name: Vec<u8>, text: &str) -> Result<(), Code> {
        if name.is_empty() {
            self.statements.remove(&name);
        }
        let list = self.understood(text)?;
        if list.len() > 1 {
            return Err("42601");
        }
        if self.tx == Tx::Failed && !Self::exits(list) {
            return Err("25P02");
        }
        if self.statements.contains_key(&name) {
            return Err("42P05");
        }
        self.define(name, text, list);
        self.answers.put(b'1', b"");
        Ok(())
    }

    pub fn define(&mut self, name: Vec<u8>, text: &str, runs: &'static [Does]) {
        self.serial += 1;
        self.statements.insert(name, Statement { text: text.to_owned(), runs, serial: self.serial });
    }

    /// The version of the statement that an EXECUTE leans on. The gateway refuses one that it cannot find, or that SQL's
    /// PREPARE would not take, before anything of the text runs.
    fn leaning(&self, list: &[Does]) -> Result<Option<u64>, Code> {
        let [Does::Execute(name)] = list else { return Ok(None) };
        let known = self.statements.get(name.as_bytes()).ok_or("26000")?;
        if !is_preparable(&known.text) {
            assert!(!self.behind || self.misled, "EXECUTE of `{}` was forwarded", known.text);
            return Err("*");
        }
        Ok(Some(known.serial))
    }

    /// The same at Execute: what was bound must still be meant.
    pub fn still_leans(&self, portal: &Portal) -> Result<(), Code> {
        let Some(Does::Execute(name)) = portal.does else { return Ok(()) };
        let now = self.statements.get(name.as_bytes()).map(|s| s.serial).ok_or("26000")?;
        let same = portal.leans == Some(now);
        assert!(same || !self.behind || self.misled, "EXECUTE runs another statement than was bound");
        if same { Ok(()) } else { Err("*") }
    }

    fn bind(&mut self, portal: Vec<u8>, statement: &[u8], parameters: i64) -> Result<(), Code> {
        self.named_portal |= !portal.is_empty();
        self.ambiguous |= self.declared && self.named_portal;
        let known = self.statements.get(statement).cloned().ok_or("26000")?;
        self.declared |= matches!(known.runs, [Does::Declare(_)]);
        self.ambiguous |= self.declared && self.named_portal;
        let leans = self.leaning(known.runs)?;
        if parameters != 0 {
            return Err("08P01");
        }
        if self.tx == Tx::Failed && !Self::exits(known.runs) {
            return Err("25P02");
        }
        if !portal.is_empty() && self.portals.contains_key(&portal) {
            return Err("42P03");
        }
        self.ran.push(Ran { text: known.text, inner: Vec::new() });
        let (does, ran) = (known.runs.first().copied(), self.ran.len() - 1);
        let bound = Portal { does, left: None, done: false, ran, leans, cursor: false };
        self.portals.insert(portal, bound);
        self.answers.put(b'2', b"");
        Ok(())
    }

    fn describe(&mut self, of_statement: bool, name: &[u8]) -> Result<(), Code> {
        let does = if of_statement {
            self.statements.get(name).ok_or("26000")?.runs.first().copied()
        } else {
            self.portals.get(name).ok_or("34000")?.does
        };
        let columns = self.columns(does);
        if self.tx == Tx::Failed && columns.is_some() {
            return Err("25P02");
        }
        if of_statement {
            self.answers.put(b't', &[0, 0]);
        }
        self.answers.described(columns);
        Ok(())
    }

    /// Whether it answers rows, and whether of the classified relation.
    pub fn columns(&self, does: Option<Does>) -> Option<bool> {
        match does? {
            Does::Rows(_, _, classified) => Some(classified),
            Does::Fails(..) | Does::Notice | Does::Dies => Some(false),
            Does::Execute(name) => {
                let inner = self.statements.get(name.as_bytes())?.runs.first().copied();
                // EXECUTE of EXECUTE is not preparable.
                if matches!(inner, Some(Does::Execute(_))) { None } else { self.columns(inner) }
            }
            _ => None,
        }
    }

    fn close(&mut self, of_statement: bool, name: &[u8]) -> Result<(), Code> {
        if of_statement {
            self.statements.remove(name);
        } else {
            self.portals.remove(name);
        }
        self.answers.put(b'3', b"");
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The number of parameters in a Bind, of whose items the names are taken off.
fn parameters(mut items: impl Iterator<Item = Item>) -> i64 {
    let mut count = || match items.next() {
        Some(Num(n)) => n,
        _ => 0,
    };
    for _ in 0..count() {
        count();
    }
    count()
}
