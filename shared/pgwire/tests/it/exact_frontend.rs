//! The bytes of each client message, spelled out from the protocol chapter (54.7).

use hoop_pgwire::frontend::{FrontendMessage, Password, SaslInitialResponse, SaslResponse, encode};
use hoop_pgwire::{Format, Frame, FrontendTag, Limits, NamedObject, next_frame};

/// The one frame in `bytes`.
fn decode(bytes: &[u8]) -> FrontendMessage<'_> {
    match next_frame::<FrontendTag>(bytes, &Limits::default()).unwrap() {
        Frame::Whole { tag, body } => {
            assert_eq!(body.end, bytes.len());
            FrontendMessage::decode(tag, &bytes[body]).unwrap()
        }
        other => panic!("not whole: {other:?}"),
    }
}

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = b"before".to_vec();
    write(&mut out);
    out.split_off(6)
}

#[test]
fn query() {
    let bytes = b"Q\0\0\0\x0dSELECT 1\0";
    assert_eq!(encoded(|out| encode::query(out, "SELECT 1").unwrap()), bytes);
    assert!(matches!(decode(bytes), FrontendMessage::Query(q) if q.text == "SELECT 1"));
}

#[test]
fn parse() {
    let bytes = b"P\0\0\0\x1as\0SELECT $1\0\0\x02\0\0\0\x17\0\0\0\0";
    assert_eq!(encoded(|out| encode::parse(out, "s", "SELECT $1", [23, 0]).unwrap()), bytes[..]);
    let FrontendMessage::Parse(parse) = decode(bytes) else { panic!() };
    assert_eq!((parse.name, parse.query), ("s", "SELECT $1"));
    assert_eq!(parse.param_oids.len(), 2);
    assert!(!parse.param_oids.is_empty());
    assert_eq!(parse.param_oids.iter().collect::<Vec<_>>(), [23, 0]);
}

#[test]
fn bind_with_a_format_each() {
    let bytes =
        b"B\0\0\0\x26p\0s\0\0\x03\0\0\0\x01\0\0\0\x03\0\0\0\x0242\xff\xff\xff\xff\0\0\0\0\0\x02\0\x01\0\0";
    assert_eq!(
        encoded(|out| {
            encode::bind(
                out,
                "p",
                "s",
                [Format::Text, Format::Binary, Format::Text],
                [Some(&b"42"[..]), None, Some(&b""[..])],
                [Format::Binary, Format::Text],
            )
            .unwrap();
        }),
        bytes
    );
    let FrontendMessage::Bind(bind) = decode(bytes) else { panic!() };
    assert_eq!((bind.portal, bind.statement), ("p", "s"));
    assert_eq!(bind.params.len(), 3);
    assert!(!bind.params.is_empty());
    assert_eq!(
        bind.typed_params().collect::<Vec<_>>(),
        [(Format::Text, Some(&b"42"[..])), (Format::Binary, None), (Format::Text, Some(&b""[..]))]
    );
    assert_eq!(bind.result_formats.iter().collect::<Vec<_>>(), [Format::Binary, Format::Text]);
    assert_eq!(bind.result_formats.of(0), Some(Format::Binary));
    assert_eq!(bind.result_formats.of(1), Some(Format::Text));
    assert_eq!(bind.result_formats.of(2), None);
}

#[test]
fn bind_formats_none_is_text_and_one_is_for_all() {
    let none = encoded(|out| encode::bind(out, "", "", [], [Some(&b"1"[..]), Some(b"2")], []).unwrap());
    let FrontendMessage::Bind(bind) = decode(&none) else { panic!() };
    assert!(bind.typed_params().all(|(format, _)| format == Format::Text));
    assert_eq!(bind.result_formats.of(9), Some(Format::Text));
    assert!(bind.result_formats.is_empty());

    let one = encoded(|out| {
        encode::bind(out, "", "", [Format::Binary], [Some(&b"1"[..]), Some(b"2")], []).unwrap();
    });
    let FrontendMessage::Bind(bind) = decode(&one) else { panic!() };
    assert!(bind.typed_params().all(|(format, _)| format == Format::Binary));
    assert_eq!(bind.params.iter().collect::<Vec<_>>(), [Some(&b"1"[..]), Some(b"2")]);
}

#[test]
fn describe_and_close() {
    let bytes = b"D\0\0\0\x07Ss\0";
    assert_eq!(encoded(|out| encode::describe(out, NamedObject::Statement, "s").unwrap()), bytes);
    assert!(
        matches!(decode(bytes), FrontendMessage::Describe(d) if d.object == NamedObject::Statement && d.name == "s")
    );
    let bytes = b"C\0\0\0\x06P\0";
    assert_eq!(encoded(|out| encode::close(out, NamedObject::Portal, "").unwrap()), bytes);
    assert!(
        matches!(decode(bytes), FrontendMessage::Close(c) if c.object == NamedObject::Portal && c.name.is_empty())
    );
}

#[test]
fn execute() {
    let bytes = b"E\0\0\0\x0ap\0\0\0\0\x64";
    assert_eq!(encoded(|out| encode::execute(out, "p", 100).unwrap()), bytes);
    assert!(matches!(decode(bytes), FrontendMessage::Execute(e) if e.portal == "p" && e.max_rows == 100));
    // The server takes a negative limit for none.
    assert!(
        matches!(decode(b"E\0\0\0\x09\0\xff\xff\xff\xff"), FrontendMessage::Execute(e) if e.max_rows == 0)
    );
    // What a signed count cannot say is not wrapped into a negative one.
    assert_eq!(encoded(|out| encode::execute(out, "", u32::MAX).unwrap()), b"E\0\0\0\x09\0\x7f\xff\xff\xff");
}

#[test]
fn copy() {
    let bytes = b"d\0\0\0\x071\t2";
    assert_eq!(encoded(|out| encode::copy_data(out, b"1\t2").unwrap()), bytes);
    assert!(matches!(decode(bytes), FrontendMessage::CopyData(c) if c.data == b"1\t2"));
    let bytes = b"f\0\0\0\x08why\0";
    assert_eq!(encoded(|out| encode::copy_fail(out, "why").unwrap()), bytes);
    assert!(matches!(decode(bytes), FrontendMessage::CopyFail(c) if c.reason == "why"));
}

#[test]
fn messages_without_a_body() {
    assert_eq!(encoded(encode::copy_done), b"c\0\0\0\x04");
    assert_eq!(encoded(encode::flush), b"H\0\0\0\x04");
    assert_eq!(encoded(encode::sync), b"S\0\0\0\x04");
    assert_eq!(encoded(encode::terminate), b"X\0\0\0\x04");
    assert!(matches!(decode(b"c\0\0\0\x04"), FrontendMessage::CopyDone));
    assert!(matches!(decode(b"H\0\0\0\x04"), FrontendMessage::Flush));
    assert!(matches!(decode(b"S\0\0\0\x04"), FrontendMessage::Sync));
    assert!(matches!(decode(b"X\0\0\0\x04"), FrontendMessage::Terminate));
}

#[test]
fn sign_in_answers_share_one_type_byte() {
    let bytes = b"p\0\0\0\x0bsecret\0";
    assert_eq!(encoded(|out| encode::password(out, "secret").unwrap()), bytes);
    let FrontendMessage::Authentication(answer) = decode(bytes) else { panic!() };
    assert_eq!(Password::decode(answer.body).unwrap().password, "secret");

    let bytes = b"p\0\0\0\x1aSCRAM-SHA-256\0\0\0\0\x04n,,n";
    assert_eq!(
        encoded(|out| encode::sasl_initial_response(out, "SCRAM-SHA-256", Some(b"n,,n")).unwrap()),
        bytes
    );
    let FrontendMessage::Authentication(answer) = decode(bytes) else { panic!() };
    let first = SaslInitialResponse::decode(answer.body).unwrap();
    assert_eq!((first.mechanism, first.data), ("SCRAM-SHA-256", Some(&b"n,,n"[..])));

    let bytes = b"p\0\0\0\x0aX\0\xff\xff\xff\xff";
    assert_eq!(encoded(|out| encode::sasl_initial_response(out, "X", None).unwrap()), bytes);
    let FrontendMessage::Authentication(answer) = decode(bytes) else { panic!() };
    assert_eq!(SaslInitialResponse::decode(answer.body).unwrap().data, None);

    let bytes = b"p\0\0\0\x07c=x";
    assert_eq!(encoded(|out| encode::sasl_response(out, b"c=x").unwrap()), bytes);
    let FrontendMessage::Authentication(answer) = decode(bytes) else { panic!() };
    assert_eq!(SaslResponse::decode(answer.body).data, b"c=x");
}

#[test]
fn a_function_call_is_known_but_never_decoded() {
    assert!(matches!(decode(b"F\0\0\0\x0e\0\0\0\x01\0\0\0\0\0\0"), FrontendMessage::FunctionCall));
}
