//! All variants that are kept under one key, and moka's table of such pages. Must not know what is being fetched.

use crate::marks::{Mark, Marks};
use crate::object::Object;
use foldhash::fast::RandomState;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use parking_lot::Mutex;
use pingora_cache::key::HashBinary;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Map<K, V> = HashMap<K, V, RandomState>;
pub(crate) type Pages = Cache<HashBinary, Arc<Page>>;
/// Of all pages. Locked after a page, never before.
pub(crate) type PageMarks = Arc<Mutex<Marks>>;

/// Variants of one URL, or of one key of a plugin's; the oldest goes first.
const MOST_VARIANTS: usize = 64;

/// moka's weights are 32 bits wide.
pub(crate) const WEIGHT_UNIT: u64 = 1024;

/// All variants that are kept under one key.
#[derive(Debug)]
pub(crate) struct Page {
    primary: HashBinary,
    variants: Mutex<Variants>,
    weight: AtomicU64,
    marks: PageMarks,
}

#[derive(Debug, Default)]
struct Variants {
    objects: Map<HashBinary, Arc<Object>>,
    /// Evicted, and so not found by marks any more.
    unmarked: bool,
}

impl Variants {
    /// Those by which an object is found that do not lead to it by themselves, or by another variant.
    fn lost<'a>(
        &'a self,
        object: &'a Object,
        primary: HashBinary,
    ) -> impl Iterator<Item = Mark<'a>> {
        let kept = move |mark: &Mark<'_>| {
            self.objects.values().any(|other| other.marks(primary).any(|own| own == *mark))
        };
        object.marks(primary).filter(move |mark| !kept(mark))
    }

    fn weight(&self) -> u64 {
        self.objects.values().map(|object| object.weight).sum()
    }
}

impl Page {
    pub(crate) fn new(primary: HashBinary, marks: PageMarks) -> Arc<Page> {
        let (variants, weight) = (Mutex::default(), AtomicU64::new(0));
        Arc::new(Page { primary, variants, weight, marks })
    }

    pub(crate) fn get(&self, key: &HashBinary) -> Option<Arc<Object>> {
        self.variants.lock().objects.get(key).cloned()
    }

    pub(crate) fn put(&self, key: HashBinary, object: Arc<Object>) {
        let mut variants = self.variants.lock();
        let replaced = variants.objects.insert(key, object.clone());
        let oldest = (variants.objects.len() > MOST_VARIANTS).then(|| {
            // Not the first one, by which the others are found.
            let others = variants.objects.iter();
            let others = others.filter(|(place, _)| **place != self.primary && **place != key);
            others.min_by_key(|(_, object)| object.since).map(|(place, _)| *place)
        });
        let oldest = oldest.flatten().and_then(|oldest| variants.objects.remove(&oldest));
        let mut marks = self.marks.lock();
        for gone in [replaced, oldest].iter().flatten() {
            variants.lost(gone, self.primary).for_each(|mark| marks.remove(mark, self.primary));
        }
        object.marks(self.primary).for_each(|mark| marks.add(mark, self.primary));
        self.weight.store(variants.weight(), Ordering::Relaxed);
    }

    /// In the table again: found by its marks again, should it have been evicted between.
    fn mark_again(&self) {
        let mut variants = self.variants.lock();
        if std::mem::take(&mut variants.unmarked) {
            let mut marks = self.marks.lock();
            let all = variants.objects.values().flat_map(|object| object.marks(self.primary));
            all.for_each(|mark| marks.add(mark, self.primary));
        }
    }

    /// Out of the table.
    fn unmark(&self) {
        let mut variants = self.variants.lock();
        variants.unmarked = true;
        let mut marks = self.marks.lock();
        let all = variants.objects.values().flat_map(|object| object.marks(self.primary));
        all.for_each(|mark| marks.remove(mark, self.primary));
    }

    /// Removes what `gone` says and tells how many that were, and whether nothing is left.
    fn remove(&self, gone: &dyn Fn(&Object) -> bool) -> (u64, bool) {
        let mut variants = self.variants.lock();
        let mut removed = Vec::new();
        variants.objects.retain(|_, object| {
            let gone = gone(object);
            if gone {
                removed.push(object.clone());
            }
            !gone
        });
        let mut marks = self.marks.lock();
        for object in &removed {
            variants.lost(object, self.primary).for_each(|mark| marks.remove(mark, self.primary));
        }
        self.weight.store(variants.weight(), Ordering::Relaxed);
        (removed.len() as u64, variants.objects.is_empty())
    }
}

pub(crate) fn pages(memory: u64) -> Pages {
    Cache::builder()
        .max_capacity(memory / WEIGHT_UNIT)
        .weigher(|_: &HashBinary, page: &Arc<Page>| {
            let units = page.weight.load(Ordering::Relaxed).div_ceil(WEIGHT_UNIT);
            u32::try_from(units.max(1)).unwrap_or(u32::MAX)
        })
        .eviction_listener(|_, page: Arc<Page>, cause| {
            // Put in anew it is only weighed anew.
            if cause != RemovalCause::Replaced {
                page.unmark();
            }
        })
        .build()
}

/// Into the table, or in again, since its weight is another.
pub(crate) fn weigh_in(pages: &Pages, page: &Arc<Page>) {
    pages.insert(page.primary, page.clone());
    page.mark_again();
}

pub(crate) fn purge_page(pages: &Pages, page: &Arc<Page>, gone: &dyn Fn(&Object) -> bool) -> u64 {
    let (removed, empty) = page.remove(gone);
    match (removed, empty) {
        (_, true) => pages.invalidate(&page.primary),
        (0, false) => {}
        (_, false) => weigh_in(pages, page),
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Body, Room};
    use crate::terms::Terms;
    use bytes::Bytes;
    use pingora_http::ResponseHeader;
    use std::time::{Duration, SystemTime};

    const AT: HashBinary = [1; 16];

    fn object(url: HashBinary, tags: &[&str]) -> Arc<Object> {
        let head = ResponseHeader::build(200, None).expect("a head");
        let tags = tags.iter().map(|tag| Box::from(*tag)).collect();
        let terms = Terms { tags, ..Terms::aged(Duration::ZERO) };
        Arc::new(Object {
            head,
            terms: Arc::new(terms),
            since: SystemTime::now(),
            variance: None,
            url,
            service: "web".into(),
            body: Body::whole(Room::new(1 << 20), Bytes::new()),
            weight: 1,
        })
    }

    fn found(marks: &PageMarks, tag: &str) -> usize {
        marks.lock().at(Mark::Tag(tag)).count()
    }

    #[test]
    fn a_page_is_found_by_what_its_variants_bear_and_by_nothing_else() {
        let (marks, pages) = (PageMarks::default(), pages(1 << 20));
        let page = Page::new(AT, marks.clone());
        page.put([1; 16], object(AT, &["a", "both"]));
        page.put([2; 16], object([9; 16], &["b", "both"]));
        weigh_in(&pages, &page);
        assert_eq!(["a", "b", "both"].map(|tag| found(&marks, tag)), [1, 1, 1]);
        assert_eq!(marks.lock().at(Mark::Key([9; 16])).collect::<Vec<_>>(), [AT]);
        // Fetched anew, with other tags.
        page.put([1; 16], object(AT, &["c"]));
        assert_eq!(["a", "c", "both"].map(|tag| found(&marks, tag)), [0, 1, 1]);
        let gone = |tag: &'static str| move |object: &Object| object.bears(tag);
        assert_eq!(purge_page(&pages, &page, &gone("both")), 1);
        assert_eq!(["b", "c", "both"].map(|tag| found(&marks, tag)), [0, 1, 0]);
        assert_eq!(purge_page(&pages, &page, &gone("c")), 1);
        assert_eq!(marks.lock().len(), 0);
        assert!(pages.get(&AT).is_none());
    }

    #[test]
    fn of_what_is_evicted_no_mark_is_left() {
        let (marks, pages) = (PageMarks::default(), pages(64 * WEIGHT_UNIT));
        for number in 0..1000_u32 {
            let mut primary = AT;
            primary[..4].copy_from_slice(&number.to_be_bytes());
            let page = Page::new(primary, marks.clone());
            page.put(primary, object(primary, &["all", &number.to_string()]));
            weigh_in(&pages, &page);
        }
        pages.run_pending_tasks();
        assert!(pages.entry_count() <= 64);
        assert_eq!(found(&marks, "all") as u64, pages.entry_count());
        assert_eq!(marks.lock().len() as u64, 2 * pages.entry_count());
    }

    #[test]
    fn who_is_put_in_again_is_found_again() {
        let (marks, pages) = (PageMarks::default(), pages(1 << 20));
        let page = Page::new(AT, marks.clone());
        page.put(AT, object(AT, &["a"]));
        // Evicted between being put there and being weighed.
        page.unmark();
        assert_eq!(found(&marks, "a"), 0);
        weigh_in(&pages, &page);
        assert_eq!(found(&marks, "a"), 1);
    }
}
