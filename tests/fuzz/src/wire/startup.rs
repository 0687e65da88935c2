//! The packets that open a connection.

use hoop_pgwire::startup::{StartupRequest, decode_startup, encode};

/// Any bytes as the first packet of a connection.
pub fn wire_startup(data: &[u8]) {
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
