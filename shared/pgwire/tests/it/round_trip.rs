//! What the encoders of the server's side write, the decoders read back, and whole streams walk.

use hoop_pgwire::backend::encode::{self, LocalReport};
use hoop_pgwire::backend::{
    Authentication, BackendKeyData, BackendMessage, Column, Fields, Severity, TransactionStatus,
};
use hoop_pgwire::startup::ProtocolVersion;
use hoop_pgwire::{BackendTag, CancelKey, Format, Frame, HEADER_LEN, Limits, SqlState, next_frame};
use proptest::prelude::*;

fn decode(frame: &[u8]) -> BackendMessage<'_> {
    match next_frame::<BackendTag>(frame, &Limits::default()).unwrap() {
        Frame::Whole { tag, body } => {
            assert_eq!(body.end, frame.len());
            BackendMessage::decode(tag, &frame[body]).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn bytes_without_nul(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1_u8.., 0..len)
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Text), Just(Format::Binary)]
}

type RawColumn = (Vec<u8>, u32, i16, u32, i16, i32, Format);

fn columns() -> impl Strategy<Value = Vec<RawColumn>> {
    let column = (
        bytes_without_nul(70),
        any::<u32>(),
        any::<i16>(),
        any::<u32>(),
        any::<i16>(),
        any::<i32>(),
        format(),
    );
    prop::collection::vec(column, 0..20)
}

proptest! {
    #[test]
    fn row_descriptions(raw in columns()) {
        let columns: Vec<Column<'_>> = raw
            .iter()
            .map(|(name, table_oid, attnum, type_oid, typlen, typmod, format)| Column {
                name,
                table_oid: *table_oid,
                attnum: *attnum,
                type_oid: *type_oid,
                typlen: *typlen,
                typmod: *typmod,
                format: *format,
            })
            .collect();
        let frame = encoded(|out| encode::row_description(out, columns.iter().copied()).unwrap());
        let BackendMessage::RowDescription(description) = decode(&frame) else { panic!() };
        prop_assert!(description.columns().eq(columns));
    }

    #[test]
    fn rows_and_their_ranges(values: Vec<Option<Vec<u8>>>) {
        let frame = encoded(|out| encode::data_row(out, values.iter().map(Option::as_deref)).unwrap());
        let BackendMessage::DataRow(row) = decode(&frame) else { panic!() };
        prop_assert!(row.values().eq(values.iter().map(Option::as_deref)));
        let body = &frame[HEADER_LEN..];
        let mut fields = Fields::verify(body).unwrap();
        for value in &values {
            let range = fields.next(body).unwrap();
            prop_assert_eq!(range.map(|range| &body[range]), value.as_deref());
        }
        prop_assert_eq!((fields.left(), fields.next(body)), (0, None));
    }

    #[test]
    fn reports(message: String, detail: Option<String>, hint: Option<String>, position: Option<u32>) {
        let mut report = LocalReport::new(Severity::Warning, SqlState::SYNTAX_ERROR, &message);
        if let Some(detail) = &detail { report = report.detail(detail); }
        if let Some(hint) = &hint { report = report.hint(hint); }
        if let Some(position) = position { report = report.position(position); }
        let frame = encoded(|out| report.encode_notice(out).unwrap());
        let BackendMessage::NoticeResponse(found) = decode(&frame) else { panic!() };
        let shown = |text: &str| Some(text.replace('\0', "\u{fffd}").into_bytes());
        let field = |code| found.field(code).map(<[u8]>::to_vec);
        prop_assert_eq!(field(b'M'), shown(&message));
        prop_assert_eq!(field(b'D'), detail.and_then(|text| shown(&text)));
        prop_assert_eq!(field(b'H'), hint.and_then(|text| shown(&text)));
        prop_assert_eq!(field(b'P'), position.and_then(|n| shown(&n.to_string())));
        prop_assert_eq!((found.severity(), found.sqlstate()), (Some(Severity::Warning), Some(SqlState::SYNTAX_ERROR)));
    }

    #[test]
    fn short_messages(
        pid: u32,
        key in prop::collection::vec(any::<u8>(), 4..=256),
        oids: Vec<u32>,
        name in "[^\0]{0,20}",
        value in "[^\0]{0,20}",
        payload in bytes_without_nul(40),
        data: Vec<u8>,
        mechanisms in prop::collection::vec("[A-Z0-9-]{1,20}", 1..4),
        options in prop::collection::vec("_pq_\\.[a-z]{1,8}", 0..4),
        minor: u16,
    ) {
        let sent = BackendKeyData { pid, key: CancelKey::new(&key).unwrap() };
        let frame = encoded(|out| encode::backend_key_data(out, &sent).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::BackendKeyData(d) if d == sent && d.key.expose() == key));

        let frame = encoded(|out| encode::parameter_description(out, oids.iter().copied()).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::ParameterDescription(d) if d.iter().eq(oids)));

        let frame = encoded(|out| encode::parameter_status(out, &name, &value).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::ParameterStatus(s) if s.name == name && s.value == value.as_bytes()));

        let frame = encoded(|out| encode::notification(out, pid, name.as_bytes(), &payload).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::NotificationResponse(n)
            if n.pid == pid && n.channel == name.as_bytes() && n.payload == payload));

        let frame = encoded(|out| encode::command_complete(out, &value).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::CommandComplete(c) if c.tag == value));

        let frame = encoded(|out| encode::copy_data(out, &data).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::CopyData(c) if c.data == data));

        let frame = encoded(|out| encode::authentication_sasl(out, mechanisms.iter().map(String::as_str)).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::Authentication(Authentication::Sasl(m)) if m.iter().eq(mechanisms)));

        let frame = encoded(|out| encode::authentication_sasl_continue(out, &data).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::Authentication(Authentication::SaslContinue { data: d }) if d == data));

        let newest = ProtocolVersion { major: 3, minor };
        let frame = encoded(|out| encode::negotiate_protocol_version(out, newest, options.iter().map(String::as_str)).unwrap());
        assert!(matches!(decode(&frame), BackendMessage::NegotiateProtocolVersion(n)
            if n.newest == newest && n.unknown_options.iter().eq(options)));
    }

    /// One buffer, many frames: each is where the one before it ends.
    #[test]
    fn streams_of_rows(rows in prop::collection::vec(prop::collection::vec(prop::option::of(bytes_without_nul(30)), 0..6), 0..20)) {
        let stream = encoded(|out| {
            for row in &rows {
                encode::data_row(out, row.iter().map(Option::as_deref)).unwrap();
            }
            encode::ready_for_query(out, TransactionStatus::Idle);
        });
        let limits = Limits::<BackendTag>::default();
        let mut at = 0;
        for row in &rows {
            let Frame::Whole { tag, body } = next_frame(&stream[at..], &limits).unwrap() else { panic!() };
            let next = at + body.end;
            let BackendMessage::DataRow(found) = BackendMessage::decode(tag, &stream[at..][body]).unwrap() else { panic!() };
            prop_assert!(found.values().eq(row.iter().map(Option::as_deref)));
            at = next;
        }
        assert!(matches!(decode(&stream[at..]), BackendMessage::ReadyForQuery(TransactionStatus::Idle)));
    }
}
