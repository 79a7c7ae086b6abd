//! What one request has to do with the cache, from its lookup to its end. What may be kept and given
//! again is decided in `hither-cache`; here it is told what Pingora and the context know.

use super::ctx::Ctx;
use crate::decide::{Cached, Lookup};
use crate::snapshot::Service;
use hither_cache::{Arrival, Cache, Forward, Pass, Terms, Ticket, Told};
use http::{HeaderMap, StatusCode};
use pingora_cache::{CachePhase, HttpCache};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

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
    pub(crate) lookup: Lookup,
    /// Once it is looked up by Pingora, what rides with the key.
    ticket: Option<Arc<Ticket>>,
    /// Why an instance is asked, if one is.
    pub(super) why: Forward,
    /// The head of an answer that says that what is kept still holds.
    pub(super) holds: Option<HeaderMap>,
    /// What it was in the end.
    ended: Option<Ended>,
}

/// What a lookup was in the end.
#[derive(Clone, Copy)]
struct Ended {
    /// Under which name it is counted and logged.
    name: &'static str,
    /// As Cache-Status has it.
    parameter: &'static str,
}

impl From<Cached> for Caching {
    fn from(cached: Cached) -> Caching {
        match cached {
            Cached::Passed(pass) => Caching::Passed(pass),
            Cached::Bypassed => Caching::Bypassed,
            Cached::Asked(lookup) => {
                let why = Forward::UriMiss;
                let asked = Asked { lookup, ticket: None, why, holds: None, ended: None };
                Caching::Asked(Box::new(asked))
            }
        }
    }
}

impl Asked {
    /// Its ticket, made when it is first wanted.
    pub(super) fn ticket(&mut self, service: &Service) -> Option<&Arc<Ticket>> {
        let max_object = service.cache.as_ref()?.max_object;
        let (class, url) = (self.lookup.ask.class(), self.lookup.url);
        let ticket = || Ticket::new(service.name.clone(), url, class, max_object);
        Some(self.ticket.get_or_insert_with(ticket))
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
            Caching::Passed(pass) => forwarded(passed(pass)),
            Caching::Bypassed => forwarded(Forward::Bypass),
            Caching::Asked(asked) => {
                let (told, name) = asked.told(cache);
                asked.ended = Some(Ended { name, parameter: told.parameter() });
                told.text()
            }
        }
    }

    /// The same of what was at hand.
    pub(super) fn tell_at_hand(&mut self, terms: &Terms, now: Instant) -> String {
        let told = Told::Hit(terms.rest(now));
        if let Some(asked) = self.asked() {
            asked.ended = Some(Ended { name: "hit", parameter: told.parameter() });
        }
        told.text()
    }

    /// Under which name it is counted and logged.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Caching::Passed(_) | Caching::Bypassed => "bypass",
            Caching::Asked(asked) => asked.ended.map_or("pass", |ended| ended.name),
        }
    }

    /// The same as one parameter of Cache-Status, for plugins.
    pub(super) fn parameter(&self) -> &'static str {
        match self {
            Caching::Passed(pass) => passed(pass).parameter(),
            Caching::Bypassed => Forward::Bypass.parameter(),
            Caching::Asked(asked) => match asked.ended {
                Some(ended) => ended.parameter,
                None => asked.why.parameter(),
            },
        }
    }

    pub(super) fn asked(&mut self) -> Option<&mut Asked> {
        match self {
            Caching::Asked(asked) => Some(asked),
            _ => None,
        }
    }
}

fn passed(pass: &Pass) -> Forward {
    match pass {
        Pass::Method => Forward::Method,
        _ => Forward::Request,
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
