//! One stored response, and Pingora's ways to read it and to write it.

use crate::body::{Body, Cut, Reader, Stopped};
use crate::marks::Mark;
use crate::store::{OpenFill, Store};
use crate::terms::{Terms, content_length};
use async_trait::async_trait;
use bytes::Bytes;
use http::{StatusCode, header};
use pingora_cache::key::HashBinary;
use pingora_cache::storage::{HandleHit, HandleMiss, MissFinishType};
use pingora_cache::trace::SpanHandle;
use pingora_cache::{CacheKey, CacheMeta, Storage};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use std::any::Any;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// What an entry costs beside its head and body.
const OVERHEAD: u64 = 512;
/// What a tag costs beside its text: it is also found by it.
const TAG_OVERHEAD: usize = 64;

/// A stored response.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) head: ResponseHeader,
    pub(crate) terms: Arc<Terms>,
    /// Since when its variants belong together.
    pub(crate) since: SystemTime,
    pub(crate) variance: Option<HashBinary>,
    /// What it was fetched for, whatever key a plugin gave it.
    pub(crate) url: HashBinary,
    pub(crate) service: Arc<str>,
    pub(crate) body: Arc<Body>,
    /// Bytes of memory, once it is whole.
    pub(crate) weight: u64,
}

impl Object {
    /// As Pingora wants it. Freshness is decided elsewhere; what it is told here is for failures alone.
    pub(crate) fn meta(&self) -> CacheMeta {
        let now = SystemTime::now();
        let fresh_until = match self.terms.rest(Instant::now()) {
            Ok(rest) => now.checked_add(rest),
            Err(staleness) => now.checked_sub(staleness),
        };
        let stale_if_error = u32::try_from(self.terms.stale_if_error.as_secs()).unwrap_or(u32::MAX);
        let fresh_until = fresh_until.unwrap_or(now);
        let mut meta =
            CacheMeta::new(fresh_until, self.since, 0, stale_if_error, self.head.clone());
        if let Some(variance) = self.variance {
            meta.set_variance(variance);
        }
        meta.extensions_mut().insert(self.terms.clone());
        meta
    }

    /// By what it is found beside `primary`, under which it lies.
    pub(crate) fn marks(&self, primary: HashBinary) -> impl Iterator<Item = Mark<'_>> {
        let url = (self.url != primary).then_some(Mark::Key(self.url));
        url.into_iter().chain(self.terms.tags.iter().map(|tag| Mark::Tag(tag)))
    }

    pub(crate) fn bears(&self, tag: &str) -> bool {
        self.terms.tags.iter().any(|own| **own == *tag)
    }

    pub(crate) fn hit(&self) -> Box<Hit> {
        Box::new(Hit(Reader::new(&self.body)))
    }

    /// How much memory it takes with a body of so many bytes.
    pub(crate) fn weigh(head: &ResponseHeader, terms: &Terms, body: u64) -> u64 {
        let fields: usize = head.headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 64).sum();
        let tags: usize = terms.tags.iter().map(|tag| tag.len() + TAG_OVERHEAD).sum();
        OVERHEAD + body + (fields + tags) as u64
    }
}

/// Reads a stored response.
pub(crate) struct Hit(Reader);

#[async_trait]
impl HandleHit for Hit {
    async fn read_body(&mut self) -> Result<Option<Bytes>> {
        self.0.read().await.map_err(|Cut| {
            Error::explain(ErrorType::ConnectionClosed, "the stored response breaks off")
        })
    }

    async fn finish(
        self: Box<Self>,
        _: &'static (dyn Storage + Sync),
        _: &CacheKey,
        _: &SpanHandle,
    ) -> Result<()> {
        Ok(())
    }

    fn can_seek(&self) -> bool {
        true
    }

    fn seek(&mut self, start: usize, end: Option<usize>) -> Result<()> {
        self.0.seek(start as u64, end.map(|end| end as u64));
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send + Sync) {
        self
    }
}

impl Hit {
    /// Whether more of it comes still.
    pub(crate) fn is_coming(&self) -> bool {
        self.0.is_early()
    }
}

/// Writes one. Dropped before its end, what it wrote is nobody's: readers see that it breaks off.
pub(crate) struct Fill {
    pub(crate) store: &'static Store,
    pub(crate) open: Arc<OpenFill>,
    pub(crate) finished: bool,
}

#[async_trait]
impl HandleMiss for Fill {
    async fn write_body(&mut self, data: Bytes, _: bool) -> Result<()> {
        match self.open.object.body.add(&data) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.store.too_large(&self.open);
                Ok(())
            }
            Err(Stopped::Unread) => {
                Error::e_explain(ErrorType::WriteError, "nobody reads it, and it is too large")
            }
            Err(Stopped::TooSlow) => {
                Error::e_explain(ErrorType::WriteError, "too large to be kept for a slow reader")
            }
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<MissFinishType> {
        let object = &self.open.object;
        let promised = content_length(&object.head.headers);
        let Some(length) = object.body.length_if(promised) else {
            // It is short: dropped unfinished, it breaks off.
            return Error::e_explain(ErrorType::ConnectionClosed, "the response is cut short");
        };
        self.finished = true;
        if object.body.finish().is_some() {
            let mut object = Object::clone(object);
            object.weight = Object::weigh(&object.head, &object.terms, length);
            if promised.is_none() && object.head.status != StatusCode::NO_CONTENT {
                // Known now, so that ranges of it can be told.
                let _ = object.head.insert_header(header::CONTENT_LENGTH, length.to_string());
            }
            self.store.complete(&self.open, object);
        } else {
            self.store.abandon(&self.open);
        }
        Ok(MissFinishType::Created(usize::try_from(length).unwrap_or(usize::MAX)))
    }

    fn streaming_write_tag(&self) -> Option<&[u8]> {
        Some(&self.open.tag)
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        if !self.finished {
            self.open.object.body.break_off();
            self.store.abandon(&self.open);
        }
    }
}
