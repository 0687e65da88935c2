//! What the sign-in reads of requests: proofs, nonces, codes that people type, and headers of proxies.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hoop_broker::identity::address::client_address;
use hoop_broker::identity::device::UserCode;
use hoop_broker::identity::dpop::{Expected, Nonces, verify};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// Any bytes as a DPoP proof, as a nonce, as a user code, and as forwarding headers (one a line).
pub fn identity(data: &[u8]) {
    addresses(data);
    let Ok(text) = str::from_utf8(data) else { return };
    let expected = Expected {
        htm: "POST",
        htu: "https://broker.example/oauth/token",
        token: None,
        now_s: 1_700_000_000,
    };
    // Without a nonce of ours nothing is a good proof, whoever signed it.
    verify(text, &expected, |_| false).unwrap_err();
    let nonces = Nonces::new(&[7; 32]);
    let now = Duration::from_secs(3600);
    let ours = nonces.current(now);
    assert!(nonces.accepts(&ours, now));
    assert!(text == ours || !nonces.accepts(text, now), "a nonce that nobody made");
    if let Some(code) = UserCode::parse(text) {
        assert_eq!(UserCode::parse(code.as_str()).unwrap().as_str(), code.as_str());
        assert_eq!(code.as_str().len(), 9);
    }
}

/// A header counts only when the peer is trusted, and then names an address that is written in it.
fn addresses(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for (at, line) in data.split(|b| *b == b'\n').enumerate().take(4) {
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        let name = if at % 2 == 0 { "x-forwarded-for" } else { "forwarded" };
        headers.append(HeaderName::from_static(name), value);
    }
    let peer: SocketAddr = ([192, 0, 2, 1], 443).into();
    let proxy = IpAddr::from([192, 0, 2, 1]);
    assert_eq!(client_address(peer, &headers, &[]), Ok(peer), "a stranger's headers count");
    let Ok(client) = client_address(peer, &headers, &[proxy]) else { return };
    let written = |ip: IpAddr| {
        let parts = data.split(|b| b",;\n\t\" =[]".contains(b));
        // A zone behind the address is not part of it.
        let mut texts = parts.filter_map(|part| str::from_utf8(part).ok()?.split('%').next());
        texts.any(|text| {
            let bare = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|a| a.ip()));
            bare.is_ok_and(|found| found.to_canonical() == ip)
        })
    };
    assert!(client == peer || written(client.ip()), "{client} is nowhere in the headers");
}
