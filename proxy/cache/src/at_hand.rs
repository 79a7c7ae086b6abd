//! A stored response that answers a request just as it is: fresh, whole, in memory, and not too large. Most
//! hits are of this kind, and such a one is given without the way that leads through validation, waiting and
//! parts.

use crate::ask::Ask;
use crate::object::Object;
use crate::reuse::{Reuse, reuse};
use crate::terms::Terms;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header};
use pingora_cache::key::HashBinary;
use std::sync::Arc;
use std::time::Instant;

/// A larger one is written while its client is watched.
const MOST: u64 = 256 << 10;

/// What asks for less than the whole response, or for nothing if it has not changed.
const FOR_LESS: [HeaderName; 4] =
    [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];

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
        if reuse(terms, ask, now) != Reuse::Fresh
            || request.keys().any(|name| FOR_LESS.contains(name))
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

/// What tells the variants of a response apart, for this request.
pub(crate) fn variant(
    terms: &Terms,
    more: &[HeaderName],
    request: &HeaderMap,
) -> Option<HashBinary> {
    crate::key::variant(terms.vary.iter().chain(more), request)
}
