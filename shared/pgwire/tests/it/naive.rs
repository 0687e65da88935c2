//! A second decoder of message bodies, as simple as can be and sharing nothing with the crate: it takes bytes off
//! the front of a list, copies everything, and says no more than yes or no. And the crate's own answers in the same
//! terms, so that the two can be compared. The fuzz targets use it too.

use hoop_pgwire::backend::{Authentication, BackendMessage};
use hoop_pgwire::frontend::FrontendMessage;
use hoop_pgwire::{BackendTag, Format, Formats, FrontendTag, NamedObject, Tag};

/// One decoded field.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    Num(i64),
    Bytes(Vec<u8>),
    Null,
}

use Item::{Bytes, Null, Num};

/// The bytes not yet read.
struct Naive {
    left: Vec<u8>,
    items: Vec<Item>,
}

impl Naive {
    fn byte(&mut self) -> Option<u8> {
        if self.left.is_empty() { None } else { Some(self.left.remove(0)) }
    }

    fn number(&mut self, bytes: usize) -> Option<i64> {
        let mut value = 0;
        for _ in 0..bytes {
            value = value * 256 + i64::from(self.byte()?);
        }
        Some(value)
    }

    fn signed(&mut self, bytes: u32) -> Option<i64> {
        let value = self.number(bytes as usize)?;
        let range = 256_i64.pow(bytes);
        Some(if value >= range / 2 { value - range } else { value })
    }

    fn num(&mut self, bytes: usize) -> Option<i64> {
        let value = self.number(bytes)?;
        self.items.push(Num(value));
        Some(value)
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                0 => return Some(text),
                byte => text.push(byte),
            }
        }
    }

    fn bytes(&mut self) -> Option<()> {
        let text = self.string()?;
        self.items.push(Bytes(text));
        Some(())
    }

    fn text(&mut self) -> Option<()> {
        let text = String::from_utf8(self.string()?).ok()?;
        self.items.push(Bytes(text.into_bytes()));
        Some(())
    }

    fn name(&mut self) -> Option<()> {
        let text = String::from_utf8(self.string()?).ok()?;
        if text.len() > 63 {
            return None;
        }
        self.items.push(Bytes(text.into_bytes()));
        Some(())
    }

    fn value(&mut self) -> Option<()> {
        let len = self.signed(4)?;
        if len == -1 {
            self.items.push(Null);
            return Some(());
        }
        if len < 0 || len > self.left.len() as i64 {
            return None;
        }
        let value = (0..len).map(|_| self.byte()).collect::<Option<Vec<u8>>>()?;
        self.items.push(Bytes(value));
        Some(())
    }

    fn rest(&mut self) {
        let rest = std::mem::take(&mut self.left);
        self.items.push(Bytes(rest));
    }

    fn formats(&mut self) -> Option<i64> {
        let count = self.num(2)?;
        for _ in 0..count {
            if self.num(2)? > 1 {
                return None;
            }
        }
        Some(count)
    }
}

fn whole(body: &[u8], read: impl FnOnce(&mut Naive) -> Option<()>) -> Option<Vec<Item>> {
    let mut naive = Naive { left: body.to_vec(), items: Vec::new() };
    read(&mut naive)?;
    naive.left.is_empty().then_some(naive.items)
}

/// The fields of a client message, or nothing when it is malformed.
pub fn frontend(tag: u8, body: &[u8]) -> Option<Vec<Item>> {
    whole(body, |n| match tag {
        b'Q' | b'f' => n.text(),
        b'P' => {
            n.name()?;
            n.text()?;
            let count = n.num(2)?;
            (0..count).try_for_each(|_| n.num(4).map(drop))
        }
        b'B' => {
            n.name()?;
            n.name()?;
            let formats = n.formats()?;
            let count = n.num(2)?;
            (0..count).try_for_each(|_| n.value())?;
            if formats > 1 && formats != count {
                return None;
            }
            n.formats().map(drop)
        }
        b'D' | b'C' => {
            let kind = n.num(1)?;
            if kind != i64::from(b'S') && kind != i64::from(b'P') {
                return None;
            }
            n.name()
        }
        b'E' => {
            n.name()?;
            let rows = n.signed(4)?.max(0);
            n.items.push(Num(rows));
            Some(())
        }
        b'd' | b'p' => {
            n.rest();
            Some(())
        }
        b'F' => {
            n.left.clear();
            Some(())
        }
        b'c' | b'H' | b'S' | b'X' => Some(()),
        _ => None,
    })
}

/// The fields of a server message, or nothing when it is malformed.
pub fn backend(tag: u8, body: &[u8]) -> Option<Vec<Item>> {
    whole(body, |n| match tag {
        b'R' => naive_authentication(n),
        b'K' => {
            n.num(4)?;
            if !(4..=256).contains(&n.left.len()) {
                return None;
            }
            n.rest();
            Some(())
        }
        b'C' => n.text(),
        b'd' => {
            n.rest();
            Some(())
        }
        b'G' | b'H' | b'W' => {
            let overall = n.num(1)?;
            let before = n.items.len();
            n.formats()?;
            let any_binary = n.items[before + 1..].contains(&Num(1));
            (overall == 1 || overall == 0 && !any_binary).then_some(())
        }
        b'D' => {
            let count = n.num(2)?;
            (0..count).try_for_each(|_| n.value())
        }
        b'E' | b'N' => {
            while n.num(1)? != 0 {
                n.bytes()?;
            }
            Some(())
        }
        b'v' => {
            if n.num(2)? != 3 {
                return None;
            }
            n.num(2)?;
            let count = n.num(4)?;
            (0..count).try_for_each(|_| n.text())
        }
        b'A' => {
            n.num(4)?;
            n.bytes()?;
            n.bytes()
        }
        b't' => {
            let count = n.num(2)?;
            (0..count).try_for_each(|_| n.num(4).map(drop))
        }
        b'S' => {
            n.text()?;
            n.bytes()
        }
        b'Z' => {
            let status = n.num(1)?;
            b"ITE".iter().any(|byte| i64::from(*byte) == status).then_some(())
        }
        b'T' => {
            let count = n.num(2)?;
            (0..count).try_for_each(|_| {
                n.bytes()?;
                for bytes in [4, 2, 4, 2, 4] {
                    n.num(bytes)?;
                }
                (n.num(2)? <= 1).then_some(())
            })
        }
        b'V' => {
            n.left.clear();
            Some(())
        }
        b'2' | b'3' | b'c' | b'I' | b'n' | b'1' | b's' => Some(()),
        _ => None,
    })
}

fn naive_authentication(n: &mut Naive) -> Option<()> {
    match n.num(4)? {
        0 | 2 | 3 | 7 | 9 => Some(()),
        5 => n.num(4).map(drop),
        8 | 11 | 12 => {
            n.rest();
            Some(())
        }
        10 => {
            n.text()?;
            if n.items.last() == Some(&Bytes(Vec::new())) {
                return None;
            }
            while n.items.last() != Some(&Bytes(Vec::new())) {
                n.text()?;
            }
            n.items.pop();
            Some(())
        }
        _ => None,
    }
}

fn bytes(bytes: impl AsRef<[u8]>) -> Item {
    Bytes(bytes.as_ref().to_vec())
}

fn num(number: impl Into<i64>) -> Item {
    Num(number.into())
}

fn value(value: Option<&[u8]>) -> Item {
    value.map_or(Null, bytes)
}

fn formats(list: Formats<'_>) -> Vec<Item> {
    let mut items = vec![Num(list.len() as i64)];
    items.extend(list.iter().map(|format| num(format.code())));
    items
}

fn counted(count: usize, items: impl Iterator<Item = Item>) -> Vec<Item> {
    std::iter::once(Num(count as i64)).chain(items).collect()
}

/// The crate's answer for a client message, in the same terms.
pub fn crate_frontend(tag: FrontendTag, body: &[u8]) -> Option<Vec<Item>> {
    let kind = |object: NamedObject| num(if object == NamedObject::Statement { b'S' } else { b'P' });
    Some(match FrontendMessage::decode(tag, body).ok()? {
        FrontendMessage::Bind(bind) => {
            let mut items = vec![bytes(bind.portal), bytes(bind.statement)];
            items.extend(formats(bind.param_formats));
            items.extend(counted(bind.params.len(), bind.params.iter().map(value)));
            items.extend(formats(bind.result_formats));
            items
        }
        FrontendMessage::Close(named) | FrontendMessage::Describe(named) => {
            vec![kind(named.object), bytes(named.name)]
        }
        FrontendMessage::CopyData(copy) => vec![bytes(copy.data)],
        FrontendMessage::CopyFail(fail) => vec![bytes(fail.reason)],
        FrontendMessage::Execute(execute) => vec![bytes(execute.portal), num(execute.max_rows)],
        FrontendMessage::Parse(parse) => {
            let mut items = vec![bytes(parse.name), bytes(parse.query)];
            items.extend(counted(parse.param_oids.len(), parse.param_oids.iter().map(num)));
            items
        }
        FrontendMessage::Authentication(answer) => vec![bytes(answer.body)],
        FrontendMessage::Query(query) => vec![bytes(query.text)],
        FrontendMessage::CopyDone
        | FrontendMessage::Flush
        | FrontendMessage::FunctionCall
        | FrontendMessage::Sync
        | FrontendMessage::Terminate => Vec::new(),
    })
}

/// The crate's answer for a server message, in the same terms.
pub fn crate_backend(tag: BackendTag, body: &[u8]) -> Option<Vec<Item>> {
    Some(match BackendMessage::decode(tag, body).ok()? {
        BackendMessage::Authentication(request) => authentication(request),
        BackendMessage::BackendKeyData(data) => vec![num(data.pid), bytes(data.key.expose())],
        BackendMessage::CommandComplete(done) => vec![bytes(done.tag)],
        BackendMessage::CopyData(copy) => vec![bytes(copy.data)],
        BackendMessage::CopyInResponse(copy)
        | BackendMessage::CopyOutResponse(copy)
        | BackendMessage::CopyBothResponse(copy) => {
            let mut items = vec![num(u8::from(copy.overall == Format::Binary))];
            items.extend(formats(copy.columns));
            items
        }
        BackendMessage::DataRow(row) => counted(usize::from(row.columns()), row.values().map(value)),
        BackendMessage::ErrorResponse(report) | BackendMessage::NoticeResponse(report) => {
            let mut items: Vec<Item> =
                report.fields().flat_map(|field| [num(field.code), bytes(&body[field.range])]).collect();
            items.push(Num(0));
            items
        }
        BackendMessage::NegotiateProtocolVersion(answer) => {
            let options: Vec<Item> = answer.unknown_options.iter().map(bytes).collect();
            let mut items =
                vec![num(answer.newest.major), num(answer.newest.minor), Num(options.len() as i64)];
            items.extend(options);
            items
        }
        BackendMessage::NotificationResponse(n) => vec![num(n.pid), bytes(n.channel), bytes(n.payload)],
        BackendMessage::ParameterDescription(oids) => counted(oids.len(), oids.iter().map(num)),
        BackendMessage::ParameterStatus(status) => vec![bytes(status.name), bytes(status.value)],
        BackendMessage::ReadyForQuery(_) => vec![num(body[0])],
        BackendMessage::RowDescription(description) => {
            let columns = description.columns().flat_map(|c| {
                let unsigned = |n: i16| num(n.cast_unsigned());
                [
                    bytes(c.name),
                    num(c.table_oid),
                    unsigned(c.attnum),
                    num(c.type_oid),
                    unsigned(c.typlen),
                    num(c.typmod.cast_unsigned()),
                    num(c.format.code()),
                ]
            });
            counted(usize::from(description.len()), columns)
        }
        BackendMessage::BindComplete
        | BackendMessage::CloseComplete
        | BackendMessage::CopyDone
        | BackendMessage::EmptyQueryResponse
        | BackendMessage::FunctionCallResponse
        | BackendMessage::NoData
        | BackendMessage::ParseComplete
        | BackendMessage::PortalSuspended => Vec::new(),
    })
}

fn authentication(request: Authentication<'_>) -> Vec<Item> {
    let mut items = vec![num(request.code())];
    match request {
        Authentication::Ok
        | Authentication::KerberosV5
        | Authentication::CleartextPassword
        | Authentication::Gss
        | Authentication::Sspi => {}
        Authentication::Md5Password { salt } => items.push(num(u32::from_be_bytes(salt))),
        Authentication::GssContinue { data }
        | Authentication::SaslContinue { data }
        | Authentication::SaslFinal { data } => items.push(bytes(data)),
        Authentication::Sasl(mechanisms) => items.extend(mechanisms.iter().map(bytes)),
    }
    items
}

/// Panics where crate and naive decoder disagree about a body of any type, in either direction.
pub fn compare(tag: u8, body: &[u8]) {
    if let Some(known) = FrontendTag::from_byte(tag) {
        assert_eq!(crate_frontend(known, body), frontend(tag, body), "client's {known:?}");
    }
    if let Some(known) = BackendTag::from_byte(tag) {
        assert_eq!(crate_backend(known, body), backend(tag, body), "server's {known:?}");
    }
}
