//! Client → target: the extended query protocol. A text is judged at Parse and recorded at Bind, since planning can run
//! functions; Execute goes on with what Bind began.

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use hoop_ledger::entry::Parameter;
use hoop_pgwire::frontend::{Bind, Execute, Named, Parse, encode};
use hoop_pgwire::{Format, FrontendTag, HEADER_LEN, NamedObject, Tag as _};

use super::conversation::{Client, Conversation, End, Stalled};
use super::expected::Expected;
use super::hold::Lifted;
use super::inbound::{POISON, Resolved};
use super::instead::writes_back;
use super::judge::Looked;
use super::message::{Message, SHOWN_BYTES, Sent};
use super::names::{Found, Meaning, Portal};
use super::parameter::Shown;
use super::past::Effect;
use super::pipe::Pipe;
use super::refusal;
use crate::gate::{Pass, Reason, Refused};

fn shown<'m>(message: &Bind<'m>) -> Vec<Shown<'m>> {
    message.typed_params().map(|(format, value)| Shown { binary: format == Format::Binary, value }).collect()
}

impl Conversation {
    /// Puts a text that cannot parse in the place of an extended-protocol message and skips to Sync.
    pub(super) fn replace_extended(
        &mut self,
        len: usize,
        refused: Refused,
        pipe: &mut Pipe,
    ) -> Result<Option<Stalled>, End> {
        self.stop_waiting();
        let denied = self.denial(refused)?;
        let mut poison = Vec::with_capacity(32);
        // A Parse that fails costs the client its unnamed statement if that is what it would have made, and no other
        // message does. The server looks at the text before it looks at the name, so any name will do.
        let unnamed = pipe.pending().first() == Some(&FrontendTag::Parse.byte())
            && pipe.pending().get(HEADER_LEN) == Some(&0);
        let name = if unnamed { "" } else { POISON };
        encode::parse(&mut poison, name, POISON, []).map_err(End::ClientFault)?;
        pipe.replace(len, &poison);
        self.push(Expected::Poison(denied));
        self.client = Client::SkipToSync;
        Ok(None)
    }

    pub(super) fn parse(
        &mut self,
        body: Range<usize>,
        pipe: &mut Pipe,
        cx: &mut Context<'_>,
    ) -> Result<Option<Stalled>, End> {
        let len = body.end;
        let message = Parse::decode(&pipe.pending()[body]).map_err(End::ClientFault)?;
        if let Some(reason) = self.names_refused() {
            let refused = self.refuse(reason);
            return self.replace_extended(len, refused, pipe);
        }
        let judged = match self.judge.look(message.query, cx) {
            Poll::Pending => return Ok(Some(Stalled::Parsing)),
            Poll::Ready(Looked::Judged(judged)) => judged,
            Poll::Ready(Looked::Refused(refusal)) => {
                let refused = self.refuse(refusal);
                return self.replace_extended(len, refused, pipe);
            }
        };
        let pass = match self.gate.judged(&judged.asked(), judged.at_best()) {
            Ok(pass) => pass,
            Err(refused) => return self.replace_extended(len, refused, pipe),
        };
        let judged = match (judged.waits(), judged.effect) {
            // An approval is bound to the text, and Bind does not bring it again.
            (true, _) | (_, Effect::Setting | Effect::Reset) if message.query.len() <= SHOWN_BYTES => {
                let types = message.param_oids.iter().collect();
                Arc::new(judged.with_sent(Sent { text: message.query.into(), types, told: Box::default() }))
            }
            _ => judged,
        };
        let name: Box<str> = message.name.into();
        let mut instead = Vec::new();
        if let Some(text) = judged.sent_instead() {
            encode::parse(&mut instead, message.name, text, message.param_oids.iter())
                .map_err(End::ClientFault)?;
        }
        let ours = judged.ours.clone();
        let serial = self.statements.put(&name, Meaning::Is(judged), self.segment);
        self.push(Expected::Parse { name, serial, ours });
        if instead.is_empty() {
            pipe.pass(len, pass);
        } else {
            pipe.replace(len, &instead);
        }
        Ok(None)
    }

    pub(super) fn bind(
        &mut self,
        body: Range<usize>,
        pipe: &mut Pipe,
        cx: &mut Context<'_>,
    ) -> Result<Option<Stalled>, End> {
        let len = body.end;
        let message = Bind::decode(&pipe.pending()[body]).map_err(End::ClientFault)?;
        if let Some(reason) = self.names_refused() {
            let refused = self.refuse(reason);
            return self.replace_extended(len, refused, pipe);
        }
        let judged = match self.statements.find(message.statement, self.segment) {
            Found::Wait => return Ok(Some(Stalled::Answer)),
            Found::Unknown => {
                let refused = self.refuse(refusal::unknown_statement(message.statement));
                return self.replace_extended(len, refused, pipe);
            }
            Found::Known(_, judged) => Arc::clone(judged),
        };
        // Policy may have changed since Parse.
        let judged = self.judge.again(&judged);
        let (effective, leans) = match self.with_executed(&judged) {
            Resolved::As(effective, leans) => (effective, leans),
            Resolved::Wait => return Ok(Some(Stalled::Answer)),
            Resolved::Unknown(name) => {
                let refused = self.refuse(refusal::unknown_statement(&name));
                return self.replace_extended(len, refused, pipe);
            }
        };
        let image = writes_back(&judged, &message);
        if let Some(reason) = image.or_else(|| self.bind_refused(&effective, message.portal)) {
            let refused = self.gate.refuse(&effective.asked(), reason);
            return self.replace_extended(len, refused, pipe);
        }
        self.parameters.clear();
        self.parameters.extend(message.typed_params().map(|(format, value)| Parameter {
            oid: 0,
            binary: format == Format::Binary,
            len: value.map_or(-1, |v| i32::try_from(v.len()).unwrap_or(i32::MAX)),
        }));
        let sent = effective.sent.clone();
        let shown = Message {
            by_query: false,
            text: sent.as_deref().map(|s| &*s.text),
            types: sent.as_deref().map_or(&[], |s| &s.types),
            told: sent.as_deref().map_or(&[], |s| &s.told),
            parameters: if effective.waits() { shown(&message) } else { Vec::new() },
        };
        let lifted = self.ruling(&effective, &shown, cx)?;
        let (ruling, used) = match &lifted {
            Lifted::Not(stalled) => return Ok(Some(*stalled)),
            Lifted::AsJudged => (&effective.ruling, None),
            Lifted::As(ruling, used) => (ruling, used.as_ref()),
        };
        match self.gate.admit(&effective.asked(), &self.parameters, ruling, used) {
            Err(refused) => self.replace_extended(len, refused, pipe),
            Ok(permitted) => {
                self.note_past(effective.effect, shown.text);
                self.note_masks(&judged);
                let name: Box<str> = message.portal.into();
                let run = self.begin(&permitted, &effective, effective.bounds(ruling));
                let portal = Portal { run, judged: effective, leans, columns: None, described: false };
                let serial = self.portals.put(&name, Meaning::Is(portal), self.segment);
                self.push(Expected::Bind { name, serial, run });
                Ok(self.let_through(permitted, len, None, Client::Ready, pipe))
            }
        }
    }

    pub(super) fn execute(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<Option<Stalled>, End> {
        let len = body.end;
        let message = Execute::decode(&pipe.pending()[body]).map_err(End::ClientFault)?;
        let (serial, portal) = match self.portals.find(message.portal, self.segment) {
            Found::Wait => return Ok(Some(Stalled::Answer)),
            Found::Unknown => {
                let refused = self.refuse(refusal::unknown_portal(message.portal));
                return self.replace_extended(len, refused, pipe);
            }
            Found::Known(serial, portal) => (serial, portal),
        };
        let (name, asked): (Box<str>, u32) = (message.portal.into(), message.max_rows);
        let described = std::mem::replace(&mut portal.described, true);
        let (run, judged, leans) = (portal.run, Arc::clone(&portal.judged), portal.leans.clone());
        match self.execute_refused(&name, &judged, &leans) {
            Err(stalled) => return Ok(Some(stalled)),
            Ok(Some(reason)) => {
                let refused = self.refuse(reason);
                return self.replace_extended(len, refused, pipe);
            }
            Ok(None) => {}
        }
        if asked > 0 && self.runs.open(run).is_some_and(|r| r.write && r.counts_changes()) {
            // It would have run whole, and be committed before it tells what it changed.
            let refused = self.refuse(refusal::portion_of_a_change());
            return self.replace_extended(len, refused, pipe);
        }
        // A function can close a named portal and open a cursor of that name: its columns are asked for each time,
        // right before. The unnamed portal is made by Bind alone.
        let just_described = self.just_described.take() == Some(serial);
        let ask_columns = if name.is_empty() { !described } else { !just_described };
        if ask_columns {
            // The rows can only be masked by column when the columns are known.
            let mut ask = Vec::with_capacity(16);
            encode::describe(&mut ask, NamedObject::Portal, &name).map_err(End::ClientFault)?;
            pipe.insert(&ask);
            self.push(Expected::DescribePortal { name: name.clone(), serial: Some(serial), ours: true });
        }
        let defines = self.define(&judged);
        let bounded = self.bounded_execute(run, &name, asked)?;
        self.push(Expected::Execute { name, serial, run, copy: judged.copy_mask(), defines });
        match bounded {
            None => pipe.pass(len, Pass::execute(run)),
            Some(ours) => {
                self.keep_within(run, false);
                pipe.replace(len, &ours);
            }
        }
        if judged.copies_in() {
            self.client = Client::CopyWait;
        }
        Ok(None)
    }

    pub(super) fn describe(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<Option<Stalled>, End> {
        let len = body.end;
        let message = Named::decode_describe(&pipe.pending()[body]).map_err(End::ClientFault)?;
        if let Some(reason) = self.unnamed_unknown(message.object, message.name) {
            let refused = self.refuse(reason);
            return self.replace_extended(len, refused, pipe);
        }
        let expected = match message.object {
            NamedObject::Statement => {
                let typed = match self.statements.find(message.name, self.segment) {
                    Found::Known(serial, judged) if judged.sent.is_some() => {
                        Some((message.name.into(), serial))
                    }
                    Found::Known(..) | Found::Unknown | Found::Wait => None,
                };
                Expected::DescribeStatement { typed }
            }
            NamedObject::Portal => {
                let serial = match self.portals.find(message.name, self.segment) {
                    Found::Known(serial, portal) => {
                        portal.described = true;
                        Some(serial)
                    }
                    Found::Unknown | Found::Wait => None,
                };
                self.just_described = serial;
                Expected::DescribePortal { name: message.name.into(), serial, ours: false }
            }
        };
        self.push(expected);
        pipe.pass(len, Pass::control());
        Ok(None)
    }

    /// A Query that went out in parts leaves an unnamed statement and portal of ours at the server, where the client has
    /// none.
    fn unnamed_unknown(&mut self, object: NamedObject, name: &str) -> Option<Arc<Reason>> {
        if !name.is_empty() {
            return None;
        }
        let segment = self.segment;
        match object {
            NamedObject::Statement => matches!(self.statements.find(name, segment), Found::Unknown)
                .then(|| refusal::unknown_statement(name)),
            NamedObject::Portal => matches!(self.portals.find(name, segment), Found::Unknown)
                .then(|| refusal::unknown_portal(name)),
        }
    }

    pub(super) fn close(&mut self, body: Range<usize>, pipe: &mut Pipe) -> Result<Option<Stalled>, End> {
        let len = body.end;
        let message = Named::decode_close(&pipe.pending()[body]).map_err(End::ClientFault)?;
        let name: Box<str> = message.name.into();
        let expected = match message.object {
            NamedObject::Statement => {
                let serial = self.statements.put(&name, Meaning::Gone, self.segment);
                Expected::CloseStatement { name, serial }
            }
            NamedObject::Portal => {
                let serial = self.portals.put(&name, Meaning::Gone, self.segment);
                Expected::ClosePortal { name, serial }
            }
        };
        self.push(expected);
        pipe.pass(len, Pass::control());
        Ok(None)
    }
}
