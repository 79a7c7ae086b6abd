//! What rides with a request's key through Pingora: what the store must know of it.

use crate::body::Body;
use parking_lot::Mutex;
use pingora_cache::CacheKey;
use pingora_cache::key::HashBinary;
use std::sync::{Arc, Weak};
use std::task::Context;

/// What of a request may keep its answer from being kept. Requests that differ here neither wait for each
/// other nor learn from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Class {
    /// It bears credentials.
    pub authorization: bool,
    /// It bears cookies.
    pub cookie: bool,
}

impl Class {
    pub(crate) fn number(self) -> u8 {
        u8::from(self.authorization) * 2 + u8::from(self.cookie)
    }
}

/// One request's.
#[derive(Debug)]
pub struct Ticket {
    /// The service that answers.
    pub service: Arc<str>,
    /// What the request is for, whatever key a plugin gives it.
    pub url: HashBinary,
    /// Its kind.
    pub class: Class,
    /// Bytes of a body that is kept.
    pub max_object: u64,
    /// What it is writing, should it be.
    pub(crate) writes: Mutex<Weak<Body>>,
}

impl Ticket {
    /// A request's.
    pub fn new(service: Arc<str>, url: HashBinary, class: Class, max_object: u64) -> Arc<Ticket> {
        Arc::new(Ticket { service, url, class, max_object, writes: Mutex::default() })
    }

    pub(crate) fn of(key: &CacheKey) -> Option<&Arc<Ticket>> {
        key.extensions.get::<Arc<Ticket>>()
    }

    /// Whether more of its response should be taken: none, or how far its slowest reader is. It is too large
    /// to be kept, and its readers are behind; who asks is woken when they have moved.
    pub fn poll_room(&self, cx: &Context<'_>) -> Option<u64> {
        let body = self.writes.lock().upgrade()?;
        body.poll_room(cx)
    }
}
