//! The packets that open a connection.

use hoop_pgwire::startup::{ProtocolVersion, StartupRequest, decode_startup, encode};
use hoop_pgwire::{CancelKey, Fault};
use proptest::prelude::*;

/// A packet of `code` and `rest`.
fn packet(code: u32, rest: &[u8]) -> Vec<u8> {
    let len = u32::try_from(rest.len() + 8).unwrap();
    [&len.to_be_bytes()[..], &code.to_be_bytes(), rest].concat()
}

fn fault(packet: &[u8]) -> Fault {
    decode_startup(packet).unwrap_err().fault()
}

const V3_0: u32 = 0x0003_0000;

#[test]
fn requests_for_encryption() {
    let mut out = Vec::new();
    encode::ssl_request(&mut out);
    assert_eq!(out, b"\0\0\0\x08\x04\xd2\x16\x2f");
    assert_eq!(decode_startup(&out).unwrap(), Some((StartupRequest::Ssl, 8)));
    out.clear();
    encode::gssenc_request(&mut out);
    assert_eq!(out, b"\0\0\0\x08\x04\xd2\x16\x30");
    assert_eq!(decode_startup(&out).unwrap(), Some((StartupRequest::GssEnc, 8)));
    assert_eq!(fault(b"\0\0\0\x09\x04\xd2\x16\x2fx"), Fault::Trailing);
}

#[test]
fn what_follows_a_request_for_encryption_shows_in_consumed() {
    let buf = b"\0\0\0\x08\x04\xd2\x16\x2fstuffed";
    assert_eq!(decode_startup(buf).unwrap(), Some((StartupRequest::Ssl, 8)));
}

#[test]
fn cancel_keys_of_both_protocol_versions() {
    let mut out = Vec::new();
    encode::cancel(&mut out, 0x1234, &CancelKey::new(b"key!").unwrap()).unwrap();
    assert_eq!(out, b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x12\x34key!");
    for len in [0, 3, 4, 32, 256, 257] {
        let rest = [&[0, 0, 0, 7][..], &vec![9; len]].concat();
        let request = decode_startup(&packet(80_877_102, &rest));
        if (4..=256).contains(&len) {
            let key = CancelKey::new(&vec![9; len]).unwrap();
            let expected = StartupRequest::Cancel { pid: 7, key };
            assert_eq!(request.unwrap(), Some((expected, 12 + len)));
        } else {
            assert_eq!(request.unwrap_err().fault(), Fault::KeyLength);
            assert_eq!(CancelKey::new(&vec![9; len]).unwrap_err().fault(), Fault::KeyLength);
        }
    }
    assert_ne!(CancelKey::new(b"aaaa").unwrap(), CancelKey::new(b"aaab").unwrap());
    assert_ne!(CancelKey::new(b"aaaa").unwrap(), CancelKey::new(b"aaaaa").unwrap());
}

#[test]
fn start_up() {
    let mut out = Vec::new();
    let parameters = [("user", "app"), ("database", "shop"), ("_pq_.x", "1"), ("options", "")];
    encode::startup(&mut out, ProtocolVersion::V3_2, parameters).unwrap();
    assert_eq!(out, b"\0\0\0\x32\0\x03\0\x02user\0app\0database\0shop\0_pq_.x\x001\0options\0\0\0"[..]);
    let Some((StartupRequest::Startup { version, parameters: found }, used)) = decode_startup(&out).unwrap()
    else {
        panic!()
    };
    assert_eq!((version, used), (ProtocolVersion { major: 3, minor: 2 }, out.len()));
    assert_eq!(found.iter().collect::<Vec<_>>(), parameters);
    assert_eq!((found.user(), found.database()), (Some("app"), Some("shop")));
    assert_eq!(found.value("options"), Some(""));
    assert_eq!(found.value("replication"), None);
    assert_eq!(found.protocol_options().collect::<Vec<_>>(), ["_pq_.x"]);
}

#[test]
fn lists_that_two_readers_might_read_differently_are_refused() {
    assert_eq!(fault(&packet(V3_0, b"user\0a\0user\0b\0\0")), Fault::DuplicateParameter);
    assert_eq!(fault(&packet(V3_0, b"DateStyle\0a\0datestyle\0b\0\0")), Fault::DuplicateParameter);
    assert_eq!(fault(&packet(V3_0, b"user\0a\0\0user\0b\0\0")), Fault::Trailing);
    assert_eq!(fault(&packet(V3_0, b"user\0a\0")), Fault::MissingNul);
    assert_eq!(fault(&packet(V3_0, b"user\0a")), Fault::MissingNul);
    assert_eq!(fault(&packet(V3_0, b"user\0\xff\0\0")), Fault::NotUtf8);
    assert_eq!(fault(&packet(V3_0, b"")), Fault::MissingNul);
}

#[test]
fn other_versions_are_refused() {
    for code in [0, 0x0002_0000, 0x0004_0000, 80_877_105, u32::MAX] {
        assert_eq!(fault(&packet(code, b"\0")), Fault::UnsupportedVersion, "{code:#x}");
    }
    let error = decode_startup(&packet(0x0002_0000, b"\0")).unwrap_err();
    assert_eq!(error.sqlstate().as_str(), "0A000");
    // Clients test negotiation with minor versions that do not exist.
    assert!(decode_startup(&packet(0x0003_270f, b"\0")).unwrap().is_some());
}

#[test]
fn lengths() {
    assert_eq!(fault(b"\0\0\0\0"), Fault::LengthTooSmall);
    assert_eq!(fault(b"\0\0\0\x07"), Fault::LengthTooSmall);
    assert_eq!(fault(b"\0\0\x27\x11"), Fault::LengthTooLarge { limit: 10_000 });
    assert_eq!(fault(b"\xff\xff\xff\xff"), Fault::LengthTooLarge { limit: 10_000 });
    assert_eq!(decode_startup(b"\0\0\x27\x10").unwrap(), None);
    // Another protocol on our port: TLS without asking, and HTTP.
    assert_eq!(fault(b"\x16\x03\x01\x02"), Fault::LengthTooLarge { limit: 10_000 });
    assert_eq!(fault(b"GET / HTTP/1.1"), Fault::LengthTooLarge { limit: 10_000 });
}

#[test]
fn a_packet_that_cannot_be_built_leaves_nothing_behind() {
    let mut out = b"before".to_vec();
    let long = "x".repeat(10_000);
    for (parameter, fault) in [
        (("", "x"), Fault::EmptyName),
        (("user", "a\0b"), Fault::InnerNul),
        (("user", &*long), Fault::LengthTooLarge { limit: 10_000 }),
    ] {
        let error = encode::startup(&mut out, ProtocolVersion::V3_0, [("ok", "1"), parameter]).unwrap_err();
        assert_eq!((error.fault(), &out[..]), (fault, &b"before"[..]));
    }
}

proptest! {
    #[test]
    fn round_trip_and_every_cut(
        minor in any::<u16>(),
        parameters in prop::collection::btree_map("[a-z_]{1,12}", "[^\0]{0,20}", 0..8),
    ) {
        let mut out = Vec::new();
        let list = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        encode::startup(&mut out, ProtocolVersion { major: 3, minor }, list).unwrap();
        for cut in 0..out.len() {
            prop_assert_eq!(decode_startup(&out[..cut]).unwrap(), None);
        }
        let (request, used) = decode_startup(&out).unwrap().unwrap();
        prop_assert_eq!(used, out.len());
        let StartupRequest::Startup { version, parameters: found } = request else { panic!() };
        prop_assert_eq!(version.minor, minor);
        prop_assert!(found.iter().eq(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    }
}
