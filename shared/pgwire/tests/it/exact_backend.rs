//! The bytes of each server message, spelled out from the protocol chapter (54.7).

use hoop_pgwire::backend::encode::{self, CopyDirection, LocalReport};
use hoop_pgwire::backend::{
    Authentication, BackendKeyData, BackendMessage, Column, Severity, TransactionStatus,
};
use hoop_pgwire::startup::ProtocolVersion;
use hoop_pgwire::{BackendTag, CancelKey, Format, Frame, Limits, SqlState, Tag, next_frame};

fn decode(bytes: &[u8]) -> BackendMessage<'_> {
    match next_frame::<BackendTag>(bytes, &Limits::default()).unwrap() {
        Frame::Whole { tag, body } => {
            assert_eq!(body.end, bytes.len());
            BackendMessage::decode(tag, &bytes[body]).unwrap()
        }
        other => panic!("not whole: {other:?}"),
    }
}

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = b"before".to_vec();
    write(&mut out);
    out.split_off(6)
}

fn authentication(bytes: &[u8]) -> Authentication<'_> {
    match decode(bytes) {
        BackendMessage::Authentication(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn sign_in_requests() {
    let ok = b"R\0\0\0\x08\0\0\0\0";
    assert_eq!(encoded(encode::authentication_ok), ok);
    assert_eq!(authentication(ok), Authentication::Ok);
    let cleartext = b"R\0\0\0\x08\0\0\0\x03";
    assert_eq!(encoded(encode::authentication_cleartext_password), cleartext);
    assert_eq!(authentication(cleartext), Authentication::CleartextPassword);
    assert_eq!(authentication(b"R\0\0\0\x08\0\0\0\x02"), Authentication::KerberosV5);
    assert_eq!(
        authentication(b"R\0\0\0\x0c\0\0\0\x05\x01\x02\x03\x04"),
        Authentication::Md5Password { salt: [1, 2, 3, 4] }
    );
    assert_eq!(authentication(b"R\0\0\0\x08\0\0\0\x07"), Authentication::Gss);
    assert_eq!(authentication(b"R\0\0\0\x09\0\0\0\x08x"), Authentication::GssContinue { data: b"x" });
    assert_eq!(authentication(b"R\0\0\0\x08\0\0\0\x09"), Authentication::Sspi);
}

#[test]
fn each_sign_in_request_knows_its_code() {
    for code in [0_u8, 2, 3, 7, 8, 9, 11, 12] {
        let frame = [b'R', 0, 0, 0, 8, 0, 0, 0, code];
        assert_eq!(authentication(&frame).code(), u32::from(code));
    }
    assert_eq!(authentication(b"R\0\0\0\x0c\0\0\0\x05abcd").code(), 5);
    assert_eq!(authentication(b"R\0\0\0\x0b\0\0\0\x0aX\0\0").code(), 10);
}

#[test]
fn sasl() {
    let list = b"R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
    assert_eq!(
        encoded(|out| encode::authentication_sasl(out, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]).unwrap()),
        list
    );
    let Authentication::Sasl(mechanisms) = authentication(list) else { panic!() };
    assert_eq!(mechanisms.iter().collect::<Vec<_>>(), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
    let next = b"R\0\0\0\x0b\0\0\0\x0br=x";
    assert_eq!(encoded(|out| encode::authentication_sasl_continue(out, b"r=x").unwrap()), next);
    assert_eq!(authentication(next), Authentication::SaslContinue { data: b"r=x" });
    let last = b"R\0\0\0\x0b\0\0\0\x0cv=y";
    assert_eq!(encoded(|out| encode::authentication_sasl_final(out, b"v=y").unwrap()), last);
    assert_eq!(authentication(last), Authentication::SaslFinal { data: b"v=y" });
}

#[test]
fn negotiate_protocol_version() {
    let bytes = b"v\0\0\0\x14\0\x03\0\x02\0\0\0\x01_pq_.xy\0";
    assert_eq!(
        encoded(|out| encode::negotiate_protocol_version(out, ProtocolVersion::V3_2, ["_pq_.xy"]).unwrap()),
        bytes
    );
    let BackendMessage::NegotiateProtocolVersion(answer) = decode(bytes) else { panic!() };
    assert_eq!(answer.newest, ProtocolVersion::V3_2);
    assert_eq!(answer.unknown_options.iter().collect::<Vec<_>>(), ["_pq_.xy"]);
}

#[test]
fn backend_key_data() {
    let bytes = b"K\0\0\0\x0c\0\0\x30\x39\x01\x02\x03\x04";
    let data = BackendKeyData { pid: 12345, key: CancelKey::new(&[1, 2, 3, 4]).unwrap() };
    assert_eq!(encoded(|out| encode::backend_key_data(out, &data).unwrap()), bytes);
    assert!(matches!(decode(bytes), BackendMessage::BackendKeyData(d) if d == data));
}

#[test]
fn settings_and_notifications() {
    let bytes = b"S\0\0\0\x19client_encoding\0UTF8\0";
    assert_eq!(encoded(|out| encode::parameter_status(out, "client_encoding", "UTF8").unwrap()), bytes);
    assert!(
        matches!(decode(bytes), BackendMessage::ParameterStatus(s) if s.name == "client_encoding" && s.value == b"UTF8")
    );
    let bytes = b"A\0\0\0\x0d\0\0\0\x07ch\0p\0";
    assert_eq!(encoded(|out| encode::notification(out, 7, b"ch", b"p").unwrap()), bytes);
    assert!(
        matches!(decode(bytes), BackendMessage::NotificationResponse(n) if (n.pid, n.channel, n.payload) == (7, b"ch", b"p"))
    );
}

#[test]
fn ready_for_query() {
    for (status, byte) in [
        (TransactionStatus::Idle, b'I'),
        (TransactionStatus::InTransaction, b'T'),
        (TransactionStatus::Failed, b'E'),
    ] {
        let bytes = [b'Z', 0, 0, 0, 5, byte];
        assert_eq!(encoded(|out| encode::ready_for_query(out, status)), bytes);
        assert!(matches!(decode(&bytes), BackendMessage::ReadyForQuery(s) if s == status));
    }
}

#[test]
fn command_complete_counts_rows() {
    let bytes = b"C\0\0\0\x0fINSERT 0 5\0";
    assert_eq!(encoded(|out| encode::command_complete(out, "INSERT 0 5").unwrap()), bytes);
    for (tag, command, rows) in [
        ("INSERT 0 5", "INSERT", Some(5)),
        ("SELECT 18446744073709551615", "SELECT", Some(u64::MAX)),
        ("COPY 3", "COPY", Some(3)),
        ("MERGE 0", "MERGE", Some(0)),
        ("CREATE TABLE", "CREATE TABLE", None),
        ("BEGIN", "BEGIN", None),
        ("SELECT ", "SELECT", None),
        ("SELECT 18446744073709551616", "SELECT", None),
        ("SELECT -1", "SELECT -", None),
        ("", "", None),
    ] {
        let frame = encoded(|out| encode::command_complete(out, tag).unwrap());
        let BackendMessage::CommandComplete(done) = decode(&frame) else { panic!() };
        assert_eq!((done.tag, done.command(), done.rows()), (tag, command, rows));
    }
}

#[test]
fn row_description() {
    let bytes = b"T\0\0\0\x1c\0\x01pan\0\0\0\x40\x01\0\x02\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\x01";
    let column = Column {
        name: b"pan",
        table_oid: 16385,
        attnum: 2,
        type_oid: 25,
        typlen: -1,
        typmod: -1,
        format: Format::Binary,
    };
    assert_eq!(encoded(|out| encode::row_description(out, [column]).unwrap()), bytes);
    let BackendMessage::RowDescription(description) = decode(bytes) else { panic!() };
    assert_eq!((description.len(), description.is_empty()), (1, false));
    assert_eq!(description.columns().collect::<Vec<_>>(), [column]);
}

#[test]
fn data_row() {
    let bytes = b"D\0\0\0\x14\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0";
    assert_eq!(encoded(|out| encode::data_row(out, [Some(&b"ab"[..]), None, Some(b"")]).unwrap()), bytes);
    let BackendMessage::DataRow(row) = decode(bytes) else { panic!() };
    assert_eq!(row.columns(), 3);
    assert_eq!(row.values().collect::<Vec<_>>(), [Some(&b"ab"[..]), None, Some(b"")]);
    // A table without columns has rows without columns.
    assert!(matches!(decode(b"D\0\0\0\x06\0\0"), BackendMessage::DataRow(row) if row.columns() == 0));
}

#[test]
fn parameter_description() {
    let bytes = b"t\0\0\0\x0a\0\x01\0\0\0\x17";
    assert_eq!(encoded(|out| encode::parameter_description(out, [23]).unwrap()), bytes);
    assert!(
        matches!(decode(bytes), BackendMessage::ParameterDescription(oids) if oids.iter().collect::<Vec<_>>() == [23])
    );
}

#[test]
fn copy() {
    let columns = [Format::Binary, Format::Binary];
    for (direction, byte) in
        [(CopyDirection::In, b'G'), (CopyDirection::Out, b'H'), (CopyDirection::Both, b'W')]
    {
        let bytes = [byte, 0, 0, 0, 11, 1, 0, 2, 0, 1, 0, 1];
        assert_eq!(
            encoded(|out| encode::copy_response(out, direction, Format::Binary, columns).unwrap()),
            bytes
        );
        let response = match (direction, decode(&bytes)) {
            (CopyDirection::In, BackendMessage::CopyInResponse(r))
            | (CopyDirection::Out, BackendMessage::CopyOutResponse(r))
            | (CopyDirection::Both, BackendMessage::CopyBothResponse(r)) => r,
            other => panic!("{other:?}"),
        };
        assert_eq!(response.overall, Format::Binary);
        assert_eq!(response.columns.iter().collect::<Vec<_>>(), columns);
    }
    assert_eq!(encoded(|out| encode::copy_data(out, b"x").unwrap()), b"d\0\0\0\x05x");
    assert!(matches!(decode(b"d\0\0\0\x05x"), BackendMessage::CopyData(c) if c.data == b"x"));
}

#[test]
fn reports() {
    let bytes = b"E\0\0\0\x27SERROR\0VERROR\0C42501\0Mno\0Dd\0Hh\0P7\0\0";
    let report = LocalReport::new(Severity::Error, SqlState::INSUFFICIENT_PRIVILEGE, "no")
        .detail("d")
        .hint("h")
        .position(7);
    assert_eq!(encoded(|out| report.encode_error(out).unwrap()), bytes);
    let BackendMessage::ErrorResponse(error) = decode(bytes) else { panic!() };
    assert_eq!(error.severity(), Some(Severity::Error));
    assert_eq!(error.sqlstate(), Some(SqlState::INSUFFICIENT_PRIVILEGE));
    assert_eq!(error.field(b'M'), Some(&b"no"[..]));
    assert_eq!(error.field(b'W'), None);
    let codes: Vec<u8> = error.fields().map(|field| field.code).collect();
    assert_eq!(codes, b"SVCMDHP");
    // The ranges are those of the body, so that text can be masked where it lies.
    for field in error.fields() {
        assert_eq!(&bytes[5..][field.range.clone()], field.text);
    }

    let notice = LocalReport::new(Severity::Notice, SqlState::SUCCESSFUL_COMPLETION, "hello");
    let bytes = encoded(|out| notice.encode_notice(out).unwrap());
    assert_eq!(bytes[0], b'N');
    assert!(
        matches!(decode(&bytes), BackendMessage::NoticeResponse(n) if n.severity() == Some(Severity::Notice))
    );
}

#[test]
fn a_zero_byte_in_a_report_does_not_stop_it() {
    let report = LocalReport::new(Severity::Fatal, SqlState::PROTOCOL_VIOLATION, "what is `a\0b`");
    let bytes = encoded(|out| report.encode_error(out).unwrap());
    let BackendMessage::ErrorResponse(error) = decode(&bytes) else { panic!() };
    assert_eq!(error.field(b'M'), Some("what is `a\u{fffd}b`".as_bytes()));
}

#[test]
fn messages_without_a_body() {
    type Encoder = fn(&mut Vec<u8>);
    let table: [(Encoder, u8); 7] = [
        (encode::parse_complete, b'1'),
        (encode::bind_complete, b'2'),
        (encode::close_complete, b'3'),
        (encode::no_data, b'n'),
        (encode::empty_query_response, b'I'),
        (encode::portal_suspended, b's'),
        (encode::copy_done, b'c'),
    ];
    for (write, byte) in table {
        let bytes = encoded(write);
        assert_eq!(bytes, [byte, 0, 0, 0, 4]);
        let name = format!("{:?}", decode(&bytes));
        assert_eq!(name, BackendTag::from_byte(byte).unwrap().name());
    }
}

#[test]
fn sqlstates_are_what_their_names_say() {
    for (state, code) in [
        (SqlState::SUCCESSFUL_COMPLETION, "00000"),
        (SqlState::CONNECTION_FAILURE, "08006"),
        (SqlState::PROTOCOL_VIOLATION, "08P01"),
        (SqlState::FEATURE_NOT_SUPPORTED, "0A000"),
        (SqlState::CHARACTER_NOT_IN_REPERTOIRE, "22021"),
        (SqlState::INVALID_AUTHORIZATION, "28000"),
        (SqlState::INVALID_PASSWORD, "28P01"),
        (SqlState::INSUFFICIENT_PRIVILEGE, "42501"),
        (SqlState::SYNTAX_ERROR, "42601"),
        (SqlState::STATEMENT_TOO_COMPLEX, "54001"),
        (SqlState::ADMIN_SHUTDOWN, "57P01"),
        (SqlState::IO_ERROR, "58030"),
    ] {
        assert_eq!(state.to_string(), code);
        assert_eq!(SqlState::parse(code.as_bytes()), Some(state));
    }
    for bad in ["", "4250", "425011", "42p01", "42 01", "42\u{e9}1"] {
        assert_eq!(SqlState::parse(bad.as_bytes()), None, "{bad}");
    }
}
