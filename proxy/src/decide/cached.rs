//! What a request has to do with the cache of its service, and under which key it is looked up. It must not know
//! what is kept.

use super::Hop;
use crate::chain::{Exchange, Keyed, RequestContext, RequestMessage};
use crate::snapshot::Service;
use hither_cache::{Ask, HashBinary, Pass, Target};
use http::{HeaderMap, HeaderName, header};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What a request of a service with a cache has to do with it.
pub(crate) enum Cached {
    /// Nothing.
    Passed(Pass),
    /// A plugin wants it to pass by.
    Bypassed,
    /// It is looked up.
    Asked(Lookup),
}

/// A request that is looked up.
pub(crate) struct Lookup {
    pub(crate) ask: Ask,
    /// What plugins say of it.
    pub(crate) keyed: Keyed,
    /// Plugins may read the answer, so it is asked for as it is, not packed.
    pub(crate) read: bool,
    /// What it is for, whatever its key.
    pub(crate) url: HashBinary,
    pub(crate) primary: HashBinary,
}

impl Lookup {
    fn new(
        head: &impl RequestMessage,
        (ask, keyed): (Ask, Keyed),
        service: &Service,
        exchange: &Exchange,
        hop: Hop,
    ) -> Lookup {
        let target = Target {
            service: &service.name,
            scheme: hop.scheme(head.headers()),
            authority: head.authority(),
            path: head.path().as_bytes(),
            more: b"",
        };
        let url = target.hash();
        let read = service.chain.may_read_response(exchange);
        let more = beside(head.headers(), read, hop.trusted);
        let primary = match keyed.primary.as_deref() {
            None if more.is_empty() => url,
            own => Target { path: own.unwrap_or(target.path), more: &more, ..target }.hash(),
        };
        Lookup { ask, keyed, read, url, primary }
    }
}

/// What answers may depend on beside the target: whether they may be packed, and what trusted proxies say
/// that the client asked for, which instances see (and for others it is ours to say).
fn beside(headers: &HeaderMap, read: bool, peer_trusted: bool) -> Vec<u8> {
    let mut more = Vec::new();
    if read {
        more.extend_from_slice(b"read");
    }
    if peer_trusted {
        for name in [&X_FORWARDED_HOST, &X_FORWARDED_PROTO] {
            for value in headers.get_all(name) {
                more.extend_from_slice(b"\n");
                more.extend_from_slice(value.as_bytes());
            }
            more.push(0);
        }
        for part in headers.get_all(header::FORWARDED).iter().flat_map(forwarded_parts) {
            more.extend_from_slice(b"\n");
            more.extend_from_slice(part);
        }
    }
    // Nothing said is nothing, so that the key is the plain one.
    if more.iter().all(|byte| *byte == 0) { Vec::new() } else { more }
}

/// `host` and `proto` of Forwarded (RFC 7239).
fn forwarded_parts(value: &http::HeaderValue) -> impl Iterator<Item = &[u8]> {
    let pairs = value.as_bytes().split(|byte| matches!(byte, b',' | b';')).map(<[u8]>::trim_ascii);
    pairs.filter(|pair| {
        let begins = |name: &[u8]| {
            pair.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        begins(b"host=") || begins(b"proto=")
    })
}

/// Whose request it is, and of which service.
pub(crate) struct Asker<'a> {
    pub(crate) service: &'a Service,
    pub(crate) hop: Hop,
    /// Nothing follows the head.
    pub(crate) bodiless: bool,
    /// What plugins have said of it already.
    pub(crate) keyed: Option<Keyed>,
}

/// What a request has to do with the cache; plugins are asked where any governs it.
pub(crate) fn cached<'a>(
    head: &impl RequestMessage,
    asker: Asker<'_>,
    context: impl FnOnce() -> RequestContext<'a>,
    exchange: &mut Exchange,
) -> Cached {
    let Asker { service, hop, bodiless, keyed } = asker;
    let ask = match Ask::read(head.method(), head.path(), head.headers(), bodiless) {
        Err(pass) => return Cached::Passed(pass),
        Ok(ask) => ask,
    };
    let keyed = match keyed {
        None if service.chain.governs_cache() => {
            service.chain.on_lookup(head, &context(), exchange)
        }
        keyed => Some(keyed.unwrap_or_default()),
    };
    match keyed {
        None => Cached::Bypassed,
        Some(keyed) => Cached::Asked(Lookup::new(head, (ask, keyed), service, exchange, hop)),
    }
}
