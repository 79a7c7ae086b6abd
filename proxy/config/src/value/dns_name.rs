//! Names whose addresses are a service's instances.

use std::fmt;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// RFC 1035 section 2.3.4, as text.
const LONGEST: usize = 253;

/// What is asked of DNS. Names are in lower case, without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DnsName {
    /// `web.internal:8080`: every address (A and AAAA) is an instance at this port.
    Host {
        /// The name to ask for.
        name: String,
        /// Where each address listens.
        port: u16,
    },
    /// `_http._tcp.web.internal`: every target (SRV, RFC 2782) is one, at its own port.
    Service(String),
}

impl DnsName {
    fn parse(text: &str) -> Result<Self, Complaint> {
        let complaint = Complaint::not_a::<Self>(text);
        let lower = text.to_ascii_lowercase();
        let (name, port) = match lower.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (lower.as_str(), None),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        if !valid(name) {
            return Err(complaint.help("a name and a port, as \"web.internal:8080\""));
        }
        if name.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(complaint.help("this is an address: write it as an instance"));
        }
        let name = name.to_owned();
        match (name.starts_with('_'), port) {
            (true, None) => Ok(Self::Service(name)),
            (true, Some(_)) => Err(complaint.help("the answer to such a name brings the ports")),
            (false, None) => Err(complaint.label("the port is missing")),
            (false, Some(port)) => match port.parse() {
                Ok(port) if port != 0 => Ok(Self::Host { name, port }),
                _ => Err(complaint.label("the port is none")),
            },
        }
    }
}

fn valid(name: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-')
    };
    name.len() <= LONGEST && name.split('.').all(label)
}

impl Scalar for DnsName {
    const WHAT: &'static str = "a name to look instances up by";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        Self::parse(text::<Self>(value)?)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]+(:[0-9]{1,5})?$" })
    }

    fn written(&self) -> Value {
        json!(self.to_string())
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port } => write!(formatter, "{name}:{port}"),
            Self::Service(name) => formatter.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_port_unless_its_answer_brings_it() {
        let host = DnsName::parse("Web.Internal.:8080").expect("a name");
        assert_eq!(host, DnsName::Host { name: "web.internal".to_owned(), port: 8080 });
        let service = DnsName::parse("_http._tcp.web.internal").expect("a name");
        assert_eq!(service, DnsName::Service("_http._tcp.web.internal".to_owned()));
        for bad in [
            "",
            "web",
            "web:0",
            "web:x",
            "web:70000",
            ":80",
            "a..b:80",
            "-a:80",
            "10.0.0.1:80",
            "_http._tcp.web:80",
            "http://web:80",
            "[::1]:80",
            "we b:80",
        ] {
            assert!(DnsName::parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
