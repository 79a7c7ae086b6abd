//! A stored response that answers a request just as it is: fresh, whole, in memory, and not too large. Most
//! hits are of this kind, and such a one is given without the way that leads through validation, waiting and
//! parts.

use crate::ask::Ask;
use crate::object::Object;
use crate::reuse::{Reuse, reuse};
use crate::terms::Terms;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use pingora_cache::key::HashBinary;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A larger one is written while its client is watched.
const MOST: u64 = 256 << 10;

/// A response to be given.
#[derive(Debug)]
pub struct AtHand(Arc<Object>);

impl AtHand {
    /// `object`, if it answers this request. `more`: fields that a plugin has it depend on.
    pub(crate) fn of(
        object: Arc<Object>,
        ask: &Ask,
        more: &[HeaderName],
        request: &HeaderMap,
        now: Instant,
    ) -> Option<AtHand> {
        let terms = &object.terms;
        if ask.for_less
            || reuse(terms, ask, now) != Reuse::Fresh
            || object.body.length_if(None)? > MOST
        {
            return None;
        }
        (variant(terms, more, request) == object.variance).then_some(AtHand(object))
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.head.status
    }

    /// Its fields as they were stored.
    pub fn fields(&self) -> &HeaderMap {
        &self.0.head.headers
    }

    /// What it is kept under.
    pub fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// Its body.
    pub fn body(&self) -> Vec<Bytes> {
        self.0.body.blocks()
    }
}

/// What somebody who only asks is told of what is kept for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A response, in memory.
    Kept {
        /// Its status.
        status: StatusCode,
        /// What it is for the request.
        reuse: Reuse,
        /// How old it is.
        age: Duration,
        /// For how long it is fresh still, or since when it is not.
        rest: Result<Duration, Duration>,
    },
    /// Something, on disk alone.
    OnDisk,
    /// Nothing.
    Nothing,
}

impl Look {
    pub(crate) fn at(object: &Object, ask: &Ask, now: Instant) -> Look {
        let terms = &object.terms;
        Look::Kept {
            status: object.head.status,
            reuse: reuse(terms, ask, now),
            age: terms.age(now),
            rest: terms.rest(now),
        }
    }
}

/// What tells the variants of a response apart, for this request.
pub(crate) fn variant(
    terms: &Terms,
    more: &[HeaderName],
    request: &HeaderMap,
) -> Option<HashBinary> {
    crate::key::variant(terms.vary.iter().chain(more), request)
}
