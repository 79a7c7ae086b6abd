//! The hosts a service answers for: exact, or everything under a domain.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// RFC 1035 section 2.3.4, as text.
const LONGEST: usize = 253;

/// Which hosts. Lower case, without port and without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// Every host that no other service claims.
    Any,
    /// `*.example.com`: any host below this domain (stored as `example.com`), at whatever depth,
    /// but not the domain itself.
    Under(String),
    /// This host alone. An IPv6 address stands in brackets.
    Exact(String),
}

impl HostPattern {
    fn parse(text: &str) -> Result<Self, Complaint> {
        let lower = text.to_ascii_lowercase();
        let lower = lower.strip_suffix('.').unwrap_or(&lower);
        let (domain, under) = match lower.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (lower, false),
        };
        if valid(domain) && !(under && is_address(domain)) {
            let domain = domain.to_owned();
            return Ok(if under { Self::Under(domain) } else { Self::Exact(domain) });
        }
        Err(refusal(text, lower))
    }
}

fn refusal(text: &str, lower: &str) -> Complaint {
    let complaint = Complaint::not_a::<HostPattern>(text);
    if lower == "*" {
        return complaint.help("to answer for every host, leave `hosts` out");
    }
    if !lower.is_ascii() {
        return complaint.help("international names are written in their xn-- form");
    }
    let host = lower.split_once("://").map_or(lower, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    if host != lower && valid(host) {
        let meant = format!("did you mean \"{host}\"?");
        return complaint.label(meant).help("a host has no scheme, port or path");
    }
    complaint.help("a * stands only for the whole beginning, as in *.example.com")
}

fn valid(host: &str) -> bool {
    if host.len() > LONGEST {
        return false;
    }
    if host.starts_with('[') {
        return is_address(host);
    }
    let label = |label: &str| {
        let bytes = label.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-')
    };
    host.split('.').all(label)
}

fn is_address(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bracketed.map_or_else(
        || host.parse::<Ipv4Addr>().is_ok(),
        |address| address.parse::<Ipv6Addr>().is_ok(),
    )
}

impl Scalar for HostPattern {
    const WHAT: &'static str = "a host";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        Self::parse(text::<Self>(value)?)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": r"^((\*\.)?[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])$" })
    }

    fn written(&self) -> Value {
        json!(self.to_string())
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("any host"),
            Self::Under(domain) => write!(formatter, "*.{domain}"),
            Self::Exact(host) => formatter.write_str(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HostPattern;

    #[test]
    fn hosts_are_exact_or_everything_under_a_domain() {
        let parse = |text| HostPattern::parse(text).ok();
        let exact = |host: &str| Some(HostPattern::Exact(host.to_owned()));
        assert_eq!(parse("Example.COM."), exact("example.com"));
        assert_eq!(parse("localhost"), exact("localhost"));
        assert_eq!(parse("127.0.0.1"), exact("127.0.0.1"));
        assert_eq!(parse("[::1]"), exact("[::1]"));
        assert_eq!(parse("*.example.com"), Some(HostPattern::Under("example.com".to_owned())));
        for bad in [
            "",
            "*",
            "*.",
            "a.*.b",
            "a*.b",
            "a b",
            "a..b",
            "-a",
            "a:80",
            "http://a",
            "ü.de",
            "[::1",
            "*.[::1]",
            "*.1.2.3.4",
        ] {
            assert_eq!(parse(bad), None, "{bad:?} was taken");
        }
    }
}
