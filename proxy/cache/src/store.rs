//! Where responses are kept: moka, weighed in bytes, one entry for a URL with all its variants; and those
//! that are only being fetched, which others may read already.

use crate::body::{Body, Room};
use crate::disk::record::{Head, Place};
use crate::disk::{Disk, Gone};
use crate::marks::Mark;
use crate::object::{Fill, Object};
use crate::page::{Page, PageMarks, Pages, WEIGHT_UNIT, pages, purge_page, weigh_in};
use crate::passes::Passes;
use crate::terms::Terms;
use crate::ticket::{Class, Ticket};
use async_trait::async_trait;
use foldhash::fast::RandomState;
use http::header;
use parking_lot::{Mutex, RwLock};
use pingora_cache::key::{CacheHashKey, HashBinary};
use pingora_cache::storage::{HitHandler, MissHandler, PurgeOutcome, PurgeTarget, PurgeType};
use pingora_cache::trace::SpanHandle;
use pingora_cache::{CacheKey, CacheMeta, Storage};
use pingora_core::{Error, ErrorType, Result};
use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

type Map<K, V> = HashMap<K, V, RandomState>;

/// A response that is being fetched.
#[derive(Debug)]
pub(crate) struct OpenFill {
    pub(crate) object: Object,
    pub(crate) tag: [u8; 8],
    key: HashBinary,
    primary: HashBinary,
    class: Class,
    /// Purged while it came: passed on to who waits, and not kept.
    purged: AtomicBool,
}

#[derive(Default)]
struct Fills {
    by_key: Map<HashBinary, Arc<OpenFill>>,
    by_tag: Map<[u8; 8], Arc<OpenFill>>,
}

/// All that is kept.
pub(crate) struct Store {
    pages: RwLock<Pages>,
    marks: PageMarks,
    fills: Mutex<Fills>,
    next_tag: AtomicU64,
    room: Arc<Room>,
    passes: &'static Passes,
    /// Behind memory, if there is one.
    pub(crate) disk: OnceLock<Disk>,
}

/// What is given for a shorter time is not worth a file.
const WORTH_A_FILE: Duration = Duration::from_secs(10);

impl Store {
    pub(crate) fn new(memory: u64, passes: &'static Passes) -> Store {
        Store {
            pages: RwLock::new(pages(memory)),
            marks: PageMarks::default(),
            fills: Mutex::default(),
            next_tag: AtomicU64::new(1),
            room: Room::new(open_share(memory)),
            passes,
            disk: OnceLock::new(),
        }
    }

    /// From now on keeps at most so many bytes: of what is kept as much as fits.
    pub(crate) fn resize(&self, memory: u64) {
        let mut current = self.pages.write();
        if current.policy().max_capacity() == Some(memory / WEIGHT_UNIT) {
            return;
        }
        let next = pages(memory);
        for (_, page) in current.iter() {
            weigh_in(&next, &page);
        }
        self.room.resize(open_share(memory));
        *current = next;
    }

    /// Bytes that are kept.
    pub(crate) fn bytes(&self) -> u64 {
        let pages = self.pages.read();
        pages.run_pending_tasks();
        pages.weighted_size() * WEIGHT_UNIT + self.room.taken()
    }

    /// URLs (or keys of plugins) that something is kept of.
    pub(crate) fn entries(&self) -> u64 {
        let pages = self.pages.read();
        pages.run_pending_tasks();
        pages.entry_count()
    }

    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.room.has(bytes)
    }

    /// The response at a key that needs no variant to be told.
    pub(crate) fn first(&self, primary: &HashBinary) -> Option<Arc<Object>> {
        self.pages.read().get(primary)?.get(primary)
    }

    /// The variant that `wanted` says, of what lies at a key.
    pub(crate) fn variant(
        &self,
        primary: &HashBinary,
        wanted: impl FnOnce(&Terms) -> Option<HashBinary>,
    ) -> Option<Arc<Object>> {
        let first = self.first(primary)?;
        let variance = wanted(&first.terms);
        if variance == first.variance {
            return Some(first);
        }
        let mut key = CacheKey::new(Vec::new(), "");
        key.set_primary_bin_override(*primary);
        key.set_variance_key(variance?);
        self.find(&key).filter(|found| found.variance == variance)
    }

    fn find(&self, key: &CacheKey) -> Option<Arc<Object>> {
        let page = self.pages.read().get(&key.primary_bin())?;
        page.get(&key.combined_bin())
    }

    fn put(&self, key: HashBinary, primary: HashBinary, object: Object) {
        let pages = self.pages.read();
        let page = pages.get_with(primary, || Page::new(primary, self.marks.clone()));
        page.put(key, Arc::new(object));
        weigh_in(&pages, &page);
    }

    /// All of it has come: it is kept, unless it was purged meanwhile.
    pub(crate) fn complete(&self, fill: &OpenFill, object: Object) {
        if !fill.purged.load(Ordering::Acquire) {
            self.write(fill.key, fill.primary, &object);
            self.put(fill.key, fill.primary, object);
            self.passes.kept(fill.primary);
            // A purge that came in between has not found it yet.
            if fill.purged.load(Ordering::Acquire) {
                self.forget_at(fill.primary, fill.key);
            }
        }
        self.abandon(fill);
    }

    /// Has a response written to disk, beside the request.
    fn write(&self, key: HashBinary, primary: HashBinary, object: &Object) {
        let Some(disk) = self.disk.get() else { return };
        let wall = SystemTime::now();
        let Object { url, variance, since, .. } = *object;
        let place = Place { key, primary, url, variance, service: &object.service, since };
        let head = Head::new(&place, &object.head, &object.terms.kept(wall));
        if head.until() >= wall + WORTH_A_FILE {
            disk.write(head, object.body.blocks());
        }
    }

    /// Looks on disk for what memory has not, and takes it into memory.
    async fn fetch_from_disk(&self, key: &CacheKey) -> Option<Arc<Object>> {
        let place = key.combined_bin();
        let (head, body) = self.disk.get()?.read(place).await?;
        let (fields, terms) = head.restore(SystemTime::now())?;
        let weight = Object::weigh(&fields, &terms, body.len() as u64);
        let object = Object {
            head: fields,
            terms: Arc::new(terms),
            since: head.since(),
            variance: head.variance,
            url: head.url,
            service: head.service.into(),
            body: Body::whole(self.room.clone(), body),
            weight,
        };
        self.put(place, head.primary, object);
        // Purged just now, it must not have come back by this.
        if !self.disk.get()?.has(&place) {
            self.forget(key);
        }
        self.find(key)
    }

    /// Whether memory has a response.
    pub(crate) fn has(&self, primary: &HashBinary, key: &HashBinary) -> bool {
        let page = self.pages.read().get(primary);
        page.is_some_and(|page| page.get(key).is_some())
    }

    /// Nobody finds it any more.
    pub(crate) fn abandon(&self, fill: &OpenFill) {
        let mut fills = self.fills.lock();
        if fills.by_key.get(&fill.key).is_some_and(|open| open.tag == fill.tag) {
            fills.by_key.remove(&fill.key);
        }
        fills.by_tag.remove(&fill.tag);
    }

    /// It is passed on to those who read it, and not kept; neither will the next be.
    pub(crate) fn too_large(&self, fill: &OpenFill) {
        self.abandon(fill);
        self.passes.too_large(fill.primary, fill.class);
    }

    /// Removes what was kept of a URL. How many responses that were.
    pub(crate) fn purge_url(&self, url: HashBinary) -> u64 {
        let at_url = |object: &Object, primary| object.url == url || primary == url;
        self.purge_fills(&|fill| at_url(&fill.object, fill.primary));
        // Under its own key all of it.
        let own = self.purge_page(url, &|_| true);
        own + self.purge_marked(Mark::Key(url), &|object| object.url == url)
    }

    /// Removes what bears a tag and `also` says. How many responses that were.
    pub(crate) fn purge_tag(&self, tag: &str, also: &dyn Fn(&Object) -> bool) -> u64 {
        let gone = |object: &Object| object.bears(tag) && also(object);
        self.purge_fills(&|fill| gone(&fill.object));
        self.purge_marked(Mark::Tag(tag), &gone)
    }

    /// How many keys something is kept under that bears a tag.
    pub(crate) fn tagged(&self, tag: &str) -> usize {
        self.marks.lock().count(Mark::Tag(tag))
    }

    fn purge_marked(&self, mark: Mark<'_>, gone: &dyn Fn(&Object) -> bool) -> u64 {
        let places: Vec<HashBinary> = self.marks.lock().at(mark).collect();
        places.into_iter().map(|place| self.purge_page(place, gone)).sum()
    }

    fn purge_page(&self, place: HashBinary, gone: &dyn Fn(&Object) -> bool) -> u64 {
        let pages = self.pages.read();
        pages.get(&place).map_or(0, |page| purge_page(&pages, &page, gone))
    }

    /// Removes what was kept that `gone` says. How many responses that were. Looks at each one.
    pub(crate) fn purge_where(&self, gone: &dyn Fn(&Object) -> bool) -> u64 {
        self.purge_fills(&|fill| gone(&fill.object));
        let pages = self.pages.read().clone();
        pages.iter().map(|(_, page)| purge_page(&pages, &page, gone)).sum()
    }

    fn purge_fills(&self, gone: &dyn Fn(&OpenFill) -> bool) {
        let mut fills = self.fills.lock();
        fills.by_key.retain(|_, fill| {
            let gone = gone(fill);
            if gone {
                fill.purged.store(true, Ordering::Release);
            }
            !gone
        });
    }

    /// Removes one response.
    pub(crate) fn forget(&self, key: &CacheKey) -> bool {
        self.forget_at(key.primary_bin(), key.combined_bin())
    }

    /// From memory, and from disk, where it must not come back from.
    fn forget_at(&self, primary: HashBinary, place: HashBinary) -> bool {
        let gone = Gone::Key(place);
        let disk = self.disk.get().map(|disk| disk.purge(&gone, &|_, _| false));
        self.forget_in_memory(primary, place) || disk.is_some_and(|removed| removed > 0)
    }

    fn forget_in_memory(&self, primary: HashBinary, place: HashBinary) -> bool {
        let pages = self.pages.read();
        let Some(page) = pages.get(&primary) else { return false };
        page.get(&place).is_some_and(|found| {
            purge_page(&pages, &page, &|object| Arc::ptr_eq(&object.body, &found.body)) > 0
        })
    }
}

/// Of what is kept, so much may be on its way at once.
fn open_share(memory: u64) -> u64 {
    memory / 2
}

#[async_trait]
impl Storage for Store {
    async fn lookup(
        &'static self,
        key: &CacheKey,
        _: &SpanHandle,
    ) -> Result<Option<(CacheMeta, HitHandler)>> {
        let open = self.fills.lock().by_key.get(&key.combined_bin()).cloned();
        if let Some(open) = open {
            return Ok(Some((open.object.meta(), open.object.hit())));
        }
        let found = match self.find(key) {
            None => self.fetch_from_disk(key).await,
            found => found,
        };
        Ok(found.map(|object| (object.meta(), object.hit() as HitHandler)))
    }

    async fn lookup_streaming_write(
        &'static self,
        _: &CacheKey,
        tag: Option<&[u8]>,
        _: &SpanHandle,
    ) -> Result<Option<(CacheMeta, HitHandler)>> {
        let tag = tag.and_then(|tag| <[u8; 8]>::try_from(tag).ok());
        let open = tag.and_then(|tag| self.fills.lock().by_tag.remove(&tag));
        Ok(open.map(|open| (open.object.meta(), open.object.hit() as HitHandler)))
    }

    async fn get_miss_handler(
        &'static self,
        key: &CacheKey,
        meta: &CacheMeta,
        _: &SpanHandle,
    ) -> Result<MissHandler> {
        let terms = meta.extensions().get::<Arc<Terms>>();
        let Some((terms, ticket)) = terms.zip(Ticket::of(key)) else {
            return Error::e_explain(ErrorType::InternalError, "a response without terms");
        };
        let body = Body::new(self.room.clone(), ticket.max_object);
        *ticket.writes.lock() = Arc::downgrade(&body);
        let mut head = meta.response_header_copy();
        // Framing is each connection's.
        head.remove_header(&header::TRANSFER_ENCODING);
        let object = Object {
            weight: 0,
            head,
            terms: terms.clone(),
            since: meta.provenance(),
            variance: meta.variance(),
            url: ticket.url,
            service: ticket.service.clone(),
            body,
        };
        let open = Arc::new(OpenFill {
            object,
            tag: self.next_tag.fetch_add(1, Ordering::Relaxed).to_be_bytes(),
            key: key.combined_bin(),
            primary: key.primary_bin(),
            class: ticket.class,
            purged: AtomicBool::new(false),
        });
        let mut fills = self.fills.lock();
        fills.by_key.insert(open.key, open.clone());
        fills.by_tag.insert(open.tag, open.clone());
        Ok(Box::new(Fill { store: self, open: open.clone(), finished: false }))
    }

    async fn purge(
        &'static self,
        target: PurgeTarget<'_>,
        _: PurgeType,
        _: &SpanHandle,
    ) -> Result<PurgeOutcome> {
        let removed = self.purge_url(target.key().primary_bin());
        Ok(if removed > 0 { PurgeOutcome::Purged(None) } else { PurgeOutcome::NotFound })
    }

    /// The origin says that it still holds: another head for the same body.
    async fn update_meta(
        &'static self,
        key: &CacheKey,
        meta: &CacheMeta,
        _: &SpanHandle,
    ) -> Result<bool> {
        let Some((stored, terms)) = self.find(key).zip(meta.extensions().get::<Arc<Terms>>())
        else {
            return Ok(false);
        };
        let mut head = meta.response_header_copy();
        head.remove_header(&header::TRANSFER_ENCODING);
        let mut object = Object::clone(&stored);
        let body = stored.body.length_if(None).unwrap_or_default();
        object.weight = Object::weigh(&head, terms, body);
        object.head = head;
        object.terms = terms.clone();
        self.write(key.combined_bin(), key.primary_bin(), &object);
        self.put(key.combined_bin(), key.primary_bin(), object);
        Ok(true)
    }

    fn support_streaming_partial_write(&self) -> bool {
        true
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
