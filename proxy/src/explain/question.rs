//! A request as somebody imagines it. It comes from outside, so everything about it is bounded.

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// What a listener takes by default is less.
const MOST_URL: usize = 16 * 1024;
const MOST_HEADERS: usize = 100;
/// So many instances are told of, unless more are asked for.
const CANDIDATES: usize = 50;
const MOST_CANDIDATES: usize = 10_000;

/// A request that is asked about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    /// `https://example.com/cart?id=1`, `example.com/cart` or `/cart`.
    pub(crate) url: String,
    /// Default: GET.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// Names and values. `host` comes before the URL's.
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    /// Whose connection it is; default: 127.0.0.1.
    #[serde(default)]
    pub(crate) client: Option<IpAddr>,
    /// Where it comes in, as the file has it; default: the first listener.
    #[serde(default)]
    pub(crate) listener: Option<String>,
    /// How many instances to tell of.
    #[serde(default)]
    pub(crate) candidates: Option<usize>,
}

/// Why something cannot be a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadQuestion {
    /// No URL at all.
    #[error("{0:?} is not a URL: write https://example.com/path, example.com/path or /path")]
    Url(String),
    /// A bound.
    #[error("{what} of more than {most} {unit}")]
    TooMuch { what: &'static str, most: usize, unit: &'static str },
    /// RFC 9110 section 9.1.
    #[error("{0:?} is not a method")]
    Method(String),
    /// CONNECT is for forward proxies.
    #[error("a reverse proxy answers CONNECT with 405")]
    Connect,
    /// RFC 9110 section 5.
    #[error("{0:?} is not a header")]
    Header(String),
    /// RFC 9110 section 7.2.
    #[error("a request has one Host")]
    Hosts,
    /// Nowhere to come in.
    #[error("no listener has the address {address:?}; there are: {known}")]
    Listener { address: String, known: String },
}

impl Question {
    /// The head, in the form in which an HTTP/1.1 client sends it.
    pub(super) fn head(&self) -> Result<Parts, BadQuestion> {
        if self.url.len() > MOST_URL {
            return Err(BadQuestion::TooMuch { what: "a URL", most: MOST_URL, unit: "bytes" });
        }
        if self.headers.len() > MOST_HEADERS {
            let (what, unit) = ("a request", "headers");
            return Err(BadQuestion::TooMuch { what, most: MOST_HEADERS, unit });
        }
        let (host, path) = parse(&self.url).ok_or_else(|| BadQuestion::Url(self.url.clone()))?;
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = self.method()?;
        head.uri = Uri::from(path);
        for (name, value) in &self.headers {
            let bad = || BadQuestion::Header(format!("{name}: {value}"));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            let value = HeaderValue::from_str(value).map_err(|_| bad())?;
            if name == header::HOST && head.headers.contains_key(&name) {
                return Err(BadQuestion::Hosts);
            }
            head.headers.append(name, value);
        }
        if !head.headers.contains_key(header::HOST) {
            let bad = |_| BadQuestion::Url(self.url.clone());
            head.headers.insert(header::HOST, HeaderValue::from_str(&host).map_err(bad)?);
        }
        Ok(head)
    }

    /// Whether it is asked for over TLS; none: it does not say.
    pub(super) fn is_secure(&self) -> Option<bool> {
        let (scheme, _) = self.url.split_once("://")?;
        Some(scheme.eq_ignore_ascii_case("https"))
    }

    fn method(&self) -> Result<Method, BadQuestion> {
        let text = self.method.as_deref().unwrap_or("GET");
        let bad = |_| BadQuestion::Method(text.to_owned());
        match Method::from_bytes(text.as_bytes()).map_err(bad)? {
            Method::CONNECT => Err(BadQuestion::Connect),
            method => Ok(method),
        }
    }

    pub(super) fn peer(&self) -> IpAddr {
        self.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical()
    }

    pub(super) fn candidates(&self) -> usize {
        self.candidates.unwrap_or(CANDIDATES).min(MOST_CANDIDATES)
    }
}

/// Host, with port where there is one, and path of a URL that may lack its scheme or its host.
fn parse(url: &str) -> Option<(String, PathAndQuery)> {
    let full = match url {
        _ if url.starts_with('/') => format!("http://localhost{url}"),
        _ if url.contains("://") => url.to_owned(),
        _ => format!("http://{url}"),
    };
    let uri: Uri = full.parse().ok()?;
    let http = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().filter(|host| http && !host.is_empty())?;
    let host = uri.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let path = uri.path_and_query().cloned();
    Some((host, path.unwrap_or_else(|| PathAndQuery::from_static("/"))))
}

/// Whether no body follows this head.
pub(super) fn is_bodyless(head: &Parts) -> bool {
    let length = head.headers.get(header::CONTENT_LENGTH);
    length.is_none_or(|length| length.as_bytes().iter().all(|digit| *digit == b'0'))
        && !head.headers.contains_key(header::TRANSFER_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(url: &str, headers: &[(&str, &str)]) -> Question {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Question {
            url: url.to_owned(),
            method: None,
            headers,
            client: None,
            listener: None,
            candidates: None,
        }
    }

    #[test]
    fn a_url_may_lack_what_is_clear_without_it() {
        let cases = [
            ("https://example.com/cart?id=1", "example.com", "/cart?id=1"),
            ("http://Example.com:8080", "Example.com:8080", "/"),
            ("example.com/a#b", "example.com", "/a"),
            ("example.com:81?q", "example.com:81", "/?q"),
            ("/cart", "localhost", "/cart"),
            ("http://user:word@example.com/", "example.com", "/"),
            ("http://[::1]:80/", "[::1]:80", "/"),
        ];
        for (url, host, path) in cases {
            let head = question(url, &[]).head().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(head.headers[header::HOST], host, "{url}");
            assert_eq!(head.uri.to_string(), path, "{url}");
        }
        for bad in ["", "ftp://example.com/", "http://", "http:///x", "a b", "http://a/\u{e9} x"] {
            assert!(question(bad, &[]).head().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_host_of_its_own_comes_before_the_url_s_and_what_is_no_head_is_refused() {
        let head = question("http://127.0.0.1:8080/", &[("Host", "example.com")]).head();
        assert_eq!(head.expect("a head").headers[header::HOST], "example.com");
        let refused = |headers: &[(&str, &str)]| question("/", headers).head().is_err();
        assert!(refused(&[("host", "a"), ("host", "b")]));
        assert!(refused(&[("a b", "c")]) && refused(&[("a", "b\r\nc: d")]));
        assert!(refused(&[("a", "b"); MOST_HEADERS + 1]));
        assert!(question(&"/x".repeat(MOST_URL), &[]).head().is_err());
        let with =
            |method: &str| Question { method: Some(method.to_owned()), ..question("/", &[]) };
        assert!(with("PURGE").head().is_ok() && with("a b").head().is_err());
        assert!(with("CONNECT").head().is_err());
    }
}
