//! Where a request really came from, when trusted proxies stand in between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

/// A trusted proxy sent a forwarding header that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trusted proxy sent a forwarding header that is not a list of addresses")]
pub struct BadForwarding;

/// The address of the client. Headers count only when the peer is a trusted proxy, and are read from the right: every
/// entry left of the first untrusted address was written by someone whom we have no reason to believe.
///
/// # Errors
/// [`BadForwarding`] when a trusted proxy's header does not parse: guessing would pin a lock-out or a token's source
/// on the wrong address.
pub fn client_address(
    peer: SocketAddr,
    headers: &HeaderMap,
    trusted: &[IpAddr],
) -> Result<SocketAddr, BadForwarding> {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    if !is_trusted(peer.ip(), trusted) {
        return Ok(peer);
    }
    let hops = forwarded(headers)?;
    let Some(first) = hops.first().copied() else {
        return Ok(peer);
    };
    Ok(hops.iter().rev().copied().find(|hop| !is_trusted(hop.ip(), trusted)).unwrap_or(first))
}

fn is_trusted(ip: IpAddr, trusted: &[IpAddr]) -> bool {
    trusted.iter().any(|t| t.to_canonical() == ip)
}

fn forwarded(headers: &HeaderMap) -> Result<Vec<SocketAddr>, BadForwarding> {
    let standard = list(headers, "forwarded")?;
    let usual = list(headers, "x-forwarded-for")?;
    // A proxy writes one of them; were both taken, the other would be the client's own.
    match (standard.is_empty(), usual.is_empty()) {
        (false, false) => Err(BadForwarding),
        (false, true) => standard.iter().map(|element| parse_forwarded(element)).collect(),
        (true, _) => usual.iter().map(|hop| parse_node(hop)).collect(),
    }
}

fn list(headers: &HeaderMap, name: &str) -> Result<Vec<String>, BadForwarding> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| BadForwarding)?;
        all.extend(text.split(',').map(|part| part.trim().to_owned()));
    }
    Ok(all)
}

/// One element of RFC 7239's header: `for=192.0.2.60;proto=http`.
fn parse_forwarded(element: &str) -> Result<SocketAddr, BadForwarding> {
    // Elements were cut at commas and are cut at semicolons here, without regard to quotes: what stands across a cut
    // is refused.
    if element.split(';').any(|pair| pair.matches('"').count() % 2 != 0) {
        return Err(BadForwarding);
    }
    let node = element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case("for"))
        .map(|(_, value)| value.trim().trim_matches('"'))
        .ok_or(BadForwarding)?;
    parse_node(node)
}

fn parse_node(node: &str) -> Result<SocketAddr, BadForwarding> {
    if let Ok(ip) = node.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip.to_canonical(), 0));
    }
    let address: SocketAddr = node.parse().map_err(|_| BadForwarding)?;
    Ok(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// What limits by address count: an IPv4 address, or the /64 that a single IPv6 host can roam in.
#[must_use]
pub fn network_of(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let masked = Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX));
            format!("{masked}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(name, value.parse().unwrap());
        map
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_stranger_cannot_name_its_own_address() {
        let peer: SocketAddr = "203.0.113.9:5000".parse().unwrap();
        let got = client_address(peer, &headers("x-forwarded-for", "10.0.0.1"), &[ip("10.9.9.9")]);
        assert_eq!(got, Ok(peer));
    }

    #[test]
    fn a_header_that_the_proxy_did_not_write_is_not_believed() {
        let peer: SocketAddr = "10.0.0.1:443".parse().unwrap();
        let trusted = [ip("10.0.0.1")];
        let mut both = headers("x-forwarded-for", "203.0.113.9");
        both.insert("forwarded", "for=198.51.100.7".parse().unwrap());
        assert!(client_address(peer, &both, &trusted).is_err());
        let quoted = headers("forwarded", r#"for=203.0.113.9;host="x, for=198.51.100.7""#);
        assert!(client_address(peer, &quoted, &trusted).is_err());
    }

    #[test]
    fn behind_a_proxy_the_rightmost_untrusted_hop_counts() {
        let peer: SocketAddr = "[::ffff:10.0.0.1]:443".parse().unwrap();
        let trusted = [ip("10.0.0.1"), ip("10.0.0.2")];
        let forged = headers("x-forwarded-for", "1.2.3.4, 203.0.113.7, 10.0.0.2");
        assert_eq!(client_address(peer, &forged, &trusted).unwrap().ip(), ip("203.0.113.7"));
        let standard = headers("forwarded", "for=1.2.3.4, for=\"[2001:db8::7]:99\";proto=https");
        assert_eq!(client_address(peer, &standard, &trusted).unwrap(), "[2001:db8::7]:99".parse().unwrap());
        assert_eq!(client_address(peer, &headers("forwarded", "for=unknown"), &trusted), Err(BadForwarding));
    }

    #[test]
    fn an_ipv6_host_cannot_roam_out_of_its_count() {
        assert_eq!(network_of(ip("2001:db8:1:2:aaaa::1")), network_of(ip("2001:db8:1:2:bbbb::2")));
        assert_ne!(network_of(ip("2001:db8:1:2::1")), network_of(ip("2001:db8:1:3::1")));
        assert_eq!(network_of(ip("::ffff:192.0.2.1")), "192.0.2.1");
    }
}
