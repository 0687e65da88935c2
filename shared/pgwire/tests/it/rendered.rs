//! The crate's own answers in the terms of the naive decoder, and the comparison of the two.

use hoop_pgwire::backend::{Authentication, BackendMessage};
use hoop_pgwire::frontend::FrontendMessage;
use hoop_pgwire::{BackendTag, Format, Formats, FrontendTag, NamedObject, Tag};

use super::naive::Item::{self, Bytes, Null, Num};
use super::naive::{backend, frontend};

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
