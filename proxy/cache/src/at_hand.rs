//! A stored response that answers a request just as it is: fresh, whole, in memory, and not too large. Most
//! hits are of this kind, and such a one is given without the way that leads through validation, waiting and
//! parts.

use crate::ask::Ask;
use crate::object::Object;
use crate::reuse::{Reuse, reuse};
use crate::terms::Terms;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use std::sync::Arc;
use std::time::Instant;

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
        (terms.variant(more, request) == object.variance).then_some(AtHand(object))
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
