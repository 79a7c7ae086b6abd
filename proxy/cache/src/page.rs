//! All variants that are kept under one key, and moka's table of such pages. Must not know what is being fetched.

use crate::object::Object;
use foldhash::fast::RandomState;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use parking_lot::Mutex;
use pingora_cache::key::HashBinary;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Map<K, V> = HashMap<K, V, RandomState>;
pub(crate) type Pages = Cache<HashBinary, Arc<Page>>;

/// Variants of one URL, or of one key of a plugin's; the oldest goes first.
const MOST_VARIANTS: usize = 64;

/// moka's weights are 32 bits wide.
pub(crate) const WEIGHT_UNIT: u64 = 1024;

/// All variants that are kept under one key.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Mutex<Map<HashBinary, Arc<Object>>>,
    weight: AtomicU64,
}

impl Page {
    pub(crate) fn put(&self, key: HashBinary, primary: HashBinary, object: Arc<Object>) {
        let mut objects = self.objects.lock();
        objects.insert(key, object);
        if objects.len() > MOST_VARIANTS {
            // Not the first one, by which the others are found.
            let others = objects.iter().filter(|(place, _)| **place != primary && **place != key);
            let oldest = others.min_by_key(|(_, object)| object.since).map(|(place, _)| *place);
            oldest.map(|oldest| objects.remove(&oldest));
        }
        self.weigh(&objects);
    }

    /// Removes what `gone` says and tells how many that were.
    fn remove(&self, gone: &dyn Fn(&Object) -> bool) -> (u64, bool) {
        let mut objects = self.objects.lock();
        let before = objects.len();
        objects.retain(|_, object| !gone(object));
        self.weigh(&objects);
        ((before - objects.len()) as u64, objects.is_empty())
    }

    fn weigh(&self, objects: &Map<HashBinary, Arc<Object>>) {
        let weight = objects.values().map(|object| object.weight).sum();
        self.weight.store(weight, Ordering::Relaxed);
    }
}

/// Which pages hold responses for a URL that is not their key: a plugin gave them another.
pub(crate) type Aliases = Arc<Mutex<Map<HashBinary, SmallVec<[HashBinary; 2]>>>>;

pub(crate) fn pages(memory: u64, aliases: &Aliases) -> Pages {
    let aliases = aliases.clone();
    Cache::builder()
        .max_capacity(memory / WEIGHT_UNIT)
        .weigher(|_: &HashBinary, page: &Arc<Page>| {
            let units = page.weight.load(Ordering::Relaxed).div_ceil(WEIGHT_UNIT);
            u32::try_from(units.max(1)).unwrap_or(u32::MAX)
        })
        .eviction_listener(move |primary: Arc<HashBinary>, page: Arc<Page>, cause| {
            // Put in anew it is only weighed anew.
            if cause != RemovalCause::Replaced {
                forget_aliases(&aliases, *primary, &page);
            }
        })
        .build()
}

fn forget_aliases(aliases: &Aliases, primary: HashBinary, page: &Page) {
    let urls: SmallVec<[HashBinary; 4]> = {
        let objects = page.objects.lock();
        objects.values().map(|object| object.url).filter(|url| *url != primary).collect()
    };
    if urls.is_empty() {
        return;
    }
    let mut aliases = aliases.lock();
    for url in urls {
        if let Some(places) = aliases.get_mut(&url) {
            places.retain(|place| *place != primary);
            if places.is_empty() {
                aliases.remove(&url);
            }
        }
    }
}

pub(crate) fn purge_page(
    pages: &Pages,
    place: HashBinary,
    page: &Arc<Page>,
    gone: &dyn Fn(&Object) -> bool,
) -> u64 {
    let (removed, empty) = page.remove(gone);
    match (removed, empty) {
        (_, true) => pages.invalidate(&place),
        (0, false) => {}
        (_, false) => pages.insert(place, page.clone()),
    }
    removed
}
