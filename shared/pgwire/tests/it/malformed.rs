//! Each way in which a message can be wrong has a name, and is refused under it.

use hoop_pgwire::backend::encode::{self as answer, CopyDirection};
use hoop_pgwire::backend::{BackendMessage, Fields};
use hoop_pgwire::frontend::{FrontendMessage, Password, SaslInitialResponse, encode};
use hoop_pgwire::{BackendTag, Fault, Format, FrontendTag, NamedObject, Tag, WireError};

fn client(tag: u8, body: &[u8]) -> Result<(), Fault> {
    let tag = FrontendTag::from_byte(tag).unwrap();
    FrontendMessage::decode(tag, body).map(drop).map_err(WireError::fault)
}

fn server(tag: u8, body: &[u8]) -> Result<(), Fault> {
    let tag = BackendTag::from_byte(tag).unwrap();
    BackendMessage::decode(tag, body).map(drop).map_err(WireError::fault)
}

const NAME_63: [u8; 64] = {
    let mut name = [b'n'; 64];
    name[63] = 0;
    name
};
const NAME_64: [u8; 65] = {
    let mut name = [b'n'; 65];
    name[64] = 0;
    name
};

#[test]
fn client_messages() {
    use Fault::{
        BadCode, BadFormat, BadValueLength, FormatCount, MissingNul, NameTooLong, NotUtf8, Trailing,
        Truncated,
    };
    let table: &[(u8, &[u8], Fault)] = &[
        (b'Q', b"", MissingNul),
        (b'Q', b"SELECT 1", MissingNul),
        (b'Q', b"SELECT 1\0; DROP TABLE t\0", Trailing),
        (b'Q', b"\xbf\x5c\0", NotUtf8),
        (b'P', b"s\0SELECT 1\0", Truncated),
        (b'P', b"s\0SELECT 1\0\0\x02\0\0\0\x17", Truncated),
        (b'P', b"s\0SELECT 1\0\xff\xff", Truncated),
        (b'P', b"s\0SELECT 1\0\0\0x", Trailing),
        (b'P', b"s\0SELECT \xff\0\0\0", NotUtf8),
        (b'P', &NAME_64, NameTooLong),
        (b'B', b"p\0s\0\0\x01\0\x02\0\0\0\0", BadFormat),
        (b'B', b"p\0s\0\0\x02\0\0\0\0\0\x01\xff\xff\xff\xff\0\0", FormatCount),
        (b'B', b"p\0s\0\0\0\0\x01\xff\xff\xff\xfe\0\0", BadValueLength),
        (b'B', b"p\0s\0\0\0\0\x01\x80\0\0\0\0\0", BadValueLength),
        (b'B', b"p\0s\0\0\0\0\x01\x7f\xff\xff\xff\0\0", Truncated),
        (b'B', b"p\0s\0\0\0\xff\xff\0\0", Truncated),
        (b'B', b"p\0s\0\0\0\0\0\0\x01\0\x05", BadFormat),
        (b'B', b"p\0s\0\0\0\0\0\0\0\0", Trailing),
        (b'B', &NAME_64, NameTooLong),
        (b'D', b"", Truncated),
        (b'D', b"Xs\0", BadCode),
        (b'C', b"Ss", MissingNul),
        (b'C', b"Ss\0\0", Trailing),
        (b'E', b"p\0\0\0", Truncated),
        (b'E', b"p\0\0\0\0\0\0", Trailing),
        (b'f', b"why", MissingNul),
        (b'S', b"x", Trailing),
        (b'H', b"x", Trailing),
        (b'X', b"x", Trailing),
        (b'c', b"x", Trailing),
    ];
    for (tag, body, fault) in table {
        assert_eq!(client(*tag, body), Err(*fault), "{} {body:?}", *tag as char);
    }
    assert_eq!(client(b'D', &[b"S", &NAME_63[..]].concat()), Ok(()));
    assert_eq!(client(b'D', &[b"S", &NAME_64[..]].concat()), Err(NameTooLong));
}

#[test]
fn server_messages() {
    use Fault::{
        BadCode, BadFormat, BadValueLength, EmptyName, KeyLength, MissingNul, Trailing, Truncated,
        UnsupportedVersion,
    };
    let table: &[(u8, &[u8], Fault)] = &[
        (b'R', b"\0\0\0", Truncated),
        (b'R', b"\0\0\0\x04", BadCode),
        (b'R', b"\0\0\0\x06", BadCode),
        (b'R', b"\xff\xff\xff\xff", BadCode),
        (b'R', b"\0\0\0\0x", Trailing),
        (b'R', b"\0\0\0\x05sal", Truncated),
        (b'R', b"\0\0\0\x0a\0", EmptyName),
        (b'R', b"\0\0\0\x0aX\0", MissingNul),
        (b'R', b"\0\0\0\x0aX\0\0Y\0\0", Trailing),
        (b'K', b"\0\0\0\x01abc", KeyLength),
        (b'C', b"SELECT 1", MissingNul),
        (b'G', b"\x02\0\0", BadFormat),
        (b'H', b"\0\0\x01\0\x01", BadFormat),
        (b'H', b"\x01\0\x01\0\x02", BadFormat),
        (b'W', b"\0\0\x01", Truncated),
        (b'D', b"\0", Truncated),
        (b'D', b"\0\x01\0\0\0\x02a", Truncated),
        (b'D', b"\0\x01\0\0\0\x02abc", Trailing),
        (b'D', b"\0\x01\xff\xff\xff\xfe", BadValueLength),
        (b'D', b"\xff\xff\0\0\0\0", Truncated),
        (b'E', b"SERROR\0", Truncated),
        (b'E', b"SERROR", MissingNul),
        (b'N', b"SNOTICE\0\0x", Trailing),
        (b'v', b"\0\0\0\x02\0\0\0\0", UnsupportedVersion),
        (b'v', b"\0\x03\0\0\xff\xff\xff\xff", MissingNul),
        (b'v', b"\0\x03\0\0\0\0\0\0x\0", Trailing),
        (b'A', b"\0\0\0\x01channel\0payload", MissingNul),
        (b't', b"\0\x02\0\0\0\x17", Truncated),
        (b'S', b"TimeZone\0", MissingNul),
        (b'Z', b"", Truncated),
        (b'Z', b"X", BadCode),
        (b'Z', b"II", Trailing),
        (b'T', b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x02", BadFormat),
        (b'T', b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0", Truncated),
        (b'T', b"\0\x01abc", MissingNul),
        (b'1', b"x", Trailing),
        (b'2', b"x", Trailing),
        (b'3', b"x", Trailing),
        (b'c', b"x", Trailing),
        (b'I', b"x", Trailing),
        (b'n', b"x", Trailing),
        (b's', b"x", Trailing),
    ];
    for (tag, body, fault) in table {
        assert_eq!(server(*tag, body), Err(*fault), "{} {body:?}", *tag as char);
    }
}

#[test]
fn sign_in_answers() {
    assert_eq!(Password::decode(b"a\0b\0").unwrap_err().fault(), Fault::Trailing);
    assert_eq!(Password::decode(b"a").unwrap_err().fault(), Fault::MissingNul);
    let fault = |body| SaslInitialResponse::decode(body).unwrap_err().fault();
    assert_eq!(fault(b"X\0\0\0\0\x05abcd"), Fault::Truncated);
    assert_eq!(fault(b"X\0\0\0\0\x03abcd"), Fault::Trailing);
    assert_eq!(fault(b"X\0\xff\xff\xff\xfe"), Fault::BadValueLength);
}

#[test]
fn what_cannot_be_said_is_not_half_said() {
    let out = &mut b"before".to_vec();
    let long_name = "n".repeat(64);
    let many = || std::iter::repeat_n(0_u32, 65_536);
    let faults = [
        encode::query(out, "a\0b").unwrap_err().fault(),
        encode::parse(out, &long_name, "", []).unwrap_err().fault(),
        encode::parse(out, "", "SELECT 1", many()).unwrap_err().fault(),
        encode::bind(out, "", "", [Format::Text; 2], [None], []).unwrap_err().fault(),
        encode::bind(out, "", "", [], std::iter::repeat_n(None, 65_536), []).unwrap_err().fault(),
        encode::describe(out, NamedObject::Portal, "a\0b").unwrap_err().fault(),
        encode::password(out, "a\0b").unwrap_err().fault(),
        encode::sasl_initial_response(out, "", None).unwrap_err().fault(),
        answer::authentication_sasl(out, []).unwrap_err().fault(),
        answer::authentication_sasl(out, ["X", ""]).unwrap_err().fault(),
        answer::parameter_status(out, "a", "b\0").unwrap_err().fault(),
        answer::parameter_description(out, many()).unwrap_err().fault(),
        answer::copy_response(out, CopyDirection::In, Format::Text, [Format::Binary]).unwrap_err().fault(),
    ];
    use Fault::{BadFormat, EmptyName, FormatCount, InnerNul, NameTooLong, TooManyItems};
    let expected = [
        InnerNul,
        NameTooLong,
        TooManyItems,
        FormatCount,
        TooManyItems,
        InnerNul,
        InnerNul,
        EmptyName,
        EmptyName,
        EmptyName,
        InnerNul,
        TooManyItems,
        BadFormat,
    ];
    assert_eq!(faults, expected);
    assert_eq!(out, b"before");
    // 65535 of them can be said, and are read back: drivers do send so many.
    out.clear();
    encode::parse(out, "", "", std::iter::repeat_n(1, 65_535)).unwrap();
    assert_eq!(client(b'P', &out[5..]), Ok(()));
    out.clear();
    encode::bind(out, "", "", [], std::iter::repeat_n(None, 65_535), []).unwrap();
    assert_eq!(client(b'B', &out[5..]), Ok(()));
}

#[test]
fn a_walk_over_a_row_whose_lengths_were_overwritten_stays_inside() {
    let mut body = *b"\0\x03\0\0\0\x01a\0\0\0\x01b\0\0\0\x01c";
    let mut fields = Fields::verify(&body).unwrap();
    assert_eq!(fields.next(&body), Some(Some(6..7)));
    assert_eq!(fields.left(), 2);
    body[7..11].copy_from_slice(b"\x7f\xff\xff\xff");
    assert_eq!(fields.next(&body), None);
}

#[test]
fn faults_carry_the_sqlstate_of_a_server() {
    let state = |tag, body: &[u8]| {
        FrontendMessage::decode(FrontendTag::from_byte(tag).unwrap(), body)
            .unwrap_err()
            .sqlstate()
            .to_string()
    };
    assert_eq!(state(b'Q', b"\xff\0"), "22021");
    assert_eq!(state(b'Q', b"x"), "08P01");
}
