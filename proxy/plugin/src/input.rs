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
    /// `request.path`: the request's path with its query, for hooks that are not told it otherwise.
    RequestPath,
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
            "request.path" => Self::RequestPath,
            "client.address" => Self::ClientAddress,
            "client.region" => Self::ClientRegion,
            "tls.sni" => Self::TlsSni,
            "service.name" => Self::ServiceName,
            "edge.region" => Self::EdgeRegion,
            _ => {
                let (kind, name) = text.split_once(':')?;
                if kind == "meta" {
                    return Self::meta(name);
                }
                return Keyed::parse(kind)?.named(name);
            }
        };
        Some(fixed)
    }

    fn meta(name: &str) -> Option<Self> {
        let (plugin, key) = name.split_once('.')?;
        let good = !plugin.is_empty() && !key.is_empty() && plain(name);
        good.then(|| Self::Meta { plugin: plugin.to_owned(), key: key.to_owned() })
    }
}

fn plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && !name.bytes().any(|byte| byte < 0x20)
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::RequestPath => f.write_str("request.path"),
            Self::ClientAddress => f.write_str("client.address"),
            Self::ClientRegion => f.write_str("client.region"),
            Self::TlsSni => f.write_str("tls.sni"),
            Self::ServiceName => f.write_str("service.name"),
            Self::EdgeRegion => f.write_str("edge.region"),
            Self::Meta { plugin, key } => write!(f, "meta:{plugin}.{key}"),
        }
    }
}

/// Kinds of input that are chosen by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Keyed {
    Header,
    Cookie,
    Query,
}

impl Keyed {
    fn parse(kind: &str) -> Option<Self> {
        match kind {
            "header" => Some(Self::Header),
            "cookie" => Some(Self::Cookie),
            "query" => Some(Self::Query),
            _ => None,
        }
    }

    fn named(self, name: &str) -> Option<InputName> {
        if !plain(name) {
            return None;
        }
        match self {
            Self::Header => HeaderName::from_bytes(name.as_bytes()).ok().map(InputName::Header),
            Self::Cookie => Some(InputName::Cookie(name.to_owned())),
            Self::Query => Some(InputName::Query(name.to_owned())),
        }
    }
}

/// An input as a manifest declares it: a name, or where in the configuration the name stands, as in
/// `header:{field=x-tenant}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPattern {
    written: String,
    kind: Pattern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Fixed(InputName),
    Configured {
        kind: Keyed,
        key: String,
        default: Option<InputName>,
    },
    /// Optional, and not known here.
    Absent,
}

impl InputPattern {
    /// Reads what a manifest declares; none when it is mandatory and not known here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, optional) = match text.strip_suffix('?') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let kind = match Self::parse_configured(name) {
            Some(configured) => configured,
            None => match InputName::parse(name) {
                Some(name) => Pattern::Fixed(name),
                None if optional => Pattern::Absent,
                None => return None,
            },
        };
        Some(Self { written: text.to_owned(), kind })
    }

    fn parse_configured(name: &str) -> Option<Pattern> {
        let (kind, rest) = name.split_once(":{")?;
        let kind = Keyed::parse(kind)?;
        let inner = rest.strip_suffix('}')?;
        let (key, default) = match inner.split_once('=') {
            Some((key, default)) => (key, Some(kind.named(default)?)),
            None => (inner, None),
        };
        plain(key).then(|| Pattern::Configured { kind, key: key.to_owned(), default })
    }

    /// The name under this configuration; none where it is never there.
    ///
    /// # Errors
    /// When the configuration does not say it, or says something that cannot be a name.
    pub(crate) fn resolve(&self, config: &serde_json::Value) -> Result<Option<InputName>, String> {
        let (kind, key, default) = match &self.kind {
            Pattern::Fixed(name) => return Ok(Some(name.clone())),
            Pattern::Absent => return Ok(None),
            Pattern::Configured { kind, key, default } => (kind, key, default),
        };
        let Some(value) = config.get(key) else {
            let needed = || format!("`{key}` is needed, for the input `{}`", self.written);
            return default.clone().map(Some).ok_or_else(needed);
        };
        let name = value.as_str().and_then(|name| kind.named(name));
        name.map(Some).ok_or_else(|| {
            format!("`{key}` must be a string that can name the input `{}`", self.written)
        })
    }
}

impl fmt::Display for InputPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
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
            "request.path",
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

    #[test]
    fn a_name_can_stand_in_the_configuration() {
        let header =
            |name: &'static str| Ok(Some(InputName::Header(HeaderName::from_static(name))));
        let config = serde_json::json!({ "field": "X-Org", "bad": "a b", "number": 1 });
        let resolve = |text: &str| InputPattern::parse(text).unwrap().resolve(&config);
        assert_eq!(resolve("header:x-a"), header("x-a"));
        assert_eq!(resolve("header:{field=x-tenant}"), header("x-org"));
        assert_eq!(resolve("header:{other=x-tenant}"), header("x-tenant"));
        assert!(resolve("header:{other}").is_err());
        assert!(resolve("header:{bad=x-tenant}").is_err());
        assert!(resolve("header:{number=x-tenant}").is_err());
        assert_eq!(resolve("moon.phase?"), Ok(None));
        assert_eq!(InputPattern::parse("moon.phase"), None);
        assert_eq!(InputPattern::parse("header:{=x}"), None);
    }
}
