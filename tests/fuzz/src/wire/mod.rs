//! The PostgreSQL wire codec: walks agree with themselves and with a naive decoder, encoders undo decoders.

mod pieces;
mod row;
mod startup;

pub use row::wire_row;
pub use startup::wire_startup;

use hoop_pgwire::backend::{self, BackendMessage};
use hoop_pgwire::frontend::{self, FrontendMessage};
use hoop_pgwire::{BackendTag, Frame, FrontendTag, Limits, Tag, WireError, next_frame};

/// Any bytes as a client's stream after start-up.
pub fn wire_frontend(data: &[u8]) {
    pieces::split_at_every_byte::<FrontendTag>(data, b"BCDEFHPQSXcdfp");
    walk::<FrontendTag>(data, &Limits::default(), |tag, frame, body| {
        crate::plain::compare(tag.byte(), body);
        if let Ok(message) = FrontendMessage::decode(tag, body) {
            let mut again = Vec::new();
            if encode_client(&message, &mut again).unwrap() {
                assert_eq!(again, frame, "{tag:?} written again");
            }
        }
    });
}

/// Any bytes as a server's stream after start-up.
pub fn wire_backend(data: &[u8]) {
    pieces::split_at_every_byte::<BackendTag>(data, b"123ACDEGHIKNRSTVWZcdnstv");
    walk::<BackendTag>(data, &Limits::default(), |tag, frame, body| {
        crate::plain::compare(tag.byte(), body);
        if let Ok(message) = BackendMessage::decode(tag, body) {
            let mut again = Vec::new();
            if encode_server(&message, &mut again).unwrap() {
                assert_eq!(again, frame, "{tag:?} written again");
            }
        }
    });
}

/// Walks the frames at the start of `data`, and again with the stream cut short: no frame may begin or end
/// elsewhere because of that, and no fault may come earlier or later than its bytes.
fn walk<T: Tag>(data: &[u8], limits: &Limits<T>, mut each: impl FnMut(T, &[u8], &[u8])) {
    let mut at = 0;
    loop {
        let rest = &data[at..];
        let status = next_frame(rest, limits);
        match &status {
            Ok(Frame::Whole { tag, body }) => {
                assert!(body.end <= rest.len() && body.end <= limits.limit(*tag) as usize);
                let short = next_frame(&rest[..body.end - 1], limits);
                assert!(matches!(short, Ok(Frame::Head { .. } | Frame::Incomplete { .. })));
                assert_eq!(next_frame(&rest[..body.end], limits), status);
                each(*tag, &rest[..body.end], &rest[body.clone()]);
                at += body.end;
            }
            Ok(Frame::Head { tag, len, have }) => {
                assert!(*have == rest.len() && have < len && *len <= limits.limit(*tag) as usize);
                return;
            }
            Ok(Frame::Incomplete { need }) => {
                assert_eq!(rest.len() + need, 5);
                return;
            }
            Err(_) => return,
        }
    }
}

/// Writes the message again; false for those that have no encoder or more than one form.
fn encode_client(message: &FrontendMessage<'_>, out: &mut Vec<u8>) -> Result<bool, WireError> {
    use frontend::encode;
    match message {
        FrontendMessage::Bind(bind) => {
            let (formats, results) = (bind.param_formats.iter(), bind.result_formats.iter());
            encode::bind(out, bind.portal, bind.statement, formats, bind.params.iter(), results)?;
        }
        FrontendMessage::Close(close) => encode::close(out, close.object, close.name)?,
        FrontendMessage::CopyData(copy) => encode::copy_data(out, copy.data)?,
        FrontendMessage::CopyDone => encode::copy_done(out),
        FrontendMessage::CopyFail(fail) => encode::copy_fail(out, fail.reason)?,
        FrontendMessage::Describe(describe) => encode::describe(out, describe.object, describe.name)?,
        FrontendMessage::Flush => encode::flush(out),
        FrontendMessage::Parse(parse) => {
            encode::parse(out, parse.name, parse.query, parse.param_oids.iter())?;
        }
        FrontendMessage::Query(query) => encode::query(out, query.text)?,
        FrontendMessage::Sync => encode::sync(out),
        FrontendMessage::Terminate => encode::terminate(out),
        FrontendMessage::Execute(_) | FrontendMessage::FunctionCall | FrontendMessage::Authentication(_) => {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes the message again; false for those that have no encoder or more than one form.
fn encode_server(message: &BackendMessage<'_>, out: &mut Vec<u8>) -> Result<bool, WireError> {
    use backend::encode;
    match message {
        BackendMessage::BackendKeyData(data) => encode::backend_key_data(out, data)?,
        BackendMessage::BindComplete => encode::bind_complete(out),
        BackendMessage::CloseComplete => encode::close_complete(out),
        BackendMessage::CommandComplete(done) => encode::command_complete(out, done.tag)?,
        BackendMessage::CopyData(copy) => encode::copy_data(out, copy.data)?,
        BackendMessage::CopyDone => encode::copy_done(out),
        BackendMessage::CopyInResponse(copy) => {
            encode::copy_response(out, encode::CopyDirection::In, copy.overall, copy.columns.iter())?;
        }
        BackendMessage::CopyOutResponse(copy) => {
            encode::copy_response(out, encode::CopyDirection::Out, copy.overall, copy.columns.iter())?;
        }
        BackendMessage::CopyBothResponse(copy) => {
            encode::copy_response(out, encode::CopyDirection::Both, copy.overall, copy.columns.iter())?;
        }
        BackendMessage::DataRow(row) => encode::data_row(out, row.values())?,
        BackendMessage::EmptyQueryResponse => encode::empty_query_response(out),
        BackendMessage::NoData => encode::no_data(out),
        BackendMessage::NotificationResponse(n) => encode::notification(out, n.pid, n.channel, n.payload)?,
        BackendMessage::ParameterDescription(oids) => encode::parameter_description(out, oids.iter())?,
        BackendMessage::ParseComplete => encode::parse_complete(out),
        BackendMessage::PortalSuspended => encode::portal_suspended(out),
        BackendMessage::ReadyForQuery(status) => encode::ready_for_query(out, *status),
        BackendMessage::RowDescription(description) => encode::row_description(out, description.columns())?,
        BackendMessage::Authentication(_)
        | BackendMessage::ErrorResponse(_)
        | BackendMessage::FunctionCallResponse
        | BackendMessage::NegotiateProtocolVersion(_)
        | BackendMessage::NoticeResponse(_)
        | BackendMessage::ParameterStatus(_) => return Ok(false),
    }
    Ok(true)
}
