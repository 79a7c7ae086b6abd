//! A request as rate limits count it. Every value that a limit looks for has one spelling here, so that no
//! other spelling of the same thing is another bucket.

use crate::chain::RequestMessage;
use crate::route;
use hither_limit::{KeyPart, Subject, Value};
use http::{HeaderMap, Method, header};
use std::net::IpAddr;

/// A request that is counted.
pub(super) struct Asked<'a, M> {
    pub(super) client: IpAddr,
    /// What it asked for when it connected.
    pub(super) tls_name: Value<'a>,
    pub(super) head: &'a M,
}

impl<M: RequestMessage> Subject for Asked<'_, M> {
    fn client(&self) -> IpAddr {
        self.client
    }

    fn value(&self, part: &KeyPart, with: &mut dyn FnMut(Value<'_>)) {
        match part {
            // A limiter knows the client from elsewhere.
            KeyPart::ClientAddress => with(Value::Absent),
            KeyPart::Header(name) => with(header(self.head.headers(), name)),
            KeyPart::Cookie(name) => with(cookie(self.head.headers(), name)),
            KeyPart::Method => with(method(self.head.method())),
            KeyPart::TlsSni => with(self.tls_name),
            KeyPart::Path => {
                let target = self.head.path();
                let path = target.split_once('?').map_or(target, |(path, _)| path);
                match route::normalise(path) {
                    Some(path) => with(Value::One(path.as_bytes())),
                    None => with(Value::Unclear),
                }
            }
        }
    }
}

/// Methods are an open set, and whoever makes up new ones would have a bucket for each: those that are not
/// of RFC 9110 or RFC 5789 are counted together.
fn method(method: &Method) -> Value<'_> {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    if KNOWN.contains(method) { Value::One(method.as_str().as_bytes()) } else { Value::Unclear }
}

/// The value of a field that comes once. Instances differ in which of several they take.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Value<'a> {
    one(headers.get_all(name).iter().map(|value| value.as_bytes()))
}

/// The value of a cookie that comes once, however the cookies are spread over fields (RFC 9113 section
/// 8.2.3), without the quotes that it may stand in (RFC 6265 section 4.1.1).
fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Value<'a> {
    let fields = headers.get_all(header::COOKIE).iter().map(|value| value.as_bytes());
    let pairs = fields.flat_map(|field| field.split(|byte| *byte == b';'));
    one(pairs.filter_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        let (name, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        (name == wanted.as_bytes()).then_some(bare.unwrap_or(value))
    }))
}

fn one<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Value<'a> {
    match (values.next(), values.next()) {
        (None, _) => Value::Absent,
        (Some(value), None) => Value::One(value),
        (Some(_), Some(_)) => Value::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of a request with these fields, as text.
    fn value(target: &str, fields: &[(&'static str, &str)], part: &KeyPart) -> String {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let asked = Asked {
            client: IpAddr::from([192, 0, 2, 1]),
            tls_name: Value::One(b"example.com"),
            head: &head,
        };
        let mut seen = String::new();
        asked.value(part, &mut |value| {
            seen = match value {
                Value::Absent => "absent".to_owned(),
                Value::Unclear => "unclear".to_owned(),
                Value::One(value) => format!("={}", String::from_utf8_lossy(value)),
            }
        });
        seen
    }

    #[test]
    fn a_path_has_one_spelling_and_no_query() {
        for target in ["/a/b", "/a/b?c=d", "/a/./b", "//a//b", "/x/../a/b", "/%61/b?"] {
            assert_eq!(value(target, &[], &KeyPart::Path), "=/a/b", "{target}");
        }
    }

    #[test]
    fn a_field_counts_where_it_comes_once() {
        let part = KeyPart::Header("x-key".into());
        assert_eq!(value("/", &[], &part), "absent");
        assert_eq!(value("/", &[("X-Key", "")], &part), "=");
        assert_eq!(value("/", &[("X-Key", "a")], &part), "=a");
        assert_eq!(value("/", &[("X-Key", "a"), ("x-key", "b")], &part), "unclear");
    }

    #[test]
    fn a_cookie_counts_where_it_comes_once() {
        let part = KeyPart::Cookie("sid".into());
        let cookies = |fields: &[&str]| {
            let fields: Vec<_> = fields.iter().map(|value| ("cookie", *value)).collect();
            value("/", &fields, &part)
        };
        for same in [&["sid=a"][..], &["x=y; sid=a"], &["x=y", "sid = a ;z"], &["sid=\"a\""]] {
            assert_eq!(cookies(same), "=a", "{same:?}");
        }
        for none in [&[][..], &["sid"], &["Sid=a"], &["xsid=a; =b"]] {
            assert_eq!(cookies(none), "absent", "{none:?}");
        }
        for two in [&["sid=a; sid=b"][..], &["sid=a", "sid=a"]] {
            assert_eq!(cookies(two), "unclear", "{two:?}");
        }
        assert_eq!(cookies(&["sid=a=b"]), "=a=b");
    }

    #[test]
    fn the_name_of_the_connection_is_not_the_host() {
        assert_eq!(value("/", &[("host", "other.example")], &KeyPart::TlsSni), "=example.com");
    }

    #[test]
    fn methods_that_nobody_knows_are_counted_together() {
        assert_eq!(method(&Method::PATCH), Value::One(b"PATCH"));
        let made_up = Method::from_bytes(b"GETS").expect("a token");
        assert_eq!(method(&made_up), Value::Unclear);
    }
}
