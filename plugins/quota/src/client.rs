//! As whom a client without a key is counted.

use std::net::{IpAddr, Ipv6Addr};

/// The address; of IPv6 the first 64 bits, since a client has all of the rest to choose from.
pub(crate) fn counted(address: &str) -> String {
    match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Ok(IpAddr::V6(ip)) => {
            let network = ip.to_bits() >> 64 << 64;
            format!("{}/64", Ipv6Addr::from_bits(network))
        }
        // Never from the proxy; together they get what one gets.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_be_many_by_choosing_addresses() {
        assert_eq!(counted("192.0.2.7"), "192.0.2.7");
        assert_eq!(counted("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(counted("2001:db8:1:2:ffff::"), "2001:db8:1:2::/64");
        assert_eq!(counted("nobody"), "");
    }
}
