//! Names of inputs, read once at load so that a call compares no strings. It knows no request.

use std::fmt;

use http::HeaderName;

/// The longest cookie, query or metadata name.
const LONGEST: usize = 256;

/// Something of a request or response that a plugin may ask for in its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InputName {
    /// `header:NAME`: each field line of that name is one value.
    Header(HeaderName),
    /// `cookie:NAME`: each cookie of that name is one value. Names are case-sensitive.
    Cookie(String),
    /// `query:NAME`: each parameter of that name, percent-decoded, is one value.
    Query(String),
    /// `client.address`: the client's address as text, without a port.
    ClientAddress,
    /// `client.region`: where the client is thought to be.
    ClientRegion,
    /// `tls.sni`: the server name that the client asked for.
    TlsSni,
    /// `service.name`: the matched service.
    ServiceName,
    /// `edge.region`: where this edge is.
    EdgeRegion,
    /// `meta:PLUGIN.KEY`: what an earlier plugin left in its metadata.
    Meta {
        /// The operator's name of the earlier plugin.
        plugin: String,
        /// The key that it used.
        key: String,
    },
}

impl InputName {
    /// Reads a name without its trailing `?`; none when there is no such input.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fixed = match text {
            "client.address" => Self::ClientAddress,
            "client.region" => Self::ClientRegion,
            "tls.sni" => Self::TlsSni,
            "service.name" => Self::ServiceName,
            "edge.region" => Self::EdgeRegion,
            _ => return Self::parse_keyed(text),
        };
        Some(fixed)
    }

    fn parse_keyed(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        if name.is_empty() || name.len() > LONGEST || name.bytes().any(|byte| byte < 0x20) {
            return None;
        }
        match kind {
            "header" => HeaderName::from_bytes(name.as_bytes()).ok().map(Self::Header),
            "cookie" => Some(Self::Cookie(name.to_owned())),
            "query" => Some(Self::Query(name.to_owned())),
            "meta" => {
                let (plugin, key) = name.split_once('.')?;
                (!plugin.is_empty() && !key.is_empty())
                    .then(|| Self::Meta { plugin: plugin.to_owned(), key: key.to_owned() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::ClientAddress => f.write_str("client.address"),
            Self::ClientRegion => f.write_str("client.region"),
            Self::TlsSni => f.write_str("tls.sni"),
            Self::ServiceName => f.write_str("service.name"),
            Self::EdgeRegion => f.write_str("edge.region"),
            Self::Meta { plugin, key } => write!(f, "meta:{plugin}.{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_contract_is_read_and_written_back() {
        for name in [
            "header:cookie",
            "cookie:sid",
            "query:tenant",
            "client.address",
            "client.region",
            "tls.sni",
            "service.name",
            "edge.region",
            "meta:other.key",
        ] {
            let parsed = InputName::parse(name).map(|parsed| parsed.to_string());
            assert_eq!(parsed.as_deref(), Some(name));
        }
    }

    #[test]
    fn what_names_nothing_is_no_input() {
        for name in ["", "header", "header:", "header:a b", "client.adress", "meta:x", "meta:.k"] {
            assert_eq!(InputName::parse(name), None, "{name:?}");
        }
    }
}
