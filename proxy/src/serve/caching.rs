//! What one request has to do with the cache, from its lookup to its end. What may be kept and given
//! again is decided in `hither-cache`; here it is told what Pingora and the context know.

use super::ctx::Ctx;
use super::message;
use crate::chain::Keyed;
use hither_cache::{
    Arrival, Ask, Cache, Class, Forward, HashBinary, Pass, Target, Terms, Ticket, Told,
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use pingora_cache::{CachePhase, HttpCache};
use pingora_http::RequestHeader;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What a request of a service with a cache has to do with it.
pub(crate) enum Caching {
    /// Nothing.
    Passed(Pass),
    /// A plugin wants it to pass by.
    Bypassed,
    /// It is looked up.
    Asked(Box<Asked>),
}

/// A request that is looked up.
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) primary: HashBinary,
    /// What plugins say of it.
    pub(super) keyed: Keyed,
    /// Plugins may read the answer, so it is asked for as it is, not packed.
    pub(super) read: bool,
    /// Why an instance is asked, if one is.
    pub(super) why: Forward,
    /// The head of an answer that says that what is kept still holds.
    pub(super) holds: Option<HeaderMap>,
    /// What it was in the end.
    pub(super) ended: Option<&'static str>,
}

/// The scheme by which the client asks: where a trusted proxy was asked, it says.
pub(super) fn scheme(headers: &HeaderMap, ctx: &Ctx) -> &'static str {
    let told = headers.get(X_FORWARDED_PROTO).filter(|_| ctx.peer_trusted);
    match told {
        Some(told) if told.as_bytes().eq_ignore_ascii_case(b"https") => "https",
        _ => "http",
    }
}

impl Asked {
    pub(super) fn new(head: &RequestHeader, ask: Ask, keyed: Keyed, ctx: &Ctx) -> Option<Asked> {
        let service = ctx.sight.service()?;
        let wishes = service.cache.as_ref()?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let target = Target {
            service: &service.name,
            scheme: scheme(&head.headers, ctx),
            authority: message::authority(head),
            path: path.as_bytes(),
            more: b"",
        };
        let url = target.hash();
        let read = service.chain.may_read_response(&ctx.exchange);
        let more = beside(&head.headers, read, ctx);
        let primary = match keyed.primary.as_deref() {
            None if more.is_empty() => url,
            own => Target { path: own.unwrap_or(target.path), more: &more, ..target }.hash(),
        };
        let class = Class { authorization: ask.authorization, cookie: ask.cookie };
        Some(Asked {
            primary,
            ticket: Ticket::new(service.name.clone(), url, class, wishes.max_object),
            ask,
            keyed,
            read,
            why: Forward::UriMiss,
            holds: None,
            ended: None,
        })
    }

    /// What is said of it to the client, and under which name it is counted.
    fn told(&self, cache: &HttpCache) -> (Told, &'static str) {
        let collapsed = cache.lock_duration().is_some();
        let forwarded =
            |stored, status| Told::Forwarded { why: self.why, status, stored, collapsed };
        match cache.phase() {
            CachePhase::Hit if collapsed => (forwarded(false, None), "collapsed"),
            CachePhase::Hit | CachePhase::Stale | CachePhase::StaleUpdating => {
                let terms = cache.maybe_cache_meta().and_then(Cache::terms);
                let rest = terms.map_or(Err(Duration::ZERO), |terms| terms.rest(Instant::now()));
                (Told::Hit(rest), if rest.is_ok() { "hit" } else { "stale" })
            }
            CachePhase::Revalidated | CachePhase::RevalidatedNoCache(_) => {
                let status = Some(StatusCode::NOT_MODIFIED.as_u16());
                (forwarded(false, status), "revalidated")
            }
            CachePhase::Miss | CachePhase::Expired if cache.maybe_cache_meta().is_some() => {
                (forwarded(true, None), if self.why == Forward::Stale { "expired" } else { "miss" })
            }
            _ => (forwarded(false, None), "pass"),
        }
    }
}

impl Caching {
    /// Notes what it was, and says it as Cache-Status has it (RFC 9211).
    pub(super) fn tell(&mut self, cache: &HttpCache) -> String {
        let forwarded =
            |why| Told::Forwarded { why, status: None, stored: false, collapsed: false }.text();
        match self {
            Caching::Passed(Pass::Method) => forwarded(Forward::Method),
            Caching::Passed(_) => forwarded(Forward::Request),
            Caching::Bypassed => forwarded(Forward::Bypass),
            Caching::Asked(asked) => {
                let (told, ended) = asked.told(cache);
                asked.ended = Some(ended);
                told.text()
            }
        }
    }

    /// The same of what was at hand.
    pub(super) fn tell_at_hand(&mut self, terms: &Terms, now: Instant) -> String {
        if let Some(asked) = self.asked() {
            asked.ended = Some("hit");
        }
        Told::Hit(terms.rest(now)).text()
    }

    /// Under which name it is counted and logged.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Caching::Passed(_) | Caching::Bypassed => "bypass",
            Caching::Asked(asked) => asked.ended.unwrap_or("pass"),
        }
    }

    pub(super) fn asked(&mut self) -> Option<&mut Asked> {
        match self {
            Caching::Asked(asked) => Some(asked),
            _ => None,
        }
    }
}

/// When the answer to the running attempt came.
pub(super) fn arrival(ctx: &Ctx) -> Arrival {
    let delay = ctx.attempt_started.map(|began| began.elapsed()).unwrap_or_default();
    Arrival { wall: SystemTime::now(), at: Instant::now(), delay }
}

/// The age of a response that is given again (RFC 9111 section 5.1), in whole seconds.
pub(super) fn age(terms: &Terms) -> u64 {
    terms.age(Instant::now()).as_secs()
}

/// What answers may depend on beside the target: whether they may be packed, and what trusted proxies say
/// that the client asked for, which instances see (and for others it is ours to say).
fn beside(headers: &HeaderMap, read: bool, ctx: &Ctx) -> Vec<u8> {
    let mut more = Vec::new();
    if read {
        more.extend_from_slice(b"read");
    }
    if ctx.peer_trusted {
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
