//! The cache of a process: store, memory of what is not kept, and turns, which live as long as it does.

use crate::ask::Ask;
use crate::at_hand::AtHand;
use crate::disk::{Disk, DiskFigures, DiskOptions, Gone};
use crate::lock::Turns;
use crate::look::Look;
use crate::object::Hit;
use crate::passes::Passes;
use crate::store::Store;
use crate::terms::Terms;
use crate::ticket::{Class, Ticket};
use http::{HeaderMap, HeaderName};
use parking_lot::Mutex;
use pingora_cache::key::{CacheHashKey, HashBinary};
use pingora_cache::lock::CacheKeyLockImpl;
use pingora_cache::{CacheKey, CacheMeta, CacheOptionOverrides, HitHandler, HttpCache};
use pingora_http::ResponseHeader;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long a request waits for another's fetch of a URL whose answers have been kept lately, and
const PATIENCE: Duration = Duration::from_secs(30);
/// of one that nothing is known of: its answer may turn out to be for one request alone, and then all
/// that have waited have waited in vain.
const PATIENCE_WITH_STRANGERS: Duration = Duration::from_millis(750);

/// What to purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge<'a> {
    /// What was kept of a URL.
    Url(HashBinary),
    /// What bears a tag, of one service or of all.
    Tag(Option<&'a str>, &'a str),
    /// What a service answered.
    Service(&'a str),
}

/// The cache of a process.
pub struct Cache {
    store: Store,
    passes: &'static Passes,
    turns: Turns,
    /// Responses that are being fetched anew beside the requests that they are given to.
    renewed: Mutex<HashSet<HashBinary>>,
}

/// One response is being fetched anew; the next may be once this is dropped.
#[derive(Debug)]
pub struct Renewal {
    cache: &'static Cache,
    key: HashBinary,
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.cache.renewed.lock().remove(&self.key);
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("entries", &self.store.entries()).finish_non_exhaustive()
    }
}

impl Cache {
    /// A cache of at most `memory` bytes. It is never freed: Pingora wants to hold it for ever.
    pub fn start(memory: u64) -> &'static Cache {
        let passes: &'static Passes = Box::leak(Box::new(Passes::new()));
        let store = Store::new(memory, passes);
        let renewed = Mutex::default();
        Box::leak(Box::new(Cache { store, passes, turns: Turns::new(), renewed }))
    }

    /// From now on keeps at most so many bytes.
    pub fn resize(&self, memory: u64) {
        self.store.resize(memory);
    }

    /// Bytes that are kept or being fetched.
    pub fn bytes(&self) -> u64 {
        self.store.bytes()
    }

    /// URLs that something is kept of.
    pub fn entries(&self) -> u64 {
        self.store.entries()
    }

    /// Whether a response of so many bytes may begin to be kept, with all others that are being fetched.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.store.has_room(bytes)
    }

    /// What is kept for a request, where that can be given at once, as it is. `more`: fields that a plugin has it
    /// depend on. It looks at the first variant alone.
    pub fn at_hand(
        &self,
        primary: &HashBinary,
        ask: &Ask,
        more: &[HeaderName],
        request: &HeaderMap,
        now: Instant,
    ) -> Option<AtHand> {
        let class = ask.class();
        // What is kept may be for anonymous requests, though those like this one get their own answers.
        if class != Class::default() && self.passes.is_passed(primary, class) {
            return None;
        }
        AtHand::of(self.store.first(primary)?, ask, more, request, now)
    }

    /// What is kept for a request, told and not given. The arguments are those of [`Cache::at_hand`].
    pub fn look(
        &self,
        primary: &HashBinary,
        ask: &Ask,
        more: &[HeaderName],
        request: &HeaderMap,
        now: Instant,
    ) -> Look {
        let variant = |terms: &Terms| terms.variant(more, request);
        match self.store.variant(primary, variant) {
            Some(object) => Look::at(&object, ask, now),
            None if self.store.disk.get().is_some_and(|disk| disk.has(primary)) => Look::OnDisk,
            None => Look::Nothing,
        }
    }

    /// Lets a request have to do with the cache. `waits`: it may wait for another's fetch.
    pub fn enable(&'static self, request: &mut HttpCache, primary: &HashBinary, waits: bool) {
        let mut overrides = CacheOptionOverrides::default();
        let known = self.passes.was_kept(primary);
        overrides.wait_timeout = Some(if known { PATIENCE } else { PATIENCE_WITH_STRANGERS });
        let turns: &'static CacheKeyLockImpl = &self.turns;
        request.enable(
            &self.store,
            None,
            Some(self.passes),
            waits.then_some(turns),
            Some(overrides),
        );
    }

    /// The key of a request by its hash, which is made once and not whenever somebody asks; with what rides in it.
    pub fn key(primary: HashBinary, ticket: Arc<Ticket>) -> CacheKey {
        let mut key = CacheKey::new(Vec::new(), "");
        key.set_primary_bin_override(primary);
        key.extensions.insert(ticket);
        key
    }

    /// For so long, answers to requests like this one are taken not to be kept.
    pub fn pass(&self, key: &CacheKey, time: Duration) {
        self.passes.pass(key, Some(time));
    }

    /// Begins to fetch anew what is kept under a key, unless somebody does already.
    pub fn renew(&'static self, key: &CacheKey) -> Option<Renewal> {
        let key = key.combined_bin();
        // What is made must not be dropped again: that would end the other's.
        let new = self.renewed.lock().insert(key);
        new.then(|| Renewal { cache: self, key })
    }

    /// From now on keeps responses in a folder as well, and finds those that lie there.
    ///
    /// # Errors
    /// The folder cannot be made or written, or another process has it.
    pub fn open_disk(&self, options: &DiskOptions) -> io::Result<()> {
        let disk = Disk::open(options)?;
        let taken = self.store.disk.set(disk);
        taken.map_err(|_| io::Error::other("the cache has a folder already"))
    }

    /// What lies on disk, if anything does.
    pub fn disk(&self) -> Option<DiskFigures> {
        self.store.disk.get().map(Disk::figures)
    }

    /// Removes the one response that is kept under a key.
    pub fn forget(&self, key: &CacheKey) -> bool {
        self.store.forget(key)
    }

    /// From disk, before memory: what is there in between would come back. Counts what memory has not.
    fn purge_disk(&self, gone: &Gone<'_>) -> u64 {
        let Some(disk) = self.store.disk.get() else { return 0 };
        disk.purge(gone, &|primary, key| self.store.has(primary, key))
    }

    /// About how many responses bear a tag: the most that are in memory, by their URLs, or on disk.
    pub fn tagged(&self, tag: &str) -> usize {
        let on_disk = self.store.disk.get().map_or(0, |disk| disk.tagged(tag));
        self.store.tagged(tag).max(on_disk)
    }

    /// Removes the files of all that was purged, so that not even a crash brings anything back. Waits for the
    /// disk, so it is not for a thread that serves requests.
    pub fn settle(&self) {
        if let Some(disk) = self.store.disk.get() {
            disk.settle();
        }
    }

    /// Removes what was kept: nobody is given it from now on. How many responses that were.
    pub fn purge(&self, what: &Purge<'_>) -> u64 {
        let on_disk = self.purge_disk(&match *what {
            Purge::Url(url) => Gone::Place(url),
            Purge::Service(service) => Gone::Service(service),
            Purge::Tag(service, tag) => Gone::Tag(service, tag),
        });
        let in_memory = match what {
            Purge::Url(url) => self.store.purge_url(*url),
            Purge::Service(service) => {
                self.store.purge_where(&|object| &*object.service == *service)
            }
            Purge::Tag(service, tag) => self.store.purge_tag(tag, &|object| {
                service.is_none_or(|service| &*object.service == service)
            }),
        };
        on_disk + in_memory
    }

    /// A response as Pingora keeps it, with its terms.
    pub fn meta(head: ResponseHeader, terms: Terms) -> CacheMeta {
        let now = SystemTime::now();
        // Freshness and failures are judged by the terms.
        let stale_if_error = u32::try_from(terms.stale_if_error.as_secs()).unwrap_or(u32::MAX);
        let fresh_until = now.checked_add(terms.lifetime).unwrap_or(now);
        let mut meta = CacheMeta::new(fresh_until, now, 0, stale_if_error, head);
        meta.extensions_mut().insert(Arc::new(terms));
        meta
    }

    /// The terms of a response that is kept.
    pub fn terms(meta: &CacheMeta) -> Option<&Arc<Terms>> {
        meta.extensions().get::<Arc<Terms>>()
    }

    /// Whether what is found is still being fetched.
    pub fn is_coming(found: &HitHandler) -> bool {
        found.as_any().downcast_ref::<Hit>().is_some_and(Hit::is_coming)
    }

    /// What tells its variants apart, for this request; `more` is what a plugin adds.
    pub fn variant(
        meta: &CacheMeta,
        more: &[HeaderName],
        request: &HeaderMap,
    ) -> Option<HashBinary> {
        let terms = Cache::terms(meta)?;
        terms.variant(more, request)
    }

    /// The hash of a key's bytes.
    pub fn primary(key: &CacheKey) -> HashBinary {
        key.primary_bin()
    }
}
