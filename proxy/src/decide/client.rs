//! Who asks: the peer, or whom trusted proxies name; and by which last leg it came.

use crate::snapshot::ListenerRules;
use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The client's own address: behind trusted proxies, the one they vouch for.
    pub(crate) address: IpAddr,
    pub(crate) hop: Hop,
}

/// The last leg of a request's way to this edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hop {
    /// The peer that connected is a trusted proxy.
    pub(crate) trusted: bool,
    /// It connected over TLS.
    pub(crate) secure: bool,
}

impl Hop {
    /// Whether the client asks over TLS: where a trusted proxy was asked, it says.
    pub(crate) fn is_https(self, headers: &HeaderMap) -> bool {
        let told = if self.trusted { headers.get(X_FORWARDED_PROTO) } else { None };
        told.map_or(self.secure, |told| told.as_bytes().eq_ignore_ascii_case(b"https"))
    }

    /// The scheme by which the client asks.
    pub(crate) fn scheme(self, headers: &HeaderMap) -> &'static str {
        if self.is_https(headers) { "https" } else { "http" }
    }
}

impl Client {
    /// Who asks by `peer` (in its canonical form), under the rules of the listener that it came to.
    pub(crate) fn of(
        headers: &HeaderMap,
        peer: IpAddr,
        secure: bool,
        rules: Option<&ListenerRules>,
    ) -> Client {
        match rules.filter(|rules| rules.trusts(peer)) {
            Some(rules) => Client {
                address: forwarded_client(headers, peer, |ip| rules.trusts(ip)),
                hop: Hop { trusted: true, secure },
            },
            None => Client { address: peer, hop: Hop { trusted: false, secure } },
        }
    }
}

/// The right-most address that is not a trusted proxy; what stands left of it is hearsay (right to
/// left is RFC 7239's advice).
fn forwarded_client(headers: &HeaderMap, peer: IpAddr, trusts: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer;
    let values: Vec<&[u8]> =
        headers.get_all(X_FORWARDED_FOR).iter().map(|value| value.as_bytes()).collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(|b| *b == b',')) {
        let Some(address) = parse_hop(hop.trim_ascii()) else { break };
        client = address;
        if !trusts(address) {
            break;
        }
    }
    client
}

/// An address, with or without a port, bracketed or not.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = bare.parse().ok();
    address.or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip())).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_first_hop_from_the_right_that_is_not_trusted() {
        let trusts = |ip: IpAddr| ip.to_string().starts_with("10.");
        let peer: IpAddr = "10.0.0.1".parse().expect("address");
        let client = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_FORWARDED_FOR, value.parse().expect("value"));
            }
            forwarded_client(&headers, peer, trusts).to_string()
        };
        assert_eq!(client(&[]), "10.0.0.1");
        assert_eq!(client(&["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client(&["6.6.6.6, 1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(client(&["6.6.6.6", "1.2.3.4", "10.0.0.2"]), "1.2.3.4");
        assert_eq!(client(&["6.6.6.6, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(&["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client(&["::ffff:1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn the_scheme_is_the_connection_s_unless_a_trusted_proxy_says_otherwise() {
        let scheme = |trusted, secure, told: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(told) = told {
                headers.insert(X_FORWARDED_PROTO, http::HeaderValue::from_static(told));
            }
            Hop { trusted, secure }.scheme(&headers)
        };
        assert_eq!(scheme(false, false, Some("https")), "http", "hearsay");
        assert_eq!(scheme(false, true, Some("http")), "https", "hearsay");
        assert_eq!(scheme(true, false, Some("HTTPS")), "https");
        assert_eq!(scheme(true, true, Some("http")), "http");
        assert_eq!(scheme(true, true, None), "https");
        assert_eq!(scheme(true, false, None), "http");
    }
}
