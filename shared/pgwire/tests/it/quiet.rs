//! Nothing that came over the wire shows in errors or in debug output.

use hoop_pgwire::backend::BackendMessage;
use hoop_pgwire::backend::encode::LocalReport;
use hoop_pgwire::frontend::{FrontendMessage, Password, SaslInitialResponse, SaslResponse, encode};
use hoop_pgwire::startup::decode_startup;
use hoop_pgwire::{
    BackendTag, CancelKey, Frame, FrontendTag, HEADER_LEN, Limits, SqlState, Tag, backend::Severity,
    next_frame,
};

use crate::sample::{self, framed};

const PAN: &str = "4111111111111111";

/// Every run of four digits of the card number, as characters or as the number that they spell in a length field.
fn assert_quiet(shown: &str) {
    assert!(!shown.contains("1111") && !shown.contains("4111"), "{shown}");
    let as_number = u32::from_be_bytes(*b"1111").to_string();
    assert!(!shown.contains(&as_number), "{shown}");
    assert!(!shown.contains("49, 49, 49"), "{shown}");
}

/// `{:?}` and `{:#?}` of `value`, checked.
fn quiet(value: &impl std::fmt::Debug) {
    assert_quiet(&format!("{value:?}"));
    assert_quiet(&format!("{value:#?}"));
}

#[test]
fn client_messages_show_sizes_only() {
    let frames = [
        framed(b'Q', format!("SELECT '{PAN}'\0").as_bytes()),
        framed(b'P', format!("{PAN}\0SELECT '{PAN}'\0\0\0").as_bytes()),
        framed(b'B', format!("{PAN}\0{PAN}\0\0\0\0\x01\0\0\0\x10{PAN}\0\0").as_bytes()),
        framed(b'D', format!("S{PAN}\0").as_bytes()),
        framed(b'C', format!("P{PAN}\0").as_bytes()),
        framed(b'E', format!("{PAN}\0\0\0\0\0").as_bytes()),
        framed(b'd', PAN.as_bytes()),
        framed(b'f', format!("{PAN}\0").as_bytes()),
        framed(b'p', format!("{PAN}\0").as_bytes()),
        framed(b'F', PAN.as_bytes()),
    ];
    for frame in &frames {
        let tag = FrontendTag::from_byte(frame[0]).unwrap();
        quiet(&FrontendMessage::decode(tag, &frame[HEADER_LEN..]).unwrap());
    }
    let shown = format!("{:?}", FrontendMessage::decode(FrontendTag::Query, b"SELECT 1\0").unwrap());
    assert_eq!(shown, "Query(Query { text: [8 bytes] })");
}

#[test]
fn sign_in_answers_show_sizes_only() {
    quiet(&Password::decode(format!("{PAN}\0").as_bytes()).unwrap());
    quiet(&SaslResponse::decode(PAN.as_bytes()));
    let mut out = Vec::new();
    encode::sasl_initial_response(&mut out, PAN, Some(PAN.as_bytes())).unwrap();
    quiet(&SaslInitialResponse::decode(&out[HEADER_LEN..]).unwrap());
}

#[test]
fn server_messages_show_sizes_only() {
    let frames = [
        framed(b'D', format!("\0\x01\0\0\0\x10{PAN}").as_bytes()),
        framed(b'd', PAN.as_bytes()),
        framed(b'E', format!("M{PAN}\0\0").as_bytes()),
        framed(b'N', format!("D{PAN}\0\0").as_bytes()),
        framed(b'A', format!("\0\0\0\x01{PAN}\0{PAN}\0").as_bytes()),
        framed(b'S', format!("application_name\0{PAN}\0").as_bytes()),
        framed(b'K', format!("\0\0\0\x01{PAN}").as_bytes()),
        framed(b'T', format!("\0\x01{PAN}\0\0\0\0\0\0\0\0\0\0\x17\0\x04\0\0\0\0\0\0").as_bytes()),
        framed(b'R', format!("\0\0\0\x0b{PAN}").as_bytes()),
    ];
    for frame in &frames {
        let tag = BackendTag::from_byte(frame[0]).unwrap();
        quiet(&BackendMessage::decode(tag, &frame[HEADER_LEN..]).unwrap());
    }
}

#[test]
fn keys_start_up_and_own_reports_show_nothing() {
    quiet(&CancelKey::new(PAN.as_bytes()).unwrap());
    let body = format!("\0\x03\0\0user\0{PAN}\0{PAN}\0{PAN}\0\0");
    let packet = [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body.as_bytes()].concat();
    quiet(&decode_startup(&packet).unwrap());
    quiet(&LocalReport::new(Severity::Error, SqlState::SYNTAX_ERROR, format!("near `{PAN}`")));
}

/// Once framing is lost, type and length are payload too.
#[test]
fn errors_show_nothing_of_what_they_refuse() {
    for at in 0..PAN.len() {
        let bytes = &PAN.as_bytes()[at..];
        for tag in FrontendTag::ALL {
            let frame = [&[tag.byte()], bytes].concat();
            match next_frame::<FrontendTag>(&frame, &Limits::default()) {
                Err(error) => {
                    assert_quiet(&error.to_string());
                    quiet(&error);
                }
                Ok(Frame::Incomplete { .. }) => {}
                // CopyData is the one message that may be so long; its header is not an error.
                Ok(Frame::Head { tag, .. }) => assert_eq!(tag, FrontendTag::CopyData),
                Ok(Frame::Whole { .. }) => panic!("{at}"),
            }
        }
        assert_quiet(&next_frame::<FrontendTag>(bytes, &Limits::default()).unwrap_err().to_string());
    }
    for frame in sample::frontend() {
        let tag = FrontendTag::from_byte(frame[0]).unwrap();
        let body = [&frame[HEADER_LEN..], PAN.as_bytes(), b"\xff\0"].concat();
        if let Err(error) = FrontendMessage::decode(tag, &body) {
            assert_quiet(&error.to_string());
            quiet(&error);
        }
    }
}

#[test]
fn errors_read_as_a_sentence() {
    let error = FrontendMessage::decode(FrontendTag::Bind, b"").unwrap_err();
    assert_eq!(error.to_string(), "Bind: string without terminating zero byte");
    let error = next_frame::<FrontendTag>(b"S\x7f\0\0\0", &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "Sync: length is over the limit of 10000 bytes");
}
