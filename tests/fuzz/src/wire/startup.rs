//! The packets that open a connection.

use crate::script::{Opening, packet_len};
use hoop_pgwire::startup::{StartupRequest, decode_startup, encode};

/// Any bytes as the first packet of a connection.
pub fn wire_startup(data: &[u8]) {
    passed_on(data);
    let Ok(Some((request, used))) = decode_startup(data) else { return };
    assert!((8..=10_000).contains(&used) && used <= data.len());
    for cut in [4, used / 2, used - 1] {
        assert_eq!(decode_startup(&data[..cut.min(used - 1)]).unwrap(), None);
    }
    assert_eq!(decode_startup(&data[..used]).unwrap(), Some((request.clone(), used)));
    let mut again = Vec::new();
    match &request {
        StartupRequest::Ssl => encode::ssl_request(&mut again),
        StartupRequest::GssEnc => encode::gssenc_request(&mut again),
        StartupRequest::Cancel { pid, key } => encode::cancel(&mut again, *pid, key).unwrap(),
        StartupRequest::Startup { version, parameters } => {
            encode::startup(&mut again, *version, parameters.iter()).unwrap();
        }
    }
    assert_eq!(again, &data[..used], "written again");
}

/// The same bytes to hoopctl's own reader: it takes all that the broker takes, for the same, and what it passes on is a
/// packet that the broker understands, with nothing but user and database chosen anew.
fn passed_on(data: &[u8]) {
    let opening = data.first_chunk::<4>().and_then(|head| {
        let len = packet_len(*head).ok()?;
        Some(Opening::parse(data.get(4..len)?))
    });
    match (decode_startup(data), opening) {
        (
            Ok(Some((StartupRequest::Startup { version, parameters }, _))),
            Some(Ok(Opening::Startup(ours))),
        ) => {
            // `USER` beside the `user` that is filled in is twice the same name to the broker, which refuses it.
            let own = |name: &str| ["user", "database"].iter().any(|known| known.eq_ignore_ascii_case(name));
            if parameters.iter().any(|(name, _)| own(name) && name.chars().any(char::is_uppercase)) {
                return;
            }
            let packet = ours.packet("pay", "main", &["main".to_owned()]);
            // What is filled in can make a packet too long that was just within the limit.
            let Ok(Some((again, used))) = decode_startup(&packet) else {
                return assert!(
                    packet.len() > 10_000,
                    "the broker does not understand what hoopctl passes on"
                );
            };
            assert_eq!(used, packet.len());
            let StartupRequest::Startup { version: passed, parameters: now } = again else {
                panic!("it became something else");
            };
            assert_eq!(passed, version);
            let others = |name: &str| name != "user" && name != "database";
            let before: Vec<_> = parameters.iter().filter(|(name, _)| others(name)).collect();
            let after: Vec<_> = now.iter().filter(|(name, _)| others(name)).collect();
            assert_eq!(before, after, "parameters are lost or made up");
        }
        (Ok(Some((StartupRequest::Ssl | StartupRequest::GssEnc, _))), ours) => {
            assert_eq!(ours, Some(Ok(Opening::Encryption)));
        }
        (Ok(Some((StartupRequest::Cancel { .. }, _))), ours) => assert_eq!(ours, Some(Ok(Opening::Cancel))),
        (Ok(Some(taken)), ours) => panic!("{taken:?} for the broker, {ours:?} for hoopctl"),
        (Ok(None) | Err(_), _) => {}
    }
}
