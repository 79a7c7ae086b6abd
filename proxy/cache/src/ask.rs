//! What of a request matters to a cache: whether it may be looked up at all, and what its answers may be
//! shared with. It must not know what is stored.

use crate::control::Wants;
use crate::ticket::Class;
use http::{HeaderMap, HeaderName, Method, header};

/// Fields that some servers take for another target, host or method than the one that is asked for. No
/// key has them, so a request that bears one has nothing to do with the cache: otherwise one client could
/// choose what others get (web cache poisoning).
const OVERRIDES: [HeaderName; 12] = [
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-original-host"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-host"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-forwarded-scheme"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-path"),
];

/// What asks for less than a whole response.
const FOR_LESS: [HeaderName; 4] =
    [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];

/// A request that may be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What it wants of caches.
    pub wants: Wants,
    /// It bears credentials (RFC 9111 section 3.5).
    pub authorization: bool,
    /// It bears cookies.
    pub cookie: bool,
    /// It wants a part, or nothing if there is nothing new.
    pub for_less: bool,
    /// Its target has a query.
    pub query: bool,
}

/// Why a request has nothing to do with the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Its method is not GET or HEAD.
    Method,
    /// It brings a body, which no key has.
    Body,
    /// It asks for another protocol.
    Upgrade,
    /// Only the origin can tell whether its condition holds.
    Condition,
    /// It bears a field by which some servers take it for another.
    Override,
    /// It wants nothing to be kept.
    NoStore,
}

impl Ask {
    /// Reads a request's head. `bodiless`: nothing follows it.
    ///
    /// # Errors
    /// Why it passes by the cache.
    pub fn read(
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        bodiless: bool,
    ) -> Result<Ask, Pass> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Pass::Method);
        }
        let said = Said::of(headers);
        if !bodiless || said.frames {
            return Err(Pass::Body);
        }
        if said.upgrade {
            return Err(Pass::Upgrade);
        }
        if said.condition {
            return Err(Pass::Condition);
        }
        if said.overrides {
            return Err(Pass::Override);
        }
        let wants = if said.wants { Wants::of(headers) } else { Wants::default() };
        if wants.no_store {
            return Err(Pass::NoStore);
        }
        Ok(Ask {
            wants,
            authorization: said.authorization,
            cookie: said.cookie,
            for_less: said.for_less,
            query: target.contains('?'),
        })
    }

    /// What of it may keep its answer from being kept.
    pub fn class(&self) -> Class {
        Class { authorization: self.authorization, cookie: self.cookie }
    }
}

/// Which of the fields that matter are there: looked for in one pass, since each look into a map of fields hashes
/// a name.
#[derive(Default)]
struct Said {
    frames: bool,
    upgrade: bool,
    condition: bool,
    overrides: bool,
    wants: bool,
    authorization: bool,
    cookie: bool,
    for_less: bool,
}

impl Said {
    fn of(headers: &HeaderMap) -> Said {
        let mut said = Said::default();
        for (name, value) in headers {
            let one_of = |names: &[HeaderName]| names.contains(name);
            said.frames |= *name == header::TRANSFER_ENCODING
                || (*name == header::CONTENT_LENGTH && value != "0");
            said.upgrade |= *name == header::UPGRADE;
            said.condition |= one_of(&[header::IF_MATCH, header::IF_UNMODIFIED_SINCE]);
            said.wants |= one_of(&[header::CACHE_CONTROL, header::PRAGMA]);
            said.authorization |= *name == header::AUTHORIZATION;
            said.cookie |= *name == header::COOKIE;
            said.for_less |= one_of(&FOR_LESS);
            said.overrides |= name.as_str().starts_with("x-") && one_of(&OVERRIDES);
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, fields: &[(&'static str, &str)], bodiless: bool) -> Result<Ask, Pass> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("value"));
        }
        Ask::read(&method, "/a?b", &headers, bodiless)
    }

    #[test]
    fn what_has_nothing_to_do_with_the_cache() {
        assert_eq!(read(Method::POST, &[], true), Err(Pass::Method));
        assert_eq!(read(Method::GET, &[], false), Err(Pass::Body));
        assert_eq!(read(Method::GET, &[("content-length", "3")], true), Err(Pass::Body));
        assert_eq!(read(Method::GET, &[("upgrade", "websocket")], true), Err(Pass::Upgrade));
        assert_eq!(read(Method::GET, &[("if-match", "\"a\"")], true), Err(Pass::Condition));
        assert_eq!(read(Method::GET, &[("x-original-url", "/b")], true), Err(Pass::Override));
        assert_eq!(read(Method::GET, &[("cache-control", "no-store")], true), Err(Pass::NoStore));
    }

    #[test]
    fn what_may_be_looked_up() {
        let ask = read(Method::HEAD, &[("content-length", "0"), ("cookie", "a=b")], true);
        let ask = ask.expect("may be looked up");
        assert!(ask.cookie && ask.query && !ask.authorization);
    }
}
