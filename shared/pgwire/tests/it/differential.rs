//! The crate against the naive decoder, and against another crate's encoder.

use bytes::BytesMut;
use hoop_pgwire::frontend::{FrontendMessage, encode};
use hoop_pgwire::{BackendTag, Format, FrontendTag, HEADER_LEN, NamedObject, Tag};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend as other;
use proptest::prelude::*;

use crate::rendered::compare;
use crate::{naive, sample};

#[test]
fn samples_are_understood_alike_and_are_all_sound() {
    for frame in sample::frontend() {
        compare(frame[0], &frame[HEADER_LEN..]);
        assert!(naive::frontend(frame[0], &frame[HEADER_LEN..]).is_some(), "{frame:?}");
    }
    for frame in sample::backend() {
        compare(frame[0], &frame[HEADER_LEN..]);
        assert!(naive::backend(frame[0], &frame[HEADER_LEN..]).is_some(), "{frame:?}");
    }
}

#[test]
fn every_truncation_and_one_byte_change_is_understood_alike() {
    for frame in sample::frontend().into_iter().chain(sample::backend()) {
        let (tag, body) = (frame[0], &frame[HEADER_LEN..]);
        for len in 0..body.len() {
            compare(tag, &body[..len]);
            for byte in [0, 1, 2, b'S', 0x7f, 0x80, 0xc3, 0xfe, 0xff] {
                let mut changed = body.to_vec();
                changed[len] = byte;
                compare(tag, &changed);
                changed.insert(len, byte);
                compare(tag, &changed);
                changed.push(byte);
                compare(tag, &changed);
            }
        }
    }
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![5 => Just(0_u8), 3 => 1_u8..5, 2 => prop::sample::select(&b"SPIT"[..]), 1 => any::<u8>()];
    prop::collection::vec(byte, 0..48)
}

fn tag() -> impl Strategy<Value = u8> {
    let client = FrontendTag::ALL.iter().map(|tag| tag.byte());
    prop::sample::select(client.chain(BackendTag::ALL.iter().map(|tag| tag.byte())).collect::<Vec<u8>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_body_is_understood_alike(tag in tag(), body in body()) {
        compare(tag, &body);
    }
}

/// Our encoder and that of `postgres-protocol` must write the same bytes, for whatever both accept.
fn same(ours: impl FnOnce(&mut Vec<u8>), theirs: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let (mut out, mut expected) = (Vec::new(), BytesMut::new());
    ours(&mut out);
    theirs(&mut expected);
    assert_eq!(out, expected);
    out
}

proptest! {
    #[test]
    fn parse_as_others_write_it(name in "[^\0]{0,15}", text in "[^\0]{0,40}", oids: Vec<u32>) {
        let frame = same(
            |out| encode::parse(out, &name, &text, oids.iter().copied()).unwrap(),
            |out| other::parse(&name, &text, oids.iter().copied(), out).unwrap(),
        );
        let message = FrontendMessage::decode(FrontendTag::Parse, &frame[HEADER_LEN..]).unwrap();
        let FrontendMessage::Parse(parse) = message else { panic!() };
        prop_assert_eq!((parse.name, parse.query), (&*name, &*text));
        prop_assert!(parse.param_oids.iter().eq(oids));
    }

    #[test]
    fn bind_as_others_write_it(
        portal in "[^\0]{0,15}",
        statement in "[^\0]{0,15}",
        params: Vec<(bool, Option<Vec<u8>>)>,
        results: Vec<bool>,
    ) {
        let format = |binary: &bool| if *binary { Format::Binary } else { Format::Text };
        let code = |binary: &bool| i16::from(*binary);
        let frame = same(
            |out| {
                let formats = params.iter().map(|(binary, _)| format(binary));
                let values = params.iter().map(|(_, value)| value.as_deref());
                encode::bind(out, &portal, &statement, formats, values, results.iter().map(format)).unwrap();
            },
            |out| {
                let formats = params.iter().map(|(binary, _)| code(binary));
                let values = params.iter().map(|(_, value)| value);
                let write = |value: &Option<Vec<u8>>, out: &mut BytesMut| match value {
                    Some(bytes) => {
                        out.extend_from_slice(bytes);
                        Ok(IsNull::No)
                    }
                    None => Ok(IsNull::Yes),
                };
                let results = results.iter().map(code);
                assert!(other::bind(&portal, &statement, formats, values, write, results, out).is_ok());
            },
        );
        let message = FrontendMessage::decode(FrontendTag::Bind, &frame[HEADER_LEN..]).unwrap();
        let FrontendMessage::Bind(bind) = message else { panic!() };
        prop_assert_eq!((bind.portal, bind.statement), (&*portal, &*statement));
        let expected = params.iter().map(|(binary, value)| (format(binary), value.as_deref()));
        prop_assert!(bind.typed_params().eq(expected));
        prop_assert!(bind.result_formats.iter().eq(results.iter().map(format)));
    }

    #[test]
    fn short_messages_as_others_write_them(name in "[^\0]{0,15}", text in "[^\0]{0,40}", rows in 0..i32::MAX, data: Vec<u8>) {
        let rows_wanted = rows.unsigned_abs();
        same(|out| encode::query(out, &text).unwrap(), |out| other::query(&text, out).unwrap());
        same(|out| encode::describe(out, NamedObject::Statement, &name).unwrap(), |out| other::describe(b'S', &name, out).unwrap());
        same(|out| encode::close(out, NamedObject::Portal, &name).unwrap(), |out| other::close(b'P', &name, out).unwrap());
        same(|out| encode::execute(out, &name, rows_wanted).unwrap(), |out| other::execute(&name, rows, out).unwrap());
        same(|out| encode::copy_fail(out, &text).unwrap(), |out| other::copy_fail(&text, out).unwrap());
        same(|out| encode::password(out, &text).unwrap(), |out| other::password_message(text.as_bytes(), out).unwrap());
        same(|out| encode::sasl_initial_response(out, "SCRAM-SHA-256", Some(&data)).unwrap(), |out| other::sasl_initial_response("SCRAM-SHA-256", &data, out).unwrap());
        same(|out| encode::sasl_response(out, &data).unwrap(), |out| other::sasl_response(&data, out).unwrap());
        same(|out| encode::copy_data(out, &data).unwrap(), |out| other::CopyData::new(&data[..]).unwrap().write(out));
        same(encode::sync, other::sync);
        same(encode::flush, other::flush);
        same(encode::terminate, other::terminate);
        same(encode::copy_done, other::copy_done);
    }
}
